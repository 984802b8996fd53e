// average pool, positions outside the image counting as zeros:
//   y[n, p, q, c] = sum over r, s of x[n, p * stride + r - pad, q * stride + s - pad, c] / (kernel_h * kernel_w)
@group(0) @binding(1) var<storage, read> x: array<ELEMENT>;
@group(0) @binding(2) var<storage, read_write> y: array<RESULT>;

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
  var sum = 0.0;
  for (var r = first.x; r < end.x; r++) {
    for (var s = first.y; s < end.y; s++) {
      e.pixel = window * z.stride + vec2(r, s) - z.padding;
      sum += f32(x[flat(e, z.input, z.channels)]);
    }
  }
  y[i] = RESULT_OF(sum / f32(z.kernel.x * z.kernel.y));
}
