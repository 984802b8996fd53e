//! Inputs and weights, made from names as `tests/golden/README.md` says, so that every engine has the same and what it
//! makes of them can be held to the golden files.

/// Of whom the numbers are.
const SUBJECT: &str = "resnet20";

/// Uniform in [-1, 1).
pub fn signed(name: &str, count: usize) -> Vec<f32> {
    let seed = name
        .bytes()
        .fold(0xCBF2_9CE4_8422_2325_u64, |state, byte| (state ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01B3));
    let number = |index: u64| {
        let mut z = seed.wrapping_add((index + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15));
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^= z >> 31;
        (z >> 40) as f32 / (1 << 23) as f32 - 1.0
    };
    (0..count as u64).map(number).collect()
}

/// Pictures `[count, 3, 32, 32]` in [0, 1), of which the first are those of the golden file.
pub fn pictures(count: usize) -> Vec<f32> {
    let values = signed(&format!("{SUBJECT}/image"), count * 3 * super::PIXELS * super::PIXELS);
    values.into_iter().map(|value| (value + 1.0) / 2.0).collect()
}

/// Their labels.
pub fn labels(count: usize) -> Vec<u32> {
    (0..count as u32).map(|index| (7 * index + 3) % super::CLASSES as u32).collect()
}

/// A parameter or running statistic of resnet20, in PyTorch's layout.
pub fn parameter(name: &str, shape: &[usize]) -> Vec<f32> {
    let mut values = signed(&format!("{SUBJECT}/{name}"), shape.iter().product());
    let scaled = |value: f32| match (shape, name.rsplit('.').next()) {
        ([_, rest @ ..], _) if !rest.is_empty() => {
            value * (6.0 / rest.iter().product::<usize>() as f64).sqrt() as f32
        }
        (_, Some("weight")) => 1.0 + 0.2 * value,
        (_, Some("running_var")) => 1.0 + 0.5 * value.abs(),
        _ => 0.1 * value,
    };
    values.iter_mut().for_each(|value| *value = scaled(*value));
    values
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_those_of_the_specification() {
        assert_eq!(signed("a", 2), [-0.256_538_15, 0.996_244_55]);
        assert_eq!(signed("resnet20/image", 6144)[6143], 0.129_775_29);
        assert_eq!(parameter("conv1.weight", &[16, 3, 3, 3])[431], 0.094_725_6);
        assert_eq!(parameter("bn1.weight", &[16])[3], 1.122_637_6);
        assert_eq!(parameter("bn1.running_mean", &[16])[3], -0.037_857_33);
        assert_eq!(parameter("bn1.running_var", &[16])[3], 1.063_529);
    }
}
