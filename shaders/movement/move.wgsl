// move: y[i0, i1, ...] = x[p0, p1, ...] where p_a = (start_a + i_a * step_a) / dilation_a, or the fill
// where some p_a is no whole number or outside of its axis. Words, whatever they hold, or numbers in half precision.
// One invocation per element of y, workgroups of 64. Grid: ceil(elements/64), folded into two axes.
// params: elements, axes, fill, 0; then for each axis of y: size, start, step, dilation (signed), limit
// of p, elements between neighbours of p, 0, 0.
@group(0) @binding(1) var<storage, read> x: array<ELEMENT>;
@group(0) @binding(2) var<storage, read_write> y: array<RESULT>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) workgroup: vec3<u32>, @builtin(num_workgroups) grid: vec3<u32>,
        @builtin(local_invocation_index) lane: u32) {
  let i = folded(workgroup, grid) * 64u + lane;
  if (i >= params[0][0]) { return; }
  var rest = i;
  var offset = 0u;
  var inside = true;
  for (var a = params[0][1]; a > 0u; a--) {
    let first = params[2u * a - 1u];
    let second = params[2u * a];
    let scaled = i32(first[1]) + i32(rest % first[0]) * i32(first[2]);
    let dilation = i32(first[3]);
    let p = scaled / dilation;
    inside = inside && scaled >= 0 && p * dilation == scaled && p < i32(second[0]);
    offset += u32(p) * second[1];
    rest /= first[0];
  }
  var value = VALUE(params[0][2]);
  if (inside) { value = READ(x[offset]); }
  y[i] = RESULT_OF(value);
}
