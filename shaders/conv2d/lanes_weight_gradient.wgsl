// conv2d, weight gradient, for software drivers whose subgroups are 8 lanes of a vector (see
// lanes_correlation.wgsl), over one window of the input and one of the gradient of the output:
//   dw[r, s, c, k] = sum over output pixels m of x[pixel(m, r, s), c] * dy[m, k]
// The first window's sums are stored, those of the others are added to it, one launch after another.
// One workgroup of 8 makes TAPS taps of a kernel row, 8 channels c and 8 * OUTPUTS channels k: a lane sums for its own
// k, and gets each c of the input pixels by broadcast from the lane that loaded it. A pass goes over COLUMNS
// neighbouring output pixels, whose taps share input pixels.
// Grid: kernel rows * groups of taps * blocks of c * blocks of k, folded.
// params: first image, end, first output row, end; output columns, first element of x, first element of dy, whether to
// add; input rows, columns, channels, output channels; kernel rows, columns, groups of taps, blocks of c; stride (rows,
// columns), padding (rows, columns); blocks of k, output rows of an image.
@group(0) @binding(1) var<uniform> x: array<vec4<f32>, X_VECTORS>;
@group(0) @binding(2) var<uniform> dy: array<vec4<f32>, DY_VECTORS>;
@group(0) @binding(3) var<storage, read_write> dw: array<f32>;

@compute @workgroup_size(8)
fn main(@builtin(workgroup_id) workgroup: vec3<u32>, @builtin(num_workgroups) grid: vec3<u32>,
        @builtin(local_invocation_index) lane: u32) {
  let columns = params[1][0];
  let input = params[2].xy;
  let inputs = params[2][2];
  let outputs = params[2][3];
  let kernel = params[3].xy;
  let groups = params[3][2];
  let input_blocks = params[3][3];
  let stride = params[4].xy;
  let padding = params[4].zw;
  let output_blocks = params[5][0];
  let image_rows = params[5][1];

  let index = folded(workgroup, grid);
  let k = index % output_blocks * 8u * OUTPUTSu + lane;
  let c = index / output_blocks % input_blocks * 8u;
  let tap = index / output_blocks / input_blocks;
  let r = tap / groups;
  let s = tap % groups * TAPSu;

  // Lanes beyond the last channel sum what another sums; it is dropped.
  let own_c = min(c + lane, inputs - 1u) - params[1][1];
  //for o in 0..OUTPUTS
  let own_k$o = min(k + 8u * $ou, outputs - 1u) - params[1][2];
  //end
  //for s in 0..TAPS
  //for i in 0..8
  //for o in 0..OUTPUTS
  var a$s_$i_$o = 0.0;
  //end
  //end
  //end

  // Output rows that meet an input row at r.
  let row_first = max(params[0][2], (max(padding.x, r) - r + stride.x - 1u) / stride.x);
  let row_end = min(params[0][3], (max(input.x + padding.x, r) - r + stride.x - 1u) / stride.x);
  for (var image = params[0][0]; image < params[0][1]; image++) {
    for (var row = row_first; row < row_end; row++) {
      let x_line = (image * input.x + row * stride.x + r - padding.x) * input.y;
      let dy_line = (image * image_rows + row) * columns;
      for (var q = 0u; q < columns; q += COLUMNSu) {
        let first = q * stride.y + s - padding.y;
        //for t in 0..X_COLUMNS
        let inside$t = first + $tu < input.y;
        let at$t = select(0u, (x_line + first + $tu) * inputs + own_c, inside$t);
        let x$t = select(0.0, x[at$t / 4u][at$t % 4u], inside$t);
        //end
        //for u in 0..COLUMNS
        let exists$u = q + $uu < columns;
        //for o in 0..OUTPUTS
        let at_d$u_$o = select(0u, (dy_line + q + $uu) * outputs + own_k$o, exists$u);
        let d$u_$o = select(0.0, dy[at_d$u_$o / 4u][at_d$u_$o % 4u], exists$u);
        //end
        //end
//PRODUCTS
      }
    }
  }

  //for s in 0..TAPS
  //for i in 0..8
  //for o in 0..OUTPUTS
  if (r < kernel.x && s + $su < kernel.y && c + $iu < inputs && k + 8u * $ou < outputs) {
    let to = ((r * kernel.y + s + $su) * inputs + c + $iu) * outputs + k + 8u * $ou;
    if (params[1][3] == 1u) { a$s_$i_$o += dw[to]; }
    dw[to] = a$s_$i_$o;
  }
  //end
  //end
  //end
}
