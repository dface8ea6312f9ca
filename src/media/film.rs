//! What a disc is made of: bodies, films, grooves.

use serde::{Deserialize, Serialize};

use super::quantity::{Angle, Celsius, ChannelBits, Conductivity, HeatCapacity, Length};
use crate::hal::Nanometres;

/// A thick transparent part.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Body {
    /// Thickness.
    pub thickness: Length,
    /// Refractive index.
    pub n: f64,
    /// Thermal conductivity.
    pub conductivity: Conductivity,
    /// Heat capacity by volume.
    pub heat_capacity: HeatCapacity,
}

/// What a film is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum FilmRole {
    /// The recording layer.
    Dye,
    /// The semitransparent or full reflector.
    Reflector,
    /// One of the two electrodes of an electrochromic cell.
    Electrode,
    /// The film of a cell that colours, and loses that by recording; described as it is when bleached.
    Electrochromic,
    /// What conducts the ions of a cell.
    Electrolyte,
    /// A film of a cell that conducts where it is lit or warm (patent C, claims 9 and 12).
    Accelerator,
    /// Anything else: a protective or a low-heat-conductivity film.
    Other,
}

/// A thin film.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Film {
    /// Its material, for people.
    pub material: String,
    /// What it is for.
    pub role: FilmRole,
    /// Thickness in the groove.
    pub groove: Length,
    /// Thickness on the land; zero where there is none.
    pub land: Length,
    /// Width, across the track and centred on the groove, of the band in which the
    /// film is as thick as in the [`groove`](Self::groove); beyond it, it is as thick as on
    /// the [`land`](Self::land). Without it: the groove's own width. A reflector in
    /// stripes has a band and nothing on the land (patent A, claims 2 and 3).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub band: Option<Length>,
    /// Refractive index at the medium's wavelength.
    pub n: f64,
    /// Extinction coefficient at the medium's wavelength.
    pub k: f64,
    /// Thermal conductivity along and across the film.
    pub conductivity: Conductivity,
    /// Heat capacity by volume.
    pub heat_capacity: HeatCapacity,
}

/// What heat does to the film that is recorded on: a dye, or one that colours.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Recording {
    /// Temperature of decomposition; from which on an electrochromic film loses its ability to colour.
    pub temperature: Celsius,
    /// Refractive index after it.
    pub n: f64,
    /// Extinction coefficient after it.
    pub k: f64,
}

/// The groove of a layer.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Groove {
    /// Depth of the relief of the reflecting surface, positive where the groove
    /// lies nearer to the light than the land.
    pub depth: Length,
    /// Width.
    pub width: Length,
    /// Radial displacement against the grooves of the first layer; 360 deg are a track
    /// pitch (patent B, claims 3 and 4).
    #[serde(default)]
    pub phase: Angle,
    /// Its wobble, if it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wobble: Option<Wobble>,
}

/// How a groove swings from side to side: at constant linear velocity a fixed frequency in the
/// push-pull signal, from which a tester takes the speed of the track and the channel clock.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Wobble {
    /// Period along the track: 186 T on DVD-R (eight in a sync frame, 140.6 kHz at 1x).
    pub period: ChannelBits,
    /// Amplitude of the sine by which the middle of the groove swings across the track: half of its
    /// peak-to-peak.
    pub amplitude: Length,
}

impl Wobble {
    /// Amplitude in the push-pull signal on the track over that of crossing tracks of `pitch`:
    /// `sin(2 pi amplitude / pitch)`. DVD-R has 0.06 to 0.12.
    pub fn normalised(&self, pitch: Nanometres) -> f64 {
        (core::f64::consts::TAU * self.amplitude.0 / (f64::from(pitch.0) * 1e-9)).sin()
    }
}
