// elementwise: y[i] = f(x0[i], x1[i], ...), operands broadcast to y.
// The host writes out the bindings, the offsets of stretched operands and the body of f.
// One invocation per element, workgroups of 64. Grid: ceil(elements/64), folded into two axes.
// params: elements, then the merged axis sizes, strides of stretched operands, and the numbers in f.
//BINDINGS

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) workgroup: vec3<u32>, @builtin(num_workgroups) grid: vec3<u32>,
        @builtin(local_invocation_index) lane: u32) {
  let i = folded(workgroup, grid) * 64u + lane;
  if (i >= params[0][0]) { return; }
//OFFSETS
//BODY
  y[i] = RESULT;
}
