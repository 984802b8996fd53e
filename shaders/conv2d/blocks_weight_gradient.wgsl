// conv2d, weight gradient, as one implicit matrix product in blocks (lib/blocks.wgsl):
//   dw[m, n] = sum over output pixels k of x[pixel(k, r, s), c] * dy[k, n]
// m counts the taps, (r, s) in order, and within each the input channels c, rounded up to whole vectors; n
// runs over the output channels. The sum is split into parts of fixed size, each summed into a slab of its
// own; a second shader adds the slabs in order.
// Grid: parts * ceil(m / ROWS) * ceil(n / COLUMNS), folded.
// params: output pixels, steps of a part, parts, output rows; output columns, input rows, columns, channels;
// output channels, kernel rows, columns, stride (rows); stride (columns), padding (rows, columns).
//INPUT
//GRADIENT
//DESTINATION
//== place
  let pixels = params[0][0];
  let output = vec2(params[0][3], params[1][0]);
  let input = params[1].yz;
  let inputs = params[1][3];
  let outputs = params[2][0];
  let kernel = params[2].yz;
  let stride = vec2(params[2][3], params[3][0]);
  let padding = params[3].yz;
  let channels = (inputs + 3u) / 4u * 4u;
  let rows = kernel.x * kernel.y * channels;
  let row_blocks = (rows + ROWS - 1u) / ROWS;
  let column_blocks = (outputs + COLUMNS - 1u) / COLUMNS;
  let part = index / column_blocks / row_blocks;
  if (part >= params[0][2]) { return; }
  let first_row = index / column_blocks % row_blocks * ROWS;
  let first_column = index % column_blocks * COLUMNS;
  let all_steps = (pixels + STEPu - 1u) / STEPu;
  let steps = min(params[0][1], all_steps - part * params[0][1]);

  // The tap and the channel of the vectors of x that are fetched.
  let fetched_row = first_row + 4u * left_quad;
  let fetched_tap = fetched_row / channels;
  let tap = vec2(fetched_tap / kernel.y, fetched_tap % kernel.y);
  let c = fetched_row % channels;
  let fetched_n = min(first_column + 4u * right_quad, outputs - 1u);
  // Image, row and column of the output pixels that are fetched next.
  //for i in 0..LOADS
  let first$i = part * params[0][1] * STEPu + left_k$i;
  var image$i = first$i / (output.x * output.y);
  var p$i = first$i / output.y % output.x;
  var q$i = first$i % output.y;
  //end
//== fetch
      //for i in 0..LOADS
      let k$i = (part * params[0][1] + step) * STEPu + left_k$i;
      let at$i = vec2(p$i, q$i) * stride + tap - padding;
      let inside$i = k$i < pixels && fetched_row < rows && all(at$i < input);
      let x$i = select(0u, ((image$i * input.x + at$i.x) * input.y + at$i.y) * stride_x(inputs), inside$i);
      next_left$i = if_inside(load_x(x$i, c, inputs), inside$i);
      let dy$i = select(0u, k$i * stride_dy(outputs), k$i < pixels);
      next_right$i = if_inside(load_dy(dy$i, fetched_n, outputs), k$i < pixels);
      q$i += STEPu;
      while (q$i >= output.y) {
        q$i -= output.y;
        p$i++;
        if (p$i == output.x) {
          p$i = 0u;
          image$i++;
        }
      }
      //end
//== store
    let to_c = m % channels;
    if (m < rows && to_c < inputs) {
      let to = (part * kernel.x * kernel.y + m / channels) * inputs + to_c;
      //for j in 0..COLUMN_QUADS
      store_d(to, n$j, outputs, y$h$e_$j);
      //end
    }
