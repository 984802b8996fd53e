// conv2d, kernels of 3x3 for winograd.wgsl: u = G g Gt of each kernel g, with G = [1 0 0; 1/2 1/2 1/2; 1/2 -1/2 1/2;
// 0 0 1]. u[place, quad, k] has four source channels to a vector; quads are rounded up to an even number and
// destination channels k to a multiple of 32, with zeros. Of each 32 channels the first of every four come first, then
// the second ones, and so on. The input gradient meets kernels turned by half a turn.
// One invocation per quad and k, workgroups of 64. Grid: ceil(quads * k / 64), folded into two axes.
// params: quads, destination channels of a row of u, source channels, destination channels; step of w along source
// channels, along destination channels, whether kernels are turned.
@group(0) @binding(1) var<storage, read> w: array<f32>;
@group(0) @binding(2) var<storage, read_write> u: array<vec4<f32>>;

// G v.
fn along(v0: vec4<f32>, v1: vec4<f32>, v2: vec4<f32>) -> array<vec4<f32>, 4> {
  return array(v0, 0.5 * (v0 + v2 + v1), 0.5 * (v0 + v2 - v1), v2);
}

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) workgroup: vec3<u32>, @builtin(num_workgroups) grid: vec3<u32>,
        @builtin(local_invocation_index) lane: u32) {
  let i = folded(workgroup, grid) * 64u + lane;
  let quads = params[0][0];
  let row = params[0][1];
  if (i >= quads * row) { return; }
  let sources = params[0][2];
  let destinations = params[0][3];
  let k = i % row;
  let quad = i / row;

  //for t in 0..9
  var tap$t = vec4<f32>();
  let first$t = select($tu, 8u - $tu, params[1][2] == 1u) * sources * destinations + k * params[1][1];
  //for o in 0..4
  if (4u * quad + $ou < sources && k < destinations) {
    tap$t[$o] = w[first$t + (4u * quad + $ou) * params[1][0]];
  }
  //end
  //end
  let column0 = along(tap0, tap3, tap6);
  let column1 = along(tap1, tap4, tap7);
  let column2 = along(tap2, tap5, tap8);
  let slot = k / 32u * 32u + k % 4u * 8u + k % 32u / 4u;
  //for r in 0..4
  let row$r = along(column0[$r], column1[$r], column2[$r]);
  //for c in 0..4
  u[((4u * $ru + $cu) * quads + quad) * row + slot] = row$r[$c];
  //end
  //end
}
