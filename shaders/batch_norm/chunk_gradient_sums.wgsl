// batch norm gradient sums, first stage, for each chunk k of rows and each channel j:
//   parts[k, 0, j] = sum of dy[r, j] * (x[r, j] - mean[j]),   parts[k, 1, j] = sum of dy[r, j]
// One invocation per chunk and channel, neighbours along the channels, workgroups of 64.
// Grid: ceil(chunks * channels / 64), folded into two axes.
// params: rows, channels, rows of a chunk, chunks.
@group(0) @binding(1) var<storage, read> x: array<ELEMENT>;
@group(0) @binding(2) var<storage, read> dy: array<f32>;
@group(0) @binding(3) var<storage, read> statistics: array<f32>;
@group(0) @binding(4) var<storage, read_write> parts: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) workgroup: vec3<u32>, @builtin(num_workgroups) grid: vec3<u32>,
        @builtin(local_invocation_index) lane: u32) {
  let rows = params[0][0];
  let channels = params[0][1];
  let size = params[0][2];
  let index = folded(workgroup, grid) * 64u + lane;
  if (index >= params[0][3] * channels) { return; }
  let k = index / channels;
  let j = index % channels;
  let last = min(k * size + size, rows);
  let mean = statistics[j];
  var along = 0.0;
  var plain = 0.0;
  for (var r = k * size; r < last; r++) {
    let gradient = dy[r * channels + j];
    along = fma(gradient, f32(x[r * channels + j]) - mean, along);
    plain += gradient;
  }
  parts[2u * k * channels + j] = along;
  parts[(2u * k + 1u) * channels + j] = plain;
}
