//! Tests of the shaders as text: no adapter is needed.

use std::fs;
use std::path::{Path, PathBuf};

use naga::valid::{Capabilities, ValidationFlags, Validator};

use super::pipelines::full_source;
use crate::graph::{Graph, Value};
use crate::optimize::optimize;
use crate::plan::Plan;

/// Outputs of every kind of launch the operations have.
fn programs<'g>(g: &'g Graph) -> Vec<Value<'g>> {
    let x = g.state("x", [6, 700, 5]);
    let row = g.state("row", [5]);
    let (a, b) = (g.state("a", [9, 7]), g.state("b", [7, 11]));
    let functions = [
        -x,
        x.abs(),
        x.sign(),
        x.exp(),
        x.log(),
        x.sqrt(),
        x.tanh(),
        x.relu(),
        x / row,
        x.equals(row),
        x * f32::INFINITY + row,
        row.broadcast_to([6, 700, 5]),
    ];
    let reductions = [x.sum(&[1]), x.sum(&[0]), x.max(&[1]), x.max(&[0, 2]), x.argmax(1), x.sum_all()];
    let products = [a.matmul(b), b.matmul_of(a, true, true)];
    [&functions[..], &reductions, &products].concat()
}

#[test]
fn every_launch_is_valid_wgsl() {
    let graph = Graph::new();
    for (index, value) in programs(&graph).into_iter().enumerate() {
        graph.output(format!("y{index}"), value);
    }
    let trace = optimize(graph.trace().expect("traces"));
    let plan = Plan::new(&trace, |op, signature| op.operation().gpu(signature).scratch);
    let mut launches = 0;
    for step in &plan.steps {
        for launch in step.op.operation().gpu(&step.signature).launches {
            let source = full_source(&launch);
            let module = naga::front::wgsl::parse_str(&source)
                .unwrap_or_else(|error| panic!("{}: {}", launch.label, error.emit_to_string(&source)));
            let mut validator = Validator::new(ValidationFlags::all(), Capabilities::empty());
            let valid = validator.validate(&module);
            valid.unwrap_or_else(|error| panic!("{}: {}", launch.label, error.emit_to_string(&source)));
            launches += 1;
        }
    }
    assert!(launches > 20, "only {launches} launches");
}

#[test]
fn every_shader_file_is_used() {
    let engine = Path::new(env!("CARGO_MANIFEST_DIR"));
    let shaders = engine.join("../shaders");
    let code: String = files(&engine.join("src"), "rs").iter().map(|path| read(path)).collect();
    let found = files(&shaders, "wgsl");
    assert!(found.len() > 4, "shaders are missed: {found:?}");
    for path in found {
        let name = path.strip_prefix(&shaders).expect("is below").to_string_lossy().replace('\\', "/");
        assert!(code.contains(&format!("/shaders/{name}\"")), "no operation includes {name}");
    }
}

/// All files below `folder` with that extension.
fn files(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let paths = entries.map(|entry| entry.expect("is readable").path());
    paths
        .flat_map(|path| match path.is_dir() {
            true => files(&path, extension),
            false => vec![path],
        })
        .filter(|path| path.extension().is_some_and(|found| found == extension))
        .collect()
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
