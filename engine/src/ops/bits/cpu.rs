//! CPU kernel, and how others read bits as numbers.

use rayon::prelude::*;

use super::WORD;

/// Words per parallel task.
const TASK: usize = 2048;
/// Elements that one vector instruction works on.
const VECTOR: usize = 8;

/// Sets bit k of word i where x[32 i + k] > threshold.
pub fn pack(x: &[f32], threshold: f32, words: &mut [u32]) {
    let tasks = words.par_chunks_mut(TASK).zip(x.par_chunks(TASK * WORD));
    tasks.for_each(|(words, x)| {
        #[cfg(target_arch = "x86_64")]
        if std::arch::is_x86_feature_detected!("avx2") {
            // SAFETY: the processor has AVX2.
            return unsafe { pack_task_avx2(x, threshold, words) };
        }
        pack_task(x, threshold, words);
    });
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn pack_task_avx2(x: &[f32], threshold: f32, words: &mut [u32]) {
    pack_task(x, threshold, words);
}

#[inline(always)]
fn pack_task(x: &[f32], threshold: f32, words: &mut [u32]) {
    for (word, x) in words.iter_mut().zip(x.as_chunks::<WORD>().0) {
        // The bits of each lane, so that they are gathered once for a word.
        let mut lanes = [0; VECTOR];
        for (vector, x) in x.as_chunks::<VECTOR>().0.iter().enumerate() {
            for (lane, (bits, &x)) in lanes.iter_mut().zip(x).enumerate() {
                *bits |= if x > threshold { 1 << (vector * VECTOR + lane) } else { 0 };
            }
        }
        *word = lanes.into_iter().fold(0, |word, bits| word | bits);
    }
}

/// Fills `numbers` with the bits from `first` on: 1 where set, else 0.
#[inline(always)]
pub fn unpack(words: &[u32], first: usize, numbers: &mut [f32]) {
    let bit = |i: usize| (words[i / WORD] >> (i % WORD) & 1) as f32;
    let head = (first.next_multiple_of(WORD) - first).min(numbers.len());
    let (head, rest) = numbers.split_at_mut(head);
    let aligned = first + head.len();
    head.iter_mut().enumerate().for_each(|(k, number)| *number = bit(first + k));
    let (whole, tail) = rest.as_chunks_mut::<WORD>();
    for (numbers, &word) in whole.iter_mut().zip(&words[aligned / WORD..]) {
        for (k, number) in numbers.iter_mut().enumerate() {
            *number = (word >> k & 1) as f32;
        }
    }
    let aligned = aligned + WORD * whole.len();
    tail.iter_mut().enumerate().for_each(|(k, number)| *number = bit(aligned + k));
}
