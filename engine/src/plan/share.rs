//! Which results share memory.

use super::schedule::Life;

/// Slabs of all lives but those that are `elsewhere`, as [`share`] has them.
pub(super) fn share_all_but(lives: &[Life], elsewhere: impl Fn(usize) -> bool) -> (Vec<usize>, Vec<usize>) {
    let sharing: Vec<usize> = (0..lives.len()).filter(|&life| !elsewhere(life)).collect();
    let (shared, slabs) = share(&sharing.iter().map(|&life| lives[life]).collect::<Vec<_>>());
    let mut slab_of = vec![usize::MAX; lives.len()];
    sharing.into_iter().zip(shared).for_each(|(life, slab)| slab_of[life] = slab);
    (slab_of, slabs)
}

/// Gives each life a slab such that no two lives of one slab overlap: the slab of each, and the
/// slabs' sizes. Largest first, each into the first slab that is free for its whole life.
fn share(lives: &[Life]) -> (Vec<usize>, Vec<usize>) {
    let mut order: Vec<usize> = (0..lives.len()).collect();
    order.sort_by_key(|&i| (std::cmp::Reverse(lives[i].words), lives[i].first));
    let mut slabs: Vec<(usize, Vec<usize>)> = Vec::new();
    let mut slab_of = vec![0; lives.len()];
    for index in order {
        let life = lives[index];
        let overlaps = |&other: &usize| life.first <= lives[other].last && lives[other].first <= life.last;
        // The smallest slab that is free: sizes only fall in this order, so it is the last.
        let free = slabs.iter().rposition(|(_, members)| !members.iter().any(overlaps));
        let slab = free.unwrap_or_else(|| {
            slabs.push((life.words.max(1), Vec::new()));
            slabs.len() - 1
        });
        slabs[slab].1.push(index);
        slab_of[index] = slab;
    }
    (slab_of, slabs.into_iter().map(|(words, _)| words).collect())
}

/// Gives each slab of a program a buffer: one of those of earlier programs, whose sizes are `there`, or a new one. The
/// index of each, counted on from `there` for new ones, and the sizes of the new ones. Programs of a session run one after
/// another and keep nothing in slabs, so they may share them.
pub(crate) fn reuse(there: &[usize], wanted: &[usize]) -> (Vec<usize>, Vec<usize>) {
    let mut order: Vec<usize> = (0..wanted.len()).collect();
    order.sort_by_key(|&slab| std::cmp::Reverse(wanted[slab]));
    let mut free: Vec<usize> = (0..there.len()).collect();
    free.sort_by_key(|&buffer| there[buffer]);
    let (mut buffer_of, mut new) = (vec![0; wanted.len()], Vec::new());
    for slab in order {
        // The smallest that is large enough.
        let found = free.iter().position(|&buffer| there[buffer] >= wanted[slab]);
        buffer_of[slab] = found.map(|position| free.remove(position)).unwrap_or_else(|| {
            new.push(wanted[slab]);
            there.len() + new.len() - 1
        });
    }
    (buffer_of, new)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// Every slab of a program gets a buffer of its own that is large enough, and none is made while a free one is.
        #[test]
        fn programs_share_what_fits(
            there in proptest::collection::vec(1usize..50, 0..12),
            wanted in proptest::collection::vec(1usize..50, 0..12),
        ) {
            let (buffer_of, new) = reuse(&there, &wanted);
            let sizes = [&there[..], &new].concat();
            prop_assert!(buffer_of.iter().zip(&wanted).all(|(&buffer, &words)| sizes[buffer] >= words));
            let mut used = buffer_of.clone();
            used.sort_unstable();
            used.dedup();
            prop_assert_eq!(used.len(), wanted.len());
            let unused = (0..there.len()).filter(|buffer| !used.contains(buffer)).map(|buffer| there[buffer]);
            prop_assert!(unused.max() < new.iter().copied().min().or(Some(usize::MAX)));
            // The same program again needs nothing new.
            prop_assert!(reuse(&sizes, &wanted).1.is_empty());
        }

        /// No two results that live at the same time share memory, and every slab is large enough.
        #[test]
        fn lives_that_overlap_never_share(
            spans in proptest::collection::vec((1usize..1000, 0usize..60, 0usize..20), 1..120)
        ) {
            let lives: Vec<Life> = spans
                .iter()
                .map(|&(words, first, length)| Life { words, first, last: first + length })
                .collect();
            let (slab_of, slabs) = share(&lives);
            for (i, a) in lives.iter().enumerate() {
                prop_assert!(slabs[slab_of[i]] >= a.words);
                for (j, b) in lives.iter().enumerate().skip(i + 1) {
                    let overlap = a.first <= b.last && b.first <= a.last;
                    prop_assert!(!(overlap && slab_of[i] == slab_of[j]), "{a:?} and {b:?} share");
                }
            }
            // Never more than one buffer each, never less than the fullest moment.
            let fullest = (0..80)
                .map(|t| lives.iter().filter(|l| l.first <= t && t <= l.last).map(|l| l.words).sum())
                .max()
                .unwrap_or(0usize);
            prop_assert!(slabs.iter().sum::<usize>() >= fullest);
            prop_assert!(slabs.len() <= lives.len());
        }
    }
}
