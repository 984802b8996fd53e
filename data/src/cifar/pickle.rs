//! A reader of the pickles that CIFAR's Python batches are.
//!
//! A pickle is a program for a stack machine, and Python's own reader calls whatever it names. This one
//! calls nothing: it knows the opcodes that dictionaries, lists, tuples, numbers, strings and numpy
//! arrays are written with (protocols 2 to 5), keeps `class(arguments)` as data, and refuses every other
//! opcode by name. Strings point into the file, and each opcode makes at most one value, so memory is
//! bounded by the length of the file whatever is in it.
//!
//! The opcodes are documented in CPython's `Lib/pickletools.py`.

use std::collections::HashMap;

/// A value's place in [`Pickle::values`]. Values refer to each other by place, so that sharing one costs
/// nothing and a cycle cannot leak or recurse.
pub(super) type Place = usize;

/// A value.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value<'a> {
    None,
    Bool(bool),
    Int(i64),
    Float,
    /// Bytes or text; Python 2 did not tell them apart.
    Bytes(&'a [u8]),
    /// A tuple or a list.
    Sequence(Vec<Place>),
    Dict(Vec<(Place, Place)>),
    /// A class or function by `module name`.
    Global(&'a str, &'a str),
    /// `callable(*arguments)`, and the state it was given afterwards.
    Call {
        callable: Place,
        arguments: Place,
        state: Option<Place>,
    },
}

/// A parsed pickle.
#[derive(Debug)]
pub(super) struct Pickle<'a> {
    values: Vec<Value<'a>>,
    root: Place,
}

impl<'a> Pickle<'a> {
    /// Parses a whole pickle.
    pub(super) fn parse(bytes: &'a [u8]) -> Result<Self, String> {
        let mut machine = Machine {
            bytes,
            position: 0,
            values: Vec::new(),
            stack: Vec::new(),
            marks: Vec::new(),
            memo: HashMap::new(),
        };
        let root = machine.run().map_err(|reason| format!("at byte {}: {reason}", machine.position))?;
        Ok(Self { values: machine.values, root })
    }

    pub(super) fn root(&self) -> &Value<'a> {
        &self.values[self.root]
    }

    pub(super) fn get(&self, place: Place) -> &Value<'a> {
        &self.values[place]
    }
}

/// The stack machine.
struct Machine<'a> {
    bytes: &'a [u8],
    position: usize,
    values: Vec<Value<'a>>,
    stack: Vec<Place>,
    /// Heights of the stack where `MARK` was seen.
    marks: Vec<usize>,
    memo: HashMap<u32, Place>,
}

impl<'a> Machine<'a> {
    fn run(&mut self) -> Result<Place, String> {
        loop {
            let opcode = self.byte()?;
            match opcode {
                // PROTO, FRAME: how the rest is written; nothing here depends on it.
                0x80 => drop(self.byte()?),
                0x95 => drop(self.take(8)?),
                // STOP
                b'.' => return self.pop(),
                // MARK, POP, POP_MARK
                b'(' => self.marks.push(self.stack.len()),
                b'0' => drop(self.pop()?),
                b'1' => drop(self.pop_to_mark()?),
                // NONE, NEWTRUE, NEWFALSE
                b'N' => self.push(Value::None),
                0x88 => self.push(Value::Bool(true)),
                0x89 => self.push(Value::Bool(false)),
                // BININT, BININT1, BININT2, LONG1, BINFLOAT
                b'J' => {
                    let value = i32::from_le_bytes(self.array()?);
                    self.push(Value::Int(value.into()));
                }
                b'K' => {
                    let value = self.byte()?;
                    self.push(Value::Int(value.into()));
                }
                b'M' => {
                    let value = u16::from_le_bytes(self.array()?);
                    self.push(Value::Int(value.into()));
                }
                0x8a => {
                    let value = self.long()?;
                    self.push(Value::Int(value));
                }
                b'G' => {
                    self.take(8)?;
                    self.push(Value::Float);
                }
                // SHORT_BINSTRING, SHORT_BINBYTES, SHORT_BINUNICODE: a length of one byte.
                b'U' | b'C' | 0x8c => {
                    let length = self.byte()?.into();
                    self.push_bytes(length)?;
                }
                // BINSTRING, BINBYTES, BINUNICODE: of four.
                b'T' | b'B' | b'X' => {
                    let length = u32::from_le_bytes(self.array()?).into();
                    self.push_bytes(length)?;
                }
                // BINBYTES8, BINUNICODE8, BYTEARRAY8: of eight.
                0x8e | 0x8d | 0x96 => {
                    let length = u64::from_le_bytes(self.array()?);
                    self.push_bytes(length)?;
                }
                // EMPTY_TUPLE, TUPLE1, TUPLE2, TUPLE3, TUPLE
                b')' => self.push(Value::Sequence(Vec::new())),
                0x85 => self.tuple(1)?,
                0x86 => self.tuple(2)?,
                0x87 => self.tuple(3)?,
                b't' => {
                    let items = self.pop_to_mark()?;
                    self.push(Value::Sequence(items));
                }
                // EMPTY_LIST, LIST, APPEND, APPENDS
                b']' => self.push(Value::Sequence(Vec::new())),
                b'l' => {
                    let items = self.pop_to_mark()?;
                    self.push(Value::Sequence(items));
                }
                b'a' => {
                    let item = self.pop()?;
                    self.extend_list([item])?;
                }
                b'e' => {
                    let items = self.pop_to_mark()?;
                    self.extend_list(items)?;
                }
                // EMPTY_DICT, DICT, SETITEM, SETITEMS
                b'}' => self.push(Value::Dict(Vec::new())),
                b'd' => {
                    let items = self.pop_to_mark()?;
                    self.push(Value::Dict(Vec::new()));
                    self.extend_dict(&items)?;
                }
                b's' => {
                    let value = self.pop()?;
                    let key = self.pop()?;
                    self.extend_dict(&[key, value])?;
                }
                b'u' => {
                    let items = self.pop_to_mark()?;
                    self.extend_dict(&items)?;
                }
                // BINPUT, LONG_BINPUT, MEMOIZE
                b'q' => {
                    let key = self.byte()?.into();
                    self.memoize(key)?;
                }
                b'r' => {
                    let key = u32::from_le_bytes(self.array()?);
                    self.memoize(key)?;
                }
                0x94 => self.memoize(self.memo.len() as u32)?,
                // BINGET, LONG_BINGET
                b'h' => {
                    let key = self.byte()?.into();
                    self.recall(key)?;
                }
                b'j' => {
                    let key = u32::from_le_bytes(self.array()?);
                    self.recall(key)?;
                }
                // GLOBAL, STACK_GLOBAL
                b'c' => {
                    let module = self.line()?;
                    let name = self.line()?;
                    self.global(module, name)?;
                }
                0x93 => {
                    let name = self.pop()?;
                    let module = self.pop()?;
                    match (&self.values[module], &self.values[name]) {
                        (&Value::Bytes(module), &Value::Bytes(name)) => self.global(module, name)?,
                        _ => return Err("a class without a name".into()),
                    }
                }
                // REDUCE, BUILD
                b'R' => {
                    let arguments = self.pop()?;
                    let callable = self.pop()?;
                    self.push(Value::Call { callable, arguments, state: None });
                }
                b'b' => {
                    let given = self.pop()?;
                    let top = self.top()?;
                    match &mut self.values[top] {
                        Value::Call { state, .. } => *state = Some(given),
                        _ => return Err("a state for something that takes none".into()),
                    }
                }
                other => return Err(format!("opcode 0x{other:02x} is not one that picture batches use")),
            }
        }
    }

    /// The classes that numpy arrays are pickled with; nothing else is let in.
    fn global(&mut self, module: &'a [u8], name: &'a [u8]) -> Result<(), String> {
        const KNOWN: [(&str, &str); 7] = [
            ("numpy.core.multiarray", "_reconstruct"),
            ("numpy._core.multiarray", "_reconstruct"),
            ("numpy.core.numeric", "_frombuffer"),
            ("numpy._core.numeric", "_frombuffer"),
            ("numpy", "ndarray"),
            ("numpy", "dtype"),
            // How Python 3 writes bytes in protocol 2.
            ("_codecs", "encode"),
        ];
        let (module, name) = (std::str::from_utf8(module), std::str::from_utf8(name));
        match (module, name) {
            (Ok(module), Ok(name)) if KNOWN.contains(&(module, name)) => {
                self.push(Value::Global(module, name));
                Ok(())
            }
            (Ok(module), Ok(name)) => {
                Err(format!("it asks for {module:?} {name:?}, which picture batches do not use"))
            }
            _ => Err("a class whose name is not text".into()),
        }
    }

    fn byte(&mut self) -> Result<u8, String> {
        Ok(self.array::<1>()?[0])
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], String> {
        Ok(self.take(N as u64)?.try_into().expect("take gives as many bytes as asked for"))
    }

    fn take(&mut self, length: u64) -> Result<&'a [u8], String> {
        let rest = &self.bytes[self.position..];
        let taken = usize::try_from(length).ok().and_then(|length| rest.get(..length));
        let taken = taken
            .ok_or_else(|| format!("{length} bytes are wanted, but the file ends after {}", rest.len()))?;
        self.position += taken.len();
        Ok(taken)
    }

    fn line(&mut self) -> Result<&'a [u8], String> {
        let rest = &self.bytes[self.position..];
        let end = rest.iter().position(|&b| b == b'\n').ok_or("a name without an end")?;
        self.position += end + 1;
        Ok(&rest[..end])
    }

    /// LONG1: little-endian two's complement of any length up to 8 bytes.
    fn long(&mut self) -> Result<i64, String> {
        let length = self.byte()?;
        let bytes = self.take(length.into())?;
        if bytes.len() > 8 {
            return Err(format!("an integer of {length} bytes"));
        }
        let negative = bytes.last().is_some_and(|&b| b >= 0x80);
        let mut all = [if negative { 0xFF } else { 0 }; 8];
        all[..bytes.len()].copy_from_slice(bytes);
        Ok(i64::from_le_bytes(all))
    }

    fn push(&mut self, value: Value<'a>) {
        self.stack.push(self.values.len());
        self.values.push(value);
    }

    fn push_bytes(&mut self, length: u64) -> Result<(), String> {
        let bytes = self.take(length)?;
        self.push(Value::Bytes(bytes));
        Ok(())
    }

    /// The stack above the last mark, or all of it.
    fn floor(&self) -> usize {
        self.marks.last().copied().unwrap_or(0)
    }

    fn pop(&mut self) -> Result<Place, String> {
        if self.stack.len() <= self.floor() {
            return Err("a value is used that is not there".into());
        }
        Ok(self.stack.pop().expect("the stack is higher than the last mark"))
    }

    fn top(&self) -> Result<Place, String> {
        match self.stack.last() {
            Some(&top) if self.stack.len() > self.floor() => Ok(top),
            _ => Err("a value is used that is not there".into()),
        }
    }

    fn pop_to_mark(&mut self) -> Result<Vec<Place>, String> {
        let mark = self.marks.pop().ok_or("the end of a list that was not begun")?;
        Ok(self.stack.split_off(mark))
    }

    fn tuple(&mut self, length: usize) -> Result<(), String> {
        let mut items = Vec::with_capacity(length);
        for _ in 0..length {
            items.push(self.pop()?);
        }
        items.reverse();
        self.push(Value::Sequence(items));
        Ok(())
    }

    fn extend_list(&mut self, items: impl IntoIterator<Item = Place>) -> Result<(), String> {
        let top = self.top()?;
        match &mut self.values[top] {
            Value::Sequence(list) => list.extend(items),
            _ => return Err("items for something that is not a list".into()),
        }
        Ok(())
    }

    fn extend_dict(&mut self, items: &[Place]) -> Result<(), String> {
        let top = self.top()?;
        let (pairs, rest) = items.as_chunks::<2>();
        match &mut self.values[top] {
            Value::Dict(dict) if rest.is_empty() => {
                dict.extend(pairs.iter().map(|&[key, value]| (key, value)));
                Ok(())
            }
            Value::Dict(_) => Err("a key without a value".into()),
            _ => Err("keys and values for something that is not a dictionary".into()),
        }
    }

    fn memoize(&mut self, key: u32) -> Result<(), String> {
        let top = self.top()?;
        self.memo.insert(key, top);
        Ok(())
    }

    fn recall(&mut self, key: u32) -> Result<(), String> {
        let place = *self.memo.get(&key).ok_or_else(|| format!("memo {key} is read before it is written"))?;
        self.stack.push(place);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_every_width() {
        // [1, 300, -1, 100000, -2, 2^40] written as BININT1, BININT2, BININT, BININT, LONG1, LONG1.
        let pickle =
            b"\x80\x02](K\x01M\x2c\x01J\xff\xff\xff\xffJ\xa0\x86\x01\x00\x8a\x01\xfe\x8a\x06\0\0\0\0\0\x01e.";
        let pickle = Pickle::parse(pickle).unwrap();
        let Value::Sequence(items) = pickle.root() else { panic!("a list, not {:?}", pickle.root()) };
        let numbers: Vec<_> = items.iter().map(|&item| pickle.get(item).clone()).collect();
        assert_eq!(numbers, [1, 300, -1, 100_000, -2, 1 << 40].map(Value::Int));
    }

    #[test]
    fn what_would_run_code_is_refused_by_name() {
        let error = Pickle::parse(b"cos\nsystem\n(U\x04echotR.").unwrap_err();
        assert!(error.contains("\"os\" \"system\""), "{error}");
        let error = Pickle::parse(b"\x80\x04\x8c\x02os\x8c\x06system\x93.").unwrap_err();
        assert!(error.contains("\"os\" \"system\""), "{error}");
        // INST, the opcode of old-style classes.
        let error = Pickle::parse(b"(ios\nsystem\n.").unwrap_err();
        assert!(error.contains("opcode 0x69"), "{error}");
    }

    #[test]
    fn programs_that_make_no_sense_are_refused() {
        let cases: [&[u8]; 12] = [
            b"",
            b".",
            b"K",
            b"0.",
            b"(.",
            b"K\x01a.",
            b"](K\x01",
            b"}(K\x01u.",
            b"h\x05.",
            b"U\xffabc.",
            b"\x8e\xff\xff\xff\xff\xff\xff\xff\xff.",
            b"Nb.",
        ];
        for case in cases {
            assert!(Pickle::parse(case).is_err(), "{case:?}");
        }
    }

    #[test]
    fn a_mark_hides_what_is_below() {
        assert!(Pickle::parse(b"K\x01(0.").is_err());
        assert!(Pickle::parse(b"K\x01(10.").is_err());
        assert!(Pickle::parse(b"K\x01(1.").is_ok());
    }
}
