//! The variant for software drivers whose subgroups are 8 lanes: weights shared by broadcast, and, where the
//! convolution goes along whole rows, pixels shared by shuffles.
//!
//! Loads are what costs most on such drivers (see `runtime/gpu/vectors.rs`), and launches: weights come from uniform
//! memory if the blocks of a few launches hold them.

use std::fmt::Write;
use std::ops::Range;

use super::super::fused::Epilogue;
use super::correlation::{Axis, Correlation, signed};
use super::{pixels, words};
use crate::runtime::gpu::{
    Abilities, Binding, Launch, Lowered, MAX_WINDOW, Slot, Vectors, WINDOW_STEP, Window, unroll,
};

const LANES: usize = 8;
/// Launches that weights in uniform memory are worth.
const MOST_LAUNCHES: usize = 4;

/// What a workgroup makes: lanes times `pixel_groups` pixels, times four times `output_quads` channels.
#[derive(Clone, Copy)]
struct Tile {
    pixel_groups: usize,
    output_quads: usize,
}

/// Groups of a tile along rows, and the most that a row may have.
const ROW_GROUPS: usize = 4;

/// Largest first. More sums would not stay in registers.
const TILES: [Tile; 3] = [
    Tile { pixel_groups: 4, output_quads: 4 },
    Tile { pixel_groups: 8, output_quads: 2 },
    Tile { pixel_groups: 8, output_quads: 1 },
];

impl Tile {
    /// The tile that wastes least on the destination's channels. Along rows it has [`ROW_GROUPS`], for one shader for
    /// all widths, and not more: there the code of a workgroup is one for each tap of a kernel row.
    fn of(correlation: &Correlation) -> Tile {
        let wasteful = |tile: &Tile| correlation.destination[2].next_multiple_of(tile.channels());
        let tile = TILES.into_iter().min_by_key(wasteful).expect("there are some");
        if row_logarithm(correlation).is_some() { Tile { pixel_groups: ROW_GROUPS, ..tile } } else { tile }
    }

    fn channels(self) -> usize {
        4 * self.output_quads
    }

    fn pixels(self) -> usize {
        LANES * self.pixel_groups
    }
}

/// The correlation. Operands are the source, the weights and then those of `epilogue`.
pub fn correlate(correlation: &Correlation, epilogue: Option<&Epilogue>, abilities: &Abilities) -> Lowered {
    let tile = Tile::of(correlation);
    let weights = Weights::new(correlation, tile, abilities);
    let mut lowered =
        Lowered { scratch: vec![weights.scratch_words()], launches: vec![weights.pack(correlation)] };
    let x = source(correlation, &mut lowered, abilities);
    let (destination, written) =
        pixels::destination_of_lanes("d", 3, correlation.destination[2], epilogue, abilities);
    // Windows of one length need one shader.
    let declared = x.declare("x", 1) + &weights.seen(0).declare("w", 2) + &destination;
    let source = shader(correlation, tile, &declared);
    for blocks in weights.launches() {
        let w = weights.seen(blocks.start);
        lowered.launches.push(Launch {
            label: correlation.label,
            source: source.clone().into(),
            bindings: [x.binding(), w.binding()].into_iter().chain(written.iter().copied()).collect(),
            params: params(correlation, &weights, &blocks),
            workgroups: tiles(correlation, tile) * blocks.len(),
        });
    }
    lowered
}

/// The source in vectors of four channels: padded in scratch unless its pixels are whole vectors already.
fn source(correlation: &Correlation, lowered: &mut Lowered, abilities: &Abilities) -> Vectors {
    let [rows, columns, channels] = correlation.source;
    if channels.is_multiple_of(4) {
        return Vectors::input(0, abilities);
    }
    let (padded, number) = (channels.next_multiple_of(4), lowered.scratch.len());
    let words = correlation.n * rows * columns * padded;
    lowered.scratch.push(words);
    // As weights of one source channel at as many taps as there are pixels.
    let params = [words, 1, channels, padded, 0, 1];
    lowered.launches.push(Launch {
        label: "conv2d pixels",
        source: include_str!("../../../../../shaders/conv2d/pack.wgsl").into(),
        bindings: vec![Binding::read_input(0), Binding::write_scratch(number)],
        params: params.map(|word| word as u32).to_vec(),
        workgroups: words.div_ceil(64),
    });
    Vectors::storage(Slot::Scratch(number), abilities)
}

/// The binary logarithm of the groups of lanes in a row, where rows of the destination meet source rows of the same width
/// pixel by pixel, and tiles can have whole ones.
fn row_logarithm(correlation: &Correlation) -> Option<u32> {
    let plain = |axis: &Axis| (axis.step, axis.source_step, axis.destination_offset) == (1, 1, 0);
    let columns = correlation.source[1];
    let same = correlation.destination[1] == columns && correlation.axes[1].grid == columns;
    let near = shifts(correlation).all(|shift| shift.unsigned_abs() < LANES);
    let logarithm = (0..=ROW_GROUPS.ilog2()).find(|logarithm| LANES << logarithm == columns)?;
    (correlation.axes.iter().all(plain) && same && near).then_some(logarithm)
}

/// How far to the right of its destination the source of each tap of a kernel row is.
fn shifts(correlation: &Correlation) -> impl Iterator<Item = isize> {
    let taps = correlation.kernel[1] as isize;
    (0..taps).map(|s| correlation.axes[1].source_offset + correlation.direction * s)
}

/// Tiles of all phases.
fn tiles(correlation: &Correlation, tile: Tile) -> usize {
    correlation.phases() * correlation.positions().div_ceil(tile.pixels())
}

fn params(correlation: &Correlation, weights: &Weights, blocks: &Range<usize>) -> Vec<u32> {
    let [rows, columns] = &correlation.axes;
    let [source_rows, source_columns, sources] = correlation.source;
    let [destination_rows, destination_columns, destinations] = correlation.destination;
    let offsets =
        [rows.source_offset, columns.source_offset, rows.destination_offset, columns.destination_offset];
    let direction = signed(correlation.direction);
    let row_logarithm = row_logarithm(correlation).unwrap_or(0) as usize;
    words(&[
        [correlation.n, rows.grid, columns.grid, blocks.len()],
        [blocks.start, weights.block_words / 4, direction, sources.div_ceil(4)],
        [rows.step, columns.step, correlation.kernel[0], correlation.kernel[1]],
        [source_rows, source_columns, destinations, 0],
        [destination_rows, destination_columns, rows.source_step, columns.source_step],
        offsets.map(signed),
        [row_logarithm, weights.tile.pixel_groups, weights.tile.output_quads, 0],
    ])
}

fn shader(correlation: &Correlation, tile: Tile, declared: &str) -> String {
    let template = if row_logarithm(correlation).is_some() {
        include_str!("../../../../../shaders/conv2d/lanes_rows.wgsl")
            .replace("KERNEL_COLUMNS", &correlation.kernel[1].to_string())
            .replace("//SHIFTS", &shuffles(correlation))
    } else {
        include_str!("../../../../../shaders/conv2d/lanes_correlation.wgsl").to_owned()
    };
    let loads = tile.output_quads.div_ceil(2);
    let loaded: Vec<String> = (0..loads).map(|load| format!("w{load}")).collect();
    let template = template
        .replace("//PRODUCTS", include_str!("../../../../../shaders/conv2d/lanes_products.wgsl"))
        .replace("//STORES", include_str!("../../../../../shaders/conv2d/lanes_stores.wgsl"))
        .replace("PIXEL_GROUPS", &tile.pixel_groups.to_string())
        .replace("OUTPUT_QUADS", &tile.output_quads.to_string())
        .replace("WEIGHT_LOADS", &loads.to_string())
        .replace("LOADED", &loaded.join(", "))
        .replace("LOADING", &(4 * tile.output_quads).min(LANES).to_string())
        .replace("//BINDINGS", declared);
    unroll(&template)
}

/// The statements that give each tap `s` of a kernel row the pixels `v{s}_{p}` of group `p`, from the own ones
/// `own{p}`: rotated among the lanes, and beyond the first or last lane those of the neighbouring group, if that is of
/// the same row.
fn shuffles(correlation: &Correlation) -> String {
    let mut text = String::new();
    let mut line = |args: std::fmt::Arguments| writeln!(text, "      {args}").expect("writing to a string");
    for (s, shift) in shifts(correlation).enumerate() {
        if shift == 0 {
            (0..ROW_GROUPS).for_each(|p| line(format_args!("let v{s}_{p} = own{p};")));
            continue;
        }
        let from = shift.rem_euclid(LANES as isize);
        for p in 0..ROW_GROUPS {
            line(format_args!("let rotated{s}_{p} = subgroupShuffle(own{p}, (lane + {from}u) % {LANES}u);"));
        }
        let own = match shift > 0 {
            true => format!("lane < {}u", LANES as isize - shift),
            false => format!("lane >= {}u", -shift),
        };
        for p in 0..ROW_GROUPS {
            // The group beyond, and the later of the two, which may begin a row.
            let (beyond, later) = if shift > 0 { (p + 1, p + 1) } else { (p.wrapping_sub(1), p) };
            let same_row = format!("({later}u & (row_groups - 1u)) != 0u");
            let neighbour = match beyond < ROW_GROUPS {
                true => format!("select(vec4<f32>(), rotated{s}_{beyond}, {same_row})"),
                false => "vec4<f32>()".to_owned(),
            };
            line(format_args!("let v{s}_{p} = select({neighbour}, rotated{s}_{p}, {own});"));
        }
    }
    text
}

/// The weights as packed into the first scratch buffer: blocks, each of a tile's channels.
struct Weights {
    tile: Tile,
    blocks: usize,
    block_words: usize,
    abilities: Abilities,
}

impl Weights {
    fn new(correlation: &Correlation, tile: Tile, abilities: &Abilities) -> Self {
        let blocks = correlation.destination[2].div_ceil(tile.channels());
        let taps = correlation.kernel[0] * correlation.kernel[1];
        let block_words = taps * correlation.source[2].next_multiple_of(4) * tile.channels();
        Weights {
            tile,
            blocks,
            block_words: block_words.next_multiple_of(WINDOW_STEP),
            abilities: *abilities,
        }
    }

    /// How many blocks a launch sees as uniform; None where that would be too many launches.
    fn uniform_blocks(&self) -> Option<usize> {
        let most = MAX_WINDOW / self.block_words;
        (most > 0 && self.blocks.div_ceil(most) <= MOST_LAUNCHES).then_some(most)
    }

    /// The blocks of each launch.
    fn launches(&self) -> impl Iterator<Item = Range<usize>> {
        let (blocks, step) = (self.blocks, self.uniform_blocks().unwrap_or(self.blocks));
        (0..blocks).step_by(step).map(move |first| first..blocks.min(first + step))
    }

    /// How the launch whose blocks begin with that one sees them.
    fn seen(&self, first: usize) -> Vectors {
        match self.uniform_blocks() {
            None => Vectors::storage(Slot::Scratch(0), &self.abilities),
            Some(_) => {
                let window = Window { first: first * self.block_words, words: MAX_WINDOW };
                Vectors::uniform(Slot::Scratch(0), window, &self.abilities)
            }
        }
    }

    /// Room for the last window, too, to be a whole one.
    fn scratch_words(&self) -> usize {
        let words = self.blocks * self.block_words;
        let last = |each: usize| (self.blocks - 1) / each * each * self.block_words + MAX_WINDOW;
        self.uniform_blocks().map_or(words, last)
    }

    fn pack(&self, correlation: &Correlation) -> Launch {
        let [source_step, destination_step] = correlation.weight_steps;
        let (sources, destinations) = (correlation.source[2], correlation.destination[2]);
        let taps = correlation.kernel[0] * correlation.kernel[1];
        let vectors = self.blocks * self.block_words / 4;
        let params = [
            [vectors, self.block_words / 4, taps, sources],
            [destinations, sources * destinations, source_step, destination_step],
            [self.tile.output_quads, 0, 0, 0],
        ];
        Launch {
            label: "conv2d weights",
            source: include_str!("../../../../../shaders/conv2d/lanes_pack.wgsl").into(),
            bindings: vec![Binding::read_input(1), Binding::write_scratch(0)],
            params: words(&params),
            workgroups: vectors.div_ceil(64),
        }
    }
}
