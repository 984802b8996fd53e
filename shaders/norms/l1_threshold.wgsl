// L1 ball: y[i] = the t with sum over c of max(|x[i, c]| - t, 0) = radius, or 0 for images within.
// Bisection of [0, largest magnitude], always as many steps, so that the barriers stay uniform; then
// t exactly from the elements above the lower end: (sum of their magnitudes - radius) / their number.
// One workgroup of 64 per image. Grid: images, folded into two axes.
// params: images, elements of an image, radius.
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;

const STEPS = 32u;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) workgroup: vec3<u32>, @builtin(num_workgroups) grid: vec3<u32>,
        @builtin(local_invocation_index) lane: u32) {
  let image = folded(workgroup, grid);
  let elements = params[0][1];
  let radius = bitcast<f32>(params[0][2]);
  // Workgroups beyond the last image do the last one again and drop the result.
  let start = min(image, params[0][0] - 1u) * elements;
  var largest = 0.0;
  var total = 0.0;
  for (var c = lane; c < elements; c += 64u) {
    let magnitude = abs(x[start + c]);
    largest = max(largest, magnitude);
    total += magnitude;
  }
  largest = row_max(largest, lane);
  total = row_sum(total, lane);
  var low = 0.0;
  var high = largest;
  for (var step = 0u; step < STEPS; step++) {
    let middle = 0.5 * (low + high);
    var excess = 0.0;
    for (var c = lane; c < elements; c += 64u) {
      excess += max(abs(x[start + c]) - middle, 0.0);
    }
    excess = row_sum(excess, lane);
    let above = excess > radius;
    low = select(low, middle, above);
    high = select(middle, high, above);
  }
  var sum = 0.0;
  var count = 0.0;
  for (var c = lane; c < elements; c += 64u) {
    let magnitude = abs(x[start + c]);
    let keep = magnitude > low;
    sum += select(0.0, magnitude, keep);
    count += select(0.0, 1.0, keep);
  }
  sum = row_sum(sum, lane);
  count = row_sum(count, lane);
  if (lane == 0u && image < params[0][0]) {
    let inside = total <= radius || count == 0.0;
    y[image] = select(max((sum - radius) / count, 0.0), 0.0, inside);
  }
}
