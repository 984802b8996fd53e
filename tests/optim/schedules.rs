use unperturb_engine::optim::{Anneal, Schedule};

use crate::golden::Golden;

#[test]
fn rates_are_those_of_pytorch() {
    let golden = Golden::open("schedules");
    let linear = Schedule::OneCycle { rise: 0.4, initial: 10.0, last: 100.0, anneal: Anneal::Linear };
    let cases = [
        ("constant", Schedule::Constant),
        ("step", Schedule::Step { every: 6, factor: 0.1 }),
        ("milestones", Schedule::Milestones { at: vec![10, 15], factor: 0.1 }),
        ("cosine", Schedule::Cosine { floor: 0.0 }),
        ("cosine-floor", Schedule::Cosine { floor: 0.01 }),
        ("one-cycle", Schedule::one_cycle()),
        ("one-cycle-linear", linear),
    ];
    for (name, schedule) in cases {
        let expected = golden.tensor(name);
        for (step, &expected) in expected.iter().enumerate() {
            let found = schedule.rate(0.2, step, expected_steps(&golden));
            let near = (found - f64::from(expected)).abs() <= 1e-7 * f64::from(expected);
            assert!(near, "{name}: step {step}: {found}, expected {expected}");
        }
    }
}

fn expected_steps(golden: &Golden) -> usize {
    golden.tensor("constant").len()
}

/// Degenerate lengths give finite rates.
#[test]
fn short_trainings_have_finite_rates() {
    for schedule in
        [Schedule::Cosine { floor: 0.0 }, Schedule::one_cycle(), Schedule::Step { every: 0, factor: 0.5 }]
    {
        for total in 0..4 {
            for step in 0..6 {
                let rate = schedule.rate(0.1, step, total);
                assert!((0.0..=0.1).contains(&rate), "{schedule:?}: step {step} of {total}: {rate}");
            }
        }
    }
}
