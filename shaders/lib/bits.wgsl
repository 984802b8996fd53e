// NAME: truth values, 32 to a word.
@group(0) @binding(BINDING) var<storage, read> NAME: array<u32>;

// Four of them from the element of that number on, a multiple of 4: 1 where true, else 0.
fn truths_NAME(first: u32) -> vec4<f32> {
  return vec4<f32>((vec4(NAME[first / 32u] >> (first % 32u)) >> vec4(0u, 1u, 2u, 3u)) & vec4(1u));
}
