//! The variant for software drivers whose subgroups are 8 lanes: pixels and weights from uniform windows, weights
//! shared by broadcast.
//!
//! Loads from storage are what costs most on such drivers: a loop over the lanes with branches for each number.
//! Those from uniform buffers are straight code, an order of magnitude faster; but a shader sees no more than
//! [`MAX_WINDOW`] words of a buffer in that manner, so that an operation is many launches, each over one part of the
//! images and one window of weights.

use super::super::fused::Epilogue;
use super::correlation::{Correlation, signed};
use super::parts::{Part, Seen, parts};
use super::{Geometry, Pass, pixels};
use crate::runtime::gpu::{Binding, Launch, Lowered, MAX_WINDOW, Slot, WINDOW_STEP, Window, unroll};

/// What a workgroup makes: lanes times `pixel_groups` pixels, times four times `output_quads` channels.
#[derive(Clone, Copy)]
struct Tile {
    pixel_groups: usize,
    output_quads: usize,
}

/// Largest first. More sums would not stay in registers.
const TILES: [Tile; 3] = [
    Tile { pixel_groups: 4, output_quads: 4 },
    Tile { pixel_groups: 8, output_quads: 2 },
    Tile { pixel_groups: 8, output_quads: 1 },
];
const LANES: usize = 8;

impl Tile {
    fn channels(self) -> usize {
        4 * self.output_quads
    }

    fn pixels(self) -> usize {
        LANES * self.pixel_groups
    }

    /// The tile that wastes least on `destinations` channels, of those whose weights fit into a window.
    fn of(correlation: &Correlation) -> Option<Tile> {
        let destinations = correlation.destination[2];
        let fitting = TILES.into_iter().filter(|tile| tile.block_words(correlation) <= MAX_WINDOW);
        fitting.min_by_key(|tile| destinations.next_multiple_of(tile.channels()))
    }

    /// Words of the weights of a tile's channels, as packed.
    fn block_words(self, correlation: &Correlation) -> usize {
        let taps = correlation.kernel[0] * correlation.kernel[1];
        (taps * correlation.source[2].next_multiple_of(4) * self.channels()).next_multiple_of(WINDOW_STEP)
    }
}

/// The pass, where parts of its source and of its weights fit into windows.
pub fn correlation(pass: Pass, g: &Geometry, epilogue: Option<&Epilogue>) -> Option<Lowered> {
    correlate(&Correlation::new(pass, g), epilogue)
}

/// The parts of the work, and whether the epilogue sees its pixels through windows, too.
fn cut(
    correlation: &Correlation,
    tile: Tile,
    seen: Seen,
    epilogue: Option<&Epilogue>,
) -> Option<(Vec<Part>, bool)> {
    let [rows, columns] = &correlation.axes;
    // Parts of less than a tile would leave most lanes idle.
    let positions = |part: &Part| part.images.len() * part.rows.len() * columns.grid;
    let fine =
        |parts: &Vec<Part>| parts.len() == 1 || parts.iter().all(|part| positions(part) >= tile.pixels());
    let [destination_rows, destination_columns, destinations] = correlation.destination;
    if epilogue.is_some() && destinations <= MAX_WINDOW {
        let row_words = destination_columns * destinations;
        let of_epilogue = Seen { rows: destination_rows, row_words, step: rows.step, reach: rows.step };
        let parts = parts(correlation.n, rows.grid, &[seen, of_epilogue]).filter(fine);
        if let Some(parts) = parts {
            return Some((parts, true));
        }
    }
    Some((parts(correlation.n, rows.grid, &[seen]).filter(fine)?, false))
}

fn correlate(correlation: &Correlation, epilogue: Option<&Epilogue>) -> Option<Lowered> {
    let [rows, columns] = &correlation.axes;
    let tile = Tile::of(correlation)?;
    let reach = correlation.kernel[0].div_ceil(rows.step);
    let [source_rows, source_columns, sources] = correlation.source;
    let [destination_rows, destination_columns, destinations] = correlation.destination;
    let pixels = Pixels::of(0, correlation.n, source_rows, source_columns, sources);
    let (parts, windows) = cut(correlation, tile, pixels.seen(rows.source_step, reach), epilogue)?;
    let windowed = epilogue.filter(|_| windows);

    let weights = Weights::new(correlation, tile);
    let mut scratch = vec![weights.scratch_words()];
    let mut launches = vec![weights.pack(correlation)];
    let pixels = pixels.padded(&mut scratch, &mut launches);
    let row_words = destination_columns * destinations;
    let destination_words = correlation.n * destination_rows * row_words;
    let destination = match windowed {
        Some(epilogue) => {
            let seen = (epilogue, Window::words_into(destination_words));
            pixels::destination_of_windows(["d", "params[6][2]"], 3, destinations, seen, 4)
        }
        None => pixels::destination("d", 3, destinations, epilogue, 4),
    };
    let source = source(tile, &pixels, &destination);
    let positions = |part: &Part| part.images.len() * part.rows.len() * columns.grid;
    for part in &parts {
        let first_row = part.rows.start * rows.source_step;
        let backwards = if correlation.direction < 0 { reach - 1 } else { 0 };
        let first_row = (first_row as isize + rows.source_offset - backwards as isize).max(0) as usize;
        let x = pixels.window(part.images.start, first_row);
        let first_row = (part.rows.start * rows.step) as isize + rows.destination_offset;
        let first_row = part.images.start * destination_rows + first_row.max(0) as usize;
        let of_epilogue = Window::around(first_row * row_words, destination_words);
        let element = if destinations.is_multiple_of(4) { 4 } else { 1 };
        for blocks in weights.windows() {
            let w = Window { first: blocks.start * weights.block_words, words: MAX_WINDOW };
            let groups = positions(part).div_ceil(tile.pixels());
            let params = [
                [part.images.start, part.images.len(), part.rows.start, part.rows.len()],
                [columns.grid, blocks.len(), blocks.start, x.first / 4],
                [rows.step, columns.step, correlation.kernel[0], correlation.kernel[1]],
                [source_rows, source_columns, pixels.vectors(), destinations],
                [destination_rows, destination_columns, rows.source_step, columns.source_step],
                [
                    signed(rows.source_offset),
                    signed(columns.source_offset),
                    signed(rows.destination_offset),
                    signed(columns.destination_offset),
                ],
                [
                    signed(correlation.direction),
                    weights.block_words / 4,
                    if windows { of_epilogue.first / element } else { 0 },
                    0,
                ],
            ];
            let mut bindings = vec![
                Binding::uniform(pixels.slot, x),
                Binding::uniform(Slot::Scratch(0), w),
                Binding::write_output(),
            ];
            match windowed {
                Some(epilogue) => bindings.extend(pixels::windows(epilogue, destinations, of_epilogue)),
                None => bindings.extend(pixels::operands(epilogue)),
            }
            launches.push(Launch {
                label: correlation.label,
                source: source.clone().into(),
                bindings,
                params: words(&params),
                workgroups: rows.step * columns.step * groups * blocks.len(),
            });
        }
    }
    Some(Lowered { scratch, launches })
}

fn source(tile: Tile, pixels: &Pixels, destination: &str) -> String {
    let loads = tile.output_quads.div_ceil(2);
    let loaded: Vec<String> = (0..loads).map(|load| format!("w{load}")).collect();
    let template = include_str!("../../../../../shaders/conv2d/lanes_correlation.wgsl")
        .replace("PIXEL_GROUPS", &tile.pixel_groups.to_string())
        .replace("OUTPUT_QUADS", &tile.output_quads.to_string())
        .replace("WEIGHT_LOADS", &loads.to_string())
        .replace("LOADED", &loaded.join(", "))
        .replace("LOADING", &(4 * tile.output_quads).min(LANES).to_string())
        .replace("X_VECTORS", &(pixels.window_words() / 4).to_string())
        .replace("W_VECTORS", &(MAX_WINDOW / 4).to_string())
        .replace("//DESTINATION", destination);
    unroll(&template)
}

/// The weights as packed into scratch.
struct Weights {
    tile: Tile,
    blocks: usize,
    block_words: usize,
}

impl Weights {
    fn new(correlation: &Correlation, tile: Tile) -> Self {
        let blocks = correlation.destination[2].div_ceil(tile.channels());
        Weights { tile, blocks, block_words: tile.block_words(correlation) }
    }

    /// The blocks of each window.
    fn windows(&self) -> impl Iterator<Item = std::ops::Range<usize>> {
        let (blocks, each) = (self.blocks, MAX_WINDOW / self.block_words);
        (0..blocks).step_by(each).map(move |first| first..blocks.min(first + each))
    }

    /// Room for the last window, too, to be a whole one: windows of one length need one shader.
    fn scratch_words(&self) -> usize {
        let last = self.windows().last().map_or(0, |blocks| blocks.start);
        last * self.block_words + MAX_WINDOW
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

/// Images of a tensor, whose channels are or get padded to a multiple of four.
struct Pixels {
    slot: Slot,
    n: usize,
    rows: usize,
    columns: usize,
    channels: usize,
}

impl Pixels {
    fn of(input: usize, n: usize, rows: usize, columns: usize, channels: usize) -> Self {
        Pixels { slot: Slot::Input(input), n, rows, columns, channels }
    }

    /// Vectors of a pixel.
    fn vectors(&self) -> usize {
        self.channels.div_ceil(4)
    }

    fn row_words(&self) -> usize {
        self.columns * 4 * self.vectors()
    }

    fn words(&self) -> usize {
        self.n * self.rows * self.row_words()
    }

    fn window_words(&self) -> usize {
        Window::words_into(self.words())
    }

    /// The window that begins at or before a row.
    fn window(&self, image: usize, row: usize) -> Window {
        Window::around((image * self.rows + row) * self.row_words(), self.words())
    }

    fn seen(&self, step: usize, reach: usize) -> Seen {
        Seen { rows: self.rows, row_words: self.row_words(), step, reach }
    }

    /// The same pixels, in a new scratch buffer unless they are whole vectors already.
    fn padded(self, scratch: &mut Vec<usize>, launches: &mut Vec<Launch>) -> Self {
        let Slot::Input(input) = self.slot else { return self };
        if self.channels.is_multiple_of(4) {
            return self;
        }
        let (words, number) = (self.words(), scratch.len());
        scratch.push(words);
        // As weights of one source channel at as many taps as there are pixels.
        let params = [words, 1, self.channels, 4 * self.vectors(), 0, 1];
        launches.push(Launch {
            label: "conv2d pixels",
            source: include_str!("../../../../../shaders/conv2d/pack.wgsl").into(),
            bindings: vec![Binding::read_input(input), Binding::write_scratch(number)],
            params: params.map(|word| word as u32).to_vec(),
            workgroups: words.div_ceil(64),
        });
        Pixels { slot: Slot::Scratch(number), ..self }
    }
}

pub(super) fn words(params: &[[usize; 4]]) -> Vec<u32> {
    params.concat().into_iter().map(|word| word as u32).collect()
}
