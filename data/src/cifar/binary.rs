//! The binary version: records of fixed size, one after the other, with no header.
//!
//! CIFAR-10: `label, 1024 red, 1024 green, 1024 blue`. CIFAR-100: `coarse label, fine label, ...`.
//! Source: <https://www.cs.toronto.edu/~kriz/cifar.html>.

use super::{Cifar, PICTURE, Records};

/// Reads the records of one file.
///
/// # Errors
/// A reason, if the length is not a whole number of records or a label has no class.
pub fn parse_records(cifar: Cifar, bytes: &[u8]) -> Result<Records, String> {
    let label_bytes = match cifar {
        Cifar::Ten => 1,
        Cifar::Hundred => 2,
    };
    let record = label_bytes + PICTURE;
    if bytes.is_empty() || !bytes.len().is_multiple_of(record) {
        return Err(format!("{} bytes are not a whole number of {record}-byte records", bytes.len()));
    }
    let count = bytes.len() / record;
    let mut records =
        Records { pictures: Vec::with_capacity(count * PICTURE), labels: Vec::with_capacity(count) };
    for (index, record) in bytes.chunks_exact(record).enumerate() {
        let (labels, planes) = record.split_at(label_bytes);
        let label = labels[label_bytes - 1];
        if usize::from(label) >= cifar.classes() {
            return Err(format!(
                "record {index} has label {label}, but there are {} classes",
                cifar.classes()
            ));
        }
        records.push(u32::from(label), planes);
    }
    Ok(records)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn planes_become_pixels() {
        let mut file = vec![7];
        file.extend((0..PICTURE).map(|i| (i / 1024 * 50 + i % 32) as u8));
        let records = parse_records(Cifar::Ten, &file).unwrap();
        assert_eq!(records.labels, [7]);
        assert_eq!(records.pictures[..6], [0, 50, 100, 1, 51, 101]);
        assert_eq!(records.pictures[PICTURE - 3..], [31, 81, 131]);
    }

    #[test]
    fn the_fine_label_is_the_second() {
        let mut file = vec![3, 99];
        file.extend([0; PICTURE]);
        assert_eq!(parse_records(Cifar::Hundred, &file).unwrap().labels, [99]);
        file[1] = 100;
        assert!(parse_records(Cifar::Hundred, &file).unwrap_err().contains("label 100"));
    }

    #[test]
    fn a_cut_file_is_refused() {
        let file = vec![0; 2 * (PICTURE + 1)];
        assert_eq!(parse_records(Cifar::Ten, &file).unwrap().labels.len(), 2);
        for length in [0, 1, PICTURE, PICTURE + 2, file.len() - 1] {
            assert!(parse_records(Cifar::Ten, &file[..length]).is_err(), "{length} bytes");
        }
    }
}
