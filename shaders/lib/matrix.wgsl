enable f16;
//ENABLE
// A product of matrices on matrix units: y[m, n] = sum over k of a[m, k] * b[k, n], with the operation's places
// filled in as in blocks.wgsl.
// A workgroup of THREADS makes ROWS x COLUMNS of y in steps of 16 along k; each of its subgroups of 32 makes
// ROW_FRAGMENTS x COLUMN_FRAGMENTS fragments of 16 x 16.
// Units multiply 16-bit floats, whose significands have 11 bits, and add in f32. For products as exact as in
// f32 each factor is scaled by a power of two that brings its largest number to 2^14 or just above, and split
// in two pieces: its first 11 bits and the next 11. Of the four products that of the second pieces is left
// out. The sum over a step starts at zero and is added to the others in f32, because units round toward zero.
// Numbers below 2^-17 of the factor's largest lose bits, but none that the largest would show; next to an
// infinity those below 2^-38 count as zeros.
// maxima: 256 candidates for the largest finite magnitude of a, then as many for b.
@group(0) @binding(MAXIMA) var<storage, read> maxima: array<f32>;
// Tiles, padded against bank conflicts.
//for p in 0..PIECES
var<workgroup> left_tile$p: array<vec4<f16>, LEFT_LENGTH>;
var<workgroup> right_tile$p: array<vec4<f16>, RIGHT_LENGTH>;
//end
var<workgroup> staged: array<f32, THREADS * 8>;
var<workgroup> largest: array<atomic<u32>, 2>;
//DECLARATIONS_OF_OPERATION
//UNITS

// The exponent, with the bias of f32, of the power of two that brings `magnitude` to 2^14 or just above.
fn scale_exponent(magnitude: u32) -> u32 {
  return min(268u - (magnitude >> 23u), 253u);
}

// 2^(exponent - 127), for exponents from 1 on.
fn power(exponent: u32) -> f32 {
  return bitcast<f32>(exponent << 23u);
}

fn is_finite(x: vec4<f32>) -> vec4<bool> {
  return (bitcast<vec4<u32>>(x) & vec4(0x7f800000u)) != vec4(0x7f800000u);
}

// The first 11 bits. Cut off and not rounded, so that the rest has the same sign, which keeps infinities.
fn piece0(x: vec4<f32>) -> vec4<f16> {
  return vec4<f16>(select(x, bitcast<vec4<f32>>(bitcast<vec4<u32>>(x) & vec4(0xffffe000u)), is_finite(x)));
}

// The next 11, rounded here, because how a conversion rounds is up to the device. Only of zero are they zero:
// an infinity of the other factor would make a NaN of it, so that at least the smallest number is put there.
fn piece1(x: vec4<f32>) -> vec4<f16> {
  let rest = bitcast<vec4<u32>>(x - vec4<f32>(piece0(x)));
  let rounded = (rest + vec4(0x1000u)) & vec4(0xffffe000u);
  let some = max(rounded & vec4(0x7fffffffu), vec4(0x33800000u)) | (bitcast<vec4<u32>>(x) & vec4(0x80000000u));
  return vec4<f16>(select(vec4<f32>(), bitcast<vec4<f32>>(some), is_finite(x) & (x != vec4<f32>())));
}

@compute @workgroup_size(THREADS)
fn main(@builtin(workgroup_id) workgroup: vec3<u32>, @builtin(num_workgroups) grid: vec3<u32>,
        @builtin(local_invocation_index) lane: u32//BUILTINS
        ) {
  let index = folded(workgroup, grid);
  //BEGIN
  let vector = lane % 4u;
  let left_quad = lane % (ROWS / 4u);
  let right_quad = lane % (COLUMNS / 4u);
  //for i in 0..LOADS
  let row$i = lane / 4u + $iu * (THREADS / 4u);
  let left_k$i = lane / (ROWS / 4u) + $iu * (4u * THREADS / ROWS);
  let right_k$i = lane / (COLUMNS / 4u) + $iu * (4u * THREADS / COLUMNS);
  var next_left$i = vec4<f32>();
  var next_right$i = vec4<f32>();
  //end
  //PLACE

  if (lane < 2u) { atomicStore(&largest[lane], 0u); }
  workgroupBarrier();
  for (var i = lane; i < 512u; i += THREADSu) {
    atomicMax(&largest[i / 256u], bitcast<u32>(maxima[i]));
  }
  workgroupBarrier();
  let left_exponent = scale_exponent(atomicLoad(&largest[0]));
  let right_exponent = scale_exponent(atomicLoad(&largest[1]));

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
    let left$i = next_left$i * power(left_exponent);
    let right$i = next_right$i * power(right_exponent);
    //for p in 0..PIECES
    left_tile$p[KEEP_LEFT] = piece$p(left$i);
    right_tile$p[KEEP_RIGHT] = piece$p(right$i);
    //end
    //end
    workgroupBarrier();
    step++;
    if (step < steps) {
      //FETCH
    }
    //for p in 0..PIECES
    //for j in 0..COLUMN_FRAGMENTS
    let b$p_$j = load_right$p((across + 16u * $ju) RIGHT_LINE);
    //end
    //for h in 0..ROW_FRAGMENTS
    let a$p_$h = load_left$p((down + 16u * $hu) LEFT_LINE);
    //end
    //end
    //for h in 0..ROW_FRAGMENTS
    //for j in 0..COLUMN_FRAGMENTS
    let small$h_$j = multiply0_1(a0_$h, b1_$j, multiply1_0(a1_$h, b0_$j, Sum()));
    sum$h_$j = add(sum$h_$j, multiply0_0(a0_$h, b0_$j, small$h_$j));
    //end
    //end
    workgroupBarrier();
  }

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
