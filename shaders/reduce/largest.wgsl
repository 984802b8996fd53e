// largest: y[first + g] = max over i = g * 256 + lane + j * 256 * 256 of |x[i]|, infinities and NaNs left out, so
// that the largest of the 256 results is that of all. Where that can be, x is vectors of four.
// Workgroups of 256. Grid: 256.
// params: elements of the array x, first.
@group(0) @binding(1) var<storage, read> x: array<ELEMENT>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;
var<workgroup> largest: atomic<u32>;

// Magnitudes are ordered like their bits.
fn largest_of(values: vec4<f32>) -> u32 {
  let bits = bitcast<vec4<u32>>(values) & vec4(0x7fffffffu);
  let finite = select(vec4<u32>(), bits, bits < vec4(0x7f800000u));
  return max(max(finite.x, finite.y), max(finite.z, finite.w));
}

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) workgroup: vec3<u32>, @builtin(num_workgroups) grid: vec3<u32>,
        @builtin(local_invocation_index) lane: u32) {
  let group = folded(workgroup, grid);
  if (lane == 0u) { atomicStore(&largest, 0u); }
  workgroupBarrier();
  var found = 0u;
  // Four at a time are on the way.
  let stride = 256u * 256u;
  let last = params[0][0] - 1u;
  for (var i = group * 256u + lane; i < params[0][0]; i += 4u * stride) {
    let at = min(vec4(i, i + stride, i + 2u * stride, i + 3u * stride), vec4(last));
    let a = vec4<f32>(VALUE(x[at.x]));
    let b = vec4<f32>(VALUE(x[at.y]));
    let c = vec4<f32>(VALUE(x[at.z]));
    let d = vec4<f32>(VALUE(x[at.w]));
    found = max(found, max(max(largest_of(a), largest_of(b)), max(largest_of(c), largest_of(d))));
  }
  atomicMax(&largest, found);
  workgroupBarrier();
  if (lane == 0u && group < 256u) { y[params[0][1] + group] = bitcast<f32>(atomicLoad(&largest)); }
}
