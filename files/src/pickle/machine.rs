//! The stack machine that pickles are programs for.

use std::collections::HashMap;

use super::{Dialect, Place, Value};
use crate::quoted;

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

    /// Lets in the classes of the dialect, and nothing else.
    fn global(&mut self, module: &'a [u8], name: &'a [u8]) -> Result<(), String> {
        let (Ok(module), Ok(name)) = (std::str::from_utf8(module), std::str::from_utf8(name)) else {
            return Err("a class whose name is not text".into());
        };
        let Dialect { what, globals, dictionaries, .. } = self.dialect;
        if !globals.contains(&(module, name)) && !dictionaries.contains(&(module, name)) {
            let (module, name) = (quoted(module), quoted(name));
            return Err(format!("it asks for {module} {name}, which {what} do not use"));
        }
        self.push(Value::Global(module, name));
        Ok(())
    }

    /// The call of a class as data; dictionaries are made.
    fn call(&mut self, callable: Place, arguments: Place) -> Result<(), String> {
        let dictionaries = self.dialect.dictionaries;
        match self.values[callable] {
            Value::Global(module, name) if dictionaries.contains(&(module, name)) => {
                // The same list can be given to many.
                self.spend(self.pairs_given(arguments))?;
                let entries = self.pairs(arguments).ok_or_else(|| format!("{name} is not made of pairs"))?;
                self.push(Value::Dict(entries));
            }
            Value::Global(..) => self.push(Value::Call { callable, arguments, state: None }),
            _ => return Err("a call of something that is no class".into()),
        }
        Ok(())
    }

    /// How many pairs the arguments of a dictionary's class give, or more than that.
    fn pairs_given(&self, arguments: Place) -> usize {
        let length = |place: Place| match &self.values[place] {
            Value::Sequence(items) => items.len(),
            _ => 0,
        };
        match &self.values[arguments] {
            Value::Sequence(items) => items.first().map_or(0, |&first| length(first)),
            _ => 0,
        }
    }

    /// The entries that the arguments of a dictionary's class give: none, or a list of pairs.
    fn pairs(&self, arguments: Place) -> Option<Vec<(Place, Place)>> {
        let sequence = |place: Place| match &self.values[place] {
            Value::Sequence(items) => Some(items.as_slice()),
            _ => None,
        };
        match sequence(arguments)? {
            [] => Some(Vec::new()),
            // The values that `defaultdict` makes for keys that are not there.
            &[default] if matches!(self.values[default], Value::Global(..)) => Some(Vec::new()),
            &[list] => {
                let pair = |&place: &Place| match sequence(place)? {
                    &[key, value] => Some((key, value)),
                    _ => None,
                };
                sequence(list)?.iter().map(pair).collect()
            }
            _ => None,
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

    /// A little-endian integer in two's complement, of at most 8 bytes.
    fn long(&mut self, length: u32) -> Result<(), String> {
        let bytes = self.take(length.into())?;
        if bytes.len() > 8 {
            return Err(format!("an integer of {length} bytes"));
        }
        let negative = bytes.last().is_some_and(|&b| b >= 0x80);
        let mut all = [if negative { 0xFF } else { 0 }; 8];
        all[..bytes.len()].copy_from_slice(bytes);
        self.push(Value::Int(i64::from_le_bytes(all)));
        Ok(())
    }

    fn textual_key(&mut self) -> Result<u32, String> {
        let line = self.line()?;
        let key = std::str::from_utf8(line).ok().and_then(|text| text.parse().ok());
        key.ok_or_else(|| "a memo that is no number".into())
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
