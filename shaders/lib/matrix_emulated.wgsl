// The fragments of lib/matrix.wgsl without matrix units, so that all else of the kernel runs, slowly, on
// devices that have none. A factor's fragment is its place in the tile, which stays as it is until the
// product is made; a sum is spread over 32 invocations, half a row each.
alias Sum = array<f32, 8>;
alias Left = u32;
alias Right = u32;

// The invocation's number within its fragment's 32.
var<private> emulated_lane: u32;

//for p in 0..PIECES
fn load_left$p(at: u32) -> Left {
  return at;
}

fn load_right$p(at: u32) -> Right {
  return at;
}

//for q in 0..PIECES
fn multiply$p_$q(a: Left, b: Right, c: Sum) -> Sum {
  var sum = c;
  let i = emulated_lane / 2u;
  for (var k = 0u; k < 16u; k++) {
    let at = 4u * a + LEFT_PLACE;
    let factor = f32(left_tile$p[at / 4u][at % 4u]);
    for (var e = 0u; e < 8u; e++) {
      let j = emulated_lane % 2u * 8u + e;
      let other = 4u * b + RIGHT_PLACE;
      sum[e] = fma(factor, f32(right_tile$q[other / 4u][other % 4u]), sum[e]);
    }
  }
  return sum;
}

//end
//end
fn add(a: Sum, b: Sum) -> Sum {
  var sum = a;
  for (var e = 0u; e < 8u; e++) { sum[e] += b[e]; }
  return sum;
}

// Writes rows of 16 numbers from `at` on.
fn keep(sum: Sum, at: u32, within: u32) {
  for (var e = 0u; e < 8u; e++) { staged[at + within * 8u + e] = sum[e]; }
}
