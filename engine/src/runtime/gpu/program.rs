//! A plan with its buffers, pipelines and bind groups: ready to be encoded.

use std::ops::Range;
use std::sync::Arc;

use wgpu::{
    BindGroup, BindGroupDescriptor, BindGroupEntry, BindingResource, Buffer, BufferBinding, BufferSize,
    CommandEncoder, ComputePass,
};

use super::buffers::{Allocator, Tensor};
use super::device::GpuDevice;
use super::launch::{Launch, Lowered, Slot, Window};
use super::parameters::{self, Parameters};
use super::pipelines::Pipeline;
use crate::error::EngineError;
use crate::plan::{Place, Plan, Step};

/// What a run of a program does.
pub(super) struct Program {
    dispatches: Vec<Dispatch>,
    /// How many of them, the first, are its preparation.
    preparation: usize,
    assigns: Vec<Assign>,
}

/// One launch, bound.
struct Dispatch {
    label: &'static str,
    pipeline: Arc<Pipeline>,
    bindings: BindGroup,
    grid: (u32, u32),
}

/// The copy of a result into a state, made after the last dispatch.
struct Assign {
    source: Buffer,
    target: Buffer,
    bytes: u64,
}

/// What each step of `plan` launches, but for launches of nothing.
fn lower(plan: &Plan, device: &GpuDevice) -> Vec<Lowered> {
    let mut lowered: Vec<Lowered> =
        plan.steps.iter().map(|step| device.lower(&step.op, &step.signature)).collect();
    lowered.iter_mut().for_each(|lowered| lowered.launches.retain(|launch| launch.workgroups > 0));
    lowered
}

fn pack(lowered: &[Lowered], device: &GpuDevice) -> Parameters {
    let launches = lowered.iter().flat_map(|lowered| &lowered.launches);
    Parameters::pack(launches, device.limits().min_uniform_buffer_offset_alignment)
}

/// Words of the parameters of all launches of `plan`.
pub(super) fn parameter_words(plan: &Plan, device: &GpuDevice) -> usize {
    pack(&lower(plan, device), device).words.len()
}

impl Program {
    /// Compiles the shaders of `plan` and binds them to its states and slabs.
    pub fn new(
        device: &GpuDevice,
        allocator: &mut Allocator,
        plan: &Plan,
        states: &[&Tensor],
        slabs: &[&Tensor],
    ) -> Result<Program, EngineError> {
        let lowered = lower(plan, device);
        let launches: Vec<&Launch> = lowered.iter().flat_map(|lowered| &lowered.launches).collect();
        let pipelines = device.pipelines().get(device, &launches)?;
        let buffer = |place: Place| match place {
            Place::State(index) => &states[index].buffer,
            Place::Slab(index) => &slabs[index].buffer,
        };
        let parameters = pack(&lowered, device);
        let parameter_buffer = allocator.uniform("parameters", &parameters.words)?;
        let steps =
            plan.steps.iter().zip(&lowered).flat_map(|(step, low)| low.launches.iter().map(move |_| step));
        let mut dispatches = Vec::with_capacity(launches.len());
        for ((step, launch), pipeline) in steps.zip(launches).zip(pipelines) {
            let mut resources = vec![BindingResource::Buffer(BufferBinding {
                buffer: &parameter_buffer,
                offset: parameters.offset(launch),
                size: BufferSize::new(16 * parameters::vectors(launch) as u64),
            })];
            resources.extend(launch.bindings.iter().map(|binding| {
                let buffer = buffer(place(step, binding.slot));
                binding.window.map_or_else(|| buffer.as_entire_binding(), |window| seen(buffer, window))
            }));
            dispatches.push(Dispatch::new(device, launch, pipeline, resources)?);
        }
        let assigns = plan
            .assigns
            .iter()
            .filter(|(_, _, words)| *words > 0)
            .map(|&(source, target, words)| Assign {
                source: buffer(source).clone(),
                target: buffer(Place::State(target)).clone(),
                bytes: 4 * words as u64,
            })
            .collect();
        let preparation = lowered[..plan.preparation].iter().map(|lowered| lowered.launches.len()).sum();
        Ok(Program { dispatches, preparation, assigns })
    }

    /// The dispatches that a run makes, with the preparation or without.
    pub fn dispatches(&self, prepare: bool) -> Range<usize> {
        let first = if prepare { 0 } else { self.preparation };
        first..self.dispatches.len()
    }

    /// The label of each dispatch of that range.
    pub fn labels(&self, range: Range<usize>) -> impl Iterator<Item = &'static str> {
        self.dispatches[range].iter().map(|dispatch| dispatch.label)
    }

    /// Encodes the dispatches of that range. `between` is called before each and after the last,
    /// with its number within the range.
    pub fn encode(
        &self,
        range: Range<usize>,
        encoder: &mut CommandEncoder,
        mut between: impl FnMut(&mut ComputePass, u32),
    ) {
        let mut pass = encoder.begin_compute_pass(&Default::default());
        let mut number = 0;
        for dispatch in &self.dispatches[range] {
            between(&mut pass, number);
            pass.set_pipeline(&dispatch.pipeline.pipeline);
            pass.set_bind_group(0, &dispatch.bindings, &[]);
            pass.dispatch_workgroups(dispatch.grid.0, dispatch.grid.1, 1);
            number += 1;
        }
        between(&mut pass, number);
    }

    /// Encodes the copies at the end of a run.
    pub fn encode_assigns(&self, encoder: &mut CommandEncoder) {
        for Assign { source, target, bytes } in &self.assigns {
            encoder.copy_buffer_to_buffer(source, 0, target, 0, *bytes);
        }
    }
}

impl Dispatch {
    fn new(
        device: &GpuDevice,
        launch: &Launch,
        pipeline: Arc<Pipeline>,
        resources: Vec<BindingResource>,
    ) -> Result<Dispatch, EngineError> {
        let numbered = resources.into_iter().zip(0..);
        let entries: Vec<BindGroupEntry> =
            numbered.map(|(resource, binding)| BindGroupEntry { binding, resource }).collect();
        let descriptor =
            BindGroupDescriptor { label: Some(launch.label), layout: &pipeline.layout, entries: &entries };
        let label = launch.label;
        let bindings = device.guarded(0, || device.wgpu().create_bind_group(&descriptor)).map_err(
            |error| match error {
                EngineError::Gpu(message) => EngineError::Gpu(format!("'{label}' does not bind: {message}")),
                other => other,
            },
        )?;
        let grid =
            folded_grid(launch.workgroups, device.report().max_workgroups_per_axis).ok_or_else(|| {
                EngineError::Gpu(format!("'{label}' asks for {} workgroups, too many", launch.workgroups))
            })?;
        Ok(Dispatch { label, pipeline, bindings, grid })
    }
}

/// Part of a buffer.
fn seen(buffer: &Buffer, window: Window) -> BindingResource<'_> {
    let size = BufferSize::new(4 * window.words as u64);
    BindingResource::Buffer(BufferBinding { buffer, offset: 4 * window.first as u64, size })
}

fn place(step: &Step, slot: Slot) -> Place {
    match slot {
        Slot::Input(index) => step.inputs[index],
        Slot::Output => step.output,
        Slot::Scratch(index) => step.scratch[index],
    }
}

/// A grid of at least `workgroups` as two axes of at most `limit`, with fewer in excess than it has
/// rows. `folded()` of the prelude numbers them row by row. None where two axes do not hold them.
fn folded_grid(workgroups: usize, limit: u32) -> Option<(u32, u32)> {
    let rows = workgroups.div_ceil(limit as usize);
    let columns = workgroups.div_ceil(rows);
    (rows <= limit as usize).then_some((columns as u32, rows as u32))
}

#[cfg(test)]
mod tests {
    use super::super::launch::Binding;
    use super::super::pace::Pace;
    use super::super::stored::Stored;
    use super::*;
    use crate::runtime::Counters;

    #[test]
    fn grids_fold_with_little_excess() {
        assert_eq!(folded_grid(1, 65_535), Some((1, 1)));
        assert_eq!(folded_grid(65_535, 65_535), Some((65_535, 1)));
        assert_eq!(folded_grid(65_536, 65_535), Some((32_768, 2)));
        assert_eq!(folded_grid(10, 3), None);
        for workgroups in (1..3_000_000).step_by(9_973) {
            let (columns, rows) = folded_grid(workgroups, 65_535).expect("fits");
            let all = columns as usize * rows as usize;
            assert!(columns <= 65_535 && all >= workgroups && all - workgroups < rows as usize);
        }
    }

    /// A kernel that writes `words` words into a tensor of `size`.
    fn filling(device: &GpuDevice, words: usize, size: usize) -> Result<(Program, Tensor), EngineError> {
        let source = "@group(0) @binding(1) var<storage, read_write> y: array<u32>;
            @compute @workgroup_size(1)
            fn main(@builtin(workgroup_id) workgroup: vec3<u32>, @builtin(num_workgroups) grid: vec3<u32>) {
              y[folded(workgroup, grid)] = params[0][0];
            }";
        let launch = Launch {
            label: "filling",
            source: source.into(),
            bindings: vec![Binding::write_output()],
            params: vec![words as u32],
            workgroups: words,
        };
        launched(device, &launch, 0, size)
    }

    /// A program of one launch, which reads a tensor of `operand` zeros, if that is not 0, and writes one of `size`.
    fn launched(
        device: &GpuDevice,
        launch: &Launch,
        operand: usize,
        size: usize,
    ) -> Result<(Program, Tensor), EngineError> {
        let mut allocator = Allocator { device: device.clone(), counters: Counters::default() };
        let pipeline = device.pipelines().get(device, &[launch])?.remove(0);
        let mut words = launch.params.clone();
        words.resize(4 * parameters::vectors(launch), 0);
        let parameters = allocator.uniform("parameters", &words)?;
        let read = allocator.tensor("read", operand)?;
        let filled = allocator.tensor("filled", size)?;
        let mut resources = vec![parameters.as_entire_binding()];
        resources.extend((operand > 0).then(|| read.buffer.as_entire_binding()));
        resources.push(filled.buffer.as_entire_binding());
        let dispatches = vec![Dispatch::new(device, launch, pipeline, resources)?];
        Ok((Program { dispatches, preparation: 0, assigns: vec![] }, filled))
    }

    fn run(device: &GpuDevice, program: &Program) -> Result<(), EngineError> {
        let mut encoder = device.wgpu().create_command_encoder(&Default::default());
        program.encode(program.dispatches(true), &mut encoder, |_, _| ());
        let mut pace = Pace::default();
        pace.add_program();
        pace.submit(device, encoder, 0, 1)?;
        pace.drain(device)
    }

    // Guards are there where debug assertions are on, and shaders unchecked where they are not.
    #[cfg(debug_assertions)]
    #[test]
    fn a_write_past_the_end_is_found() {
        let device = GpuDevice::open(None).expect("GPU tests need an adapter");
        let overrun_after = |written: usize| {
            let (program, filled) = filling(&device, written, 8).expect("binds");
            run(&device, &program).expect("runs");
            let words = device.staging().read(&device, &[filled.span()]).expect("reads");
            assert_eq!(words, [written as u32; 8]);
            super::super::buffers::overrun(&device, &[&filled]).expect("reads")
        };
        assert_eq!(overrun_after(8), None);
        assert_eq!(overrun_after(9), Some(0));
    }

    /// Shaders of release builds are not checked, so that what is read past the end is anything.
    #[test]
    fn channels_beyond_the_last_are_read_within_their_pixel() {
        let device = GpuDevice::open(None).expect("GPU tests need an adapter");
        let main = "@group(0) @binding(2) var<storage, read_write> y: array<vec4<u32>>;
            @compute @workgroup_size(1)
            fn main(@builtin(workgroup_id) workgroup: vec3<u32>, @builtin(num_workgroups) grid: vec3<u32>) {
              let c = folded(workgroup, grid);
              y[c] = places_x(params[0][0], c, params[0][1]);
              if (load_x(params[0][0], c, params[0][1]).x > 0.0) { y[c] = vec4(0u); }
            }";
        let (pixels, channels) = (5, 3);
        let launch = Launch {
            label: "places",
            source: (crate::ops::conv2d::gpu::pixels::source("x", 1, channels, Stored::Single) + main).into(),
            bindings: vec![Binding::read_input(0), Binding::write_output()],
            params: vec![((pixels - 1) * channels) as u32, channels as u32],
            workgroups: 8,
        };
        let (program, places) = launched(&device, &launch, pixels * channels, 4 * 8).expect("binds");
        run(&device, &program).expect("runs");
        let words = device.staging().read(&device, &[places.span()]).expect("reads");
        for (index, &word) in words.iter().enumerate() {
            let channel = (index / 4 + index % 4).min(channels - 1);
            assert_eq!(word as usize, (pixels - 1) * channels + channel);
        }
    }

    #[test]
    fn a_lost_device_is_an_error_and_not_a_panic() {
        let (adapter, report) = super::super::adapters::find(None).expect("GPU tests need an adapter");
        let device = GpuDevice::request(adapter, report.clone()).expect("opens");
        let (program, filled) = filling(&device, 8, 8).expect("binds");
        run(&device, &program).expect("runs");
        device.wgpu().destroy();
        for _ in 0..2 {
            let error = run(&device, &program).expect_err("the device is gone");
            assert!(error.to_string().contains("lost"), "{error}");
        }
        assert!(device.staging().read(&device, &[filled.span()]).is_err());
        assert!(filling(&device, 8, 8).is_err());
    }
}
