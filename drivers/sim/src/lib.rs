//! A simulated optical disc tester.
pub mod complex;
mod disc;
mod disc_file;
pub mod dual_layer;
pub mod heat;
pub mod materials;
mod model;
mod noise;
pub mod optics;
mod parts;
mod readout;
mod rig;
mod world;
pub mod writing;

/// Numerical aperture of the simulated head's lens: that of DVD heads for
/// measuring (ECMA-267: 0.60 +-0.01).
pub const APERTURE: f64 = 0.60;

pub use disc_file::DiscFileError;
pub use model::ModelError;
pub use rig::{SimError, SimRig, Written};
