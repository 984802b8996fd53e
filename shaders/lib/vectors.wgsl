// NAME as vectors of four words,
// loaded and stored as they are.
@group(0) @binding(BINDING) var<SPACE> NAME: array<vec4<u32>COUNT>;

fn words_NAME(i: u32) -> vec4<u32> {
  return NAME[i];
}

fn load_NAME(i: u32) -> vec4<f32> {
  return bitcast<vec4<f32>>(NAME[i]);
}

fn number_NAME(i: u32) -> f32 {
  return load_NAME(i / 4u)[i % 4u];
}
//STORE
fn store_words_NAME(i: u32, words: vec4<u32>) {
  NAME[i] = words;
}

fn store_NAME(i: u32, values: vec4<f32>) {
  NAME[i] = bitcast<vec4<u32>>(values);
}
