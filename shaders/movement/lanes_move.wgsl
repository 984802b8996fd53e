// move.wgsl for software drivers whose subgroups are 8 lanes of a vector, four neighbouring words at a time. The host
// writes out the bindings (lib/vectors.wgsl) and how the axes are walked.
// One invocation per some vectors, workgroups of 8. Grid: ceil(vectors / those of a workgroup), folded into two axes.
// params: vectors to make, those of an invocation, fill; then the words of each axis.
//BINDINGS

@compute @workgroup_size(8)
fn main(@builtin(workgroup_id) workgroup: vec3<u32>, @builtin(num_workgroups) grid: vec3<u32>,
        @builtin(local_invocation_index) lane: u32) {
  let first = folded(workgroup, grid) * 8u * params[0][1] + lane;
  // A driver would write out a loop of known length, and each load and store in it for every lane.
  for (var number = 0u; number < params[0][1]; number++) {
    let own = first + 8u * number;
    let i = min(own, params[0][0] - 1u);
//PLACES
    let words = select(vec4(params[0][2]), words_x(select(0u, at, inside)), inside);
    if (own < params[0][0]) { store_words_y(i, words); }
  }
}
