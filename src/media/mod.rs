//! What a disc is: films, grooves, layout. Descriptions only, no physics.
//!
//! A [`Medium`] is read from a TOML file (unknown keys are refused, every
//! quantity carries its unit) or taken from a preset by name; see
//! [`Medium::load`]. Drivers for real testers use its speeds, addresses and
//! recommended strategies; the simulator computes everything else from its films.

mod cell;
mod check;
mod film;
mod quantity;
mod targets;

use std::fmt;
use std::path::Path;

use serde::{Deserialize, Serialize};

pub use cell::{Accelerator, Cell, Drive, Photoconduction};
pub use film::{Body, Film, FilmRole, Groove, Recording, Wobble};
pub use quantity::{
    Activation, Angle, AreaResistance, Celsius, ChannelBits, ChargeDensity, ColorationEfficiency, Conductivity,
    Current, Duration, HeatCapacity, Intensity, Length, QuantityError, Resistance, Surface, Voltage,
};
pub use targets::{GammaTarget, KappaTarget};

use crate::hal::{Address, Hertz, MicrometresPerSecond, Microwatts, Nanometres, WriteStrategy};

/// What is wrong with a medium description.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MediumError {
    /// Neither a preset nor a file.
    #[error("there is no medium `{name}`: give one of the presets ({presets}) or a medium file (.toml)")]
    Unknown {
        /// What was asked for.
        name: String,
        /// The names that exist.
        presets: String,
    },
    /// The file can't be read.
    #[error("can't read the medium file {path}")]
    Read {
        /// The file.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// It isn't TOML of the right shape.
    #[error("the medium description {name} is not valid: {source}")]
    Syntax {
        /// File or preset.
        name: String,
        /// Line, column and reason.
        source: Box<toml::de::Error>,
    },
    /// It contradicts itself.
    #[error("the medium `{medium}`{} contradicts itself: {what}", Source(medium, file.as_deref()))]
    Contradiction {
        /// Its name.
        medium: String,
        /// The file, or whatever else it was read from, where that is known.
        file: Option<String>,
        /// What, where, and the rule that it breaks.
        what: String,
    },
}

/// Where a medium is from, if that says more than its name.
struct Source<'a>(&'a str, Option<&'a str>);

impl fmt::Display for Source<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.1 {
            Some(file) if file != self.0 => write!(f, " ({file})"),
            _ => Ok(()),
        }
    }
}

/// A disc: its format, and its layers from the incident side inwards.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Medium {
    /// Its name, as in `--medium`.
    pub name: String,
    /// What it is an example of.
    #[serde(default)]
    pub description: String,
    /// Wavelength for which the films are meant.
    pub wavelength: Nanometres,
    /// Distance of neighbouring tracks.
    pub track_pitch: Nanometres,
    /// Speed of the track under the spot at 1x.
    pub velocity: MicrometresPerSecond,
    /// Channel clock at 1x.
    pub channel_clock: Hertz,
    /// Power for reading, on the disc surface.
    pub read_power: Microwatts,
    /// Which measures a recording on it must meet.
    pub limits: LimitSet,
    /// The transparent cover through which all light comes.
    pub cover: Body,
    /// The transparent layer between each two layers.
    pub bond: Body,
    /// The layers, nearest to the light first.
    #[serde(rename = "layer")]
    pub layers: Vec<Layer>,
}

/// A named set of limits (see [`crate::signal`]).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum LimitSet {
    /// DVD-R for dual layer.
    DvdRDualLayer,
    /// DVD-R for general, single layer.
    DvdRSingleLayer,
    /// Electrochromic media, for which there is no standard.
    Electrochromic,
}

/// Which way addresses grow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Direction {
    /// From the inner to the outer radius.
    Outwards,
    /// From the outer to the inner radius (opposite track path).
    Inwards,
}

/// A range of addresses, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Area {
    /// First physical sector number.
    pub first: u32,
    /// Last physical sector number.
    pub last: u32,
}

impl Area {
    /// Number of sectors.
    pub fn sectors(&self) -> u32 {
        (self.last + 1).saturating_sub(self.first)
    }

    /// Whether `address` lies in it.
    pub fn contains(&self, address: Address) -> bool {
        (self.first..=self.last).contains(&address.0)
    }
}

impl fmt::Display for Area {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:06X}h to {:06X}h", self.first, self.last)
    }
}

/// Where things are on a layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Layout {
    /// Which way addresses grow.
    pub direction: Direction,
    /// Address of what lies over sector 0 of the first layer; for media of many layers, whose
    /// addresses are apart. Addresses grow outwards then.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub origin: u32,
    /// For power calibration.
    pub test: Area,
    /// For data.
    pub data: Area,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks with a reference")]
const fn is_zero(number: &u32) -> bool {
    *number == 0
}

/// What the maker recommends for writing.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Recommendation {
    /// The strategy, at the indicated power.
    pub strategy: WriteStrategy,
    /// Asymmetry of the a.c. coupled signal that calibration aims at.
    pub beta: f64,
    /// Target of calibrations by gamma.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gamma: Option<GammaTarget>,
    /// Target of calibrations by kappa.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kappa: Option<KappaTarget>,
}

/// A recording layer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Layer {
    /// Its films, in the order in which light meets them.
    #[serde(rename = "film")]
    pub films: Vec<Film>,
    /// What recording makes of its film.
    pub recording: Recording,
    /// Its groove.
    pub groove: Groove,
    /// Where things are.
    pub layout: Layout,
    /// How to write on it.
    pub write: Recommendation,
    /// Its cell, if it is electrochromic.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cell: Option<Cell>,
}

impl Layer {
    /// The dye film.
    pub fn dye(&self) -> Option<&Film> {
        self.films.iter().find(|f| f.role == FilmRole::Dye)
    }

    /// The film that colours.
    pub fn electrochromic(&self) -> Option<&Film> {
        self.films.iter().find(|f| f.role == FilmRole::Electrochromic)
    }

    /// The reflector.
    pub fn reflector(&self) -> Option<&Film> {
        self.films.iter().find(|f| f.role == FilmRole::Reflector)
    }
}

/// The presets: names and medium files. One for each claim of patents A and B that a disc
/// can meet, and one for the contrast of each; and discs of patent C.
const PRESETS: &[(&str, &str)] = &[
    ("dual-layer", include_str!("presets/dual-layer.toml")),
    ("matched-low-k", include_str!("presets/matched-low-k.toml")),
    ("matched-stripe", include_str!("presets/matched-stripe.toml")),
    ("matched-two-thickness", include_str!("presets/matched-two-thickness.toml")),
    ("thin-reflector", include_str!("presets/thin-reflector.toml")),
    ("narrow-stripe", include_str!("presets/narrow-stripe.toml")),
    ("thin-dye", include_str!("presets/thin-dye.toml")),
    ("opposite-phase", include_str!("presets/opposite-phase.toml")),
    ("recessed", include_str!("presets/recessed.toml")),
    ("flat-dye", include_str!("presets/flat-dye.toml")),
    ("not-inverted", include_str!("presets/not-inverted.toml")),
    ("ec-pedot-4", include_str!("presets/ec-pedot-4.toml")),
    ("ec-photoconductor", include_str!("presets/ec-photoconductor.toml")),
    ("ec-warm", include_str!("presets/ec-warm.toml")),
];

impl Medium {
    /// Names of the presets.
    pub fn presets() -> impl Iterator<Item = &'static str> {
        PRESETS.iter().map(|(name, _)| *name)
    }

    /// A preset by its name, or the medium file of that path.
    ///
    /// # Errors
    /// [`MediumError`] for an unknown name, an unreadable or malformed file, or
    /// a description that contradicts itself.
    pub fn load(name: &str) -> Result<Self, MediumError> {
        if let Some((_, text)) = PRESETS.iter().find(|(preset, _)| *preset == name) {
            return Self::parse(text, name);
        }
        if !Path::new(name).exists() && !name.ends_with(".toml") {
            return Err(MediumError::Unknown {
                name: name.into(),
                presets: Self::presets().collect::<Vec<_>>().join(", "),
            });
        }
        let text = std::fs::read_to_string(name).map_err(|source| MediumError::Read { path: name.into(), source })?;
        Self::parse(&text, name)
    }

    /// The medium that `text` (TOML) describes; `name` is for messages.
    ///
    /// # Errors
    /// [`MediumError::Syntax`] or [`MediumError::Contradiction`].
    pub fn parse(text: &str, name: &str) -> Result<Self, MediumError> {
        let medium: Self = toml::from_str(text)
            .map_err(|source| MediumError::Syntax { name: name.into(), source: Box::new(source) })?;
        check::medium(&medium).map_err(|what| MediumError::Contradiction {
            medium: medium.name.clone(),
            file: Some(name.into()),
            what,
        })?;
        Ok(medium)
    }

    /// The medium as TOML.
    ///
    /// # Errors
    /// None in practice: every description can be written.
    pub fn to_toml(&self) -> Result<String, toml::ser::Error> {
        toml::to_string(self)
    }

    /// The JSON schema of medium files (draft 2020-12), for editors and other programs; a
    /// copy is in `docs/medium.schema.json`. What it accepts may still contradict itself:
    /// [`check`](Self::check) says.
    #[cfg(feature = "schema")]
    pub fn schema() -> schemars::Schema {
        schemars::schema_for!(Self)
    }

    /// Whether its layers are chosen by electrodes: all of them are electrochromic, or none is.
    pub fn is_electrochromic(&self) -> bool {
        self.layers.first().is_some_and(|l| l.cell.is_some())
    }

    /// Length of a channel bit in metres.
    pub fn channel_bit(&self) -> f64 {
        f64::from(self.velocity.0) * 1e-6 / f64::from(self.channel_clock.0)
    }

    /// Whether the description makes sense.
    ///
    /// # Errors
    /// [`MediumError::Contradiction`] that names the layer, the film and the rule.
    pub fn check(&self) -> Result<(), MediumError> {
        check::medium(self).map_err(|what| MediumError::Contradiction { medium: self.name.clone(), file: None, what })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_medium_survives_its_own_file_format() {
        for name in Medium::presets() {
            let medium = Medium::load(name).unwrap();
            assert_eq!(medium.name, name);
            assert_eq!(Medium::parse(&medium.to_toml().unwrap(), "test").unwrap(), medium);
        }
    }

    #[test]
    fn a_wobble_is_read_with_its_units() {
        // DVD-R: clock / 186, normalised amplitude 0.06 to 0.12.
        for layer in &Medium::load("dual-layer").unwrap().layers {
            let wobble = layer.groove.wobble.unwrap();
            assert_eq!(wobble.period, ChannelBits(186.0));
            assert!((0.06..0.12).contains(&wobble.normalised(Nanometres(740))), "{wobble:?}");
        }
        let text = PRESETS[0].1;
        let own = r#"wobble = { period = "186 T", amplitude = "10 nm" }"#;
        for (other, words) in [
            (r#"wobble = { period = 186, amplitude = "10 nm" }"#, "write a number and a unit"),
            (r#"wobble = { period = "186 nm", amplitude = "10 nm" }"#, "\"186 T\""),
            (r#"wobble = { period = "186 T", amplitude = "10 T" }"#, "length"),
            (r#"wobble = { period = "186 T" }"#, "amplitude"),
            (r#"wobble = { period = "186 T", amplitude = "10 nm", phase = "0 deg" }"#, "phase"),
        ] {
            assert!(text.contains(own));
            let message = Medium::parse(&text.replacen(own, other, 1), "x.toml").unwrap_err().to_string();
            assert!(message.contains(words), "{other}: {message}");
        }
        assert!(Medium::parse(&text.replace(own, ""), "x.toml").unwrap().layers[0].groove.wobble.is_none());
    }

    #[test]
    fn what_contradicts_itself_is_named() {
        let broken = |change: &dyn Fn(&mut Medium)| {
            let mut medium = Medium::load("dual-layer").unwrap();
            change(&mut medium);
            medium.check().unwrap_err().to_string()
        };
        let message = broken(&|m| m.layers[0].films[0].groove = Length(-80e-9));
        assert!(message.contains("layer 0: film 0") && message.contains("-80 nm"), "{message}");
        let message = broken(&|m| m.layers[1].films.retain(|f| f.role != FilmRole::Reflector));
        assert!(message.contains("layer 1") && message.contains("0 reflectors"), "{message}");
        let message = broken(&|m| m.layers[1].layout.test = Area { first: 0xFE_0800, last: 0xFE_17FF });
        assert!(message.contains("too near to each other"), "{message}");
        // Side by side isn't enough: the cone of light, and layers that aren't centred.
        let message = broken(&|m| m.layers[1].layout.test = Area { first: 0xFD_FC50, last: 0xFE_07FF });
        assert!(message.contains("0.0 um") && message.contains("at least 12"), "{message}");
        let message = broken(&|m| m.layers[1].write.strategy.top = [0; 3]);
        assert!(message.contains("layer 1") && message.contains("top [0, 0, 0]"), "{message}");
        let message = broken(&|m| m.layers[1].films[1].band = Some(Length(741e-9)));
        assert!(message.contains("layer 1: film 1") && message.contains("band of 741 nm"), "{message}");
        let message = broken(&|m| m.layers[1].groove.phase = Angle(f64::NAN));
        assert!(message.contains("groove phase"), "{message}");
        let wobble = |period, amplitude| Some(Wobble { period: ChannelBits(period), amplitude: Length(amplitude) });
        let message = broken(&|m| m.layers[1].groove.wobble = wobble(15.0, 10e-9));
        assert!(message.contains("layer 1: wobble: period 15 T"), "{message}");
        let message = broken(&|m| m.layers[1].groove.wobble = wobble(186.0, 186e-9));
        assert!(message.contains("wobble: amplitude 186 nm") && message.contains("740 nm"), "{message}");
        let message = broken(&|m| m.layers[0].films[0].n = f64::NAN);
        assert!(message.contains("not physical"), "{message}");
    }

    #[test]
    fn unknown_names_and_keys_are_refused() {
        let message = Medium::load("duallayer").unwrap_err().to_string();
        assert!(message.contains("`duallayer`") && message.contains("dual-layer"), "{message}");
        let text = PRESETS[0].1.replace("read_power", "reed_power");
        let message = Medium::parse(&text, "x.toml").unwrap_err().to_string();
        assert!(message.contains("x.toml") && message.contains("reed_power"), "{message}");
    }

    #[test]
    fn a_contradiction_names_the_file_that_it_is_in() {
        let text = PRESETS[0].1.replacen("groove = \"", "groove = \"-", 1);
        let message = |name: &str| Medium::parse(&text, name).unwrap_err().to_string();
        assert!(
            message("x.toml").starts_with("the medium `dual-layer` (x.toml) contradicts itself"),
            "{}",
            message("x")
        );
        assert!(message("dual-layer").starts_with("the medium `dual-layer` contradicts itself"));
    }

    #[test]
    fn what_has_no_unit_is_asked_for_one() {
        for (with, without, words) in [
            ("thickness = \"55 um\"", "thickness = 55", ["`55` is not a length", "80 nm"]),
            ("thickness = \"55 um\"", "thickness = 55.5", ["`55.5` is not a length", "80 nm"]),
            ("thickness = \"55 um\"", "thickness = true", ["`true` is not a length", "80 nm"]),
            ("thickness = \"55 um\"", "thickness = [55]", ["a length with its unit", "80 nm"]),
            ("conductivity = \"0.2 W/mK\"", "conductivity = 0.2", ["`0.2` is not a thermal conductivity", "W/mK"]),
            ("wavelength = \"650 nm\"", "wavelength = 650", ["`650`", "a unit such as nm"]),
            ("read_power = \"1 mW\"", "read_power = 0", ["`0`", "a unit such as uW"]),
        ] {
            assert!(PRESETS[0].1.contains(with), "{with}");
            let message = Medium::parse(&PRESETS[0].1.replacen(with, without, 1), "x.toml").unwrap_err().to_string();
            assert!(
                words.iter().all(|word| message.contains(word)) && message.contains("line "),
                "{without}: {message}"
            );
        }
    }
}
