//! Whether a medium has what the patents claim, with the figure that says so.
//!
//! Every figure is computed from the films, grooves, heat and cells of the description, by the same
//! models that the simulated bench uses; nothing is read off a flag. Where a claim is about a
//! feature, the figure is computed a second time with the feature taken out of the
//! description ([`Figure::without`]), so that the effect shows and not only the presence.
//!
//! Bounds are those of the project's list of claims. They hold for assumed materials: see the
//! text of each [`Claim`].

mod cells;
mod grooves;
mod heat;
mod rises;
mod units;

use core::fmt;

use disc_hal::media::Medium;
use rayon::prelude::*;
use serde::Serialize;

use crate::model::ModelError;

use cells::Cells;
use grooves::Followed;
use heat::Heat;
pub use heat::{PULSES, PowerRatio, contact_areas, heat_ratio, power_ratio};
use rises::Rises;

/// A claim of patent A (heat), B (units and grooves) or C (electrochromic cells; those that a medium
/// by itself can meet).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[non_exhaustive]
pub enum Claim {
    /// Both dyes lose heat equally fast to their reflector.
    A1,
    /// The second reflector touches only a part of the second dye.
    A2,
    /// The second reflector is thick in that part and thinner beyond it.
    A3,
    /// The irradiated areas of contact of both layers are equal.
    A4,
    /// A film that conducts heat badly lies between the second dye and its reflector.
    A5,
    /// Two units, the second one inverted, bonded film to dye.
    B1,
    /// Grooves and lands in both layers; the dye is equally thick in both grooves, and thicker there than on the land.
    B2,
    /// The grooves of both layers lie over each other.
    B3,
    /// The grooves of one layer lie over the lands of the other.
    B4,
    /// Grooves of both layers displaced toward the first substrate.
    B5,
    /// Groove raised in the first layer, recessed in the second.
    B6,
    /// A film in a cell that speeds colouring and bleaching by light or heat.
    C9,
    /// A layer that colours and can't be recorded.
    C10,
    /// A photoconductor between the film of a cell and an electrode.
    C12,
    /// Films of a derivative of polythiophene.
    C13,
}

impl Claim {
    /// Those of media with two layers of dye.
    pub const DUAL_LAYER: [Self; 11] =
        [Self::A1, Self::A2, Self::A3, Self::A4, Self::A5, Self::B1, Self::B2, Self::B3, Self::B4, Self::B5, Self::B6];

    /// Those of electrochromic media.
    pub const ELECTROCHROMIC: [Self; 4] = [Self::C9, Self::C10, Self::C12, Self::C13];

    /// Those that a medium can be checked against.
    #[must_use]
    pub fn of(medium: &Medium) -> &'static [Self] {
        if medium.is_electrochromic() { &Self::ELECTROCHROMIC } else { &Self::DUAL_LAYER }
    }

    /// What it demands of a medium.
    #[must_use]
    pub const fn demand(self) -> &'static str {
        match self {
            Self::A1 => "the dye of each layer loses heat to its reflector equally fast",
            Self::A2 => "the second reflector touches only part of the second dye",
            Self::A3 => "the second reflector is thick in that part and thinner beyond it",
            Self::A4 => "the irradiated areas where dye and reflector touch are equal in both layers",
            Self::A5 => "a film of low heat conductivity lies between the second dye and its reflector",
            Self::B1 => "two units, the second inverted: its dye faces the translucent film of the first",
            Self::B2 => "dye equally thick in the grooves of both layers, and thicker than on the lands",
            Self::B3 => "the grooves of both layers are in phase along the radius",
            Self::B4 => "the grooves of both layers are in opposite phase along the radius",
            Self::B5 => "the grooves of both layers are displaced toward the first substrate",
            Self::B6 => "the groove is raised toward the light in the first layer, recessed in the second",
            Self::C9 => "a film in a cell speeds colouring and bleaching where it is lit or warm",
            Self::C10 => "one layer colours by voltage and can't be recorded",
            Self::C12 => "a photoconductor lies between the film of a cell and an electrode",
            Self::C13 => "the films that colour are of a derivative of polythiophene",
        }
    }
}

impl fmt::Display for Claim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:?}")
    }
}

/// What a figure must be.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Bound {
    /// From the first to the second value, both included.
    Within(f64, f64),
    /// This or more.
    AtLeast(f64),
    /// This or less.
    AtMost(f64),
    /// Anything: told because it says more.
    Told,
}

impl Bound {
    /// Whether a value keeps it; a NaN never does.
    #[must_use]
    pub fn holds(self, value: f64) -> bool {
        match self {
            Self::Within(low, high) => (low..=high).contains(&value),
            Self::AtLeast(low) => value >= low,
            Self::AtMost(high) => value <= high,
            Self::Told => true,
        }
    }
}

impl fmt::Display for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Within(low, high) => write!(f, "{low} to {high}"),
            Self::AtLeast(low) => write!(f, ">= {low}"),
            Self::AtMost(high) => write!(f, "<= {high}"),
            Self::Told => f.write_str("-"),
        }
    }
}

/// A number that a claim stands or falls with.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Figure {
    /// What it is, with its unit if it has one.
    pub name: String,
    /// Of the medium as described.
    pub value: f64,
    /// The same with the claim's feature taken out of the description; `None` where that
    /// makes no sense or changes nothing.
    pub without: Option<f64>,
    /// What it must be.
    pub bound: Bound,
}

impl Figure {
    fn new(name: impl Into<String>, value: f64, bound: Bound) -> Self {
        Self { name: name.into(), value, without: None, bound }
    }

    fn against(self, without: f64) -> Self {
        Self { without: Some(without), ..self }
    }

    /// Whether the bound is kept.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.bound.holds(self.value)
    }
}

/// What was found about one claim.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Finding {
    /// The claim.
    pub claim: Claim,
    /// What it demands.
    pub demand: &'static str,
    /// Whether the description has what the claim demands, and every figure keeps its bound.
    pub met: bool,
    /// Why, in a sentence.
    pub why: String,
    /// The figures, the deciding one first.
    pub figures: Vec<Figure>,
}

impl Finding {
    /// A finding whose feature the description has: it stands if the figures do.
    fn of(claim: Claim, figures: Vec<Figure>) -> Self {
        let broken: Vec<&str> = figures.iter().filter(|f| !f.holds()).map(|f| f.name.as_str()).collect();
        let why = if broken.is_empty() {
            "described, and every figure within its bound".to_owned()
        } else {
            format!("described, but out of bounds: {}", broken.join(", "))
        };
        Self { claim, demand: claim.demand(), met: broken.is_empty(), why, figures }
    }

    /// A finding whose feature the description lacks.
    fn lacking(claim: Claim, why: impl Into<String>, figures: Vec<Figure>) -> Self {
        Self { claim, demand: claim.demand(), met: false, why: why.into(), figures }
    }
}

/// Checks a medium against every claim of its kind ([`Claim::of`]), in their order.
///
/// # Errors
/// [`ModelError`] for a medium that can't be computed, or that has neither cells nor two layers.
pub fn check(medium: &Medium) -> Result<Vec<Finding>, ModelError> {
    check_some(medium, Claim::of(medium))
}

/// Checks media against every claim of their kind: the same as [`check`] of each, but what they have in common is
/// computed once.
#[must_use]
pub fn check_all(media: &[Medium]) -> Vec<Result<Vec<Finding>, ModelError>> {
    let known = Rises::default();
    media.par_iter().map(|medium| check_with(medium, Claim::of(medium), &known)).collect()
}

/// Checks a medium against some claims, in the order in which they are given.
///
/// # Errors
/// [`ModelError`] likewise, and for a claim about layers of dye asked of electrochromic ones or the
/// other way round.
pub fn check_some(medium: &Medium, claims: &[Claim]) -> Result<Vec<Finding>, ModelError> {
    check_with(medium, claims, &Rises::default())
}

fn check_with(medium: &Medium, claims: &[Claim], known: &Rises) -> Result<Vec<Finding>, ModelError> {
    let needs_heat = claims.iter().any(|c| matches!(c, Claim::A1 | Claim::A2 | Claim::A3 | Claim::A4 | Claim::A5));
    let heat = if needs_heat { Some(Heat::of(medium, known)?) } else { None };
    let needs_tracks = claims.iter().any(|c| matches!(c, Claim::B3 | Claim::B4 | Claim::B5 | Claim::B6));
    let followed = needs_tracks.then(|| Followed::on(medium));
    let cells = claims.iter().any(|c| Claim::ELECTROCHROMIC.contains(c)).then(|| Cells::of(medium)).transpose()?;
    let one = |&claim: &Claim| match (claim, &heat, &followed, &cells) {
        (Claim::A1, Some(heat), ..) => heat::equal_conduction(heat),
        (Claim::A2, Some(heat), ..) => heat::partial_contact(heat),
        (Claim::A3, Some(heat), ..) => heat::two_thicknesses(heat),
        (Claim::A4, Some(heat), ..) => heat::equal_areas(heat),
        (Claim::A5, Some(heat), ..) => heat::low_conductivity(heat),
        (Claim::B2, ..) => units::groove_and_land(medium, known),
        (Claim::B3, _, Some(followed), _) => grooves::in_phase(medium, followed),
        (Claim::B4, _, Some(followed), _) => grooves::opposite_phase(medium, followed),
        (Claim::B5, _, Some(followed), _) => grooves::both_raised(medium, followed),
        (Claim::B6, _, Some(followed), _) => grooves::raised_and_recessed(medium, followed),
        (Claim::C9, _, _, Some(cells)) => Ok(cells::accelerated(cells)),
        (Claim::C10, _, _, Some(cells)) => cells::reference(cells),
        (Claim::C12, _, _, Some(cells)) => Ok(cells::photoconductor(cells)),
        (Claim::C13, _, _, Some(cells)) => Ok(cells::polythiophene(cells)),
        // What is left once there is for those above what they need.
        _ => units::inverted(medium),
    };
    claims.par_iter().map(one).collect()
}
