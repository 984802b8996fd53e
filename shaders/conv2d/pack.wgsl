// conv2d, packed weights: p[tap, c, k] = w[tap, ...] with its last two axes in the order (c, k), and
// zeros for k beyond the last, so that rows of p are whole vectors.
// One invocation per element of p, workgroups of 64. Grid: ceil(elements/64), folded into two axes.
// params: elements of p, source channels c, destination channels k, row length of p, step of w along
// c, step of w along k.
@group(0) @binding(1) var<storage, read> w: array<f32>;
@group(0) @binding(2) var<storage, read_write> p: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) workgroup: vec3<u32>, @builtin(num_workgroups) grid: vec3<u32>,
        @builtin(local_invocation_index) lane: u32) {
  let i = folded(workgroup, grid) * 64u + lane;
  if (i >= params[0][0]) { return; }
  let sources = params[0][1];
  let destinations = params[0][2];
  let row = params[0][3];
  let k = i % row;
  let c = i / row % sources;
  let tap = i / row / sources;
  var value = 0.0;
  if (k < destinations) {
    value = w[tap * sources * destinations + c * params[1][0] + k * params[1][1]];
  }
  p[i] = value;
}
