// argmax: y[o, i] = the first r with the largest x[o, r, i].
// One invocation per result, workgroups of 64. Grid: ceil(results/64), folded into two axes.
// params: results, count, inner.
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<u32>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) workgroup: vec3<u32>, @builtin(num_workgroups) grid: vec3<u32>,
        @builtin(local_invocation_index) lane: u32) {
  let index = folded(workgroup, grid) * 64u + lane;
  if (index >= params[0][0]) { return; }
  let count = params[0][1];
  let inner = params[0][2];
  let start = index / inner * count * inner + index % inner;
  var best = 0u;
  for (var r = 1u; r < count; r++) {
    if (x[start + r * inner] > x[start + best * inner]) { best = r; }
  }
  y[index] = best;
}
