// elementwise, four neighbours at a time: y[i] = f(x0[i], x1[i], ...), operands broadcast to y.
// The host writes out the bindings (lib/vectors.wgsl and beside it), the offsets of repeated operands and the body of f.
// One invocation per some vectors of four elements, workgroups of WORKGROUP. Grid: ceil(vectors / those of a workgroup),
// folded into two axes. params: vectors, those of an invocation; then sizes and strides of repeated operands, and the
// numbers in f.
//BINDINGS

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) workgroup: vec3<u32>, @builtin(num_workgroups) grid: vec3<u32>,
        @builtin(local_invocation_index) lane: u32) {
  let first = folded(workgroup, grid) * WORKGROUPu * params[0][1] + lane;
  // A software driver would write out a loop of known length, and each load and store in it for every lane.
  for (var number = 0u; number < params[0][1]; number++) {
    let own = first + WORKGROUPu * number;
    let i = min(own, params[0][0] - 1u);
//OFFSETS
//BODY
    if (own < params[0][0]) { store_y(i, RESULT); }
  }
}
