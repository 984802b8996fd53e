//! Replay.
use super::GpuDevice;
use crate::error::EngineError;
use crate::graph::{State, Trace};
use crate::plan::Plan;
use crate::runtime::{Backend, Counters};
pub(crate) struct GpuBackend;
impl GpuBackend {
    pub fn new(_: GpuDevice) -> Self {
        GpuBackend
    }
}
impl Backend for GpuBackend {
    fn add_state(&mut self, _: &State) -> Result<(), EngineError> {
        todo!()
    }
    fn write(&mut self, _: usize, _: &[u32]) -> Result<(), EngineError> {
        todo!()
    }
    fn read(&mut self, _: usize) -> Result<Vec<u32>, EngineError> {
        todo!()
    }
    fn plan(&self, _: &Trace) -> Plan {
        todo!()
    }
    fn load(&mut self, _: Plan, _: Vec<usize>) -> Result<(), EngineError> {
        todo!()
    }
    fn run(&mut self, _: usize, _: usize) -> Result<(), EngineError> {
        todo!()
    }
    fn poison(&mut self) {
        todo!()
    }
    fn check_guards(&mut self) -> Result<(), EngineError> {
        todo!()
    }
    fn counters(&self) -> Counters {
        todo!()
    }
}
