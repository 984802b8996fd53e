//! Files that are wrong in every way: whatever the bytes, a reader gives pictures or an error, and never
//! takes much more memory than the file has bytes.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::path::Path;

use image::ImageFormat;
use proptest::prelude::*;
use proptest::test_runner::FileFailurePersistence;
use unperturb_data::Picture;
use unperturb_data::cifar::{Cifar, parse_batch, parse_records};

use crate::files::{DIALECTS, cifar_binary, cifar_python, encode};
use crate::mutations::{mutate, mutation};

/// Remembers the largest single allocation of each thread.
struct Watched;

thread_local! {
    static LARGEST: Cell<usize> = const { Cell::new(0) };
}

fn note(size: usize) {
    // A thread that is ending has no counter any more, and nobody who asks for it.
    let _ = LARGEST.try_with(|largest| largest.set(largest.get().max(size)));
}

// SAFETY: every call goes to the system's allocator with the arguments it came with.
unsafe impl GlobalAlloc for Watched {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        note(layout.size());
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        unsafe { System.dealloc(pointer, layout) }
    }
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        note(layout.size());
        unsafe { System.alloc_zeroed(layout) }
    }
    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        note(size);
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Watched = Watched;

/// Runs `read` on 10,000 mutations of each of `files`; no panic, and no allocation over `bound` bytes.
fn survives(files: &[Vec<u8>], bound: usize, read: impl Fn(&[u8])) {
    let config = ProptestConfig {
        cases: 10_000,
        failure_persistence: Some(Box::new(FileFailurePersistence::Off)),
        ..ProptestConfig::default()
    };
    let which = 0..files.len();
    // Half of the places are near the beginning, where the structure is.
    let place = prop_oneof![0..200usize, any::<usize>()];
    let mutation = mutation(place, u32::to_be_bytes);
    proptest!(config, |(which in which, mutations in prop::collection::vec(mutation, 1..6))| {
        let file = mutate(&files[which], &mutations);
        LARGEST.set(0);
        read(&file);
        let largest = LARGEST.get();
        prop_assert!(largest <= bound, "{largest} bytes in one piece for a file of {}", file.len());
    });
}

#[test]
fn cifar_binary_files() {
    let ten = cifar_binary(&[(&[1], 0), (&[9], 1)]);
    let hundred = cifar_binary(&[(&[0, 1], 0), (&[19, 99], 1)]);
    survives(&[ten, hundred], 16 << 10, |file| {
        for cifar in [Cifar::Ten, Cifar::Hundred] {
            if let Ok(records) = parse_records(cifar, file) {
                assert_eq!(records.pictures.len(), records.labels.len() * 3072);
                assert!(records.labels.iter().all(|&label| (label as usize) < cifar.classes()));
            }
        }
    });
}

#[test]
fn cifar_python_files() {
    let files = DIALECTS.map(|dialect| cifar_python(dialect, "labels", &[3, 7]));
    survives(&files, 64 << 10, |file| {
        if let Ok(records) = parse_batch(Cifar::Ten, file) {
            assert_eq!(records.pictures.len(), records.labels.len() * 3072);
            assert!(records.labels.iter().all(|&label| label < 10));
        }
    });
}

#[test]
fn pictures() {
    let pixels: Vec<u8> = (0..16 * 12 * 3).map(|v| (v * v / 5) as u8).collect();
    let grey = image::GrayImage::from_raw(16, 36, pixels.clone()).unwrap();
    let mut grey_file = std::io::Cursor::new(Vec::new());
    grey.write_to(&mut grey_file, ImageFormat::Png).unwrap();
    let mut grey_jpeg = std::io::Cursor::new(Vec::new());
    grey.write_to(&mut grey_jpeg, ImageFormat::Jpeg).unwrap();
    let files = [
        encode(&pixels, [16, 12], ImageFormat::Png),
        encode(&pixels, [16, 12], ImageFormat::Jpeg),
        grey_file.into_inner(),
        grey_jpeg.into_inner(),
    ];
    survives(&files, 16 << 20, |file| {
        if let Ok(picture) = Picture::decode(file, Path::new("mutated")) {
            assert_eq!(picture.pixels.len(), picture.height * picture.width * 3);
        }
    });
}
