// NAME as single numbers,
// which are read one by one.
@group(0) @binding(BINDING) var<SPACE> NAME: array<ELEMENT>;

fn number_NAME(i: u32) -> f32 {
  return f32(NAME[i]);
}
