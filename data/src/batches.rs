//! Batches of a data set: in order or shuffled, plain or augmented.

use rayon::prelude::*;

use crate::augment::Augmentation;
use crate::dataset::to_unit;
use crate::random::{Purpose, Random};
use crate::{DataError, Dataset, Result};

/// Cuts a data set into batches.
///
/// Batch `b` of epoch `e` is a function of (seed, e, b) alone: training that stops after any batch goes
/// on from there with the same pictures, crops and flips. The number of threads changes nothing.
///
/// ```
/// # fn main() -> Result<(), unperturb_data::DataError> {
/// use unperturb_data::{Augmentation, Batches, Split, open_with, OpenOptions};
/// let set = open_with("shapes", Split::Train, OpenOptions { limit: Some(100), ..Default::default() })?;
/// let mut batches = Batches::new(&set, 32)?.shuffled(7).augmented(Augmentation::STANDARD).drop_last();
/// let (mut images, mut labels) = (vec![0.0; 32 * 32 * 32 * 3], vec![0; 32]);
/// for epoch in 0..2 {
///     for batch in 0..batches.per_epoch() {
///         let pictures = batches.fill(epoch, batch, &mut images, &mut labels)?;
///         assert_eq!(pictures, 32);
///     }
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Batches<'a> {
    dataset: &'a Dataset,
    batch_size: usize,
    seed: u64,
    shuffled: bool,
    augmentation: Option<Augmentation>,
    drop_last: bool,
    /// The order of the pictures in `ordered_epoch`; the order of the data set before any shuffle.
    order: Vec<u32>,
    ordered_epoch: Option<u32>,
}

impl<'a> Batches<'a> {
    /// Batches of `batch_size` pictures in the order of the data set, plain, the last one perhaps shorter.
    ///
    /// # Errors
    /// [`DataError::Batch`] if `batch_size` is 0 or the set has more than 2^32 pictures.
    pub fn new(dataset: &'a Dataset, batch_size: usize) -> Result<Self> {
        if batch_size == 0 {
            return Err(DataError::Batch { reason: "a batch needs at least one picture".into() });
        }
        let count = u32::try_from(dataset.len())
            .map_err(|_| DataError::Batch { reason: format!("{} pictures are too many", dataset.len()) })?;
        Ok(Self {
            dataset,
            batch_size,
            seed: 0,
            shuffled: false,
            augmentation: None,
            drop_last: false,
            order: (0..count).collect(),
            ordered_epoch: None,
        })
    }

    /// A new order in every epoch. `seed` also draws the augmentation.
    pub fn shuffled(mut self, seed: u64) -> Self {
        (self.seed, self.shuffled) = (seed, true);
        self
    }

    /// Crops and flips, drawn from the seed, the epoch and the picture's index in the data set.
    pub fn augmented(mut self, augmentation: Augmentation) -> Self {
        self.augmentation = Some(augmentation);
        self
    }

    /// Leaves out the last batch of an epoch where it is not full.
    pub fn drop_last(mut self) -> Self {
        self.drop_last = true;
        self
    }

    /// Pictures in a full batch.
    pub fn batch_size(&self) -> usize {
        self.batch_size
    }

    /// Batches in an epoch; 0 where the only one is not full and is dropped.
    pub fn per_epoch(&self) -> usize {
        if self.drop_last {
            self.dataset.len() / self.batch_size
        } else {
            self.dataset.len().div_ceil(self.batch_size)
        }
    }

    /// Which pictures of the data set make up a batch.
    ///
    /// # Errors
    /// [`DataError::Batch`] if `batch` is not below [`per_epoch`](Self::per_epoch).
    pub fn indices(&mut self, epoch: u32, batch: usize) -> Result<&[u32]> {
        self.check_batch(batch)?;
        self.order_for(epoch);
        Ok(self.range(batch))
    }

    /// Writes a batch as `f32` in [0, 1] into `images` `[batch_size, h, w, 3]` and `labels`
    /// `[batch_size]` and returns how many pictures it has. Only the last batch may be short; what is
    /// left of the slices is then zero, so that a fixed-shape step can run on it and its last rows be
    /// ignored.
    ///
    /// # Errors
    /// [`DataError::Batch`] if a slice does not have the length of a full batch, or `batch` is not below
    /// [`per_epoch`](Self::per_epoch).
    pub fn fill(
        &mut self,
        epoch: u32,
        batch: usize,
        images: &mut [f32],
        labels: &mut [u32],
    ) -> Result<usize> {
        self.check_batch(batch)?;
        let picture_len = self.dataset.picture_len();
        let expected = self.batch_size * picture_len;
        if images.len() != expected || labels.len() != self.batch_size {
            return Err(DataError::Batch {
                reason: format!(
                    "{} pictures need room for {expected} values and {} labels, not {} and {}",
                    self.batch_size,
                    self.batch_size,
                    images.len(),
                    labels.len()
                ),
            });
        }
        self.order_for(epoch);
        let indices = self.range(batch);
        let (images, rest) = images.split_at_mut(indices.len() * picture_len);
        let size = [self.dataset.height(), self.dataset.width()];
        images.par_chunks_exact_mut(picture_len).zip(indices).for_each(|(image, &index)| {
            let picture = self.dataset.picture(index as usize);
            match self.augmentation {
                Some(augmentation) => {
                    augmentation.draw(self.seed, epoch, index).apply(picture, image, size);
                }
                None => to_unit(picture, image),
            }
        });
        rest.fill(0.0);
        let (labels, rest) = labels.split_at_mut(indices.len());
        for (label, &index) in labels.iter_mut().zip(indices) {
            *label = self.dataset.labels()[index as usize];
        }
        rest.fill(0);
        Ok(labels.len())
    }

    fn check_batch(&self, batch: usize) -> Result<()> {
        if batch < self.per_epoch() {
            return Ok(());
        }
        Err(DataError::Batch {
            reason: format!("batch {batch} was asked for, but an epoch has {} (from 0)", self.per_epoch()),
        })
    }

    fn range(&self, batch: usize) -> &[u32] {
        let start = batch * self.batch_size;
        &self.order[start..self.order.len().min(start + self.batch_size)]
    }

    fn order_for(&mut self, epoch: u32) {
        if !self.shuffled || self.ordered_epoch == Some(epoch) {
            return;
        }
        for (place, index) in self.order.iter_mut().zip(0..) {
            *place = index;
        }
        Random::new(self.seed, Purpose::Shuffle, epoch, 0).shuffle(&mut self.order);
        self.ordered_epoch = Some(epoch);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Split;

    /// `count` pictures of 2x2 pixels, every value of picture i being i.
    fn numbered(count: u8) -> Dataset {
        let pictures = (0..count).flat_map(|i| [i; 12]).collect();
        let labels = (0..u32::from(count)).collect();
        let names = (0..count).map(|i| i.to_string()).collect();
        Dataset::new("numbered", Split::Train, names, [2, 2], pictures, labels).unwrap()
    }

    fn epoch(batches: &mut Batches, epoch: u32) -> Vec<(usize, Vec<f32>, Vec<u32>)> {
        (0..batches.per_epoch())
            .map(|batch| {
                let size = batches.batch_size();
                let (mut images, mut labels) = (vec![9.0; size * 12], vec![99; size]);
                let count = batches.fill(epoch, batch, &mut images, &mut labels).unwrap();
                (count, images, labels)
            })
            .collect()
    }

    #[test]
    fn plain_batches_keep_the_order_and_zero_the_rest() {
        let set = numbered(5);
        let all = epoch(&mut Batches::new(&set, 2).unwrap(), 3);
        assert_eq!(all.iter().map(|b| b.0).collect::<Vec<_>>(), [2, 2, 1]);
        assert_eq!(all.iter().flat_map(|b| b.2.clone()).collect::<Vec<_>>(), [0, 1, 2, 3, 4, 0]);
        assert!(all[2].1[..12].iter().all(|&v| v == 4.0 / 255.0) && all[2].1[12..].iter().all(|&v| v == 0.0));
    }

    #[test]
    fn a_shuffled_epoch_has_every_picture_once_in_its_own_order() {
        let set = numbered(200);
        let mut batches = Batches::new(&set, 7).unwrap().shuffled(11);
        let mut order = |e| (0..29).flat_map(|b| batches.indices(e, b).unwrap().to_vec()).collect::<Vec<_>>();
        let (first, second, again) = (order(0), order(1), order(0));
        assert_eq!(first, again);
        assert_ne!(first, second);
        let mut sorted = first.clone();
        sorted.sort_unstable();
        assert_eq!(sorted, (0..200).collect::<Vec<_>>());
        let other = Batches::new(&set, 7).unwrap().shuffled(12).indices(0, 0).unwrap().to_vec();
        assert_ne!(first[..7], other);
    }

    #[test]
    fn training_resumes_from_the_position_alone() {
        let set = numbered(50);
        let new = || Batches::new(&set, 8).unwrap().shuffled(3).augmented(Augmentation::STANDARD).drop_last();
        let whole = epoch(&mut new(), 4);
        assert_eq!(whole.len(), 6);
        let (mut images, mut labels) = (vec![0.0; 96], vec![0; 8]);
        new().fill(4, 5, &mut images, &mut labels).unwrap();
        assert_eq!((8, images, labels), whole[5]);
    }

    #[test]
    fn the_number_of_threads_changes_nothing() {
        let set = numbered(50);
        let run = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| {
                epoch(&mut Batches::new(&set, 8).unwrap().shuffled(3).augmented(Augmentation::STANDARD), 2)
            })
        };
        assert_eq!(run(1), run(4));
    }

    #[test]
    fn what_cannot_be_made_is_an_error() {
        let set = numbered(5);
        assert!(Batches::new(&set, 0).is_err());
        let mut batches = Batches::new(&set, 4).unwrap().drop_last();
        assert_eq!(batches.per_epoch(), 1);
        let error = batches.fill(0, 1, &mut [0.0; 48], &mut [0; 4]).unwrap_err().to_string();
        assert!(error.contains("batch 1") && error.contains("has 1"), "{error}");
        assert!(batches.fill(0, 0, &mut [0.0; 47], &mut [0; 4]).is_err());
        assert!(batches.fill(0, 0, &mut [0.0; 48], &mut [0; 5]).is_err());
        assert!(batches.indices(0, 1).is_err());
    }
}
