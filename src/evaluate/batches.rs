//! How many pictures are run together.

use std::ops::Range;

use unperturb_engine::Device;

use crate::Failure;

/// Cuts `count` pictures into as few batches of at most `most` as possible, sizes differing by at most
/// one: no picture of a contrastive batch is left with few others to be told from.
pub fn even(count: usize, most: usize) -> Vec<Range<usize>> {
    let batches = count.div_ceil(most.max(1));
    (0..batches).map(|b| b * count / batches..(b + 1) * count / batches).collect()
}

/// Into how many rows `count` pictures of a batch of at most `most` are put: the next multiple of an eighth, so that
/// shrinking sets of pictures take few sizes, for each of which programs are compiled.
pub fn padded(count: usize, most: usize) -> usize {
    count.next_multiple_of(most.div_ceil(8)).min(most)
}

/// As [`even`], with `most` halved until `prepare` finds enough memory for the largest batch, if `device` has a limit.
/// Tells how many pictures there are in a batch at most, and the batches.
///
/// # Errors
/// What `prepare` returns; out of memory if not even one picture fits.
pub fn fitting(
    device: &Device,
    count: usize,
    most: usize,
    mut prepare: impl FnMut(usize) -> Result<(), Failure>,
) -> Result<(usize, Vec<Range<usize>>), Failure> {
    let mut most = most;
    loop {
        let batches = even(count, most);
        let largest = batches.iter().map(ExactSizeIterator::len).max();
        match largest.map_or(Ok(()), &mut prepare) {
            Err(failure) if failure.is_out_of_memory() && device.limit().is_some() && most > 1 => {
                most = largest.unwrap_or(most).min(most).div_ceil(2);
            }
            result => return result.map(|()| (most, batches)),
        }
    }
}

/// What is compiled for each batch size that was met, as far as it is kept: the batches of [`even`] have two, in turn.
pub struct Prepared<T> {
    kept: usize,
    /// The last ones used, the latest at the end.
    by_size: Vec<(usize, T)>,
}

impl<T> Prepared<T> {
    /// Nothing yet, for `device`. Where it has a limit only the last size is kept, as two would take twice the memory.
    pub fn on(device: &Device) -> Self {
        Prepared { kept: if device.limit().is_some() { 1 } else { 2 }, by_size: Vec::new() }
    }

    /// What `compile` made for batches of `size`, now or earlier.
    ///
    /// # Errors
    /// What `compile` returns.
    pub fn get(
        &mut self,
        size: usize,
        compile: impl FnOnce() -> Result<T, Failure>,
    ) -> Result<&mut T, Failure> {
        let found = match self.by_size.iter().position(|(known, _)| *known == size) {
            Some(place) => self.by_size.remove(place),
            None => {
                // Before the new one takes its memory.
                self.by_size.drain(..(self.by_size.len() + 1).saturating_sub(self.kept));
                (size, compile()?)
            }
        };
        self.by_size.push(found);
        Ok(&mut self.by_size.last_mut().expect("it was pushed just now").1)
    }
}

#[cfg(test)]
mod tests {
    use unperturb_engine::EngineError;

    use super::*;

    #[test]
    fn programs_are_compiled_once_where_memory_allows() {
        let compiled = |device: &Device| {
            let mut prepared = Prepared::on(device);
            let mut made = vec![];
            for batch in even(1000, 64) {
                let size = batch.len();
                let get = prepared.get(size, || {
                    made.push(size);
                    Ok(size)
                });
                assert_eq!(*get.unwrap(), size);
            }
            (made.len(), prepared.by_size.len())
        };
        assert_eq!(compiled(&Device::cpu()), (2, 2));
        assert_eq!(compiled(&Device::cpu().within(1 << 20)).1, 1);
    }

    #[test]
    fn batches_shrink_to_the_memory() {
        let limited = Device::cpu().within(1 << 20);
        let prepare = |room: usize| {
            move |batch: usize| {
                let text = || String::new();
                let error = EngineError::OutOfMemory { device: text(), needed: text(), available: text() };
                if batch <= room { Ok(()) } else { Err(error.into()) }
            }
        };
        let fitted = |room, count, most| fitting(&limited, count, most, prepare(room)).unwrap();
        assert_eq!(fitted(64, 1000, 64).0, 64);
        assert_eq!(fitted(20, 1000, 64), (16, even(1000, 16)));
        assert_eq!(fitted(20, 30, 64), (15, even(30, 15)));
        assert!(fitted(0, 0, 64).1.is_empty());
        assert!(fitting(&limited, 10, 4, prepare(0)).unwrap_err().is_out_of_memory());
        // Without a limit nothing is changed behind the caller's back.
        assert!(fitting(&Device::cpu(), 1000, 64, prepare(20)).is_err());
    }

    #[test]
    fn few_sizes_hold_any_number() {
        let mut sizes: Vec<usize> = (1..=100).map(|count| padded(count, 100)).collect();
        assert!(sizes.iter().enumerate().all(|(i, rows)| (i + 1..i + 14).contains(rows)), "{sizes:?}");
        sizes.dedup();
        assert_eq!(sizes, [13, 26, 39, 52, 65, 78, 91, 100]);
        assert_eq!([padded(1, 1), padded(3, 3), padded(2, 3)], [1, 3, 2]);
    }

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
