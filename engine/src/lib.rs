//! A tensor program engine: trace once, differentiate, optimize, plan, replay many times.
//!
//! ```
//! use unperturb_engine::{Device, Graph, Session};
//!
//! let g = Graph::new();
//! let x = g.state("x", [4]);
//! let loss = (x * x).sum_all();
//! let gradient = g.gradient(loss, &[x])?[0];
//! g.assign(x, x - gradient * 0.25);
//!
//! let mut session = Session::new(&Device::cpu());
//! let step = session.compile(&g)?;
//! session.write("x", &[1.0, 2.0, 3.0, 4.0])?;
//! session.run(&step, 2)?;
//! assert_eq!(session.read("x")?, [0.25, 0.5, 0.75, 1.0]);
//! # Ok::<(), unperturb_engine::EngineError>(())
//! ```
//!
//! The parts, in the order data meets them: [`graph`] traces, [`autodiff`] adds gradient nodes,
//! [`optimize`] rewrites, [`plan`] decides order and memory, [`runtime`] replays on a CPU or a GPU.

pub mod autodiff;
pub mod error;
pub mod graph;
pub mod ops;
pub mod optim;
pub mod optimize;
pub mod plan;
pub mod runtime;
pub mod shape;

pub use error::EngineError;
pub use graph::{Graph, Value};
pub use runtime::{Counters, Device, KernelTime, Profile, Program, Session};
pub use shape::{DType, Pair, Shape, Type};
