//! Square Attack: random search that changes squares of an image and keeps what lowers the margin of the right class
//! (Andriushchenko et al. 2020, algorithms 1 to 4). It needs answers alone, no gradient.
//!
//! Each image has squares of its own, so that the outcome does not depend on the batch.

mod pattern;

use std::collections::BTreeMap;
use std::ops::Range;

use pattern::pattern;
use unperturb_engine::ops::random::Random;
use unperturb_engine::{EngineError, Graph, Session, Value};

use super::ball::{Bound, IMAGE};
use super::loss::{is_wrong, lead, positions};
use super::seeds::Seeds;
use super::{ATTACKED, Evaluate, IMAGES, LABELS, LOGITS, Norm, POINT};
use crate::passes::{Counted, Passes};

/// The options of a run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Options {
    /// The bound; its norm is L∞ or L2.
    pub bound: Bound,
    /// Queries after the first.
    pub queries: usize,
    /// The share of an image that the first squares cover.
    pub p: f32,
}

/// After these queries the share that squares cover halves.
const HALVINGS: [usize; 7] = [10, 50, 200, 500, 1000, 2000, 4000];

/// States of the margin that is to be lowered, and of whether it is below zero.
const MARGIN: &str = "square/margin";
const BROKEN: &str = "square/broken";

/// A compiled attack.
pub struct RandomSearch {
    options: Options,
    size: [usize; 2],
    query: Box<dyn Evaluate>,
    /// The first points.
    start: Counted,
    /// The points of an earlier run.
    restore: Counted,
    /// Takes the points as the best so far.
    begin: Counted,
    /// Proposes a change, by the side of its square.
    propose: BTreeMap<usize, Counted>,
    accept: Counted,
}

impl RandomSearch {
    /// Compiles the attack on images of `shape`, with answers of so many `classes` from `query`.
    ///
    /// # Errors
    /// What the engine reports.
    pub fn compile(
        session: &mut Session,
        options: Options,
        shape: [usize; 4],
        classes: usize,
        query: Box<dyn Evaluate>,
    ) -> Result<Self, EngineError> {
        let size = [shape[1], shape[2]];
        let mut program = |trace: &dyn Fn(&Graph)| {
            let g = Graph::new();
            trace(&g);
            Ok::<_, EngineError>(Counted::new(session.compile(&g)?, Passes::default()))
        };
        let mut propose = BTreeMap::new();
        for after in [0].into_iter().chain(HALVINGS.map(|last| last + 1)).filter(|&q| q < options.queries) {
            let side = side(options, size, after);
            propose.insert(side, program(&|g| trace_proposal(g, options.bound, shape, side))?);
        }
        Ok(RandomSearch {
            start: program(&|g| trace_start(g, options.bound, shape))?,
            restore: program(&|g| g.output(POINT, g.state(ATTACKED, shape)))?,
            begin: program(&|g| trace_judgement(g, shape, classes, true))?,
            accept: program(&|g| trace_judgement(g, shape, classes, false))?,
            options,
            size,
            query,
            propose,
        })
    }

    /// Makes the queries of that range and leaves the best points in [`ATTACKED`], where those of the queries before it
    /// are found unless it begins at zero; adds what it cost to `passes`. Nothing is read back.
    ///
    /// # Errors
    /// What the engine reports.
    pub fn run(
        &self,
        session: &mut Session,
        queries: Range<usize>,
        passes: &mut Passes,
    ) -> Result<(), EngineError> {
        let first = if queries.start == 0 { &self.start } else { &self.restore };
        first.run(session, 1, passes)?;
        self.query.run(session, passes)?;
        self.begin.run(session, 1, passes)?;
        for query in queries {
            self.propose[&side(self.options, self.size, query)].run(session, 1, passes)?;
            self.query.run(session, passes)?;
            self.accept.run(session, 1, passes)?;
        }
        Ok(())
    }
}

/// The side of the square that a query changes: that of the share p of the image, which halves now and then. In L2 it is
/// odd and at least 3.
fn side(options: Options, [height, width]: [usize; 2], query: usize) -> usize {
    let halvings = HALVINGS.iter().filter(|&&last| query > last).count();
    let share = f64::from(options.p) / f64::from(1 << halvings);
    let side = (share * (height * width) as f64).sqrt().round_ties_even() as usize;
    let side = match options.bound.norm {
        Norm::L2 => side.max(3) | 1,
        Norm::Linf | Norm::L1 => side.max(1),
    };
    side.min(height).min(width)
}

/// Rows `[1, h, 1, 1]` and columns `[1, 1, w, 1]` by number.
fn grid(g: &Graph, [_, height, width, _]: [usize; 4]) -> [Value<'_>; 2] {
    [positions(g, height).reshape([1, height, 1, 1]), positions(g, width).reshape([1, 1, width, 1])]
}

/// -1 or 1 with equal chances.
fn signs<'g, const N: usize>(random: &Random<'g>, shape: [usize; N]) -> Value<'g> {
    random.uniform(shape).greater(0.5) * 2.0 - 1.0
}

/// In L∞ vertical stripes one pixel wide, of the bound's corners; in L2 a chessboard of patterns.
fn trace_start(g: &Graph, bound: Bound, shape: [usize; 4]) {
    let [n, height, width, channels] = shape;
    let images = g.state(IMAGES, shape);
    let random = Seeds::Image.random(g, n);
    random.advance();
    let offset = match bound.norm {
        Norm::Linf | Norm::L1 => signs(&random, [n, 1, width, channels]),
        Norm::L2 => {
            let side = (height.min(width) / 5).max(1);
            let [tall, wide] = [height / side, width / side];
            let [above, before] = [(height - tall * side) / 2, (width - wide * side) / 2];
            let rows = within_tiles(g, tall, side).reshape([1, tall * side, 1, 1]);
            let columns = within_tiles(g, wide, side).reshape([1, 1, wide * side, 1]);
            let turned = tiled(random.uniform([n, tall, wide, 1]).greater(0.5), side);
            let sign = tiled(signs(&random, [n, tall, wide, channels]), side);
            let tiles = turned.select(pattern(side, columns, rows), pattern(side, rows, columns)) * sign;
            let below = height - tall * side - above;
            let after = width - wide * side - before;
            let tiles = tiles.pad(&[(0, 0), (above, below), (before, after), (0, 0)]);
            tiles / (bound.size(tiles) + 1e-12)
        }
    };
    g.output(POINT, bound.confine(images, images + offset * bound.epsilon));
}

/// A change of the best points, at a place and of signs drawn for each image.
fn trace_proposal<'g>(g: &'g Graph, bound: Bound, shape: [usize; 4], side: usize) {
    let [n, height, width, channels] = shape;
    let (images, best) = (g.state(IMAGES, shape), g.state(ATTACKED, shape));
    let random = Seeds::Image.random(g, n);
    random.advance();
    let sign = signs(&random, [n, 1, 1, channels]);
    let [rows, columns] = grid(g, shape);
    // As in the published code, whose squares never reach the last row and column: with them it is a stronger attack.
    let places = |size: usize| (size - side).max(1);
    let place = |size: usize| (random.uniform([n, 1, 1, 1]) * places(size) as f32).floor();
    let square = || {
        let (top, left) = (place(height), place(width));
        let inside =
            |at: Value<'g>| at.greater_equal(g.full([], 0.0)) * (1.0 - at.greater((side - 1) as f32));
        let (row, column) = (rows - top, columns - left);
        (inside(row) * inside(column), row, column)
    };
    let (here, row, column) = square();
    let proposed = match bound.norm {
        Norm::Linf | Norm::L1 => best + here * sign * (2.0 * bound.epsilon),
        // A pattern is added here, and what it needs to be long enough is taken from there.
        Norm::L2 => {
            let (there, _, _) = square();
            let of_channel = |x: Value<'g>| x.square().sum(&[1, 2]);
            let offset = best - images;
            let spent = offset.square().sum(&IMAGE);
            let freed = of_channel(offset * here.maximum(there));
            let turned = random.uniform([n, 1, 1, 1]).greater(0.5);
            let wave = turned.select(pattern(side, column, row), pattern(side, row, column)) * here * sign;
            let change = wave + offset * here / (of_channel(offset * here).sqrt() + 1e-12);
            let left = (bound.epsilon * bound.epsilon - spent).relu();
            let length = (left * (1.0 / channels as f32) + freed).sqrt();
            let change = change / (of_channel(change).sqrt() + 1e-12) * length;
            let moved = here.select(change, offset * (1.0 - there));
            images + moved * (bound.epsilon / (bound.size(moved) + 1e-12))
        }
    };
    g.output(POINT, bound.confine(images, proposed));
}

/// Takes the points if they are better than the best so far; the first in any case. Broken images stay as they are.
fn trace_judgement(g: &Graph, shape: [usize; 4], classes: usize, first: bool) {
    let n = shape[0];
    let logits = g.state(LOGITS, [n, classes]);
    let margin = (lead(logits, g.state_u32(LABELS, [n])) * -1.0).reshape([n]);
    let wrong = is_wrong(g, logits);
    let (points, best) = (g.state(POINT, shape), g.state(ATTACKED, shape));
    let (least, broken) = (g.state(MARGIN, [n]), g.state(BROKEN, [n]));
    if first {
        g.assign(best, points + 0.0);
        g.assign(least, margin);
        g.assign(broken, wrong);
        return;
    }
    let taken = (1.0 - broken) * least.greater_than(margin).maximum(wrong);
    g.assign(best, taken.reshape([n, 1, 1, 1]).select(points, best));
    g.assign(least, taken.select(margin, least));
    g.assign(broken, broken.maximum(wrong));
}

/// Positions within their tile, `[count * side]`.
fn within_tiles(g: &Graph, count: usize, side: usize) -> Value<'_> {
    let all = positions(g, count * side);
    all - ((all + 0.5) * (1.0 / side as f32)).floor() * side as f32
}

/// Every element of `[n, a, b, c]` as a tile of that side.
fn tiled(values: Value<'_>, side: usize) -> Value<'_> {
    let [n, a, b, c] = [0, 1, 2, 3].map(|axis| values.shape()[axis]);
    values.reshape([n, a, 1, b, 1, c]).broadcast_to([n, a, side, b, side, c]).reshape([
        n,
        a * side,
        b * side,
        c,
    ])
}

#[cfg(test)]
mod tests {
    use unperturb_engine::{Device, Session};

    use super::*;

    fn options(norm: Norm) -> Options {
        Options { bound: Bound { norm, epsilon: 0.1 }, queries: 5000, p: 0.8 }
    }

    #[test]
    fn squares_shrink_as_published() {
        let sides = |norm| {
            [0, 10, 11, 51, 201, 501, 1001, 2001, 4001, 9999].map(|q| side(options(norm), [32, 32], q))
        };
        assert_eq!(sides(Norm::Linf), [29, 29, 20, 14, 10, 7, 5, 4, 3, 3]);
        assert_eq!(sides(Norm::L2), [29, 29, 21, 15, 11, 7, 5, 5, 3, 3]);
        assert_eq!(side(options(Norm::Linf), [8, 200], 0), 8);
    }

    /// Squares may be anywhere but at the last row and column.
    #[test]
    fn squares_are_where_the_published_ones_are() {
        const COUNT: usize = 400;
        let shape = [COUNT, 6, 5, 3];
        let g = Graph::new();
        trace_proposal(&g, options(Norm::Linf).bound, shape, 3);
        let mut session = Session::new(&Device::cpu());
        let program = session.compile(&g).unwrap();
        session.write(IMAGES, &[0.5; COUNT * 6 * 5 * 3]).unwrap();
        session.write(ATTACKED, &[0.5; COUNT * 6 * 5 * 3]).unwrap();
        let seeds: Vec<u32> =
            (0..COUNT as u32).flat_map(|i| super::super::seeds::of_image(1, 0, 0, 0, i)).collect();
        session.write_u32(super::super::RANDOM, &seeds).unwrap();
        session.run(&program, 1).unwrap();
        let mut places = BTreeMap::new();
        for image in session.read(POINT).unwrap().chunks_exact(6 * 5 * 3) {
            let changed: Vec<usize> = (0..30).filter(|&i| image[3 * i] != 0.5).collect();
            assert_eq!(changed.len(), 9);
            *places.entry(changed[0]).or_insert(0) += 1;
        }
        // Three rows by two columns, 67 times each; fewer than 22 or more than 112 are six standard deviations off.
        assert_eq!(places.keys().copied().collect::<Vec<_>>(), [0, 1, 5, 6, 10, 11]);
        assert!(places.values().all(|count| (22..112).contains(count)), "{places:?}");
    }
}
