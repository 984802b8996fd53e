//! Damaged files, for tests of readers: changes at any place, and what proptest makes them of.

use proptest::prelude::*;

/// One change of a file.
#[derive(Clone, Debug)]
pub enum Mutation {
    Set(usize, u8),
    Flip(usize, u8),
    /// A value that lengths and sizes go wrong with.
    Extreme(usize, [u8; 4]),
    Cut(usize),
    Remove(usize, usize),
    Repeat(usize, usize),
}

/// Changes at places drawn from `place`, with numbers in the order of `bytes`, which is that of the format.
pub fn mutation(
    place: impl Strategy<Value = usize> + Clone + 'static,
    bytes: fn(u32) -> [u8; 4],
) -> impl Strategy<Value = Mutation> {
    let place = || place.clone();
    let extreme = prop_oneof![Just(0), Just(!0), Just(0x7FFF_FFFF), Just(0xFFFF_FF7F), any::<u32>()];
    prop_oneof![
        (place(), any::<u8>()).prop_map(|(at, value)| Mutation::Set(at, value)),
        (place(), 0..8u8).prop_map(|(at, bit)| Mutation::Flip(at, bit)),
        (place(), extreme).prop_map(move |(at, value)| Mutation::Extreme(at, bytes(value))),
        place().prop_map(Mutation::Cut),
        (place(), 1..50usize).prop_map(|(at, length)| Mutation::Remove(at, length)),
        (place(), 1..50usize).prop_map(|(at, length)| Mutation::Repeat(at, length)),
    ]
}

/// The file after those changes, one after another.
pub fn mutate(file: &[u8], mutations: &[Mutation]) -> Vec<u8> {
    let mut file = file.to_vec();
    for mutation in mutations {
        let length = file.len().max(1);
        let span = |at: usize, size: usize| at % length..(at % length + size).min(length);
        match *mutation {
            _ if file.is_empty() => {}
            Mutation::Set(at, value) => file[at % length] = value,
            Mutation::Flip(at, bit) => file[at % length] ^= 1 << bit,
            Mutation::Extreme(at, bytes) => {
                let span = span(at, bytes.len());
                let size = span.len();
                file[span].copy_from_slice(&bytes[..size]);
            }
            Mutation::Cut(at) => file.truncate(at % length),
            Mutation::Remove(at, size) => drop(file.drain(span(at, size))),
            Mutation::Repeat(at, size) => {
                let again = file[span(at, size)].to_vec();
                file.splice(at % length..at % length, again);
            }
        }
    }
    file
}
