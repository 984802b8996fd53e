// NAME as vectors of four 16-bit floats,
// which are widened as they are loaded and rounded as they are stored.
@group(0) @binding(BINDING) var<SPACE> NAME: array<vec4<f16>COUNT>;

fn load_NAME(i: u32) -> vec4<f32> {
  return vec4<f32>(NAME[i]);
}
//STORE
fn store_NAME(i: u32, values: vec4<f32>) {
  NAME[i] = halves_of(values);
}
