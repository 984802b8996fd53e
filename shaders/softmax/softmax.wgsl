// softmax: y[r, c] = exp(x[r, c] - m) / s, where m is the largest of row r and s the sum of the
// numerators; or its logarithm, x[r, c] - m - log(s).
// LANES invocations per row, workgroups of 64. Grid: ceil(rows * LANES / 64), folded into two axes.
// params: rows, columns, 1 for the logarithm.
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) workgroup: vec3<u32>, @builtin(num_workgroups) grid: vec3<u32>,
        @builtin(local_invocation_index) lane: u32) {
  let columns = params[0][1];
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
  let logarithm = params[0][2] != 0u;
  let shift = log(sum);
  for (var c = lane % LANES; c < end; c += LANES) {
    let centred = x[start + c] - largest;
    y[start + c] = select(exp(centred) / sum, centred - shift, logarithm);
  }
}
