//! The trained nets of the tasks, as a folder of checkpoints.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use unperturb_engine::ops::random::Random;
use unperturb_engine::{Graph, Session, Value};
use unperturb_nets::checkpoint::Checkpoint;
use unperturb_nets::parameter::Specification;
use unperturb_nets::{
    ContextEncoder, ContrastiveHead, Known, NetError, Normalization, RotationNet, Scope, SimClr, Weights,
};

use super::Task;
use super::losses::{self, Contrast};
use crate::Failure;
use crate::model::{Model, describe, description};
use crate::passes::Passes;

/// Largest width that a checkpoint may ask for: its metadata is not to be trusted.
const LARGEST: usize = 1 << 16;

/// Which net a task has, and its sizes. Stored in its checkpoint.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "task", rename_all = "lowercase")]
pub enum TaskNet {
    /// A head on the classifier's features.
    Contrastive {
        /// The head.
        head: ContrastiveHead,
    },
    /// A net of its own for the contrastive task.
    SimClr {
        /// The net.
        net: SimClr,
        /// What it does to its input first.
        normalization: Normalization,
    },
    /// A net that tells rotations.
    Rotation {
        /// The net.
        net: RotationNet,
        /// What it does to its input first.
        normalization: Normalization,
    },
    /// A net that fills the centre.
    Inpainting {
        /// The net.
        net: ContextEncoder,
    },
}

impl TaskNet {
    /// Its task.
    pub fn task(&self) -> Task {
        match self {
            TaskNet::Contrastive { .. } | TaskNet::SimClr { .. } => Task::Contrastive,
            TaskNet::Rotation { .. } => Task::Rotation,
            TaskNet::Inpainting { .. } => Task::Inpainting,
        }
    }

    /// Which net that is, whatever it is for.
    pub fn known(&self) -> Known {
        match *self {
            TaskNet::Contrastive { head } => Known::ContrastiveHead(head),
            TaskNet::SimClr { net, .. } => Known::SimClr(net),
            TaskNet::Rotation { net, .. } => Known::Rotation(net),
            TaskNet::Inpainting { net } => Known::ContextEncoder(net),
        }
    }

    /// Its parameters.
    pub fn specifications(&self) -> Vec<Specification> {
        self.known().specifications()
    }

    /// Whether it reads what the classifier makes of pictures, and so goes with that classifier alone.
    pub fn reads_classifier(&self) -> bool {
        match self {
            TaskNet::Contrastive { .. } => true,
            TaskNet::SimClr { .. } | TaskNet::Rotation { .. } | TaskNet::Inpainting { .. } => false,
        }
    }

    /// The loss, `[n]`, of images `[n, h, w, 3]` in [0, 1]. Where the net reads the classifier, that is in evaluation
    /// mode whatever the mode of `scope`.
    pub fn loss<'g>(
        &self,
        model: &Model,
        scope: &Scope<'g>,
        images: Value<'g>,
        random: &Random<'g>,
        contrast: Contrast,
    ) -> Value<'g> {
        match self {
            TaskNet::Contrastive { head } => {
                let embed = |views| head.trace(scope, model.trace(scope.graph(), views).pooled);
                losses::contrastive(embed, images, random, contrast)
            }
            TaskNet::SimClr { net, normalization } => {
                let embed = |views| net.trace(scope, normalization.apply(views));
                losses::contrastive(embed, images, random, contrast)
            }
            TaskNet::Rotation { net, normalization } => losses::rotation(net, normalization, scope, images),
            TaskNet::Inpainting { net } => losses::inpainting(net, scope, images),
        }
    }

    /// The forward passes, per image, that this loss makes. Only views pass through the classifier, whose features the
    /// contrastive head reads.
    pub fn passes(&self, contrast: Contrast) -> Passes {
        let views = contrast.views as u64;
        match self {
            TaskNet::Contrastive { .. } => Passes { task_forwards: views, ..Passes::forward(views) },
            TaskNet::SimClr { .. } => Passes { task_forwards: views, ..Passes::default() },
            TaskNet::Rotation { .. } => Passes { task_forwards: 4, ..Passes::default() },
            TaskNet::Inpainting { .. } => Passes { task_forwards: 1, ..Passes::default() },
        }
    }

    /// Refuses pictures of a size that the net cannot take. The contrastive head takes those that its classifier does,
    /// and the context encoder resizes them for itself.
    ///
    /// # Errors
    /// They are not square and would have to be turned, or too small.
    pub fn expect_size(&self, height: usize, width: usize) -> Result<(), Failure> {
        match self {
            TaskNet::Rotation { .. } if height != width => Err(Failure::Mismatch(format!(
                "only square pictures can be turned by quarters, and these are {width}x{height}"
            ))),
            TaskNet::SimClr { net, .. } => Ok(net.encoder.expect_size(height, width)?),
            TaskNet::Contrastive { .. } | TaskNet::Rotation { .. } | TaskNet::Inpainting { .. } => Ok(()),
        }
    }

    /// Where the checkpoint of `task` lies in the folder of all of them.
    pub fn path(folder: &Path, task: Task) -> PathBuf {
        folder.join(format!("{task}.safetensors"))
    }

    /// The net that a checkpoint says it holds; `origin` names it in errors.
    ///
    /// # Errors
    /// It does not say, or its sizes are none that a net can have.
    pub fn described(checkpoint: &Checkpoint, origin: &str) -> Result<Self, NetError> {
        let net: TaskNet = description(checkpoint, origin)?;
        let possible = |sizes: &[usize]| sizes.iter().all(|size| (1..=LARGEST).contains(size));
        let is_possible = match net {
            TaskNet::Contrastive { head } => possible(&[head.features, head.hidden, head.embedding]),
            // The name of its encoder keeps to sizes that can be.
            TaskNet::SimClr { net, .. } => possible(&[net.hidden, net.embedding]),
            // Its narrowest layer has half of the channels.
            TaskNet::Rotation { net, .. } => possible(&[net.width, net.width / 2]),
            TaskNet::Inpainting { net } => {
                let halves = net.size.is_power_of_two() && (16..=1024).contains(&net.size);
                halves && possible(&[net.width, net.latent])
            }
        };
        if is_possible {
            Ok(net)
        } else {
            let problem = format!("it says that it holds a net of impossible sizes ({net:?})");
            Err(NetError::Malformed { file: origin.to_string(), problem })
        }
    }

    /// The checkpoint that holds this net.
    pub fn checkpoint(&self, weights: Weights) -> Checkpoint {
        describe(weights, self)
    }
}

/// Trained task nets.
#[derive(Clone, Debug, Default)]
pub struct TaskNets {
    nets: Vec<(TaskNet, Weights)>,
}

impl TaskNets {
    /// Reads the nets of `tasks` from a folder that `train tasks` wrote.
    ///
    /// # Errors
    /// A net is missing, cannot be read, or was trained for another classifier.
    pub fn read(folder: &Path, tasks: &[Task], model: &Model) -> Result<Self, NetError> {
        let mut nets = TaskNets::default();
        for &task in tasks {
            let path = TaskNet::path(folder, task);
            if !path.exists() {
                let file = folder.display().to_string();
                let problem = format!(
                    "there is no {task}.safetensors; make it with `unperturb train tasks --tasks {task}`"
                );
                return Err(NetError::Malformed { file, problem });
            }
            nets.add(Checkpoint::read(&path)?, &path.display().to_string(), task, model)?;
        }
        Ok(nets)
    }

    /// Adds the net of `task` from its checkpoint; `origin` names it in errors.
    ///
    /// # Errors
    /// It holds another task's net, its tensors do not fit, or it was trained for another classifier.
    pub fn add(
        &mut self,
        checkpoint: Checkpoint,
        origin: &str,
        task: Task,
        model: &Model,
    ) -> Result<(), NetError> {
        let malformed = |problem: String| NetError::Malformed { file: origin.to_string(), problem };
        let net = TaskNet::described(&checkpoint, origin)?;
        if net.task() != task {
            return Err(malformed(format!("it holds the {} net, not the {task} net", net.task())));
        }
        if let TaskNet::Contrastive { head } = net
            && head.features != model.classifier.architecture.features()
        {
            let (head, features) = (head.features, model.classifier.architecture.features());
            return Err(malformed(format!(
                "its head reads {head} features and the classifier has {features}"
            )));
        }
        checkpoint.weights.check(&net.specifications(), origin)?;
        self.nets.push((net, checkpoint.weights));
        Ok(())
    }

    /// What tells these nets from others.
    pub fn digest(&self) -> String {
        let each = self.nets.iter().map(|(net, weights)| format!("{} {}", net.task(), weights.digest()));
        each.collect::<Vec<_>>().join(", ")
    }

    /// Refuses pictures of a size that one of the nets cannot take.
    ///
    /// # Errors
    /// As [`TaskNet::expect_size`].
    pub fn expect_size(&self, height: usize, width: usize) -> Result<(), Failure> {
        self.nets.iter().try_for_each(|(net, _)| net.expect_size(height, width))
    }

    /// Height and width of the pictures that one of the nets is made for, where one is made for a size of its own.
    pub fn size(&self) -> Option<[usize; 2]> {
        self.nets.iter().find_map(|(net, _)| match net {
            TaskNet::Inpainting { net } => Some([net.size; 2]),
            TaskNet::Contrastive { .. } | TaskNet::SimClr { .. } | TaskNet::Rotation { .. } => None,
        })
    }

    fn net(&self, task: Task) -> &TaskNet {
        let found = self.nets.iter().find(|(net, _)| net.task() == task);
        &found.expect("nets are read for every task that a defence needs").0
    }

    /// Records the loss of `task`, `[n]`, of images `[n, h, w, 3]` in [0, 1].
    ///
    /// # Panics
    /// If the net of `task` was not read.
    pub fn loss<'g>(
        &self,
        task: Task,
        model: &Model,
        graph: &'g Graph,
        images: Value<'g>,
        random: &Random<'g>,
        contrast: Contrast,
    ) -> Value<'g> {
        let scope = losses::scope(graph, &task.to_string());
        self.net(task).loss(model, &scope, images, random, contrast)
    }

    /// The forward passes, per image, that the loss of `task` makes.
    ///
    /// # Panics
    /// If the net of `task` was not read.
    pub fn passes(&self, task: Task, contrast: Contrast) -> Passes {
        self.net(task).passes(contrast)
    }

    /// Writes the weights of `tasks` into a session that has compiled their losses on `count` images.
    ///
    /// # Errors
    /// What the engine reports.
    pub fn load(&self, session: &mut Session, tasks: &[Task], count: usize) -> Result<(), NetError> {
        for (net, weights) in self.nets.iter().filter(|(net, _)| tasks.contains(&net.task())) {
            weights.load(session, &net.task().to_string(), &net.specifications())?;
            if net.task() == Task::Rotation {
                session.write_u32(losses::ROTATION_LABELS, &losses::rotation_label_values(count))?;
            }
        }
        Ok(())
    }
}
