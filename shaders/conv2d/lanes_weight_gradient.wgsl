// conv2d, weight gradient, for software drivers whose subgroups are 8 lanes of a vector (see
// lanes_correlation.wgsl):
//   dw[r, s, c, k] = sum over output pixels m of x[pixel(m, r, s), c] * dy[m, k]
// The sum is split over rows of output pixels into parts of fixed size, each summed into a slab of its
// own; a second shader adds the slabs in order.
// One workgroup of 8 makes TAPS taps of a kernel row, 8 * C_PER_LANE channels c and 8 * K_PER_LANE channels k of a part:
// a lane sums for its own k, and gets each c of the input pixels by broadcast from the lane that loaded it. A pass goes
// over COLUMNS neighbouring output pixels, whose taps share input pixels. The host writes out the products.
// Grid: parts * kernel rows * groups of taps * blocks of c * blocks of k, folded.
// params: output rows in all images, rows of a part, parts, output rows of an image; output columns, groups of taps, blocks
// of c, blocks of k; input rows, columns, channels, output channels; kernel rows, columns, stride (rows, columns); padding
// (rows, columns), 8 * C_PER_LANE, 0.
//BINDINGS
@group(0) @binding(3) var<storage, read_write> slabs: array<f32>;

@compute @workgroup_size(8)
fn main(@builtin(workgroup_id) workgroup: vec3<u32>, @builtin(num_workgroups) grid: vec3<u32>,
        @builtin(local_invocation_index) lane: u32) {
  let image_rows = params[0][3];
  let columns = params[1][0];
  let groups = params[1][1];
  let input_blocks = params[1][2];
  let output_blocks = params[1][3];
  let input = params[2].xy;
  let inputs = params[2][2];
  let outputs = params[2][3];
  let kernel = params[3].xy;
  let stride = params[3].zw;
  let padding = params[4].xy;

  let index = folded(workgroup, grid);
  let k = index % output_blocks * 8u * K_PER_LANEu;
  let c = index / output_blocks % input_blocks * 8u * C_PER_LANEu;
  let taps = index / output_blocks / input_blocks;
  let r = taps / groups % kernel.x;
  let s = taps % groups * TAPSu;
  let part = taps / groups / kernel.x;

  // Lanes beyond the last channel sum what another sums; it is dropped.
  let own_c = min(c / C_PER_LANEu + lane, inputs / C_PER_LANEu - 1u);
  let own_k = min(k / K_PER_LANEu + lane, outputs / K_PER_LANEu - 1u);
  //for s in 0..TAPS
  //for i in 0..CHANNELS
  //for o in 0..K_PER_LANE
  var a$s_$i_$o = 0.0;
  //end
  //end
  //end

  for (var row = part * params[0][1]; row < min((part + 1u) * params[0][1], params[0][0]); row++) {
    let y = row % image_rows * stride.x + r - padding.x;
    let x_line = (row / image_rows * input.x + y) * input.y;
    let end = select(0u, columns, y < input.x);
    for (var q = 0u; q < end; q += COLUMNSu) {
      let first = q * stride.y + s - padding.y;
      //for t in 0..X_COLUMNS
      let inside$t = first + $tu < input.y;
      let at$t = select(0u, (x_line + first + $tu) * (inputs / C_PER_LANEu) + own_c, inside$t);
      let x$t = select(vec2<f32>(), load_x(at$t), inside$t);
      //end
      //for u in 0..COLUMNS
      let exists$u = q + $uu < columns;
      let at_d$u = select(0u, (row * columns + q + $uu) * (outputs / K_PER_LANEu) + own_k, exists$u);
      let d$u = select(vec2<f32>(), load_dy(at_d$u), exists$u);
      //end
//PRODUCTS
    }
  }

  // The last sum of each tap is stored and the others move up, in a loop whose length is from params: written out, the
  // stores take a driver longer to compile than all the rest.
  let slab = part * kernel.x * kernel.y * inputs * outputs;
  let first_k = k + K_PER_LANEu * lane;
  let exists = part < params[0][2] && first_k < outputs;
  for (var i = params[4][2]; i > 0u; i--) {
    //for s in 0..TAPS
    //for o in 0..K_PER_LANE
    var last$s_$o = 0.0;
    //for i in 0..CHANNELS
    let moved$s_$i_$o = a$s_$i_$o;
    a$s_$i_$o = last$s_$o;
    last$s_$o = moved$s_$i_$o;
    //end
    //end
    if (exists && s + $su < kernel.y && c + i <= inputs) {
      let to = slab + ((r * kernel.y + s + $su) * inputs + c + i - 1u) * outputs + first_k;
      //for o in 0..K_PER_LANE
      slabs[to + $ou] = last$s_$o;
      //end
    }
    //end
  }
}
