// hue: y = J v or transposed(J) v for each pixel, J the Jacobian of turning the hue of x by the shift:
//   result_c = V - max(0, min(K, 4 M - K, M)),  K = (offset_c + sector + 6 shift) M + d  modulo 6 M
// with V the largest channel, M the largest less the smallest, d the difference of the two after the
// largest in the circle r, g, b. For v = x this is the turned colour, since it is linear but for kinks.
// One invocation per pixel, workgroups of 64. Grid: ceil(pixels/64), folded into two axes.
// params: pixels, pixels of an image.
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> shifts: array<f32>;
@group(0) @binding(3) var<storage, read> v: array<f32>;
@group(0) @binding(4) var<storage, read_write> y: array<f32>;

// result_c = v[largest] - alpha_c (v[largest] - v[smallest]) - beta_c (v[plus] - v[minus]).
struct Piece {
  largest: u32,
  smallest: u32,
  plus: u32,
  minus: u32,
  alpha: vec3<f32>,
  beta: vec3<f32>,
}

fn piece_of(x: vec3<f32>, shift: f32) -> Piece {
  // The first of equal channels, as torchvision breaks ties.
  let largest = select(select(2u, 1u, x.y >= x.z), 0u, x.x >= x.y && x.x >= x.z);
  let smallest = select(select(0u, 1u, x.y <= x.x), 2u, x.z <= x.y && x.z <= x.x);
  let plus = (largest + 1u) % 3u;
  let minus = (largest + 2u) % 3u;
  let chroma = vec3(x[largest] - x[smallest]);
  let difference = vec3(x[plus] - x[minus]);
  // K / M lies in [0, 16); full circles are taken off.
  var a = vec3(5.0, 3.0, 1.0) + 6.0 * (shift - floor(shift)) + f32(2u * largest);
  a -= select(vec3(0.0), vec3(6.0), a * chroma + difference >= 6.0 * chroma);
  a -= select(vec3(0.0), vec3(6.0), a * chroma + difference >= 6.0 * chroma);
  let up = a * chroma + difference;
  let down = 4.0 * chroma - up;
  let least = min(up, down);
  let rising = up <= down;
  var alpha = select(4.0 - a, a, rising);
  var beta = select(vec3(-1.0), vec3(1.0), rising);
  let bottom = least >= chroma;
  let top = least <= vec3(0.0);
  alpha = select(select(alpha, vec3(1.0), bottom), vec3(0.0), top);
  beta = select(beta, vec3(0.0), bottom | top);
  return Piece(largest, smallest, plus, minus, alpha, beta);
}

fn forward(p: Piece, v: vec3<f32>) -> vec3<f32> {
  return v[p.largest] - (p.alpha * (v[p.largest] - v[p.smallest]) + p.beta * (v[p.plus] - v[p.minus]));
}

fn transposed(p: Piece, dy: vec3<f32>) -> vec3<f32> {
  let alpha = dot(p.alpha, dy);
  let beta = dot(p.beta, dy);
  var dx = vec3<f32>();
  dx[p.largest] += dy.x + dy.y + dy.z - alpha;
  dx[p.smallest] += alpha;
  dx[p.plus] -= beta;
  dx[p.minus] += beta;
  return dx;
}

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) workgroup: vec3<u32>, @builtin(num_workgroups) grid: vec3<u32>,
        @builtin(local_invocation_index) lane: u32) {
  let pixel = folded(workgroup, grid) * 64u + lane;
  if (pixel >= params[0][0]) { return; }
  let i = 3u * pixel;
  let piece = piece_of(vec3(x[i], x[i + 1u], x[i + 2u]), shifts[pixel / params[0][1]]);
  let result = PRODUCT(piece, vec3(v[i], v[i + 1u], v[i + 2u]));
  y[i] = result.x;
  y[i + 1u] = result.y;
  y[i + 2u] = result.z;
}
