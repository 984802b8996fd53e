//! From logits to classes.

use crate::Failure;

/// The class of the largest logit of each of `count` rows, and its softmax probability.
///
/// # Errors
/// A logit is no finite number: there is no largest one then.
pub fn predictions(logits: &[f32], count: usize) -> Result<Vec<(u32, f32)>, Failure> {
    if logits.iter().any(|logit| !logit.is_finite()) {
        return Err(Failure::NotFinite);
    }
    let rows = logits.chunks_exact((logits.len() / count).max(1)).map(|row| {
        let best = (1..row.len()).fold(0, |best, i| if row[i] > row[best] { i } else { best });
        let total: f32 = row.iter().map(|x| (x - row[best]).exp()).sum();
        (best as u32, 1.0 / total)
    });
    Ok(rows.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_of_the_largest_wins() {
        let found = predictions(&[0.0, 2.0, 2.0, 1.0, 1.0, 0.0], 2).unwrap();
        assert_eq!(found.iter().map(|p| p.0).collect::<Vec<_>>(), [1, 0]);
        let expected = 2f32.exp() / (1.0 + 2.0 * 2f32.exp());
        assert!((found[0].1 - expected).abs() < 1e-6);
    }

    #[test]
    fn what_is_no_number_is_no_prediction() {
        for logit in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            assert!(matches!(predictions(&[0.0, logit], 1), Err(Failure::NotFinite)));
        }
    }
}
