//! The tracking servo.

use super::error::Result;
use super::laser::Source;
use super::trigger::Address;
use super::units::Nanometres;

/// How the tracking error is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum TrackingMethod {
    /// Push-pull of one beam.
    #[default]
    PushPull,
    /// Differential push-pull of three beams.
    DifferentialPushPull,
    /// Differential phase detection on recorded marks.
    DifferentialPhase,
}

/// Which slope of the tracking error the loop closes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Polarity {
    /// The rising slope, for an outward move of the spot.
    #[default]
    Rising,
    /// The falling one.
    Falling,
}

impl Polarity {
    /// The other one.
    pub const fn flipped(self) -> Self {
        match self {
            Self::Rising => Self::Falling,
            Self::Falling => Self::Rising,
        }
    }
}

/// What the servo can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TrackingSpec {
    /// Whether [`TrackingMethod::PushPull`] is there.
    pub push_pull: bool,
    /// Whether [`TrackingMethod::DifferentialPushPull`] is there.
    pub differential_push_pull: bool,
    /// Whether [`TrackingMethod::DifferentialPhase`] is there.
    pub differential_phase: bool,
    /// Greatest offset from the track centre, either way.
    pub offset_max: Nanometres,
    /// One step of the offset.
    pub offset_step: Nanometres,
    /// Longest jump, in tracks.
    pub jump_max: u32,
}

bitflags::bitflags! {
    /// State of the tracking servo.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
    pub struct TrackingFlags: u8 {
        /// A pull-in, a jump or a seek is under way.
        const MOVING = 1 << 0;
        /// The loop is closed and the error small.
        const LOCKED = 1 << 1;
        /// A closed loop lost its track; latched until `release` or `engage`.
        const LOST = 1 << 2;
        /// The last pull-in, jump or seek failed; latched likewise.
        const FAILED = 1 << 3;
    }
}

/// State of the servo.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TrackingStatus {
    /// State.
    pub flags: TrackingFlags,
    /// Tracks crossed since the servo was last engaged or released, with the
    /// loop open; wraps.
    pub crossings: u32,
}

/// The servo that holds the spot on a track.
///
/// `engage`, `jump` and `seek` start; poll `status` until `MOVING` is gone.
#[cfg_attr(feature = "mock", mockall::automock)]
pub trait TrackingServo {
    /// Methods and limits.
    fn spec(&self) -> &TrackingSpec;

    /// Closes the loop on the spot of `source`.
    ///
    /// # Errors
    /// `FocusLost` without focus, `NotSupported` for a method not in the spec.
    fn engage(&mut self, source: Source, method: TrackingMethod, polarity: Polarity) -> Result<()>;

    /// Opens the loop. Always allowed.
    fn release(&mut self) -> Result<()>;

    /// Sets the offset from the track centre (positive: outwards) and returns
    /// what was applied.
    ///
    /// # Errors
    /// `OutOfRange` beyond `offset_max`; nothing changes then.
    fn set_offset(&mut self, offset: Nanometres) -> Result<Nanometres>;

    /// Jumps so many tracks outwards (negative: inwards) and closes again.
    ///
    /// # Errors
    /// `WrongState` when not locked, `OutOfRange` beyond `jump_max`.
    fn jump(&mut self, tracks: i32) -> Result<()>;

    /// Goes to a track shortly before `address` on the layer in focus, by sled
    /// and jumps, and closes again: a quarter of a turn before it or more. Locked, the
    /// spot follows the spiral, and never jumps back by itself.
    ///
    /// # Errors
    /// `WrongState` when not locked; `NoAddress` for one the layer can't have.
    fn seek(&mut self, address: Address) -> Result<()>;

    /// The address last read from the groove or the sectors; `None` while none
    /// can be read.
    fn address(&mut self) -> Result<Option<Address>>;

    /// State of the servo.
    fn status(&mut self) -> Result<TrackingStatus>;
}
