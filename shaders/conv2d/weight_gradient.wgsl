// conv2d, weight gradient, as one implicit matrix product for each tap (r, s):
//   dw[r, s, c, k] = sum over output pixels m of x[pixel(m, r, s), c] * dy[m, k]
// The sum is split over rows of output pixels into parts of fixed size, each summed into a slab of its
// own; a second shader adds the slabs in order.
// One invocation makes 8 x 8 channels (c, k) of one tap and part; neighbours share their c.
// Workgroups of WORKGROUP. Grid: ceil(parts * taps * ceil(c/8) * ceil(k/8) / WORKGROUP), folded.
// params: output rows in all images, rows of a part, parts, output rows of an image; output columns,
// input rows, input columns, input channels; output channels, kernel rows, kernel columns, blocks of c;
// blocks of k, stride (rows, columns); padding (rows, columns).
//INPUT
//GRADIENT
@group(0) @binding(3) var<storage, read_write> slabs: array<f32>;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) workgroup: vec3<u32>, @builtin(num_workgroups) grid: vec3<u32>,
        @builtin(local_invocation_index) lane: u32) {
  let all_rows = params[0][0];
  let part_rows = params[0][1];
  let parts = params[0][2];
  let image_rows = params[0][3];
  let columns = params[1][0];
  let input = params[1].yz;
  let inputs = params[1][3];
  let outputs = params[2][0];
  let kernel = params[2].yz;
  let input_blocks = params[2][3];
  let output_blocks = params[3][0];
  let stride = params[3].yz;
  let padding = vec2(params[3][3], params[4][0]);

  let index = folded(workgroup, grid) * WORKGROUPu + lane;
  let k = index % output_blocks * 8u;
  let c = index / output_blocks % input_blocks * 8u;
  let tap = index / output_blocks / input_blocks % (kernel.x * kernel.y);
  let part = index / output_blocks / input_blocks / (kernel.x * kernel.y);
  if (part >= parts) { return; }
  let r = tap / kernel.y;
  let s = tap % kernel.y;

  // Output columns q whose input column q * stride + s - padding exists.
  let q_first = (max(padding.y, s) - s + stride.y - 1u) / stride.y;
  let q_end = min(columns, (max(input.y + padding.y, s) - s + stride.y - 1u) / stride.y);

  //for i in 0..8
  var a$i_0 = vec4<f32>();
  var a$i_1 = vec4<f32>();
  //end
  let last_row = min((part + 1u) * part_rows, all_rows);
  for (var row = part * part_rows; row < last_row; row++) {
    let y = row % image_rows * stride.x + r - padding.x;
    if (y >= input.x) { continue; }
    let x_row = (row / image_rows * input.x + y) * input.y;
    for (var q = q_first; q < q_end; q++) {
      let at_x = (x_row + q * stride.y + s - padding.y) * stride_x(inputs);
      let at_dy = (row * columns + q) * stride_dy(outputs);
      let x0 = load_x(at_x, c, inputs);
      let x1 = load_x(at_x, c + 4u, inputs);
      let d0 = load_dy(at_dy, k, outputs);
      let d1 = load_dy(at_dy, k + 4u, outputs);
      //for i in 0..4
      a$i_0 = fma(vec4(x0[$i]), d0, a$i_0);
      a$i_1 = fma(vec4(x0[$i]), d1, a$i_1);
      //end
      //for i in 4..8
      a$i_0 = fma(vec4(x1[$i - 4]), d0, a$i_0);
      a$i_1 = fma(vec4(x1[$i - 4]), d1, a$i_1);
      //end
    }
  }

  let slab = (part * kernel.x * kernel.y + tap) * inputs;
  //for i in 0..8
  if (c + $iu < inputs) {
    for (var j = 0u; j < 4u; j++) {
      if (k + j < outputs) { slabs[(slab + c + $iu) * outputs + k + j] = a$i_0[j]; }
      if (k + 4u + j < outputs) { slabs[(slab + c + $iu) * outputs + k + 4u + j] = a$i_1[j]; }
    }
  }
  //end
}
