//! One picture from one PNG or JPEG file.

use std::fs;
use std::io::Cursor;
use std::path::Path;

use image::imageops::{self, FilterType};
use image::{DynamicImage, ImageDecoder, ImageFormat, ImageReader, Limits, RgbImage};

use crate::{DataError, Result};

/// Pixels of the largest picture that is decoded (8192 x 8192).
const MAX_PIXELS: u64 = 1 << 26;

/// Bytes of pixels that one byte of a file can stand for: deflate reaches 1032 (a PNG of one colour), and
/// JPEG 1024 (one bit for each of the six blocks of a 16x16 tile). A header that promises more than this
/// is damaged, and nothing is allocated for it.
const MAX_EXPANSION: u64 = 1100;

/// A decoded colour picture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picture {
    /// Height in pixels.
    pub height: usize,
    /// Width in pixels.
    pub width: usize,
    /// The values 0 to 255, `[height, width, 3]` (RGB).
    pub pixels: Vec<u8>,
}

impl Picture {
    /// Reads a PNG or JPEG file. Grey becomes RGB, transparency is dropped, 16 bits become 8.
    ///
    /// # Errors
    /// [`DataError::Read`], or [`DataError::Corrupt`] if the file is not a whole PNG or JPEG.
    pub fn read(path: &Path) -> Result<Self> {
        Self::decode(&fs::read(path).map_err(DataError::read(path))?, path)
    }

    /// Height and width of a PNG or JPEG file, from its header alone.
    ///
    /// # Errors
    /// [`DataError::Read`], or [`DataError::Corrupt`] if the file does not begin as a PNG or JPEG.
    pub fn size(path: &Path) -> Result<[usize; 2]> {
        let reader = ImageReader::open(path).and_then(ImageReader::with_guessed_format);
        let reader = reader.map_err(DataError::read(path))?;
        let (width, height) =
            reader.into_dimensions().map_err(|e| DataError::corrupt(path, e.to_string()))?;
        Ok([height as usize, width as usize])
    }

    /// As [`read`](Self::read), from the bytes of a file. `path` only names it in errors.
    ///
    /// # Errors
    /// [`DataError::Corrupt`] if the bytes are not a whole PNG or JPEG.
    pub fn decode(bytes: &[u8], path: &Path) -> Result<Self> {
        let corrupt = |reason: String| DataError::corrupt(path, reason);
        let format = match image::guess_format(bytes) {
            Ok(format @ (ImageFormat::Png | ImageFormat::Jpeg)) => format,
            _ => return Err(corrupt("it is neither PNG nor JPEG".into())),
        };
        // The JPEG decoder fills in grey where a file ends early and reports nothing.
        if format == ImageFormat::Jpeg && !jpeg_has_end(bytes) {
            return Err(corrupt("the JPEG ends early".into()));
        }
        let mut reader = ImageReader::with_format(Cursor::new(bytes), format);
        let mut limits = Limits::default();
        limits.max_alloc = Some(MAX_PIXELS * 8);
        reader.limits(limits);
        let decoder = reader.into_decoder().map_err(|e| corrupt(e.to_string()))?;
        let (width, height) = decoder.dimensions();
        let pixels = u64::from(width) * u64::from(height);
        let bits = u64::from(decoder.original_color_type().bits_per_pixel());
        if pixels > MAX_PIXELS || pixels * bits / 8 > bytes.len() as u64 * MAX_EXPANSION {
            return Err(corrupt(format!("{} bytes cannot hold {width}x{height} pixels", bytes.len())));
        }
        let image = DynamicImage::from_decoder(decoder).map_err(|e| corrupt(e.to_string()))?.into_rgb8();
        Ok(Self { height: height as usize, width: width as usize, pixels: image.into_raw() })
    }

    /// The picture brought to another size, its sides stretched on their own, with a triangle filter as
    /// wide as the reduction (so that nothing aliases).
    pub fn resized(self, [height, width]: [usize; 2]) -> Self {
        if [self.height, self.width] == [height, width] {
            return self;
        }
        let image = RgbImage::from_raw(self.width as u32, self.height as u32, self.pixels)
            .expect("a picture has height * width * 3 values");
        let resized = imageops::resize(&image, width as u32, height as u32, FilterType::Triangle);
        Self { height, width, pixels: resized.into_raw() }
    }
}

/// Whether an end-of-image marker follows the last start of a scan. Inside a scan 0xFF is always escaped,
/// so these two bytes cannot be pixels.
fn jpeg_has_end(bytes: &[u8]) -> bool {
    let last = |marker| bytes.windows(2).rposition(|pair| pair == [0xFF, marker]);
    matches!((last(0xDA), last(0xD9)), (Some(scan), Some(end)) if end > scan)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{jpeg, png};

    fn decode(bytes: &[u8]) -> Result<Picture> {
        Picture::decode(bytes, Path::new("x.png"))
    }

    #[test]
    fn png_is_exact_and_jpeg_is_close() {
        let pixels: Vec<u8> = (0..6 * 5 * 3).map(|v| (v * 2) as u8).collect();
        let exact = decode(&png(&pixels, [6, 5])).unwrap();
        assert_eq!(exact, Picture { height: 6, width: 5, pixels: pixels.clone() });
        let close = decode(&jpeg(&pixels, [6, 5])).unwrap();
        assert_eq!((close.height, close.width), (6, 5));
        let error: u32 = close.pixels.iter().zip(&pixels).map(|(&a, &b)| u32::from(a.abs_diff(b))).sum();
        assert!(error < 90 * 4, "mean error {}", error as f32 / 90.0);
    }

    #[test]
    fn a_file_cut_anywhere_is_an_error() {
        let pixels: Vec<u8> = (0..16 * 16 * 3).map(|v| (v * 7) as u8).collect();
        let (png, jpeg) = (png(&pixels, [16, 16]), jpeg(&pixels, [16, 16]));
        for end in 0..jpeg.len() {
            assert!(decode(&jpeg[..end]).is_err(), "jpeg cut at {end} of {}", jpeg.len());
        }
        // The pixels of a PNG are complete before its last chunk, IEND, of 12 bytes.
        for end in 0..png.len() - 20 {
            assert!(decode(&png[..end]).is_err(), "png cut at {end} of {}", png.len());
        }
    }

    #[test]
    fn a_header_that_promises_too_much_is_refused() {
        let mut bytes = png(&[0; 12], [2, 2]);
        bytes[16..24].copy_from_slice(&[0, 0, 31, 0, 0, 0, 31, 0]);
        let checksum = crc32(&bytes[12..29]);
        bytes[29..33].copy_from_slice(&checksum.to_be_bytes());
        let error = decode(&bytes).unwrap_err().to_string();
        assert!(error.contains("cannot hold 7936x7936 pixels"), "{error}");
    }

    fn crc32(bytes: &[u8]) -> u32 {
        !bytes.iter().fold(!0, |crc, &byte| {
            (0..8).fold(crc ^ u32::from(byte), |c, _| (c >> 1) ^ (0xEDB8_8320 & (c & 1).wrapping_neg()))
        })
    }

    #[test]
    fn other_formats_are_named_as_such() {
        let error = decode(b"GIF89a..................").unwrap_err().to_string();
        assert!(error.contains("neither PNG nor JPEG") && error.contains("x.png"), "{error}");
    }

    #[test]
    fn resizing_averages() {
        let pixels = [[0u8; 3], [200; 3], [0; 3], [200; 3]].concat();
        let small = Picture { height: 2, width: 2, pixels }.resized([1, 1]);
        assert_eq!((small.height, small.width), (1, 1));
        assert!(small.pixels.iter().all(|v| v.abs_diff(100) <= 1), "{:?}", small.pixels);
    }
}
