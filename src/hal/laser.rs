//! Laser-source arrays.

use super::error::Result;
use super::few::Few;
use super::shot::{ArmToken, Outcome, ShotId, ShotPlan};
use super::strategy::WriteStrategy;
use super::units::{Hertz, Microwatts, Nanojoules, Nanometres};

/// A source of the array, by its index in [`LaserArraySpec::sources`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Source(pub u8);

/// What a source is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum SourceRole {
    /// Reads, and writes under a strategy.
    #[default]
    Record,
    /// Reads only.
    Read,
    /// Prepares a layer ahead of a recording spot (heat or light).
    Prepare,
}

/// One source of an array.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SourceSpec {
    /// Wavelength in air.
    pub wavelength: Nanometres,
    /// Numerical aperture on the disc side, in thousandths.
    pub aperture_milli: u16,
    /// What it is for.
    pub role: SourceRole,
    /// Where its spot lands relative to source 0, along the track (positive: ahead).
    pub along: Nanometres,
    /// Where its spot lands relative to source 0, across the track (positive: outwards).
    pub across: Nanometres,
    /// The greatest power that needs no shot: the declared safe read power.
    pub read_max: Microwatts,
    /// The greatest power inside a shot.
    pub write_max: Microwatts,
    /// One step of the power setting.
    pub step: Microwatts,
}

/// What an array can do. All powers are on the disc surface.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LaserArraySpec {
    /// The sources, [`Source`] by index.
    pub sources: Few<SourceSpec, 8>,
    /// The greatest sum of all sources' powers.
    pub total_max: Microwatts,
    /// Run lengths that the bench buffers for each source of each shot.
    pub buffer_runs: u32,
    /// Shots that can be begun at a time (2 or more for writing without gaps).
    pub queue: u8,
    /// Lowest channel clock of a shot.
    pub clock_min: Hertz,
    /// Highest channel clock of a shot.
    pub clock_max: Hertz,
    /// The greatest energy of one shot, over all sources.
    pub energy_max: Nanojoules,
}

bitflags::bitflags! {
    /// State of the lasers. `TRIPPED` is latched until [`LaserArray::clear_trip`];
    /// a `TRIP_...` flag beside it says why.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
    pub struct LaserStatus: u16 {
        /// A token has been given out and not yet used.
        const ARMED = 1 << 0;
        /// Some source emits light.
        const EMITTING = 1 << 1;
        /// A shot is running or waits for its trigger.
        const FIRING = 1 << 2;
        /// The remote interlock, a housing interlock or the key is open.
        const INTERLOCK_OPEN = 1 << 3;
        /// Dark until the trip is cleared.
        const TRIPPED = 1 << 4;
        /// Focus was lost in a shot.
        const TRIP_FOCUS = 1 << 5;
        /// Tracking was lost in a shot.
        const TRIP_TRACKING = 1 << 6;
        /// An interlock opened.
        const TRIP_INTERLOCK = 1 << 7;
        /// The lease ran out.
        const TRIP_LEASE = 1 << 8;
        /// A limit (power, energy, duration) was met.
        const TRIP_LIMIT = 1 << 9;
        /// The monitor saw what was not commanded.
        const TRIP_MONITOR = 1 << 10;
        /// The disc stood still, or its speed was off.
        const TRIP_SPINDLE = 1 << 11;
    }
}

/// An array of laser sources that share one objective lens.
///
/// # Shots
///
/// A write is a shot: [`begin`](Self::begin) it with a plan,
/// [`feed`](Self::feed) run lengths, [`arm`](Self::arm) it and
/// [`fire`](Self::fire) the token; then keep feeding while it writes, and poll
/// [`outcome`](Self::outcome). A second shot may be begun and fed meanwhile, so
/// that one follows the other without a gap. A shot happens at most once. Its
/// light goes out by itself at the end of the plan, at an underrun, when focus
/// or tracking is lost, and on [`off`](Self::off).
///
/// # For driver authors
///
/// Check every power, the sum of powers, the energy and the length against the
/// spec before any light is made, and again while it is. Pulses are made on the
/// bench from run lengths and the loaded strategy; they never cross a link.
#[cfg_attr(feature = "mock", mockall::automock)]
pub trait LaserArray {
    /// Sources, limits and buffers.
    fn spec(&self) -> &LaserArraySpec;

    /// Sets the constant power of a source and returns what was applied. At most
    /// the source's `read_max`; zero is dark.
    ///
    /// # Errors
    /// `OutOfRange` beyond a limit, `Tripped` or `Interlock` when light isn't allowed.
    fn set_power(&mut self, source: Source, power: Microwatts) -> Result<Microwatts>;

    /// What the monitor diode sees of a source, now.
    fn monitor(&mut self, source: Source) -> Result<Microwatts>;

    /// Loads the strategy by which run lengths of this source become pulses. It
    /// holds for shots begun later.
    ///
    /// # Errors
    /// `OutOfRange` if `peak` is beyond the source's `write_max`, or `bias` beyond its
    /// `read_max`; `InvalidArgument` for a `peak` not above `bias`, or a `top` of 0.
    fn load(&mut self, source: Source, strategy: &WriteStrategy) -> Result<()>;

    /// Announces a shot. Nothing is emitted.
    ///
    /// # Errors
    /// `OutOfRange` if the plan breaks a limit, `Full` if the queue is,
    /// `InvalidArgument` if a source has no strategy.
    fn begin(&mut self, plan: &ShotPlan) -> Result<ShotId>;

    /// Hands over run lengths (in channel bits, each 1 to 255; a shot begins with
    /// a space) and returns how many the buffer took: from none to all.
    ///
    /// # Errors
    /// `InvalidArgument` for a run of 0, an unknown source or shot, `WrongState`
    /// when the shot is over, `OutOfRange` if all of them together with what was
    /// fed before are longer than the plan. Nothing is taken then.
    fn feed(&mut self, shot: ShotId, source: Source, runs: &[u8]) -> Result<usize>;

    /// Arms a shot that has been fed, checking interlocks, servos and limits. Each shot
    /// of the queue can have a token of its own.
    ///
    /// # Errors
    /// `Interlock`, `Tripped`, `FocusLost`, `TrackingLost`, or `WrongState` when
    /// nothing has been fed or the shot has been fired.
    fn arm(&mut self, shot: ShotId) -> Result<ArmToken>;

    /// Fires: the shot starts at its trigger. Doesn't wait. A trigger that comes while
    /// the shot ahead still writes counts if this one starts no earlier than that ends.
    ///
    /// # Errors
    /// `StaleToken` for a token that is used, void, or of another plan; the right one
    /// stays good.
    fn fire(&mut self, token: ArmToken) -> Result<()>;

    /// How a shot stands. [`Outcome::Unknown`] for a shot that the bench has
    /// forgotten.
    ///
    /// # Errors
    /// `InvalidArgument` for a number that it never gave out.
    fn outcome(&mut self, shot: ShotId) -> Result<Outcome>;

    /// State of the lasers.
    fn status(&mut self) -> Result<LaserStatus>;

    /// Clears a latched trip whose cause is gone. Nothing lights up by it.
    fn clear_trip(&mut self) -> Result<()>;

    /// All sources dark, now. Always allowed. A running shot ends here, any other
    /// open one never happens, and tokens given out are void.
    fn off(&mut self) -> Result<()>;
}
