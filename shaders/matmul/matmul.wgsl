// matmul: y[i, j] = sum over c of a[i, c] * b[c, j], either side with any steps along its axes.
// One invocation makes a 4 x 4 tile of y, workgroups of 64.
// Grid: ceil(ceil(m/4) * ceil(n/4) / 64), folded into two axes.
// params: m, k, n, steps of a along i and c, steps of b along c and j.
@group(0) @binding(1) var<storage, read> a: array<f32>;
@group(0) @binding(2) var<storage, read> b: array<f32>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) workgroup: vec3<u32>, @builtin(num_workgroups) grid: vec3<u32>,
        @builtin(local_invocation_index) lane: u32) {
  let m = params[0][0];
  let k = params[0][1];
  let n = params[0][2];
  let a_row = params[0][3];
  let a_column = params[1][0];
  let b_row = params[1][1];
  let b_column = params[1][2];
  let tiles = (n + 3u) / 4u;
  let tile = folded(workgroup, grid) * 64u + lane;
  let i = tile / tiles * 4u;
  let j = tile % tiles * 4u;
  if (i >= m) { return; }
  // Rows and columns beyond the edge repeat the last one; their results are dropped.
  let ia = min(vec4(i, i + 1u, i + 2u, i + 3u), vec4(m - 1u)) * a_row;
  let jb = min(vec4(j, j + 1u, j + 2u, j + 3u), vec4(n - 1u)) * b_column;
  var s0 = vec4<f32>();
  var s1 = vec4<f32>();
  var s2 = vec4<f32>();
  var s3 = vec4<f32>();
  for (var c = 0u; c < k; c++) {
    let ca = ia + c * a_column;
    let cb = jb + c * b_row;
    let vb = vec4(b[cb.x], b[cb.y], b[cb.z], b[cb.w]);
    s0 = fma(vec4(a[ca.x]), vb, s0);
    s1 = fma(vec4(a[ca.y]), vb, s1);
    s2 = fma(vec4(a[ca.z]), vb, s2);
    s3 = fma(vec4(a[ca.w]), vb, s3);
  }
  // Element by element, by turning the sums: a loop of known length would be written out, each store in it guarded.
  let end_i = min(i + 4u, m);
  let end_j = min(j + 4u, n);
  for (var row = i; row < end_i; row++) {
    for (var column = j; column < end_j; column++) {
      y[row * n + column] = s0.x;
      s0 = s0.yzwx;
    }
    s0 = s1;
    s1 = s2;
    s2 = s3;
  }
}
