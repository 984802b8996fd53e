//! The parameters of all launches of a program, in one buffer.

use std::collections::HashMap;

use super::launch::Launch;

/// How many vectors of four words the parameters of `launch` take. At least one, so that every
/// shader has the same first binding.
pub(super) fn vectors(launch: &Launch) -> usize {
    launch.params.len().div_ceil(4).max(1)
}

/// Parameters at offsets that a uniform binding may start at. Equal ones are kept once.
pub(super) struct Parameters {
    /// The whole buffer.
    pub words: Vec<u32>,
    offsets: HashMap<Vec<u32>, u64>,
}

impl Parameters {
    /// Packs the parameters of `launches`, each at a multiple of `alignment` bytes.
    pub fn pack<'a>(launches: impl Iterator<Item = &'a Launch>, alignment: u32) -> Parameters {
        let aligned = (alignment as usize / 4).max(1);
        let mut packed = Parameters { words: Vec::new(), offsets: HashMap::new() };
        for launch in launches {
            if packed.offsets.contains_key(&launch.params) {
                continue;
            }
            let start = packed.words.len().next_multiple_of(aligned);
            packed.words.resize(start, 0);
            packed.words.extend(&launch.params);
            packed.words.resize(start + 4 * vectors(launch), 0);
            packed.offsets.insert(launch.params.clone(), 4 * start as u64);
        }
        packed
    }

    /// Where the parameters of a launch start, in bytes. It must be one of those packed.
    pub fn offset(&self, launch: &Launch) -> u64 {
        self.offsets[&launch.params]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn launch(params: &[u32]) -> Launch {
        let params = params.to_vec();
        Launch { label: "test", source: "".into(), bindings: vec![], params, workgroups: 1 }
    }

    #[test]
    fn parameters_are_aligned_padded_and_kept_once() {
        let launches = [launch(&[1, 2, 3, 4, 5]), launch(&[]), launch(&[1, 2, 3, 4, 5]), launch(&[7])];
        let packed = Parameters::pack(launches.iter(), 64);
        let offsets: Vec<u64> = launches.iter().map(|launch| packed.offset(launch)).collect();
        assert_eq!(offsets, [0, 64, 0, 128]);
        assert_eq!(packed.words.len(), 32 + 4);
        assert_eq!(packed.words[..8], [1, 2, 3, 4, 5, 0, 0, 0]);
        assert_eq!(packed.words[32..], [7, 0, 0, 0]);
    }
}
