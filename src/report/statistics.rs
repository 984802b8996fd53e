//! How sure a count of correct images lets us be.

/// The two-sided 95 % quantile of the standard normal distribution.
const Z95: f64 = 1.959_963_984_540_054;

/// The Wilson score interval, at 95 %, of a proportion of which `successes` in `trials` were seen (Wilson 1927).
/// Unlike the plain normal interval it stays within [0, 1] and keeps its coverage near 0 and 1.
///
/// Nothing is known of zero trials: `[0, 1]`. Successes beyond the trials count as all of them.
pub fn wilson95(successes: u64, trials: u64) -> [f64; 2] {
    if trials == 0 {
        return [0.0, 1.0];
    }
    let n = trials as f64;
    let p = successes.min(trials) as f64 / n;
    let z2 = Z95 * Z95;
    let centre = p + z2 / (2.0 * n);
    let half = Z95 * (p * (1.0 - p) / n + z2 / (4.0 * n * n)).sqrt();
    let scale = 1.0 + z2 / n;
    // At p = 0 and p = 1 a bound is exactly 0 or 1, which rounding would miss.
    let low = if successes == 0 { 0.0 } else { ((centre - half) / scale).max(0.0) };
    let high = if successes >= trials { 1.0 } else { ((centre + half) / scale).min(1.0) };
    [low, high]
}

/// McNemar's exact two-sided test on paired outcomes (McNemar 1947): the probability, were both sides equally
/// good, of a split of the discordant pairs at least as uneven as `only_a` to `only_b`.
///
/// This is the binomial test at 1/2, `min(1, 2·P[X ≤ min(only_a, only_b)])`. It is exact for every count, with no
/// normal approximation: the tail is summed downwards from its largest term until further terms no longer
/// matter, which takes some √n terms.
pub fn mcnemar_exact(only_a: u64, only_b: u64) -> f64 {
    let (few, many) = (only_a.min(only_b), only_a.max(only_b));
    if few == many {
        return 1.0;
    }
    let (k, n) = (few as f64, few as f64 + many as f64);
    // Relative to the largest term, C(n, k): C(n, i-1) / C(n, i) = i / (n - i + 1).
    let (mut sum, mut term, mut i) = (1.0, 1.0, k);
    while i > 0.0 && term > sum * f64::EPSILON {
        term *= i / (n - i + 1.0);
        sum += term;
        i -= 1.0;
    }
    (2.0 * sum * binomial_at_half(k, n)).min(1.0)
}

/// `C(n, k) / 2^n` by Loader's saddle point form (Loader 2000), which loses no digits where n! would.
fn binomial_at_half(k: f64, n: f64) -> f64 {
    if k == 0.0 {
        return (-n).exp2();
    }
    let rest = n - k;
    let uneven = (rest - k) / n;
    let deviance = k * (-uneven).ln_1p() + rest * uneven.ln_1p();
    let errors = stirling_error(n) - stirling_error(k) - stirling_error(rest);
    (errors - deviance).exp() * (n / (std::f64::consts::TAU * k * rest)).sqrt()
}

/// `ln n! - ln(√(2πn) (n/e)^n)` for a whole n of at least 1.
fn stirling_error(n: f64) -> f64 {
    if n < 16.0 {
        let ln_factorial = (2..=n as u32).map(f64::from).product::<f64>().ln();
        return ln_factorial - 0.5 * (std::f64::consts::TAU * n).ln() - n * n.ln() + n;
    }
    let inverse_square = 1.0 / (n * n);
    let series = |tail: f64, coefficient: f64| coefficient + tail * inverse_square;
    [-1.0 / 1680.0, 1.0 / 1260.0, -1.0 / 360.0, 1.0 / 12.0].into_iter().fold(1.0 / 1188.0, series) / n
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn wilson_of_the_manual() {
        let [low, high] = wilson95(912, 1000);
        assert_eq!((format!("{low:.3}"), format!("{high:.3}")), ("0.893".to_owned(), "0.928".to_owned()));
    }

    #[test]
    fn wilson_of_the_literature() {
        // Newcombe 1998, table I, method 3 (Wilson without continuity correction).
        for (successes, trials, low, high) in [
            (81, 263, 0.2553, 0.3662),
            (15, 148, 0.0624, 0.1605),
            (0, 20, 0.0, 0.1611),
            (1, 29, 0.0061, 0.1718),
        ] {
            let [ours_low, ours_high] = wilson95(successes, trials);
            assert!((ours_low - low).abs() < 5.1e-5, "{successes}/{trials}: {ours_low}");
            assert!((ours_high - high).abs() < 5.1e-5, "{successes}/{trials}: {ours_high}");
        }
    }

    #[test]
    fn mcnemar_of_the_manual() {
        assert_eq!(format!("{:.3}", mcnemar_exact(9, 3)), "0.146");
    }

    #[test]
    fn mcnemar_equals_the_exact_fraction() {
        // From `fractions.Fraction(2 * sum(comb(n, i) for i in range(k + 1)), 2**n)` of Python.
        for (only_a, only_b, p) in [
            (9, 3, 0.14599609375),
            (5, 0, 0.0625),
            (0, 40, 1.8189894035458565e-12),
            (1, 0, 1.0),
            (7, 8, 1.0),
            (16, 17, 1.0),
            (10, 20, 0.09873714670538902),
            (100, 300, 2.5918869069720767e-24),
            (450, 550, 0.0017305360849763176),
            (4900, 5100, 0.04658552770494739),
        ] {
            let ours = mcnemar_exact(only_a, only_b);
            assert!((ours / p - 1.0).abs() < 1e-12, "{only_a} against {only_b}: {ours} is not {p}");
        }
    }

    #[test]
    fn mcnemar_of_counts_beyond_any_data_set() {
        // Five standard deviations: the normal tail is 5.733e-7.
        let p = mcnemar_exact(500_000_000_000 - 2_500_000, 500_000_000_000 + 2_500_000);
        assert!((p / 5.733e-7 - 1.0).abs() < 1e-3, "{p}");
        assert_eq!(mcnemar_exact(0, u64::MAX), 0.0);
    }

    proptest! {
        #[test]
        fn wilson_brackets_the_proportion(trials in 1u64..1_000_000, share in 0.0f64..=1.0) {
            let successes = (share * trials as f64) as u64;
            let [low, high] = wilson95(successes, trials);
            let proportion = successes as f64 / trials as f64;
            prop_assert!(0.0 <= low && low <= proportion && proportion <= high && high <= 1.0);
            let [mirrored_low, mirrored_high] = wilson95(trials - successes, trials);
            prop_assert!((1.0 - mirrored_high - low).abs() < 1e-12 && (1.0 - mirrored_low - high).abs() < 1e-12);
        }

        #[test]
        fn mcnemar_is_a_probability_that_knows_no_sides(a in 0u64..100_000, b in 0u64..100_000) {
            let p = mcnemar_exact(a, b);
            prop_assert!((0.0..=1.0).contains(&p));
            prop_assert_eq!(p, mcnemar_exact(b, a));
        }

        #[test]
        fn mcnemar_falls_as_the_split_grows_uneven(n in 2u64..2_000, few in 0u64..1_000) {
            let few = few.min(n / 2).max(1);
            prop_assert!(mcnemar_exact(few - 1, n - few + 1) <= mcnemar_exact(few, n - few));
        }
    }
}
