//! Writers of the file formats that the crate reads.

use std::fs;
use std::io::Cursor;
use std::path::Path;

use image::{ImageFormat, RgbImage};

/// Values of a CIFAR picture.
pub const PICTURE: usize = 3072;

/// A CIFAR picture as planes; each value depends on the picture's number and its place.
pub fn planes(number: usize) -> Vec<u8> {
    (0..PICTURE).map(|place| (number * 31 + place * 7 + place / 1024) as u8).collect()
}

/// The pixels that `planes(number)` stands for.
pub fn pixels(number: usize) -> Vec<u8> {
    let planes = planes(number);
    (0..1024).flat_map(|p| [planes[p], planes[1024 + p], planes[2048 + p]]).collect()
}

/// A file of the binary version; each record is its label bytes and its picture.
pub fn cifar_binary(records: &[(&[u8], usize)]) -> Vec<u8> {
    records.iter().flat_map(|(labels, number)| [labels.to_vec(), planes(*number)].concat()).collect()
}

/// How a pickle is written.
#[derive(Clone, Copy, Debug)]
pub enum Dialect {
    /// As Python 2 wrote the published batches: protocol 2, strings without an encoding.
    Python2,
    /// As Python 3 writes protocol 2: text, and bytes as `_codecs.encode(text, 'latin1')`.
    Python3Protocol2,
    /// As Python 3 writes protocol 4: frames, memoize, bytes.
    Python3Protocol4,
    /// As Python 3 writes protocol 5: arrays as one buffer.
    Python3Protocol5,
}

/// All of them.
pub const DIALECTS: [Dialect; 4] =
    [Dialect::Python2, Dialect::Python3Protocol2, Dialect::Python3Protocol4, Dialect::Python3Protocol5];

/// Writes pickles in one dialect.
pub struct Pickler {
    dialect: Dialect,
    out: Vec<u8>,
}

impl Pickler {
    pub fn new(dialect: Dialect) -> Self {
        let out = match dialect {
            Dialect::Python2 | Dialect::Python3Protocol2 => vec![0x80, 2],
            Dialect::Python3Protocol4 => vec![0x80, 4, 0x95, 0, 0, 0, 0, 0, 0, 0, 0],
            Dialect::Python3Protocol5 => vec![0x80, 5, 0x95, 0, 0, 0, 0, 0, 0, 0, 0],
        };
        Self { dialect, out }
    }

    pub fn finish(mut self) -> Vec<u8> {
        self.out.push(b'.');
        self.out
    }

    pub fn raw(&mut self, bytes: &[u8]) -> &mut Self {
        self.out.extend_from_slice(bytes);
        self
    }

    pub fn text(&mut self, text: &str) -> &mut Self {
        match self.dialect {
            Dialect::Python2 => self.raw(b"U").raw(&[text.len() as u8]).raw(text.as_bytes()),
            Dialect::Python3Protocol2 => {
                self.raw(b"X").raw(&(text.len() as u32).to_le_bytes()).raw(text.as_bytes()).raw(b"q\x63")
            }
            Dialect::Python3Protocol4 | Dialect::Python3Protocol5 => {
                self.raw(&[0x8c, text.len() as u8]).raw(text.as_bytes()).raw(&[0x94])
            }
        }
    }

    pub fn bytes(&mut self, bytes: &[u8]) -> &mut Self {
        let length = (bytes.len() as u32).to_le_bytes();
        match self.dialect {
            Dialect::Python2 => self.raw(b"T").raw(&length).raw(bytes),
            Dialect::Python3Protocol2 => {
                let text: String = bytes.iter().map(|&byte| char::from(byte)).collect();
                self.global("_codecs", "encode").raw(b"X").raw(&(text.len() as u32).to_le_bytes());
                self.raw(text.as_bytes()).text("latin1").raw(&[0x86]).raw(b"R")
            }
            Dialect::Python3Protocol4 | Dialect::Python3Protocol5 => self.raw(b"B").raw(&length).raw(bytes),
        }
    }

    pub fn int(&mut self, value: usize) -> &mut Self {
        match value {
            0..=255 => self.raw(&[b'K', value as u8]),
            256..=65535 => self.raw(b"M").raw(&(value as u16).to_le_bytes()),
            _ => self.raw(b"J").raw(&(value as i32).to_le_bytes()),
        }
    }

    pub fn global(&mut self, module: &str, name: &str) -> &mut Self {
        match self.dialect {
            Dialect::Python3Protocol4 | Dialect::Python3Protocol5 => {
                self.text(module).text(name).raw(&[0x93])
            }
            _ => self.raw(format!("c{module}\n{name}\n").as_bytes()),
        }
    }

    pub fn ints(&mut self, values: &[usize]) -> &mut Self {
        self.raw(b"](");
        for &value in values {
            self.int(value);
        }
        self.raw(b"e")
    }

    /// `numpy.ndarray`, as its `__reduce__`, or for protocol 5 `__reduce_ex__`, gives it.
    pub fn array(&mut self, dtype: &str, shape: [usize; 2], columns_first: bool, bytes: &[u8]) -> &mut Self {
        if matches!(self.dialect, Dialect::Python3Protocol5) {
            self.global("numpy.core.numeric", "_frombuffer").raw(b"(\x96");
            self.raw(&(bytes.len() as u64).to_le_bytes()).raw(bytes).dtype(dtype);
            self.int(shape[0]).int(shape[1]).raw(&[0x86]);
            return self.text(if columns_first { "F" } else { "C" }).raw(b"tR");
        }
        let module = match self.dialect {
            Dialect::Python3Protocol4 => "numpy._core.multiarray",
            _ => "numpy.core.multiarray",
        };
        self.global(module, "_reconstruct").global("numpy", "ndarray").int(0).raw(&[0x85]);
        self.bytes(b"b").raw(&[0x87]).raw(b"R(").int(1).int(shape[0]).int(shape[1]).raw(&[0x86]);
        self.dtype(dtype).raw(&[0x88 + u8::from(!columns_first)]).bytes(bytes).raw(b"tb")
    }

    fn dtype(&mut self, dtype: &str) -> &mut Self {
        self.global("numpy", "dtype").text(dtype).int(0).int(1).raw(&[0x87]).raw(b"R(").int(3).text("|");
        self.raw(b"NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xff").int(0).raw(b"tb")
    }
}

/// A batch of the Python version.
pub fn cifar_python(dialect: Dialect, label_key: &str, labels: &[usize]) -> Vec<u8> {
    let data: Vec<u8> = (0..labels.len()).flat_map(planes).collect();
    let mut pickler = Pickler::new(dialect);
    // Keys as Python 3 has them when it read the published files with `encoding="bytes"`.
    pickler.raw(b"}(").text("batch_label").text("a batch").bytes(label_key.as_bytes()).ints(labels);
    pickler.bytes(b"data").array("u1", [labels.len(), PICTURE], false, &data).raw(b"u");
    pickler.finish()
}

pub fn encode(pixels: &[u8], [height, width]: [u32; 2], format: ImageFormat) -> Vec<u8> {
    let image = RgbImage::from_raw(width, height, pixels.to_vec()).expect("height * width * 3 values");
    let mut file = Cursor::new(Vec::new());
    image.write_to(&mut file, format).expect("memory can be written");
    file.into_inner()
}

/// Writes a picture of one colour, making its folders.
pub fn write_picture(path: &Path, size: [u32; 2], value: u8) {
    fs::create_dir_all(path.parent().expect("a file lies in a folder")).unwrap();
    let format = ImageFormat::from_path(path).unwrap();
    fs::write(path, encode(&vec![value; (size[0] * size[1] * 3) as usize], size, format)).unwrap();
}
