// reduce, one stage: y[o, p, i] = x[o, first(p), i] . ... . x[o, last(p), i], where . adds or takes
// the larger and part p covers `part` neighbours of the reduced axis.
// One invocation per result, workgroups of 64. Grid: ceil(results/64), folded into two axes.
// params: results, count, part, parts, inner.
@group(0) @binding(1) var<storage, read> x: array<ELEMENT>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) workgroup: vec3<u32>, @builtin(num_workgroups) grid: vec3<u32>,
        @builtin(local_invocation_index) lane: u32) {
  let index = folded(workgroup, grid) * 64u + lane;
  if (index >= params[0][0]) { return; }
  let count = params[0][1];
  let part = params[0][2];
  let parts = params[0][3];
  let inner = params[1][0];
  let i = index % inner;
  let p = index / inner % parts;
  let o = index / inner / parts;
  let first = p * part;
  let last = min(first + part, count);
  var a = f32(NEUTRAL);
  for (var r = first; r < last; r++) {
    let b = f32(x[(o * count + r) * inner + i]);
    a = COMBINE;
  }
  y[index] = a;
}
