//! Devices that there are not, and batches that do not fit into their memory.

use crate::{ATTACK, COMMANDS, EVALUATE, furnished, words};

/// Where drivers are found by the Vulkan loader, it can be told that there are none.
#[cfg(target_os = "linux")]
#[test]
fn a_gpu_where_there_is_none() {
    let place = furnished();
    for line in COMMANDS.iter().chain(&["demo --device cpu"]) {
        let mut command = place.command(&words(&line.replace("--device cpu", "--device gpu")));
        command.env("VK_DRIVER_FILES", "/missing").env("VK_ICD_FILENAMES", "/missing");
        assert_eq!(
            place.refuses(1, &mut command),
            "cannot use a GPU: there is no GPU adapter; install a Vulkan driver (on Debian a software one is `apt \
             install mesa-vulkan-drivers`) or use `--device cpu`"
        );
    }
    let said = place.refused(1, &words(&ATTACK.replace("--device cpu", "--device gpu:99")));
    assert!(said.starts_with("cannot use a GPU: "), "{said}");
}

/// A terabyte of views, known before anything is made of it.
#[test]
fn a_batch_that_is_larger_than_the_memory() {
    let place = furnished();
    let line = EVALUATE.replace("--images 4", "--images 4096 --batch 4096");
    for device in ["cpu", "gpu"] {
        let line = line.replace("--device cpu", &format!("--device {device}"));
        let defence = "--defence contrastive:views=512,batch=4096,steps=1 --tasks tasks";
        let said = place.refused(1, &words(&format!("{line} {defence}")));
        assert!(said.starts_with("cannot repair the pictures: "), "{said}");
        assert!(said.contains(" needs ") && said.ends_with("; use a smaller batch"), "{said}");
    }
}
