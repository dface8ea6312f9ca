//! What is wrong with the disc at the place of the spot.

use crate::APERTURE;
use crate::condition::{Condition, Sensitivities, Sensitivity, Shadows};
use crate::model::ModelError;
use disc_hal::media::Medium;

/// What a condition does to light, looked up as the spot goes.
#[derive(Debug, Default)]
pub(super) struct Terrain {
    shadows: Shadows,
    dyes: Sensitivities,
    sound: bool,
}

/// Light at a place over that on a disc without a fault.
#[derive(Debug, Clone, Copy)]
pub(super) struct Local {
    /// On the way in.
    pub(super) clear: f64,
    /// What the dye makes of it.
    pub(super) dye: Sensitivity,
}

impl Local {
    pub(super) const SOUND: Self = Self { clear: 1.0, dye: Sensitivity::NOMINAL };

    /// What makes marks.
    pub(super) fn heat(&self) -> f64 {
        self.clear * self.dye.heat
    }

    /// What comes back from anywhere behind the surface.
    pub(super) fn back(&self) -> f64 {
        self.clear * self.clear
    }
}

impl Terrain {
    pub(super) fn new(condition: &Condition, medium: &Medium) -> Result<Self, ModelError> {
        if condition.is_sound() {
            return Ok(Self { sound: true, ..Self::default() });
        }
        // The spot's 1/e^2 radius: 0.85 of its full width at half maximum, 0.514 lambda / NA.
        let spot = 0.85 * 0.514 * f64::from(medium.wavelength.0) * 1e-9 / APERTURE;
        Ok(Self {
            shadows: Shadows::new(condition, medium, APERTURE, spot),
            dyes: Sensitivities::new(condition, medium, APERTURE)?,
            sound: false,
        })
    }

    /// At a place of the disc, on the way to a layer.
    pub(super) fn at(&self, layer: usize, radius: f64, turns: f64) -> Local {
        if self.sound {
            return Local::SOUND;
        }
        Local { clear: self.shadows.clear(layer, radius, turns), dye: self.dyes.at(layer, radius, turns) }
    }
}
