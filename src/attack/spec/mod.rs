//! What `--attack` names.
//!
//! To add an attack: a variant of [`Attack`] with a struct of its options, its line in [`Options::known`], and
//! the arms that the compiler then asks for, all in this file.

use std::fmt;
use std::str::FromStr;

use crate::spec::{self, Magnitude, OptionValue, Options, SpecError, words};

words! {
    /// The norm in which a perturbation is bounded.
    pub enum Norm {
        /// The largest change of any channel of any pixel.
        Linf = "linf",
        /// The Euclidean length of the whole perturbation.
        L2 = "l2",
    }
}

impl Norm {
    /// The usual bound for CIFAR-sized pictures.
    fn epsilon(self) -> Magnitude {
        match self {
            Norm::Linf => Magnitude::fraction(8, 255),
            Norm::L2 => Magnitude::plain(0.5),
        }
    }

    /// The usual step for that bound.
    fn step_size(self) -> Magnitude {
        match self {
            Norm::Linf => Magnitude::fraction(2, 255),
            Norm::L2 => Magnitude::plain(0.1),
        }
    }
}

/// An attack and its options.
///
/// `Display` gives the shortest text that reads back as this attack, `{:#}` the one with every option.
#[derive(Debug, Clone, PartialEq)]
pub enum Attack {
    /// Clean images.
    None,
    /// The fast gradient sign method.
    Fgsm(Fgsm),
    /// The basic iterative method.
    Bim(Bim),
    /// Projected gradient descent.
    Pgd(Pgd),
}

/// Fast gradient sign method (Goodfellow et al. 2015): one step of the whole bound, from the clean image.
#[derive(Debug, Clone, PartialEq)]
pub struct Fgsm {
    /// `norm`
    pub norm: Norm,
    /// `eps`, the bound, of images in [0, 1].
    pub epsilon: Magnitude,
}

/// Basic iterative method (Kurakin et al. 2017): projected steps from the clean image.
#[derive(Debug, Clone, PartialEq)]
pub struct Bim {
    /// `norm`
    pub norm: Norm,
    /// `eps`, the bound, of images in [0, 1].
    pub epsilon: Magnitude,
    /// `step`, the length of a step.
    pub step_size: Magnitude,
    /// `steps`
    pub steps: usize,
}

/// Projected gradient descent (Madry et al. 2018): projected steps from random points within the bound.
#[derive(Debug, Clone, PartialEq)]
pub struct Pgd {
    /// `norm`
    pub norm: Norm,
    /// `eps`, the bound, of images in [0, 1].
    pub epsilon: Magnitude,
    /// `step`, the length of a step.
    pub step_size: Magnitude,
    /// `steps`
    pub steps: usize,
    /// `restarts`, each from its own random point; an image counts as broken if any of them breaks it.
    pub restarts: usize,
}

/// What FGSM, BIM and PGD have in common: ascent of the loss by projected steps.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ProjectedGradient {
    /// The norm of the bound, and of the direction of a step.
    pub norm: Norm,
    /// The bound.
    pub epsilon: f32,
    /// The length of a step.
    pub step_size: f32,
    /// Steps per restart.
    pub steps: usize,
    /// At least 1.
    pub restarts: usize,
    /// Whether to start at a random point within the bound instead of at the clean image.
    pub random_start: bool,
}

impl Attack {
    /// The steps to run, if this attack is one of projected steps.
    pub fn projected_gradient(&self) -> Option<ProjectedGradient> {
        match self {
            Attack::None => None,
            Attack::Fgsm(Fgsm { norm, epsilon }) => Some(ProjectedGradient {
                norm: *norm,
                epsilon: epsilon.value(),
                step_size: epsilon.value(),
                steps: 1,
                restarts: 1,
                random_start: false,
            }),
            Attack::Bim(Bim { norm, epsilon, step_size, steps }) => Some(ProjectedGradient {
                norm: *norm,
                epsilon: epsilon.value(),
                step_size: step_size.value(),
                steps: *steps,
                restarts: 1,
                random_start: false,
            }),
            Attack::Pgd(Pgd { norm, epsilon, step_size, steps, restarts }) => Some(ProjectedGradient {
                norm: *norm,
                epsilon: epsilon.value(),
                step_size: step_size.value(),
                steps: *steps,
                restarts: *restarts,
                random_start: true,
            }),
        }
    }
}

impl Fgsm {
    fn published(norm: Norm) -> Self {
        Self { norm, epsilon: norm.epsilon() }
    }
}

impl Bim {
    fn published(norm: Norm) -> Self {
        Self { norm, epsilon: norm.epsilon(), step_size: norm.step_size(), steps: 20 }
    }
}

impl Pgd {
    fn published(norm: Norm) -> Self {
        Self { norm, epsilon: norm.epsilon(), step_size: norm.step_size(), steps: 20, restarts: 1 }
    }
}

impl Options for Attack {
    const KIND: &'static str = "attack";

    fn known() -> Vec<Self> {
        vec![
            Attack::None,
            Attack::Fgsm(Fgsm::published(Norm::Linf)),
            Attack::Bim(Bim::published(Norm::Linf)),
            Attack::Pgd(Pgd::published(Norm::Linf)),
        ]
    }

    fn name(&self) -> &'static str {
        match self {
            Attack::None => "none",
            Attack::Fgsm(_) => "fgsm",
            Attack::Bim(_) => "bim",
            Attack::Pgd(_) => "pgd",
        }
    }

    fn fields(&mut self) -> Vec<(&'static str, &mut dyn OptionValue)> {
        match self {
            Attack::None => vec![],
            Attack::Fgsm(Fgsm { norm, epsilon }) => vec![("norm", norm), ("eps", epsilon)],
            Attack::Bim(Bim { norm, epsilon, step_size, steps }) => {
                vec![("norm", norm), ("eps", epsilon), ("step", step_size), ("steps", steps)]
            }
            Attack::Pgd(Pgd { norm, epsilon, step_size, steps, restarts }) => vec![
                ("norm", norm),
                ("eps", epsilon),
                ("step", step_size),
                ("steps", steps),
                ("restarts", restarts),
            ],
        }
    }

    fn published(&self) -> Self {
        match self {
            Attack::None => Attack::None,
            Attack::Fgsm(fgsm) => Attack::Fgsm(Fgsm::published(fgsm.norm)),
            Attack::Bim(bim) => Attack::Bim(Bim::published(bim.norm)),
            Attack::Pgd(pgd) => Attack::Pgd(Pgd::published(pgd.norm)),
        }
    }

    fn check(&self) -> Result<(), String> {
        match self {
            Attack::Bim(Bim { steps: 0, .. }) | Attack::Pgd(Pgd { steps: 0, .. }) => {
                Err("`steps` must be at least 1".to_owned())
            }
            Attack::Pgd(Pgd { restarts: 0, .. }) => Err("`restarts` must be at least 1".to_owned()),
            // Random numbers count them in 32 bits.
            Attack::Pgd(Pgd { restarts, .. }) if u32::try_from(*restarts).is_err() => {
                Err(format!("`restarts` must be at most {}", u32::MAX))
            }
            Attack::None | Attack::Fgsm(_) | Attack::Bim(_) | Attack::Pgd(_) => Ok(()),
        }
    }
}

impl fmt::Display for Attack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&if f.alternate() { spec::full(self) } else { spec::short(self) })
    }
}

impl FromStr for Attack {
    type Err = SpecError;

    fn from_str(text: &str) -> Result<Self, SpecError> {
        spec::parse_one(text)
    }
}

/// One or more attacks, comma-separated, none of them twice.
#[derive(Debug, Clone, PartialEq)]
pub struct Attacks(pub Vec<Attack>);

impl FromStr for Attacks {
    type Err = SpecError;

    fn from_str(text: &str) -> Result<Self, SpecError> {
        spec::parse_list(text).map(Attacks)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parse(text: &str) -> Attack {
        text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    fn refusal(text: &str) -> String {
        text.parse::<Attack>().expect_err(text).to_string()
    }

    #[test]
    fn reads_the_example_of_the_manual() {
        let text = "pgd:norm=linf,eps=8/255,step=2/255,steps=50,restarts=1";
        let expected = Attack::Pgd(Pgd { steps: 50, ..Pgd::published(Norm::Linf) });
        assert_eq!(parse(text), expected);
        assert_eq!(format!("{expected:#}"), text);
        assert_eq!(expected.to_string(), "pgd:steps=50");
    }

    #[test]
    fn defaults_are_the_published_ones() {
        assert_eq!(format!("{:#}", parse("pgd")), "pgd:norm=linf,eps=8/255,step=2/255,steps=20,restarts=1");
        assert_eq!(format!("{:#}", parse("fgsm")), "fgsm:norm=linf,eps=8/255");
        assert_eq!(format!("{:#}", parse("bim")), "bim:norm=linf,eps=8/255,step=2/255,steps=20");
        assert_eq!(parse("none"), Attack::None);
    }

    #[test]
    fn the_norm_chooses_the_other_defaults_wherever_it_stands() {
        let l2 = "pgd:norm=l2,eps=0.5,step=0.1,steps=20,restarts=1";
        assert_eq!(format!("{:#}", parse("pgd:norm=l2")), l2);
        assert_eq!(format!("{:#}", parse("pgd:steps=20,norm=l2")), l2);
        assert_eq!(parse("pgd:eps=8/255,norm=l2").to_string(), "pgd:norm=l2,eps=8/255");
    }

    #[test]
    fn fgsm_is_one_step_of_the_whole_bound_and_only_pgd_starts_at_random() {
        let fgsm = parse("fgsm:eps=4/255").projected_gradient().unwrap();
        assert_eq!((fgsm.steps, fgsm.step_size, fgsm.random_start), (1, fgsm.epsilon, false));
        assert_eq!(fgsm.epsilon, 4.0 / 255.0);
        assert!(!parse("bim").projected_gradient().unwrap().random_start);
        assert!(parse("pgd").projected_gradient().unwrap().random_start);
        assert_eq!(parse("none").projected_gradient(), None);
    }

    #[test]
    fn refusals_say_what_would_have_been_understood() {
        assert_eq!(refusal("pdg"), "there is no attack `pdg`: attacks are none, fgsm, bim, pgd");
        assert_eq!(
            refusal("pgd:iters=3"),
            "`pgd` has no option `iters`: it has norm, eps, step, steps, restarts"
        );
        assert_eq!(refusal("none:eps=1"), "`none` has no option `eps`: it has none");
        assert_eq!(refusal("pgd:norm=l1"), "`norm=l1` of `pgd` cannot be read: expected linf or l2");
        assert_eq!(
            refusal("pgd:eps=x"),
            "`eps=x` of `pgd` cannot be read: expected a number such as 0.5 or 8/255"
        );
        assert_eq!(refusal("pgd:steps=-1"), "`steps=-1` of `pgd` cannot be read: expected a whole number");
        assert_eq!(refusal("pgd:restarts=0"), "`pgd` cannot run like this: `restarts` must be at least 1");
        assert_eq!(
            refusal("pgd:restarts=4294967296"),
            "`pgd` cannot run like this: `restarts` must be at most 4294967295"
        );
        for name in ["bim", "pgd"] {
            let expected = format!("`{name}` cannot run like this: `steps` must be at least 1");
            assert_eq!(refusal(&format!("{name}:steps=0")), expected);
        }
        assert_eq!(refusal("pgd:steps=1,steps=2"), "`pgd` is given the option `steps` twice");
        assert_eq!(refusal("pgd,fgsm"), "`pgd,fgsm` names 2 attacks where one is expected");
        assert_eq!(
            refusal("pgd,eps=8/255"),
            "`eps=8/255` stands before the attack it belongs to: write `name:eps=8/255`"
        );
        assert_eq!(refusal(""), "an empty attack in ``: attacks are none, fgsm, bim, pgd");
    }

    fn magnitude() -> impl Strategy<Value = Magnitude> {
        prop_oneof![
            (0u16..64, 1u16..300).prop_map(|(above, below)| Magnitude::fraction(above, below)),
            (0.0f64..2.0).prop_map(|value| Magnitude::decimal(value).unwrap()),
        ]
    }

    fn attack() -> impl Strategy<Value = Attack> {
        let norm = prop_oneof![Just(Norm::Linf), Just(Norm::L2)];
        (norm, magnitude(), magnitude(), 1usize..100, 1usize..9, 0usize..4).prop_map(
            |(norm, epsilon, step_size, steps, restarts, which)| match which {
                0 => Attack::None,
                1 => Attack::Fgsm(Fgsm { norm, epsilon }),
                2 => Attack::Bim(Bim { norm, epsilon, step_size, steps }),
                _ => Attack::Pgd(Pgd { norm, epsilon, step_size, steps, restarts }),
            },
        )
    }

    proptest! {
        #[test]
        fn text_and_back(attack in attack()) {
            prop_assert_eq!(attack.to_string().parse::<Attack>(), Ok(attack.clone()));
            prop_assert_eq!(format!("{attack:#}").parse::<Attack>(), Ok(attack));
        }

        #[test]
        fn any_text_is_read_or_refused(text in "(pgd|fgsm|none|[a-z:=,/0-9.-]){0,6}") {
            let _ = text.parse::<Attacks>();
        }
    }
}
