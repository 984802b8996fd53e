//! How an operation tells the GPU runtime what to run.

use std::borrow::Cow;

/// A buffer of the operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Slot {
    /// The operand of that number.
    Input(usize),
    /// The result.
    Output,
    /// The scratch buffer of that number.
    Scratch(usize),
}

/// What a shader does with a buffer; must agree with its `var<storage, …>`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Access {
    /// `var<storage, read>`
    Read,
    /// `var<storage, read_write>`
    ReadWrite,
    /// `var<uniform>`
    Uniform,
}

/// The largest part of a buffer that every adapter lets shaders see as uniform, in words.
pub const MAX_WINDOW: usize = 16 * 1024;
/// Windows begin and end at multiples of so many words, as every adapter allows.
pub const WINDOW_STEP: usize = 64;

/// Part of a buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Window {
    /// Its first word, a multiple of [`WINDOW_STEP`].
    pub first: usize,
    /// Its length in words, a multiple of [`WINDOW_STEP`].
    pub words: usize,
}

impl Window {
    /// The window that is all of a buffer of `total` words, if there can be such.
    pub fn all(total: usize) -> Option<Self> {
        (total <= MAX_WINDOW).then(|| Window { first: 0, words: total.next_multiple_of(WINDOW_STEP) })
    }
}

/// One binding of a shader. Bindings are numbered from 1 in the order they are listed; 0 is `params`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Binding {
    /// Which buffer.
    pub slot: Slot,
    /// What the shader does with it.
    pub access: Access,
    /// The part that the shader sees; all of it where there is none.
    pub window: Option<Window>,
}

impl Binding {
    fn whole(slot: Slot, access: Access) -> Self {
        Binding { slot, access, window: None }
    }

    /// Reads part of a buffer as uniform, which software drivers do many times faster than from storage.
    /// The shader declares an array of vectors of four words that is as long as the window.
    pub fn uniform(slot: Slot, window: Window) -> Self {
        Binding { slot, access: Access::Uniform, window: Some(window) }
    }

    /// Reads an operand.
    pub fn read_input(index: usize) -> Self {
        Binding::whole(Slot::Input(index), Access::Read)
    }

    /// Writes the result.
    pub fn write_output() -> Self {
        Binding::whole(Slot::Output, Access::ReadWrite)
    }

    /// Reads the result that an earlier launch of the same operation made.
    pub fn read_output() -> Self {
        Binding::whole(Slot::Output, Access::Read)
    }

    /// Reads a scratch buffer.
    pub fn read_scratch(index: usize) -> Self {
        Binding::whole(Slot::Scratch(index), Access::Read)
    }

    /// Writes a scratch buffer.
    pub fn write_scratch(index: usize) -> Self {
        Binding::whole(Slot::Scratch(index), Access::ReadWrite)
    }
}

/// One dispatch.
#[derive(Clone, Debug)]
pub struct Launch {
    /// Name in profiles and errors.
    pub label: &'static str,
    /// WGSL without the prelude of `shaders/lib/prelude.wgsl`, which the runtime puts before it. The
    /// entry point is `main`. Keep sizes in `params`, not in the source: each source is a pipeline.
    pub source: Cow<'static, str>,
    /// Buffers, in the order of the shader's bindings from 1 on.
    pub bindings: Vec<Binding>,
    /// Words that the shader sees as `params[i / 4][i % 4]`. Floats go by their bits.
    pub params: Vec<u32>,
    /// How many workgroups, along one axis. The runtime folds large numbers into two, which may run a
    /// few more than asked for: shaders ignore invocations beyond their work.
    pub workgroups: usize,
}

/// What an operation runs on the GPU: launches in order, and the scratch buffers they share.
#[derive(Clone, Debug, Default)]
pub struct Lowered {
    /// Sizes of scratch buffers, in words.
    pub scratch: Vec<usize>,
    /// Dispatches, in order.
    pub launches: Vec<Launch>,
}

impl Lowered {
    /// One dispatch without scratch.
    pub fn single(launch: Launch) -> Self {
        Lowered { scratch: vec![], launches: vec![launch] }
    }
}
