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

pub use disc_file::DiscFileError;
pub use model::ModelError;
pub use rig::{SimError, SimRig, Written};
