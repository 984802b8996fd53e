//! Devices, and sessions that hold states and replay programs on them.
//!
//! Both runtimes stand behind [`Backend`]: they are given a [`Plan`], own its buffers, and replay it.

pub mod cpu;
mod device;
pub mod gpu;
mod memory;
mod profile;
mod session;

pub use device::Device;
pub use profile::{KernelTime, Profile};
pub use session::{Program, Session};

use crate::error::EngineError;
use crate::graph::{State, Trace};
use crate::plan::Plan;

/// What a runtime has done since it was made; tests hold loops to it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Buffers made.
    pub allocations: u64,
    /// Bytes in those buffers.
    pub allocated_bytes: u64,
    /// Times data came back to the host.
    pub readbacks: u64,
    /// Kernels run.
    pub launches: u64,
    /// Program runs.
    pub runs: u64,
}

/// What a runtime does for a session. Words are the raw bits of `f32` or `u32` elements.
pub(crate) trait Backend: Send {
    /// Makes a state of zeros; states are numbered in the order they are made.
    fn add_state(&mut self, state: &State) -> Result<(), EngineError>;
    /// Makes a slab of zeros, at least one word; slabs are numbered in the order they are made.
    fn add_slab(&mut self, words: usize) -> Result<(), EngineError>;
    /// Replaces the contents of a state.
    fn write(&mut self, state: usize, words: &[u32]) -> Result<(), EngineError>;
    /// Copies the contents of a state to the host.
    fn read(&mut self, state: usize) -> Result<Vec<u32>, EngineError>;
    /// Whether it keeps activations in half precision.
    fn stores_halves(&self) -> bool;
    /// Finds out what is still to be found out about the operations of a program before it is planned.
    fn prepare(&self, trace: &Trace) -> Result<(), EngineError>;
    /// Plans a program for this runtime.
    fn plan(&self, trace: &Trace) -> Plan;
    /// Refuses buffers of these sizes, in bytes, if it can be told that the device does not hold them.
    fn expect_room(&self, sizes: &[u64]) -> Result<(), EngineError>;
    /// Makes a program's kernels; programs are numbered in the order they are made. `states` and `slabs` give the
    /// number of each state and slab of the plan. Tells how many kernels a run launches, without its preparation.
    fn load(&mut self, plan: Plan, states: Vec<usize>, slabs: Vec<usize>) -> Result<usize, EngineError>;
    /// Runs a program `times` times, without a readback or an allocation, and its preparation once before if asked.
    fn run(&mut self, program: usize, prepare: bool, times: usize) -> Result<(), EngineError>;
    /// Waits until all that was asked for is done.
    fn wait(&mut self) -> Result<(), EngineError>;
    /// Runs a program once, after its preparation if asked, and tells the seconds of each kernel, in order.
    fn profile(&mut self, program: usize, prepare: bool) -> Result<Vec<(&'static str, f64)>, EngineError>;
    /// What was done so far.
    fn counters(&self) -> Counters;
    /// Fills everything but the states with NaN patterns.
    fn poison(&mut self);
    /// Whether the guard words behind every buffer are untouched; names the buffer if not.
    fn check_guards(&mut self) -> Result<(), EngineError>;
}
