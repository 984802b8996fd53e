//! What PyTorch saved is read, and what is no set of tensors is refused by name.

use unperturb_nets::checkpoint::Checkpoint;

use crate::golden;

fn read(name: &str) -> Checkpoint {
    Checkpoint::parse(&golden(name), name).unwrap_or_else(|error| panic!("{error}"))
}

fn refusal(bytes: &[u8]) -> String {
    let error = Checkpoint::parse(bytes, "file").expect_err("it holds something else").to_string();
    assert!(error.starts_with("file: ") && !error.contains('\n'), "{error}");
    error
}

/// Elements of a tensor: i / 8 - 1.
fn numbers(indices: impl IntoIterator<Item = usize>) -> Vec<f32> {
    indices.into_iter().map(|i| i as f32 / 8.0 - 1.0).collect()
}

#[test]
fn every_element_type_and_every_view_is_read_from_both_forms() {
    for name in ["archive.pt", "legacy.pth"] {
        let checkpoint = read(name);
        let expect = |tensor: &str, shape: &[usize], data: Vec<f32>| {
            let found = &checkpoint.weights.tensors[tensor];
            assert_eq!((found.shape.as_slice(), &found.data), (shape, &data), "{name}: {tensor}");
        };
        expect("f32", &[2, 3], numbers(0..6));
        expect("f64", &[5], numbers(0..5));
        expect("f16", &[3, 1, 2], numbers(0..6));
        expect("bf16", &[4], numbers(0..4));
        expect("empty", &[0, 3], vec![]);
        expect("scalar", &[], vec![0.5]);
        expect("table", &[4, 6], numbers(0..24));
        expect("turned", &[6, 4], numbers((0..24).map(|i| i % 4 * 6 + i / 4)));
        expect("window", &[2, 3], numbers([8, 9, 10, 14, 15, 16]));
        expect("every_other", &[3], numbers([0, 2, 4]));
        expect("parameter", &[2, 2], numbers(0..4));
        let integers = [("i64", "I64"), ("i32", "I32"), ("u8", "U8"), ("flag", "BOOL")];
        for (tensor, dtype) in integers {
            let entry = checkpoint.entries.iter().find(|entry| entry.name == tensor).expect(tensor);
            assert_eq!(entry.dtype, dtype);
            assert!(!checkpoint.weights.tensors.contains_key(tensor), "{tensor} is no weight");
        }
        assert_eq!(checkpoint.entries.len(), 15);
    }
}

#[test]
fn the_net_is_found_among_the_things_of_a_training() {
    for name in ["training.ckpt", "legacy-training.th"] {
        let checkpoint = read(name);
        let names: Vec<&str> = checkpoint.entries.iter().map(|entry| entry.name.as_str()).collect();
        let expected = ["0.bias", "0.weight", "1.bias", "1.num_batches_tracked", "1.running_mean"];
        assert_eq!(names[..5], expected, "{name}");
        assert_eq!(names[5..], ["1.running_var", "1.weight"], "{name}");
        assert_eq!(checkpoint.weights.tensors["0.weight"].data, numbers(0..6), "{name}");
    }
    assert_eq!(read("ssl-model.pth").weights.tensors["linear.weight"].shape, [2, 3]);
}

#[test]
fn what_asks_for_code_is_refused_by_name() {
    assert!(refusal(&golden("code.pt")).contains(r#""posix" "system""#));
    let module = refusal(&golden("module.pt"));
    assert!(module.contains(r#""torch.nn.modules.linear" "Linear""#), "{module}");

    // A call put in front of a good file, whose result is thrown away.
    let mut injected = golden("legacy.pth");
    let pickle = |bytes: &[u8], from: usize| {
        let found = bytes[from..].windows(2).position(|pair| pair == b"\x80\x02");
        from + found.expect("another pickle")
    };
    let (magic, protocol) = (15, 6);
    let object = pickle(&injected, magic + protocol + 2) + 2;
    injected.splice(object..object, *b"cos\nsystem\n(U\x04echotR0");
    assert!(refusal(&injected).contains(r#""os" "system""#));
}

#[test]
fn damage_is_found() {
    let archive = golden("archive.pt");
    assert!(refusal(&archive[..archive.len() / 2]).contains("not a whole PyTorch checkpoint"));
    let legacy = golden("legacy.pth");
    assert!(refusal(&legacy[..legacy.len() - 1]).contains("cut off"));
    // A number of the table, of which there is a checksum.
    let mut changed = archive.clone();
    let number = numbers([23])[0].to_le_bytes();
    let place = changed.windows(4).rposition(|bytes| bytes == number).expect("it is there");
    changed[place] ^= 1;
    assert!(refusal(&changed).contains("is damaged"));
    assert!(refusal(&golden("stretched.pt")).contains("overlap too much"));
}

#[test]
fn a_checkpoint_of_ours_is_still_one() {
    let checkpoint = Checkpoint::new(read("archive.pt").weights, Default::default());
    let bytes = checkpoint.to_bytes().expect("written");
    assert_eq!(Checkpoint::parse(&bytes, "ours").expect("read").weights, checkpoint.weights);
}
