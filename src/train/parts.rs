//! Batches that are taken in parts, so that an update fits into less memory.
//!
//! The gradient of a batch's mean loss is the mean of its parts' gradients, so each part adds its share to sums that
//! the optimiser then takes. What a net computes over a batch it computes over a part: the statistics of batch
//! normalisation, and the other pictures that a contrastive loss tells a picture from.

use unperturb_engine::optim::Parameter;
use unperturb_engine::{Device, Graph, Program, Session, Shape};

use crate::Failure;

/// A compiled update: its programs, and how many parts a batch has.
#[derive(Clone, Debug)]
pub struct Update {
    /// Parts of a batch, which have the same number of pictures.
    pub parts: usize,
    /// Adds a part's gradients to the sums; none if the batch is one part.
    pub accumulate: Option<Program>,
    /// Updates the weights.
    pub apply: Program,
}

/// Lets `compile` make what a training needs for a batch in one part, or in two, four and so on, until that fits the
/// memory that `device` may take. Without such a limit nothing is divided.
///
/// # Errors
/// What `compile` returns; out of memory if no number of parts fits.
pub fn fitting<T>(
    device: &Device,
    batch: usize,
    mut compile: impl FnMut(usize) -> Result<T, Failure>,
) -> Result<T, Failure> {
    let mut parts = 1;
    loop {
        match compile(parts) {
            Err(failure)
                if failure.is_out_of_memory()
                    && device.limit().is_some()
                    && parts < batch
                    && batch.is_multiple_of(2 * parts) =>
            {
                parts *= 2;
            }
            result => return result,
        }
    }
}

impl Update {
    /// Compiles an update whose gradients `gradients` records on a part of a batch and whose optimiser `apply` records.
    ///
    /// # Errors
    /// What the engine reports.
    pub fn compile(
        session: &mut Session,
        parts: usize,
        gradients: impl for<'g> Fn(&'g Graph) -> Result<Vec<Parameter<'g>>, Failure>,
        apply: impl for<'g> Fn(&'g Graph, &[Parameter<'g>]),
    ) -> Result<Update, Failure> {
        let g = Graph::new();
        let parameters = gradients(&g)?;
        if parts == 1 {
            apply(&g, &parameters);
            return Ok(Update { parts, accumulate: None, apply: session.compile(&g)? });
        }
        for parameter in &parameters {
            let sum = g.state(sum_of(&parameter.name), parameter.gradient.shape());
            g.assign(sum, sum + parameter.gradient * (1.0 / parts as f32));
        }
        let accumulate = session.compile(&g)?;
        let known: Vec<(String, Shape, bool)> =
            parameters.iter().map(|p| (p.name.clone(), p.value.shape(), p.decay)).collect();
        let g = Graph::new();
        let summed: Vec<Parameter> = known
            .into_iter()
            .map(|(name, shape, decay)| {
                let gradient = g.state(sum_of(&name), shape.clone());
                // The next batch starts anew.
                g.assign(gradient, g.full(shape.clone(), 0.0));
                Parameter { value: g.state(name.clone(), shape), gradient, name, decay }
            })
            .collect();
        apply(&g, &summed);
        Ok(Update { parts, accumulate: Some(accumulate), apply: session.compile(&g)? })
    }

    /// Every state that an update changes and that the next one reads, but for the sums, which it leaves empty.
    pub fn kept_states(&self) -> Vec<String> {
        let programs = self.accumulate.iter().chain([&self.apply]);
        let changed = programs.flat_map(|program| program.plan().assigned()).map(|state| state.name.clone());
        let mut names: Vec<String> = changed.filter(|name| !name.starts_with(SUM)).collect();
        names.sort();
        names.dedup();
        names
    }
}

const SUM: &str = "sum of gradients/";

fn sum_of(name: &str) -> String {
    format!("{SUM}{name}")
}

#[cfg(test)]
mod tests {
    use unperturb_engine::EngineError;
    use unperturb_engine::optim::{Optimizer, Sgd};

    use super::*;

    const PICTURES: usize = 8;

    /// The weight after some updates of a linear model by the mean loss over all pictures.
    fn trained(parts: usize) -> Vec<f32> {
        let mut session = Session::new(&Device::cpu());
        let part = PICTURES / parts;
        fn gradients(g: &Graph, part: usize) -> Result<Vec<Parameter<'_>>, Failure> {
            let (x, w) = (g.state("x", [part, 3]), g.state("w", [3, 2]));
            let loss = x.matmul(w).tanh().square().sum(&[1]).mean_all();
            let gradient = g.gradient(loss, &[w])?[0];
            Ok(vec![Parameter { name: "w".into(), value: w, gradient, decay: true }])
        }
        let optimizer = Optimizer::Sgd(Sgd { momentum: 0.9, nesterov: true, weight_decay: 1e-3 });
        let apply =
            |g: &Graph, parameters: &[Parameter]| drop(optimizer.trace(g, parameters, g.state("rate", [])));
        let update = Update::compile(&mut session, parts, |g| gradients(g, part), apply).unwrap();
        assert_eq!(update.kept_states(), ["optimizer.w.momentum", "w"]);
        session.write("w", &[0.5, -0.25, 1.0, 0.75, -0.5, 0.125]).unwrap();
        session.write("rate", &[0.5]).unwrap();
        let x: Vec<f32> = (0..PICTURES * 3).map(|i| (i % 7) as f32 / 3.5 - 1.0).collect();
        for _ in 0..5 {
            for x in x.chunks(part * 3) {
                session.write("x", x).unwrap();
                update.accumulate.iter().for_each(|program| session.run(program, 1).unwrap());
            }
            session.run(&update.apply, 1).unwrap();
        }
        session.read("w").unwrap()
    }

    #[test]
    fn parts_add_up_to_the_batch() {
        let whole = trained(1);
        for parts in [2, 4, 8] {
            let difference =
                trained(parts).iter().zip(&whole).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            assert!(difference < 1e-6, "{parts} parts: {difference}");
        }
    }

    #[test]
    fn batches_are_divided_until_they_fit() {
        let text = String::new;
        let full = || EngineError::OutOfMemory { device: text(), needed: text(), available: text() };
        let compile = |least: usize| move |parts| if parts < least { Err(full().into()) } else { Ok(parts) };
        let limited = Device::cpu().within(1);
        assert_eq!(fitting(&limited, 96, compile(1)).unwrap(), 1);
        assert_eq!(fitting(&limited, 96, compile(5)).unwrap(), 8);
        assert!(fitting(&limited, 96, compile(64)).is_err(), "96 has no 64 equal parts");
        assert!(fitting(&Device::cpu(), 96, compile(2)).is_err(), "nothing asked for less memory");
    }
}
