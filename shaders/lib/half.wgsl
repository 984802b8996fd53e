// 16-bit floats, rounded to the nearest here, because how a conversion rounds is up to the device.
fn halves_of(x: vec4<f32>) -> vec4<f16> {
  let bits = bitcast<vec4<u32>>(x);
  let rounded = bitcast<vec4<f32>>((bits + vec4(0x1000u)) & vec4(0xffffe000u));
  let is_finite = (bits & vec4(0x7f800000u)) != vec4(0x7f800000u);
  return vec4<f16>(select(x, rounded, is_finite));
}

fn half_of(x: f32) -> f16 {
  return halves_of(vec4(x)).x;
}
