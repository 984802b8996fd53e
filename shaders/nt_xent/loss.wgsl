// NT-Xent: loss[i] = log(sum over k != i of exp(s[i, k] - m)) - mean over p of (s[i, p] - m), where m
// is the largest s[i, k] with k != i, and p the first `count` rows of the same image other than i;
// k is of the same image where k = i modulo the number of images.
// LANES invocations per row, workgroups of 64. Grid: ceil(rows * LANES / 64), folded into two axes.
// params: rows, rows again, images, count.
@group(0) @binding(1) var<storage, read> s: array<f32>;
@group(0) @binding(2) var<storage, read_write> loss: array<f32>;

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
  if (live && lane % LANES == 0u) {
    var drawn = 0.0;
    var left = count;
    for (var p = row % images; p < rows && left > 0u; p += images) {
      if (p != row) {
        drawn += s[start + p] - largest;
        left -= 1u;
      }
    }
    loss[row] = log(sum) - drawn / f32(count);
  }
}
