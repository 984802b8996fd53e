//! What a victim says of clean pictures, before they are attacked.

use unperturb_engine::{Device, Session};

use super::batches::{Prepared, fitting};
use super::predictions::predictions;
use crate::Failure;
use crate::attack::{Evaluate, LOGITS, POINT, Victim};
use crate::passes::Passes;

/// The victim's answers to clean pictures.
#[derive(Default)]
pub(super) struct Clean {
    /// `[n, classes]`
    pub logits: Vec<f32>,
    /// The class of the largest logit of each.
    pub predicted: Vec<u32>,
    /// Passes through the nets, summed over the pictures.
    pub passes: Passes,
    /// What is odd about the answers.
    pub remark: Option<String>,
}

/// A random defence gives itself away if its answers to the same pictures differ by more than this, of length 1.
const RANDOM_ANSWERS: f32 = 1e-4;
/// How often it is asked again.
const AGAIN: usize = 4;

/// Asks about all `images` `[n, h, w, 3]`, at most `batch` together, and tells how many fitted into memory. The first batch
/// is asked several times where the answers are expected to be the same.
///
/// # Errors
/// What the engine reports; logits that are no finite numbers.
pub(super) fn look(
    device: &Device,
    victim: &dyn Victim,
    images: &[f32],
    size: [usize; 2],
    batch: usize,
    expects_fixed: bool,
) -> Result<(Clean, usize), Failure> {
    let length = size[0] * size[1] * 3;
    let compile = |count: usize| {
        let mut session = Session::new(device);
        let query = victim.query(&mut session, [count, size[0], size[1], 3])?;
        victim.load(&mut session)?;
        Ok((session, query))
    };
    let mut ready = Prepared::on(device);
    let (batch, ranges) = fitting(device, images.len() / length, batch, |largest| {
        ready.get(largest, || compile(largest)).map(drop)
    })?;
    let mut clean = Clean::default();
    for range in ranges {
        let count = range.len();
        let (session, query) = ready.get(count, || compile(count))?;
        session.write(POINT, &images[range.start * length..range.end * length])?;
        let mut passes = Passes::default();
        query.run(session, &mut passes)?;
        let logits = session.read(LOGITS)?;
        if clean.logits.is_empty()
            && expects_fixed
            && are_random(session, query.as_ref(), &logits, count, &mut passes)?
        {
            clean.remark = Some("the defence answers at random: use autoattack:version=rand".to_string());
        }
        clean.predicted.extend(predictions(&logits, count)?.iter().map(|found| found.0));
        clean.logits.extend(logits);
        clean.passes += passes * count as u64;
    }
    Ok((clean, batch))
}

/// Whether the answers to the same pictures differ.
fn are_random(
    session: &mut Session,
    query: &dyn Evaluate,
    first: &[f32],
    count: usize,
    passes: &mut Passes,
) -> Result<bool, Failure> {
    let unit = |logits: &[f32]| -> Vec<f32> {
        let rows = logits.chunks_exact(logits.len() / count);
        let scaled = rows.flat_map(|row| {
            let length = row.iter().map(|x| x * x).sum::<f32>().sqrt() + 1e-10;
            row.iter().map(move |x| x / length)
        });
        scaled.collect()
    };
    let first = unit(first);
    for _ in 0..AGAIN {
        query.run(session, passes)?;
        let again = unit(&session.read(LOGITS)?);
        let classes = first.len() / count;
        let mut rows = first.chunks_exact(classes).zip(again.chunks_exact(classes));
        if rows
            .any(|(a, b)| a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum::<f32>().sqrt() > RANDOM_ANSWERS)
        {
            return Ok(true);
        }
    }
    Ok(false)
}
