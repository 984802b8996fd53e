// Pixels of NAME of any number of channels, in a window of uniform memory.
@group(0) @binding(BINDING) var<uniform> NAME: array<vec4<f32>, VECTORS>;

// Elements from one pixel to the next.
fn stride_NAME(channels: u32) -> u32 {
  return channels;
}

// Four channels from c on of the pixel at that element of the whole buffer; beyond the last channel, any numbers.
fn load_NAME(pixel: u32, c: u32, channels: u32) -> vec4<f32> {
  let at = pixel + min(vec4(c, c + 1u, c + 2u, c + 3u), vec4(channels - 1u)) - FIRST;
  return vec4(NAME[at.x / 4u][at.x % 4u], NAME[at.y / 4u][at.y % 4u], NAME[at.z / 4u][at.z % 4u], NAME[at.w / 4u][at.w % 4u]);
}
