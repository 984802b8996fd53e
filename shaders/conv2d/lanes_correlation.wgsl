// conv2d, forward and input gradient, for software drivers whose subgroups are 8 lanes of a vector:
//   d[m, k] = sum over taps (r, s) and source channels c of x[pixel(m, r, s), c] * w[r, s, c, k]
// with the axes of correlation.wgsl.
// There, a load costs more than a hundred products, and a broadcast is one instruction.
// One workgroup of 8 makes 8 * PIXEL_GROUPS pixels x 4 * OUTPUT_QUADS channels of d: a lane has the pixels of
// its number in each group, and the lanes load the weights together and broadcast them.
// w is packed by lanes_pack.wgsl. Grid: phases * ceil(positions / pixels of a tile) * blocks, folded.
// params: images, grid rows, grid columns, blocks; first block, vectors of a block of w, direction, vectors of a pixel;
// step (rows, columns), kernel (rows, columns); source rows, columns, destination channels, 0; destination rows,
// columns, source step (rows, columns); source offset (rows, columns), destination offset (rows, columns); 0,
// PIXEL_GROUPS, OUTPUT_QUADS, 0.
//BINDINGS

@compute @workgroup_size(8)
fn main(@builtin(workgroup_id) workgroup: vec3<u32>, @builtin(num_workgroups) grid: vec3<u32>,
        @builtin(local_invocation_index) lane: u32) {
  let rows = params[0][1];
  let columns = params[0][2];
  let blocks = params[0][3];
  let direction = i32(params[1][2]);
  let vectors = params[1][3];
  let step = params[2].xy;
  let kernel = params[2].zw;
  let source = params[3].xy;
  let destinations = params[3][2];

  let positions = params[0][0] * rows * columns;
  let groups = (positions + 8u * PIXEL_GROUPSu - 1u) / (8u * PIXEL_GROUPSu);
  let index = folded(workgroup, grid);
  let block = index % blocks;
  let group = index / blocks % groups;
  let phase = index / blocks / groups;
  let first_tap = vec2(phase / step.y, phase % step.y);

  // The source pixel of tap number 0, for each position; far outside where there is no such position.
  //for p in 0..PIXEL_GROUPS
  let position$p = (group * PIXEL_GROUPSu + $pu) * 8u + lane;
  let exists$p = position$p < positions && first_tap.x < step.x;
  let image$p = position$p / (rows * columns);
  let cell$p = vec2(position$p / columns % rows, position$p % columns);
  let base$p = select(vec2(-0x10000000), vec2<i32>(cell$p * params[4].zw + params[5].xy), exists$p);
  //for q in 0..OUTPUT_QUADS
  var a$p_$q = vec4<f32>();
  //end
  //end

  var offset = vec2<i32>();
  for (var r = first_tap.x; r < kernel.x; r += step.x) {
    offset.y = 0;
    for (var s = first_tap.y; s < kernel.y; s += step.y) {
      //for p in 0..PIXEL_GROUPS
      let at$p = vec2<u32>(base$p + offset);
      let inside$p = all(at$p < source);
      let x$p = select(0u, ((image$p * source.x + at$p.x) * source.y + at$p.y) * vectors, inside$p);
      //end
      let tap = block * params[1][1] + (r * kernel.y + s) * vectors * 4u * OUTPUT_QUADSu;
      for (var c = 0u; c < vectors; c++) {
        let next = tap + c * 4u * OUTPUT_QUADSu;
        //for p in 0..PIXEL_GROUPS
        let v$p = select(vec4<f32>(), load_x(x$p + c), inside$p);
        //end
//PRODUCTS
      }
      offset.y += direction;
    }
    offset.x += direction;
  }

  //for p in 0..PIXEL_GROUPS
  let to$p = cell$p * step + first_tap + params[5].zw;
  var stored$p = exists$p && all(to$p < params[4].xy);
  var pixel$p = (image$p * params[4].x + to$p.x) * params[4].y + to$p.y;
  //end
//STORES
}
