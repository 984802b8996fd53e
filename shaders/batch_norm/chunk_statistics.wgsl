// batch norm statistics, first stage, for each chunk k of rows and each channel j:
//   parts[k, 0, j] = mean of x[r, j],   parts[k, 1, j] = sum of (x[r, j] - mean)^2
// One invocation per chunk and channel, neighbours along the channels, workgroups of 64.
// Grid: ceil(chunks * channels / 64), folded into two axes.
// params: rows, channels, rows of a chunk, chunks.
@group(0) @binding(1) var<storage, read> x: array<ELEMENT>;
@group(0) @binding(2) var<storage, read_write> parts: array<f32>;

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
  let first = k * size;
  let last = min(first + size, rows);
  // Distances from the first value are small where the mean is far from zero: their sum rounds less.
  let origin = f32(x[first * channels + j]);
  var sum = 0.0;
  for (var r = first; r < last; r++) {
    sum += f32(x[r * channels + j]) - origin;
  }
  let mean = origin + sum / f32(last - first);
  var squares = 0.0;
  for (var r = first; r < last; r++) {
    let distance = f32(x[r * channels + j]) - mean;
    squares = fma(distance, distance, squares);
  }
  parts[2u * k * channels + j] = mean;
  parts[(2u * k + 1u) * channels + j] = squares;
}
