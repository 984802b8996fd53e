// largest: y[first + g] = max over i = g * 64 + lane + j * 256 * 64 of |x[i]|, infinities and NaNs left out, so
// that the largest of the 256 results is that of all.
// Workgroups of 64. Grid: 256.
// params: elements of x, first.
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;
var<workgroup> largest: atomic<u32>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) workgroup: vec3<u32>, @builtin(num_workgroups) grid: vec3<u32>,
        @builtin(local_invocation_index) lane: u32) {
  let group = folded(workgroup, grid);
  if (lane == 0u) { atomicStore(&largest, 0u); }
  workgroupBarrier();
  // Magnitudes are ordered like their bits.
  var found = 0u;
  for (var i = group * 64u + lane; i < params[0][0]; i += 256u * 64u) {
    let bits = bitcast<u32>(x[i]) & 0x7fffffffu;
    if (bits < 0x7f800000u) { found = max(found, bits); }
  }
  atomicMax(&largest, found);
  workgroupBarrier();
  if (lane == 0u && group < 256u) { y[params[0][1] + group] = bitcast<f32>(atomicLoad(&largest)); }
}
