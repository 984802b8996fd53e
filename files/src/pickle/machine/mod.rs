//! The stack machine that pickles are programs for.

mod calls;
mod operands;
mod stack;

use std::collections::HashMap;

use super::{Dialect, Place, Value};

/// Opcodes that any pickle may have; a larger one may have one more for every [`BYTES_PER_FURTHER_STEP`] bytes.
/// A large training with its optimizer takes fewer than 100,000.
const STEPS: usize = 1 << 18;
const BYTES_PER_FURTHER_STEP: usize = 256;

/// A pickle under way.
pub(super) struct Machine<'a> {
    bytes: &'a [u8],
    dialect: Dialect,
    position: usize,
    values: Vec<Value<'a>>,
    stack: Vec<Place>,
    /// Heights of the stack where `MARK` was seen.
    marks: Vec<usize>,
    memo: HashMap<u32, Place>,
    /// Opcodes and copied pairs that are still allowed. Each adds at most one value, one place on the stack, one mark,
    /// one memo and one item of a list, so this bounds the time and the memory that any pickle takes.
    steps: usize,
}

impl<'a> Machine<'a> {
    pub(super) fn new(bytes: &'a [u8], dialect: &Dialect) -> Self {
        Machine {
            bytes,
            dialect: *dialect,
            position: 0,
            values: Vec::new(),
            stack: Vec::new(),
            marks: Vec::new(),
            memo: HashMap::new(),
            steps: STEPS + bytes.len() / BYTES_PER_FURTHER_STEP,
        }
    }

    /// Steps that are behind it.
    pub(super) fn steps_taken(&self) -> usize {
        STEPS + self.bytes.len() / BYTES_PER_FURTHER_STEP - self.steps
    }

    /// Takes `count` of the steps that are left.
    fn spend(&mut self, count: usize) -> Result<(), String> {
        self.steps = self.steps.checked_sub(count).ok_or("it is longer than any pickle of its kind")?;
        Ok(())
    }

    pub(super) fn position(&self) -> usize {
        self.position
    }

    pub(super) fn into_values(self) -> Vec<Value<'a>> {
        self.values
    }

    /// Runs up to the end of the pickle and gives its result.
    pub(super) fn run(&mut self) -> Result<Place, String> {
        loop {
            let opcode = self.byte()?;
            self.spend(1)?;
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
                // INT, LONG, FLOAT: as text. INT also writes the truth values, as 00 and 01.
                b'I' | b'L' | b'F' => {
                    let value = textual_number(opcode, self.line()?)?;
                    self.push(value);
                }
                // BININT, BININT1, BININT2, LONG1, LONG4, BINFLOAT
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
                    let length = self.byte()?.into();
                    self.long(length)?;
                }
                0x8b => {
                    let length = u32::from_le_bytes(self.array()?);
                    self.long(length)?;
                }
                b'G' => {
                    let value = f64::from_be_bytes(self.array()?);
                    self.push(Value::Float(value));
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
                // UNICODE: text up to the end of the line. Escapes stay as they are: names have none.
                b'V' => {
                    let line = self.line()?;
                    self.push(Value::Bytes(line));
                }
                // STRING: text in quotes.
                b'S' => {
                    let line = self.line()?;
                    let inner = match line {
                        [b'\'', inner @ .., b'\''] | [b'"', inner @ .., b'"'] => inner,
                        _ => return Err("a string without quotes".into()),
                    };
                    self.push(Value::Bytes(inner));
                }
                // PUT, GET: numbers as text.
                b'p' => {
                    let key = self.textual_key()?;
                    self.memoize(key)?;
                }
                b'g' => {
                    let key = self.textual_key()?;
                    self.recall(key)?;
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
                // REDUCE, NEWOBJ: for data there is no difference between calling a class and making one of it.
                b'R' | 0x81 => {
                    let arguments = self.pop()?;
                    let callable = self.pop()?;
                    self.call(callable, arguments)?;
                }
                // BUILD
                b'b' => {
                    let given = self.pop()?;
                    let top = self.top()?;
                    match &mut self.values[top] {
                        Value::Call { state, .. } => *state = Some(given),
                        // Attributes of a dictionary, which are no entries.
                        Value::Dict(_) => {}
                        _ => return Err("a state for something that takes none".into()),
                    }
                }
                // BINPERSID
                b'Q' if self.dialect.persistent => {
                    let name = self.pop()?;
                    self.push(Value::Persistent(name));
                }
                other => {
                    let what = self.dialect.what;
                    return Err(format!("opcode {} is not one that {what} use", name_of(other)));
                }
            }
        }
    }
}

/// An opcode as CPython's `pickletools` names it, with its number.
fn name_of(opcode: u8) -> String {
    let name = match opcode {
        b'i' => "INST",
        b'o' => "OBJ",
        b'P' => "PERSID",
        b'Q' => "BINPERSID",
        b'2' => "DUP",
        0x82..=0x84 => "EXT",
        0x8f => "EMPTY_SET",
        0x90 => "ADDITEMS",
        0x91 => "FROZENSET",
        0x92 => "NEWOBJ_EX",
        0x97 => "NEXT_BUFFER",
        0x98 => "READONLY_BUFFER",
        _ => return format!("0x{opcode:02x}"),
    };
    format!("{name} (0x{opcode:02x})")
}

/// What `INT`, `LONG` and `FLOAT` write as text.
fn textual_number<'a>(opcode: u8, line: &[u8]) -> Result<Value<'a>, String> {
    let value = std::str::from_utf8(line).ok().and_then(|text| match (opcode, text) {
        (b'I', "00") => Some(Value::Bool(false)),
        (b'I', "01") => Some(Value::Bool(true)),
        (b'F', text) => text.parse().ok().map(Value::Float),
        (_, text) => text.trim_end_matches('L').parse().ok().map(Value::Int),
    });
    value.ok_or_else(|| "a number that is none".into())
}
