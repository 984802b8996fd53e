//! The stack, its marks and the memo.

use super::{Machine, Place, Value};

impl<'a> Machine<'a> {
    pub(super) fn push(&mut self, value: Value<'a>) {
        self.stack.push(self.values.len());
        self.values.push(value);
    }

    pub(super) fn push_bytes(&mut self, length: u64) -> Result<(), String> {
        let bytes = self.take(length)?;
        self.push(Value::Bytes(bytes));
        Ok(())
    }

    /// The stack above the last mark, or all of it.
    pub(super) fn floor(&self) -> usize {
        self.marks.last().copied().unwrap_or(0)
    }

    pub(super) fn pop(&mut self) -> Result<Place, String> {
        if self.stack.len() <= self.floor() {
            return Err("a value is used that is not there".into());
        }
        Ok(self.stack.pop().expect("the stack is higher than the last mark"))
    }

    pub(super) fn top(&self) -> Result<Place, String> {
        match self.stack.last() {
            Some(&top) if self.stack.len() > self.floor() => Ok(top),
            _ => Err("a value is used that is not there".into()),
        }
    }

    pub(super) fn pop_to_mark(&mut self) -> Result<Vec<Place>, String> {
        let mark = self.marks.pop().ok_or("the end of a list that was not begun")?;
        Ok(self.stack.split_off(mark))
    }

    pub(super) fn tuple(&mut self, length: usize) -> Result<(), String> {
        let mut items = Vec::with_capacity(length);
        for _ in 0..length {
            items.push(self.pop()?);
        }
        items.reverse();
        self.push(Value::Sequence(items));
        Ok(())
    }

    pub(super) fn extend_list(&mut self, items: impl IntoIterator<Item = Place>) -> Result<(), String> {
        let top = self.top()?;
        match &mut self.values[top] {
            Value::Sequence(list) => list.extend(items),
            _ => return Err("items for something that is not a list".into()),
        }
        Ok(())
    }

    pub(super) fn extend_dict(&mut self, items: &[Place]) -> Result<(), String> {
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

    pub(super) fn memoize(&mut self, key: u32) -> Result<(), String> {
        let top = self.top()?;
        self.memo.insert(key, top);
        Ok(())
    }

    pub(super) fn recall(&mut self, key: u32) -> Result<(), String> {
        let place = *self.memo.get(&key).ok_or_else(|| format!("memo {key} is read before it is written"))?;
        self.stack.push(place);
        Ok(())
    }
}
