// Pixels of NAME whose channels are a multiple of 4, in a window of uniform memory.
@group(0) @binding(BINDING) var<uniform> NAME: array<vec4<f32>, VECTORS>;

// Vectors from one pixel to the next.
fn stride_NAME(channels: u32) -> u32 {
  return channels / 4u;
}

// Four channels from c on of the pixel at that vector of the whole buffer.
fn load_NAME(pixel: u32, c: u32, channels: u32) -> vec4<f32> {
  return NAME[pixel + c / 4u - FIRST];
}
