//! Nets of few classes, and what is remarked about suspicious ones.

use unperturb::attack::Victim;

use crate::toys::{Manner, Toy};
use crate::{attacked, attacked_by};

#[test]
fn the_ratio_of_logits_needs_classes() {
    for (classes, attack, needed) in
        [(2, "apgd-dlr", 3), (2, "apgd-t", 4), (3, "apgd-t", 4), (2, "pgd:loss=dlr", 3)]
    {
        let toy = Toy::new(classes, Manner::Curved);
        let error = attacked_by(attack, &toy, &toy.pictures(), 8).expect_err(attack).to_string();
        let name = attack.split(':').next().unwrap();
        let expected = format!(
            "the loss of {name} needs {needed} classes or more and {} knows {classes}; take the cross-entropy or the \
             margin",
            toy.name()
        );
        assert_eq!(error, expected);
    }
    let toy = Toy::new(3, Manner::Curved);
    attacked("apgd-dlr:steps=3", &toy, &toy.pictures());
}

#[test]
fn autoattack_does_without_the_ratio_where_it_must() {
    for classes in [2, 3] {
        let toy = Toy::new(classes, Manner::Curved);
        let made = attacked("autoattack:steps=8,queries=30,eps=8/255", &toy, &toy.pictures());
        assert_eq!(made.stages.len(), 4);
        let remark = "apgd-t takes the difference of two logits: its ratio needs 4 classes or more";
        assert_eq!(made.remarks, [remark], "{classes} classes");
    }
    let toy = Toy::new(4, Manner::Curved);
    assert!(attacked("autoattack:steps=3,queries=30", &toy, &toy.pictures()).remarks.is_empty());
}

#[test]
fn one_class_cannot_be_attacked() {
    let toy = Toy::new(1, Manner::Linear);
    let error = attacked_by("pgd", &toy, &toy.pictures(), 8).expect_err("one class").to_string();
    assert_eq!(error, "the toy knows 1 class, and there is no wrong one to attack it with");
}

#[test]
fn masked_gradients_and_random_answers_are_remarked() {
    let toy = Toy::new(5, Manner::Masked);
    let made = attacked("autoattack:steps=3,queries=400,eps=16/255", &toy, &toy.pictures());
    let said = made.remarks.join("\n");
    assert!(said.contains("apgd-ce started without any gradient at 12 of its points"), "{said}");
    assert!(said.contains("square breaks ") && said.contains("images that gradients did not"), "{said}");

    let toy = Toy::new(5, Manner::Random);
    let remark = "the defence answers at random: use autoattack:version=rand";
    let text = "autoattack:steps=3,queries=30";
    assert!(attacked(text, &toy, &toy.pictures()).remarks.iter().any(|said| said == remark));
    let text = "autoattack:version=rand,steps=3";
    assert!(!attacked(text, &toy, &toy.pictures()).remarks.iter().any(|said| said == remark));
}
