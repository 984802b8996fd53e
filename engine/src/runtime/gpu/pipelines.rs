//! Shaders become pipelines once for each source.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use wgpu::{
    BindGroupLayout, BindGroupLayoutDescriptor, BindGroupLayoutEntry, BindingType, BufferBindingType,
    ComputePipeline, ComputePipelineDescriptor, PipelineCompilationOptions, PipelineLayoutDescriptor,
    ShaderModule, ShaderModuleDescriptor, ShaderRuntimeChecks, ShaderSource, ShaderStages,
};

use super::device::{GpuDevice, lock};
use super::launch::{Access, Binding, Launch};
use crate::error::EngineError;

const PRELUDE: &str = include_str!("../../../../shaders/lib/prelude.wgsl");

/// A compiled shader.
pub(super) struct Pipeline {
    pub pipeline: ComputePipeline,
    pub layout: BindGroupLayout,
}

/// Source, and what is done with each binding.
type Key = (String, Vec<Access>);

/// All pipelines of a device.
#[derive(Default)]
pub(super) struct Pipelines {
    known: Mutex<HashMap<Key, Arc<Pipeline>>>,
}

/// How many vectors of four words the parameters of `launch` take. At least one, so that every
/// shader has the same first binding.
pub(super) fn parameter_vectors(launch: &Launch) -> usize {
    launch.params.len().div_ceil(4).max(1)
}

/// The whole shader of `launch`.
pub(super) fn full_source(launch: &Launch) -> String {
    let prelude = PRELUDE.replace("PARAM_VECTORS", &parameter_vectors(launch).to_string());
    prelude + "\n" + &launch.source
}

impl Pipelines {
    /// The pipeline of `launch`, compiled at its first use.
    pub fn get(&self, device: &GpuDevice, launch: &Launch) -> Result<Arc<Pipeline>, EngineError> {
        let accesses = launch.bindings.iter().map(|binding| binding.access).collect();
        let key = (full_source(launch), accesses);
        if let Some(known) = lock(&self.known).get(&key) {
            return Ok(known.clone());
        }
        let made = device.guarded(0, || compile(device.wgpu(), launch, &key.0));
        let pipeline = Arc::new(made.map_err(|error| match error {
            EngineError::Gpu(message) => EngineError::Gpu(format!(
                "the shader of '{}' does not compile: {message}\n{}",
                launch.label,
                numbered(&key.0)
            )),
            other => other,
        })?);
        Ok(lock(&self.known).entry(key).or_insert(pipeline).clone())
    }
}

fn compile(device: &wgpu::Device, launch: &Launch, source: &str) -> Pipeline {
    let label = Some(launch.label);
    let module = shader_module(device, launch.label, source);
    let entries: Vec<BindGroupLayoutEntry> = std::iter::once(BufferBindingType::Uniform)
        .chain(launch.bindings.iter().map(storage))
        .zip(0..)
        .map(|(ty, binding)| BindGroupLayoutEntry {
            binding,
            visibility: ShaderStages::COMPUTE,
            ty: BindingType::Buffer { ty, has_dynamic_offset: false, min_binding_size: None },
            count: None,
        })
        .collect();
    let layout = device.create_bind_group_layout(&BindGroupLayoutDescriptor { label, entries: &entries });
    let pipeline_layout = device.create_pipeline_layout(&PipelineLayoutDescriptor {
        label,
        bind_group_layouts: &[Some(&layout)],
        immediate_size: 0,
    });
    let pipeline = device.create_compute_pipeline(&ComputePipelineDescriptor {
        label,
        layout: Some(&pipeline_layout),
        module: &module,
        entry_point: Some("main"),
        compilation_options: PipelineCompilationOptions {
            // Kernels write their workgroup memory before they read it.
            zero_initialize_workgroup_memory: cfg!(debug_assertions),
            ..Default::default()
        },
        cache: None,
    });
    Pipeline { pipeline, layout }
}

fn shader_module(device: &wgpu::Device, label: &str, source: &str) -> ShaderModule {
    let descriptor = ShaderModuleDescriptor { label: Some(label), source: ShaderSource::Wgsl(source.into()) };
    if cfg!(debug_assertions) {
        return device.create_shader_module(descriptor);
    }
    // SAFETY: shaders are this crate's own; the same sources run bounds-checked in every test.
    unsafe { device.create_shader_module_trusted(descriptor, ShaderRuntimeChecks::unchecked()) }
}

fn storage(binding: &Binding) -> BufferBindingType {
    BufferBindingType::Storage { read_only: binding.access == Access::Read }
}

fn numbered(source: &str) -> String {
    source.lines().zip(1..).map(|(line, number)| format!("{number:4} {line}\n")).collect()
}
