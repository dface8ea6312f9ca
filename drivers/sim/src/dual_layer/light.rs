//! A plane wave on the disc, and what its films make of it.

use super::DualLayer;
use crate::complex::c64;
use crate::optics::{Polarisation, Stack, StackError};

/// A plane wave that falls on the disc.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Light {
    /// Wavelength in vacuum, metres.
    pub wavelength: f64,
    /// Angle to the disc's normal *outside* the disc, in air, radians, from 0 to below pi/2. In the
    /// films' own surroundings it is smaller, by the law of refraction.
    pub angle: f64,
    /// Polarisation relative to the plane of incidence.
    pub polarisation: Polarisation,
}

impl Light {
    /// Light at normal incidence.
    #[must_use]
    pub const fn normal(wavelength: f64) -> Self {
        Self { wavelength, angle: 0.0, polarisation: Polarisation::S }
    }

    /// The angle in a medium of real index `n`, radians.
    #[must_use]
    pub fn inside(&self, n: f64) -> f64 {
        if self.angle == 0.0 { 0.0 } else { (self.angle.sin() / n).min(1.0).asin() }
    }

    /// Transmission of the disc's surface, one way.
    pub(super) fn surface(&self, n: f64) -> Result<f64, StackError> {
        if self.angle == 0.0 {
            return Ok(1.0 - ((n - 1.0) / (n + 1.0)).powi(2));
        }
        let surface = Stack::new(1.0, Vec::new(), c64(n, 0.0))?;
        Ok(surface.at_angle(self.wavelength, self.angle, self.polarisation).transmittance)
    }
}

impl DualLayer {
    /// Share of the light at the layer that each of its films absorbs, `x` metres from the middle
    /// of a groove, in the order in which light meets them.
    ///
    /// # Errors
    /// [`StackError`] if a film is not physical.
    pub fn absorption(&self, layer: usize, x: f64, recorded: bool, light: &Light) -> Result<Vec<f64>, StackError> {
        let (from, to) = self.around(layer);
        let stack = Stack::new(from.index.re, self.unit(layer).films(x, recorded), to.index)?;
        let mut absorbed = vec![0.0; stack.films().len()];
        stack.absorption(light.wavelength, light.inside(from.index.re), light.polarisation, &mut absorbed);
        Ok(absorbed)
    }
}

/// Coefficient W040 of the spherical aberration, in metres, of a beam of numerical aperture `na`
/// (in air) that is focused through `thickness` metres of index `n` more than the lens was made for:
/// `t (n^2 - 1) NA^4 / (8 n^3)`, the first term of the plate's aberration (Born & Wolf, section
/// 5.5). At the best focus `W040 / (6 sqrt 5)` of it is left, r.m.s.
#[must_use]
pub fn spherical_aberration(thickness: f64, n: f64, na: f64) -> f64 {
    thickness * (n * n - 1.0) * na.powi(4) / (8.0 * n.powi(3))
}
