//! Which net the tensors of a checkpoint belong to: sizes are read off a few of them, then every shape is compared.

use std::fmt;

use crate::alexnet::AlexNet;
use crate::classifier::{Architecture, Classifier};
use crate::context_encoder::ContextEncoder;
use crate::contrastive_head::ContrastiveHead;
use crate::normalization::Normalization;
use crate::parameter::Specification;
use crate::resnet::Form;
use crate::rotation::RotationNet;
use crate::simclr::SimClr;
use crate::weights::{Tensor, Weights, specifications};

/// Largest size that is looked at: a file may claim anything.
const LARGEST: usize = 1 << 16;

/// A net that is known here.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Known {
    /// A classifier.
    Classifier(Classifier),
    /// The network-in-network that tells rotations.
    Rotation(RotationNet),
    /// The AlexNet that tells rotations.
    AlexNet(AlexNet),
    /// The net that fills the centre.
    ContextEncoder(ContextEncoder),
    /// The head whose output the contrastive loss compares.
    ContrastiveHead(ContrastiveHead),
    /// The net of its own whose output the contrastive loss compares.
    SimClr(SimClr),
}

impl Known {
    /// Its parameters.
    pub fn specifications(&self) -> Vec<Specification> {
        specifications(|scope| {
            let state = |shape: &[usize]| scope.graph().state("input", shape);
            match self {
                Known::Classifier(net) => drop(net.trace(scope, state(&[1, 32, 32, 3]))),
                Known::Rotation(net) => drop(net.trace(scope, state(&[1, 32, 32, 3]))),
                Known::AlexNet(net) => drop(net.trace(scope, state(&[1, AlexNet::SIZE, AlexNet::SIZE, 3]))),
                Known::ContextEncoder(net) => drop(net.trace(scope, state(&[1, net.size, net.size, 3]))),
                Known::ContrastiveHead(net) => drop(net.trace(scope, state(&[1, net.features]))),
                Known::SimClr(net) => drop(net.trace(scope, state(&[1, 32, 32, 3]))),
            }
        })
    }
}

impl fmt::Display for Known {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Known::Classifier(net) => write!(f, "{}, {} classes", net.architecture, net.classes),
            Known::Rotation(net) => write!(f, "rotation net (network-in-network), width {}", net.width),
            Known::AlexNet(net) => {
                write!(f, "rotation net (AlexNet), width {}, {} classes", net.width, net.classes)
            }
            Known::ContextEncoder(net) => {
                let ContextEncoder { size, width, latent } = net;
                write!(f, "context encoder of {size}x{size} pixels, width {width}, latent {latent}")
            }
            Known::ContrastiveHead(net) => {
                let ContrastiveHead { features, hidden, embedding } = net;
                write!(f, "contrastive head, {features} features to {hidden} to {embedding}")
            }
            Known::SimClr(SimClr { encoder, hidden, embedding }) => {
                let features = encoder.features();
                write!(f, "SimCLR with {encoder}, {features} features to {hidden} to {embedding}")
            }
        }
    }
}

/// The net whose tensors these are. Of several that they are enough for, the one that leaves the fewest unused; of
/// [twins](Architecture::twin), not the one with plain shortcuts.
pub fn recognise(weights: &Weights) -> Option<Known> {
    let sizes = Sizes { weights, within: "" };
    let backbone = Sizes { weights, within: "backbone." };
    let candidates = sizes.classifiers().chain(backbone.simclr());
    let tasks = [sizes.rotation(), sizes.alexnet(), sizes.context_encoder(), sizes.contrastive_head()];
    let fits = |known: &Known| {
        let specifications = known.specifications();
        weights.check_shapes(&specifications, "").is_ok().then_some(specifications.len())
    };
    let fitting =
        candidates.chain(tasks.into_iter().flatten()).filter_map(|known| Some((fits(&known)?, known)));
    fitting.max_by_key(|&(used, _)| used).map(|(_, known)| known)
}

/// Sizes that the tensors of a module tell.
#[derive(Clone, Copy)]
struct Sizes<'w> {
    weights: &'w Weights,
    /// What stands before the names of the module's tensors.
    within: &'static str,
}

impl Sizes<'_> {
    fn tensor(&self, name: &str) -> Option<&Tensor> {
        self.weights.tensors.get(&format!("{}{name}", self.within))
    }

    /// One of the axis sizes of a tensor.
    fn of(&self, name: &str, axis: usize) -> Option<usize> {
        let size = *self.tensor(name)?.shape.get(axis)?;
        (1..=LARGEST).contains(&size).then_some(size)
    }

    /// How many modules called `PREFIX0SUFFIX`, `PREFIX1SUFFIX`, ... there are, counted from `first`.
    fn count(&self, first: usize, name: impl Fn(usize) -> String) -> usize {
        (first..).take_while(|&number| self.tensor(&name(number)).is_some()).count()
    }

    /// Nets whose tensors these may be, the last layer left out.
    fn architectures(&self) -> impl Iterator<Item = Architecture> + use<> {
        let stages = self.count(1, |stage| format!("layer{stage}.0.conv1.weight"));
        let blocks = self.count(0, |block| format!("layer1.{block}.conv1.weight"));
        let is_bottleneck = self.tensor("layer1.0.conv3.weight").is_some();
        let depth = match (stages, blocks, is_bottleneck) {
            (3, _, false) => 6 * blocks + 2,
            (4, 2, false) => 18,
            (4, 3, false) => 34,
            (4, 3, true) => 50,
            _ => 0,
        };
        let width = self.of("layer1.0.conv1.weight", 0);
        let forms = Form::ALL.into_iter().filter(|form| !form.has_plain_shortcuts());
        let resnets = forms.filter_map(move |form| {
            form.blocks(depth)?;
            Some(Architecture::ResNet { form, depth, width: width? })
        });
        let depth = 6 * self.count(0, |block| format!("block1.layer.{block}.conv1.weight")) + 4;
        let widen = self.of("block1.layer.0.conv1.weight", 0).map(|channels| channels / 16);
        let wide = widen.map(|widen| Architecture::WideResNet { depth, widen });
        // Names of nets keep to sizes that can be.
        resnets.chain(wide).filter_map(|net| net.to_string().parse().ok())
    }

    fn classifiers(self) -> impl Iterator<Item = Known> {
        self.architectures().filter_map(move |architecture| {
            let classes = self.of(&format!("{}.weight", architecture.last()), 0)?;
            Some(Known::Classifier(Classifier { architecture, classes, normalization: Normalization::NONE }))
        })
    }

    fn simclr(self) -> impl Iterator<Item = Known> {
        self.architectures().filter_map(move |encoder| {
            let size = |layer: usize| self.of(&format!("{}.{layer}.weight", encoder.last()), 0);
            Some(Known::SimClr(SimClr { encoder, hidden: size(0)?, embedding: size(2)? }))
        })
    }

    fn rotation(&self) -> Option<Known> {
        let width = self.of("_feature_blocks.4.Classifier.weight", 1)?;
        (width > 1).then_some(Known::Rotation(RotationNet { width }))
    }

    fn alexnet(&self) -> Option<Known> {
        let width = self.of("_feature_blocks.0.0.weight", 0)?;
        let hidden = self.of("_feature_blocks.8.1.weight", 0)?;
        let classes = self.of("_feature_blocks.9.0.weight", 0)?;
        Some(Known::AlexNet(AlexNet { width, hidden, classes }))
    }

    fn context_encoder(&self) -> Option<Known> {
        let width = self.of("main.0.weight", 0)?;
        [16, 32, 64, 128, 256].into_iter().find_map(|size: usize| {
            // Each halving but the first is a convolution, a batch norm and an activation.
            let bottleneck = 3 * (size / 4).ilog2() as usize - 1;
            let latent = self.of(&format!("main.{bottleneck}.weight"), 0)?;
            let net = ContextEncoder { size, width, latent };
            let known = Known::ContextEncoder(net);
            self.weights.check_shapes(&known.specifications(), "").is_ok().then_some(known)
        })
    }

    fn contrastive_head(&self) -> Option<Known> {
        let (hidden, features) = (self.of("linear.weight", 0)?, self.of("linear.weight", 1)?);
        let embedding = self.of("linear2.weight", 0)?;
        Some(Known::ContrastiveHead(ContrastiveHead { features, hidden, embedding }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn classifier(name: &str) -> Known {
        let architecture = name.parse().expect(name);
        Known::Classifier(Classifier { architecture, classes: 7, normalization: Normalization::NONE })
    }

    #[test]
    fn nets_are_recognised_by_names_and_shapes() {
        let classifiers = [
            "resnet20",
            "resnet8x4",
            "resnet8x4-projection",
            "resnet18x4",
            "resnet34x4",
            "resnet50x4",
            "resnet18x4-imagenet",
            "resnet50x4-imagenet",
            "preact-resnet18x4",
            "preact-resnet18x4-normalised",
            "wrn-10-2",
            "wrn-16-1",
        ];
        let tasks = [
            Known::Rotation(RotationNet { width: 12 }),
            Known::AlexNet(AlexNet { width: 4, hidden: 8, classes: 4 }),
            Known::ContextEncoder(ContextEncoder { size: 32, width: 4, latent: 8 }),
            Known::ContextEncoder(ContextEncoder { size: 128, width: 4, latent: 8 }),
            Known::ContrastiveHead(ContrastiveHead { features: 8, hidden: 6, embedding: 4 }),
        ];
        let simclrs = classifiers.map(|name| {
            Known::SimClr(SimClr { hidden: 6, embedding: 4, ..SimClr::new(name.parse().expect(name)) })
        });
        for known in classifiers.map(classifier).into_iter().chain(simclrs).chain(tasks) {
            let mut weights = Weights::initial(&known.specifications(), 0);
            let one = crate::Tensor { shape: vec![1], data: vec![0.0] };
            weights.tensors.insert("extra".into(), one);
            assert_eq!(recognise(&weights), Some(known), "{known}");
            // One that every form of a net has.
            let last =
                weights.tensors.keys().rfind(|name| name.ends_with("weight")).expect("a weight").clone();
            weights.tensors.get_mut(&last).expect("it is there").shape.push(1);
            assert_eq!(recognise(&weights), None, "{known}");
        }
        assert_eq!(recognise(&Weights::default()), None);
    }
}
