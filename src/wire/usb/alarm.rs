//! The record of the interrupt endpoint.

use crate::hal::LaserStatus;
use crate::safety::Inputs;
use crate::wire::codec::{Malformed, Reader, Writer};

/// Bytes of an [`Alarm`], and so the greatest packet of its endpoint.
pub const ALARM: usize = 16;

/// Its layout. Another one gets another number, and is left alone by those who don't know it.
const VERSION: u8 = 1;

/// That an interlock, the key or a trip has changed, without having been asked.
///
/// A convenience: it lets a program say at once what a poll of the status would say
/// later. Safety never depends on it; it may be late, or lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Alarm {
    /// Levels at the device's inputs.
    pub inputs: Inputs,
    /// State of the lasers, as the request for it would give it.
    pub lasers: LaserStatus,
    /// Changes of interlock, key and trips since the device's start, modulo 2^32. If it
    /// grows by more than one, something changed and changed again in between.
    pub changes: u32,
    /// The device's clock when the record was made, in microseconds.
    pub at: u64,
}

impl Alarm {
    /// The record as it is sent.
    pub fn encode(&self) -> [u8; ALARM] {
        let mut bytes = [0; ALARM];
        let mut out = Writer::new(&mut bytes);
        out.u8(VERSION);
        out.u8(self.inputs.bits());
        out.u16(self.lasers.bits());
        out.u32(self.changes);
        out.u64(self.at);
        bytes
    }

    /// Reads a record. Bits that stand for nothing are left out.
    ///
    /// # Errors
    /// [`Malformed`] if it isn't as long as a record, or of another version.
    pub fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        let mut input = Reader::new(bytes);
        if input.u8()? != VERSION {
            return Err(Malformed);
        }
        let inputs = Inputs::from_bits_truncate(input.u8()?);
        let lasers = LaserStatus::from_bits_truncate(input.u16()?);
        let (changes, at) = (input.u32()?, input.u64()?);
        input.end()?;
        Ok(Self { inputs, lasers, changes, at })
    }
}
