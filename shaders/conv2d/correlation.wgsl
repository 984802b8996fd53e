// conv2d, forward and input gradient, as one implicit matrix product:
//   d[m, k] = sum over taps (r, s) and source channels c of x[pixel(m, r, s), c] * w[r, s, c, k]
// where m runs over the destination's pixels. Forward, d is the output: pixel p of an axis reads the
// sources p * stride - pad + r. Input gradient, d is the input: of its pixels i, those with
// (i + pad) % stride = f (a phase) meet only the taps r = f, f + stride, ..., at (i + pad - r) / stride.
// Both are, along an axis, for grid position g of phase f and tap number t:
//   destination g * step + f + destination_offset
//   source      g * source_step + source_offset + t * direction
//   tap         f + t * step
// One invocation makes 8 pixels x 8 channels of d; neighbouring invocations share their pixels.
// Workgroups of WORKGROUP. Grid: ceil(phases * ceil(positions/8) * ceil(k/8) / WORKGROUP), folded.
// params: images, grid rows, grid columns, blocks of 8 channels; step (rows, columns), kernel (rows,
// columns); source rows, columns, channels, destination channels; destination rows, columns, source
// step (rows, columns); source offset (rows, columns), destination offset (rows, columns); direction,
// vectors in a row of w.
//SOURCE
@group(0) @binding(2) var<storage, read> w: array<vec4<f32>>;
//DESTINATION

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) workgroup: vec3<u32>, @builtin(num_workgroups) grid: vec3<u32>,
        @builtin(local_invocation_index) lane: u32) {
  let rows = params[0][1];
  let columns = params[0][2];
  let blocks = params[0][3];
  let step = params[1].xy;
  let kernel = params[1].zw;
  let source = params[2].xy;
  let sources = params[2][2];
  let destinations = params[2][3];
  let direction = i32(params[5][0]);
  let row_of_w = params[5][1];

  let positions = params[0][0] * rows * columns;
  let groups = (positions + 7u) / 8u;
  let index = folded(workgroup, grid) * WORKGROUPu + lane;
  let block = index % blocks;
  let group = index / blocks % groups;
  let phase = index / blocks / groups;
  if (phase >= step.x * step.y) { return; }
  let first_tap = vec2(phase / step.y, phase % step.y);

  // The source pixel of tap number 0, for each position; far outside where there is no such position.
  //for p in 0..8
  let position$p = group * 8u + $pu;
  let image$p = position$p / (rows * columns);
  let cell$p = vec2(position$p / columns % rows, position$p % columns);
  let base$p = select(vec2(-0x10000000), vec2<i32>(cell$p * params[3].zw + params[4].xy), position$p < positions);
  var a$p_0 = vec4<f32>();
  var a$p_1 = vec4<f32>();
  //end

  // The second vector of a row's last block may not exist; it then repeats the first.
  let second = min(1u, row_of_w - 1u - 2u * block);
  var offset = vec2<i32>();
  for (var r = first_tap.x; r < kernel.x; r += step.x) {
    offset.y = 0;
    for (var s = first_tap.y; s < kernel.y; s += step.y) {
      //for p in 0..8
      let at$p = vec2<u32>(base$p + offset);
      let inside$p = all(at$p < source);
      let x$p = select(0u, ((image$p * source.x + at$p.x) * source.y + at$p.y) * stride_x(sources), inside$p);
      //end
      let w_tap = (r * kernel.y + s) * sources * row_of_w + 2u * block;
      for (var c = 0u; c < sources; c += 4u) {
        //for i in 0..4
        let w$i = w_tap + min(c + $iu, sources - 1u) * row_of_w;
        let w$i_0 = w[w$i];
        let w$i_1 = w[w$i + second];
        //end
        //for p in 0..8
        let v$p = select(vec4<f32>(), load_x(x$p, c, sources), inside$p);
        //for i in 0..4
        a$p_0 = fma(vec4(v$p[$i]), w$i_0, a$p_0);
        a$p_1 = fma(vec4(v$p[$i]), w$i_1, a$p_1);
        //end
        //end
      }
      offset.y += direction;
    }
    offset.x += direction;
  }

  //for p in 0..8
  let to$p = cell$p * step + first_tap + params[4].zw;
  if (position$p < positions && all(to$p < params[3].xy)) {
    let start = (image$p * params[3].x + to$p.x) * params[3].y + to$p.y;
    store_d(start, 8u * block, destinations, a$p_0);
    store_d(start, 8u * block + 4u, destinations, a$p_1);
  }
  //end
}
