// exceeds: bit k of y[i] is set where x[32 i + k] > threshold.
// One invocation per word, workgroups of WORKGROUP. Grid: ceil(words / WORKGROUP), folded into two axes.
// params: words, threshold, vectors of a word. The host declares the operand with load_x(i), its vector of four number i.
//OPERAND
@group(0) @binding(2) var<storage, read_write> y: array<u32>;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) workgroup: vec3<u32>, @builtin(num_workgroups) grid: vec3<u32>,
        @builtin(local_invocation_index) lane: u32) {
  let i = folded(workgroup, grid) * WORKGROUPu + lane;
  if (i >= params[0][0]) { return; }
  let threshold = vec4(bitcast<f32>(params[0][1]));
  var word = 0u;
  for (var v = 0u; v < VECTORS; v++) {
    let above = select(vec4(0u), vec4(1u, 2u, 4u, 8u), load_x(8u * i + v) > threshold);
    word |= (above.x | above.y | above.z | above.w) << (4u * v);
  }
  y[i] = word;
}
