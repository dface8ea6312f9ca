//! A simulated optical disc tester.

pub mod complex;
pub mod optics;
pub mod heat;
