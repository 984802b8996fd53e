// A product of matrices, block by block: y[m, n] = sum over k of a[m, k] * b[k, n].
// A workgroup of THREADS makes ROWS x COLUMNS of y. It goes along k in steps of 16: while it multiplies the
// tiles of one step, each invocation has its part of the next ones on the way in registers. An invocation
// makes ROW_QUADS x COLUMN_QUADS squares of 4 x 4.
// The host fills in three places: PLACE says which block (first_row, first_column) is made in how many steps;
// FETCH reads quads of a and b, zeros beyond the sum, into next_left and next_right; STORE writes the columns
// of row m.
alias Quad = vec4<f32>;
// Tiles have a row of ROWS (or COLUMNS) numbers for each k. Within it quads are swapped by k / 4, so that
// invocations which write four rows each of a factor whose quads lie along k meet different banks.
var<workgroup> left_tiles: array<vec4<f32>, 2 * 4 * ROWS>;
var<workgroup> right_tiles: array<vec4<f32>, 2 * 4 * COLUMNS>;

fn if_inside(quad: Quad, inside: bool) -> Quad {
  return select(Quad(), quad, inside);
}

@compute @workgroup_size(THREADS)
fn main(@builtin(workgroup_id) workgroup: vec3<u32>, @builtin(num_workgroups) grid: vec3<u32>,
        @builtin(local_invocation_index) lane: u32) {
  let index = folded(workgroup, grid);
  // Fetching, a tile along k is LOADS rows of four vectors for each invocation; one across k is LOADS of its
  // 16 rows, and the same vector of each.
  let vector = lane % 4u;
  let left_quad = lane % (ROWS / 4u);
  let right_quad = lane % (COLUMNS / 4u);
  //for i in 0..LOADS
  let row$i = lane / 4u + $iu * (THREADS / 4u);
  let left_k$i = lane / (ROWS / 4u) + $iu * (4u * THREADS / ROWS);
  let right_k$i = lane / (COLUMNS / 4u) + $iu * (4u * THREADS / COLUMNS);
  var next_left$i = Quad();
  var next_right$i = Quad();
  //end
  // Multiplying, the squares of an invocation lie this far apart, in quads.
  let down = ROWS / 4u / ROW_QUADS;
  let across = COLUMNS / 4u / COLUMN_QUADS;
  // Each 32 invocations make 4 x 8 of them, which takes the fewest reads of either tile.
  let piece = lane / 32u;
  let first_down = piece / (across / 8u) * 4u + lane % 32u / 8u;
  let first_across = piece % (across / 8u) * 8u + lane % 8u;
  //for h in 0..ROW_QUADS
  //for e in 0..4
  //for j in 0..COLUMN_QUADS
  var y$h$e_$j = vec4<f32>();
  //end
  //end
  //end

  //PLACE
  for (var step = 0u; step <= steps; step++) {
    if (step < steps) {
      //FETCH
    }
    if (step > 0u) {
      let from_left = (step - 1u) % 2u * (ROWS * 4u);
      let from_right = (step - 1u) % 2u * (COLUMNS * 4u);
      for (var v = 0u; v < 4u; v++) {
        //for h in 0..ROW_QUADS
        let left_at$h = from_left + v * ROWSu + ((first_down + $hu * down) ^ (2u * v));
        //end
        //for j in 0..COLUMN_QUADS
        let right_at$j = from_right + v * COLUMNSu + ((first_across + $ju * across) ^ (2u * v));
        //end
        //for k in 0..4
        //for h in 0..ROW_QUADS
        let a$k_$h = left_tiles[left_at$h + $ku * (ROWS / 4u)];
        //end
        //for j in 0..COLUMN_QUADS
        let b$k_$j = right_tiles[right_at$j + $ku * (COLUMNS / 4u)];
        //end
        //for h in 0..ROW_QUADS
        //for e in 0..4
        //for j in 0..COLUMN_QUADS
        y$h$e_$j = fma(vec4(a$k_$h[$e]), b$k_$j, y$h$e_$j);
        //end
        //end
        //end
        //end
      }
    }
    if (step < steps) {
      let to_left = step % 2u * (ROWS * 4u);
      let to_right = step % 2u * (COLUMNS * 4u);
      //for i in 0..LOADS
      KEEP_LEFT
      KEEP_RIGHT
      //end
    }
    workgroupBarrier();
  }

  //for j in 0..COLUMN_QUADS
  let n$j = first_column + 4u * (first_across + $ju * across);
  //end
  //for h in 0..ROW_QUADS
  //for e in 0..4
  {
    let m = first_row + 4u * (first_down + $hu * down) + $eu;
    //STORE
  }
  //end
  //end
}
