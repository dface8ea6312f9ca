//! The focus servo.

use super::error::Result;
use super::laser::Source;
use super::units::{MicrometresPerSecond, Nanometres};

/// What the servo can do. Lens positions count from the rest position, positive
/// towards the disc.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct FocusSpec {
    /// Farthest position from the disc.
    pub travel_min: Nanometres,
    /// Nearest position to the disc.
    pub travel_max: Nanometres,
    /// Fastest sweep.
    pub sweep_max: MicrometresPerSecond,
    /// Greatest focus offset, either way.
    pub offset_max: Nanometres,
    /// One step of the offset.
    pub offset_step: Nanometres,
    /// Layers that one jump can pass; 0 if the servo can't jump.
    pub jump_max: u8,
}

/// From where the lens comes to its capture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Approach {
    /// Moving towards the disc.
    #[default]
    Up,
    /// Moving away from the disc.
    Down,
}

/// How the loop is to be closed: the lens moves to `start`, then towards `end`,
/// and the loop closes at the first zero crossing of the focus error that
/// follows an error of at least `threshold` counts while the sum is at least
/// `sum_min` counts (both as the photodetector would report them).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct FocusCapture {
    /// Where to begin.
    pub start: Nanometres,
    /// Where to give up.
    pub end: Nanometres,
    /// How fast to move.
    pub speed: MicrometresPerSecond,
    /// Focus error, in counts, that qualifies a crossing.
    pub threshold: i16,
    /// Sum signal, in counts, that qualifies a crossing.
    pub sum_min: i16,
}

impl FocusCapture {
    /// Which way the lens moves.
    pub fn approach(&self) -> Approach {
        if self.end >= self.start { Approach::Up } else { Approach::Down }
    }
}

bitflags::bitflags! {
    /// State of the focus servo.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
    pub struct FocusFlags: u8 {
        /// A sweep, a capture or a jump is under way.
        const MOVING = 1 << 0;
        /// The loop is closed and the error small.
        const LOCKED = 1 << 1;
        /// A closed loop lost its layer; latched until `release` or `engage`.
        const LOST = 1 << 2;
        /// The last sweep, capture or jump found nothing; latched likewise.
        const FAILED = 1 << 3;
    }
}

/// State and place of the lens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct FocusStatus {
    /// State.
    pub flags: FocusFlags,
    /// Lens position.
    pub position: Nanometres,
}

/// The servo that holds the spot on a layer.
///
/// `sweep`, `engage` and `jump` start; poll `status` until `MOVING` is gone.
#[cfg_attr(feature = "mock", mockall::automock)]
pub trait FocusServo {
    /// Travel and speeds.
    fn spec(&self) -> &FocusSpec;

    /// Moves the lens from `from` to `to` at a constant speed, loop open. The
    /// photodetector sees S-curves meanwhile.
    ///
    /// # Errors
    /// `OutOfRange` beyond the travel or the speed, `Busy` while moving.
    fn sweep(&mut self, from: Nanometres, to: Nanometres, speed: MicrometresPerSecond) -> Result<()>;

    /// Closes the loop on the spot of `source`.
    ///
    /// # Errors
    /// `OutOfRange` for a capture beyond the travel or the speed,
    /// `InvalidArgument` for one that can't find anything: a threshold that isn't
    /// positive, or a start that is the end.
    fn engage(&mut self, source: Source, capture: &FocusCapture) -> Result<()>;

    /// Opens the loop, and that of tracking with it; the lens goes to rest. Always allowed.
    fn release(&mut self) -> Result<()>;

    /// Sets the focus offset of the closed loop and returns what was applied.
    ///
    /// # Errors
    /// `OutOfRange` beyond `offset_max`; nothing changes then.
    fn set_offset(&mut self, offset: Nanometres) -> Result<Nanometres>;

    /// Jumps so many layers away from the incident side (negative: towards it):
    /// kick, brake, close at the next layer. Which layer was reached is for the
    /// caller to confirm. Tracking is released.
    ///
    /// # Errors
    /// `WrongState` when not locked, `NotSupported` for 0 and beyond `jump_max`.
    fn jump(&mut self, layers: i8) -> Result<()>;

    /// State and position.
    fn status(&mut self) -> Result<FocusStatus>;
}
