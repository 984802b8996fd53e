//! How kernels for software drivers read and write buffers, four words at a time.
//!
//! On such drivers a workgroup of 8 is one vector of a CPU, and an access goes through its lanes one by one. What it
//! costs is the number of accesses, not of bytes: so two words go as one number of 64 bits where shaders have such.
//! Uniform memory needs no mask for each lane and costs half as much, but a shader sees no more than
//! [`MAX_WINDOW`](super::MAX_WINDOW) words of a buffer in that manner. Parts of larger ones are no way out: each would
//! be a launch, and a launch costs as much as loading tens of thousands of words.

use super::launch::{Access, Binding, Slot, Window};
use super::variants::Abilities;

/// A buffer as a shader sees it, in vectors of four words.
#[derive(Clone, Copy, Debug)]
pub struct Vectors {
    binding: Binding,
    wide: bool,
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
        Vectors { binding, wide: abilities.int64 }
    }

    /// What the launch binds.
    pub fn binding(&self) -> Binding {
        self.binding
    }

    /// Declares it as `name` at the binding of that number, with `load_name(i)`, `words_name(i)` and, where it may be
    /// written, `store_name(i, values)` and `store_words_name(i, words)` for its vector of number i.
    pub fn declare(&self, name: &str, number: usize) -> String {
        let file = match self.wide {
            true => include_str!("../../../../shaders/lib/vectors_wide.wgsl"),
            false => include_str!("../../../../shaders/lib/vectors.wgsl"),
        };
        let (load, store) = file.split_once("//STORE\n").expect("both files have this line");
        let (space, text) = match self.binding.access {
            Access::Read => ("storage, read", load.to_owned()),
            Access::ReadWrite => ("storage, read_write", format!("{load}{store}")),
            Access::Uniform => ("uniform", load.to_owned()),
        };
        let count = self.binding.window.map_or(String::new(), |window| format!(", {}", window.words / 4));
        text.replace("NAME", name)
            .replace("BINDING", &number.to_string())
            .replace("SPACE", space)
            .replace("COUNT", &count)
    }
}
