//! Replays plans on the CPU. Kernels use rayon inside; steps run one after another.

use std::time::Instant;

use bytemuck::cast_slice_mut;

use super::memory::{expect_available, out_of_memory};
use super::{Backend, Counters};
use crate::error::EngineError;
use crate::graph::{State, Trace};
use crate::plan::{Place, Plan, Step};

/// The memory a kernel works on.
pub struct Buffers<'a> {
    /// Operands, as raw words.
    pub inputs: Vec<&'a [u32]>,
    /// The result, with arbitrary contents.
    pub output: &'a mut [u32],
    /// As many words as the operation asked for, with arbitrary contents.
    pub scratch: &'a mut [u32],
}

impl<'a> Buffers<'a> {
    /// Operands and result as `f32`.
    pub fn f32(&mut self) -> (Vec<&'a [f32]>, &mut [f32]) {
        let inputs = self.inputs.iter().map(|&words| bytemuck::cast_slice(words)).collect();
        (inputs, cast_slice_mut(self.output))
    }

    /// Operands, result and scratch as `f32`.
    pub fn f32_with_scratch(&mut self) -> (Vec<&'a [f32]>, &mut [f32], &mut [f32]) {
        let inputs = self.inputs.iter().map(|&words| bytemuck::cast_slice(words)).collect();
        (inputs, cast_slice_mut(self.output), cast_slice_mut(self.scratch))
    }
}

/// Words behind every buffer that no kernel may touch.
const GUARD: [u32; 4] = [0x6775_6172; 4];

/// The CPU runtime.
#[derive(Default)]
pub(crate) struct CpuBackend {
    states: Vec<Vec<u32>>,
    /// The slabs of all programs.
    slabs: Vec<Vec<u32>>,
    programs: Vec<Loaded>,
    counters: Counters,
}

struct Loaded {
    plan: Plan,
    /// The backend's number of each of its states, and of each of its slabs.
    states: Vec<usize>,
    slabs: Vec<usize>,
}

impl CpuBackend {
    /// Runs a program, with its preparation or without, and calls `after` at the end of each step.
    fn run_once(&mut self, program: usize, prepare: bool, mut after: impl FnMut(&Step)) {
        let Loaded { plan, states, slabs } = &mut self.programs[program];
        let steps = if prepare { &plan.steps[..] } else { &plan.steps[plan.preparation..] };
        for step in steps {
            let memory = Memory {
                states: &mut self.states,
                slabs: &mut self.slabs,
                state_numbers: states,
                slab_numbers: slabs,
            };
            step.op.operation().cpu(&step.signature, memory.buffers(step));
            after(step);
        }
        for &(source, target, words) in &plan.assigns {
            let mut copy = std::mem::take(&mut self.states[states[target]]);
            let source = match source {
                Place::State(index) => &self.states[states[index]],
                Place::Slab(index) => &self.slabs[slabs[index]],
            };
            copy[..words].copy_from_slice(&source[..words]);
            self.states[states[target]] = copy;
        }
        self.counters.runs += 1;
        self.counters.launches += steps.len() as u64;
    }

    fn allocate(&mut self, words: usize) -> Result<Vec<u32>, EngineError> {
        let mut buffer = Vec::new();
        let size = words + GUARD.len();
        buffer.try_reserve_exact(size).map_err(|_| out_of_memory("this machine", 4 * words as u64, None))?;
        buffer.resize(words, 0);
        buffer.extend(GUARD);
        self.counters.allocations += 1;
        self.counters.allocated_bytes += 4 * words as u64;
        Ok(buffer)
    }
}

impl Backend for CpuBackend {
    fn add_state(&mut self, state: &State) -> Result<(), EngineError> {
        let buffer = self.allocate(state.ty.words())?;
        self.states.push(buffer);
        Ok(())
    }

    fn add_slab(&mut self, words: usize) -> Result<(), EngineError> {
        let buffer = self.allocate(words)?;
        self.slabs.push(buffer);
        Ok(())
    }

    fn write(&mut self, state: usize, words: &[u32]) -> Result<(), EngineError> {
        self.states[state][..words.len()].copy_from_slice(words);
        Ok(())
    }

    fn read(&mut self, state: usize) -> Result<Vec<u32>, EngineError> {
        self.counters.readbacks += 1;
        let buffer = &self.states[state];
        Ok(buffer[..buffer.len() - GUARD.len()].to_vec())
    }

    fn stores_halves(&self) -> bool {
        false
    }

    fn prepare(&self, _: &Trace) -> Result<(), EngineError> {
        Ok(())
    }

    fn plan(&self, trace: &Trace) -> Plan {
        Plan::new(trace, |op, signature| match op.operation().cpu_scratch(signature) {
            0 => vec![],
            words => vec![words],
        })
    }

    fn expect_room(&self, sizes: &[u64]) -> Result<(), EngineError> {
        expect_available(sizes.iter().sum())
    }

    fn load(&mut self, plan: Plan, states: Vec<usize>, slabs: Vec<usize>) -> Result<usize, EngineError> {
        let launches = plan.steps.len() - plan.preparation;
        self.programs.push(Loaded { plan, states, slabs });
        Ok(launches)
    }

    fn run(&mut self, program: usize, prepare: bool, times: usize) -> Result<(), EngineError> {
        // On a thread of the pool, so that kernels start there instead of being handed over, one by one.
        rayon::scope(|_| (0..times).for_each(|run| self.run_once(program, prepare && run == 0, |_| ())));
        Ok(())
    }

    fn wait(&mut self) -> Result<(), EngineError> {
        Ok(())
    }

    fn profile(&mut self, program: usize, prepare: bool) -> Result<Vec<(&'static str, f64)>, EngineError> {
        // On a thread of the pool, as in `run`.
        Ok(rayon::scope(|_| {
            let mut times = Vec::with_capacity(self.programs[program].plan.steps.len());
            let mut last = Instant::now();
            self.run_once(program, prepare, |step| {
                let now = Instant::now();
                times.push((step.op.operation().name(), (now - last).as_secs_f64()));
                last = now;
            });
            times
        }))
    }

    fn counters(&self) -> Counters {
        self.counters
    }

    fn poison(&mut self) {
        for slab in &mut self.slabs {
            let words = slab.len() - GUARD.len();
            slab[..words].fill(f32::NAN.to_bits());
        }
    }

    fn check_guards(&mut self) -> Result<(), EngineError> {
        match self.states.iter().chain(&self.slabs).position(|buffer| !buffer.ends_with(&GUARD)) {
            None => Ok(()),
            Some(index) if index < self.states.len() => Err(EngineError::Overrun(format!("state {index}"))),
            Some(index) => Err(EngineError::Overrun(format!("slab {}", index - self.states.len()))),
        }
    }
}

/// All memory that a step may name.
struct Memory<'a> {
    states: &'a mut [Vec<u32>],
    slabs: &'a mut [Vec<u32>],
    state_numbers: &'a [usize],
    slab_numbers: &'a [usize],
}

impl<'a> Memory<'a> {
    fn pointer(&mut self, place: Place) -> *mut u32 {
        match place {
            Place::State(index) => self.states[self.state_numbers[index]].as_mut_ptr(),
            Place::Slab(index) => self.slabs[self.slab_numbers[index]].as_mut_ptr(),
        }
    }

    fn buffers(mut self, step: &Step) -> Buffers<'a> {
        let output = self.pointer(step.output);
        let scratch = step.scratch.first().map(|&place| (self.pointer(place), self.words(place)));
        let inputs: Vec<*mut u32> = step.inputs.iter().map(|&place| self.pointer(place)).collect();
        debug_assert!(!inputs.contains(&output), "the planner never lets a step read what it writes");
        // SAFETY: all pointers are into distinct live vectors, or into one that is only read: the
        // planner gives the result and the scratch slabs of their own (tested on random programs),
        // and each is at least as long as its type says.
        unsafe {
            Buffers {
                inputs: inputs
                    .iter()
                    .zip(&step.signature.inputs)
                    .map(|(&pointer, ty)| std::slice::from_raw_parts(pointer, ty.words()))
                    .collect(),
                output: std::slice::from_raw_parts_mut(output, step.signature.output.words()),
                scratch: scratch.map_or(&mut [], |(pointer, words)| {
                    let asked = step.op.operation().cpu_scratch(&step.signature);
                    debug_assert!(asked <= words);
                    std::slice::from_raw_parts_mut(pointer, asked)
                }),
            }
        }
    }

    fn words(&self, place: Place) -> usize {
        match place {
            Place::State(index) => self.states[self.state_numbers[index]].len(),
            Place::Slab(index) => self.slabs[self.slab_numbers[index]].len(),
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::{Device, EngineError, Graph, Session};

    #[test]
    fn a_program_beyond_memory_is_refused_before_anything_is_made() {
        let graph = Graph::new();
        let side = 1 << 22;
        let (column, row) = (graph.state("column", [side, 1]), graph.state("row", [1, side]));
        // 64 TiB, and 128 GiB of partial sums: nothing but the planned sizes can tell.
        graph.output("sum", (column * row).tanh().sum_all());
        let mut session = Session::new(&Device::cpu());
        let error = session.compile(&graph).expect_err("does not fit");
        assert!(matches!(error, EngineError::OutOfMemory { .. }), "{error}");
        let said = error.to_string();
        assert!(said.starts_with("the program needs 65664.03 GiB and this machine has "), "{said}");
        assert!(said.ends_with("; use a smaller batch"), "{said}");
        // Elsewhere it is the first large allocation that fails.
        if cfg!(target_os = "linux") {
            assert_eq!(session.counters().allocations, 0);
            assert!(!session.has("column"));
        }
    }
}
