//! A reader of Python pickles that runs nothing.
//!
//! A pickle is a program for a stack machine, and Python's own reader calls whatever it names. This one calls
//! nothing: it knows the opcodes that dictionaries, lists, tuples, numbers, strings and calls are written with
//! (protocols 0 to 5), keeps `class(arguments)` as data, lets in only the classes that its [`Dialect`] names, and
//! refuses everything else by name. Strings point into the file, each opcode makes at most one value of a few words, and
//! the number of opcodes is limited, so time and memory are bounded whatever is in the file.
//!
//! The opcodes are documented in CPython's `Lib/pickletools.py`.

mod machine;
#[cfg(test)]
mod tests;

use machine::Machine;

/// A value's place in its [`Pickle`]. Values refer to each other by place, so that sharing one costs nothing and a
/// cycle cannot leak or recurse.
pub type Place = usize;

/// A value.
#[derive(Clone, Debug, PartialEq)]
pub enum Value<'a> {
    /// `None`
    None,
    /// `True` or `False`
    Bool(bool),
    /// An integer of at most 64 bits.
    Int(i64),
    /// A float.
    Float(f64),
    /// Bytes or text; Python 2 did not tell them apart.
    Bytes(&'a [u8]),
    /// A tuple or a list.
    Sequence(Vec<Place>),
    /// Keys and values, in their order.
    Dict(Vec<(Place, Place)>),
    /// A class or function by `module name`.
    Global(&'a str, &'a str),
    /// `callable(*arguments)`, and the state it was given afterwards.
    Call {
        /// What is called.
        callable: Place,
        /// With which arguments, a sequence.
        arguments: Place,
        /// What its `__setstate__` is given.
        state: Option<Place>,
    },
    /// What lies outside of the pickle under this name.
    Persistent(Place),
}

/// What pickles of some kind may hold.
#[derive(Clone, Copy, Debug)]
pub struct Dialect {
    /// What is pickled, for errors: "picture batches".
    pub what: &'static str,
    /// The classes and functions that may be named, by module and name.
    pub globals: &'static [(&'static str, &'static str)],
    /// Those of them that are dictionaries, made by calling them without arguments or with pairs.
    pub dictionaries: &'static [(&'static str, &'static str)],
    /// Whether it may refer to something outside.
    pub persistent: bool,
}

/// A parsed pickle.
#[derive(Debug)]
pub struct Pickle<'a> {
    values: Vec<Value<'a>>,
    root: Place,
    length: usize,
    steps: usize,
}

impl<'a> Pickle<'a> {
    /// Parses the pickle that `bytes` begins with.
    ///
    /// # Errors
    /// What is wrong and at which byte, as a clause; an opcode or a class that the dialect does not know is named.
    pub fn parse(bytes: &'a [u8], dialect: &Dialect) -> Result<Self, String> {
        let mut machine = Machine::new(bytes, dialect);
        let root = machine.run().map_err(|reason| format!("at byte {}: {reason}", machine.position()))?;
        let (length, steps) = (machine.position(), machine.steps_taken());
        Ok(Self { values: machine.into_values(), root, length, steps })
    }

    /// The whole.
    pub fn root(&self) -> &Value<'a> {
        &self.values[self.root]
    }

    /// The value at a place that another value of this pickle names.
    pub fn get(&self, place: Place) -> &Value<'a> {
        &self.values[place]
    }

    /// All values, those that nothing refers to any more too.
    pub fn values(&self) -> &[Value<'a>] {
        &self.values
    }

    /// How many opcodes it has. Values may refer to each other so often that a walk through them never ends; without
    /// that it meets no more values than these.
    pub fn steps(&self) -> usize {
        self.steps
    }

    /// How many bytes it takes; others may follow.
    pub fn length(&self) -> usize {
        self.length
    }

    /// The elements of a tuple or list of exactly so many.
    pub fn items<const N: usize>(&self, place: Place) -> Option<[&Value<'a>; N]> {
        let Value::Sequence(items) = self.get(place) else { return None };
        let items: [Place; N] = items.as_slice().try_into().ok()?;
        Some(items.map(|item| self.get(item)))
    }

    /// The text of a string.
    pub fn text(&self, place: Place) -> Option<&'a str> {
        match *self.get(place) {
            Value::Bytes(bytes) => std::str::from_utf8(bytes).ok(),
            _ => None,
        }
    }
}
