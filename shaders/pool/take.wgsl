// max pool, reading where the index says, with (r, s) = (index / kernel_w, index % kernel_w):
//   y[n, p, q, c] = x[n, p * stride + r - pad, q * stride + s - pad, c]
@group(0) @binding(1) var<storage, read> x: array<ELEMENT>;
@group(0) @binding(2) var<storage, read> index: array<u32>;
@group(0) @binding(3) var<storage, read_write> y: array<RESULT>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) workgroup: vec3<u32>, @builtin(num_workgroups) grid: vec3<u32>,
        @builtin(local_invocation_index) lane: u32) {
  let i = folded(workgroup, grid) * 64u + lane;
  let z = sizes();
  if (i >= z.results) { return; }
  var e = element(i, z.output, z.channels);
  // No tap leads outside the image, whatever the index says.
  let tap = min(index[i], z.kernel.x * z.kernel.y - 1u);
  let position = e.pixel * z.stride + vec2(tap / z.kernel.y, tap % z.kernel.y);
  e.pixel = min(max(position, z.padding) - z.padding, z.input - 1u);
  y[i] = RESULT_OF(f32(x[flat(e, z.input, z.channels)]));
}
