// chunk_gradient_sums.wgsl for software drivers whose subgroups are 8 lanes of a vector, four channels at a time. The
// host writes out the bindings (lib/vectors.wgsl).
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
  let mean = load_statistics(j);
  var along = vec4<f32>();
  var plain = vec4<f32>();
  for (var r = k * size; r < min((k + 1u) * size, rows); r++) {
    let gradient = load_dy(r * vectors + j);
    along = fma(gradient, load_x(r * vectors + j) - mean, along);
    plain += gradient;
  }
  if (own == index) {
    store_parts(2u * k * vectors + j, along);
    store_parts((2u * k + 1u) * vectors + j, plain);
  }
}
