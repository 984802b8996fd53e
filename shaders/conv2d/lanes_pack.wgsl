// conv2d, weights packed for lanes_correlation.wgsl: blocks of some destination channels k, in a block taps, in a
// tap quads of source channels c, in those quads of k, in those the 4 c, and in those the 4 k. Zeros where c or
// k is beyond the last.
// One invocation per four k, workgroups of 64. Grid: ceil(vectors/64), folded into two axes.
// params: vectors in all blocks, vectors of a block, taps, source channels; destination channels, step of w
// from tap to tap, along c, along k; quads of k in a block.
@group(0) @binding(1) var<storage, read> w: array<f32>;
@group(0) @binding(2) var<storage, read_write> p: array<vec4<f32>>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) workgroup: vec3<u32>, @builtin(num_workgroups) grid: vec3<u32>,
        @builtin(local_invocation_index) lane: u32) {
  let i = folded(workgroup, grid) * 64u + lane;
  if (i >= params[0][0]) { return; }
  let sources = params[0][3];
  let destinations = params[1][0];
  let quads = params[2][0];
  let block = i / params[0][1];
  let of_block = i % params[0][1];
  let source_quads = (sources + 3u) / 4u;
  let c = 4u * (of_block / (4u * quads) % source_quads) + of_block % 4u;
  let k = 4u * (block * quads + of_block / 4u % quads);
  let tap = of_block / (4u * quads) / source_quads;
  let first = tap * params[1][1] + c * params[1][2] + k * params[1][3];
  var values = vec4<f32>();
  for (var o = 0u; o < 4u; o++) {
    if (tap < params[0][2] && c < sources && k + o < destinations) {
      values[o] = w[first + o * params[1][3]];
    }
  }
  p[i] = values;
}
