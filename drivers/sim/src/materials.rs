//! Material values, in one place, each with where it comes from.
//!
//! "Textbook" means a commonly printed value for the bulk material; "range" means that the
//! literature gives a range and this is a choice inside it. None of these was measured for this
//! project.

use crate::complex::{C64, c64};

/// Refractive index and heat properties of one material.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Material {
    /// Complex index at 650 nm.
    pub index: C64,
    /// Heat conductivity, W/(m K).
    pub conductivity: f64,
    /// Heat capacity per volume, J/(m3 K).
    pub capacity: f64,
}

/// A polymer film as heat barrier, matched in index to polymers (claim A5).
pub const BARRIER: Material = Material { index: c64(1.50, 0.0), conductivity: 0.2, capacity: 1.5e6 };

/// An organic recording dye: two optical states.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Dye {
    /// As coated.
    pub unrecorded: Material,
    /// Index after decomposition.
    pub recorded: C64,
    /// Decomposition temperature, degrees Celsius.
    pub decomposition: f64,
}
