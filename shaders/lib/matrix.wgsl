enable f16;
//ENABLE
// A product of matrices on matrix units: y[m, n] = sum over k of a[m, k] * b[k, n], with the operation's places
// filled in as in blocks.wgsl.
// A workgroup of THREADS makes ROWS x COLUMNS of y in steps of STEP along k; each of its subgroups of 32 makes
// ROW_FRAGMENTS x COLUMN_FRAGMENTS fragments of 16 x 16.
// Units multiply 16-bit floats, whose significands have 11 bits, and add in f32. convert/split.wgsl has scaled
// each factor by a power of two and split it into pieces; with one piece, a factor that is stored so is read as it is. For products as exact as in f32 there are two, and of
// their four products that of the second pieces is left out; the sum over a step starts at zero and is added to
// the others in f32, because units round toward zero.
// scales: the exponents of the powers, with the bias of f32, that a and b were multiplied by.
@group(0) @binding(SCALES) var<storage, read> scales: array<u32>;
struct Quad {
  //for p in 0..PIECES
  piece$p: vec4<f16>,
  //end
}
// Tiles, padded against bank conflicts.
//for p in 0..PIECES
var<workgroup> left_tile$p: array<vec4<f16>, LEFT_LENGTH>;
var<workgroup> right_tile$p: array<vec4<f16>, RIGHT_LENGTH>;
//end
var<workgroup> staged: array<f32, THREADS * 8>;
//DECLARATIONS_OF_OPERATION
//UNITS

// 2^(exponent - 127), for exponents from 1 on.
fn power(exponent: u32) -> f32 {
  return bitcast<f32>(exponent << 23u);
}

fn if_inside(quad: Quad, inside: bool) -> Quad {
  if (inside) { return quad; }
  return Quad();
}

@compute @workgroup_size(THREADS)
fn main(@builtin(workgroup_id) workgroup: vec3<u32>, @builtin(num_workgroups) grid: vec3<u32>,
        @builtin(local_invocation_index) lane: u32//BUILTINS
        ) {
  let index = folded(workgroup, grid);
  //BEGIN
  let vector = lane % (STEPu / 4u);
  let left_quad = lane % (ROWS / 4u);
  let right_quad = lane % (COLUMNS / 4u);
  //for i in 0..LOADS
  let row$i = lane / (STEPu / 4u) + $iu * (4u * THREADS / STEPu);
  let left_k$i = lane / (ROWS / 4u) + $iu * (4u * THREADS / ROWS);
  let right_k$i = lane / (COLUMNS / 4u) + $iu * (4u * THREADS / COLUMNS);
  var next_left$i = Quad();
  var next_right$i = Quad();
  //end
  //PLACE

  // Where the fragments of the subgroup begin within the block.
  let down = subgroup / SUBGROUP_COLUMNS * (16u * ROW_FRAGMENTS);
  let across = subgroup % SUBGROUP_COLUMNS * (16u * COLUMN_FRAGMENTS);
  //for h in 0..ROW_FRAGMENTS
  //for j in 0..COLUMN_FRAGMENTS
  var sum$h_$j = Sum();
  //end
  //end
  var step = 0u;
  if (steps > 0u) {
    //FETCH
  }
  while (step < steps) {
    //for i in 0..LOADS
    //for p in 0..PIECES
    left_tile$p[KEEP_LEFT] = next_left$i.piece$p;
    right_tile$p[KEEP_RIGHT] = next_right$i.piece$p;
    //end
    //end
    workgroupBarrier();
    step++;
    if (step < steps) {
      //FETCH
    }
    //for s in 0..FRAGMENTS_OF_A_STEP
    {
      //for p in 0..PIECES
      //for j in 0..COLUMN_FRAGMENTS
      let b$p_$j = load_right$p((across + 16u * $ju) RIGHT_LINE + $su * RIGHT_NEXT);
      //end
      //for h in 0..ROW_FRAGMENTS
      let a$p_$h = load_left$p((down + 16u * $hu) LEFT_LINE + $su * LEFT_NEXT);
      //end
      //end
      //for h in 0..ROW_FRAGMENTS
      //for j in 0..COLUMN_FRAGMENTS
      ADD_PRODUCTS
      //end
      //end
    }
    //end
    workgroupBarrier();
  }

  let left_exponent = LEFT_EXPONENT;
  let right_exponent = RIGHT_EXPONENT;
  // Undo both scales, in two steps that stay within the exponent's range.
  let undo = 254 - i32(left_exponent) - i32(right_exponent);
  let first_undo = power(u32(undo / 2 + 127));
  let second_undo = power(u32(undo - undo / 2 + 127));
  // Fragments are opaque: each goes through memory, where an invocation takes half a row of it.
  let stage = subgroup * 256u;
  let taken = stage + within * 8u;
  //for i in 0..ROW_FRAGMENTS
  //for l in 0..COLUMN_FRAGMENTS
  keep(sum$i_$l, stage, within);
  workgroupBarrier();
  {
    let m = first_row + down + 16u * $iu + within / 2u;
    let n0 = first_column + across + 16u * $lu + 8u * (within % 2u);
    let n1 = n0 + 4u;
    let raw0 = vec4(staged[taken], staged[taken + 1u], staged[taken + 2u], staged[taken + 3u]);
    let raw1 = vec4(staged[taken + 4u], staged[taken + 5u], staged[taken + 6u], staged[taken + 7u]);
    let y00_0 = raw0 * first_undo * second_undo;
    let y00_1 = raw1 * first_undo * second_undo;
    //for h in 0..1
    //for e in 0..1
    //STORE
    //end
    //end
  }
  workgroupBarrier();
  //end
  //end
}
