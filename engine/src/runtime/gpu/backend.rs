//! Replays plans on a GPU.

use std::ops::Range;

use wgpu::CommandEncoderDescriptor;

use super::GpuDevice;
use super::buffers::{Allocator, Tensor, overrun};
use super::pace::Pace;
use super::profile;
use super::program::{Program, parameter_words};
use super::variants::Pick;
use crate::error::EngineError;
use crate::graph::{State, Trace};
use crate::plan::Plan;
use crate::runtime::{Backend, Counters};

/// The GPU runtime of one session.
pub(crate) struct GpuBackend {
    device: GpuDevice,
    allocator: Allocator,
    states: Vec<Tensor>,
    /// The slabs of all programs.
    slabs: Vec<Tensor>,
    programs: Vec<Program>,
    pace: Pace,
}

impl GpuBackend {
    pub fn new(device: GpuDevice) -> Self {
        GpuBackend {
            allocator: Allocator { device: device.clone(), counters: Counters::default() },
            device,
            states: Vec::new(),
            slabs: Vec::new(),
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

    fn add_slab(&mut self, words: usize) -> Result<(), EngineError> {
        self.slabs.push(self.allocator.tensor("slab", words)?);
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

    fn stores_halves(&self) -> bool {
        self.device.has_half_precision()
    }

    fn prepare(&self, trace: &Trace) -> Result<(), EngineError> {
        if self.device.pick() == Pick::Fastest { self.device.tune(trace) } else { Ok(()) }
    }

    fn plan(&self, trace: &Trace) -> Plan {
        let mut plan = Plan::new(trace, |op, signature| self.device.lower(op, signature).scratch);
        plan.parameter_words = parameter_words(&plan, &self.device);
        plan
    }

    fn expect_room(&self, sizes: &[u64]) -> Result<(), EngineError> {
        self.device.expect_room(sizes)
    }

    fn load(&mut self, plan: Plan, states: Vec<usize>, slabs: Vec<usize>) -> Result<usize, EngineError> {
        let states: Vec<&Tensor> = states.iter().map(|&state| &self.states[state]).collect();
        let slabs: Vec<&Tensor> = slabs.iter().map(|&slab| &self.slabs[slab]).collect();
        let program = Program::new(&self.device, &mut self.allocator, &plan, &states, &slabs)?;
        let launches = program.dispatches(false).len();
        self.programs.push(program);
        self.pace.add_program();
        // Trials of the tuner are not worth a write each: the program that they are for follows.
        if !matches!(self.device.pick(), Pick::Named(_)) {
            self.device.remember();
        }
        Ok(launches)
    }

    fn run(&mut self, program: usize, prepare: bool, times: usize) -> Result<(), EngineError> {
        let number = program;
        let program = &self.programs[number];
        let encoder = || self.device.wgpu().create_command_encoder(&CommandEncoderDescriptor::default());
        // One submission may hold several short runs, and a long run may take several submissions.
        let (mut open, mut encoded) = (None, 0);
        for run in 1..=times {
            let Range { start: mut next, end: last } = program.dispatches(prepare && run == 1);
            loop {
                let room = self.pace.dispatches(number).saturating_sub(encoded).max(1);
                let end = last.min(next + room);
                let commands = open.get_or_insert_with(encoder);
                program.encode(next..end, commands, |_, _| ());
                encoded += end - next;
                next = end;
                let ends = next == last;
                if ends {
                    program.encode_assigns(commands);
                }
                let full = encoded >= self.pace.dispatches(number) || (ends && run == times);
                if let Some(commands) = open.take_if(|_| full) {
                    self.pace.submit(&self.device, commands, number, encoded)?;
                    encoded = 0;
                }
                if ends {
                    break;
                }
            }
        }
        let counters = &mut self.allocator.counters;
        let preparation = program.dispatches(prepare).len() - program.dispatches(false).len();
        counters.runs += times as u64;
        counters.launches += (preparation + times * program.dispatches(false).len()) as u64;
        Ok(())
    }

    fn wait(&mut self) -> Result<(), EngineError> {
        self.pace.drain(&self.device)
    }

    fn profile(&mut self, program: usize, prepare: bool) -> Result<Vec<(&'static str, f64)>, EngineError> {
        let program = &self.programs[program];
        let seconds = profile::seconds(&self.device, program, prepare)?;
        let dispatches = program.dispatches(prepare);
        let counters = &mut self.allocator.counters;
        counters.runs += 1;
        counters.launches += dispatches.len() as u64;
        counters.readbacks += 1;
        Ok(program.labels(dispatches).zip(seconds).collect())
    }

    fn poison(&mut self) {
        // A failure is kept by the device and told by the next call that can.
        self.slabs.iter().for_each(|slab| slab.poison(self.device.queue()));
    }

    fn check_guards(&mut self) -> Result<(), EngineError> {
        let tensors: Vec<&Tensor> = self.states.iter().chain(&self.slabs).collect();
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
