//! Counter-based random numbers: every number is a function of where it is used, so that a batch,
//! a shuffle or a picture can be made again from its position alone, on any number of threads.
//!
//! Philox4x32-10 of Salmon et al., "Parallel Random Numbers: As Easy as 1, 2, 3" (SC 2011).

const MULTIPLIERS: [u32; 2] = [0xD251_1F53, 0xCD9E_8D57];
const WEYL: [u32; 2] = [0x9E37_79B9, 0xBB67_AE85];

/// Four random words from a counter and a key.
fn philox4x32(mut counter: [u32; 4], mut key: [u32; 2]) -> [u32; 4] {
    for _ in 0..10 {
        let low = u64::from(MULTIPLIERS[0]) * u64::from(counter[0]);
        let high = u64::from(MULTIPLIERS[1]) * u64::from(counter[2]);
        counter = [
            (high >> 32) as u32 ^ counter[1] ^ key[0],
            high as u32,
            (low >> 32) as u32 ^ counter[3] ^ key[1],
            low as u32,
        ];
        key = [key[0].wrapping_add(WEYL[0]), key[1].wrapping_add(WEYL[1])];
    }
    counter
}

/// What a sequence of random numbers is for; different purposes never share numbers.
#[derive(Clone, Copy, Debug)]
#[repr(u32)]
pub(crate) enum Purpose {
    /// The order of the pictures in an epoch.
    Shuffle = 1,
    /// Crop and flip of one picture in one epoch.
    Augment = 2,
    /// The order of the files of an image folder.
    FolderOrder = 3,
    /// One picture of the synthetic set.
    Shapes = 4,
}

/// The sequence of random numbers that belongs to (seed, purpose, a, b).
#[derive(Clone, Debug)]
pub(crate) struct Random {
    key: [u32; 2],
    counter: [u32; 4],
    block: [u32; 4],
    used: usize,
}

impl Random {
    pub(crate) fn new(seed: u64, purpose: Purpose, a: u32, b: u64) -> Self {
        // The purpose takes the upper byte of the block counter's word: 2^24 blocks are left, 67 million
        // words per sequence, more than any sequence here draws except shuffles of larger sets.
        let counter = [(purpose as u32) << 24, a, b as u32, (b >> 32) as u32];
        Self { key: [seed as u32, (seed >> 32) as u32], counter, block: [0; 4], used: 4 }
    }

    pub(crate) fn next_u32(&mut self) -> u32 {
        if self.used == 4 {
            self.block = philox4x32(self.counter, self.key);
            self.counter[0] = self.counter[0].wrapping_add(1);
            self.used = 0;
        }
        self.used += 1;
        self.block[self.used - 1]
    }

    /// Uniform in 0..n, without bias (Lemire, "Fast Random Integer Generation in an Interval", 2019).
    pub(crate) fn below(&mut self, n: u32) -> u32 {
        debug_assert!(n > 0, "an empty range has no element");
        loop {
            let product = u64::from(self.next_u32()) * u64::from(n);
            if product as u32 >= n.wrapping_neg() % n {
                return (product >> 32) as u32;
            }
        }
    }

    /// Uniform in [0, 1), in steps of 2^-24.
    pub(crate) fn unit(&mut self) -> f32 {
        (self.next_u32() >> 8) as f32 / (1u32 << 24) as f32
    }

    /// Uniform in [low, high).
    pub(crate) fn between(&mut self, low: f32, high: f32) -> f32 {
        low + (high - low) * self.unit()
    }

    /// True with the given probability.
    pub(crate) fn chance(&mut self, probability: f32) -> bool {
        self.unit() < probability
    }

    /// Fisher-Yates.
    pub(crate) fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            // Sets of 2^32 pictures do not fit into memory, so the cast loses nothing.
            items.swap(last, self.below(last as u32 + 1) as usize);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn philox_gives_the_published_numbers() {
        // Known answers of the Random123 distribution (kat_vectors, philox4x32, 10 rounds).
        assert_eq!(philox4x32([0; 4], [0; 2]), [0x6627_E8D5, 0xE169_C58D, 0xBC57_AC4C, 0x9B00_DBD8]);
        assert_eq!(philox4x32([!0; 4], [!0; 2]), [0x408F_276D, 0x41C8_3B0E, 0xA20B_C7C6, 0x6D54_51FD]);
        assert_eq!(
            philox4x32([0x243F_6A88, 0x85A3_08D3, 0x1319_8A2E, 0x0370_7344], [0xA409_3822, 0x299F_31D0]),
            [0xD16C_FE09, 0x94FD_CCEB, 0x5001_E420, 0x2412_6EA1]
        );
    }

    #[test]
    fn below_is_uniform_and_in_range() {
        let mut random = Random::new(1, Purpose::Shuffle, 0, 0);
        let mut counts = [0u32; 5];
        for _ in 0..50_000 {
            counts[random.below(5) as usize] += 1;
        }
        // Five standard deviations of a binomial (50,000, 1/5) are 447.
        assert!(counts.iter().all(|&c| c.abs_diff(10_000) < 450), "{counts:?}");
    }

    #[test]
    fn purposes_and_positions_differ() {
        let first =
            |purpose, a, b| (0..4).map(|_| Random::new(7, purpose, a, b).next_u32()).collect::<Vec<_>>();
        let reference = first(Purpose::Shuffle, 0, 0);
        for other in [
            first(Purpose::Augment, 0, 0),
            first(Purpose::Shuffle, 1, 0),
            first(Purpose::Shuffle, 0, 1),
            first(Purpose::Shuffle, 0, 1 << 32),
        ] {
            assert_ne!(reference, other);
        }
    }
}
