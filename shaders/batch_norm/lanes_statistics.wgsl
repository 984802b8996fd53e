// chunk_statistics.wgsl for software drivers whose subgroups are 8 lanes of a vector (see
// conv2d/lanes_correlation.wgsl), over the chunks of one window of x.
// One workgroup of 8 per chunk and block of 8 channels. Grid: chunks * blocks, folded into two axes.
// params: rows, channels, rows of a chunk, chunks of the window; first chunk, first element of x, blocks, 0.
@group(0) @binding(1) var<uniform> x: array<vec4<f32>, VECTORS>;
@group(0) @binding(2) var<storage, read_write> parts: array<f32>;

@compute @workgroup_size(8)
fn main(@builtin(workgroup_id) workgroup: vec3<u32>, @builtin(num_workgroups) grid: vec3<u32>,
        @builtin(local_invocation_index) lane: u32) {
  let rows = params[0][0];
  let channels = params[0][1];
  let size = params[0][2];
  let blocks = params[1][2];
  let index = folded(workgroup, grid);
  let k = params[1][0] + index / blocks;
  let j = index % blocks * 8u + lane;
  // Lanes and chunks beyond the last make what another makes; it is dropped.
  let own = min(j, channels - 1u) - params[1][1];
  let first = min(k * size, rows - 1u);
  let last = min(first + size, rows);
  let start = first * channels + own;
  // Distances from the first value are small where the mean is far from zero: their sum rounds less.
  let origin = x[start / 4u][start % 4u];
  var sum = 0.0;
  for (var r = first; r < last; r += 4u) {
    //for u in 0..4
    let at$u = min(r + $uu, last - 1u) * channels + own;
    sum += select(0.0, x[at$u / 4u][at$u % 4u] - origin, r + $uu < last);
    //end
  }
  let mean = origin + sum / f32(last - first);
  var squares = 0.0;
  for (var r = first; r < last; r += 4u) {
    //for u in 0..4
    let at$u = min(r + $uu, last - 1u) * channels + own;
    let distance$u = select(0.0, x[at$u / 4u][at$u % 4u] - mean, r + $uu < last);
    squares = fma(distance$u, distance$u, squares);
    //end
  }
  if (index / blocks < params[0][3] && j < channels) {
    parts[2u * k * channels + j] = mean;
    parts[(2u * k + 1u) * channels + j] = squares;
  }
}
