// mix channels: y[p, k] = sum over c of weight[k, c] * x[p, c].
// One invocation per element of y, workgroups of 64. Grid: ceil(elements/64), folded into two axes.
// params: elements, channels of y, channels of x, 0; then the weights, row by row.
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) workgroup: vec3<u32>, @builtin(num_workgroups) grid: vec3<u32>,
        @builtin(local_invocation_index) lane: u32) {
  let index = folded(workgroup, grid) * 64u + lane;
  if (index >= params[0][0]) { return; }
  let channels = params[0][2];
  let pixel = index / params[0][1] * channels;
  let row = 4u + index % params[0][1] * channels;
  var sum = 0.0;
  for (var c = 0u; c < channels; c++) {
    sum += bitcast<f32>(params[(row + c) / 4u][(row + c) % 4u]) * x[pixel + c];
  }
  y[index] = sum;
}
