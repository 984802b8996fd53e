// A product of matrices, block by block: y[m, n] = sum over k of a[m, k] * b[k, n].
// A workgroup of THREADS makes ROWS x COLUMNS of y. It goes along k in steps of 16: while it multiplies the
// tiles of one step, each invocation has its part of the next ones on the way in registers. An invocation
// makes ROW_QUADS x COLUMN_QUADS squares of 4 x 4.
// The host fills in four places: PLACE says which block (first_row, first_column) is made in how many steps;
// FETCH reads vectors of a and b, zeros beyond the sum, into next_left and next_right; READ takes them from
// the tiles; STORE writes the columns of row m.
var<workgroup> left_tiles: array<vec4<f32>, 2 * ROWS * 4>;
var<workgroup> right_tiles: array<vec4<f32>, 2 * COLUMNS * 4>;

// Where a tile whose vectors lie along k keeps the one of that number within a row. Turned so that
// invocations which read rows four apart meet different banks.
fn along(row: u32, vector: u32) -> u32 {
  return (row * 4u + vector) ^ ((row / 4u) & 7u);
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
  var next_left$i = vec4<f32>();
  var next_right$i = vec4<f32>();
  //end
  // Multiplying, the squares of an invocation lie this far apart, in quads.
  let down = ROWS / 4u / ROW_QUADS;
  let across = COLUMNS / 4u / COLUMN_QUADS;
  let first_down = lane / across;
  let first_across = lane % across;
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
        //READ_LEFT
        //READ_RIGHT
        //for k in 0..4
        //for h in 0..ROW_QUADS
        //for e in 0..4
        //for j in 0..COLUMN_QUADS
        y$h$e_$j = fma(vec4(LEFT_VALUE), b$k_$j, y$h$e_$j);
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
      left_tiles[to_left + KEEP_LEFT] = next_left$i;
      right_tiles[to_right + KEEP_RIGHT] = next_right$i;
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
