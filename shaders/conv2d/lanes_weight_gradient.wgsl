// conv2d, weight gradient, for software drivers whose subgroups are 8 lanes of a vector (see
// lanes_correlation.wgsl), over one window of the input and one of the gradient of the output:
//   dw[r, s, c, k] = sum over output pixels m of x[pixel(m, r, s), c] * dy[m, k]
// The first window's sums are stored, those of the others are added to it, one launch after another.
// One workgroup of 8 makes 4 * INPUT_QUADS x 4 * OUTPUT_QUADS channels (c, k) of one tap: a lane sums every
// eighth column of two rows at a time, and the lanes add up their sums in the end.
// Grid: taps * blocks of c * blocks of k, folded.
// params: first image, images, first output row, output rows; output columns, first vector of x, first vector
// of dy, whether to add; input rows, columns, vectors of a pixel, channels; output channels, vectors of a
// pixel, kernel rows, columns; stride (rows, columns), padding (rows, columns); blocks of c, blocks of k,
// output rows of an image.
@group(0) @binding(1) var<uniform> x: array<vec4<f32>, X_VECTORS>;
@group(0) @binding(2) var<uniform> dy: array<vec4<f32>, DY_VECTORS>;
@group(0) @binding(3) var<storage, read_write> dw: array<f32>;

// The sum over the lanes, in all lanes.
fn over_lanes(v: vec4<f32>) -> vec4<f32> {
  return ((subgroupBroadcast(v, 0u) + subgroupBroadcast(v, 1u)) + (subgroupBroadcast(v, 2u) + subgroupBroadcast(v, 3u)))
       + ((subgroupBroadcast(v, 4u) + subgroupBroadcast(v, 5u)) + (subgroupBroadcast(v, 6u) + subgroupBroadcast(v, 7u)));
}

@compute @workgroup_size(8)
fn main(@builtin(workgroup_id) workgroup: vec3<u32>, @builtin(num_workgroups) grid: vec3<u32>,
        @builtin(local_invocation_index) lane: u32) {
  let rows = params[0][3];
  let columns = params[1][0];
  let input = params[2].xy;
  let x_vectors = params[2][2];
  let inputs = params[2][3];
  let outputs = params[3][0];
  let dy_vectors = params[3][1];
  let kernel = params[3].zw;
  let stride = params[4].xy;
  let padding = params[4].zw;
  let input_blocks = params[5][0];
  let output_blocks = params[5][1];
  let image_rows = params[5][2];

  let index = folded(workgroup, grid);
  let k = index % output_blocks * OUTPUT_QUADSu;
  let c = index / output_blocks % input_blocks * INPUT_QUADSu;
  let tap = index / output_blocks / input_blocks;
  let r = tap / kernel.y;
  let s = tap % kernel.y;

  //for c in 0..INPUT_QUADS
  let c$c = min(c + $cu, x_vectors - 1u);
  //for i in 0..4
  //for k in 0..OUTPUT_QUADS
  var a$c_$i_$k = vec4<f32>();
  //end
  //end
  //end
  //for k in 0..OUTPUT_QUADS
  let k$k = min(k + $ku, dy_vectors - 1u);
  //end

  var image1 = params[0][0];
  var row1 = params[0][2];
  let end = params[0][2] + rows;
  for (var line = 0u; line < params[0][1] * rows; line += 2u) {
    let image0 = image1;
    let row0 = row1;
    row1 = select(row0 + 1u, params[0][2], row0 + 1u == end);
    image1 = select(image0, image0 + 1u, row0 + 1u == end);
    //for u in 0..2
    let y$u = row$u * stride.x + r - padding.x;
    let line_inside$u = y$u < input.x && line + $uu < params[0][1] * rows;
    let x_line$u = (image$u * input.x + y$u) * input.y;
    let dy_line$u = (image$u * image_rows + row$u) * columns;
    //end
    for (var q = lane; q < columns + lane; q += 8u) {
      let column = q * stride.y + s - padding.y;
      //for u in 0..2
      let inside$u = line_inside$u && column < input.y && q < columns;
      let at_x$u = select(0u, (x_line$u + column) * x_vectors - params[1][1], inside$u);
      let at_dy$u = select(0u, (dy_line$u + q) * dy_vectors - params[1][2], inside$u);
      //for c in 0..INPUT_QUADS
      let x$u_$c = select(vec4<f32>(), x[at_x$u + c$c], inside$u);
      //end
      //for k in 0..OUTPUT_QUADS
      let d$u_$k = select(vec4<f32>(), dy[at_dy$u + k$k], inside$u);
      //end
      //end
      //for c in 0..INPUT_QUADS
      //for i in 0..4
      //for k in 0..OUTPUT_QUADS
      //for u in 0..2
      a$c_$i_$k = fma(vec4(x$u_$c[$i]), d$u_$k, a$c_$i_$k);
      //end
      //end
      //end
      //end
    }
    let step_over = row1 + 1u == end;
    row1 = select(row1 + 1u, params[0][2], step_over);
    image1 = select(image1, image1 + 1u, step_over);
  }

  // Each lane stores what belongs to its input channel.
  let channel = 4u * c + lane;
  let place = (tap * inputs + channel) * outputs;
  //for k in 0..OUTPUT_QUADS
  var sum$k = vec4<f32>();
  //for c in 0..INPUT_QUADS
  //for i in 0..4
  let sum$k_$c_$i = over_lanes(a$c_$i_$k);
  sum$k = select(sum$k, sum$k_$c_$i, lane == 4u * $cu + $iu);
  //end
  //end
  //end
  if (channel < inputs && lane < 4u * INPUT_QUADSu && tap < kernel.x * kernel.y) {
    //for k in 0..OUTPUT_QUADS
    for (var o = 0u; o < 4u; o++) {
      let to = 4u * (k + $ku) + o;
      if (to < outputs) {
        if (params[1][3] == 1u) { sum$k[o] += dw[place + to]; }
        dw[place + to] = sum$k[o];
      }
    }
    //end
  }
}
