//! When something begins.

use core::fmt;

/// A physical address on the disc: the number that the groove (pre-pits,
/// wobble) or the recorded sectors give. For DVD a 24-bit physical sector
/// number; the numbers of the second layer are the bitwise inverse of those at
/// the same radius of the first (ECMA-267, opposite track path).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Address(pub u32);

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:06X}h", self.0)
    }
}

/// What starts a shot or an acquisition. Both may wait for the same event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Trigger {
    /// As soon as it is asked for.
    #[default]
    Now,
    /// The next index mark of the spindle.
    Index,
    /// The next time that the start of this address passes under source 0.
    Address(Address),
}
