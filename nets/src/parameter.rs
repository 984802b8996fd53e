//! What a net has to learn, and how it lies in checkpoints and in memory.

use unperturb_engine::{Shape, Value};

/// What a parameter is, which tells its layout and how it starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Weights of a convolution: `[h, w, in, out]` here, `[out, in, h, w]` in PyTorch. Also those of a
    /// transposed one, `[h, w, out, in]` here and `[in, out, h, w]` in PyTorch.
    Convolution,
    /// Weights of a linear layer: `[in, out]` here, `[out, in]` in PyTorch.
    Linear,
    /// Bias of a linear layer that has so many inputs.
    Bias {
        /// Inputs of the layer, which set the spread of the first values.
        inputs: usize,
    },
    /// Scale of a batch norm; starts as ones.
    Scale,
    /// Shift of a batch norm; starts as zeros.
    Shift,
    /// Running mean of a batch norm: not learned.
    RunningMean,
    /// Running variance of a batch norm: not learned.
    RunningVariance,
}

/// One parameter of a traced net.
#[derive(Clone, Debug)]
pub struct Parameter<'g> {
    /// Its name in checkpoints.
    pub name: String,
    /// What it is.
    pub kind: Kind,
    /// Its state in the graph.
    pub value: Value<'g>,
    /// The name of that state: the net's own name, a slash, and `name`.
    pub state: String,
}

/// A parameter apart from any graph.
#[derive(Clone, Debug, PartialEq)]
pub struct Specification {
    /// Its name in checkpoints.
    pub name: String,
    /// What it is.
    pub kind: Kind,
    /// Its shape in memory.
    pub shape: Shape,
}

impl Kind {
    /// Whether training changes it by gradients.
    pub fn is_learned(self) -> bool {
        !matches!(self, Kind::RunningMean | Kind::RunningVariance)
    }

    /// The shape in PyTorch's layout of a parameter whose shape in memory is `shape`.
    pub fn torch_shape(self, shape: &[usize]) -> Vec<usize> {
        match self {
            Kind::Convolution => vec![shape[3], shape[2], shape[0], shape[1]],
            Kind::Linear => vec![shape[1], shape[0]],
            _ => shape.to_vec(),
        }
    }

    /// From PyTorch's layout to memory's; `shape` is the one in memory.
    pub fn from_torch(self, data: &[f32], shape: &[usize]) -> Vec<f32> {
        match self {
            // [o, i, hw] -> [hw, i, o]
            Kind::Convolution => reversed(data, [shape[3], shape[2], shape[0] * shape[1]]),
            Kind::Linear => reversed(data, [shape[1], 1, shape[0]]),
            _ => data.to_vec(),
        }
    }

    /// From memory's layout to PyTorch's; `shape` is the one in memory.
    pub fn to_torch(self, data: &[f32], shape: &[usize]) -> Vec<f32> {
        match self {
            Kind::Convolution => reversed(data, [shape[0] * shape[1], shape[2], shape[3]]),
            Kind::Linear => reversed(data, [shape[0], 1, shape[1]]),
            _ => data.to_vec(),
        }
    }
}

/// `[a, b, c] -> [c, b, a]`.
fn reversed(data: &[f32], [a, b, c]: [usize; 3]) -> Vec<f32> {
    let mut result = Vec::with_capacity(data.len());
    for k in 0..c {
        for j in 0..b {
            result.extend((0..a).map(|i| data[(i * b + j) * c + k]));
        }
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layouts_travel_both_ways() {
        let data: Vec<f32> = (0..3 * 2 * 5 * 7).map(|i| i as f32).collect();
        let shape = [3, 2, 5, 7];
        let torch = Kind::Convolution.to_torch(&data, &shape);
        // Element (h=2, w=1, i=4, o=6) here is (6, 4, 2, 1) there.
        let here = ((2 * 2 + 1) * 5 + 4) * 7 + 6;
        let there = ((6 * 5 + 4) * 3 + 2) * 2 + 1;
        assert_eq!(torch[there], data[here]);
        assert_eq!(Kind::Convolution.torch_shape(&shape), [7, 5, 3, 2]);
        assert_eq!(Kind::Convolution.from_torch(&torch, &shape), data);
        let linear = Kind::Linear.to_torch(&data, &[10, 21]);
        assert_eq!(linear[3 * 10 + 9], data[9 * 21 + 3]);
        assert_eq!(Kind::Linear.from_torch(&linear, &[10, 21]), data);
    }
}
