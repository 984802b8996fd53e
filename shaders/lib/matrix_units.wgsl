// The fragments of lib/matrix.wgsl on matrix units: a subgroup holds one together.
alias Sum = coop_mat16x16<f32, C>;
alias Left = coop_mat16x16<f16, A>;
alias Right = coop_mat16x16<f16, B>;

//for p in 0..PIECES
fn load_left$p(at: u32) -> Left {
  return LOAD_LEFT<Left>(&left_tile$p[at], LEFT_STRIDE);
}

fn load_right$p(at: u32) -> Right {
  return LOAD_RIGHT<Right>(&right_tile$p[at], RIGHT_STRIDE);
}

//for q in 0..PIECES
fn multiply$p_$q(a: Left, b: Right, c: Sum) -> Sum {
  return coopMultiplyAdd(a, b, c);
}

//end
//end
fn add(a: Sum, b: Sum) -> Sum {
  return a + b;
}

// Writes rows of 16 numbers from `at` on.
fn keep(sum: Sum, at: u32, within: u32) {
  let stride = 16u;
  coopStoreT(sum, &staged[at], stride);
}
