//! Pictures of plain colours, as a folder of classes.

use std::fs;
use std::path::Path;

use image::{Rgb, RgbImage};

/// Writes `SPLIT/classCLASS/NUMBER.png` below `folder`.
pub fn pictures(folder: &Path, split: &str, classes: u8, each: u8, [height, width]: [u32; 2]) {
    for class in 0..classes {
        let place = folder.join(split).join(format!("class{class}"));
        fs::create_dir_all(&place).unwrap();
        for number in 0..each {
            let colour = Rgb([20 * class, 10 * number, 100]);
            RgbImage::from_pixel(width, height, colour).save(place.join(format!("{number}.png"))).unwrap();
        }
    }
}
