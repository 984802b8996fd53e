use criterion::Criterion;
use unperturb_engine::ops::nt_xent::Positives;

use crate::harness::{Case, gradient, moved};

/// Softmax, cross-entropy and NT-Xent: a row of logits or similarities at a time.
pub fn benches(c: &mut Criterion) {
    for shape in [[4096, 10], [256, 1000]] {
        let [n, k] = shape;
        Case {
            name: &format!("softmax/{n}x{k}"),
            inputs: &[&shape],
            work: moved(2 * n * k),
            build: &|_, x| x[0].softmax(),
        }
        .time(c);
        Case {
            name: &format!("cross_entropy/{n}x{k}"),
            inputs: &[&shape],
            work: moved(n * k),
            build: &|g, x| x[0].cross_entropy(g.state_u32("labels", [n]), 0.1),
        }
        .time(c);
        Case {
            name: &format!("cross_entropy/gradient of {n}x{k}"),
            inputs: &[&shape],
            work: moved(2 * n * k),
            build: &|g, x| gradient(x[0].cross_entropy(g.state_u32("labels", [n]), 0.1), x[0]),
        }
        .time(c);
    }
    for (name, positives) in [("authors", Positives::Authors), ("simclr", Positives::SimClr)] {
        Case {
            name: &format!("nt_xent/128 images in 4 views, {name}"),
            inputs: &[&[512, 128]],
            work: moved(512 * 512),
            build: &|_, x| x[0].nt_xent(4, 0.2, positives),
        }
        .time(c);
        Case {
            name: &format!("nt_xent/gradient of 128 images in 4 views, {name}"),
            inputs: &[&[512, 128]],
            work: moved(512 * 512),
            build: &|_, x| gradient(x[0].nt_xent(4, 0.2, positives), x[0]),
        }
        .time(c);
    }
}
