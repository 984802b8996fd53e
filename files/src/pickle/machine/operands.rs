//! What stands behind an opcode.

use super::{Machine, Value};

impl<'a> Machine<'a> {
    pub(super) fn byte(&mut self) -> Result<u8, String> {
        Ok(self.array::<1>()?[0])
    }

    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], String> {
        Ok(self.take(N as u64)?.try_into().expect("take gives as many bytes as asked for"))
    }

    pub(super) fn take(&mut self, length: u64) -> Result<&'a [u8], String> {
        let rest = &self.bytes[self.position..];
        let taken = usize::try_from(length).ok().and_then(|length| rest.get(..length));
        let taken = taken
            .ok_or_else(|| format!("{length} bytes are wanted, but the file ends after {}", rest.len()))?;
        self.position += taken.len();
        Ok(taken)
    }

    pub(super) fn line(&mut self) -> Result<&'a [u8], String> {
        let rest = &self.bytes[self.position..];
        let end = rest.iter().position(|&b| b == b'\n').ok_or("a name without an end")?;
        self.position += end + 1;
        Ok(&rest[..end])
    }

    /// A little-endian integer in two's complement, of at most 8 bytes.
    pub(super) fn long(&mut self, length: u32) -> Result<(), String> {
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

    pub(super) fn textual_key(&mut self) -> Result<u32, String> {
        let line = self.line()?;
        let key = std::str::from_utf8(line).ok().and_then(|text| text.parse().ok());
        key.ok_or_else(|| "a memo that is no number".into())
    }
}
