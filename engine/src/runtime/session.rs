//! Sessions: states by name, and the programs that share them.

use std::collections::HashMap;
use std::time::Instant;

use super::{Backend, Counters, Device, Profile};
use crate::error::{EngineError, readable_bytes};
use crate::graph::{Graph, State, Trace};
use crate::optimize;
use crate::plan::{Plan, reuse};
use crate::shape::{DType, Type};

/// States, and the programs that share them by name.
pub struct Session {
    backend: Box<dyn Backend>,
    names: HashMap<String, usize>,
    types: Vec<Type>,
    /// Sizes in words of the slabs that its programs share.
    slabs: Vec<usize>,
    programs: Vec<Loaded>,
    /// When each state was written last, counted in writes and runs.
    written: Vec<u64>,
    /// Writes and runs so far.
    clock: u64,
    /// Bytes that its buffers may take in all.
    limit: Option<u64>,
    /// Where the time goes, while somebody wants to know.
    profile: Option<Profile>,
}

/// What a session knows of a program.
struct Loaded {
    /// The states that a run changes.
    assigned: Vec<usize>,
    /// The parameters that its preparation depends on; empty if it has none.
    parameters: Vec<usize>,
    /// When it was prepared last.
    prepared: Option<u64>,
}

/// A compiled program of one session.
#[derive(Clone, Debug)]
pub struct Program {
    index: usize,
    plan: Plan,
    launches: usize,
}

impl Program {
    /// Its order, memory and size.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// How many kernels a run launches, without those that run only after a parameter was written.
    pub fn launches(&self) -> usize {
        self.launches
    }
}

impl Session {
    /// An empty session on `device`.
    pub fn new(device: &Device) -> Session {
        Session {
            backend: device.backend(),
            names: HashMap::new(),
            types: Vec::new(),
            slabs: Vec::new(),
            programs: Vec::new(),
            written: Vec::new(),
            clock: 0,
            limit: device.limit(),
            profile: None,
        }
    }

    /// Optimizes and plans `graph` and makes its buffers and kernels. States that other programs of
    /// this session declared are shared; new ones start as zeros. What does not fit into the memory that the session may
    /// take keeps less for later and computes it again, if it fits so.
    ///
    /// # Errors
    /// The first error met while tracing; a state of another type than before; too little memory.
    pub fn compile(&mut self, graph: &Graph) -> Result<Program, EngineError> {
        let trace = self.optimized(graph)?;
        match self.compile_trace(&trace) {
            Err(EngineError::OutOfMemory { .. }) if self.limit.is_some() => {
                self.compile_trace(&optimize::recompute(&trace))
            }
            result => result,
        }
    }

    /// What [`compile`](Session::compile) plans for `graph`, without making anything: how much memory it would take.
    ///
    /// # Errors
    /// The first error met while tracing.
    pub fn plan(&self, graph: &Graph) -> Result<Plan, EngineError> {
        Ok(self.backend.plan(&self.optimized(graph)?))
    }

    fn optimized(&self, graph: &Graph) -> Result<Trace, EngineError> {
        Ok(optimize::optimize_for(graph.trace()?, self.backend.stores_halves()))
    }

    /// Plans `trace` as it is and makes its buffers and kernels: what optimized programs are held to.
    ///
    /// # Errors
    /// As [`compile`](Session::compile).
    pub fn compile_trace(&mut self, trace: &Trace) -> Result<Program, EngineError> {
        self.backend.prepare(trace)?;
        let plan = self.backend.plan(trace);
        for state in &plan.states {
            if let Some(&known) = self.names.get(&state.name)
                && self.types[known] != state.ty
            {
                let (name, first) = (state.name.clone(), self.types[known].clone());
                return Err(EngineError::StateConflict { name, first, second: state.ty.clone() });
            }
        }
        let new_states = plan.states.iter().filter(|state| !self.names.contains_key(&state.name));
        let (slabs, new_slabs) = reuse(&self.slabs, &plan.slabs);
        let new_words = new_states.map(|state| state.ty.words()).chain(new_slabs.iter().copied());
        let sizes: Vec<u64> = new_words.map(|words| 4 * words as u64).collect();
        self.expect_within_limit(sizes.iter().sum::<u64>() + plan.parameter_bytes())?;
        self.backend.expect_room(&sizes)?;
        let mut states = Vec::new();
        for state in &plan.states {
            let number = match self.names.get(&state.name) {
                Some(&number) => number,
                None => {
                    self.backend.add_state(state)?;
                    self.types.push(state.ty.clone());
                    self.written.push(self.clock);
                    self.names.insert(state.name.clone(), self.types.len() - 1);
                    self.types.len() - 1
                }
            };
            states.push(number);
        }
        for words in new_slabs {
            self.backend.add_slab(words)?;
            self.slabs.push(words);
        }
        let launches = self.backend.load(plan.clone(), states, slabs)?;
        let number = |state: &State| self.names[&state.name];
        let assigned: Vec<usize> = plan.assigned().map(number).collect();
        let steady = plan.states.iter().filter(|state| plan.preparation > 0 && state.parameter);
        let parameters = steady.map(number).filter(|state| !assigned.contains(state)).collect();
        self.programs.push(Loaded { assigned, parameters, prepared: None });
        Ok(Program { index: self.programs.len() - 1, plan, launches })
    }

    fn expect_within_limit(&self, more: u64) -> Result<(), EngineError> {
        let taken = self.backend.counters().allocated_bytes;
        match self.limit {
            Some(limit) if taken + more > limit => Err(EngineError::OutOfMemory {
                device: "the memory budget".into(),
                needed: readable_bytes(taken + more),
                available: readable_bytes(limit),
            }),
            _ => Ok(()),
        }
    }

    /// Runs `program` `times` times in a row. Nothing is read back and nothing allocated.
    ///
    /// # Errors
    /// What the device reports.
    pub fn run(&mut self, program: &Program, times: usize) -> Result<(), EngineError> {
        if times == 0 {
            return Ok(());
        }
        let Loaded { assigned, parameters, prepared } = &mut self.programs[program.index];
        let is_stale = |&state: &usize| prepared.is_none_or(|prepared| self.written[state] > prepared);
        let prepare = parameters.iter().any(is_stale);
        if let Some(profile) = &mut self.profile {
            for run in 0..times {
                let kernels = self.backend.profile(program.index, prepare && run == 0)?;
                kernels.into_iter().for_each(|(label, seconds)| profile.add(label, seconds));
            }
        } else {
            self.backend.run(program.index, prepare, times)?;
        }
        *prepared = Some(self.clock);
        self.clock += 1;
        assigned.iter().for_each(|&state| self.written[state] = self.clock);
        Ok(())
    }

    /// Waits until everything asked of the device is done. Only timing needs this: reading waits by
    /// itself.
    ///
    /// # Errors
    /// What the device reports.
    pub fn wait(&mut self) -> Result<(), EngineError> {
        self.backend.wait()
    }

    /// Times every kernel that `work` has this session run, in whatever programs, and tells where the time went. Each
    /// run is waited for, and its times are read back.
    ///
    /// # Errors
    /// What `work` or the device reports, or that the device has no clock for kernels.
    pub fn profile<E: From<EngineError>>(
        &mut self,
        work: impl FnOnce(&mut Session) -> Result<(), E>,
    ) -> Result<Profile, E> {
        self.wait()?;
        self.profile = Some(Profile::default());
        let start = Instant::now();
        let outcome = work(self);
        let wall_seconds = start.elapsed().as_secs_f64();
        let mut profile = self.profile.take().unwrap_or_default();
        outcome?;
        profile.kernels.sort_by(|a, b| b.seconds.total_cmp(&a.seconds));
        Ok(Profile { wall_seconds, ..profile })
    }

    /// Replaces the contents of the state `name`.
    ///
    /// # Errors
    /// No such state, or another number or type of elements.
    pub fn write(&mut self, name: &str, data: &[f32]) -> Result<(), EngineError> {
        self.write_words(name, DType::F32, bytemuck::cast_slice(data))
    }

    /// Replaces the contents of the `u32` state `name`.
    ///
    /// # Errors
    /// As [`write`](Session::write).
    pub fn write_u32(&mut self, name: &str, data: &[u32]) -> Result<(), EngineError> {
        self.write_words(name, DType::U32, data)
    }

    fn write_words(&mut self, name: &str, dtype: DType, words: &[u32]) -> Result<(), EngineError> {
        let state = self.number(name)?;
        let expected = &self.types[state];
        if expected.words() != words.len() || expected.dtype != dtype {
            let given = format!("{} elements of {dtype:?}", words.len()).to_lowercase();
            return Err(EngineError::StateData { name: name.into(), expected: expected.clone(), given });
        }
        self.clock += 1;
        self.written[state] = self.clock;
        self.backend.write(state, words)
    }

    /// The contents of the state `name`.
    ///
    /// # Errors
    /// No such state, or one of another type; what the device reports.
    pub fn read(&mut self, name: &str) -> Result<Vec<f32>, EngineError> {
        Ok(bytemuck::cast_vec(self.read_words(name, DType::F32)?))
    }

    /// The contents of the `u32` state `name`.
    ///
    /// # Errors
    /// As [`read`](Session::read).
    pub fn read_u32(&mut self, name: &str) -> Result<Vec<u32>, EngineError> {
        self.read_words(name, DType::U32)
    }

    fn read_words(&mut self, name: &str, dtype: DType) -> Result<Vec<u32>, EngineError> {
        let state = self.number(name)?;
        let expected = &self.types[state];
        if expected.dtype != dtype {
            let given = format!("{dtype:?}").to_lowercase();
            return Err(EngineError::StateData { name: name.into(), expected: expected.clone(), given });
        }
        self.backend.read(state)
    }

    fn number(&self, name: &str) -> Result<usize, EngineError> {
        self.names.get(name).copied().ok_or_else(|| EngineError::UnknownState(name.into()))
    }

    /// Whether a program of this session declares the state `name`.
    pub fn has(&self, name: &str) -> bool {
        self.names.contains_key(name)
    }

    /// Fills all memory but the states with NaN patterns, so that a kernel which reads what nobody
    /// wrote, or leaves part of its result unwritten, shows. For tests.
    pub fn poison(&mut self) {
        self.backend.poison();
    }

    /// Checks the guard words behind every buffer. For tests.
    ///
    /// # Errors
    /// Names the buffer that a kernel wrote past.
    pub fn check_guards(&mut self) -> Result<(), EngineError> {
        self.backend.check_guards()
    }

    /// What the runtime has done so far.
    pub fn counters(&self) -> Counters {
        self.backend.counters()
    }
}
