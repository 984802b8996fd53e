//! What several tests need: pictures as files.

use std::io::Cursor;

use image::{ImageFormat, RgbImage};

pub(crate) fn png(pixels: &[u8], size: [u32; 2]) -> Vec<u8> {
    encode(pixels, size, ImageFormat::Png)
}

pub(crate) fn jpeg(pixels: &[u8], size: [u32; 2]) -> Vec<u8> {
    encode(pixels, size, ImageFormat::Jpeg)
}

fn encode(pixels: &[u8], [height, width]: [u32; 2], format: ImageFormat) -> Vec<u8> {
    let image = RgbImage::from_raw(width, height, pixels.to_vec()).expect("height * width * 3 values");
    let mut file = Cursor::new(Vec::new());
    image.write_to(&mut file, format).expect("memory can be written");
    file.into_inner()
}
