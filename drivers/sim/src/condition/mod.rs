//! What is wrong with a simulated disc: spots and scratches, and a dye of uneven
//! thickness.
//!
//! A [`Condition`] says it in the words of the factory and in a TOML file; what follows
//! from it is computed. A defect takes light away where it covers a part of the cone that
//! passes its depth, so one on the surface, 0.6 mm above the layer, is a shallow and wide
//! shadow, and the same one in the layer is a hole. Less light writes weaker marks, reads
//! as a dropout, and lets the servos coast. Where the dye is thicker it absorbs
//! another share of the light and has more to heat, so the best power changes from place
//! to place: what a walking calibration follows.
//!
//! ```
//! use disc_hal_sim::Condition;
//!
//! let condition = Condition::parse(
//!     r#"
//!     [[defect]]
//!     kind = "black-spot"
//!     on = "surface"
//!     radius = "24.1 mm"
//!     angle = "90 deg"
//!     size = "200 um"
//!
//!     [[dye]]
//!     layer = 0
//!     profile = [{ radius = "24 mm", thickness = 1.0 }, { radius = "58 mm", thickness = 0.95 }]
//!     once_per_turn = 0.01
//!     "#,
//!     "an example",
//! )?;
//! assert_eq!(condition.defects.len(), 1);
//! # Ok::<(), disc_hal_sim::ConditionError>(())
//! ```

mod drawn;
mod dye;
mod shadow;

use disc_hal::media::{Angle, Length, Medium};
use serde::{Deserialize, Serialize};

pub(crate) use dye::{Sensitivities, Sensitivity};
pub(crate) use shadow::Shadows;

/// Why a condition can't be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConditionError {
    /// The file can't be read.
    #[error("can't read the description of the defects {path}: {source}; give a TOML file, or random:SEED")]
    Read {
        /// The file.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// It isn't TOML of the right shape.
    #[error("the description of the defects {name} is not valid: {source}")]
    Syntax {
        /// File.
        name: String,
        /// Line, column and reason.
        source: Box<toml::de::Error>,
    },
    /// A value makes no sense.
    #[error("{what}; correct it in the description of the defects {name}")]
    Value {
        /// File.
        name: String,
        /// What, where, and the rule that it breaks.
        what: String,
    },
    /// `random:` without a number.
    #[error("`{0}` names no seed: write random:7, with any whole number")]
    Seed(String),
}

/// What a local defect is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum DefectKind {
    /// A bubble of air: bends the light away.
    AirBubble,
    /// Something that absorbs.
    BlackSpot,
    /// A straight scratch, longer than wide: scatters the light.
    Scratch,
}

/// How deep a defect lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Depth {
    /// On the surface, towards the light.
    Surface,
    /// In the middle of the cover.
    Cover,
    /// In the first layer.
    #[serde(rename = "layer-0")]
    Layer0,
    /// In the middle of the bond.
    Bond,
    /// In the second layer.
    #[serde(rename = "layer-1")]
    Layer1,
}

/// A local defect.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DiscDefect {
    /// What it is.
    pub kind: DefectKind,
    /// How deep it lies.
    pub on: Depth,
    /// Radius of its middle.
    pub radius: Length,
    /// Angle of its middle, the way the spot passes, from where sector 030000h begins.
    pub angle: Angle,
    /// Diameter; of a scratch, its length.
    pub size: Length,
    /// Width of a scratch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub width: Option<Length>,
    /// Direction of a scratch: 0 along the track, 90 along the radius.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub direction: Option<Angle>,
    /// Share of the light that passes it, one way.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub transmission: f64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "as serde calls it")]
fn is_zero(value: &f64) -> bool {
    *value == 0.0
}

/// A thickness of the dye at a radius.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DyePoint {
    /// The radius.
    pub radius: Length,
    /// Thickness there, over that of the medium's description.
    pub thickness: f64,
}

/// Uneven thickness of a layer's dye, as spin coating leaves it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DyeProfile {
    /// The layer.
    pub layer: usize,
    /// Thickness along the radius; straight lines in between, constant beyond.
    pub profile: Vec<DyePoint>,
    /// Amplitude of a variation once per turn, as a share of the thickness; greatest at 0 deg.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub once_per_turn: f64,
}

/// The condition of a disc; the default is a disc without a fault.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Condition {
    /// Local defects.
    #[serde(default, rename = "defect", skip_serializing_if = "Vec::is_empty")]
    pub defects: Vec<DiscDefect>,
    /// Uneven dyes, at most one for each layer.
    #[serde(default, rename = "dye", skip_serializing_if = "Vec::is_empty")]
    pub dyes: Vec<DyeProfile>,
}

/// Greatest and least thickness of a dye that its sensitivity is computed for.
const THICKNESS: core::ops::RangeInclusive<f64> = 0.8..=1.2;
/// Largest defect: a fingerprint or a gouge, not a broken disc.
const LARGEST: f64 = 20e-3;

impl Condition {
    /// Whether nothing is wrong.
    pub fn is_sound(&self) -> bool {
        self.defects.is_empty() && self.dyes.is_empty()
    }

    /// The condition of a file, or one drawn at random for `random:SEED` (see
    /// [`random`](Self::random)).
    ///
    /// # Errors
    /// [`ConditionError`].
    pub fn load(name: &str, medium: &Medium) -> Result<Self, ConditionError> {
        if let Some(seed) = name.strip_prefix("random:") {
            let seed = seed.parse().map_err(|_| ConditionError::Seed(name.into()))?;
            return Ok(Self::random(medium, seed));
        }
        let text =
            std::fs::read_to_string(name).map_err(|source| ConditionError::Read { path: name.into(), source })?;
        Self::parse(&text, name)
    }

    /// The condition that `text` (TOML) describes; `name` is for messages.
    ///
    /// # Errors
    /// [`ConditionError::Syntax`] or [`ConditionError::Value`].
    pub fn parse(text: &str, name: &str) -> Result<Self, ConditionError> {
        let condition: Self = toml::from_str(text)
            .map_err(|source| ConditionError::Syntax { name: name.into(), source: Box::new(source) })?;
        condition.check().map_err(|what| ConditionError::Value { name: name.into(), what })?;
        Ok(condition)
    }

    /// As TOML; empty for a sound disc.
    ///
    /// # Errors
    /// None in practice: every condition can be written.
    pub fn to_toml(&self) -> Result<String, toml::ser::Error> {
        toml::to_string(self)
    }

    /// Whether the values make sense; else what doesn't.
    pub(crate) fn check(&self) -> Result<(), String> {
        for (i, defect) in self.defects.iter().enumerate() {
            let fault = |what: String| Err(format!("defect {} ({:?}): {what}", i + 1, defect.kind));
            if !(0.01..0.065).contains(&defect.radius.0) {
                return fault(format!("its radius {:.3} mm is not on a disc: 10 to 65 mm", defect.radius.0 * 1e3));
            }
            if !(1e-6..=LARGEST).contains(&defect.size.0) {
                let size = defect.size.0 * 1e6;
                return fault(format!("its size {size:.1} um is not between 1 um and {} mm", LARGEST * 1e3));
            }
            if !defect.angle.0.is_finite() || defect.direction.is_some_and(|d| !d.0.is_finite()) {
                return fault("its `angle` and `direction` have to be numbers".into());
            }
            if !(0.0..=1.0).contains(&defect.transmission) {
                return fault(format!("its transmission {} is not between 0 and 1", defect.transmission));
            }
            match (defect.kind, defect.width) {
                (DefectKind::Scratch, None) => return fault("a scratch needs a `width`".into()),
                (DefectKind::Scratch, Some(width)) if !(1e-7..=defect.size.0).contains(&width.0) => {
                    let width = width.0 * 1e6;
                    return fault(format!("its width {width:.2} um is not between 0.1 um and its length"));
                }
                (DefectKind::Scratch, Some(_)) => {}
                (_, None) if defect.direction.is_none() => {}
                _ => return fault("`width` and `direction` are for scratches".into()),
            }
        }
        for (i, dye) in self.dyes.iter().enumerate() {
            let fault = |what: String| Err(format!("dye {} (layer {}): {what}", i + 1, dye.layer));
            if dye.layer > 1 || self.dyes[..i].iter().any(|d| d.layer == dye.layer) {
                return fault("one profile for layer 0 and one for layer 1 at most".into());
            }
            if dye.profile.is_empty() || !dye.profile.is_sorted_by(|a, b| a.radius < b.radius) {
                return fault("`profile` needs points in order of radius".into());
            }
            let turn = dye.once_per_turn;
            let thin = |p: &&DyePoint| {
                let (least, most) = (p.thickness * (1.0 - turn.abs()), p.thickness * (1.0 + turn.abs()));
                !(THICKNESS.contains(&least) && THICKNESS.contains(&most))
            };
            if let Some(point) = dye.profile.iter().find(thin) {
                let at = point.radius.0 * 1e3;
                return fault(format!(
                    "the thickness at {at:.3} mm leaves what is computed, 0.8 to 1.2 of the description"
                ));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_condition_survives_its_file_and_unknown_keys_are_refused() {
        let medium = Medium::load("dual-layer").unwrap();
        let condition = Condition::random(&medium, 3);
        let text = condition.to_toml().unwrap();
        assert_eq!(Condition::parse(&text, "x").unwrap(), condition);
        assert!(Condition::default().to_toml().unwrap().is_empty());
        let error = Condition::parse(&text.replacen("angle", "angel", 1), "x.toml").unwrap_err().to_string();
        assert!(error.contains("x.toml") && error.contains("angel"), "{error}");
    }

    #[test]
    fn values_without_sense_are_named() {
        let spot = "[[defect]]\nkind = \"black-spot\"\non = \"layer-0\"\nradius = \"24 mm\"\nangle = \"0 deg\"\n";
        let cases = [
            (format!("{spot}size = \"50 mm\"\n"), "not between 1 um and 20 mm"),
            (format!("{spot}size = \"50 um\"\nwidth = \"1 um\"\n"), "are for scratches"),
            (format!("{spot}size = \"50 um\"\ntransmission = 1.5\n"), "not between 0 and 1"),
            (format!("{spot}size = \"50 um\"\n").replace("black-spot", "scratch"), "needs a `width`"),
            (format!("{spot}size = \"50 um\"\n").replace("24 mm", "2 mm"), "is not on a disc"),
            ("[[dye]]\nlayer = 0\nprofile = []\n".into(), "in order of radius"),
            (
                "[[dye]]\nlayer = 1\nprofile = [{ radius = \"24 mm\", thickness = 1.19 }]\nonce_per_turn = 0.02\n"
                    .into(),
                "0.8 to 1.2",
            ),
        ];
        for (text, words) in cases {
            let error = Condition::parse(&text, "x").unwrap_err().to_string();
            assert!(error.contains(words), "{text}: {error}");
        }
        let medium = Medium::load("dual-layer").unwrap();
        assert!(Condition::load("random:x", &medium).unwrap_err().to_string().contains("random:7"));
        assert!(Condition::load("none.toml", &medium).unwrap_err().to_string().contains("none.toml"));
    }
}
