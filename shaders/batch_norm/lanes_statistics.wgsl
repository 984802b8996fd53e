// chunk_statistics.wgsl for software drivers whose subgroups are 8 lanes of a vector, four channels at a time. The host
// writes out the bindings (lib/vectors.wgsl).
// One invocation per chunk and four channels, workgroups of 8. Grid: ceil(chunks * channels / 32), folded into two axes.
// params: rows, channels, rows of a chunk, chunks.
//BINDINGS

@compute @workgroup_size(8)
fn main(@builtin(workgroup_id) workgroup: vec3<u32>, @builtin(num_workgroups) grid: vec3<u32>,
        @builtin(local_invocation_index) lane: u32) {
  let rows = params[0][0];
  let vectors = params[0][1] / 4u;
  let size = params[0][2];
  let own = folded(workgroup, grid) * 8u + lane;
  // Lanes beyond the last make what another makes; it is dropped.
  let index = min(own, params[0][3] * vectors - 1u);
  let k = index / vectors;
  let j = index % vectors;
  let first = k * size;
  let last = min(first + size, rows);
  // Distances from the first value are small where the mean is far from zero: their sum rounds less.
  let origin = load_x(first * vectors + j);
  var sum = vec4<f32>();
  for (var r = first; r < last; r++) {
    sum += load_x(r * vectors + j) - origin;
  }
  let mean = origin + sum / f32(last - first);
  var squares = vec4<f32>();
  for (var r = first; r < last; r++) {
    let distance = load_x(r * vectors + j) - mean;
    squares = fma(distance, distance, squares);
  }
  if (own == index) {
    store_parts(2u * k * vectors + j, mean);
    store_parts((2u * k + 1u) * vectors + j, squares);
  }
}
