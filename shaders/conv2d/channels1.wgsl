// Pixels of NAME of any number of channels.
@group(0) @binding(BINDING) var<storage, ACCESS> NAME: array<f32>;

// Elements from one pixel to the next.
fn stride_NAME(channels: u32) -> u32 {
  return channels;
}

// Where four channels from c on of the pixel at that element are; beyond the last channel, where that is.
fn places_NAME(pixel: u32, c: u32, channels: u32) -> vec4<u32> {
  return pixel + min(vec4(c, c + 1u, c + 2u, c + 3u), vec4(channels - 1u));
}

// Four channels from c on of the pixel at that element; beyond the last channel, zeros.
fn load_NAME(pixel: u32, c: u32, channels: u32) -> vec4<f32> {
  let at = places_NAME(pixel, c, channels);
  let values = vec4(NAME[at.x], NAME[at.y], NAME[at.z], NAME[at.w]);
  return select(vec4<f32>(), values, vec4(c, c + 1u, c + 2u, c + 3u) < vec4(channels));
}
//STORE
// Sets four channels from c on, those that exist, of the pixel of that number.
fn store_NAME(pixel: u32, c: u32, channels: u32, values: vec4<f32>) {
  let stored = STORED;
  for (var i = 0u; i < 4u && c + i < channels; i++) { NAME[pixel * channels + c + i] = stored[i]; }
}
