// increment: y = x, and one is added to the integer whose least significant word is x[r, first] of each row r,
// carrying into the words after it.
// One invocation per row, workgroups of 64: rows have a handful of words.
// Grid: ceil(rows/64), folded into two axes. params: width, rows, first.
@group(0) @binding(1) var<storage, read> x: array<u32>;
@group(0) @binding(2) var<storage, read_write> y: array<u32>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) workgroup: vec3<u32>, @builtin(num_workgroups) grid: vec3<u32>,
        @builtin(local_invocation_index) lane: u32) {
  let width = params[0][0];
  let row = folded(workgroup, grid) * 64u + lane;
  if (row >= params[0][1]) { return; }
  var carry = 0u;
  for (var i = 0u; i < width; i++) {
    if (i == params[0][2]) { carry = 1u; }
    let word = x[row * width + i] + carry;
    if (word != 0u) { carry = 0u; }
    y[row * width + i] = word;
  }
}
