// resample gradient: dx[n, h, w, c] = sum over i, j of share(p(i), h) share(p(j), w) dy[n, i, j, c],
// over the results that may read the pixel, in their order.
// One invocation per element of dx, workgroups of 64. Grid: ceil(elements/64), folded into two axes.
@group(0) @binding(1) var<storage, read> dy: array<f32>;
@group(0) @binding(2) var<storage, read_write> dx: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) workgroup: vec3<u32>, @builtin(num_workgroups) grid: vec3<u32>,
        @builtin(local_invocation_index) lane: u32) {
  let index = folded(workgroup, grid) * 64u + lane;
  if (index >= params[0][0]) { return; }
  let channels = params[0][1];
  let image = params[1].xy;
  let result = params[1].zw;
  let c = index % channels;
  let w = f32(index / channels % image.y);
  let h = f32(index / channels / image.y % image.x);
  let n = index / channels / image.y / image.x;
  let rows = sampling(n, 0u);
  let columns = sampling(n, 1u);
  let i_range = readers(rows, h);
  let j_range = readers(columns, w);
  var sum = 0.0;
  for (var i = i_range.x; i <= i_range.y; i += 1.0) {
    let down = max(1.0 - abs(position(rows, i) - h), 0.0);
    for (var j = j_range.x; j <= j_range.y; j += 1.0) {
      let share = down * max(1.0 - abs(position(columns, j) - w), 0.0);
      sum += share * dy[((n * result.x + u32(i)) * result.y + u32(j)) * channels + c];
    }
  }
  dx[index] = sum;
}
