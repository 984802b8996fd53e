//! A plan with its buffers, pipelines and bind groups: ready to be encoded.

use std::collections::HashMap;
use std::sync::Arc;

use wgpu::{
    BindGroup, BindGroupDescriptor, BindGroupEntry, BindingResource, Buffer, BufferBinding, BufferSize,
    CommandEncoder, ComputePass,
};

use super::buffers::{Allocator, Tensor};
use super::device::GpuDevice;
use super::launch::{Launch, Lowered, Slot};
use super::pipelines::{Pipeline, parameter_vectors};
use crate::error::EngineError;
use crate::plan::{Place, Plan, Step};

/// One dispatch, bound.
struct Dispatch {
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

/// What a run of a program does.
pub(super) struct Program {
    pub slabs: Vec<Tensor>,
    dispatches: Vec<Dispatch>,
    assigns: Vec<Assign>,
}

/// What each step of `plan` launches.
pub(super) fn lower(plan: &Plan) -> Vec<Lowered> {
    plan.steps.iter().map(|step| step.op.operation().gpu(&step.signature)).collect()
}

impl Program {
    /// Makes the slabs of `plan`, compiles its shaders and binds them. `states` holds each
    /// state of the plan.
    pub fn new(
        device: &GpuDevice,
        allocator: &mut Allocator,
        plan: &Plan,
        states: &[&Tensor],
    ) -> Result<Program, EngineError> {
        let lowered = lower(plan);
        let slabs: Vec<Tensor> =
            plan.slabs.iter().map(|&words| allocator.tensor("slab", words)).collect::<Result<_, _>>()?;
        let buffer = |place: Place| match place {
            Place::State(index) => &states[index].buffer,
            Place::Slab(index) => &slabs[index].buffer,
        };
        let parameters = Parameters::pack(&lowered, device);
        let parameter_buffer = allocator.uniform("parameters", &parameters.words)?;
        let mut dispatches = Vec::new();
        for (step, lowered) in plan.steps.iter().zip(&lowered) {
            for launch in lowered.launches.iter().filter(|launch| launch.workgroups > 0) {
                let pipeline = device.pipelines().get(device, launch)?;
                let size = 16 * parameter_vectors(launch) as u64;
                let first = BufferBinding {
                    buffer: &parameter_buffer,
                    offset: parameters.offset(launch),
                    size: BufferSize::new(size),
                };
                let rest = launch.bindings.iter().map(|binding| buffer(place(step, binding.slot)));
                let entries: Vec<BindGroupEntry> = std::iter::once(BindingResource::Buffer(first))
                    .chain(rest.map(Buffer::as_entire_binding))
                    .zip(0..)
                    .map(|(resource, binding)| BindGroupEntry { binding, resource })
                    .collect();
                let label = Some(launch.label);
                let bindings = device
                    .guarded(0, || {
                        let layout = &pipeline.layout;
                        let entries = &entries;
                        device.wgpu().create_bind_group(&BindGroupDescriptor { label, layout, entries })
                    })
                    .map_err(|error| in_launch(launch, error))?;
                let grid = folded_grid(launch, device.report().max_workgroups_per_axis)?;
                dispatches.push(Dispatch { pipeline, bindings, grid });
            }
        }
        let assigns = plan
            .assigns
            .iter()
            .filter(|(_, _, words)| *words > 0)
            .map(|&(source, target, words)| Assign {
                source: buffer(source).clone(),
                target: buffer(target).clone(),
                bytes: 4 * words as u64,
            })
            .collect();
        Ok(Program { slabs, dispatches, assigns })
    }

    /// How many dispatches a run makes.
    pub fn dispatches(&self) -> usize {
        self.dispatches.len()
    }

    /// Encodes the dispatches of that range.
    pub fn encode(&self, range: std::ops::Range<usize>, encoder: &mut CommandEncoder) {
        let mut pass = encoder.begin_compute_pass(&Default::default());
        self.dispatches[range].iter().for_each(|dispatch| dispatch.encode(&mut pass));
    }

    /// Encodes the copies at the end of a run.
    pub fn encode_assigns(&self, encoder: &mut CommandEncoder) {
        for Assign { source, target, bytes } in &self.assigns {
            encoder.copy_buffer_to_buffer(source, 0, target, 0, *bytes);
        }
    }
}

impl Dispatch {
    fn encode(&self, pass: &mut ComputePass) {
        pass.set_pipeline(&self.pipeline.pipeline);
        pass.set_bind_group(0, &self.bindings, &[]);
        pass.dispatch_workgroups(self.grid.0, self.grid.1, 1);
    }
}

fn place(step: &Step, slot: Slot) -> Place {
    match slot {
        Slot::Input(index) => step.inputs[index],
        Slot::Output => step.output,
        Slot::Scratch(index) => step.scratch[index],
    }
}

/// The grid of `launch` as two axes, as even as the limit allows, so that few workgroups are in
/// excess. `folded()` of the prelude is its inverse.
fn folded_grid(launch: &Launch, limit: u32) -> Result<(u32, u32), EngineError> {
    let rows = launch.workgroups.div_ceil(limit as usize);
    let columns = launch.workgroups.div_ceil(rows);
    match (u32::try_from(columns), u32::try_from(rows)) {
        (Ok(columns), Ok(rows)) if rows <= limit => Ok((columns, rows)),
        _ => {
            let message = format!("{} workgroups are more than a grid holds", launch.workgroups);
            Err(in_launch(launch, EngineError::Gpu(message)))
        }
    }
}

fn in_launch(launch: &Launch, error: EngineError) -> EngineError {
    match error {
        EngineError::Gpu(message) => EngineError::Gpu(format!("'{}': {message}", launch.label)),
        other => other,
    }
}

/// The parameters of all launches of a program, in one buffer. Equal ones are kept once.
pub(super) struct Parameters {
    words: Vec<u32>,
    offsets: HashMap<Vec<u32>, u64>,
}

impl Parameters {
    pub fn pack(lowered: &[Lowered], device: &GpuDevice) -> Parameters {
        let aligned = device.limits().min_uniform_buffer_offset_alignment as usize / 4;
        let mut parameters = Parameters { words: Vec::new(), offsets: HashMap::new() };
        for launch in lowered.iter().flat_map(|lowered| &lowered.launches) {
            if parameters.offsets.contains_key(&launch.params) {
                continue;
            }
            let start = parameters.words.len().next_multiple_of(aligned.max(1));
            parameters.words.resize(start, 0);
            parameters.words.extend(&launch.params);
            parameters.words.resize(start + 4 * parameter_vectors(launch), 0);
            parameters.offsets.insert(launch.params.clone(), 4 * start as u64);
        }
        parameters
    }

    /// Words of the buffer.
    pub fn words(&self) -> usize {
        self.words.len()
    }

    fn offset(&self, launch: &Launch) -> u64 {
        self.offsets[&launch.params]
    }
}
