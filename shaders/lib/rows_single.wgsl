// rows.wgsl for rows of one invocation each: nothing is shared, and nobody waited for.
fn row_sum(value: f32, lane: u32) -> f32 {
  return value;
}

fn row_max(value: f32, lane: u32) -> f32 {
  return value;
}
