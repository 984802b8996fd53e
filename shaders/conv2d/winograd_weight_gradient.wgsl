// conv2d of 3x3 kernels and stride 1, weight gradient, by Winograd's F(2x2, 3x3): with the tiles of winograd.wgsl, and dy
// the 2x2 pixels of the output's gradient,
//   dw = Gt [sum over tiles of (Bt x B) * (A dy At)] G     * of each input with each output channel, by places
// Matrices are those of winograd.wgsl and winograd_kernels.wgsl. A workgroup of 256 makes 32 input channels by 32 output
// channels. It goes along the tiles in steps of 8: while it multiplies those of one step, each invocation has its part of
// the next on the way in registers. An invocation makes 8 input by 4 output channels at two places. The sum is split into
// parts of fixed size, each summed into a slab of its own; a second shader adds the slabs in order.
// Grid: parts * ceil(input channels/32) * ceil(output channels/32), folded.
// params: images, rows and columns of tiles, input channels; input rows, columns, output rows, columns; padding (rows,
// columns), output channels, parts; steps of a part.
//INPUT
//GRADIENT
//DESTINATION
// Kept are vectors of four input channels for each place and tile, and on the right of four output channels. At last sums:
// vectors of four output channels for each place and input channel.

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) workgroup: vec3<u32>, @builtin(num_workgroups) grid: vec3<u32>,
        @builtin(local_invocation_index) lane: u32) {
  let tiled = params[0].yz;
  let inputs = params[0][3];
  let input = params[1].xy;
  let output = params[1].zw;
  let padding = params[2].xy;
  let outputs = params[2][2];
  let tiles = params[0][0] * tiled.x * tiled.y;
  let input_blocks = (inputs + 31u) / 32u;
  let output_blocks = (outputs + 31u) / 32u;
  let index = folded(workgroup, grid);
  let part = index / output_blocks / input_blocks;
  if (part >= params[2][3]) { return; }
  let first_input = index / output_blocks % input_blocks * 32u;
  let first_output = index % output_blocks * 32u;
  let first_step = part * params[3][0];
  let steps = min(params[3][0], (tiles + 7u) / 8u - first_step);

  // Fetching, an invocation makes one column of places of a tile, on the right of dy0, dy0 + dy1, dy0 - dy1, -dy1.
  let fetched_quad = lane % 8u;
  let fetched_tile = lane / 8u % 8u;
  let column = lane / 64u;
  let pair = pair_of(column);
  let of_first = select(1.0, 0.0, column == 3u);
  let of_second = select(pair.sign, 0.0, column == 0u);
  let c = first_input + 4u * fetched_quad;
  let k = first_output + 4u * fetched_quad;
  //for r in 0..4
  var next_near$r = vec4<f32>();
  var next_far$r = vec4<f32>();
  //end
  //for r in 0..2
  //for s in 0..2
  var next_dy$r$s = vec4<f32>();
  //end
  //end

  // Multiplying, it makes the vectors `down` and `down` + 4 of input channels by the vector `across` of output channels.
  let places = lane / 32u * 2u;
  let down = lane % 32u / 8u;
  let across = lane % 8u;
  //for p in 0..2
  //for h in 0..2
  //for e in 0..4
  var y$p_$h$e = vec4<f32>();
  //end
  //end
  //end

  for (var step = 0u; step <= steps; step++) {
    if (step < steps) {
      let tile = 8u * (first_step + step) + fetched_tile;
      let image = tile / (tiled.x * tiled.y);
      let corner = 2u * vec2(tile / tiled.y % tiled.x, tile % tiled.y);
      //for r in 0..4
      let at_near$r = corner + vec2($ru, pair.near) - padding;
      let inside_near$r = tile < tiles && all(at_near$r < input);
      let x_near$r = select(0u, ((image * input.x + at_near$r.x) * input.y + at_near$r.y) * stride_x(inputs), inside_near$r);
      next_near$r = if_inside(load_x(x_near$r, c, inputs), inside_near$r);
      let at_far$r = corner + vec2($ru, pair.far) - padding;
      let inside_far$r = tile < tiles && all(at_far$r < input);
      let x_far$r = select(0u, ((image * input.x + at_far$r.x) * input.y + at_far$r.y) * stride_x(inputs), inside_far$r);
      next_far$r = if_inside(load_x(x_far$r, c, inputs), inside_far$r);
      //end
      //for r in 0..2
      //for s in 0..2
      let at$r$s = corner + vec2($ru, $su);
      let inside$r$s = tile < tiles && all(at$r$s < output);
      let from$r$s = select(0u, ((image * output.x + at$r$s.x) * output.y + at$r$s.y) * stride_dy(outputs), inside$r$s);
      next_dy$r$s = if_inside(load_dy(from$r$s, k, outputs), inside$r$s);
      //end
      //end
    }
    if (step > 0u) {
      for (var tile = 0u; tile < 8u; tile++) {
        //for p in 0..2
        let row$p = ((places + $pu) * 8u + tile) * 8u;
        let d$p = kept[RIGHT + row$p + across];
        //for h in 0..2
        let x$p_$h = kept[row$p + down + 4u * $hu];
        //for e in 0..4
        y$p_$h$e = fma(vec4(x$p_$h[$e]), d$p, y$p_$h$e);
        //end
        //end
        //end
      }
    }
    workgroupBarrier();
    if (step < steps) {
      //for r in 0..4
      let sum$r = fma(vec4(pair.sign), next_far$r, next_near$r);
      //end
      // All 64 of a column are for its place in the first row: tiles, and quads within.
      keep_column(lane, sum0, sum1, sum2, sum3);
      //for r in 0..2
      let dy$r = of_first * next_dy$r0 + of_second * next_dy$r1;
      //end
      kept[RIGHT + lane] = dy0;
      kept[RIGHT + lane + 256u] = dy0 + dy1;
      kept[RIGHT + lane + 512u] = dy0 - dy1;
      kept[RIGHT + lane + 768u] = -dy1;
    }
    workgroupBarrier();
  }

  // Each half of the input channels in turn, an invocation makes one or two rows of taps of one of them, of four output
  // channels.
  let made = lane / 8u % 16u;
  //for h in 0..2
  //for p in 0..2
  //for e in 0..4
  kept[((places + $pu) * 16u + 4u * down + $eu) * 8u + across] = y$p_$h$e;
  //end
  //end
  workgroupBarrier();
  for (var row = lane / 128u; row < 3u; row += 2u) {
    // Gt along columns of places: s0 + (s1 + s2) / 2, (s1 - s2) / 2, (s1 + s2) / 2 + s3.
    //for c in 0..4
    let first$c = (16u * $cu + made) * 8u + across;
    let middle$c = fma(vec4(select(1.0, -1.0, row == 1u)), kept[first$c + 1024u], kept[first$c + 512u]);
    let outer$c = if_inside(kept[first$c + select(0u, 1536u, row == 2u)], row != 1u);
    let sum$c = outer$c + 0.5 * middle$c;
    //end
    let to_input = first_input + 16u * $hu + made;
    if (to_input < inputs) {
      let to = (part * 9u + row * 3u) * inputs + to_input;
      store_d(to, first_output + 4u * across, outputs, sum0 + 0.5 * (sum1 + sum2));
      store_d(to + inputs, first_output + 4u * across, outputs, 0.5 * (sum1 - sum2));
      store_d(to + 2u * inputs, first_output + 4u * across, outputs, 0.5 * (sum1 + sum2) + sum3);
    }
  }
  workgroupBarrier();
  //end
}
