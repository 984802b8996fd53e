//! How many pictures are run together.

use std::ops::Range;

/// Cuts `count` pictures into as few batches of at most `most` as possible, sizes differing by at most
/// one: no picture of a contrastive batch is left with few others to be told from.
pub fn even(count: usize, most: usize) -> Vec<Range<usize>> {
    let batches = count.div_ceil(most.max(1));
    (0..batches).map(|b| b * count / batches..(b + 1) * count / batches).collect()
}

#[cfg(test)]
mod tests {
    use super::even;

    #[test]
    fn batches_cover_everything_and_are_even() {
        for (count, most) in [(1000, 64), (64, 64), (65, 64), (1, 50), (7, 3), (0, 5)] {
            let batches = even(count, most);
            let sizes = || batches.iter().map(|batch| batch.len());
            let (least, largest) = (sizes().min().unwrap_or(0), sizes().max().unwrap_or(0));
            assert_eq!(sizes().sum::<usize>(), count);
            assert!(batches.windows(2).all(|pair| pair[0].end == pair[1].start));
            assert!(largest <= most && largest - least <= 1, "{count} in {most}");
        }
    }
}
