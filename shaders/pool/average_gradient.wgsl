// average pool, gradient, over the windows (p, q) that cover a pixel:
//   dx[n, i, j, c] = sum over p, q of dy[n, p, q, c] / (kernel_h * kernel_w)
@group(0) @binding(1) var<storage, read> dy: array<f32>;
@group(0) @binding(2) var<storage, read_write> dx: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) workgroup: vec3<u32>, @builtin(num_workgroups) grid: vec3<u32>,
        @builtin(local_invocation_index) lane: u32) {
  let i = folded(workgroup, grid) * 64u + lane;
  let z = sizes();
  if (i >= z.results) { return; }
  var e = element(i, z.input, z.channels);
  let first = first_window(e.pixel, z);
  let end = end_window(e.pixel, z);
  var sum = 0.0;
  for (var p = first.x; p < end.x; p++) {
    for (var q = first.y; q < end.y; q++) {
      e.pixel = vec2(p, q);
      sum += dy[flat(e, z.output, z.channels)];
    }
  }
  dx[i] = sum / f32(z.kernel.x * z.kernel.y);
}
