// batch norm statistics, second stage: merges chunks of n_k rows (Chan, Golub & LeVeque 1979)
//   y[0, j] = sum of n_k mean_k / rows
//   y[1, j] = sum of (squares_k + n_k (mean_k - y[0, j])^2) / rows
// One invocation per channel, workgroups of 64. Grid: ceil(channels/64), folded into two axes.
// params: rows, channels, rows of a chunk, chunks.
@group(0) @binding(1) var<storage, read> parts: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) workgroup: vec3<u32>, @builtin(num_workgroups) grid: vec3<u32>,
        @builtin(local_invocation_index) lane: u32) {
  let rows = params[0][0];
  let channels = params[0][1];
  let size = params[0][2];
  let chunks = params[0][3];
  let j = folded(workgroup, grid) * 64u + lane;
  if (j >= channels) { return; }
  // Distances from the first chunk's mean are small, so that their sum rounds little.
  let origin = parts[j];
  var sum = 0.0;
  for (var k = 0u; k < chunks; k++) {
    let count = f32(min(size, rows - k * size));
    sum = fma(count, parts[2u * k * channels + j] - origin, sum);
  }
  let mean = origin + sum / f32(rows);
  var squares = 0.0;
  for (var k = 0u; k < chunks; k++) {
    let count = f32(min(size, rows - k * size));
    let distance = parts[2u * k * channels + j] - mean;
    squares += parts[(2u * k + 1u) * channels + j] + count * distance * distance;
  }
  y[j] = mean;
  y[channels + j] = squares / f32(rows);
}
