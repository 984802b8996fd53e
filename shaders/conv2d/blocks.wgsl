// conv2d, forward and input gradient, as one implicit matrix product in blocks (lib/blocks.wgsl):
//   d[m, n] = sum over taps (r, s) and source channels c of x[pixel(m, r, s), c] * w[r, s, c, n]
// m runs over the destination's pixels of a phase, n over its channels, and the sum over k, which counts the
// taps of the phase, (r, s) in order, and within each the channels, rounded up to whole vectors. See
// correlation.wgsl for phases and taps. The input gradient meets only the taps of its phase, so that stride 2
// makes four products with a quarter of the taps each.
// Grid: phases * ceil(positions / ROWS) * ceil(n / COLUMNS), folded.
// params: images, grid rows, grid columns, direction; step (rows, columns), kernel (rows, columns); source
// rows, columns, channels, destination channels; destination rows, columns, source step (rows, columns);
// source offset (rows, columns), destination offset (rows, columns).
//SOURCE
//WEIGHTS
//DESTINATION
//== place
  let phases = params[1].xy;
  let kernel = params[1].zw;
  let source = params[2].xy;
  let sources = params[2][2];
  let destinations = params[2][3];
  let direction = i32(params[0][3]);
  let positions = params[0][0] * params[0][1] * params[0][2];
  let row_blocks = (positions + ROWS - 1u) / ROWS;
  let column_blocks = (destinations + COLUMNS - 1u) / COLUMNS;
  let phase = index / column_blocks / row_blocks;
  if (phase >= phases.x * phases.y) { return; }
  let first_row = index / column_blocks % row_blocks * ROWS;
  let first_column = index % column_blocks * COLUMNS;
  let first_tap = vec2(phase / phases.y, phase % phases.y);
  let taps = (kernel + phases - 1u - first_tap) / phases;
  let channels = (sources + 3u) / 4u * 4u;
  let steps = (taps.x * taps.y * channels + STEPu - 1u) / STEPu;

  // The source pixel of tap number 0 for each row that is fetched; far outside where there is no such row.
  //for i in 0..LOADS
  let position$i = first_row + row$i;
  let image$i = position$i / (params[0][1] * params[0][2]);
  let cell$i = vec2(position$i / params[0][2] % params[0][1], position$i % params[0][2]);
  let base$i = select(vec2(-0x10000000), vec2<i32>(cell$i * params[3].zw + params[4].xy), position$i < positions);
  //end
  // The tap and the channel of the vector that is fetched next.
  var tap = vec2<u32>();
  var c = 4u * vector;
  while (c >= channels) {
    c -= channels;
    tap.y++;
    if (tap.y == taps.y) { tap = vec2(tap.x + 1u, 0u); }
  }
  //PLACE_WEIGHTS
//== fetch
      let offset = vec2<i32>(tap) * direction;
      let exists = tap.x < taps.x;
      //for i in 0..LOADS
      let at$i = vec2<u32>(base$i + offset);
      let inside$i = exists && all(at$i < source);
      let x$i = select(0u, ((image$i * source.x + at$i.x) * source.y + at$i.y) * stride_x(sources), inside$i);
      next_left$i = if_inside(load_x(x$i, c, sources), inside$i);
      //end
      //FETCH_WEIGHTS
      c += STEPu;
      while (c >= channels) {
        c -= channels;
        tap.y++;
        if (tap.y == taps.y) { tap = vec2(tap.x + 1u, 0u); }
      }
//== store
    let cell = vec2(m / params[0][2] % params[0][1], m % params[0][2]);
    let to = cell * phases + first_tap + params[4].zw;
    if (m < positions && all(to < params[3].xy)) {
      let pixel = (m / (params[0][1] * params[0][2]) * params[3].x + to.x) * params[3].y + to.y;
      //for j in 0..COLUMN_QUADS
      store_d(pixel, n$j, destinations, y$h$e_$j);
      //end
    }
//== place forward weights
  // Across the sum: w[tap, c] of the vectors that are fetched next, where all taps are met in order.
  let w_n = min(first_column + 4u * right_quad, destinations - 1u);
  //for i in 0..LOADS
  var w_tap$i = right_k$i / channels;
  var w_c$i = right_k$i - w_tap$i * channels;
  //end
//== fetch forward weights
      //for i in 0..LOADS
      let met$i = w_tap$i < taps.x * taps.y && w_c$i < sources;
      let w$i = select(0u, (w_tap$i * sources + w_c$i) * stride_w(destinations), met$i);
      next_right$i = if_inside(load_w(w$i, w_n, destinations), met$i);
      w_c$i += STEPu;
      while (w_c$i >= channels) {
        w_c$i -= channels;
        w_tap$i++;
      }
      //end
//== place gradient weights
  // Along the sum, like the source: w[tap, n] of the columns that are fetched.
  //for i in 0..LOADS
  let w_n$i = min(first_column + row$i, destinations - 1u);
  //end
//== fetch gradient weights
      let w_tap = first_tap + tap * phases;
      //for i in 0..LOADS
      let w$i = select(0u, ((w_tap.x * kernel.y + w_tap.y) * destinations + w_n$i) * stride_w(sources), exists);
      next_right$i = if_inside(load_w(w$i, c, sources), exists);
      //end
