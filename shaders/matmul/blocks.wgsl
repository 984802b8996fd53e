// matmul in blocks (lib/blocks.wgsl): y[i, j] = sum over c of a[i, c] * b[c, j], either side transposed. The
// sum is split into parts of fixed size, each summed into a slab of its own; a second shader adds the slabs
// in order.
// Grid: parts * ceil(m / ROWS) * ceil(n / COLUMNS), folded.
// params: m, k, n, steps of a part; parts.
//DECLARATIONS
//== place
  let size = params[0].xyz;
  let row_blocks = (size.x + ROWS - 1u) / ROWS;
  let column_blocks = (size.z + COLUMNS - 1u) / COLUMNS;
  let part = index / column_blocks / row_blocks;
  if (part >= params[1][0]) { return; }
  let first_row = index / column_blocks % row_blocks * ROWS;
  let first_column = index % column_blocks * COLUMNS;
  let first_step = part * params[0][3];
  let steps = min(params[0][3], (size.y + STEPu - 1u) / STEPu - first_step);
//== fetch along
      //for i in 0..LOADS
      let SIDE_line$i = min(FIRST + row$i, LENGTH - 1u) * stride_SIDE(size.y);
      let SIDE_first$i = (first_step + step) * STEPu + 4u * vector;
      next_SIDE$i = if_inside(load_SIDE(SIDE_line$i, min(SIDE_first$i, size.y - 1u), size.y), SIDE_first$i < size.y);
      //end
//== fetch across
      //for i in 0..LOADS
      let SIDE_sum$i = (first_step + step) * STEPu + SIDE_k$i;
      let SIDE_line$i = min(SIDE_sum$i, size.y - 1u) * stride_SIDE(LENGTH);
      let SIDE_at$i = min(FIRST + 4u * SIDE_quad, LENGTH - 1u);
      next_SIDE$i = if_inside(load_SIDE(SIDE_line$i, SIDE_at$i, LENGTH), SIDE_sum$i < size.y);
      //end
//== store
    if (m < size.x) {
      //for j in 0..COLUMN_QUADS
      store_y(part * size.x + m, n$j, size.z, y$h$e_$j);
      //end
    }
