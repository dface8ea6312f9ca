//! A dual-layer write-once medium, and what light does in it.
//!
//! Order of films as in patent B, the "inverse stack":
//! substrate | dye | thin silver | bond | dye | silver | substrate. Both dyes lie on the light side
//! of their reflector; the second unit is made upside down on the second substrate.
//!
//! From the films follow: reflectance of groove, land and mark with their phases, transmission of
//! the first layer, and the share of the incident light that turns into heat in every film. Nothing
//! here is a setting of its own.

mod cross_track;
mod described;
mod heating;

pub use cross_track::CrossTrack;
pub use described::Unsupported;
pub use heating::{Place, WriteOptics, writing, writing_at};

use crate::complex::C64;
use crate::materials::{Dye, Material};
use crate::optics::{Film, Polarisation, Stack, StackError};

/// A film of a material, perhaps with another thickness beside a band along the track.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Coat {
    /// What it is made of.
    pub material: Material,
    /// Thickness in the band, metres.
    pub thickness: f64,
    /// Thickness outside the band, metres; zero where there is nothing.
    pub land: f64,
    /// Half of the band's width, metres, about the middle of the groove; infinite, or half the
    /// track pitch and more, for a film of one thickness.
    pub half_width: f64,
}

/// One recording unit: dye and reflector with grooves.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Unit {
    /// The dye.
    pub dye: Dye,
    /// Thickness of the dye in the groove, metres.
    pub groove_dye: f64,
    /// Thickness of the dye on the land, metres.
    pub land_dye: f64,
    /// A film between dye and reflector (claim A5), or none.
    pub barrier: Option<Coat>,
    /// The reflector.
    pub reflector: Coat,
    /// Displacement of the groove toward the *first* substrate, that is toward the light, at the
    /// face on which the dye was coated; negative away from it. Metres. (Claims B5 and B6 differ
    /// in this sign of the second unit.)
    pub relief: f64,
}

/// Two recording units with a bond between them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DualLayer {
    /// Wavelength in vacuum, metres.
    pub wavelength: f64,
    /// Substrates.
    pub substrate: Material,
    /// The bond.
    pub bond: Material,
    /// The unit nearer to the light.
    pub l0: Unit,
    /// The farther unit.
    pub l1: Unit,
    /// Track pitch, metres.
    pub pitch: f64,
    /// Width of the groove, metres.
    pub groove_width: f64,
}

/// What one place of a layer does with light that falls on it from its light side.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Patch {
    /// Reflected amplitude, with the phase of the relief: comparable between land and groove.
    pub r: C64,
    /// Reflected share of the power.
    pub reflectance: f64,
    /// Transmitted share of the power.
    pub transmittance: f64,
    /// Share absorbed in the dye.
    pub dye: f64,
    /// Share absorbed in the reflector.
    pub metal: f64,
}

/// The four kinds of place of a layer.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LayerOptics {
    /// Land, unrecorded.
    pub land: Patch,
    /// Groove, unrecorded.
    pub groove: Patch,
    /// Groove, recorded.
    pub mark: Patch,
    /// Land that a wide mark covers.
    pub land_mark: Patch,
}

/// Light in the whole medium.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MediumOptics {
    /// First layer, seen from the first substrate.
    pub l0: LayerOptics,
    /// Second layer, seen from the bond.
    pub l1: LayerOptics,
    /// Transmission of the disc's surface, one way.
    pub surface: f64,
    /// Mean transmission of the unrecorded first layer, groove and land by area: the light for the
    /// second layer crosses many tracks of the first.
    pub l0_transmittance: f64,
    /// Area of the groove over that of the track.
    groove_share: f64,
}

impl Unit {
    /// The films from the light side on, for one thickness and state of the dye.
    #[must_use]
    pub fn films(&self, dye: f64, recorded: bool) -> Vec<Film> {
        let index = if recorded { self.dye.recorded } else { self.dye.unrecorded.index };
        let mut films = vec![Film { index, thickness: dye }];
        films.extend(
            self.barrier
                .iter()
                .chain([&self.reflector])
                .map(|c| Film { index: c.material.index, thickness: c.thickness }),
        );
        films
    }

    fn patch(
        &self,
        wavelength: f64,
        from: Material,
        to: Material,
        (dye, recorded): (f64, bool),
        toward_light: f64,
    ) -> Result<Patch, StackError> {
        let stack = Stack::new(from.index.re, self.films(dye, recorded), to.index)?;
        let mut a = [0.0; 3];
        let s = stack.absorption(wavelength, 0.0, Polarisation::S, &mut a);
        // A place nearer to the light shortens the path there and back.
        let phase = -2.0 * core::f64::consts::TAU * from.index.re * toward_light / wavelength;
        Ok(Patch {
            r: s.r * C64::polar(1.0, phase),
            reflectance: s.reflectance,
            transmittance: s.transmittance,
            dye: a[0],
            metal: a[stack.films().len() - 1],
        })
    }

    fn optics(
        &self,
        wavelength: f64,
        from: Material,
        to: Material,
        groove_toward_light: f64,
    ) -> Result<LayerOptics, StackError> {
        let at = |dye: f64, recorded: bool, up: f64| self.patch(wavelength, from, to, (dye, recorded), up);
        Ok(LayerOptics {
            land: at(self.land_dye, false, 0.0)?,
            groove: at(self.groove_dye, false, groove_toward_light)?,
            mark: at(self.groove_dye, true, groove_toward_light)?,
            land_mark: at(self.land_dye, true, 0.0)?,
        })
    }
}

impl DualLayer {
    /// Light in both layers.
    ///
    /// # Errors
    /// [`StackError`] if a film is not physical.
    pub fn optics(&self) -> Result<MediumOptics, StackError> {
        let l0 = self.l0.optics(self.wavelength, self.substrate, self.bond, self.l0.relief)?;
        // The dye of the second unit lies on the light side of the moulded face: where it is
        // thicker its surface is nearer to the light.
        let l1_surface = self.l1.relief + self.l1.groove_dye - self.l1.land_dye;
        let l1 = self.l1.optics(self.wavelength, self.bond, self.substrate, l1_surface)?;
        let n = self.substrate.index.re;
        let share = self.groove_width / self.pitch;
        Ok(MediumOptics {
            surface: 1.0 - ((n - 1.0) / (n + 1.0)).powi(2),
            l0_transmittance: share * l0.groove.transmittance + (1.0 - share) * l0.land.transmittance,
            groove_share: share,
            l0,
            l1,
        })
    }

    /// Spot and track for a lens of numerical aperture `na`; the spot's 1/e^2 radius is 0.85 of its
    /// full width at half maximum, 0.514 wavelength / NA.
    #[must_use]
    pub fn cross_track(&self, na: f64) -> CrossTrack {
        CrossTrack {
            spot_radius: 0.85 * 0.514 * self.wavelength / na,
            groove_width: self.groove_width,
            pitch: self.pitch,
            orders: na * self.pitch / self.wavelength,
        }
    }
}

impl MediumOptics {
    /// Transmission of the first layer where a share `recorded` of its groove area is marks.
    #[must_use]
    pub fn l0_transmittance_recorded(&self, recorded: f64) -> f64 {
        self.l0_transmittance
            + self.groove_share * recorded * (self.l0.mark.transmittance - self.l0.groove.transmittance)
    }

    /// Share of the light on the disc's surface that reaches a layer (0 or 1), first layer
    /// unrecorded.
    #[must_use]
    pub fn incident(&self, layer: usize) -> f64 {
        if layer == 0 { self.surface } else { self.surface * self.l0_transmittance }
    }

    /// Reflectance of a layer as seen from outside the disc, on the middle of a track, with a mark
    /// of half width `h` metres under the spot; first layer unrecorded for the second.
    #[must_use]
    pub fn seen(&self, x: &CrossTrack, layer: usize, h: f64) -> f64 {
        self.incident(layer).powi(2) * x.level(self.layer(layer), h)
    }

    /// One layer's optics.
    #[must_use]
    pub const fn layer(&self, layer: usize) -> &LayerOptics {
        if layer == 0 { &self.l0 } else { &self.l1 }
    }
}

#[cfg(test)]
mod tests;
