//! Replays plans on a GPU.

use wgpu::CommandEncoderDescriptor;

use super::GpuDevice;
use super::buffers::{Allocator, Tensor, overrun};
use super::pace::Pace;
use super::program::{Parameters, Program, lower};
use crate::error::EngineError;
use crate::graph::{State, Trace};
use crate::plan::Plan;
use crate::runtime::{Backend, Counters};

/// The GPU runtime of one session.
pub(crate) struct GpuBackend {
    device: GpuDevice,
    allocator: Allocator,
    states: Vec<Tensor>,
    programs: Vec<Program>,
    pace: Pace,
}

impl GpuBackend {
    pub fn new(device: GpuDevice) -> Self {
        GpuBackend {
            allocator: Allocator { device: device.clone(), counters: Counters::default() },
            device,
            states: Vec::new(),
            programs: Vec::new(),
            pace: Pace::default(),
        }
    }
}

impl Backend for GpuBackend {
    fn add_state(&mut self, state: &State) -> Result<(), EngineError> {
        self.states.push(self.allocator.tensor(&state.name, state.ty.words())?);
        Ok(())
    }

    fn write(&mut self, state: usize, words: &[u32]) -> Result<(), EngineError> {
        let buffer = &self.states[state].buffer;
        let bytes = bytemuck::cast_slice(words);
        self.device.guarded(bytes.len() as u64, || self.device.queue().write_buffer(buffer, 0, bytes))
    }

    fn read(&mut self, state: usize) -> Result<Vec<u32>, EngineError> {
        self.allocator.counters.readbacks += 1;
        self.device.staging().read(&self.device, &[self.states[state].span()])
    }

    fn plan(&self, trace: &Trace) -> Plan {
        let mut plan = Plan::new(trace, |op, signature| op.operation().gpu(signature).scratch);
        plan.parameter_words = Parameters::pack(&lower(&plan), &self.device).words();
        plan
    }

    fn load(&mut self, plan: Plan, states: Vec<usize>) -> Result<(), EngineError> {
        self.device.expect_available(plan.slab_bytes())?;
        let states: Vec<&Tensor> = states.iter().map(|&state| &self.states[state]).collect();
        self.programs.push(Program::new(&self.device, &mut self.allocator, &plan, &states)?);
        Ok(())
    }

    fn run(&mut self, program: usize, times: usize) -> Result<(), EngineError> {
        let program = &self.programs[program];
        let encoder = || self.device.wgpu().create_command_encoder(&CommandEncoderDescriptor::default());
        // One encoder may hold several short runs, and a long run may take several.
        let (mut open, mut encoded) = (encoder(), 0);
        for _ in 0..times {
            let mut next = 0;
            while next < program.dispatches() {
                let room = self.pace.dispatches().saturating_sub(encoded).max(1);
                let end = program.dispatches().min(next + room);
                program.encode(next..end, &mut open);
                encoded += end - next;
                next = end;
                if encoded >= self.pace.dispatches() && next < program.dispatches() {
                    self.pace.submit(&self.device, std::mem::replace(&mut open, encoder()), encoded)?;
                    encoded = 0;
                }
            }
            program.encode_assigns(&mut open);
            // A run without dispatches still copies.
            encoded = encoded.max(1);
            if encoded >= self.pace.dispatches() {
                self.pace.submit(&self.device, std::mem::replace(&mut open, encoder()), encoded)?;
                encoded = 0;
            }
            let counters = &mut self.allocator.counters;
            counters.runs += 1;
            counters.launches += program.dispatches() as u64;
        }
        if encoded > 0 {
            self.pace.submit(&self.device, open, encoded)?;
        }
        Ok(())
    }

    fn poison(&mut self) {
        // A failure is kept by the device and told by the next call that can.
        let slabs = self.programs.iter().flat_map(|program| &program.slabs);
        slabs.for_each(|slab| slab.poison(self.device.queue()));
    }

    fn check_guards(&mut self) -> Result<(), EngineError> {
        let slabs = self.programs.iter().flat_map(|program| &program.slabs);
        let tensors: Vec<&Tensor> = self.states.iter().chain(slabs).collect();
        match overrun(&self.device, &tensors)? {
            None => Ok(()),
            Some(index) if index < self.states.len() => Err(EngineError::Overrun(format!("state {index}"))),
            Some(index) => Err(EngineError::Overrun(format!("slab {}", index - self.states.len()))),
        }
    }

    fn counters(&self) -> Counters {
        self.allocator.counters
    }
}
