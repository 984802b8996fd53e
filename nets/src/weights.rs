//! The values of a net's parameters, outside any device, in PyTorch's names and layouts.

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};
use unperturb_engine::{Graph, Session};

use crate::error::NetError;
use crate::init::first_values;
use crate::parameter::Specification;
use crate::scope::{Mode, Scope};

/// A tensor of a checkpoint.
#[derive(Clone, Debug, PartialEq)]
pub struct Tensor {
    /// Axis sizes in PyTorch's layout.
    pub shape: Vec<usize>,
    /// Elements, rows packed.
    pub data: Vec<f32>,
}

/// Named tensors in PyTorch's layouts.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Weights {
    /// The tensors by name.
    pub tensors: BTreeMap<String, Tensor>,
}

/// The parameters of the net that `trace` records, found by tracing it on the side.
pub fn specifications(trace: impl for<'g> Fn(&Scope<'g>)) -> Vec<Specification> {
    let graph = Graph::new();
    let scope = Scope::new(&graph, "", Mode::Evaluate);
    trace(&scope);
    scope
        .parameters()
        .into_iter()
        .map(|p| Specification { shape: p.value.shape(), name: p.name, kind: p.kind })
        .collect()
}

impl Weights {
    /// First values for training, from a seed.
    pub fn initial(specifications: &[Specification], seed: u64) -> Self {
        let tensor = |spec: &Specification| {
            let data = spec.kind.to_torch(&first_values(spec, seed), &spec.shape);
            (spec.name.clone(), Tensor { shape: spec.kind.torch_shape(&spec.shape), data })
        };
        Weights { tensors: specifications.iter().map(tensor).collect() }
    }

    /// Checks that every parameter is here, has the right shape and only finite numbers. Tensors that
    /// the net does not have are allowed. `file` names the origin in errors.
    ///
    /// # Errors
    /// The first parameter that does not fit.
    pub fn check(&self, specifications: &[Specification], file: &str) -> Result<(), NetError> {
        self.check_shapes(specifications, file)?;
        let spoiled = |spec: &&Specification| self.tensors[&spec.name].data.iter().any(|x| !x.is_finite());
        match specifications.iter().find(spoiled) {
            Some(spec) => Err(NetError::NotFinite { file: file.to_string(), name: spec.name.clone() }),
            None => Ok(()),
        }
    }

    /// Checks that every parameter is here and has the right shape, whatever its numbers are.
    ///
    /// # Errors
    /// The first parameter that does not fit.
    pub fn check_shapes(&self, specifications: &[Specification], file: &str) -> Result<(), NetError> {
        for spec in specifications {
            let expected = spec.kind.torch_shape(&spec.shape);
            let (file, name) = (file.to_string(), spec.name.clone());
            match self.tensors.get(&spec.name) {
                None => return Err(NetError::MissingTensor { file, name, shape: expected }),
                Some(tensor) if tensor.shape != expected => {
                    return Err(NetError::WrongShape { file, name, found: tensor.shape.clone(), expected });
                }
                Some(_) => {}
            }
        }
        Ok(())
    }

    /// Writes the parameters of the net called `net` into the session's states.
    ///
    /// # Errors
    /// A parameter that does not fit; what the engine reports.
    pub fn load(
        &self,
        session: &mut Session,
        net: &str,
        specifications: &[Specification],
    ) -> Result<(), NetError> {
        self.check(specifications, net)?;
        for spec in specifications {
            let data = spec.kind.from_torch(&self.tensors[&spec.name].data, &spec.shape);
            session.write(&format!("{net}/{}", spec.name), &data)?;
        }
        Ok(())
    }

    /// Reads the parameters of the net called `net` from the session's states.
    ///
    /// # Errors
    /// What the engine reports.
    pub fn read(
        session: &mut Session,
        net: &str,
        specifications: &[Specification],
    ) -> Result<Self, NetError> {
        let mut weights = Weights::default();
        for spec in specifications {
            let data = session.read(&format!("{net}/{}", spec.name))?;
            let tensor = Tensor {
                shape: spec.kind.torch_shape(&spec.shape),
                data: spec.kind.to_torch(&data, &spec.shape),
            };
            weights.tensors.insert(spec.name.clone(), tensor);
        }
        Ok(weights)
    }

    /// Tells weights apart: 16 hexadecimal digits of the SHA-256 of names, shapes and numbers.
    pub fn digest(&self) -> String {
        let mut sha = Sha256::new();
        for (name, tensor) in &self.tensors {
            sha.update(format!("{name} {:?} ", tensor.shape));
            sha.update(bytemuck::cast_slice::<f32, u8>(&tensor.data));
        }
        sha.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect()
    }

    /// How many numbers they are.
    pub fn elements(&self) -> usize {
        self.tensors.values().map(|tensor| tensor.data.len()).sum()
    }
}
