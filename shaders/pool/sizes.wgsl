// pool: what the shaders of this family share. One invocation per result, workgroups of 64.
// Grid: ceil(results/64), folded into two axes.
// params: results, channels; rows and columns of the input and of the output; kernel (rows, columns),
// stride (rows, columns); padding (rows, columns).
struct Sizes {
  results: u32,
  channels: u32,
  input: vec2<u32>,
  output: vec2<u32>,
  kernel: vec2<u32>,
  stride: vec2<u32>,
  padding: vec2<u32>,
}

fn sizes() -> Sizes {
  return Sizes(params[0][0], params[0][1], params[1].xy, params[1].zw, params[2].xy, params[2].zw, params[3].xy);
}

// One element of a batch of images.
struct Element {
  image: u32,
  pixel: vec2<u32>,
  channel: u32,
}

fn element(index: u32, shape: vec2<u32>, channels: u32) -> Element {
  let pixel = index / channels;
  return Element(pixel / (shape.x * shape.y), vec2(pixel / shape.y % shape.x, pixel % shape.y), index % channels);
}

fn flat(e: Element, shape: vec2<u32>, channels: u32) -> u32 {
  return ((e.image * shape.x + e.pixel.x) * shape.y + e.pixel.y) * channels + e.channel;
}

// The first tap of a window that lies in the image, and the one after the last.
fn first_tap(window: vec2<u32>, z: Sizes) -> vec2<u32> {
  return max(z.padding, window * z.stride) - window * z.stride;
}
fn end_tap(window: vec2<u32>, z: Sizes) -> vec2<u32> {
  return min(z.kernel, z.input + z.padding - window * z.stride);
}

// The first window that covers a pixel, and the one after the last.
fn first_window(pixel: vec2<u32>, z: Sizes) -> vec2<u32> {
  return (max(pixel + z.padding + 1u, z.kernel) - z.kernel + z.stride - 1u) / z.stride;
}
fn end_window(pixel: vec2<u32>, z: Sizes) -> vec2<u32> {
  return min(z.output, (pixel + z.padding) / z.stride + 1u);
}
