//! Numbers in payloads: little-endian, bounds checked.

use byteorder::{ByteOrder, LittleEndian};

use crate::hal::Name;
use crate::safety::rules::{Rule, holds};

/// A payload that isn't what its kind asks for: wrong length, or a number that
/// stands for nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("malformed payload")]
pub struct Malformed;

/// Takes numbers from the front of a payload.
pub(super) struct Reader<'b>(&'b [u8]);

macro_rules! read {
    ($($name:ident: $type:ty),+) => {
        $(pub(super) fn $name(&mut self) -> Result<$type, Malformed> {
            let (number, rest) = self.0.split_first_chunk().ok_or(Malformed)?;
            self.0 = rest;
            Ok(<$type>::from_le_bytes(*number))
        })+
    };
}

impl<'b> Reader<'b> {
    pub(super) const fn new(payload: &'b [u8]) -> Self {
        Self(payload)
    }

    read!(u8: u8, i8: i8, u16: u16, i16: i16, u32: u32, i32: i32, u64: u64, i64: i64);

    pub(super) fn bool(&mut self) -> Result<bool, Malformed> {
        match self.u8()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(Malformed),
        }
    }

    pub(super) fn bytes(&mut self, count: usize) -> Result<&'b [u8], Malformed> {
        let (bytes, rest) = self.0.split_at_checked(count).ok_or(Malformed)?;
        self.0 = rest;
        Ok(bytes)
    }

    /// Thirty-two bytes, filled up with zeros. Whatever isn't printable becomes `?`.
    pub(super) fn name(&mut self) -> Result<Name, Malformed> {
        let bytes = self.bytes(32)?;
        let text = bytes.split(|&b| b == 0).next().unwrap_or(&[]);
        // Byte by byte, so that no encoding can be wrong.
        let mut ascii = [b'?'; 32];
        for (slot, &b) in ascii.iter_mut().zip(text) {
            if matches!(b, b' '..=b'~') {
                *slot = b;
            }
        }
        let printable = ascii.get(..text.len()).and_then(|a| core::str::from_utf8(a).ok());
        Ok(Name::new(printable.unwrap_or("")))
    }

    /// Nothing may be left.
    pub(super) fn end(self) -> Result<(), Malformed> {
        if self.0.is_empty() || !holds(Rule::Length) { Ok(()) } else { Err(Malformed) }
    }
}

/// Puts numbers into a payload. What doesn't fit is counted, and the payload is
/// then not used.
pub(super) struct Writer<'b> {
    buffer: &'b mut [u8],
    length: usize,
}

macro_rules! write {
    ($($name:ident: $type:ty),+) => {
        $(pub(super) fn $name(&mut self, number: $type) {
            self.bytes(&number.to_le_bytes());
        })+
    };
}

impl<'b> Writer<'b> {
    pub(super) const fn new(buffer: &'b mut [u8]) -> Self {
        Self { buffer, length: 0 }
    }

    write!(u8: u8, i8: i8, u16: u16, i16: i16, u32: u32, i32: i32, u64: u64, i64: i64);

    pub(super) fn bool(&mut self, value: bool) {
        self.u8(u8::from(value));
    }

    pub(super) fn bytes(&mut self, bytes: &[u8]) {
        let end = self.length.saturating_add(bytes.len());
        if let Some(room) = self.buffer.get_mut(self.length..end) {
            room.copy_from_slice(bytes);
        }
        self.length = end;
    }

    pub(super) fn samples(&mut self, samples: &[i16]) {
        let end = self.length.saturating_add(samples.len().saturating_mul(2));
        if let Some(room) = self.buffer.get_mut(self.length..end) {
            LittleEndian::write_i16_into(samples, room);
        }
        self.length = end;
    }

    pub(super) fn name(&mut self, name: &Name) {
        let mut bytes = [0; 32];
        for (slot, b) in bytes.iter_mut().zip(name.as_str().bytes()) {
            *slot = b;
        }
        self.bytes(&bytes);
    }

    /// Zeros up to a length of `count`.
    pub(super) fn fill_to(&mut self, count: usize) {
        while self.length < count {
            self.u8(0);
        }
    }

    /// The length, if all of it fitted.
    pub(super) fn end(self) -> Option<usize> {
        (self.length <= self.buffer.len()).then_some(self.length)
    }
}
