//! The Python version: pickled dictionaries with `data`, a numpy array of bytes `[n, 3072]`, and `labels`
//! (CIFAR-100: `fine_labels`), a list of numbers.

use std::borrow::Cow;

use unperturb_files::pickle::{Dialect, Pickle, Place, Value};

use super::{Cifar, PICTURE, Records};

/// Bytes of the longest name of a class.
const MAX_NAME: usize = 1000;

/// The classes that numpy arrays are pickled with.
const BATCHES: Dialect = Dialect {
    what: "picture batches",
    globals: &[
        ("numpy.core.multiarray", "_reconstruct"),
        ("numpy._core.multiarray", "_reconstruct"),
        ("numpy.core.numeric", "_frombuffer"),
        ("numpy._core.numeric", "_frombuffer"),
        ("numpy", "ndarray"),
        ("numpy", "dtype"),
        // How Python 3 writes bytes in protocol 2.
        ("_codecs", "encode"),
    ],
    dictionaries: &[],
    persistent: false,
};

/// Reads one pickled batch. Nothing in the file is ever run.
///
/// # Errors
/// A reason, if the file is not a pickle of the kind these batches are, or its parts do not fit together.
pub fn parse_batch(cifar: Cifar, bytes: &[u8]) -> Result<Records, String> {
    let pickle = Pickle::parse(bytes, &BATCHES)?;
    let batch = Reader { pickle: &pickle };
    let label_key = match cifar {
        Cifar::Ten => "labels",
        Cifar::Hundred => "fine_labels",
    };
    let labels = batch.list(batch.entry(label_key)?).ok_or_else(|| format!("{label_key:?} is not a list"))?;
    let planes = batch.byte_array(batch.entry("data")?).map_err(|reason| format!("\"data\" {reason}"))?;
    if planes.shape != [labels.len(), PICTURE] {
        return Err(format!(
            "\"data\" has shape {:?}, but {} labels need [{}, {PICTURE}]",
            planes.shape,
            labels.len(),
            labels.len()
        ));
    }
    if labels.is_empty() {
        return Err("it holds no pictures".into());
    }
    let mut records = Records {
        pictures: Vec::with_capacity(planes.bytes.len()),
        labels: Vec::with_capacity(labels.len()),
    };
    let mut row = Vec::with_capacity(PICTURE);
    for (index, &label) in labels.iter().enumerate() {
        let label = match pickle.get(label) {
            &Value::Int(label) => u32::try_from(label).ok().filter(|&l| (l as usize) < cifar.classes()),
            _ => None,
        };
        let label = label.ok_or_else(|| format!("the label of picture {index} is not one of the classes"))?;
        row.clear();
        planes.row(index, &mut row);
        records.push(label, &row);
    }
    Ok(records)
}

/// Reads the names of the classes from a pickled `batches.meta` or `meta`.
pub(super) fn parse_names(cifar: Cifar, bytes: &[u8]) -> Result<Vec<String>, String> {
    let pickle = Pickle::parse(bytes, &BATCHES)?;
    let meta = Reader { pickle: &pickle };
    let key = match cifar {
        Cifar::Ten => "label_names",
        Cifar::Hundred => "fine_label_names",
    };
    let names = meta.list(meta.entry(key)?).ok_or_else(|| format!("{key:?} is not a list"))?;
    if names.len() != cifar.classes() {
        return Err(format!("it names {} classes, not {}", names.len(), cifar.classes()));
    }
    let text = |&place: &Place| {
        let name = meta.raw_bytes(pickle.get(place)).filter(|name| name.len() <= MAX_NAME)?;
        Some(String::from_utf8_lossy(name).into_owned())
    };
    let names: Option<_> = names.iter().map(text).collect();
    names.ok_or_else(|| format!("{key:?} holds something that is no name"))
}

/// Finds Python's objects among the values of a pickle.
struct Reader<'a> {
    pickle: &'a Pickle<'a>,
}

/// A numpy array of bytes with two axes.
struct ByteArray<'a> {
    shape: [usize; 2],
    columns_first: bool,
    bytes: Cow<'a, [u8]>,
}

impl ByteArray<'_> {
    fn row(&self, index: usize, row: &mut Vec<u8>) {
        let [rows, columns] = self.shape;
        if self.columns_first {
            row.extend((0..columns).map(|column| self.bytes[column * rows + index]));
        } else {
            row.extend_from_slice(&self.bytes[index * columns..][..columns]);
        }
    }
}

impl<'a> Reader<'a> {
    fn entry(&self, key: &str) -> Result<&'a Value<'a>, String> {
        let Value::Dict(entries) = self.pickle.root() else {
            return Err("it is not a dictionary".into());
        };
        let found =
            entries.iter().rev().find(|&&(k, _)| self.raw_bytes(self.pickle.get(k)) == Some(key.as_bytes()));
        found.map(|&(_, value)| self.pickle.get(value)).ok_or_else(|| format!("it has no {key:?}"))
    }

    fn list(&self, value: &'a Value<'a>) -> Option<&'a [Place]> {
        match value {
            Value::Sequence(items) => Some(items),
            _ => None,
        }
    }

    /// An array as numpy pickles it: up to protocol 4 as `_reconstruct(...)` with the state `(version, shape,
    /// dtype, columns_first, bytes)`, in protocol 5 as `_frombuffer(bytes, dtype, shape, order)`.
    fn byte_array(&self, value: &'a Value<'a>) -> Result<ByteArray<'a>, String> {
        let not_an_array = "is not a numpy array";
        let &Value::Call { callable, arguments, state } = value else {
            return Err(not_an_array.into());
        };
        let (shape, dtype, columns_first, bytes) = match (self.pickle.get(callable), state) {
            (Value::Global(_, "_reconstruct"), Some(state)) => {
                let [_, shape, dtype, columns_first, bytes] = self.pickle.items(state).ok_or(not_an_array)?;
                (shape, dtype, *columns_first == Value::Bool(true), bytes)
            }
            (Value::Global(_, "_frombuffer"), None) => {
                let [bytes, dtype, shape, order] = self.pickle.items(arguments).ok_or(not_an_array)?;
                (shape, dtype, *order == Value::Bytes(b"F"), bytes)
            }
            _ => return Err(not_an_array.into()),
        };
        if !self.is_u8(dtype) {
            return Err("is not an array of bytes (numpy.uint8)".into());
        }
        let extent = |place: &Place| match self.pickle.get(*place) {
            &Value::Int(extent) => usize::try_from(extent).ok(),
            _ => None,
        };
        let shape: Option<Vec<usize>> = self.list(shape).and_then(|s| s.iter().map(extent).collect());
        let shape: Option<[usize; 2]> = shape.and_then(|shape| shape.try_into().ok());
        let shape = shape.ok_or("does not have two axes")?;
        let bytes = self.bytes(bytes).ok_or("has no bytes")?;
        if shape[0].checked_mul(shape[1]) != Some(bytes.len()) {
            return Err(format!("has shape {shape:?}, but {} bytes", bytes.len()));
        }
        Ok(ByteArray { shape, columns_first, bytes })
    }

    /// `dtype('u1', ...)`.
    fn is_u8(&self, value: &Value) -> bool {
        let &Value::Call { callable, arguments, .. } = value else { return false };
        let first = self.list(self.pickle.get(arguments)).and_then(|arguments| arguments.first());
        matches!(self.pickle.get(callable), Value::Global("numpy", "dtype"))
            && first.is_some_and(|&code| *self.pickle.get(code) == Value::Bytes(b"u1"))
    }

    /// Bytes as they are in the file: those of a string, or the UTF-8 text of `_codecs.encode(text, 'latin1')`,
    /// which is how Python 3 writes bytes in protocol 2. For ASCII these are the bytes that are meant.
    fn raw_bytes(&self, value: &Value<'a>) -> Option<&'a [u8]> {
        match *value {
            Value::Bytes(bytes) => Some(bytes),
            Value::Call { callable, arguments, .. } => {
                let Value::Global("_codecs", "encode") = self.pickle.get(callable) else { return None };
                match self.pickle.items(arguments)? {
                    [&Value::Bytes(text), &Value::Bytes(b"latin1")] => Some(text),
                    _ => None,
                }
            }
            _ => None,
        }
    }

    /// The bytes that are meant.
    fn bytes(&self, value: &Value<'a>) -> Option<Cow<'a, [u8]>> {
        let raw = self.raw_bytes(value)?;
        if matches!(value, Value::Bytes(_)) {
            return Some(raw.into());
        }
        let text = std::str::from_utf8(raw).ok()?;
        text.chars().map(|c| u8::try_from(c).ok()).collect::<Option<Vec<u8>>>().map(Into::into)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `{"label_names": [names]}` in protocol 2; `names` are opcodes.
    fn meta(names: &[u8]) -> Vec<u8> {
        [b"}U\x0blabel_names](".as_slice(), names, b"es."].concat()
    }

    #[test]
    fn names_are_read_and_counted() {
        let ten: Vec<u8> = (b'a'..=b'j').flat_map(|letter| [b'U', 1, letter]).collect();
        assert_eq!(parse_names(Cifar::Ten, &meta(&ten)).unwrap()[9], "j");
        assert!(parse_names(Cifar::Ten, &meta(&ten[3..])).unwrap_err().contains("names 9 classes, not 10"));
        let number: Vec<u8> = [&ten[3..], b"K\x01"].concat();
        assert!(parse_names(Cifar::Ten, &meta(&number)).unwrap_err().contains("no name"));
    }

    #[test]
    fn one_long_name_repeated_takes_no_memory() {
        // Each `h\0` names the same megabyte again.
        let long = [b"T\0\0\x10\0".as_slice(), &vec![b'x'; 1 << 20], b"q\0"].concat();
        assert!(parse_names(Cifar::Ten, &meta(&[long.clone(), b"h\0".repeat(1 << 20)].concat())).is_err());
        assert!(parse_names(Cifar::Ten, &meta(&[long, b"h\0".repeat(9)].concat())).is_err());
    }
}
