// concatenate, one operand: y[r, at + i] = x[r, i] for i < part; rows of y have `width` words.
// One invocation per word of x, workgroups of 64. Grid: ceil(words/64), folded into two axes.
// params: words of x, part, width, at.
@group(0) @binding(1) var<storage, read> x: array<u32>;
@group(0) @binding(2) var<storage, read_write> y: array<u32>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) workgroup: vec3<u32>, @builtin(num_workgroups) grid: vec3<u32>,
        @builtin(local_invocation_index) lane: u32) {
  let i = folded(workgroup, grid) * 64u + lane;
  if (i >= params[0][0]) { return; }
  let part = params[0][1];
  y[i / part * params[0][2] + params[0][3] + i % part] = x[i];
}
