use unperturb_engine::{Graph, Value};

use crate::harness::{Array, Case, Input};

/// Checks a move of f32 in every way, and of u32 for its bits.
fn check(
    name: &str,
    shape: &'static [usize],
    build: impl for<'g> Fn(Value<'g>) -> Value<'g> + Copy + 'static,
    reference: impl Fn(&Array) -> Array + Copy + 'static,
) {
    Case::new(name)
        .input(Input::uniform(shape, -1.0, 1.0))
        .exact()
        .build(move |_, x| build(x[0]))
        .reference(move |x| reference(&x[0]))
        .check();
    Case::new(format!("{name} of u32"))
        .input(Input::labels(shape, 1000))
        .without_gradient()
        .exact()
        .tolerance(0.0)
        .build(move |_, x| build(x[0]))
        .reference(move |x| reference(&x[0]))
        .check();
}

/// More words than a window of uniform memory holds.
#[test]
fn large_moves() {
    check(
        "every second column",
        &[3, 36, 21, 16],
        |x| x.slice_by(2, 1..21, 2),
        |x| Array::from_fn([3, 36, 10, 16], |i| x.at(&[i[0], i[1], 1 + 2 * i[2], i[3]])),
    );
    check(
        "every third row",
        &[99, 36, 16],
        |x| x.slice_by(0, 2..99, 3),
        |x| Array::from_fn([33, 36, 16], |i| x.at(&[2 + 3 * i[0], i[1], i[2]])),
    );
    check(
        "zeros around channels and images",
        &[40, 5, 16],
        |x| x.pad(&[(3, 60), (0, 0), (4, 8)]),
        |x| {
            Array::from_fn([103, 5, 28], |i| {
                let (image, channel) = (i[0].wrapping_sub(3), i[2].wrapping_sub(4));
                if image < 40 && channel < 16 { x.at(&[image, i[1], channel]) } else { 0.0 }
            })
        },
    );
    check(
        "the other way round",
        &[40, 30, 16],
        |x| x.flip(1),
        |x| Array::from_fn([40, 30, 16], |i| x.at(&[i[0], 29 - i[1], i[2]])),
    );
}

#[test]
fn transposes() {
    check("matrix", &[3, 5], |x| x.transpose(&[1, 0]), |x| Array::from_fn([5, 3], |i| x.at(&[i[1], i[0]])));
    check(
        "nchw to nhwc",
        &[2, 3, 4, 5],
        |x| x.transpose(&[0, 2, 3, 1]),
        |x| Array::from_fn([2, 4, 5, 3], |i| x.at(&[i[0], i[3], i[1], i[2]])),
    );
    check(
        "outer axes, inner ones merged",
        &[2, 3, 4, 5],
        |x| x.transpose(&[1, 0, 2, 3]),
        |x| Array::from_fn([3, 2, 4, 5], |i| x.at(&[i[1], i[0], i[2], i[3]])),
    );
    check("nothing", &[4, 3], |x| x.transpose(&[0, 1]), Array::clone);
    check("a scalar", &[], |x| x.transpose(&[]), Array::clone);
}

#[test]
fn slices() {
    check(
        "middle axis",
        &[3, 7, 2],
        |x| x.slice(1, 2..5),
        |x| Array::from_fn([3, 3, 2], |i| x.at(&[i[0], i[1] + 2, i[2]])),
    );
    check("last axis", &[3, 7], |x| x.slice(1, 6..7), |x| Array::from_fn([3, 1], |i| x.at(&[i[0], 6])));
    check(
        "outermost axis",
        &[5, 3],
        |x| x.slice(0, 1..4),
        |x| Array::from_fn([3, 3], |i| x.at(&[i[0] + 1, i[1]])),
    );
    check(
        "by three",
        &[2, 8, 3],
        |x| x.slice_by(1, 1..8, 3),
        |x| Array::from_fn([2, 3, 3], |i| x.at(&[i[0], 1 + 3 * i[1], i[2]])),
    );
    check(
        "by two, innermost",
        &[2, 7],
        |x| x.slice_by(1, 0..7, 2),
        |x| Array::from_fn([2, 4], |i| x.at(&[i[0], 2 * i[1]])),
    );
}

#[test]
fn second_moves_of_a_gradient() {
    // A slice by steps of a flip: its gradient is dilated, and that one's gradient is a slice again.
    check(
        "slice by two of a flip, squared",
        &[2, 9],
        |x| x.flip(1).slice_by(1, 1..8, 2),
        |x| Array::from_fn([2, 4], |i| x.at(&[i[0], 8 - (1 + 2 * i[1])])),
    );
    let g = Graph::new();
    let x = g.state("x", [2, 9]);
    let moved = x.flip(1).slice_by(1, 1..8, 2);
    let first = g.gradient((moved * moved * moved).sum_all(), &[x]).expect("a gradient")[0];
    let second = g.gradient(first.sum_all(), &[x]).expect("a second gradient")[0];
    g.output("second", second);
    let mut session = unperturb_engine::Session::new(&crate::harness::gpu());
    let program = session.compile(&g).expect("a program");
    let data: Vec<f32> = (0..18).map(|i| i as f32).collect();
    session.write("x", &data).expect("data");
    session.run(&program, 1).expect("a run");
    // d²/dx² of x³ is 6 x where x is taken: positions 7, 5, 3, 1 of each row.
    let expected: Vec<f32> = (0..18).map(|i| if i % 9 % 2 == 1 { 6.0 * i as f32 } else { 0.0 }).collect();
    assert_eq!(session.read("second").expect("the result"), expected);
}

#[test]
fn pads() {
    let padded = |x: &Array, fill: f64| {
        Array::from_fn([2, 3 + 3, 4, 2 + 1], |i| {
            let (row, column) = (i[1].wrapping_sub(1), i[3].wrapping_sub(1));
            if row < 3 && column < 2 { x.at(&[i[0], row, i[2], column]) } else { fill }
        })
    };
    const WIDTHS: [(usize, usize); 4] = [(0, 0), (1, 2), (0, 0), (1, 0)];
    check("zeros", &[2, 3, 4, 2], |x| x.pad(&WIDTHS), move |x| padded(x, 0.0));
    check(
        "one axis, inner ones merged",
        &[2, 3, 4],
        |x| x.pad(&[(1, 1), (0, 0), (0, 0)]),
        |x| Array::from_fn([4, 3, 4], |i| if i[0] % 3 == 0 { 0.0 } else { x.at(&[i[0] - 1, i[1], i[2]]) }),
    );
    Case::new("pad with 0.5")
        .input(Input::uniform([2, 3, 4, 2], -1.0, 1.0))
        .exact()
        .build(|_, x| x[0].pad_with(&WIDTHS, 0.5))
        .reference(move |x| padded(&x[0], 0.5))
        .check();
}

#[test]
fn flips() {
    check(
        "width",
        &[2, 3, 4, 3],
        |x| x.flip(2),
        |x| Array::from_fn([2, 3, 4, 3], |i| x.at(&[i[0], i[1], 3 - i[2], i[3]])),
    );
    check("innermost", &[4, 5], |x| x.flip(1), |x| Array::from_fn([4, 5], |i| x.at(&[i[0], 4 - i[1]])));
    check("outermost", &[4, 5], |x| x.flip(0), |x| Array::from_fn([4, 5], |i| x.at(&[3 - i[0], i[1]])));
}

/// `torch.rot90` over height and width, one quarter at a time: row i, column j of the turned image
/// shows row j, column w - 1 - i.
fn turned(x: &Array, quarters: usize) -> Array {
    if quarters == 0 {
        return x.clone();
    }
    let [n, h, w, c] = x.shape[..] else { panic!("images") };
    let once = Array::from_fn([n, w, h, c], |i| x.at(&[i[0], i[2], w - 1 - i[1], i[3]]));
    turned(&once, quarters - 1)
}

#[test]
fn rotations() {
    for quarters in 0..4 {
        for (name, shape) in [("square", &[2, 4, 4, 3][..]), ("oblong", &[2, 3, 5, 2])] {
            check(
                &format!("{name} by {quarters}"),
                shape,
                move |x| x.rotate90(quarters),
                move |x| turned(x, quarters as usize),
            );
        }
    }
    check("clockwise", &[1, 3, 5, 2], |x| x.rotate90(-1), |x| turned(x, 3));
}

/// Moves in a row become one where one move is all of them, and not where an outer one would bring back what an inner one
/// left out.
#[test]
fn moves_in_a_row() {
    check(
        "every second row, padded, turned, cut and padded again",
        &[2, 5, 6, 3],
        |x| {
            let padded = x.slice_by(1, 1..5, 2).pad(&[(0, 0), (1, 0), (0, 2), (0, 0)]);
            padded.rotate90(1).flip(2).slice(1, 1..8).pad(&[(0, 0), (0, 0), (0, 0), (1, 0)])
        },
        |x| {
            let padded = Array::from_fn([2, 3, 8, 3], |i| match (i[1], i[2]) {
                (row @ 1.., column @ ..6) => x.at(&[i[0], 1 + 2 * (row - 1), column, i[3]]),
                _ => 0.0,
            });
            let turned = turned(&padded, 1);
            Array::from_fn([2, 7, 3, 4], |i| match i[3] {
                0 => 0.0,
                channel => turned.at(&[i[0], 1 + i[1], 2 - i[2], channel - 1]),
            })
        },
    );
    check(
        "cut and padded",
        &[2, 6],
        |x| x.slice(1, 1..5).pad(&[(0, 0), (1, 1)]),
        |x| Array::from_fn([2, 6], |i| if i[1] % 5 == 0 { 0.0 } else { x.at(&[i[0], i[1]]) }),
    );
    Case::new("padded with two numbers")
        .input(Input::uniform([4], -1.0, 1.0))
        .exact()
        .build(|_, x| x[0].pad(&[(1, 0)]).pad_with(&[(1, 0)], 0.5).slice(0, 0..6))
        .reference(|x| {
            Array::from_fn([6], |i| if i[0] < 2 { 0.5 - 0.5 * i[0] as f64 } else { x[0].at(&[i[0] - 2]) })
        })
        .check();
}

#[test]
fn concatenations() {
    for axis in 0..3 {
        let mut shape = [2, 3, 4];
        shape[axis] += 5;
        let joined = move |x: &[Array]| {
            Array::from_fn(shape, |i| {
                let first = x[0].shape[axis];
                let mut inner = i.to_vec();
                let part = if i[axis] < first { &x[0] } else { &x[1] };
                inner[axis] = if i[axis] < first { i[axis] } else { i[axis] - first };
                part.at(&inner)
            })
        };
        let mut other = [2, 3, 4];
        other[axis] = 5;
        Case::new(format!("concatenate along {axis}"))
            .input(Input::uniform([2, 3, 4], -1.0, 1.0))
            .input(Input::uniform(other, -1.0, 1.0))
            .exact()
            .build(move |_, x| Value::concatenate(&[x[0], x[1]], axis))
            .reference(joined)
            .check();
        Case::new(format!("concatenate u32 along {axis}"))
            .input(Input::labels([2, 3, 4], 9))
            .input(Input::labels(other, 9))
            .without_gradient()
            .exact()
            .tolerance(0.0)
            .build(move |_, x| Value::concatenate(&[x[0], x[1]], axis))
            .reference(joined)
            .check();
    }
}

#[test]
fn many_operands_and_one_operand_twice() {
    Case::new("concatenate eleven")
        .input(Input::uniform([3, 2], -1.0, 1.0))
        .exact()
        .build(|_, x| {
            let scaled: Vec<Value> = (1..=11).map(|k| if k < 10 { x[0] * k as f32 } else { x[0] }).collect();
            Value::concatenate(&scaled, 1)
        })
        .reference(|x| {
            let factor = |k: usize| if k < 9 { k as f64 + 1.0 } else { 1.0 };
            Array::from_fn([3, 22], |i| x[0].at(&[i[0], i[1] % 2]) * factor(i[1] / 2))
        })
        .check();
}

#[test]
fn rows_by_number() {
    const INDEX: [u32; 5] = [3, 0, 3, 1, 9];
    Case::new("gather, with a row twice and one that is not there")
        .input(Input::uniform([4, 2, 3], -1.0, 1.0))
        .input(Input::integers([5], &INDEX))
        .exact()
        .build(|_, x| x[0].gather(x[1]))
        .reference(|x| {
            Array::from_fn([5, 2, 3], |i| match INDEX[i[0]] as usize {
                row @ 0..4 => x[0].at(&[row, i[1], i[2]]),
                _ => 0.0,
            })
        })
        .check();
    Case::new("scatter")
        .input(Input::uniform([5, 3], -1.0, 1.0))
        .input(Input::integers([5], &INDEX))
        .exact()
        .build(|_, x| x[0].scatter(x[1], 4))
        .reference(|x| {
            Array::from_fn([4, 3], |i| {
                (0..5).filter(|&r| INDEX[r] as usize == i[0]).map(|r| x[0].at(&[r, i[1]])).sum()
            })
        })
        .check();
    Case::new("gather of labels")
        .input(Input::labels([6], 100))
        .input(Input::integers([3], &[5, 2, 2]))
        .without_gradient()
        .exact()
        .tolerance(0.0)
        .build(|_, x| x[0].gather(x[1]))
        .reference(|x| Array::from_fn([3], |i| x[0].at(&[[5, 2, 2][i[0]]])))
        .check();
}

#[test]
fn wrong_operands_are_refused_with_the_name_and_the_place() {
    let refuses = |name: &str, wrong: &dyn for<'g> Fn(&'g Graph) -> Value<'g>| {
        let g = Graph::new();
        wrong(&g);
        let error = g.check().expect_err(name).to_string();
        assert!(error.starts_with(name) && error.contains("movement.rs"), "{error}");
    };
    refuses("transpose of [2, 3]", &|g| g.state("x", [2, 3]).transpose(&[0]));
    refuses("transpose of [2, 3]", &|g| g.state("x", [2, 3]).transpose(&[0, 0]));
    refuses("transpose of [2, 3]", &|g| g.state("x", [2, 3]).transpose(&[0, 2]));
    refuses("slice of [2, 3]", &|g| g.state("x", [2, 3]).slice(1, 1..4));
    refuses("slice of [2, 3]", &|g| g.state("x", [2, 3]).slice(2, 0..1));
    refuses("slice of [2, 3]", &|g| g.state("x", [2, 3]).slice_by(1, 0..2, 0));
    refuses("pad of [2, 3]", &|g| g.state("x", [2, 3]).pad(&[(1, 1)]));
    refuses("flip of [2, 3]", &|g| g.state("x", [2, 3]).flip(2));
    refuses("rotate90 of [2, 3]", &|g| g.state("x", [2, 3]).rotate90(1));
    refuses("concatenate of", &|g| Value::concatenate(&[g.state("x", [2, 3]), g.state("y", [2, 4])], 0));
    refuses("gather of", &|g| g.state("x", [2, 3]).gather(g.state("y", [2])));
    refuses("scatter of", &|g| g.state("x", [2, 3]).scatter(g.state_u32("y", [3]), 2));
}
