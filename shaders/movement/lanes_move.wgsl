// move.wgsl for software drivers whose subgroups are 8 lanes of a vector, four neighbouring words at a time. The host
// writes out the bindings (lib/vectors.wgsl) and how the axes are walked.
// One invocation per UNROLLED vectors, workgroups of 8. Grid: ceil(vectors / (8 * UNROLLED)), folded into two axes.
// params: vectors to make, fill; then the words of each axis.
//BINDINGS

@compute @workgroup_size(8)
fn main(@builtin(workgroup_id) workgroup: vec3<u32>, @builtin(num_workgroups) grid: vec3<u32>,
        @builtin(local_invocation_index) lane: u32) {
  let first = folded(workgroup, grid) * 8u * UNROLLEDu + lane;
  //for u in 0..UNROLLED
  {
    let own = first + 8u * $uu;
    let i = min(own, params[0][0] - 1u);
//PLACES
    let words = select(vec4(params[0][1]), words_x(select(0u, at, inside)), inside);
    if (own < params[0][0]) { store_words_y(i, words); }
  }
  //end
}
