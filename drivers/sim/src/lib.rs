//! A simulated optical disc tester: the contract of `disc-hal` over computed physics.
//!
//! [`SimRig`] is a tester with a disc in it. Its parts are views on one world with
//! one virtual clock: time passes only through the bench's delay, so a minute of
//! settling takes milliseconds and every run repeats to the last bit.
//!
//! ```
//! use disc_hal::hal::Rig;
//! use disc_hal::media::Medium;
//! use disc_hal::record::{Options, Session, Silent};
//! use disc_hal_sim::SimRig;
//!
//! let medium = Medium::load("dual-layer")?;
//! let mut rig = SimRig::blank(medium.clone(), 1)?;
//! let mut silent = Silent;
//! let mut session = Session::open(rig.bench(), &medium, Options::default(), &mut silent)?;
//! let lock = session.go_to_layer(1)?;
//! assert_eq!(lock.layer, 1);
//! session.close()?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What is computed, and how it is checked
//!
//! | model | method | held against |
//! |---|---|---|
//! | [`optics`] | transfer matrix of the films | closed forms of one and two films (1e-9), sum of powers (1e-12) |
//! | [`heat`] | implicit finite volumes in r and z; for films in bands in space, and a cosine series along the track | closed form of a Gaussian source (1 %), energy (1e-9), one another, an explicit stencil, published ratios |
//! | [`writing`] | superposition, threshold, tables of edges | the whole history of random runs: 0.01 T r.m.s. |
//! | [`dual_layer`] | scalar interference across the track, zone by zone | R + T + A = 1, quarter-wave rules |
//! | push-pull | orders of the groove in the lens's pupil | a field on a grid through the pupil (1e-4) |
//! | shadow of the first layer's grooves | transfer function of the defocused lens | the overlap of its pupils (1e-7) |
//! | [`electrochromic`] | charge of the film by its own voltage and what lies in series | exponential, RC and separable closed forms (1 %), charge over 1000 cycles, Beer and Lambert |
//! | read-out | transfer function of the lens along the track | transfer of carriers, closed form of the edge's slope |
//! | servos | the standard's reference servo on a spring-mounted lens | the standard's residual errors |
//! | noise | amplifier, shot, laser, grain of the medium, dose of each mark | normal deviates to 4.5 sigma; jitter of a real disc |
//!
//! # Seeds
//!
//! A disc has a seed. All noise comes from it, addressed by purpose and place, never
//! by the order of calls or threads: the same seed and the same calls give the same
//! bytes in the disc file and in the samples.
//!
//! # Not there yet
//!
//! Crosstalk of neighbouring tracks, tilt, aberrations, diffraction beyond the
//! transfer function, speeds other than the medium's own.

#[doc(hidden)]
pub mod bench;
pub mod claims;
pub mod complex;
mod condition;
pub mod defects;
mod disc;
mod disc_file;
pub mod dual_layer;
pub mod electrochromic;
pub mod heat;
pub mod materials;
mod model;
mod noise;
pub mod optics;
mod parts;
mod readout;
mod rig;
mod vectors;
mod world;
pub mod writing;

/// Numerical aperture of the simulated head's lens: that of DVD heads for
/// measuring (ECMA-267: 0.60 +-0.01).
pub const APERTURE: f64 = 0.60;

pub use condition::{Condition, ConditionError, DefectKind, Depth, DiscDefect, DyePoint, DyeProfile};
pub use disc_file::DiscFileError;
pub use model::{AMBIENT, ModelError};
pub use rig::{Fired, SimError, SimRig, Written};
pub use world::{CellFault, CrossingError, Deviations, GrooveDisplacement, TrackCrossing, groove_displacement};
