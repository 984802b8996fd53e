// Of lanes_correlation.wgsl and lanes_rows.wgsl: the pixels v of each group times the weights from vector next on,
// which the lanes load together.
        //for t in 0..WEIGHT_LOADS
        let w$t = load_w(next + 8u * $tu + lane % LOADINGu);
        //end
        let ws = array(LOADED);
        //for q in 0..OUTPUT_QUADS
        //for i in 0..4
        let b$q_$i = subgroupBroadcast(ws[$qu / 2u], 4u * ($qu % 2u) + $iu);
        //end
        //for p in 0..PIXEL_GROUPS
        //for i in 0..4
        a$p_$q = fma(vec4(v$p[$i]), b$q_$i, a$p_$q);
        //end
        //end
        //end
