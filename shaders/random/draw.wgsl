// draw: y[r, 4 b + j] = DISTRIBUTION(philox4x32_10(counter, key))[j]
//   counter = (b, stream, step low, step high), key = (seed low, seed high), both of row r's state
// Salmon et al., "Parallel Random Numbers: As Easy as 1, 2, 3" (SC 2011), section 4.
// One invocation per block b of four numbers of a row, workgroups of 64.
// Grid: ceil(rows * ceil(row/4)/64), folded into two axes. params: row (its elements), rows, stream.
@group(0) @binding(1) var<storage, read> state: array<u32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;

const STEP = 1.0 / 16777216.0;

// The upper half of the 64-bit product, from products of 16-bit halves.
fn multiply_high(a: u32, b: u32) -> u32 {
  let low = (a & 0xffffu) * (b & 0xffffu);
  let middle = (a >> 16u) * (b & 0xffffu) + (low >> 16u);
  let other = (a & 0xffffu) * (b >> 16u) + (middle & 0xffffu);
  return (a >> 16u) * (b >> 16u) + (middle >> 16u) + (other >> 16u);
}

fn philox4x32_10(first: vec4<u32>, seed: vec2<u32>) -> vec4<u32> {
  var counter = first;
  var key = seed;
  for (var r = 0; r < 10; r++) {
    let a = counter.x;
    let b = counter.z;
    counter = vec4(
      multiply_high(0xCD9E8D57u, b) ^ counter.y ^ key.x, 0xCD9E8D57u * b,
      multiply_high(0xD2511F53u, a) ^ counter.w ^ key.y, 0xD2511F53u * a,
    );
    key += vec2(0x9E3779B9u, 0xBB67AE85u);
  }
  return counter;
}

// In [0, 1), 24 bits: exact, so that every device gives the same bits.
fn uniform_from(words: vec4<u32>) -> vec4<f32> {
  return vec4<f32>(words >> vec4(8u)) * STEP;
}

// ln(m 2^-24) for m in 1..=2^24: the polynomial of Cephes logf on [sqrt(1/2), sqrt(2)).
fn log_fraction(m: u32) -> f32 {
  let bits = bitcast<u32>(f32(m));
  var e = f32(i32(bits >> 23u) - 151);
  var mantissa = bitcast<f32>((bits & 0x7fffffu) | 0x3f800000u);
  if (mantissa > 1.41421356) {
    mantissa *= 0.5;
    e += 1.0;
  }
  let x = mantissa - 1.0;
  let z = x * x;
  var p = 7.0376836292e-2;
  p = p * x - 1.1514610310e-1;
  p = p * x + 1.1676998740e-1;
  p = p * x - 1.2420140846e-1;
  p = p * x + 1.4249322787e-1;
  p = p * x - 1.6668057665e-1;
  p = p * x + 2.0000714765e-1;
  p = p * x - 2.4999993993e-1;
  p = p * x + 3.3333331174e-1;
  let small = p * x * z + e * -2.12194440e-4 - 0.5 * z;
  return x + small + e * 0.693359375;
}

// The cosine and the sine of k 2^-24 turns: the quarter in integers, Cephes cosf and sinf within it.
fn turn(k: u32) -> vec2<f32> {
  let quarter = (k + (1u << 21u)) >> 22u;
  let x = f32(i32(k) - i32(quarter << 22u)) * (6.28318530717958648 * STEP);
  let z = x * x;
  let sine = ((-1.9515295891e-4 * z + 8.3321608736e-3) * z - 1.6666654611e-1) * z * x + x;
  let cosine = ((2.443315711809948e-5 * z - 1.388731625493765e-3) * z + 4.166664568298827e-2) * z * z
    - 0.5 * z + 1.0;
  let even = select(vec2(cosine, sine), vec2(-cosine, -sine), (quarter & 2u) != 0u);
  return select(even, vec2(-even.y, even.x), (quarter & 1u) != 0u);
}

// Box and Muller: a radius from one word, an angle from the next. The root is refined by a Newton
// step, since drivers may round it loosely.
fn normal_pair(a: u32, b: u32) -> vec2<f32> {
  let square = -2.0 * log_fraction((a >> 8u) + 1u);
  var radius = sqrt(square);
  if (radius > 0.0) { radius += fma(-radius, radius, square) / (2.0 * radius); }
  return radius * turn(b >> 8u);
}

fn normal_from(words: vec4<u32>) -> vec4<f32> {
  return vec4(normal_pair(words.x, words.y), normal_pair(words.z, words.w));
}

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) workgroup: vec3<u32>, @builtin(num_workgroups) grid: vec3<u32>,
        @builtin(local_invocation_index) lane: u32) {
  let row = params[0][0];
  let blocks = (row + 3u) / 4u;
  let index = folded(workgroup, grid) * 64u + lane;
  if (index >= blocks * params[0][1]) { return; }
  let r = index / blocks;
  let block = index % blocks;
  let counter = vec4(block, params[0][2], state[4u * r + 2u], state[4u * r + 3u]);
  let numbers = DISTRIBUTION(philox4x32_10(counter, vec2(state[4u * r], state[4u * r + 1u])));
  for (var j = 0u; j < 4u && 4u * block + j < row; j++) {
    y[r * row + 4u * block + j] = numbers[j];
  }
}
