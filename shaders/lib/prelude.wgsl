// Put before every shader by the host.
// params: the launch's words, four to a vector, as uniform arrays demand.
@group(0) @binding(0) var<uniform> params: array<vec4<u32>, PARAM_VECTORS>;

// The workgroup's number in a grid that was folded into two axes.
fn folded(workgroup: vec3<u32>, grid: vec3<u32>) -> u32 {
  return workgroup.x + workgroup.y * grid.x;
}
