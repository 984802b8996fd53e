// Of lanes_correlation.wgsl and lanes_rows.wgsl: stores the sums of each group at its pixel$p, where that is stored$p.
// The last group is taken and the others move up, and so are its quads. A driver writes out a store, and the epilogue
// before it, for every lane: it would compile several times as long if it did so for every sum, or in loops of a length
// that it knows.
  let first = (params[1][0] + block) * 4u * OUTPUT_QUADSu;
  for (var left = params[6][1]; left > 0u; left--) {
    var pixel = 0u;
    var stored = false;
    //for q in 0..OUTPUT_QUADS
    var last$q = vec4<f32>();
    //end
    //for p in 0..PIXEL_GROUPS
    let up_pixel$p = pixel$p;
    pixel$p = pixel;
    pixel = up_pixel$p;
    let up_stored$p = stored$p;
    stored$p = stored;
    stored = up_stored$p;
    //for q in 0..OUTPUT_QUADS
    let up$p_$q = a$p_$q;
    a$p_$q = last$q;
    last$q = up$p_$q;
    //end
    //end
    for (var quad = params[6][2]; quad > 0u; quad--) {
      var sums = vec4<f32>();
      //for q in 0..OUTPUT_QUADS
      let up$q = last$q;
      last$q = sums;
      sums = up$q;
      //end
      if (stored) { store_d(pixel, first + 4u * (quad - 1u), destinations, sums); }
    }
  }
