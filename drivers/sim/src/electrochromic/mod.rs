//! Electrochromic media: the cells, and the films of a layer at any colouration.
//!
//! A layer's film absorbs as much as the charge in it makes of it: its optical density follows from
//! charge and coloration efficiency, the absorption coefficient from density and thickness
//! (Beer and Lambert), and with it the extinction coefficient of the film in its stack. What the
//! layer then reflects, lets pass and takes up as heat is what its films make of light, as for any
//! other medium.

mod cell;
mod figures;
mod spot;

pub use cell::{Accelerator, BOLTZMANN, Cell, Drive, REFERENCE};
pub(crate) use figures::MARK;
pub use figures::{Figures, figures};
pub use spot::{Passage, Spot};

use core::f64::consts::{LN_10, PI};

use disc_hal::media::{self, Medium};

use crate::complex::{C64, c64};
use crate::dual_layer::{DualLayer, Unsupported};

impl From<&media::Cell> for Cell {
    fn from(described: &media::Cell) -> Self {
        Self {
            charge: described.charge.0,
            efficiency: described.efficiency.0,
            midpoint: described.midpoint.0,
            spread: described.spread.0,
            colouring: described.colouring.0,
            bleaching: described.bleaching.0,
            activation: described.activation.0,
            resistance: described.resistance.0 * described.area.0,
            accelerator: described.accelerator.map(|a| Accelerator {
                resistance: a.resistance.0,
                activation: a.activation.0,
                intensity: a.light.map_or(f64::INFINITY, |l| l.intensity.0),
                exponent: a.light.map_or(1.0, |l| l.exponent),
                life: a.light.map_or(1.0, |l| l.life.0),
            }),
        }
    }
}

/// Extinction coefficient of a film of `thickness` metres with an optical density (decadic, one
/// pass) at a wavelength in metres: alpha = ln(10) OD / d and k = alpha lambda / (4 pi).
#[must_use]
pub fn extinction(density: f64, thickness: f64, wavelength: f64) -> f64 {
    LN_10 * density / thickness * wavelength / (4.0 * PI)
}

/// Index of a layer's film at a colouration: the residual absorption of the bleached film stays, the
/// charge adds its own, and the refractive index goes along with it.
fn index(layer: &media::Layer, cell: &media::Cell, theta: f64, wavelength: f64) -> Option<C64> {
    let film = layer.electrochromic()?;
    let added = extinction(cell.full_density() * theta, film.groove.0, wavelength);
    Some(c64(film.n + theta * (cell.coloured_n - film.n), film.k + added))
}

/// The films of one layer of an electrochromic medium at a colouration from 0 to 1, between the
/// resin in front of it and behind it, as layer 0 of a medium of its own. Its "recorded" state is
/// that of a film which has lost its ability to colour.
///
/// # Errors
/// [`Unsupported`] for a layer without a cell, and for grooves that leave no land.
pub fn films(medium: &Medium, layer: usize, theta: f64) -> Result<DualLayer, Unsupported> {
    let missing = || Unsupported::new(format!("layer {layer} has no electrochromic cell"));
    let described = medium.layers.get(layer).ok_or_else(missing)?;
    let cell = described.cell.ok_or_else(missing)?;
    let wavelength = f64::from(medium.wavelength.0) * 1e-9;
    let coloured = index(described, &cell, theta, wavelength).ok_or_else(missing)?;
    DualLayer::of_cell(medium, layer, coloured)
}

#[cfg(test)]
mod tests;
