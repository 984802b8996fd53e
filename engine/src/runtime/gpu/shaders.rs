//! Tests of the shaders as text: no adapter is needed.

use std::fs;
use std::path::{Path, PathBuf};

use naga::Module;
use naga::back::{hlsl, msl, spv};
use naga::valid::{Capabilities, ModuleInfo, ValidationFlags, Validator};

use super::pipelines::full_source;
use super::spirv;
use crate::graph::{Graph, Value};
use crate::ops::norms::Ball;
use crate::ops::nt_xent::Positives;
use crate::ops::random::Random;
use crate::optimize::{optimize, optimize_for};
use crate::plan::{Plan, Step};
use crate::runtime::gpu::Abilities;

/// A software Vulkan, one without 64-bit integers, and a large GPU.
const ABILITIES: [Abilities; 3] = [SOFTWARE, Abilities { int64: false, ..SOFTWARE }, HARDWARE];

const SOFTWARE: Abilities = Abilities {
    software: true,
    emulating: true,
    has_lanes: true,
    subgroup: Some(8),
    f16: true,
    int64: true,
    cooperative_matrix: false,
    half_products: true,
    workgroup_bytes: 32 << 10,
    workgroup_invocations: 1024,
};

const HARDWARE: Abilities = Abilities {
    software: false,
    emulating: false,
    has_lanes: false,
    subgroup: Some(32),
    f16: true,
    int64: true,
    cooperative_matrix: true,
    half_products: true,
    workgroup_bytes: 48 << 10,
    workgroup_invocations: 1024,
};

/// Results of every kind of launch, with the gradients of those that have one.
fn programs<'g>(g: &'g Graph) -> Vec<Value<'g>> {
    [elementwise(g), reductions(g), images(g), training(g), activations(g), large(g)].concat()
}

fn elementwise<'g>(g: &'g Graph) -> Vec<Value<'g>> {
    let (x, row) = (g.state("x", [6, 700, 5]), g.state("row", [5]));
    let random = Random::new(g, "random");
    random.advance();
    let functions = [x.exp(), x.log(), x.sqrt(), x.tanh(), x.relu(), x.abs(), x.sign(), -x];
    let pairs = [x / row, x.equals(row), row.broadcast_to([6, 700, 5])];
    let others = [x * f32::INFINITY + row, random.uniform([7]), random.normal([7])];
    [&functions[..], &pairs, &others].concat()
}

fn reductions<'g>(g: &'g Graph) -> Vec<Value<'g>> {
    let x = g.state("x", [6, 700, 5]);
    let (a, b) = (g.state("a", [9, 7]), g.state("b", [7, 11]));
    let rows = [x.sum(&[1]), x.sum(&[0]), x.max(&[1]), x.max(&[0, 2]), x.argmax(1).to_f32(), x.softmax()];
    let products = [a.matmul(b), b.matmul_of(a, true, true)];
    [&rows[..], &products].concat()
}

fn images<'g>(g: &'g Graph) -> Vec<Value<'g>> {
    let x = g.state("images", [2, 8, 8, 3]);
    let boxes = g.state("boxes", [2, 4]);
    let (factors, picked) = (g.state("factors", [2]), g.state_u32("picked", [3]));
    let resized = [x.resize_nearest(5, 6), x.resize_bilinear(5, 6), x.crop_resize(boxes, 5, 6)];
    let moved = [x.flip(2), x.gather(picked).scatter(picked, 2), Value::concatenate(&[x, x], 3)];
    let coloured = [x.adjust_hue(factors), x.mix_channels(&[&[0.5, 0.25, 0.25], &[0.0, 1.0, 0.0]])];
    let pooled = [x.average_pool2d(2, 2, 0), x.max_pool2d(3, 2, 1), x.project(Ball::L1(0.5))];
    let results = [&resized[..], &moved, &coloured, &pooled].concat();
    let loss = results.iter().map(|&y| (y * y).sum_all()).reduce(|a, b| a + b).expect("not empty");
    [results, g.gradient(loss, &[x]).expect("has a gradient")].concat()
}

fn training<'g>(g: &'g Graph) -> Vec<Value<'g>> {
    let x = g.state("images", [2, 8, 8, 3]);
    let labels = g.state_u32("labels", [2]);
    let (first, second) = (g.state("first", [3, 3, 3, 8]), g.state("second", [3, 3, 8, 12]));
    let (gamma, beta) = (g.state("gamma", [8]), g.state("beta", [8]));
    let y = x.conv2d(first, None, 1, 1).batch_norm_train(gamma, beta, 1e-5).y.relu();
    let features = y.conv2d(second, None, 2, 1).global_average_pool();
    let classes = features.cross_entropy(labels, 0.1).mean_all();
    let contrast = features.nt_xent(2, 0.5, Positives::SimClr).mean_all();
    let loss = classes + contrast;
    g.gradient(loss, &[x, first, second, gamma, beta]).expect("has a gradient")
}

/// What there are kernels for activations in half precision for.
fn activations<'g>(g: &'g Graph) -> Vec<Value<'g>> {
    let x = g.state("activated", [4, 16, 16, 8]);
    let w = g.state("activating", [3, 3, 8, 8]);
    let y = x.conv2d(w, None, 1, 1);
    let normalised = y.batch_norm_train(g.state("scale", [8]), g.state("shift", [8]), 1e-5).y.relu();
    let pooled = [normalised.max_pool2d(2, 1, 0), normalised.average_pool2d(2, 1, 0), normalised.flip(1)];
    let next = |x: Value<'g>| (x.conv2d(w, None, 1, 1) + x).relu();
    let features = pooled.map(|pooled| next(next(pooled)).global_average_pool());
    let transposed = next(normalised).conv_transpose2d(g.state("back", [4, 4, 8, 8]), None, 2, 1, 0).relu();
    let loss =
        features.iter().map(|x| x.square().sum_all()).fold(transposed.square().sum_all(), |a, b| a + b);
    g.gradient(loss, &[x, w]).expect("has a gradient")
}

/// What software drivers have kernels for where it is large, and convolutions with epilogues.
fn large<'g>(g: &'g Graph) -> Vec<Value<'g>> {
    let x = g.state("features", [8, 16, 16, 8]);
    let (gamma, beta, few) = (g.state("large gamma", [8]), g.state("large beta", [8]), g.state("few", [5]));
    let normalised = x.batch_norm_train(gamma, beta, 1e-5).y;
    let moved = x.slice_by(1, 0..16, 2);
    let vectors = x.conv2d(g.state("third", [3, 3, 8, 8]), Some(beta), 1, 1).relu();
    let bits = x.exceeds(0.0);
    let masked = [x * bits, x.conv2d(g.state("fifth", [3, 3, 8, 8]), None, 1, 1) * bits];
    let others = x.conv2d(g.state("fourth", [3, 3, 8, 5]), Some(few), 1, 1).relu();
    let gradient = g.gradient((normalised * normalised).sum_all(), &[x]).expect("has a gradient");
    [&[moved, vectors, others], &masked[..], &gradient].concat()
}

/// The full sources of all launches of [`programs`] on adapters of these abilities.
fn sources(abilities: &[Abilities]) -> Vec<String> {
    let graph = Graph::new();
    for (index, value) in programs(&graph).into_iter().enumerate() {
        graph.output(format!("y{index}"), value);
    }
    let variants = |step: &Step| {
        let of = |abilities| step.op.gpu_variants(&step.signature, abilities);
        abilities.iter().flat_map(of).collect::<Vec<_>>()
    };
    let precisions = [false, true].map(|halves| {
        let plan = Plan::new(&optimize_for(graph.trace().expect("traces"), halves), |_, _| vec![]);
        let launches = plan.steps.iter().flat_map(variants).flat_map(|variant| variant.lowered.launches);
        launches.map(|launch| full_source(&launch)).collect::<Vec<_>>()
    });
    precisions.concat()
}

/// What variants may use beyond plain WGSL.
const CAPABILITIES: Capabilities = Capabilities::SUBGROUP
    .union(Capabilities::SHADER_FLOAT16)
    .union(Capabilities::COOPERATIVE_MATRIX)
    .union(Capabilities::SHADER_INT64);

fn validated(source: &str) -> (Module, ModuleInfo) {
    let module = naga::front::wgsl::parse_str(source)
        .unwrap_or_else(|error| panic!("{}\n{source}", error.emit_to_string(source)));
    let mut validator = Validator::new(ValidationFlags::all(), CAPABILITIES);
    let valid = validator.validate(&module);
    let info = valid.unwrap_or_else(|error| panic!("{}\n{source}", error.emit_to_string(source)));
    (module, info)
}

#[test]
fn every_launch_is_valid_wgsl() {
    for source in sources(&ABILITIES) {
        let (module, info) = validated(&source);
        // The way to Vulkan, which refuses or panics on some of what is valid.
        let spirv = if spirv::is_needed(&source) {
            spirv::compile(&source)
        } else {
            spv::write_vec(&module, &info, &spv::Options::default(), None).map_err(|error| error.to_string())
        };
        spirv.unwrap_or_else(|error| panic!("{error}\n{source}"));
    }
}

/// As far as it goes without their compilers.
#[test]
fn every_launch_translates_for_metal_and_direct3d() {
    let metal = msl::Options { lang_version: (2, 4), ..Default::default() };
    let direct3d = hlsl::Options {
        shader_model: hlsl::ShaderModel::V6_2,
        fake_missing_bindings: true,
        ..Default::default()
    };
    // Neither has matrix units that multiply 16x16.
    for source in sources(&[Abilities { cooperative_matrix: false, ..HARDWARE }]) {
        let (module, info) = validated(&source);
        let result = msl::write_string(&module, &info, &metal, &msl::PipelineOptions::default());
        result.unwrap_or_else(|error| panic!("Metal: {error}\n{source}"));
        let mut text = String::new();
        let pipeline = hlsl::PipelineOptions::default();
        let result = hlsl::Writer::new(&mut text, &direct3d, &pipeline).write(&module, &info, None);
        result.unwrap_or_else(|error| panic!("Direct3D: {error}\n{source}"));
    }
}

/// Software drivers take long to compile, so that convolutions along rows of any width are one shader, and programs that
/// differ in their numbers alone another.
#[test]
fn sizes_and_numbers_share_shaders() {
    let graph = Graph::new();
    let w = graph.state("w", [3, 3, 8, 8]);
    for (width, number) in [(8, 0.5), (16, -3.0), (32, f32::INFINITY)] {
        let x = graph.state(format!("x{width}"), [8, width, width, 8]);
        graph.output(format!("correlated {width}"), x.conv2d(w, None, 1, 1));
        graph.output(format!("scaled {width}"), x * number + 1.0);
    }
    let plan = Plan::new(&optimize(graph.trace().expect("traces")), |_, _| vec![]);
    let likely = |step: &Step| step.op.gpu_variants(&step.signature, &SOFTWARE).swap_remove(0);
    let launches: Vec<_> =
        plan.steps.iter().map(likely).flat_map(|variant| variant.lowered.launches).collect();
    for label in ["conv2d", "elementwise"] {
        let of_label = launches.iter().filter(|launch| launch.label == label);
        let sources: Vec<String> = of_label.map(full_source).collect();
        assert_eq!(sources.len(), 3, "{label}");
        assert!(sources.iter().all(|source| *source == sources[0]), "{label}");
    }
}

#[test]
fn every_shader_file_is_launched() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shaders");
    let sources = sources(&ABILITIES);
    let found = wgsl_files(&folder);
    assert!(found.len() > 4, "shaders are missed: {found:?}");
    for path in found {
        let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        // Templates are filled in, but some comment stays as it is.
        let mut comments = text.lines().filter(|line| line.starts_with("// "));
        let launched = comments.any(|line| sources.iter().any(|source| source.contains(line)));
        assert!(launched, "no program in this file launches {}: add one, or drop the shader", path.display());
    }
}

/// All shaders below `folder`.
fn wgsl_files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let paths = entries.map(|entry| entry.expect("is readable").path());
    paths
        .flat_map(|path| if path.is_dir() { wgsl_files(&path) } else { vec![path] })
        .filter(|path| path.extension().is_some_and(|extension| extension == "wgsl"))
        .collect()
}
