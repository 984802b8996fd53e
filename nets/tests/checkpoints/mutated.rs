//! Damaged and malicious checkpoints: whatever the bytes, there are tensors or an error, soon, and in little memory.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::time::{Duration, Instant};

use proptest::prelude::*;
use unperturb_nets::checkpoint::Checkpoint;

use crate::golden;
use crate::mutations::{mutate, mutation};

/// Counts what the current thread holds.
struct Counted;

thread_local! {
    static HELD: Cell<(isize, isize)> = const { Cell::new((0, 0)) };
}

fn note(change: isize) {
    // A thread that is ending has no counter any more, and nobody who asks for it.
    let _ = HELD.try_with(|held| {
        let (now, most) = held.get();
        held.set((now + change, most.max(now + change)));
    });
}

// SAFETY: every call goes to the system's allocator with the arguments it came with.
unsafe impl GlobalAlloc for Counted {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        note(layout.size() as isize);
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        note(-(layout.size() as isize));
        unsafe { System.dealloc(pointer, layout) }
    }
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        note(layout.size() as isize);
        unsafe { System.alloc_zeroed(layout) }
    }
    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        note(size as isize);
        note(-(layout.size() as isize));
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counted = Counted;

/// The most bytes that `work` held at a time.
fn most_held<T>(work: impl FnOnce() -> T) -> (T, usize) {
    let before = HELD.with(|held| {
        let (now, _) = held.get();
        held.set((now, now));
        now
    });
    let result = work();
    let most = HELD.with(|held| held.get().1);
    (result, (most - before) as usize)
}

const FILES: [&str; 8] = [
    "archive.pt",
    "legacy.pth",
    "training.ckpt",
    "legacy-training.th",
    "ssl-model.pth",
    "module.pt",
    "code.pt",
    "stretched.pt",
];

/// What the values and names of a small file may take beside its tensors; that of a large one is [`BOOKKEEPING`].
fn bookkeeping(file: &[u8]) -> usize {
    (64 << 10) + (100 * file.len()).min(BOOKKEEPING)
}

/// What the values and names of any file may take beside twice what its tensors claim and its size.
const BOOKKEEPING: usize = 48 << 20;

/// Bytes that the tensors of a file claim: an element of a type here has up to eight.
fn claim(checkpoint: &Checkpoint) -> usize {
    let size = |dtype: &str| match dtype {
        "F64" | "I64" => 8,
        "F32" | "I32" => 4,
        "F16" | "BF16" | "I16" => 2,
        _ => 1,
    };
    checkpoint.entries.iter().map(|entry| entry.shape.iter().product::<usize>() * size(&entry.dtype)).sum()
}

fn check(file: &[u8]) {
    let start = Instant::now();
    let (result, held) = most_held(|| Checkpoint::parse(file, "mutated"));
    assert!(start.elapsed() < Duration::from_secs(1), "it took {:?}", start.elapsed());
    // What is refused claims nothing.
    let claimed = result.as_ref().map_or(0, claim);
    let allowed = 2 * claimed + file.len() + bookkeeping(file);
    assert!(held <= allowed, "{held} bytes for a file of {} that claims {claimed}", file.len());
    if let Err(error) = result {
        assert!(!error.to_string().contains('\n'), "{error}");
    }
}

/// The file with zeros for the checksums of an archive, as if it had been saved without: so that damage within it is
/// not found by them.
fn without_checksums(mut file: Vec<u8>) -> Vec<u8> {
    for at in 0..file.len().saturating_sub(20) {
        let checksum = match &file[at..at + 4] {
            b"PK\x01\x02" => 16,
            b"PK\x03\x04" => 14,
            b"PK\x07\x08" => 4,
            _ => continue,
        };
        file[at + checksum..at + checksum + 4].fill(0);
    }
    file
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 50_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn mutated_files(
        which in 0..FILES.len(),
        checksums in any::<bool>(),
        mutations in proptest::collection::vec(mutation(any::<usize>(), u32::to_le_bytes), 1..6),
    ) {
        thread_local! {
            static GOLDEN: Vec<[Vec<u8>; 2]> =
                FILES.iter().map(|name| [without_checksums(golden(name)), golden(name)]).collect();
        }
        GOLDEN.with(|files| check(&mutate(&files[which][usize::from(checksums)], &mutations)));
    }
}

#[test]
fn files_are_read_without_checksums() {
    for name in ["archive.pt", "training.ckpt"] {
        let read = |file: &[u8]| Checkpoint::parse(file, name).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(read(&without_checksums(golden(name))), read(&golden(name)));
    }
}

/// A legacy file with this object and no storages.
fn legacy(object: &[u8]) -> Vec<u8> {
    let mut file = golden("legacy.pth");
    let end = file.windows(2).skip(23).position(|pair| pair == b"\x80\x02").expect("the object") + 23;
    file.truncate(end);
    file.extend(object);
    file.extend(b"\x80\x02].");
    file
}

fn refusal(file: &[u8]) -> String {
    check(file);
    Checkpoint::parse(file, "file").expect_err("it holds no tensors").to_string()
}

/// An archive of PyTorch's with one file, and what its end says instead of the truth.
fn archive(content: &[u8], files: u16, size: u32) -> Vec<u8> {
    let name = b"a/data.pkl";
    let word = |value: usize| (value as u32).to_le_bytes();
    let mut bytes = [b"PK\x03\x04\x14\0\0\0\0\0\0\0\0\0\0\0\0\0".as_slice(), &word(content.len())].concat();
    bytes.extend([word(content.len()).as_slice(), &[name.len() as u8, 0, 0, 0], name, content].concat());
    let directory = bytes.len();
    bytes
        .extend([b"PK\x01\x02\x14\0\x14\0\0\0\0\0\0\0\0\0\0\0\0\0".as_slice(), &size.to_le_bytes()].concat());
    bytes.extend([size.to_le_bytes().as_slice(), &[name.len() as u8, 0], &[0; 16], name].concat());
    let length = bytes.len() - directory;
    let files = files.to_le_bytes();
    bytes.extend(
        [b"PK\x05\x06\0\0\0\0".as_slice(), &files, &files, &word(length), &word(directory), &[0, 0]].concat(),
    );
    bytes
}

#[test]
fn archives_that_lie_about_their_files_are_refused() {
    let pickle = b"\x80\x02}.";
    assert!(refusal(&archive(pickle, 1, pickle.len() as u32)).contains("there is no tensor in it"));
    for (files, size) in
        [(u16::MAX - 1, pickle.len() as u32), (2, 5), (1, u32::MAX - 1), (1, 1 << 16), (0, 5)]
    {
        let said = refusal(&archive(pickle, files, size));
        assert!(said.contains("not a whole PyTorch checkpoint"), "{files} {size}: {said}");
    }
}

#[test]
fn pickles_that_would_grow_stay_small() {
    // A list of 100,000 pairs that many dictionaries are made of.
    let mut copied = b"\x80\x02ccollections\nOrderedDict\nq\x00K\x01K\x02\x86q\x01](".to_vec();
    copied.extend(b"h\x01".repeat(100_000));
    copied.extend(b"eq\x02".iter().chain(&b"h\x00h\x02\x85R".repeat(10_000)).chain(b"."));
    assert!(refusal(&legacy(&copied)).contains("longer than any"));
    // The most values that a byte can make.
    let lists = [b"\x80\x02".as_slice(), &b"]".repeat(1 << 20), b"."].concat();
    assert!(refusal(&legacy(&lists)).contains("longer than any"));
    let lists = [b"\x80\x02".as_slice(), &b"]q\x01".repeat(100_000), b"."].concat();
    assert!(refusal(&legacy(&lists)).contains("no tensor"));
    // Names that do not end.
    let name = "n".repeat(100_000);
    let mut named = b"\x80\x02}X\xa0\x86\x01\x00".to_vec();
    named.extend(name.bytes().chain(*b"}s."));
    assert!(refusal(&legacy(&named)).contains("too long"));
}

/// A dictionary that holds another twice, and so on: few bytes, and more paths than there is time for.
#[test]
fn dictionaries_within_dictionaries_end_soon() {
    let mut object = b"\x80\x02}q\x00".to_vec();
    for level in 1..16u8 {
        let (inner, outer) = (level - 1, level);
        object.extend(b"}q");
        object.push(outer);
        for key in b"abcdefgh" {
            object.extend([b'U', 1, *key, b'h', inner, b's']);
        }
    }
    object.push(b'.');
    let said = refusal(&legacy(&object));
    assert!(said.contains("too often"), "{said}");
}
