// NAME as vectors of four words, of which two at a time are loaded and stored as one number of 64 bits: software drivers
// go through the lanes of a vector one by one for each number.
@group(0) @binding(BINDING) var<SPACE> NAME: array<vec2<u64>COUNT>;

fn words_NAME(i: u32) -> vec4<u32> {
  let pairs = NAME[i];
  return vec4(u32(pairs.x), u32(pairs.x >> 32u), u32(pairs.y), u32(pairs.y >> 32u));
}

fn load_NAME(i: u32) -> vec4<f32> {
  return bitcast<vec4<f32>>(words_NAME(i));
}

fn number_NAME(i: u32) -> f32 {
  return load_NAME(i / 4u)[i % 4u];
}
//STORE
fn store_words_NAME(i: u32, words: vec4<u32>) {
  NAME[i] = vec2(u64(words.x) | (u64(words.y) << 32u), u64(words.z) | (u64(words.w) << 32u));
}

fn store_NAME(i: u32, values: vec4<f32>) {
  store_words_NAME(i, bitcast<vec4<u32>>(values));
}
