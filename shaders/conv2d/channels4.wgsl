// Pixels of NAME whose channels are a multiple of 4, in single or in half precision.
@group(0) @binding(BINDING) var<storage, ACCESS> NAME: array<vec4<ELEMENT>>;

// Elements from one pixel to the next.
fn stride_NAME(channels: u32) -> u32 {
  return channels / 4u;
}

// Four channels from c on of the pixel at that element; beyond the last channel, any numbers.
fn load_NAME(pixel: u32, c: u32, channels: u32) -> vec4<f32> {
  return vec4<f32>(NAME[pixel + min(c, channels - 4u) / 4u]);
}
//STORE
// Sets four channels from c on, those that exist, of the pixel of that number.
fn store_NAME(pixel: u32, c: u32, channels: u32, values: vec4<f32>) {
  if (c < channels) { NAME[(pixel * channels + c) / 4u] = ELEMENTS_OF(STORED); }
}
