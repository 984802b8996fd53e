// The factor NAME as convert/split.wgsl makes it: rows of quads.
@group(0) @binding(BINDING) var<storage, read> NAME: array<Quad>;

// Elements from one row to the next.
fn stride_NAME(length: u32) -> u32 {
  return (length + 3u) / 4u;
}

// The quad that has the number c of the row at that element; beyond the last, any.
fn load_NAME(row: u32, c: u32, length: u32) -> Quad {
  return NAME[row + min(c, length - 1u) / 4u];
}
