//! How kernels read and write buffers in vectors of four.
//!
//! On software drivers a workgroup of 8 is one vector of a CPU, and an access goes through its lanes one by one. What it
//! costs is the number of accesses, not of bytes: so two words go as one number of 64 bits where shaders have such.
//! Uniform memory needs no mask for each lane and costs half as much, but a shader sees no more than
//! [`MAX_WINDOW`](super::MAX_WINDOW) words of a buffer in that manner. Parts of larger ones are no way out: each would
//! be a launch, and a launch costs as much as loading tens of thousands of words.

use super::launch::{Access, Binding, Slot, Window};
use super::stored::Stored;
use super::variants::Abilities;

/// A buffer as a shader sees it, in vectors of four words.
#[derive(Clone, Copy, Debug)]
pub struct Vectors {
    binding: Binding,
    layout: Layout,
}

/// What a vector is in memory.
#[derive(Clone, Copy, Debug)]
enum Layout {
    /// Four words.
    Words,
    /// Two numbers of 64 bits.
    Pairs,
    /// Four 16-bit floats.
    Halves,
    /// Nothing: numbers are read one by one.
    Numbers(Stored),
}

impl Vectors {
    /// The result, read and written.
    pub fn output(abilities: &Abilities) -> Self {
        Vectors::new(Binding::write_output(), abilities)
    }

    /// A scratch buffer, read and written.
    pub fn scratch(index: usize, abilities: &Abilities) -> Self {
        Vectors::new(Binding::write_scratch(index), abilities)
    }

    /// An operand that is read from storage.
    pub fn input(index: usize, abilities: &Abilities) -> Self {
        Vectors::storage(Slot::Input(index), abilities)
    }

    /// A buffer that is read from storage.
    pub fn storage(slot: Slot, abilities: &Abilities) -> Self {
        Vectors::new(Binding { slot, access: Access::Read, window: None }, abilities)
    }

    /// A part of a buffer that is read from uniform memory.
    pub fn uniform(slot: Slot, window: Window, abilities: &Abilities) -> Self {
        Vectors::new(Binding::uniform(slot, window), abilities)
    }

    /// A buffer of so many words that is read from uniform memory if it fits there.
    pub fn uniform_if_small(slot: Slot, words: usize, abilities: &Abilities) -> Self {
        match Window::all(words) {
            Some(window) => Vectors::uniform(slot, window, abilities),
            None => Vectors::storage(slot, abilities),
        }
    }

    fn new(binding: Binding, abilities: &Abilities) -> Self {
        Vectors { binding, layout: if abilities.int64 { Layout::Pairs } else { Layout::Words } }
    }

    /// A buffer of any other device.
    pub fn plain(binding: Binding, stored: Stored) -> Self {
        let layout = match stored {
            Stored::Single => Layout::Words,
            Stored::Half => Layout::Halves,
        };
        Vectors { binding, layout }
    }

    /// A buffer of any other device that need not hold a whole vector.
    pub fn plain_numbers(binding: Binding, stored: Stored) -> Self {
        Vectors { binding, layout: Layout::Numbers(stored) }
    }

    /// What the launch binds.
    pub fn binding(&self) -> Binding {
        self.binding
    }

    /// Declares it as `name` at the binding of that number, with `load_name(i)` and, where it may be written,
    /// `store_name(i, values)` for its vector of number i, and of words `words_name(i)` and `store_words_name(i, words)`;
    /// but for vectors of halves, `number_name(i)` is its single number i.
    pub fn declare(&self, name: &str, number: usize) -> String {
        let numbers = include_str!("../../../../shaders/lib/numbers.wgsl");
        let file = match self.layout {
            Layout::Numbers(stored) => {
                return self.declared(&numbers.replace("ELEMENT", stored.scalar()), name, number);
            }
            Layout::Words => include_str!("../../../../shaders/lib/vectors.wgsl"),
            Layout::Pairs => include_str!("../../../../shaders/lib/vectors_wide.wgsl"),
            Layout::Halves => include_str!("../../../../shaders/lib/vectors_half.wgsl"),
        };
        let (load, store) = file.split_once("//STORE\n").expect("all files have this line");
        match self.binding.access {
            Access::ReadWrite => self.declared(&format!("{load}{store}"), name, number),
            Access::Read | Access::Uniform => self.declared(load, name, number),
        }
    }

    fn declared(&self, text: &str, name: &str, number: usize) -> String {
        let space = match self.binding.access {
            Access::Read => "storage, read",
            Access::ReadWrite => "storage, read_write",
            Access::Uniform => "uniform",
        };
        let count = self.binding.window.map_or(String::new(), |window| format!(", {}", window.words / 4));
        text.replace("NAME", name)
            .replace("BINDING", &number.to_string())
            .replace("SPACE", space)
            .replace("COUNT", &count)
    }
}
