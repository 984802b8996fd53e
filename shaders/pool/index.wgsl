// max pool, where the maxima are:
//   index[n, p, q, c] = the first r * kernel_w + s with the largest x[n, p * stride + r - pad, q * stride + s - pad, c]
@group(0) @binding(1) var<storage, read> x: array<ELEMENT>;
@group(0) @binding(2) var<storage, read_write> index: array<u32>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) workgroup: vec3<u32>, @builtin(num_workgroups) grid: vec3<u32>,
        @builtin(local_invocation_index) lane: u32) {
  let i = folded(workgroup, grid) * 64u + lane;
  let z = sizes();
  if (i >= z.results) { return; }
  var e = element(i, z.output, z.channels);
  let window = e.pixel;
  let first = first_tap(window, z);
  let end = end_tap(window, z);
  e.pixel = window * z.stride + first - z.padding;
  var largest = f32(x[flat(e, z.input, z.channels)]);
  var best = first.x * z.kernel.y + first.y;
  for (var r = first.x; r < end.x; r++) {
    for (var s = first.y; s < end.y; s++) {
      e.pixel = window * z.stride + vec2(r, s) - z.padding;
      let value = f32(x[flat(e, z.input, z.channels)]);
      if (value > largest) {
        largest = value;
        best = r * z.kernel.y + s;
      }
    }
  }
  index[i] = best;
}
