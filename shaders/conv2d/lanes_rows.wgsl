// lanes_correlation.wgsl of stride 1 for rows of 8, 16, ... 8 * PIXEL_GROUPS pixels that meet source rows of as many: the
// taps of a kernel row share the pixels that the lanes have loaded. They get those of their neighbours by shuffles, which
// cost a fraction of a load.
// One workgroup of 8 makes 8 * PIXEL_GROUPS pixels, whole rows, x 4 * OUTPUT_QUADS channels of d.
// The host writes out the shuffles.
// Grid: ceil(rows / rows of a tile) * blocks, folded. params: as of lanes_correlation.wgsl, with the binary logarithm of
// the groups in a row: one shader for all widths, as drivers compile each for long.
//BINDINGS

@compute @workgroup_size(8)
fn main(@builtin(workgroup_id) workgroup: vec3<u32>, @builtin(num_workgroups) grid: vec3<u32>,
        @builtin(local_invocation_index) lane: u32) {
  let rows = params[0][1];
  let blocks = params[0][3];
  let direction = i32(params[1][2]);
  let vectors = params[1][3];
  let kernel = params[2].zw;
  let source = params[3].xy;
  let destinations = params[3][2];
  let row_groups = 1u << params[6][0];

  let index = folded(workgroup, grid);
  let block = index % blocks;
  let group = index / blocks * PIXEL_GROUPSu;

  //for p in 0..PIXEL_GROUPS
  let line$p = (group + $pu) >> params[6][0];
  let column$p = ((group + $pu) & (row_groups - 1u)) * 8u + lane;
  let exists$p = line$p < params[0][0] * rows;
  let image$p = line$p / rows;
  let row$p = line$p % rows;
  //for q in 0..OUTPUT_QUADS
  var a$p_$q = vec4<f32>();
  //end
  //end

  for (var r = 0u; r < kernel.x; r++) {
    //for p in 0..PIXEL_GROUPS
    let at$p = u32(i32(row$p) + i32(params[5].x) + direction * i32(r));
    let inside$p = exists$p && at$p < source.x;
    let x$p = select(0u, ((image$p * source.x + at$p) * source.y + column$p) * vectors, inside$p);
    //end
    let tap = block * params[1][1] + r * kernel.y * vectors * 4u * OUTPUT_QUADSu;
    for (var c = 0u; c < vectors; c++) {
      //for p in 0..PIXEL_GROUPS
      let own$p = select(vec4<f32>(), load_x(x$p + c), inside$p);
      //end
//SHIFTS
      //for s in 0..KERNEL_COLUMNS
      {
        let next = tap + ($su * vectors + c) * 4u * OUTPUT_QUADSu;
        //for p in 0..PIXEL_GROUPS
        let v$p = v$s_$p;
        //end
//PRODUCTS
      }
      //end
    }
  }

  //for p in 0..PIXEL_GROUPS
  var stored$p = exists$p;
  var pixel$p = line$p * params[4].y + column$p;
  //end
//STORES
}
