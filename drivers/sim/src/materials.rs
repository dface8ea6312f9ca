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

/// Polycarbonate of a DVD substrate: n 1.58, textbook; k 0.2, rho c 1.5e6, textbook.
pub const POLYCARBONATE: Material = Material { index: c64(1.58, 0.0), conductivity: 0.2, capacity: 1.5e6 };

/// Ultraviolet curing bond between the layers: n 1.50 (range 1.48-1.56 for acrylics); heat as for
/// other polymers.
pub const BOND: Material = Material { index: c64(1.50, 0.0), conductivity: 0.2, capacity: 1.5e6 };

/// Silver alloy of a reflector about 100 nm thick: index of silver near 650 nm, textbook values
/// 0.05-0.14 + 4.0-4.2 i; heat conductivity 150-200 W/(m K) for 100-120 nm (bulk 429).
pub const SILVER_THICK: Material = Material { index: c64(0.14, 4.05), conductivity: 200.0, capacity: 2.45e6 };

/// Silver alloy about 12 nm thick: surface scattering raises n and cuts the heat conductivity to
/// 60-100 W/(m K) (range).
pub const SILVER_THIN: Material = Material { index: c64(0.20, 4.0), conductivity: 100.0, capacity: 2.45e6 };

/// Sputtered ZnS-SiO2: n 2.1, textbook; heat conductivity 0.5-0.7 (range).
pub const ZNS_SIO2: Material = Material { index: c64(2.1, 0.0), conductivity: 0.6, capacity: 2.0e6 };

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

/// A dye for DVD-R at 650 nm. Published ranges for such dyes: n 2.0-2.8, k 0.02-0.22 as coated,
/// decomposition 200-350 C; heat conductivity 0.1-0.3 W/(m K), rho c 1.6e6. After decomposition the
/// absorption band is gone, so n falls to that of an ordinary organic solid and k to nearly zero.
pub const AZO_DYE: Dye = Dye {
    unrecorded: Material { index: c64(2.30, 0.04), conductivity: 0.2, capacity: 1.6e6 },
    recorded: c64(1.80, 0.01),
    decomposition: 320.0,
};
