// NT-Xent, gradient: ds[i, k] = dloss[i] * (exp(s[i, k] - m) / sum over j != i of exp(s[i, j] - m)
// - [k is one of the `count` positives of i] / count), and 0 for k = i; m and positives as in loss.wgsl.
// LANES invocations per row, workgroups of 64. Grid: ceil(rows * LANES / 64), folded into two axes.
// params: rows, rows again, images, count.
@group(0) @binding(1) var<storage, read> s: array<f32>;
@group(0) @binding(2) var<storage, read> dloss: array<f32>;
@group(0) @binding(3) var<storage, read_write> ds: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) workgroup: vec3<u32>, @builtin(num_workgroups) grid: vec3<u32>,
        @builtin(local_invocation_index) lane: u32) {
  let rows = params[0][0];
  let images = params[0][2];
  let count = params[0][3];
  let row = (folded(workgroup, grid) * 64u + lane) / LANES;
  // Invocations beyond the last row take part in the reductions, with no columns of their own.
  let live = row < rows;
  let start = select(0u, row * rows, live);
  let end = select(0u, rows, live);
  var largest = -3.4028235e38;
  for (var k = lane % LANES; k < end; k += LANES) {
    if (k != row) { largest = max(largest, s[start + k]); }
  }
  largest = row_max(largest, lane);
  var sum = 0.0;
  for (var k = lane % LANES; k < end; k += LANES) {
    if (k != row) { sum += exp(s[start + k] - largest); }
  }
  sum = row_sum(sum, lane);
  for (var k = lane % LANES; k < end; k += LANES) {
    // Views of this image before k, the row itself left out.
    let view = k / images;
    let before = view - select(0u, 1u, row / images < view);
    let positive = k % images == row % images && before < count;
    let share = exp(s[start + k] - largest) / sum - select(0.0, 1.0 / f32(count), positive);
    ds[start + k] = select(dloss[row] * share, 0.0, k == row);
  }
}
