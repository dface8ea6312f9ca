//! The contract between recording algorithms and testers.
//!
//! A tester is a [`Bench`]: a plain struct of parts, each behind one small
//! dyn-compatible trait. This module needs neither `std` nor an allocator and
//! knows nothing of the rest of the crate, so the same traits are implemented
//! by host drivers, by firmware, by the simulator and by mocks.
//!
//! # For driver authors
//!
//! Implement the traits of the parts that you have; leave optional parts `None`.
//!
//! - Every method returns within a bounded time. What is slow (a seek, a sweep,
//!   a spin-up, a shot) is *started* by one method and *polled* by `status` or
//!   `outcome`; the waiting is done by the algorithms, with a delay and a budget.
//! - `spec()` does no input or output. Limits and steps are numbers in it.
//!   Return [`ErrorKind::NotSupported`] only for what no spec can tell beforehand.
//! - A setter returns what the hardware really applied. A value beyond a limit
//!   is refused with [`ErrorKind::OutOfRange`] and changes nothing.
//! - `off` and `release` are always allowed, in any state.
//! - Say in every [`Error`] what state the outputs are in.
//!
//! What has to be refused whatever the bench is doing is in the specs:
//! [`FocusSpec::check_capture`], [`DetectorSpec::check`] and so on. Shots, tokens and
//! limits of light are kept by [`Guarded`](crate::safety::Guarded). The guide is
//! [`drivers`](crate::drivers), the driver to copy `disc-hal-template`.
//!
//! # For script authors
//!
//! You are handed a [`Bench`] and borrow its parts, two at once if you like.
//! Setters are absolute, units are types ([`Microwatts`], [`Nanometres`], ...),
//! and errors are one `Copy` type, so `?` works across vendors. A write is a
//! *shot* (see [`LaserArray`]); it happens at most once, and
//! [`Outcome::Unknown`] is a result to look into, not an error to retry.
//!
//! # Why not ...
//!
//! - *generic traits with associated errors?* A bench mixed from two vendors
//!   would need a sum type, and scripts a second, erased family of traits. It
//!   would save nanoseconds on calls that take microseconds.
//! - *one tester trait?* Drivers would stub most of it, and one `&mut` would
//!   borrow every part at once.
//! - *floats?* They have a NaN, and round differently on a Cortex-M.

mod bench;
mod check;
mod detector;
mod electrode;
mod error;
mod few;
mod focus;
mod laser;
#[cfg(feature = "mock")]
mod mock;
mod shot;
#[cfg(feature = "std")]
mod sleep;
mod spindle;
mod strategy;
mod tracking;
mod trigger;
mod units;

pub use bench::{Bench, Identity};
#[cfg(feature = "std")]
pub use bench::{OffHandle, Rig};
pub use detector::{Acquisition, ChannelKind, ChannelSpec, Channels, Chunk, DetectorSpec, Photodetector};
pub use electrode::{Electrode, ElectrodeReading, ElectrodeSpec, ElectrodeSupply, SafeState, SupplySpec};
pub use error::{Error, ErrorKind, Outputs, Part, Result};
pub use few::{Few, Name};
pub use focus::{Approach, FocusCapture, FocusFlags, FocusServo, FocusSpec, FocusStatus};
pub use laser::{LaserArray, LaserArraySpec, LaserStatus, Source, SourceRole, SourceSpec};
#[cfg(feature = "mock")]
pub use mock::{
    MockBench, MockDelay, MockElectrodeSupply, MockFocusServo, MockLaserArray, MockPhotodetector, MockSpindle,
    MockTrackingServo,
};
pub use shot::{AbortCause, ArmToken, Outcome, ShotClock, ShotId, ShotPlan, ShotSpot};
#[cfg(feature = "std")]
pub use sleep::Sleep;
pub use spindle::{Spindle, SpindleFlags, SpindleSpec, SpindleStatus};
pub use strategy::{RunClass, WriteStrategy};
pub use tracking::{Polarity, TrackingFlags, TrackingMethod, TrackingServo, TrackingSpec, TrackingStatus};
pub use trigger::{Address, Trigger};
pub use units::{
    Hertz, Microamperes, Microcoulombs, MicrometresPerSecond, Microwatts, Millivolts, MillivoltsPerSecond, Nanojoules,
    Nanometres, ParseUnitError, Picoseconds,
};
