// resample: y[n, i, j, c] = the image x[n, ., ., c] at the position (p(i), p(j)).
// One invocation per element of y, workgroups of 64. Grid: ceil(elements/64), folded into two axes.
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) workgroup: vec3<u32>, @builtin(num_workgroups) grid: vec3<u32>,
        @builtin(local_invocation_index) lane: u32) {
  let index = folded(workgroup, grid) * 64u + lane;
  if (index >= params[0][0]) { return; }
  let channels = params[0][1];
  let image = params[1].xy;
  let result = params[1].zw;
  let c = index % channels;
  let j = index / channels % result.y;
  let i = index / channels / result.y % result.x;
  let n = index / channels / result.y / result.x;
  let at = vec2(position(sampling(n, 0u), f32(i)), position(sampling(n, 1u), f32(j)));
  let near = min(vec2<u32>(at), image - 1u);
  let first = (n * image.x + near.x) * image.y;
  if (NEAREST) {
    y[index] = x[(first + near.y) * channels + c];
    return;
  }
  let far = min(near + 1u, image - 1u);
  let second = (n * image.x + far.x) * image.y;
  let share = at - floor(at);
  let upper = (1.0 - share.y) * x[(first + near.y) * channels + c] + share.y * x[(first + far.y) * channels + c];
  let lower = (1.0 - share.y) * x[(second + near.y) * channels + c] + share.y * x[(second + far.y) * channels + c];
  y[index] = (1.0 - share.x) * upper + share.x * lower;
}
