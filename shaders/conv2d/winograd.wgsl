// conv2d of 3x3 kernels and stride 1, forward and input gradient, by Winograd's F(2x2, 3x3): for each tile of 2x2
// pixels of d, of the 4x4 source pixels x that it meets, and kernels that winograd_kernels.wgsl made u of,
//   d = At [sum over source channels of u * (Bt x B)] A     * by elements, the 16 places of a tile
//   Bt = [1 0 -1 0; 0 1 1 0; 0 -1 1 0; 0 1 0 -1], At = [1 1 1 0; 0 1 -1 -1]
// A workgroup of 256 makes 32 tiles of 32 destination channels. It goes along the source channels in steps of 8: while
// it multiplies those of one step, each invocation has its part of the next on the way in registers. An invocation
// makes 8 tiles of 4 channels at two places.
// Grid: ceil(tiles/32) * ceil(destination channels/32), folded.
// params: images, rows and columns of tiles, source channels; source rows, columns, destination rows, columns;
// first source row and column of the first tile, destination channels, quads of source channels in u.
//SOURCE
@group(0) @binding(2) var<storage, read> u: array<vec4<f32>>;
//DESTINATION
// Kept are vectors of four source channels: of x for each place, tile and quad, and on the right of u for each place, quad
// and channel. At last sums: vectors of four destination channels for each place and tile.

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) workgroup: vec3<u32>, @builtin(num_workgroups) grid: vec3<u32>,
        @builtin(local_invocation_index) lane: u32) {
  let tiled = params[0].yz;
  let sources = params[0][3];
  let source = params[1].xy;
  let size = params[1].zw;
  let destinations = params[2][2];
  let quads = params[2][3];
  let tiles = params[0][0] * tiled.x * tiled.y;
  let blocks = (destinations + 31u) / 32u;
  let index = folded(workgroup, grid);
  let first_tile = index / blocks * 32u;
  let first_channel = index % blocks * 32u;
  if (first_tile >= tiles) { return; }

  // Fetching, an invocation makes one column of places of a tile.
  let fetched_quad = lane % 2u;
  let fetched_tile = lane / 2u % 32u;
  let column = lane / 64u;
  let pair = pair_of(column);
  let tile = first_tile + fetched_tile;
  let image = tile / (tiled.x * tiled.y) * source.x;
  let corner = vec2<i32>(2u * vec2(tile / tiled.y % tiled.x, tile % tiled.y) + params[2].xy);
  //for r in 0..4
  let at_near$r = vec2<u32>(corner + vec2($r, i32(pair.near)));
  let inside_near$r = tile < tiles && all(at_near$r < source);
  let x_near$r = select(0u, ((image + at_near$r.x) * source.y + at_near$r.y) * stride_x(sources), inside_near$r);
  let at_far$r = vec2<u32>(corner + vec2($r, i32(pair.far)));
  let inside_far$r = tile < tiles && all(at_far$r < source);
  let x_far$r = select(0u, ((image + at_far$r.x) * source.y + at_far$r.y) * stride_x(sources), inside_far$r);
  var next_near$r = vec4<f32>();
  var next_far$r = vec4<f32>();
  var next_u$r = vec4<f32>();
  //end
  let row_of_u = blocks * 32u;

  // Multiplying, it makes every fourth tile from `down` on, of the channels from 4 * across on.
  let places = lane / 32u * 2u;
  let down = lane % 32u / 8u;
  let across = lane % 8u;
  //for p in 0..2
  //for h in 0..2
  //for i in 0..4
  var y$p_$h$i = vec4<f32>();
  //end
  //end
  //end

  let steps = quads / 2u;
  for (var step = 0u; step <= steps; step++) {
    if (step < steps) {
      let c = 8u * step + 4u * fetched_quad;
      //for r in 0..4
      next_near$r = if_inside(load_x(x_near$r, c, sources), inside_near$r && c < sources);
      next_far$r = if_inside(load_x(x_far$r, c, sources), inside_far$r && c < sources);
      let from$r = lane + $ru * 256u;
      next_u$r = u[(from$r / 64u * quads + 2u * step + from$r / 32u % 2u) * row_of_u + first_channel + from$r % 32u];
      //end
    }
    if (step > 0u) {
      for (var quad = 0u; quad < 2u; quad++) {
        //for p in 0..2
        let left$p = (places + $pu) * 64u + 2u * down + quad;
        let right$p = RIGHT + ((places + $pu) * 2u + quad) * 32u + across;
        //for j in 0..4
        let w$p_$j = kept[right$p + 8u * $ju];
        //end
        //for h in 0..2
        //for i in 0..4
        let x$p_$h$i = kept[left$p + 32u * $hu + 8u * $iu];
        //for k in 0..4
        y$p_$h$i = fma(vec4(x$p_$h$i[$k]), vec4(w$p_0[$k], w$p_1[$k], w$p_2[$k], w$p_3[$k]), y$p_$h$i);
        //end
        //end
        //end
        //end
      }
    }
    workgroupBarrier();
    if (step < steps) {
      //for r in 0..4
      let sum$r = fma(vec4(pair.sign), next_far$r, next_near$r);
      kept[lane + $ru * 256u + RIGHT] = next_u$r;
      //end
      // All 64 of a column are for its place in the first row: tiles, and quads within.
      keep_column(lane, sum0, sum1, sum2, sum3);
    }
    workgroupBarrier();
  }

  // Each half of the tiles in turn, an invocation makes one row of the pixels of a tile, of four channels.
  let made_row = lane / 128u;
  let made_tile = lane / 8u % 16u;
  let sign_of_row = select(1.0, -1.0, made_row == 1u);
  //for h in 0..2
  //for p in 0..2
  //for i in 0..4
  kept[((places + $pu) * 16u + down + 4u * $iu) * 8u + across] = y$p_$h$i;
  //end
  //end
  workgroupBarrier();
  {
    //for c in 0..4
    let first$c = (made_row * 64u + 16u * $cu + made_tile) * 8u + across;
    let sum$c = fma(vec4(sign_of_row), kept[first$c + 512u] + kept[first$c + 1024u], kept[first$c]);
    //end
    let made = first_tile + 16u * $hu + made_tile;
    let to = 2u * vec2(made / tiled.y % tiled.x, made % tiled.y) + vec2(made_row, 0u);
    if (made < tiles && to.x < size.x) {
      let pixel = (made / (tiled.x * tiled.y) * size.x + to.x) * size.y + to.y;
      store_d(pixel, first_channel + 4u * across, destinations, sum0 + sum1 + sum2);
      if (to.y + 1u < size.y) {
        store_d(pixel + 1u, first_channel + 4u * across, destinations, sum1 - sum2 - sum3);
      }
    }
  }
  workgroupBarrier();
  //end
}
