// cross entropy, gradient: dx[r, c] = dloss[r] * (exp(x[r, c] - m) / sum over k of exp(x[r, k] - m) - t[c]),
// where m is the largest of row r and the target t is 1 - s on the label plus s / columns everywhere.
// LANES invocations per row, workgroups of 64. Grid: ceil(rows * LANES / 64), folded into two axes.
// params: rows, columns, smoothing s.
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> labels: array<u32>;
@group(0) @binding(3) var<storage, read> dloss: array<f32>;
@group(0) @binding(4) var<storage, read_write> dx: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) workgroup: vec3<u32>, @builtin(num_workgroups) grid: vec3<u32>,
        @builtin(local_invocation_index) lane: u32) {
  let columns = params[0][1];
  let smoothing = bitcast<f32>(params[0][2]);
  let row = (folded(workgroup, grid) * 64u + lane) / LANES;
  // Invocations beyond the last row take part in the reductions, with no columns of their own.
  let live = row < params[0][0];
  let start = select(0u, row * columns, live);
  let end = select(0u, columns, live);
  var largest = -3.4028235e38;
  for (var c = lane % LANES; c < end; c += LANES) {
    largest = max(largest, x[start + c]);
  }
  largest = row_max(largest, lane);
  var sum = 0.0;
  for (var c = lane % LANES; c < end; c += LANES) {
    sum += exp(x[start + c] - largest);
  }
  sum = row_sum(sum, lane);
  for (var c = lane % LANES; c < end; c += LANES) {
    let own = select(0.0, 1.0 - smoothing, c == min(labels[row], columns - 1u));
    let target_share = own + smoothing / f32(columns);
    dx[start + c] = dloss[row] * (exp(x[start + c] - largest) / sum - target_share);
  }
}
