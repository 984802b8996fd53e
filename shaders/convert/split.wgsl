enable f16;
// split: x as 16-bit floats for matrix units, in quads of four numbers of a row, with zeros behind its last:
//   y[quad] = its numbers, scaled by a power of two that brings the largest of x to 2^14 or just above, in PIECES
// pieces: the first 11 bits of each, and the next 11. The exponent of that power goes to scales.
// maxima: 256 candidates for the largest finite magnitude of x, from `first` on.
// Numbers below 2^-17 of the largest lose bits, but none that the largest would show; next to an infinity those
// below 2^-38 count as zeros.
// Workgroups of 256, each with 1024 quads. Grid: ceil(quads / 1024), folded.
// params: quads, length of a row, first, number of the scale.
//SOURCE
@group(0) @binding(2) var<storage, read> maxima: array<f32>;
@group(0) @binding(3) var<storage, read_write> y: array<vec4<f16>>;
@group(0) @binding(4) var<storage, read_write> scales: array<u32>;
var<workgroup> largest: atomic<u32>;

// The exponent, with the bias of f32, of the power of two that brings `magnitude` to 2^14 or just above.
fn scale_exponent(magnitude: u32) -> u32 {
  return min(268u - (magnitude >> 23u), 253u);
}

fn is_finite(x: vec4<f32>) -> vec4<bool> {
  return (bitcast<vec4<u32>>(x) & vec4(0x7f800000u)) != vec4(0x7f800000u);
}

// The first 11 bits. Cut off and not rounded, so that the rest has the same sign, which keeps infinities.
fn piece0(x: vec4<f32>) -> vec4<f16> {
  return vec4<f16>(select(x, bitcast<vec4<f32>>(bitcast<vec4<u32>>(x) & vec4(0xffffe000u)), is_finite(x)));
}

// The next 11, rounded here, because how a conversion rounds is up to the device. Only of zero are they zero:
// an infinity of the other factor would make a NaN of it, so that at least the smallest number is put there.
fn piece1(x: vec4<f32>) -> vec4<f16> {
  let rest = bitcast<vec4<u32>>(x - vec4<f32>(piece0(x)));
  let rounded = (rest + vec4(0x1000u)) & vec4(0xffffe000u);
  let some = max(rounded & vec4(0x7fffffffu), vec4(0x33800000u)) | (bitcast<vec4<u32>>(x) & vec4(0x80000000u));
  return vec4<f16>(select(vec4<f32>(), bitcast<vec4<f32>>(some), is_finite(x) & (x != vec4<f32>())));
}

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) workgroup: vec3<u32>, @builtin(num_workgroups) grid: vec3<u32>,
        @builtin(local_invocation_index) lane: u32) {
  let group = folded(workgroup, grid);
  if (lane == 0u) { atomicStore(&largest, 0u); }
  workgroupBarrier();
  atomicMax(&largest, bitcast<u32>(maxima[params[0][2] + lane]));
  workgroupBarrier();
  let exponent = scale_exponent(atomicLoad(&largest));
  if (group == 0u && lane == 0u) { scales[params[0][3]] = exponent; }
  let scale = bitcast<f32>(exponent << 23u);
  let length = params[0][1];
  let quads = (length + 3u) / 4u;
  for (var i = 0u; i < 4u; i++) {
    let quad = group * 1024u + i * 256u + lane;
    if (quad < params[0][0]) {
      let x = load_x(quad / quads * stride_x(length), 4u * (quad % quads), length) * scale;
      //for p in 0..PIECES
      y[quad * PIECESu + $pu] = PIECE$p(x);
      //end
    }
  }
}
