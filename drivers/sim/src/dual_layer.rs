//! Dual-layer write-once media, and what light does in them.
//!
//! The order of films is the maker's: the preset has that of patent B, the "inverse stack"
//! (substrate | dye | thin silver | bond | dye | silver | substrate: both dyes lie on the light side
//! of their reflector, and the second unit is made upside down on the second substrate), and any
//! other order, number of films, and films in bands across the track can be given.
//!
//! From the films follow: reflectance of groove, land and mark with their phases, transmission of
//! the first layer, push-pull, and the share of the incident light that turns into heat in every
//! film. Nothing here is a setting of its own. A track is cut into [`Zone`]s, at the border of the
//! groove and at those of all bands; within each, the films are those of an endless plane.

mod cross_track;
mod described;
mod diffraction;
mod heating;
mod light;
mod shadow;
mod zones;

pub use cross_track::{CrossTrack, Place};
pub use described::Unsupported;
pub use diffraction::PushPull;
pub(crate) use diffraction::zero_crossing as diffraction_crossing;
pub use heating::{WriteOptics, writing, writing_at};
pub use light::{Light, spherical_aberration};
pub use shadow::{Shadow, defocused_transfer};
pub use zones::Zone;

use crate::complex::C64;
use crate::materials::{Dye, Material};
use crate::optics::StackError;

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

impl Coat {
    /// A film of one thickness in metres.
    #[must_use]
    pub const fn even(material: Material, thickness: f64) -> Self {
        Self { material, thickness, land: thickness, half_width: f64::INFINITY }
    }

    /// Its thickness `x` metres from the middle of the groove, in metres.
    #[must_use]
    pub fn at(&self, x: f64) -> f64 {
        if x < self.half_width { self.thickness } else { self.land }
    }
}

/// One recording unit: films, with grooves.
#[derive(Debug, Clone, PartialEq)]
pub struct Unit {
    /// The dye.
    pub dye: Dye,
    /// Thickness of the dye in the groove, metres.
    pub groove_dye: f64,
    /// Thickness of the dye on the land, metres.
    pub land_dye: f64,
    /// Half of the width, metres, over which the dye is as thick as in the groove, where that isn't
    /// the groove's own.
    pub dye_half_width: Option<f64>,
    /// All other films, in the order in which light meets them.
    pub coats: Vec<Coat>,
    /// How many of them light meets before the dye.
    pub dye_at: usize,
    /// Which of them is the reflector.
    pub reflector: usize,
    /// Displacement of the groove toward the *first* substrate, that is toward the light, at the
    /// moulded face on which the films were coated; negative away from it. Metres. (Claims B5 and
    /// B6 differ in this sign of the second unit.)
    pub relief: f64,
    /// Width of the groove, metres.
    pub groove_width: f64,
    /// Displacement of the grooves outwards against those of the first layer, as a part of the
    /// track pitch (claims B3 and B4).
    pub phase: f64,
}

/// Two recording units with a bond between them.
#[derive(Debug, Clone, PartialEq)]
pub struct DualLayer {
    /// Wavelength in vacuum for which the indices hold, metres.
    pub wavelength: f64,
    /// Substrates.
    pub substrate: Material,
    /// The bond.
    pub bond: Material,
    /// Thickness of the bond, metres.
    pub bond_thickness: f64,
    /// The unit nearer to the light.
    pub l0: Unit,
    /// The farther unit.
    pub l1: Unit,
    /// Track pitch, metres.
    pub pitch: f64,
}

/// What one place of a layer does with light that falls on it from its light side.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Patch {
    /// Reflected amplitude, with the phase of the relief: comparable between all places of a layer.
    pub r: C64,
    /// Transmitted amplitude, with the phase of the relief.
    pub t: C64,
    /// Reflected share of the power.
    pub reflectance: f64,
    /// Transmitted share of the power.
    pub transmittance: f64,
    /// Share absorbed in the dye.
    pub dye: f64,
    /// Share absorbed in the reflector.
    pub metal: f64,
    /// Share absorbed in all other films.
    pub other: f64,
}

impl Patch {
    /// Share that turns into heat.
    #[must_use]
    pub fn absorbed(&self) -> f64 {
        self.dye + self.metal + self.other
    }
}

/// A layer's places.
#[derive(Debug, Clone, PartialEq)]
pub struct LayerOptics {
    /// Middle of the land, unrecorded.
    pub land: Patch,
    /// Middle of the groove, unrecorded.
    pub groove: Patch,
    /// Middle of the groove, recorded.
    pub mark: Patch,
    /// Middle of the land, recorded.
    pub land_mark: Patch,
    /// All zones, from the middle of the groove to that of the land.
    pub zones: Vec<Zone>,
    /// Displacement of the grooves outwards against those of the first layer, as a part of the
    /// track pitch.
    pub phase: f64,
}

/// Light in the whole medium.
#[derive(Debug, Clone, PartialEq)]
pub struct MediumOptics {
    /// First layer, seen from the first substrate.
    pub l0: LayerOptics,
    /// Second layer, seen from the bond.
    pub l1: LayerOptics,
    /// Transmission of the disc's surface, one way.
    pub surface: f64,
    /// Mean transmission of the unrecorded first layer by area: the light for the second layer
    /// crosses many tracks of the first.
    pub l0_transmittance: f64,
}

impl DualLayer {
    /// Light in both layers, at normal incidence and the medium's own wavelength.
    ///
    /// # Errors
    /// [`StackError`] if a film is not physical.
    pub fn optics(&self) -> Result<MediumOptics, StackError> {
        self.optics_in(&Light::normal(self.wavelength))
    }

    /// Light in both layers, for any plane wave. The indices stay those of the medium's wavelength:
    /// there is no dispersion.
    ///
    /// # Errors
    /// [`StackError`] if a film is not physical.
    pub fn optics_in(&self, light: &Light) -> Result<MediumOptics, StackError> {
        let l0 = self.layer_optics(0, light)?;
        let l1 = self.layer_optics(1, light)?;
        let l0_transmittance = l0.zones.iter().map(|z| z.share * z.blank.transmittance).fold(0.0, |a, t| a + t);
        Ok(MediumOptics { surface: light.surface(self.substrate.index.re)?, l0_transmittance, l0, l1 })
    }

    /// One of the units.
    #[must_use]
    pub const fn unit(&self, layer: usize) -> &Unit {
        if layer == 0 { &self.l0 } else { &self.l1 }
    }

    /// What lies before and behind the films of a unit.
    #[must_use]
    pub const fn around(&self, layer: usize) -> (Material, Material) {
        if layer == 0 { (self.substrate, self.bond) } else { (self.bond, self.substrate) }
    }

    /// Spot and track for a lens of numerical aperture `na`; the spot's 1/e^2 radius is 0.85 of its
    /// full width at half maximum, 0.514 wavelength / NA.
    #[must_use]
    pub fn cross_track(&self, na: f64) -> CrossTrack {
        self.cross_track_at(na, self.wavelength)
    }

    /// The same at another wavelength.
    #[must_use]
    pub fn cross_track_at(&self, na: f64, wavelength: f64) -> CrossTrack {
        CrossTrack {
            spot_radius: 0.85 * 0.514 * wavelength / na,
            pitch: self.pitch,
            orders: na * self.pitch / wavelength,
        }
    }
}

impl MediumOptics {
    /// Transmission of the first layer where a share `recorded` of its groove area is marks.
    #[must_use]
    pub fn l0_transmittance_recorded(&self, recorded: f64) -> f64 {
        let in_groove = self.l0.zones.iter().filter(|z| z.in_groove);
        let change = in_groove
            .map(|z| z.share * recorded * (z.mark.transmittance - z.blank.transmittance))
            .fold(0.0, |a, t| a + t);
        self.l0_transmittance + change
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

    /// Reflectance of a blank layer from outside the disc for a wide parallel beam, in its mirror
    /// direction: without what the grooves diffract to other sides.
    #[must_use]
    pub fn specular(&self, layer: usize) -> f64 {
        let zones = &self.layer(layer).zones;
        let amplitude = zones.iter().fold(C64::ZERO, |sum, z| sum + z.blank.r.scale(z.share));
        self.incident(layer).powi(2) * amplitude.norm_sqr()
    }

    /// One layer's optics.
    #[must_use]
    pub const fn layer(&self, layer: usize) -> &LayerOptics {
        if layer == 0 { &self.l0 } else { &self.l1 }
    }
}

#[cfg(test)]
mod diffraction_tests;
#[cfg(test)]
mod tests;
