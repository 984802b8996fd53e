// gather: y[i, c] = x[index[i], c], or 0 where x has no such row. Words, whatever they hold.
// One invocation per word of y, workgroups of 64. Grid: ceil(words/64), folded into two axes.
// params: words of y, words of a row, rows of x.
@group(0) @binding(1) var<storage, read> x: array<u32>;
@group(0) @binding(2) var<storage, read> index: array<u32>;
@group(0) @binding(3) var<storage, read_write> y: array<u32>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) workgroup: vec3<u32>, @builtin(num_workgroups) grid: vec3<u32>,
        @builtin(local_invocation_index) lane: u32) {
  let i = folded(workgroup, grid) * 64u + lane;
  if (i >= params[0][0]) { return; }
  let width = params[0][1];
  let row = index[i / width];
  var word = 0u;
  if (row < params[0][2]) { word = x[row * width + i % width]; }
  y[i] = word;
}
