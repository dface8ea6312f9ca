//! A simulated optical disc tester.

pub mod complex;
pub mod dual_layer;
pub mod heat;
pub mod materials;
pub mod optics;
pub mod writing;
