//! Shaders become pipelines once for each source.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock};

use rayon::prelude::*;
use wgpu::{
    BindGroupLayout, BindGroupLayoutDescriptor, BindGroupLayoutEntry, BindingType, BufferSize,
    ComputePipeline, ComputePipelineDescriptor, Features, PassthroughShaderEntryPoint, PipelineCache,
    PipelineCacheDescriptor, PipelineCompilationOptions, PipelineLayoutDescriptor, ShaderModule,
    ShaderModuleDescriptor, ShaderModuleDescriptorPassthrough, ShaderRuntimeChecks, ShaderSource,
    ShaderStages,
};

use super::device::{GpuDevice, lock};
use super::interface::{self, Declared};
use super::launch::{Access, Launch};
use super::{parameters, spirv, stored};
use crate::error::EngineError;

const PRELUDE: &str = include_str!("../../../../shaders/lib/prelude.wgsl");

/// A compiled shader.
pub(super) struct Pipeline {
    pub pipeline: ComputePipeline,
    pub layout: BindGroupLayout,
}

/// Source, and what is done with each binding.
type Key = (String, Vec<Access>);

/// What a driver gets: through wgpu, which checks and compiles it, or compiled here.
enum Source<'a> {
    Wgsl(&'a str),
    SpirV(Vec<u32>),
}

/// All pipelines of a device.
#[derive(Default)]
pub(super) struct Pipelines {
    known: Mutex<HashMap<Key, Arc<Pipeline>>>,
    /// What the driver keeps of them.
    cache: OnceLock<PipelineCache>,
}

/// The whole shader of `launch`.
pub(super) fn full_source(launch: &Launch) -> String {
    let prelude = PRELUDE.replace("PARAM_VECTORS", &parameters::vectors(launch).to_string());
    let (enables, rest) = stored::split_enables(&launch.source);
    format!("{enables}{prelude}\n{}{rest}", stored::prelude(enables))
}

fn key(launch: &Launch) -> Key {
    (full_source(launch), launch.bindings.iter().map(|binding| binding.access).collect())
}

impl Pipelines {
    /// The pipelines of `launches`, in their order. New ones are compiled, on all threads: drivers
    /// take from milliseconds to a second for each.
    pub fn get(&self, device: &GpuDevice, launches: &[&Launch]) -> Result<Vec<Arc<Pipeline>>, EngineError> {
        let keys: Vec<Key> = launches.iter().map(|launch| key(launch)).collect();
        let mut missing: HashMap<&Key, &Launch> = keys.iter().zip(launches.iter().copied()).collect();
        missing.retain(|key, _| !lock(&self.known).contains_key(*key));
        let made: Vec<(&Key, Pipeline)> = missing
            .into_par_iter()
            .map(|(key, launch)| {
                compile(device, launch, &key.0, self.cache.get()).map(|pipeline| (key, pipeline))
            })
            .collect::<Result<_, _>>()?;
        let mut known = lock(&self.known);
        for (key, pipeline) in made {
            // Another session may have compiled the same shader meanwhile; the first one stays.
            known.entry(key.clone()).or_insert_with(|| Arc::new(pipeline));
        }
        Ok(keys.iter().map(|key| known[key].clone()).collect())
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        lock(&self.known).len()
    }

    /// Lets the driver keep what it compiles from now on, and gives it what it kept in an earlier process. Where it has
    /// no such cache, nothing happens.
    ///
    /// # Safety
    /// `kept` is what [`kept`](Pipelines::kept) returned on such a device, or None.
    pub unsafe fn keep(&self, device: &GpuDevice, kept: Option<&[u8]>) -> Result<(), EngineError> {
        if !device.wgpu().features().contains(Features::PIPELINE_CACHE) {
            return Ok(());
        }
        let descriptor = PipelineCacheDescriptor { label: Some("kernels"), data: kept, fallback: true };
        // SAFETY: as demanded of the caller.
        let cache = device.guarded(0, || unsafe { device.wgpu().create_pipeline_cache(&descriptor) })?;
        self.cache.get_or_init(|| cache);
        Ok(())
    }

    /// What the driver wants to have kept.
    pub fn kept(&self) -> Option<Vec<u8>> {
        self.cache.get().and_then(PipelineCache::get_data)
    }
}

fn compile(
    device: &GpuDevice,
    launch: &Launch,
    source: &str,
    cache: Option<&PipelineCache>,
) -> Result<Pipeline, EngineError> {
    let refused = |message: String| {
        let label = launch.label;
        let message = format!("the shader of '{label}' is refused: {message}\n{}", numbered(source));
        EngineError::Gpu(message)
    };
    let bindings = interface::declared(launch, source).map_err(refused)?;
    let source = match spirv::is_needed(source) {
        true => Source::SpirV(spirv::compile(source).map_err(refused)?),
        false => Source::Wgsl(source),
    };
    let compiled = device.guarded(0, || make(device.wgpu(), launch.label, &bindings, &source, cache));
    compiled.map_err(|error| match error {
        EngineError::Gpu(message) => refused(message),
        other => other,
    })
}

fn make(
    device: &wgpu::Device,
    label: &str,
    bindings: &[Declared],
    source: &Source,
    cache: Option<&PipelineCache>,
) -> Pipeline {
    let module = shader_module(device, label, source);
    let label = Some(label);
    let entries: Vec<BindGroupLayoutEntry> = bindings
        .iter()
        .zip(0..)
        .map(|(&Declared { ty, bytes }, binding)| BindGroupLayoutEntry {
            binding,
            visibility: ShaderStages::COMPUTE,
            // With a size the check is made once, at binding, and not again at every dispatch.
            ty: BindingType::Buffer {
                ty,
                has_dynamic_offset: false,
                min_binding_size: BufferSize::new(bytes),
            },
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
        cache,
    });
    Pipeline { pipeline, layout }
}

fn shader_module(device: &wgpu::Device, label: &str, source: &Source) -> ShaderModule {
    let label = Some(label);
    let source = match source {
        Source::SpirV(words) => {
            let descriptor = ShaderModuleDescriptorPassthrough {
                label,
                entry_points: [PassthroughShaderEntryPoint {
                    name: "main".into(),
                    workgroup_size: (0, 0, 0),
                }]
                .to_vec()
                .into(),
                spirv: Some(words.into()),
                ..Default::default()
            };
            // SAFETY: naga has made it of a valid shader of this crate.
            return unsafe { device.create_shader_module_passthrough(descriptor) };
        }
        Source::Wgsl(source) => ShaderSource::Wgsl((*source).into()),
    };
    let descriptor = ShaderModuleDescriptor { label, source };
    if cfg!(debug_assertions) {
        return device.create_shader_module(descriptor);
    }
    // SAFETY: shaders are this crate's own; the same sources run bounds-checked in every test.
    unsafe { device.create_shader_module_trusted(descriptor, ShaderRuntimeChecks::unchecked()) }
}

fn numbered(source: &str) -> String {
    source.lines().zip(1..).map(|(line, number)| format!("{number:4} {line}\n")).collect()
}

#[cfg(test)]
mod tests {
    use super::super::launch::Binding;
    use super::*;

    fn refusal(source: &'static str) -> String {
        let device = GpuDevice::open(None).expect("GPU tests need an adapter");
        let bindings = vec![Binding::write_output()];
        let launch =
            Launch { label: "wrong", source: source.into(), bindings, params: vec![], workgroups: 1 };
        let refused = device.pipelines().get(&device, &[&launch]).map(|_| ());
        let message = refused.expect_err("the shader is wrong").to_string();
        assert!(message.contains("'wrong'") && message.contains(source.lines().next().unwrap_or_default()));
        message
    }

    #[test]
    fn a_wrong_shader_is_refused_with_its_label_and_source() {
        let message = refusal("@compute @workgroup_size(1) fn main() { let a = unknown; }");
        assert!(message.contains("unknown"), "{message}");
        // Parses, and only the validator finds it.
        let message = refusal(
            "@compute @workgroup_size(1) fn main() { let a = f() + 1.0; } fn f() -> u32 { return 1u; }",
        );
        assert!(message.contains("refused"), "{message}");
        let message = refusal("@compute @workgroup_size(1) fn other() { }");
        assert!(message.contains("main"), "{message}");
    }

    #[test]
    fn bindings_must_agree_with_the_shader() {
        let declaring = |declaration: &str| {
            let source = format!("{declaration}\n@compute @workgroup_size(1) fn main() {{ _ = y[0]; }}");
            refusal(source.leak())
        };
        let message = declaring("@group(0) @binding(1) var<storage, read> y: array<f32>;");
        assert!(message.contains("read_only: true"), "{message}");
        let message = declaring("@group(0) @binding(2) var<storage, read_write> y: array<f32>;");
        assert!(message.contains("beyond the 1 bindings"), "{message}");
    }

    #[test]
    fn equal_shaders_are_compiled_once() {
        let device = GpuDevice::open(None).expect("GPU tests need an adapter");
        let source = "@group(0) @binding(1) var<storage, read_write> y: array<f32>;
            @compute @workgroup_size(1) fn main() { y[0] = 1.0; }";
        let launch = |params: Vec<u32>| {
            let bindings = vec![Binding::write_output()];
            Launch { label: "once", source: source.into(), bindings, params, workgroups: 1 }
        };
        let launches = [launch(vec![1]), launch(vec![2, 3]), launch(vec![0; 5])];
        let made = device.pipelines().get(&device, &launches.each_ref()).expect("compiles");
        assert!(Arc::ptr_eq(&made[0], &made[1]));
        assert!(!Arc::ptr_eq(&made[0], &made[2]), "another number of parameter vectors is another shader");
        let again = device.pipelines().get(&device, &[&launches[2]]).expect("compiles");
        assert!(Arc::ptr_eq(&made[2], &again[0]));
    }
}
