//! Requests and answers.
//!
//! | request | answer |
//! | --- | --- |
//! | (at the start) | `{"engine": ...}`, name and version |
//! | `measure BATCH NAME` | `{"samples": [...], "first": ...}`: seconds of a run; on the first request of a case, of all up to its first result |
//! | `check BATCH` | `{"checks": {KEY: [...]}}`: what resnet20 makes of the golden file's pictures, under its keys |
//!
//! What cannot be answered is `{"error": ...}`.

use std::collections::{BTreeMap, HashMap};
use std::io::{self, BufRead, Write};
use std::time::Instant;

use serde_json::{Value, json};

use crate::{Case, timing};

/// Does a prepared case so many times and waits for its end.
pub type Run = Box<dyn FnMut(usize)>;

/// Results by their keys in the golden file, in PyTorch's layouts.
pub type Checks = BTreeMap<&'static str, Vec<f32>>;

/// One peer.
pub trait Engine {
    /// Its name and version.
    fn name(&self) -> String;

    /// Makes all that `case` needs.
    fn prepare(&self, case: Case) -> Run;

    /// `eval.logits` and `eval.grad.image` of the first two pictures of a batch, and, from engines on which a batch of
    /// another size costs nothing, `train.logits` and `train.grad.conv1.weight` of the first four.
    fn check(&self, batch: usize) -> Checks;
}

/// Answers requests until there are no more.
///
/// # Errors
/// Requests cannot be read, or answers not be written.
pub fn serve(engine: &impl Engine) -> io::Result<()> {
    let mut prepared = HashMap::new();
    say(&json!({ "engine": engine.name() }))?;
    for request in io::stdin().lock().lines() {
        say(&answer(engine, &mut prepared, &request?))?;
    }
    Ok(())
}

fn say(answer: &Value) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{answer}")?;
    out.flush()
}

fn answer(engine: &impl Engine, prepared: &mut HashMap<Case, Run>, request: &str) -> Value {
    let mut words = request.splitn(3, ' ');
    let (verb, batch) = (words.next(), words.next().and_then(|word| word.parse().ok()));
    match (verb, batch, words.next()) {
        (Some("check"), Some(batch), None) => json!({ "checks": engine.check(batch) }),
        (Some("measure"), Some(batch), Some(name)) => match Case::named(name, batch) {
            Some(case) => measure(engine, prepared, case),
            None => json!({ "error": format!("there is no case {name}") }),
        },
        _ => json!({ "error": format!("cannot understand: {request}") }),
    }
}

fn measure(engine: &impl Engine, prepared: &mut HashMap<Case, Run>, case: Case) -> Value {
    if let Some(run) = prepared.get_mut(&case) {
        return json!({ "samples": timing::samples(run) });
    }
    let start = Instant::now();
    let mut run = engine.prepare(case);
    run(1);
    let first = start.elapsed().as_secs_f64();
    let samples = timing::samples(&mut run);
    prepared.insert(case, run);
    json!({ "samples": samples, "first": first })
}
