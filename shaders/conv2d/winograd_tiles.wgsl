// What winograd.wgsl and winograd_weight_gradient.wgsl have in common: a step of both sides in workgroup memory, 1024 vectors
// each, and how a column of the 16 places of a tile is made of the pixels of two columns.
const RIGHT = 1024u;
var<workgroup> kept: array<vec4<f32>, 2048>;

fn if_inside(quad: vec4<f32>, inside: bool) -> vec4<f32> {
  return select(vec4<f32>(), quad, inside);
}

// x[near] + sign * x[far] of the four columns of pixels of a tile is a column of x B: x0 - x2, x1 + x2, x2 - x1, x1 - x3.
struct Pair {
  near: u32,
  far: u32,
  sign: f32,
}

fn pair_of(column: u32) -> Pair {
  let near = select(column, 1u, column == 3u);
  let far = select(select(2u, 1u, column == 2u), 3u, column == 3u);
  return Pair(near, far, select(-1.0, 1.0, column == 1u));
}

// Keeps a column of Bt x B, made of the four rows of that of x B; rows of places are 256 vectors apart.
fn keep_column(to: u32, row0: vec4<f32>, row1: vec4<f32>, row2: vec4<f32>, row3: vec4<f32>) {
  kept[to] = row0 - row2;
  kept[to + 256u] = row1 + row2;
  kept[to + 512u] = row2 - row1;
  kept[to + 768u] = row1 - row3;
}
