//! The picture of a repair: one line per image, from the clean image to the repaired one.

use std::convert::Infallible;

use embedded_graphics::Pixel;
use embedded_graphics::geometry::{OriginDimensions, Point, Size};
use embedded_graphics::mono_font::iso_8859_1::{FONT_7X13, FONT_7X13_BOLD};
use embedded_graphics::mono_font::{MonoFont, MonoTextStyle};
use embedded_graphics::pixelcolor::{Rgb888, RgbColor};
use embedded_graphics::prelude::{DrawTarget, Drawable};
use embedded_graphics::text::{Alignment, Baseline, Text, TextStyleBuilder};
use image::{ImageFormat, Rgb, RgbImage};

/// What the classifier says of an image.
#[derive(Debug, Clone, PartialEq)]
pub struct Prediction {
    /// The name of the class.
    pub label: String,
    /// Its softmax probability.
    pub confidence: f32,
    /// Whether it is the true class.
    pub right: bool,
}

/// An image, `[height, width, 3]` in [0, 1], and what the classifier says of it.
#[derive(Debug, Clone)]
pub struct Picture<'a> {
    /// The image.
    pub pixels: &'a [f32],
    /// What the classifier says.
    pub prediction: Prediction,
}

/// One line of the grid.
#[derive(Debug, Clone)]
pub struct GridRow<'a> {
    /// The name of the true class.
    pub truth: String,
    /// The image as it was.
    pub clean: Picture<'a>,
    /// After the attack.
    pub attacked: Picture<'a>,
    /// After the attack and the defence.
    pub repaired: Picture<'a>,
}

/// Why there is no picture.
#[derive(Debug, thiserror::Error)]
pub enum GridError {
    /// Pixels that are not `height * width * 3`.
    #[error("line {line} of the picture has an image of {found} values where {expected} are expected")]
    Size {
        /// The line, from 1.
        line: usize,
        /// Values there are.
        found: usize,
        /// Values there should be.
        expected: usize,
    },
    /// More than a PNG viewer can be asked to show.
    #[error("a picture of {lines} lines of {height} x {width} pixels is too large")]
    TooLarge {
        /// Lines of the grid.
        lines: usize,
        /// Height of an image.
        height: usize,
        /// Width of an image.
        width: usize,
    },
    /// The encoder's own trouble.
    #[error("the picture cannot be encoded")]
    Encode(#[from] image::ImageError),
}

/// The columns; the two perturbations are magnified around grey.
const COLUMNS: [&str; 5] = ["clean", "attacked", "perturbation", "reversal", "repaired"];

/// Images are shown about this wide, by a whole factor.
const CELL: usize = 160;
const GAP: usize = 12;
const MARGIN: usize = 16;
const TRUTH_WIDTH: usize = 84;
const HEADER_HEIGHT: usize = 26;
const CAPTION_HEIGHT: usize = 22;
const LONGEST_SIDE: usize = 1 << 15;

const PAPER: Rgb888 = Rgb888::new(0xff, 0xff, 0xff);
const INK: Rgb888 = Rgb888::new(0x24, 0x29, 0x2f);
const FAINT: Rgb888 = Rgb888::new(0x6e, 0x77, 0x81);
const RIGHT: Rgb888 = Rgb888::new(0x1a, 0x7f, 0x37);
const WRONG: Rgb888 = Rgb888::new(0xcf, 0x22, 0x2e);

/// Draws the grid of images of `height` x `width`: clean, attacked, the perturbation and the reverse
/// perturbation magnified by the factors in their headers, repaired; under each image its label and confidence,
/// green where right and red where wrong, under each perturbation its largest value in units of 1/255.
///
/// # Errors
/// [`GridError::Size`] and [`GridError::TooLarge`].
pub fn draw(height: usize, width: usize, rows: &[GridRow<'_>]) -> Result<RgbImage, GridError> {
    check(height, width, rows)?;
    let zoom = (CELL / width.max(1)).max(1);
    // Captions need some room even under a narrow image.
    let cell_width = (width * zoom).max(CELL);
    let line_height = height * zoom + CAPTION_HEIGHT + GAP;
    let too_large = || GridError::TooLarge { lines: rows.len(), height, width };
    let full_width = 2 * MARGIN + TRUTH_WIDTH + COLUMNS.len() * (cell_width + GAP) - GAP;
    let full_height = rows
        .len()
        .checked_mul(line_height)
        .and_then(|lines| lines.checked_add(2 * MARGIN + HEADER_HEIGHT))
        .ok_or_else(too_large)?;
    if full_width.max(full_height) > LONGEST_SIDE {
        return Err(too_large());
    }
    let mut canvas = Canvas::new(full_width, full_height);
    let attack_gain = gain(rows, |row| (&row.clean, &row.attacked));
    let reversal_gain = gain(rows, |row| (&row.attacked, &row.repaired));
    let left = |column: usize| MARGIN + TRUTH_WIDTH + column * (cell_width + GAP);

    let truth_width = TRUTH_WIDTH - GAP;
    canvas.centred("class", MARGIN + truth_width / 2, MARGIN, &FONT_7X13_BOLD, FAINT, truth_width);
    for (column, name) in COLUMNS.iter().enumerate() {
        let header = match column {
            2 => format!("{name} ×{attack_gain:.0}"),
            3 => format!("{name} ×{reversal_gain:.0}"),
            _ => (*name).to_owned(),
        };
        canvas.centred(&header, left(column) + cell_width / 2, MARGIN, &FONT_7X13_BOLD, INK, cell_width);
    }
    for (line, row) in rows.iter().enumerate() {
        let top = MARGIN + HEADER_HEIGHT + line * line_height;
        let middle = top + (height * zoom).saturating_sub(13) / 2;
        canvas.centred(&row.truth, MARGIN + truth_width / 2, middle, &FONT_7X13_BOLD, INK, truth_width);
        let mut cell = |column: usize, pixels: &mut dyn Iterator<Item = f32>, caption: &str, colour| {
            let centre = left(column) + cell_width / 2;
            canvas.picture(pixels, centre - width * zoom / 2, top, width, zoom);
            canvas.centred(caption, centre, top + height * zoom + 4, &FONT_7X13, colour, cell_width);
        };
        for (column, picture) in [(0, &row.clean), (1, &row.attacked), (4, &row.repaired)] {
            let Prediction { label, confidence, right } = &picture.prediction;
            let percent = format!(" {:.0} %", 100.0 * confidence);
            let caption = format!("{}{percent}", fitting(label, cell_width / 7 - percent.len()));
            let colour = if *right { RIGHT } else { WRONG };
            cell(column, &mut picture.pixels.iter().copied(), &caption, colour);
        }
        let changes =
            [(2, &row.clean, &row.attacked, attack_gain), (3, &row.attacked, &row.repaired, reversal_gain)];
        for (column, before, after, gain) in changes {
            let caption = format!("max {:.1}/255", 255.0 * largest_change(before, after));
            let pairs = before.pixels.iter().zip(after.pixels);
            cell(column, &mut pairs.map(|(before, after)| 0.5 + gain * (after - before)), &caption, FAINT);
        }
    }
    Ok(canvas.0)
}

/// The picture as the bytes of a PNG file.
///
/// # Errors
/// [`GridError::Encode`].
pub fn png(picture: &RgbImage) -> Result<Vec<u8>, GridError> {
    let mut bytes = std::io::Cursor::new(Vec::new());
    picture.write_to(&mut bytes, ImageFormat::Png)?;
    Ok(bytes.into_inner())
}

fn check(height: usize, width: usize, rows: &[GridRow<'_>]) -> Result<(), GridError> {
    if height.max(width) > LONGEST_SIDE {
        return Err(GridError::TooLarge { lines: rows.len(), height, width });
    }
    let expected = height * width * 3;
    for (index, row) in rows.iter().enumerate() {
        for picture in [&row.clean, &row.attacked, &row.repaired] {
            if picture.pixels.len() != expected {
                let found = picture.pixels.len();
                return Err(GridError::Size { line: index + 1, found, expected });
            }
        }
    }
    Ok(())
}

fn largest_change(before: &Picture<'_>, after: &Picture<'_>) -> f32 {
    before.pixels.iter().zip(after.pixels).map(|(before, after)| (after - before).abs()).fold(0.0, f32::max)
}

/// The whole factor by which the largest change of a column fills four fifths of the range around grey.
fn gain<'a>(rows: &'a [GridRow<'a>], pair: fn(&'a GridRow<'a>) -> (&'a Picture<'a>, &'a Picture<'a>)) -> f32 {
    let largest =
        rows.iter().map(pair).map(|(before, after)| largest_change(before, after)).fold(0.0, f32::max);
    if largest > 0.0 { (0.4 / largest).floor().clamp(1.0, 255.0) } else { 1.0 }
}

/// `text` in at most `letters` letters.
fn fitting(text: &str, letters: usize) -> String {
    if text.chars().count() <= letters {
        return text.to_owned();
    }
    let kept: String = text.chars().take(letters.saturating_sub(2)).collect();
    format!("{kept}..")
}

/// An [`RgbImage`] that text can be drawn on.
struct Canvas(RgbImage);

impl Canvas {
    fn new(width: usize, height: usize) -> Self {
        Self(RgbImage::from_pixel(width as u32, height as u32, rgb(PAPER)))
    }

    /// Text whose middle is at `x`, cut to `room` pixels.
    fn centred(&mut self, text: &str, x: usize, y: usize, font: &MonoFont<'_>, colour: Rgb888, room: usize) {
        let text = fitting(text, room / font.character_size.width as usize);
        let style = TextStyleBuilder::new().alignment(Alignment::Center).baseline(Baseline::Top).build();
        let position = Point::new(x as i32, y as i32);
        let Ok(_) =
            Text::with_text_style(&text, position, MonoTextStyle::new(font, colour), style).draw(self);
    }

    /// An image of `width` pixels a line, each shown as a square of `zoom`.
    fn picture(
        &mut self,
        values: &mut dyn Iterator<Item = f32>,
        x: usize,
        y: usize,
        width: usize,
        zoom: usize,
    ) {
        let mut index = 0;
        while let (Some(red), Some(green), Some(blue)) = (values.next(), values.next(), values.next()) {
            let colour = Rgb([red, green, blue].map(|value| (255.0 * value.clamp(0.0, 1.0)).round() as u8));
            let (left, top) = (x + index % width * zoom, y + index / width * zoom);
            for row in top..top + zoom {
                for column in left..left + zoom {
                    self.0.put_pixel(column as u32, row as u32, colour);
                }
            }
            index += 1;
        }
    }
}

impl OriginDimensions for Canvas {
    fn size(&self) -> Size {
        Size::new(self.0.width(), self.0.height())
    }
}

impl DrawTarget for Canvas {
    type Color = Rgb888;
    type Error = Infallible;

    fn draw_iter<I: IntoIterator<Item = Pixel<Rgb888>>>(&mut self, pixels: I) -> Result<(), Infallible> {
        for Pixel(point, colour) in pixels {
            let (Ok(x), Ok(y)) = (u32::try_from(point.x), u32::try_from(point.y)) else { continue };
            if let Some(pixel) = self.0.get_pixel_mut_checked(x, y) {
                *pixel = rgb(colour);
            }
        }
        Ok(())
    }
}

fn rgb(colour: Rgb888) -> Rgb<u8> {
    Rgb([colour.r(), colour.g(), colour.b()])
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIDE: usize = 32;

    fn image(value: impl Fn(usize, usize, usize) -> f32) -> Vec<f32> {
        (0..SIDE * SIDE * 3).map(|i| value(i / 3 / SIDE, i / 3 % SIDE, i % 3)).collect()
    }

    fn picture<'a>(pixels: &'a [f32], label: &str, confidence: f32, right: bool) -> Picture<'a> {
        Picture { pixels, prediction: Prediction { label: label.to_owned(), confidence, right } }
    }

    fn at(grid: &RgbImage, column: usize, y: usize, x: usize) -> [u8; 3] {
        let left = MARGIN + TRUTH_WIDTH + column * (CELL + GAP) + 5 * x + 2;
        grid.get_pixel(left as u32, (MARGIN + HEADER_HEIGHT + 5 * y + 2) as u32).0
    }

    #[test]
    fn shows_images_and_magnified_changes() {
        let clean = image(|y, x, channel| [y as f32 / 31.0, x as f32 / 31.0, 0.25][channel]);
        let sign = |y: usize, x: usize| if (x + y).is_multiple_of(2) { 1.0 } else { -1.0 };
        let attacked = image(|y, x, channel| clean[(y * SIDE + x) * 3 + channel] + sign(y, x) * 8.0 / 255.0);
        let repaired =
            image(|y, x, channel| attacked[(y * SIDE + x) * 3 + channel] - sign(y, x) * 16.0 / 255.0);
        let row = GridRow {
            truth: "cat".to_owned(),
            clean: picture(&clean, "cat", 0.98, true),
            attacked: picture(&attacked, "dog", 0.71, false),
            repaired: picture(&repaired, "cat", 0.64, true),
        };
        let grid = draw(SIDE, SIDE, &[row.clone(), row]).unwrap();
        assert_eq!(grid.width() as usize, 2 * MARGIN + TRUTH_WIDTH + 5 * CELL + 4 * GAP);
        assert_eq!(at(&grid, 0, 31, 0), [255, 0, 64]);
        assert_eq!(at(&grid, 0, 0, 31), [0, 255, 64]);
        assert_eq!(at(&grid, 1, 10, 10)[2], 72);
        // 12 times 8/255 and 6 times 16/255 around grey.
        assert_eq!((at(&grid, 2, 10, 10)[2], at(&grid, 2, 10, 11)[2]), (224, 32));
        assert_eq!((at(&grid, 3, 10, 10)[2], at(&grid, 3, 10, 11)[2]), (32, 224));
        let count = |colour| grid.pixels().filter(|pixel| **pixel == rgb(colour)).count();
        assert!(count(RIGHT) > 2 * count(WRONG) && count(WRONG) > 100, "{} {}", count(RIGHT), count(WRONG));
    }

    #[test]
    fn the_png_reads_back() {
        let flat = vec![0.5; 3];
        let row = GridRow {
            truth: "ein sehr langer Name einer Klasse".to_owned(),
            clean: picture(&flat, "a name much longer than its cell is wide", 1.0, true),
            attacked: picture(&flat, "b", f32::NAN, false),
            repaired: picture(&flat, "", 0.0, false),
        };
        let grid = draw(1, 1, &[row]).unwrap();
        let back = image::load_from_memory(&png(&grid).unwrap()).unwrap().into_rgb8();
        assert_eq!(back, grid);
    }

    #[test]
    fn refuses_what_cannot_be_drawn() {
        let (whole, truncated) = (vec![0.0; 12], vec![0.0; 11]);
        let row = GridRow {
            truth: String::new(),
            clean: picture(&whole, "", 0.0, true),
            attacked: picture(&whole, "", 0.0, true),
            repaired: picture(&truncated, "", 0.0, true),
        };
        assert_eq!(
            draw(2, 2, std::slice::from_ref(&row)).unwrap_err().to_string(),
            "line 1 of the picture has an image of 11 values where 12 are expected"
        );
        assert!(matches!(draw(1 << 40, 2, &[]), Err(GridError::TooLarge { .. })));
        let fits = GridRow { repaired: row.clean.clone(), ..row };
        assert!(matches!(draw(2, 2, &vec![fits; 1000]), Err(GridError::TooLarge { lines: 1000, .. })));
    }
}
