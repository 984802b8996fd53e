use unperturb_engine::ops::random::{Distribution, Draw, Increment, Random, philox4x32_10};
use unperturb_engine::{Device, Graph, Session};

use crate::harness::{Array, Case, Input, gpu};

const STATE: [u32; 4] = [0xa409_3822, 0x299f_31d0, 3, 1];

fn words(stream: u32, count: usize) -> Vec<u32> {
    let block = |b: usize| philox4x32_10([b as u32, stream, STATE[2], STATE[3]], [STATE[0], STATE[1]]);
    (0..count).map(|i| block(i / 4)[i % 4]).collect()
}

fn case(name: &str, distribution: Distribution, stream: u32, shape: &'static [usize]) -> Case {
    Case::new(name)
        .input(Input::integers([4], &STATE))
        .build(move |g, x| g.apply(Draw { distribution, stream, shape: shape.into() }, &[x[0]]))
        .without_gradient()
}

/// What `program` makes of `outputs`, run `runs` times on `device` from the numbers of seed 7.
fn outputs(
    device: &Device,
    program: impl Fn(&Graph, Random),
    runs: usize,
    outputs: &[&str],
) -> Vec<Vec<f32>> {
    let g = Graph::new();
    program(&g, Random::new(&g, "random"));
    let mut session = Session::new(device);
    let program = session.compile(&g).expect("a valid program");
    session.write_u32("random", &Random::seeded(7)).expect("a state of four words");
    session.run(&program, runs).expect("a run");
    outputs.iter().map(|name| session.read(name).expect("an output")).collect()
}

#[test]
fn uniform_numbers_have_the_same_bits_everywhere() {
    // Not multiples of four, and more than one workgroup and task.
    for (stream, shape) in [(0, &[1][..]), (1, &[6]), (0xffff_ffff, &[3, 7, 5]), (2, &[41, 1003])] {
        let count = shape.iter().product();
        case(&format!("uniform {shape:?}"), Distribution::Uniform, stream, shape)
            .exact()
            .tolerance(0.0)
            .reference(move |_| {
                let unit = |word: u32| f64::from(word >> 8) / f64::from(1 << 24);
                Array::new(shape, words(stream, count).into_iter().map(unit).collect())
            })
            .check();
    }
}

/// Each row of a tensor is what a tensor of one row draws from that row's state: the rows beside it do not matter.
#[test]
fn rows_draw_from_states_of_their_own() {
    const STATES: [[u32; 4]; 3] = [[7, 0, 4, 1], [7, 0, 4, 2], [9, 1, 0, 1]];
    // A row of 67 ends within a block of four.
    let unit = |row: usize, i: usize| {
        let [low, high, step, image] = STATES[row];
        let words = philox4x32_10([(i / 4) as u32, 3, step, image], [low, high]);
        f64::from(words[i % 4] >> 8) / f64::from(1 << 24)
    };
    Case::new("uniform by row")
        .input(Input::integers([3, 4], STATES.as_flattened()))
        .without_gradient()
        .exact()
        .tolerance(0.0)
        .build(|g, x| {
            let draw = Draw { distribution: Distribution::Uniform, stream: 3, shape: [3, 67].into() };
            g.apply(draw, &[x[0]])
        })
        .reference(move |_| Array::new([3, 67], (0..3 * 67).map(|i| unit(i / 67, i % 67)).collect()))
        .check();
}

#[test]
fn counting_carries_within_each_row() {
    Case::new("increment by row")
        .input(Input::integers([3, 4], &[9, 8, 7, 6, 1, 2, !0, 5, 3, 4, !0, !0]))
        .without_gradient()
        .exact()
        .tolerance(0.0)
        .build(|g, x| g.apply(Increment { first: 2 }, &[x[0]]))
        .reference(|_| Array::new([3, 4], [9, 8, 8, 6, 1, 2, 0, 6, 3, 4, 0, 0].map(f64::from).to_vec()))
        .check();
}

/// The first known answer of Random123: counter and key of zeros.
#[test]
fn the_kernels_give_the_known_answer() {
    Case::new("philox4x32-10 of zeros")
        .input(Input::integers([4], &[0; 4]))
        .without_gradient()
        .exact()
        .tolerance(0.0)
        .build(|g, x| {
            g.apply(Draw { distribution: Distribution::Uniform, stream: 0, shape: [4].into() }, &[x[0]])
        })
        .reference(|_| {
            let answer = [0x6627_e8d5u32, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8];
            Array::new([4], answer.map(|word| f64::from(word >> 8) / 16_777_216.0).to_vec())
        })
        .check();
}

#[test]
fn normal_numbers_are_box_and_muller_of_the_words() {
    case("normal", Distribution::Normal, 5, &[17, 999])
        .tolerance(1e-13)
        .reference(|_| {
            let words = words(5, 17 * 999 + 1);
            let pair = |i: usize| {
                let [a, b] = [words[i / 2 * 2], words[i / 2 * 2 + 1]];
                let radius = (-2.0 * (f64::from((a >> 8) + 1) / 16_777_216.0).ln()).sqrt();
                let angle = std::f64::consts::TAU * f64::from(b >> 8) / 16_777_216.0;
                radius * if i.is_multiple_of(2) { angle.cos() } else { angle.sin() }
            };
            Array::new([17, 999], (0..17 * 999).map(pair).collect())
        })
        .check();
}

#[test]
fn normal_numbers_agree_within_a_millionth() {
    let program = |g: &Graph, random: Random| g.output("y", random.normal([200_000]));
    let [cpu, gpu] = [Device::cpu(), gpu()].map(|device| outputs(&device, program, 1, &["y"]).remove(0));
    let worst = cpu.iter().zip(&gpu).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    assert!(worst <= 1e-6, "{worst:e}");
}

#[test]
fn moments_are_those_of_the_distributions() {
    let program = |g: &Graph, random: Random| {
        g.output("uniform", random.uniform([100_000]));
        g.output("other", random.uniform([100_000]));
        g.output("normal", random.normal([100_000]));
    };
    let made = outputs(&Device::cpu(), program, 1, &["uniform", "other", "normal"]);
    let moment = |f: &dyn Fn(usize) -> f64| (0..100_000).map(f).sum::<f64>() / 100_000.0;
    let at = |tensor: usize, i: usize| f64::from(made[tensor][i]);
    // Five standard errors each.
    assert!((moment(&|i| at(0, i)) - 0.5).abs() < 0.0046, "mean of uniform numbers");
    assert!((moment(&|i| (at(0, i) - 0.5).powi(2)) - 1.0 / 12.0).abs() < 0.0012, "their variance");
    assert!(moment(&|i| (at(0, i) - 0.5) * (at(1, i) - 0.5)).abs() < 0.0014, "two streams are independent");
    assert!(moment(&|i| at(2, i)).abs() < 0.016, "mean of normal numbers");
    assert!((moment(&|i| at(2, i).powi(2)) - 1.0).abs() < 0.023, "their variance");
    assert!((moment(&|i| at(2, i).powi(4)) - 3.0).abs() < 0.16, "their fourth moment");
    assert!(moment(&|i| at(2, i & !1) * at(2, i | 1)).abs() < 0.023, "the two of a pair are independent");
    assert!(made[0].iter().all(|x| (0.0..1.0).contains(x)));
}

#[test]
fn a_replayed_program_draws_new_numbers() {
    for device in [Device::cpu(), gpu()] {
        let program = |g: &Graph, random: Random| {
            g.output("first", random.uniform([5]));
            g.output("second", random.uniform([5]));
            random.advance();
        };
        let once = outputs(&device, program, 1, &["first", "second"]);
        let thrice = outputs(&device, program, 3, &["first", "second"]);
        assert_ne!(once[0], once[1], "draws of one program have streams of their own");
        assert_ne!(once[0], thrice[0]);
        // The third run is step 2.
        let block = |b| philox4x32_10([b, 0, 2, 0], [7, 0]);
        let expected: Vec<u32> = [block(0), block(1)].concat();
        let units = expected[..5].iter().map(|word| (word >> 8) as f32 / 16_777_216.0);
        assert_eq!(thrice[0], units.collect::<Vec<_>>());
    }
}

#[test]
fn counting_carries() {
    let cases: [(usize, [u32; 4], [u32; 4]); 4] = [
        (2, [9, 8, 7, 6], [9, 8, 8, 6]),
        (2, [!0, 0, !0, 41], [!0, 0, 0, 42]),
        (2, [1, 2, !0, !0], [1, 2, 0, 0]),
        (0, [!0, !0, 0, 5], [0, 0, 1, 5]),
    ];
    for (first, before, after) in cases {
        Case::new(format!("increment of {before:?} from word {first}"))
            .input(Input::integers([4], &before))
            .without_gradient()
            .exact()
            .tolerance(0.0)
            .build(move |g, x| g.apply(Increment { first }, &[x[0]]))
            .reference(move |_| Array::new([4], after.map(f64::from).to_vec()))
            .check();
    }
}

#[test]
fn dropout_keeps_the_expectation() {
    let program = |g: &Graph, random: Random| {
        let x = g.full([50_000], 2.0);
        g.output("dropped", random.dropout(x, 0.3));
        g.output("kept", random.dropout(x, 0.0));
    };
    for device in [Device::cpu(), gpu()] {
        let made = outputs(&device, program, 1, &["dropped", "kept"]);
        let zeros = made[0].iter().filter(|x| **x == 0.0).count();
        assert!((zeros as f64 / 50_000.0 - 0.3).abs() < 0.011, "{zeros} zeros");
        assert!(made[0].iter().all(|&x| x == 0.0 || (x - 2.0 / 0.7).abs() < 1e-6));
        assert!(made[1].iter().all(|&x| x == 2.0));
    }
}

#[test]
fn a_wrong_state_is_refused() {
    let g = Graph::new();
    let state = g.state_u32("short", [3]);
    g.apply(Draw { distribution: Distribution::Uniform, stream: 0, shape: [2].into() }, &[state]);
    let error = g.check().expect_err("three words are not a state").to_string();
    assert!(error.starts_with("uniform of u32[3] at"), "{error}");
    let g = Graph::new();
    g.apply(Increment { first: 3 }, &[g.state_u32("short", [3])]);
    assert!(g.check().is_err());
}
