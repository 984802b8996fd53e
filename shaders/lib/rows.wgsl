// Reductions along a row that LANES neighbouring invocations of a workgroup of 64 share; the host
// declares LANES, a power of two. Every invocation of the workgroup must call them together.
var<workgroup> row_parts: array<f32, 64>;

// The sum of `value` over the lanes of the caller's row.
fn row_sum(value: f32, lane: u32) -> f32 {
  row_parts[lane] = value;
  workgroupBarrier();
  for (var step = LANES / 2u; step > 0u; step /= 2u) {
    if (lane % LANES < step) { row_parts[lane] += row_parts[lane + step]; }
    workgroupBarrier();
  }
  let result = row_parts[lane - lane % LANES];
  workgroupBarrier();
  return result;
}

// The largest `value` among the lanes of the caller's row.
fn row_max(value: f32, lane: u32) -> f32 {
  row_parts[lane] = value;
  workgroupBarrier();
  for (var step = LANES / 2u; step > 0u; step /= 2u) {
    if (lane % LANES < step) { row_parts[lane] = max(row_parts[lane], row_parts[lane + step]); }
    workgroupBarrier();
  }
  let result = row_parts[lane - lane % LANES];
  workgroupBarrier();
  return result;
}
