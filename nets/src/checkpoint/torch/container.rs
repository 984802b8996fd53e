//! The two forms of `torch.save`: an uncompressed zip archive since PyTorch 1.6, pickles one behind another before.

use std::collections::HashMap;
use std::io::Cursor;

use unperturb_files::pickle::{Pickle, Value};
use unperturb_files::quoted;
use zip::read::Config;
use zip::result::ZipError;
// The reader that makes no index of as many entries as the archive claims to have.
use zip::unstable::read::ZipIterable;
use zip::{CompressionMethod, ZipReadOptions};

use super::DIALECT;
use super::tensor::StorageName;

/// The bytes of each storage, by its key.
pub(super) enum Storages<'a> {
    Archive(Archive<'a>),
    Legacy(HashMap<&'a str, &'a [u8]>),
}

impl<'a> Storages<'a> {
    /// The bytes of the storage of that key.
    pub fn get(&self, key: &str) -> Option<&'a [u8]> {
        match self {
            Storages::Archive(archive) => archive.files.get(&format!("data/{key}")).copied(),
            Storages::Legacy(storages) => storages.get(key).copied(),
        }
    }
}

/// An archive: everything lies in a folder, `NAME/data.pkl` beside `NAME/data/KEY`.
pub(super) struct Archive<'a> {
    /// The file `data.pkl`.
    pub pickle: &'a [u8],
    /// All files by their names within the folder.
    files: HashMap<String, &'a [u8]>,
}

/// Whether this is a zip archive.
pub(super) fn is_archive(bytes: &[u8]) -> bool {
    bytes.starts_with(b"PK\x03\x04")
}

impl<'a> Archive<'a> {
    /// Finds the files of an archive, which are stored uncompressed, one behind another.
    pub fn open(bytes: &'a [u8]) -> Result<Self, String> {
        let failed = |error: ZipError| error.to_string();
        let mut archive = ZipIterable::try_new(Cursor::new(bytes), Config::default()).map_err(failed)?;
        let mut contents = Cursor::new(bytes);
        // Together they take no more than the archive, so that none is looked at twice.
        let mut unclaimed = bytes.len() as u64;
        let mut files = HashMap::new();
        for entry in archive.files().map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let name = entry.name().map_err(failed)?.into_owned();
            let called = quoted(&name);
            if entry.compression() != CompressionMethod::Stored {
                return Err(format!("{called} in it is compressed"));
            }
            let (size, checksum) = (entry.compressed_size(), entry.crc32());
            unclaimed = unclaimed.checked_sub(size).ok_or("its files are larger than the whole")?;
            let file = entry.with_reader(&mut contents, ZipReadOptions::default()).map_err(failed)?;
            let start = file.data_start().and_then(|start| usize::try_from(start).ok());
            let size = usize::try_from(size).ok();
            let content =
                start.zip(size).and_then(|(start, size)| bytes.get(start..start.checked_add(size)?));
            let content = content.ok_or_else(|| format!("{called} in it is cut off"))?;
            // Files saved without checksums have zeros in their place.
            if checksum != 0 && checksum != crc32fast::hash(content) {
                return Err(format!("{called} in it is damaged"));
            }
            files.insert(name, content);
        }
        let pickles = files.keys().filter(|name| *name == "data.pkl" || name.ends_with("/data.pkl"));
        let pickle = pickles.min_by_key(|name| (name.len(), *name)).ok_or("there is no data.pkl in it")?;
        let folder = pickle.strip_suffix("data.pkl").expect("it ends so").to_string();
        let files: HashMap<String, &[u8]> = files
            .into_iter()
            .filter_map(|(name, content)| Some((name.strip_prefix(&folder)?.to_string(), content)))
            .collect();
        match files.get("byteorder") {
            None | Some(&b"little") => Ok(Archive { pickle: files["data.pkl"], files }),
            Some(_) => Err("it was written on a machine of another byte order".into()),
        }
    }
}

/// The pickled number that legacy files begin with.
const MAGIC: &[u8] = b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.";
/// The protocol of all of them, pickled.
const PROTOCOL: &[u8] = b"\x80\x02M\xe9\x03.";

/// Whether this is a file of PyTorch before 1.6.
pub(super) fn is_legacy(bytes: &[u8]) -> bool {
    bytes.starts_with(MAGIC)
}

/// The object of a legacy file and its storages: magic number, protocol, a dictionary about the machine, the object,
/// the list of storage keys, and for each key the number of elements and the elements.
pub(super) fn legacy(bytes: &[u8]) -> Result<(Pickle<'_>, HashMap<&str, &[u8]>), String> {
    let rest = &bytes[MAGIC.len()..];
    let rest = rest.strip_prefix(PROTOCOL).ok_or("it is of an unknown protocol")?;
    let machine = Pickle::parse(rest, &DIALECT)?;
    expect_little_endian(&machine)?;
    let rest = &rest[machine.length()..];
    let object = Pickle::parse(rest, &DIALECT)?;
    let rest = &rest[object.length()..];
    let keys = Pickle::parse(rest, &DIALECT)?;
    let mut rest = &rest[keys.length()..];

    let mut named = HashMap::new();
    for value in object.values() {
        if let &Value::Persistent(name) = value {
            let storage = StorageName::of(&object, name)?;
            named.insert(storage.key, storage);
        }
    }
    let Value::Sequence(listed) = keys.root() else { return Err("its storages are not listed".into()) };
    let mut storages = HashMap::new();
    for &key in listed {
        let key = keys.text(key).ok_or("a storage has no name")?;
        let storage =
            named.get(key).ok_or_else(|| format!("nothing says what its storage {} holds", quoted(key)))?;
        let cut = || format!("its storage {} is cut off", quoted(key));
        let (length, elements) = rest.split_first_chunk().ok_or_else(cut)?;
        if u64::from_le_bytes(*length) != storage.elements as u64 {
            return Err(format!("its storage {} is of another size than it says", quoted(key)));
        }
        let (content, after) = elements.split_at_checked(storage.bytes()?).ok_or_else(cut)?;
        storages.insert(key, content);
        rest = after;
    }
    Ok((object, storages))
}

fn expect_little_endian(machine: &Pickle) -> Result<(), String> {
    let Value::Dict(entries) = machine.root() else { return Err("it does not say its byte order".into()) };
    let order = entries.iter().find(|&&(key, _)| machine.text(key) == Some("little_endian"));
    match order.map(|&(_, value)| machine.get(value)) {
        Some(Value::Bool(true)) => Ok(()),
        Some(_) => Err("it was written on a machine of another byte order".into()),
        None => Err("it does not say its byte order".into()),
    }
}
