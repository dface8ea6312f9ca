//! The spindle and the sled.

use super::error::Result;
use super::units::{MicrometresPerSecond, Nanometres};

/// What spindle and sled can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SpindleSpec {
    /// Slowest controlled speed of the track under the spot.
    pub velocity_min: MicrometresPerSecond,
    /// Fastest.
    pub velocity_max: MicrometresPerSecond,
    /// Innermost radius of the spot.
    pub radius_min: Nanometres,
    /// Outermost.
    pub radius_max: Nanometres,
}

bitflags::bitflags! {
    /// State of spindle and sled.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
    pub struct SpindleFlags: u8 {
        /// The disc turns.
        const SPINNING = 1 << 0;
        /// The speed is what was asked for; never at 0.
        const AT_SPEED = 1 << 1;
        /// The sled moves.
        const SLED_MOVING = 1 << 2;
        /// A disc is clamped.
        const DISC_PRESENT = 1 << 3;
    }
}

/// State of spindle and sled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SpindleStatus {
    /// State.
    pub flags: SpindleFlags,
    /// Speed of the track under the spot.
    pub velocity: MicrometresPerSecond,
    /// Radius of the spot as the sled knows it (to some micrometres).
    pub radius: Nanometres,
}

/// The motor that turns the disc and the sled that carries the head.
#[cfg_attr(feature = "mock", mockall::automock)]
pub trait Spindle {
    /// Limits.
    fn spec(&self) -> &SpindleSpec;

    /// Asks for a constant linear velocity (zero: stop) and returns what will be
    /// held. Starts; poll `status` for `AT_SPEED`.
    ///
    /// # Errors
    /// `OutOfRange` beyond a limit, `WrongState` while a shot writes; the speed stays as
    /// it was.
    fn set_velocity(&mut self, velocity: MicrometresPerSecond) -> Result<MicrometresPerSecond>;

    /// Moves the sled, to a new target if it is moving. Starts; poll `status` until `SLED_MOVING` is gone.
    ///
    /// # Errors
    /// `WrongState` while tracking is closed (use its `seek`), `OutOfRange` beyond
    /// a limit; the sled stays where it was.
    fn move_to(&mut self, radius: Nanometres) -> Result<()>;

    /// State of both.
    fn status(&mut self) -> Result<SpindleStatus>;
}
