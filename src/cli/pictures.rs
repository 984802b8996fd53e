//! Pictures as files.

use std::io::Cursor;
use std::path::Path;

use image::{ImageFormat, RgbImage};

use super::Error;

/// Writes an image `[h, w, 3]` in [0, 1] as a PNG of eight bits.
///
/// # Errors
/// The file cannot be written.
pub fn write_png(path: &Path, image: &[f32], [height, width]: [usize; 2]) -> Result<(), Error> {
    let bytes = image.iter().map(|&x| (x * 255.0).round().clamp(0.0, 255.0) as u8).collect();
    let picture = RgbImage::from_raw(width as u32, height as u32, bytes)
        .ok_or_else(|| Error::Usage("an image of the wrong size".into()))?;
    let mut png = Cursor::new(Vec::new());
    picture.write_to(&mut png, ImageFormat::Png).map_err(Error::failed("cannot make a PNG"))?;
    Ok(unperturb_files::write(path, png.get_ref())?)
}
