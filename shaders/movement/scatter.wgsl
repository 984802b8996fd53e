// scatter: y[j, c] = sum of x[i, c] over the i with index[i] = j, in their order.
// One invocation per element of y, workgroups of 64. Grid: ceil(elements/64), folded into two axes.
// params: elements of y, elements of a row, rows of x.
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> index: array<u32>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) workgroup: vec3<u32>, @builtin(num_workgroups) grid: vec3<u32>,
        @builtin(local_invocation_index) lane: u32) {
  let i = folded(workgroup, grid) * 64u + lane;
  if (i >= params[0][0]) { return; }
  let width = params[0][1];
  let j = i / width;
  let c = i % width;
  var sum = 0.0;
  for (var r = 0u; r < params[0][2]; r++) {
    if (index[r] == j) { sum += x[r * width + c]; }
  }
  y[i] = sum;
}
