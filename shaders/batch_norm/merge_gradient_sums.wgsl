// batch norm gradient sums, second stage:
//   y[0, j] = sum of parts[k, 0, j] / sqrt(variance[j] + epsilon),   y[1, j] = sum of parts[k, 1, j]
// One invocation per channel, workgroups of 64. Grid: ceil(channels/64), folded into two axes.
// params: rows, channels, rows of a chunk, chunks, epsilon.
@group(0) @binding(1) var<storage, read> parts: array<f32>;
@group(0) @binding(2) var<storage, read> statistics: array<f32>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) workgroup: vec3<u32>, @builtin(num_workgroups) grid: vec3<u32>,
        @builtin(local_invocation_index) lane: u32) {
  let channels = params[0][1];
  let chunks = params[0][3];
  let j = folded(workgroup, grid) * 64u + lane;
  if (j >= channels) { return; }
  var along = 0.0;
  var plain = 0.0;
  for (var k = 0u; k < chunks; k++) {
    along += parts[2u * k * channels + j];
    plain += parts[(2u * k + 1u) * channels + j];
  }
  y[j] = along / sqrt(statistics[channels + j] + bitcast<f32>(params[1][0]));
  y[channels + j] = plain;
}
