// Put before resample.wgsl and resample_gradient.wgsl: where results along one axis read the image.
//   bilinear: p(i) = start + (i + 1/2) scale - 1/2, clamped to [low, high]; mirrored: i from the end
//   nearest:  p(i) = floor(i scale + start), clamped and mirrored likewise
// A result takes max(0, 1 - |p(i) - pixel|) of a pixel along the axis.
// params: elements, channels, 0, 0; image height, width; result height, width; scales of whole images.
//BOXES

struct Sampling {
  start: f32,
  scale: f32,
  low: f32,
  high: f32,
  // Number of the last result.
  last: f32,
  mirrored: bool,
}

fn made(start: f32, signed_scale: f32, signed_size: f32, limit: u32, count: f32) -> Sampling {
  let edge = f32(limit - 1u);
  let high = start + max(abs(signed_size) - 1.0, 0.0);
  return Sampling(start, abs(signed_scale), clamp(start, 0.0, edge), clamp(high, 0.0, edge), count - 1.0,
    signed_size < 0.0);
}

// Along the rows (axis 0) or the columns (axis 1) of image n.
fn sampling(n: u32, axis: u32) -> Sampling {
  let limit = params[1][axis];
  let count = f32(params[1][2u + axis]);
  return made(CROP, limit, count);
}

fn position(s: Sampling, result: f32) -> f32 {
  let i = select(result, s.last - result, s.mirrored);
  let raw = select((i + 0.5) * s.scale - 0.5 + s.start, floor(i * s.scale + s.start), NEAREST);
  return clamp(raw, s.low, s.high);
}

// The first and the last result that may read the pixel; the last is before the first if there are none.
fn readers(s: Sampling, pixel: f32) -> vec2<f32> {
  let scale = max(s.scale, 1e-6);
  let first = floor((pixel - 1.0 - s.start + 0.5) / scale - 0.5);
  let end = ceil((pixel + 1.0 - s.start + 0.5) / scale - 0.5);
  // Results beyond the edges read the edges.
  let range = vec2(
    select(max(first, 0.0), 0.0, pixel - 1.0 < s.low),
    select(min(end, s.last), s.last, pixel + 1.0 > s.high),
  );
  return select(range, s.last - range.yx, s.mirrored);
}
