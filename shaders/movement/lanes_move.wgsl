// move.wgsl for software drivers whose subgroups are 8 lanes of a vector (see conv2d/lanes_correlation.wgsl), four
// neighbouring words at a time, over one window of x. The host writes out how the axes are walked.
// One invocation per UNROLLED vectors, workgroups of 8. Grid: ceil(vectors / (8 * UNROLLED)), folded into two axes.
// params: vectors to make, first vector of y, first vector of x, fill; then the words of each axis.
@group(0) @binding(1) var<uniform> x: array<vec4<u32>, X_VECTORS>;
@group(0) @binding(2) var<storage, read_write> y: array<vec4<u32>>;

@compute @workgroup_size(8)
fn main(@builtin(workgroup_id) workgroup: vec3<u32>, @builtin(num_workgroups) grid: vec3<u32>,
        @builtin(local_invocation_index) lane: u32) {
  let first = folded(workgroup, grid) * 8u * UNROLLEDu + lane;
  //for u in 0..UNROLLED
  {
    let own = first + 8u * $uu;
    let i = min(own, params[0][0] - 1u) + params[0][1];
//PLACES
    let words = select(vec4(params[0][3]), x[select(0u, at - params[0][2], inside)], inside);
    if (own < params[0][0]) { y[i] = words; }
  }
  //end
}
