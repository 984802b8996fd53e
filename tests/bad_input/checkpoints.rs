//! Classifiers and task nets that are damaged, foreign, or do not fit.

use std::fs;

use unperturb::model::{Description, Model, classifier_specifications, describe};
use unperturb::task::Task;
use unperturb::task::nets::TaskNet;
use unperturb_nets::checkpoint::Checkpoint;
use unperturb_nets::{ContextEncoder, RotationNet, SimClr, Tensor, Weights};

use crate::place::Place;
use crate::{COMMANDS, EVALUATE, REPAIR, furnished, simclr, task_net, task_nets, weights, words};

const TRUNCATED: &str = "it is not a whole safetensors file (";

/// The sentence of every command about the classifier.
fn about_the_classifier(place: &Place, problem: &str) {
    for line in COMMANDS {
        let said = place.refused(1, &words(line));
        assert!(said.starts_with(&format!("cannot use the classifier: {problem}")), "{line}: {said}");
    }
}

#[test]
fn damaged_and_foreign_classifiers() {
    let place = furnished();
    let whole = fs::read(place.path("net")).unwrap();
    let header = 8 + u64::from_le_bytes(whole[..8].try_into().unwrap()) as usize;
    for length in [0, 7, header / 2, header, whole.len() - 1] {
        place.write("net", &whole[..length]);
        about_the_classifier(&place, &format!("net: {TRUNCATED}"));
    }
    for foreign in [&b"PK\x03\x04 an archive of PyTorch"[..], b"\x89PNG\r\n\x1a\n", &[0xff; 64]] {
        place.write("net", foreign);
        about_the_classifier(&place, "net: ");
    }
    fs::remove_file(place.path("net")).unwrap();
    about_the_classifier(&place, "cannot read net: ");
    fs::create_dir(place.path("net")).unwrap();
    about_the_classifier(&place, "cannot read net: ");
}

#[test]
fn classifiers_that_do_not_fit_their_net() {
    let place = furnished();
    let model = Model::read(&place.path("net")).unwrap();
    let described = |classifier| Description { classifier, recipe: String::new(), size: None };
    let write =
        |weights: Weights, description| describe(weights, &description).write(&place.path("net")).unwrap();
    let changed = |change: &dyn Fn(&mut Weights)| {
        let mut weights = model.weights.clone();
        change(&mut weights);
        weights
    };
    let spoiled =
        |value: f32| changed(&|weights| weights.tensors.get_mut("bn1.bias").unwrap().data[2] = value);
    let lacking = changed(&|weights| drop(weights.tensors.remove("layer2.0.conv1.weight")));
    let reshaped = changed(&|weights| weights.tensors.get_mut("conv1.weight").unwrap().shape.reverse());
    for (weights, problem) in [
        (spoiled(f32::NAN), "the tensor 'bn1.bias' holds a value that is not a finite number"),
        (spoiled(f32::NEG_INFINITY), "the tensor 'bn1.bias' holds a value that is not a finite number"),
        (lacking, "the tensor 'layer2.0.conv1.weight' of shape [8, 4, 3, 3] is missing"),
        (reshaped, "the tensor 'conv1.weight' has the shape [3, 3, 3, 4], and the net needs [4, 3, 3, 3]"),
    ] {
        write(weights, described(model.classifier));
        about_the_classifier(&place, &format!("net: {problem}"));
    }

    let classless = unperturb_nets::Classifier { classes: 0, ..model.classifier };
    write(Weights::initial(&classifier_specifications(&classless), 0), described(classless));
    about_the_classifier(&place, "net: it holds a classifier that knows no class");

    for (size, problem) in [
        ([1 << 20, 32], "net: it says that it was trained on pictures of 32x1048576 pixels"),
        ([0, 0], "resnet8x4 needs pictures of at least 8x8 pixels, and these are 0x0"),
    ] {
        write(model.weights.clone(), Description { size: Some(size), ..described(model.classifier) });
        about_the_classifier(&place, problem);
    }

    // Finite weights whose products are not.
    let huge = changed(&|weights| {
        weights.tensors.get_mut("linear.weight").unwrap().data.fill(f32::MAX);
        weights.tensors.get_mut("bn1.bias").unwrap().data.fill(1e30);
    });
    write(huge, described(model.classifier));
    for line in COMMANDS {
        let said = place.refused(1, &words(line));
        assert!(said.contains(": the classifier's answers are no finite numbers: "), "{said}");
    }
}

#[test]
fn classifiers_that_do_not_say_which_net_they_are() {
    let place = furnished();
    let weights = Model::read(&place.path("net")).unwrap().weights;
    Checkpoint::new(weights, Default::default()).write(&place.path("net")).unwrap();
    about_the_classifier(
        &place,
        "net: it does not say which net it holds; name the net in front, as in resnet20:FILE",
    );
    fs::copy(place.path("tasks/rotation.safetensors"), place.path("net")).unwrap();
    about_the_classifier(&place, "net: its description is not one of ours (");
    for line in COMMANDS {
        let named = line.replace("--classifier net", "--classifier resnet20:net");
        let said = place.refused(1, &words(&named));
        assert!(said.starts_with("cannot use the classifier: net: the tensor 'conv1.weight' "), "{said}");
    }
}

/// `evaluate` and `repair` with every task, whose net of `task` is no good.
fn about_the_task(place: &Place, task: Task, problem: &str) {
    for line in [EVALUATE, &REPAIR.replace(" --defence none", "")] {
        let said = place.refused(1, &words(&format!("{line} --defence multi-task:steps=1 --tasks tasks")));
        let expected = format!("cannot use the task nets: tasks/{task}.safetensors: {problem}");
        assert!(said.starts_with(&expected), "{said}");
    }
}

#[test]
fn damaged_and_foreign_task_nets() {
    let place = furnished();
    for net in task_nets() {
        let (task, path) = (net.task(), TaskNet::path(&place.path("tasks"), net.task()));
        let whole = fs::read(&path).unwrap();
        fs::write(&path, &whole[..whole.len() - 1]).unwrap();
        about_the_task(&place, task, TRUNCATED);
        for value in [f32::NAN, f32::INFINITY] {
            let mut spoiled = weights(&net);
            let (name, tensor) =
                spoiled.tensors.first_entry().map(|e| (e.key().clone(), e.into_mut())).unwrap();
            tensor.data[0] = value;
            net.checkpoint(spoiled).write(&path).unwrap();
            about_the_task(
                &place,
                task,
                &format!("the tensor '{name}' holds a value that is not a finite number"),
            );
        }
        let mut reshaped = weights(&net);
        *reshaped.tensors.first_entry().unwrap().into_mut() = Tensor { shape: vec![1], data: vec![0.0] };
        net.checkpoint(reshaped).write(&path).unwrap();
        about_the_task(&place, task, "the tensor '");
        fs::copy(place.path("net"), &path).unwrap();
        about_the_task(&place, task, "its description is not one of ours (");
        fs::write(&path, whole).unwrap();
    }
    fs::copy(place.path("tasks/rotation.safetensors"), place.path("tasks/inpainting.safetensors")).unwrap();
    about_the_task(&place, Task::Inpainting, "it holds the rotation net, not the inpainting net");
}

#[test]
fn task_nets_of_impossible_sizes() {
    let place = furnished();
    let TaskNet::Rotation { normalization, .. } = task_net(Task::Rotation) else { unreachable!() };
    for width in [0, 1, usize::MAX] {
        let net = TaskNet::Rotation { net: RotationNet { width }, normalization };
        let path = place.path("tasks/rotation.safetensors");
        net.checkpoint(weights(&task_net(Task::Rotation))).write(&path).unwrap();
        about_the_task(&place, Task::Rotation, "it says that it holds a net of impossible sizes (");
    }
    task_net(Task::Rotation)
        .checkpoint(weights(&task_net(Task::Rotation)))
        .write(&place.path("tasks/rotation.safetensors"))
        .unwrap();
    for size in [0, 8, 33, 1 << 20] {
        let net = TaskNet::Inpainting { net: ContextEncoder { size, width: 2, latent: 4 } };
        let path = place.path("tasks/inpainting.safetensors");
        net.checkpoint(weights(&task_net(Task::Inpainting))).write(&path).unwrap();
        about_the_task(&place, Task::Inpainting, "it says that it holds a net of impossible sizes (");
    }
}

#[test]
fn simclr_nets_that_cannot_be() {
    let place = furnished();
    let path = place.path("tasks/contrastive.safetensors");
    let TaskNet::SimClr { net, normalization } = simclr() else { unreachable!() };
    for impossible in [
        SimClr { hidden: 0, ..net },
        SimClr { embedding: 0, ..net },
        SimClr { hidden: usize::MAX, ..net },
        SimClr { embedding: 1 << 20, ..net },
    ] {
        let impossible = TaskNet::SimClr { net: impossible, normalization };
        impossible.checkpoint(weights(&simclr())).write(&path).unwrap();
        about_the_task(&place, Task::Contrastive, "it says that it holds a net of impossible sizes (");
    }
    for encoder in ["resnet8x99999", "resnet9999998", "vgg16", ""] {
        let mut checkpoint = simclr().checkpoint(weights(&simclr()));
        let said = checkpoint.metadata.get_mut("unperturb").unwrap();
        *said = said.replace("\"resnet8x2\"", &format!("\"{encoder}\""));
        checkpoint.write(&path).unwrap();
        about_the_task(&place, Task::Contrastive, "its description is not one of ours (there is no net '");
    }
    let mut lacking = weights(&simclr());
    lacking.tensors.remove("backbone.linear.2.weight");
    simclr().checkpoint(lacking).write(&path).unwrap();
    let problem = "the tensor 'backbone.linear.2.weight' of shape [4, 6] is missing";
    about_the_task(&place, Task::Contrastive, problem);
    let mut narrow = weights(&simclr());
    narrow.tensors.get_mut("backbone.linear.0.weight").unwrap().shape = vec![8, 6];
    simclr().checkpoint(narrow).write(&path).unwrap();
    let problem = "the tensor 'backbone.linear.0.weight' has the shape [8, 6], and the net needs [6, 8]";
    about_the_task(&place, Task::Contrastive, problem);
    // An encoder that would shrink pictures to nothing.
    let large = SimClr { hidden: 6, embedding: 4, ..SimClr::new("resnet18x2-imagenet".parse().unwrap()) };
    let large = TaskNet::SimClr { net: large, normalization };
    assert!(large.expect_size(32, 47).is_ok());
    let said = large.expect_size(32, 31).unwrap_err().to_string();
    assert_eq!(said, "resnet18x2-imagenet needs pictures of at least 32x32 pixels, and these are 31x32");
}

#[test]
fn task_nets_that_are_missing_or_of_another_classifier() {
    let place = furnished();
    for folder in ["missing", "empty", "file"] {
        let said = place.refused(1, &words(&format!("{EVALUATE} --defence rotation --tasks {folder}")));
        let hint = "there is no rotation.safetensors; make it with `unperturb train tasks --tasks rotation`";
        assert_eq!(said, format!("cannot use the task nets: {folder}: {hint}"));
    }
    let TaskNet::Contrastive { head } = task_net(Task::Contrastive) else { unreachable!() };
    let wider = TaskNet::Contrastive { head: unperturb_nets::ContrastiveHead { features: 32, ..head } };
    wider.checkpoint(weights(&wider)).write(&place.path("tasks/contrastive.safetensors")).unwrap();
    about_the_task(&place, Task::Contrastive, "its head reads 32 features and the classifier has 16");
    // What needs no head does not look at it.
    place.done(&words(&format!("{EVALUATE} --defence rotation:steps=1 --tasks tasks")));
}
