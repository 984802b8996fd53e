//! Attacks, defences, options and values that there are not: wrong use, said before anything is looked at.

use crate::{ATTACK, EVALUATE, REPAIR, furnished, words};

#[test]
fn attacks_and_their_options() {
    let place = furnished();
    for (attack, problem) in [
        (
            "pdg",
            "there is no attack `pdg`: attacks are none, fgsm, bim, pgd, cw, apgd-ce, apgd-dlr, apgd-t, fab, fab-t, square, autoattack",
        ),
        ("pgd:iters=3", "`pgd` has no option `iters`: it has norm, eps, step, steps, restarts, loss, target"),
        ("pgd:eps=-8/255", "`eps=-8/255` of `pgd` cannot be read: expected a number that is not negative"),
        ("pgd:eps=nan", "`eps=nan` of `pgd` cannot be read: expected a number such as 0.5 or 8/255"),
        ("pgd:eps=1e99", "`eps=1e99` of `pgd` cannot be read: expected a number such as 0.5 or 8/255"),
        ("fgsm:eps=8/0", "`eps=8/0` of `fgsm` cannot be read: a fraction cannot be over zero"),
        ("pgd:norm=l3", "`norm=l3` of `pgd` cannot be read: expected linf or l2 or l1"),
        ("bim:steps=0", "`bim` cannot run like this: `steps` must be at least 1"),
        ("pgd:steps=0", "`pgd` cannot run like this: `steps` must be at least 1"),
        ("pgd:steps=1.5", "`steps=1.5` of `pgd` cannot be read: expected a whole number"),
        ("pgd:restarts=0", "`pgd` cannot run like this: `restarts` must be at least 1"),
        ("pgd:restarts=4294967296", "`pgd` cannot run like this: `restarts` must be at most 4294967295"),
        ("pgd:steps=1,steps=2", "`pgd` is given the option `steps` twice"),
    ] {
        for line in [EVALUATE.replace("--attack none", ""), ATTACK.replace("--attack fgsm", "")] {
            let said = place.refused(2, &words(&format!("{line} --attack {attack}")));
            assert_eq!(said, format!("invalid value '{attack}' for '--attack <ATTACK>': {problem}"));
        }
    }
}

#[test]
fn defences_and_their_options() {
    let place = furnished();
    for (defence, problem) in [
        (
            "nosie",
            "there is no defence `nosie`: defences are none, noise, contrastive, rotation, inpainting, ",
        ),
        (
            "rotation:views=2",
            "`rotation` has no option `views`: it has eps, step, steps, direction, noise, batch",
        ),
        ("noise:eps=-1", "`eps=-1` of `noise` cannot be read: expected a number that is not negative"),
        ("contrastive:views=1", "`contrastive` cannot run like this: `views` must be at least 2"),
        ("contrastive:views=100000", "`contrastive` cannot run like this: `views` must be at most 1024"),
        ("contrastive:temperature=0", "`contrastive` cannot run like this: `temperature` must be above zero"),
        (
            "contrastive:batch=1",
            "`contrastive` cannot run like this: the contrastive loss compares images, so ",
        ),
        ("rotation:steps=0", "`rotation` cannot run like this: `steps` must be at least 1"),
        ("rotation:batch=0", "`rotation` cannot run like this: `batch` must be at least 1"),
        (
            "rotation:eps=1/255,noise=2/255",
            "`rotation` cannot run like this: `noise` must not be larger than ",
        ),
        (
            "multi-task:combine=mean",
            "`combine=mean` of `multi-task` cannot be read: expected sum or alternate or authors",
        ),
        (
            "multi-task:contrastive=0,rotation=0,inpainting=0",
            "`multi-task` cannot run like this: every weight is zero",
        ),
    ] {
        for line in [EVALUATE, &REPAIR.replace("--defence none", "")] {
            let said = place.refused(2, &words(&format!("{line} --tasks tasks --defence {defence}")));
            assert!(said.contains(&format!("invalid value '{defence}' for '--defence <")), "{said}");
            assert!(said.contains(problem), "{said}");
        }
    }
    for line in [EVALUATE, &REPAIR.replace("--defence none", "")] {
        let said = place.refused(2, &words(&format!("{line} --defence inpainting")));
        let expected = "the defence `inpainting` needs trained tasks: give their folder with `--tasks DIR`";
        assert_eq!(said, expected);
    }
}

#[test]
fn other_values() {
    let place = furnished();
    for (line, problem) in [
        (EVALUATE.replace("--images 4", "--images 0"), "invalid value '0' for '--images <N>': "),
        (ATTACK.replace("--images 4", "--images -1"), "unexpected argument '-1' found"),
        (format!("{EVALUATE} --batch 0"), "invalid value '0' for '--batch <N>': "),
        (format!("{ATTACK} --split valid"), "invalid value 'valid' for '--split <SPLIT>'"),
        (format!("{ATTACK} --seed x"), "invalid value 'x' for '--seed <N>': "),
        (format!("{REPAIR} --precision f16"), "`--precision f16` needs a GPU with 16-bit floats: "),
        (
            format!("{EVALUATE} --normalize cifar10"),
            "`--normalize` goes with a foreign checkpoint, NET:FILE; ",
        ),
        (
            EVALUATE.replace("--classifier net", "--classifier resnet8x4:net --normalize 0,0,0/0,0,0"),
            "invalid value '0,0,0/0,0,0' for '--normalize <HOW>': ",
        ),
        (EVALUATE.replace("--classifier net", "--classifier vgg16:net"), "invalid value 'vgg16:net' for "),
        (EVALUATE.replace("--device cpu", "--device cuda"), "invalid value 'cuda' for '--device <DEVICE>': "),
        (REPAIR.replace("in.png", ""), "the following required arguments were not provided: <INPUT>"),
        ("demo --images 0".into(), "invalid value '0' for '--images <N>': "),
        ("demo --images many".into(), "invalid value 'many' for '--images <N>': "),
        ("demo --device cpu --precision f16".into(), "`--precision f16` needs a GPU with 16-bit floats: "),
    ] {
        let said = place.refused(2, &words(&line));
        assert!(said.starts_with(problem), "{line}: {said}");
    }
}
