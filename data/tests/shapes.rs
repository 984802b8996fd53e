//! What the synthetic set promises: the same bits everywhere, too hard for a linear classifier, light from
//! above, and a middle that has to do with what surrounds it.

use unperturb_data::shapes::{self, CLASS_NAMES};
use unperturb_data::{Dataset, OpenOptions, SHAPES, Split, open_with};

fn first(split: Split, count: usize) -> Dataset {
    open_with(SHAPES, split, OpenOptions { limit: Some(count), resize: None }).unwrap()
}

/// FNV-1a, 64 bits.
fn digest(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xCBF2_9CE4_8422_2325, |hash, &byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01B3)
    })
}

#[test]
fn the_pictures_never_change() {
    // Trained weights and reported numbers rest on these very pictures. A digest that differs means that
    // the set has changed, or that this machine's arithmetic is not IEEE 754.
    assert_eq!(digest(first(Split::Train, 1000).pictures()), 11_884_622_779_472_266_144);
    assert_eq!(digest(first(Split::Test, 1000).pictures()), 18_311_406_076_973_717_964);
}

#[test]
fn a_picture_depends_on_its_place_alone() {
    let set = first(Split::Test, 30);
    for index in [0, 7, 29] {
        let (pixels, label) = shapes::picture(shapes::DEFAULT_SEED, Split::Test, index as u64);
        assert_eq!((&pixels[..], label), (set.picture(index), set.labels()[index]));
    }
    let one = |seed, split, index| shapes::picture(seed, split, index).0;
    let reference = one(0, Split::Train, 3);
    for other in [one(1, Split::Train, 3), one(0, Split::Test, 3), one(0, Split::Train, 13)] {
        assert_ne!(reference, other);
    }
    // Endless: the last picture is as good as any.
    assert_eq!(shapes::picture(0, Split::Train, u64::MAX).1, (u64::MAX % 10) as u32);
}

#[test]
fn classes_take_turns() {
    let set = first(Split::Train, 25);
    assert_eq!(set.labels()[..12], [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1]);
    assert_eq!(set.class_names(), CLASS_NAMES);
    assert_eq!((set.name(), set.len()), ("shapes", 25));
}

#[test]
fn a_linear_classifier_is_lost() {
    let (train, test) = (first(Split::Train, 4000), first(Split::Test, 1000));
    let accuracy = softmax_regression(&train, &test);
    println!("softmax regression on raw pixels: {accuracy}");
    assert!(0.15 < accuracy && accuracy < 0.6, "softmax regression reaches {accuracy}");
}

/// Test accuracy of a softmax regression on centred pixels, by stochastic gradient descent with a falling
/// rate.
fn softmax_regression(train: &Dataset, test: &Dataset) -> f64 {
    const CLASSES: usize = 10;
    const EPOCHS: usize = 10;
    let values = |set: &Dataset, index: usize| -> Vec<f32> {
        set.picture(index).iter().map(|&byte| f32::from(byte) / 255.0 - 0.45).collect()
    };
    let mut weights = vec![[0.0f32; CLASSES]; train.picture_len()];
    let mut bias = [0.0f32; CLASSES];
    let logits = |weights: &[[f32; CLASSES]], bias: &[f32; CLASSES], x: &[f32]| {
        let mut logits = *bias;
        for (row, x) in weights.iter().zip(x) {
            for (logit, w) in logits.iter_mut().zip(row) {
                *logit += x * w;
            }
        }
        logits
    };
    for epoch in 0..EPOCHS {
        let rate = 0.002 * (1.0 - epoch as f32 / EPOCHS as f32);
        for index in 0..train.len() {
            let x = values(train, index);
            let mut gradient = logits(&weights, &bias, &x);
            let largest = gradient.iter().copied().fold(f32::MIN, f32::max);
            gradient.iter_mut().for_each(|g| *g = (*g - largest).exp());
            let sum: f32 = gradient.iter().sum();
            gradient.iter_mut().for_each(|g| *g /= sum);
            gradient[train.labels()[index] as usize] -= 1.0;
            for (row, x) in weights.iter_mut().zip(&x) {
                for (w, g) in row.iter_mut().zip(&gradient) {
                    *w -= rate * x * g;
                }
            }
            for (b, g) in bias.iter_mut().zip(&gradient) {
                *b -= rate * g;
            }
        }
    }
    let correct = (0..test.len()).filter(|&index| {
        let logits = logits(&weights, &bias, &values(test, index));
        let best = (0..CLASSES).max_by(|&a, &b| logits[a].total_cmp(&logits[b])).unwrap();
        best == test.labels()[index] as usize
    });
    correct.count() as f64 / test.len() as f64
}

/// Mean brightness of the pixels that `wanted` picks by row and column.
fn brightness(picture: &[u8], wanted: impl Fn(usize, usize) -> bool) -> f64 {
    let (mut sum, mut count) = (0.0, 0);
    for (i, pixel) in picture.chunks(3).enumerate() {
        if wanted(i / 32, i % 32) {
            sum += pixel.iter().map(|&v| f64::from(v)).sum::<f64>();
            count += 3;
        }
    }
    sum / f64::from(count)
}

#[test]
fn light_comes_from_above() {
    let set = first(Split::Train, 1000);
    let brighter = |first: fn(usize, usize) -> bool, second: fn(usize, usize) -> bool| {
        let counts = |i| brightness(set.picture(i), first) > brightness(set.picture(i), second);
        (0..set.len()).filter(|&i| counts(i)).count()
    };
    let above = brighter(|y, _| y < 16, |y, _| y >= 16);
    let left = brighter(|_, x| x < 16, |_, x| x >= 16);
    assert!(above > 750, "{above} of 1000 pictures are brighter above");
    assert!((430..570).contains(&left), "{left} of 1000 pictures are brighter on the left");
}

#[test]
fn the_middle_follows_from_what_surrounds_it_in_part() {
    let set = first(Split::Train, 1000);
    let middle = |y: usize, x: usize| (8..24).contains(&y) && (8..24).contains(&x);
    let pairs: Vec<_> = (0..set.len())
        .map(|i| {
            let picture = set.picture(i);
            (brightness(picture, middle), brightness(picture, |y, x| !middle(y, x)))
        })
        .collect();
    let mean = |f: fn(&(f64, f64)) -> f64| pairs.iter().map(f).sum::<f64>() / pairs.len() as f64;
    let (a, b) = (mean(|p| p.0), mean(|p| p.1));
    let product = |f: &dyn Fn(&(f64, f64)) -> f64| pairs.iter().map(f).sum::<f64>();
    let correlation = product(&|p| (p.0 - a) * (p.1 - b))
        / (product(&|p| (p.0 - a).powi(2)) * product(&|p| (p.1 - b).powi(2))).sqrt();
    assert!((0.3..0.9).contains(&correlation), "correlation {correlation}");
}
