//! What an attack has reached so far, image by image, and the file that keeps it.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use unperturb_nets::checkpoint::Checkpoint;
use unperturb_nets::{NetError, Tensor, Weights};

use crate::model::{describe, description};
use crate::passes::Passes;
use crate::train::snapshot::Settings;

/// Where an attack keeps what it has reached, and which attack it is.
#[derive(Clone, Debug)]
pub struct Keep {
    /// The file; if it is there, the attack goes on from it.
    pub path: PathBuf,
    /// Everything that the result depends on.
    pub settings: Settings,
}

/// How often the file is written, unless the attack is stopped.
const EVERY: Duration = Duration::from_secs(15);

/// Marks an image that is not broken.
const RIGHT: f32 = -1.0;

/// The state of an attack between two batches. Rounds are counted through all stages.
#[derive(Clone, Debug)]
pub(super) struct Record {
    /// Values of an image.
    length: usize,
    /// The strongest points so far, clean ones first: `[n, h, w, 3]`.
    points: Vec<f32>,
    /// By how much the victim is wrong there.
    scores: Vec<f32>,
    /// What the last round of a stage hands on to its next, where it does.
    carried: Vec<f32>,
    /// Rounds behind each image.
    rounds: Vec<f32>,
    /// 0 where the clean image is wrong already, else one more than the number of the round that broke it, or [`RIGHT`].
    broken: Vec<f32>,
    /// What else is to be kept.
    pub noted: Noted,
}

/// What a record says of all images together.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Noted {
    settings: Settings,
    /// Passes, summed over images.
    pub passes: Passes,
    /// What the user should hear.
    pub remarks: Vec<String>,
}

impl Record {
    /// Nothing has been done to `images`, of `length` values each, of which those that are `wrong` are not attacked.
    pub fn new(images: &[f32], length: usize, wrong: &[bool], carries: bool) -> Self {
        let count = wrong.len();
        Record {
            length,
            points: images.to_vec(),
            scores: vec![f32::MIN; count],
            carried: if carries { images.to_vec() } else { vec![] },
            rounds: vec![0.0; count],
            broken: wrong.iter().map(|&wrong| if wrong { 0.0 } else { RIGHT }).collect(),
            noted: Noted::default(),
        }
    }

    /// The images that are still to have round `round`.
    pub fn pending(&self, round: usize) -> Vec<usize> {
        let is_pending = |&i: &usize| self.broken[i] == RIGHT && self.rounds[i] <= round as f32;
        (0..self.rounds.len()).filter(is_pending).collect()
    }

    /// How many images are right after so many rounds.
    pub fn right_after(&self, rounds: usize) -> usize {
        self.broken.iter().filter(|&&broken| broken == RIGHT || broken > rounds as f32).count()
    }

    /// The share of all work that is behind the images, in images, if there are `rounds` in all.
    pub fn settled(&self, rounds: usize) -> usize {
        let of_image = |i: usize| if self.broken[i] == RIGHT { self.rounds[i] as usize } else { rounds };
        (0..self.rounds.len()).map(of_image).sum::<usize>() / rounds.max(1)
    }

    /// What round `round` made of image `image`. `score` tells how wrong the victim is, and `broken` whether that is
    /// enough.
    pub fn take(&mut self, image: usize, round: usize, point: &[f32], score: f32, broken: bool) {
        let place = image * self.length..(image + 1) * self.length;
        if !self.carried.is_empty() {
            self.carried[place.clone()].copy_from_slice(point);
        }
        if broken || score > self.scores[image] {
            self.points[place].copy_from_slice(point);
            self.scores[image] = score;
        }
        if broken {
            self.broken[image] = round as f32 + 1.0;
        }
        self.rounds[image] = round as f32 + 1.0;
    }

    /// What the last round left of an image.
    pub fn carried(&self, image: usize) -> &[f32] {
        &self.carried[image * self.length..(image + 1) * self.length]
    }

    /// The strongest points.
    pub fn into_points(self) -> Vec<f32> {
        self.points
    }

    /// This record, or what was kept of it earlier.
    ///
    /// # Errors
    /// The file is damaged, or belongs to another attack.
    pub fn resumed(mut self, keep: &Keep) -> Result<Self, NetError> {
        self.noted.settings = keep.settings.clone();
        if !keep.path.exists() {
            return Ok(self);
        }
        let file = keep.path.display().to_string();
        let malformed = |problem: String| NetError::Malformed { file: file.clone(), problem };
        let checkpoint = Checkpoint::read(&keep.path)?;
        let noted: Noted = description(&checkpoint, &file)
            .map_err(|_| malformed("it is no attack to go on with".to_string()))?;
        if let Some(difference) = keep.settings.difference(&noted.settings) {
            return Err(malformed(format!("it belongs to another attack: {difference}")));
        }
        self.noted = noted;
        for (name, values) in self.tensors() {
            let kept = checkpoint.weights.tensors.get(name).filter(|kept| kept.data.len() == values.len());
            let kept = kept.ok_or_else(|| malformed(format!("its {name} are missing or too few")))?;
            values.copy_from_slice(&kept.data);
        }
        Ok(self)
    }

    /// Writes the file.
    ///
    /// # Errors
    /// It cannot be written; a former one stays whole then.
    pub fn write(&mut self, path: &Path) -> Result<(), NetError> {
        let mut weights = Weights::default();
        for (name, values) in self.tensors() {
            let tensor = Tensor { shape: vec![values.len()], data: values.to_vec() };
            weights.tensors.insert(name.to_string(), tensor);
        }
        describe(weights, &self.noted).write(path)
    }

    fn tensors(&mut self) -> [(&'static str, &mut Vec<f32>); 5] {
        [
            ("points", &mut self.points),
            ("scores", &mut self.scores),
            ("carried", &mut self.carried),
            ("rounds", &mut self.rounds),
            ("broken", &mut self.broken),
        ]
    }
}

/// Writes a record now and then.
#[derive(Debug)]
pub(super) struct Keeper<'a> {
    keep: Option<&'a Keep>,
    last: Instant,
}

impl<'a> Keeper<'a> {
    pub fn new(keep: Option<&'a Keep>) -> Self {
        Keeper { keep, last: Instant::now() }
    }

    /// Writes `record` if it is time for that, or `now`.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn keep(&mut self, record: &mut Record, now: bool) -> Result<(), NetError> {
        let Some(keep) = self.keep.filter(|_| now || self.last.elapsed() >= EVERY) else { return Ok(()) };
        self.last = Instant::now();
        record.write(&keep.path)
    }
}
