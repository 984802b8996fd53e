//! Checkpoints that PyTorch saved, through the reader and the net to PyTorch's own logits and gradients.

use std::path::Path;

use unperturb::model::Model;
use unperturb_engine::{Graph, Session};
use unperturb_nets::Normalization;

use crate::case::{devices, pictures, swap_rows};
use crate::golden::{Golden, labels};

/// Bound on the largest difference of a logit, and on |found - true| / |true| of the gradient of the image.
const LOGITS: f32 = 1e-5;
const GRADIENT: f64 = 1e-4;

#[test]
fn carmon_2019_with_its_unused_stage() {
    const IMAGES: usize = 2;
    let golden = Golden::open("checkpoints/carmon-twin");
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/checkpoints/carmon-twin.pt");
    let net = "wrn-10-1".parse().unwrap();
    let model = Model::read_foreign(net, Normalization::NONE, &path).unwrap_or_else(|e| panic!("{e}"));
    assert!(model.weights.tensors.contains_key("sub_block1.layer.0.conv1.weight"));
    for device in devices() {
        let g = Graph::new();
        let images = g.state("image", [IMAGES, 32, 32, 3]);
        let logits = model.trace(&g, images).logits;
        let loss = logits.cross_entropy(g.state_u32("labels", [IMAGES]), 0.0).mean_all();
        g.output("logits", logits);
        g.output("gradient", g.gradient(loss, &[images]).unwrap()[0]);
        let mut session = Session::new(&device);
        let program = session.compile(&g).unwrap_or_else(|e| panic!("{e}"));
        model.load(&mut session).unwrap_or_else(|e| panic!("{e}"));
        session.write("image", &pictures("carmon-twin", IMAGES, 32).numbers()).unwrap();
        session.write_u32("labels", &labels(IMAGES, 10)).unwrap();
        session.run(&program, 1).unwrap_or_else(|e| panic!("{e}"));

        let (found, expected) = (session.read("logits").unwrap(), golden.tensor("eval.logits"));
        let worst = found.iter().zip(&expected).map(|(f, e)| (f - e).abs()).fold(0.0, f32::max);
        assert!(found.len() == expected.len() && worst <= LOGITS, "on {device} logits differ by {worst:.1e}");
        let gradient = swap_rows(&session.read("gradient").unwrap(), IMAGES, 32 * 32, 3);
        let error = golden.error("eval.grad.image", &gradient).sqrt();
        assert!(error <= GRADIENT, "on {device} the gradient is off by {error:.1e}");
    }
}
