//! What is read, printed and refused.

use super::*;
use crate::spec::Magnitude;
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
    let all = format!("{text},loss=ce,target=any");
    let expected = Attack::Pgd(Pgd { steps: 50, ..Pgd::published(Norm::Linf) });
    assert_eq!(parse(text), expected);
    assert_eq!(format!("{expected:#}"), all);
    assert_eq!(expected.to_string(), "pgd:steps=50");
}

#[test]
fn defaults_are_the_published_ones() {
    let pgd = "pgd:norm=linf,eps=8/255,step=2/255,steps=20,restarts=1,loss=ce,target=any";
    assert_eq!(format!("{:#}", parse("pgd")), pgd);
    let cw = "cw:norm=linf,eps=8/255,step=2/255,steps=10,restarts=1,kappa=50";
    assert_eq!(format!("{:#}", parse("cw")), cw);
    let apgd = "norm=linf,eps=8/255,steps=100,restarts=1,rho=0.75,eot=1";
    assert_eq!(format!("{:#}", parse("apgd-ce")), format!("apgd-ce:{apgd}"));
    assert_eq!(format!("{:#}", parse("apgd-dlr")), format!("apgd-dlr:{apgd}"));
    let apgd_t = "apgd-t:norm=linf,eps=8/255,steps=100,targets=9,rho=0.75,eot=1";
    assert_eq!(format!("{:#}", parse("apgd-t")), apgd_t);
    let fab = "alpha=0.1,eta=1.05,beta=0.9";
    assert_eq!(format!("{:#}", parse("fab")), format!("fab:norm=linf,eps=8/255,steps=100,restarts=5,{fab}"));
    assert_eq!(
        format!("{:#}", parse("fab-t")),
        format!("fab-t:norm=linf,eps=8/255,steps=100,targets=9,{fab}")
    );
    assert_eq!(format!("{:#}", parse("square")), "square:norm=linf,eps=8/255,queries=5000,p=0.8");
    let auto = "autoattack:version=standard,norm=linf,eps=8/255,steps=100,queries=5000";
    assert_eq!(format!("{:#}", parse("autoattack")), auto);
    assert_eq!(format!("{:#}", parse("fgsm")), "fgsm:norm=linf,eps=8/255");
    assert_eq!(format!("{:#}", parse("bim")), "bim:norm=linf,eps=8/255,step=2/255,steps=20");
    assert_eq!(parse("none"), Attack::None);
}

#[test]
fn the_norm_chooses_the_other_defaults_wherever_it_stands() {
    let l2 = "pgd:norm=l2,eps=0.5,step=0.1,steps=20,restarts=1,loss=ce,target=any";
    let l1 = "pgd:norm=l1,eps=12,step=1,steps=20,restarts=1,loss=ce,target=any";
    assert_eq!(format!("{:#}", parse("pgd:norm=l1")), l1);
    assert_eq!(
        parse("autoattack:norm=l2,version=plus,eps=0.5").to_string(),
        "autoattack:version=plus,norm=l2"
    );
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
    assert_eq!(
        refusal("pdg"),
        "there is no attack `pdg`: attacks are none, fgsm, bim, pgd, cw, apgd-ce, apgd-dlr, apgd-t, fab, fab-t, square, autoattack"
    );
    assert_eq!(
        refusal("pgd:iters=3"),
        "`pgd` has no option `iters`: it has norm, eps, step, steps, restarts, loss, target"
    );
    assert_eq!(refusal("none:eps=1"), "`none` has no option `eps`: it has none");
    assert_eq!(refusal("pgd:norm=l3"), "`norm=l3` of `pgd` cannot be read: expected linf or l2 or l1");
    for name in ["apgd-ce", "apgd-t", "fab", "fab-t", "square", "autoattack"] {
        let expected = format!("`{name}` cannot run like this: `norm` must be linf or l2");
        assert_eq!(refusal(&format!("{name}:norm=l1")), expected);
    }
    assert_eq!(refusal("square:p=2"), "`square` cannot run like this: `p` is a share: it must be at most 1");
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
    for name in ["bim", "pgd", "cw", "apgd-dlr", "apgd-t", "fab", "autoattack"] {
        let expected = format!("`{name}` cannot run like this: `steps` must be at least 1");
        assert_eq!(refusal(&format!("{name}:steps=0")), expected);
    }
    assert_eq!(refusal("pgd:steps=1,steps=2"), "`pgd` is given the option `steps` twice");
    assert_eq!(refusal("pgd,fgsm"), "`pgd,fgsm` names 2 attacks where one is expected");
    assert_eq!(
        refusal("pgd,eps=8/255"),
        "`eps=8/255` stands before the attack it belongs to: write `name:eps=8/255`"
    );
    assert_eq!(
        refusal(""),
        "an empty attack in ``: attacks are none, fgsm, bim, pgd, cw, apgd-ce, apgd-dlr, apgd-t, fab, fab-t, square, autoattack"
    );
}

fn magnitude() -> impl Strategy<Value = Magnitude> {
    prop_oneof![
        (0u16..64, 1u16..300).prop_map(|(above, below)| Magnitude::fraction(above, below)),
        (0.0f64..2.0).prop_map(|value| Magnitude::decimal(value).unwrap()),
    ]
}

fn attack() -> impl Strategy<Value = Attack> {
    let norm = prop_oneof![Just(Norm::Linf), Just(Norm::L2)];
    (norm, magnitude(), magnitude(), 1usize..100, 1usize..9, 0usize..12).prop_map(
        |(norm, epsilon, step_size, steps, restarts, which)| {
            let fab = Fab { epsilon, steps, rounds: restarts, eta: step_size, ..Fab::published(norm) };
            let apgd = Apgd { epsilon, steps, restarts, rho: step_size, ..Apgd::published(norm) };
            let (loss, target) = (PgdLoss::ALL[restarts % 3], Aim::ALL[steps % 4]);
            match which {
                0 => Attack::None,
                1 => Attack::Fgsm(Fgsm { norm, epsilon }),
                2 => Attack::Bim(Bim { norm, epsilon, step_size, steps }),
                3 => Attack::Cw(Cw { norm, epsilon, step_size, steps, restarts, kappa: step_size }),
                4 => Attack::ApgdCe(apgd),
                5 => Attack::ApgdDlr(apgd),
                6 => Attack::ApgdT(TargetedApgd {
                    epsilon,
                    steps,
                    eot: restarts,
                    ..TargetedApgd::published(norm)
                }),
                7 => Attack::Fab(fab),
                8 => Attack::FabT(fab),
                9 => Attack::Square(Square { epsilon, queries: steps, ..Square::published(norm) }),
                10 => {
                    let published = AutoAttack::published(Version::ALL[steps % 3], norm);
                    Attack::AutoAttack(AutoAttack { epsilon, queries: steps, ..published })
                }
                _ => Attack::Pgd(Pgd { norm, epsilon, step_size, steps, restarts, loss, target }),
            }
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
