//! Patent A: how fast the dyes lose heat.
//!
//! The figure is the power absorbed in the dye at which the second layer reaches a temperature,
//! over that of the first, for a resting spot: above 1, the second layer cools faster. Light that is
//! lost on the way and light that is reflected are left out by taking absorbed power. Two pulse
//! lengths stand for a pulse of one and of four channel periods, because a mismatch grows with the
//! length of the pulse: what is matched for one length only is not matched.

use disc_hal::media::{Film, FilmRole, Layer, Length, Medium};

use super::rises::{Flash, Rises};
use super::{Bound, Claim, Figure, Finding};
use crate::APERTURE;
use crate::dual_layer::{self, DualLayer};
use crate::heat::{Deposit, Resolution};
use crate::model::ModelError;

/// Lengths of the pulses, seconds.
pub const PULSES: [f64; 2] = [40e-9, 150e-9];
/// How far from 1 a matched ratio may be.
const MATCHED: f64 = 0.05;
/// Part of the mismatch that a claim's feature must take away. (In the facts, for a dye of 80 nm,
/// stripes take away 34 to 90 % of it; in thicker dye mismatch and effect shrink alike.)
const TAKEN: f64 = 0.3;
/// Equal areas of contact.
const AREA: Bound = Bound::Within(0.95, 1.05);
/// How much closer to 1 a stripe must bring the ratio.
const CLOSER: f64 = 0.05;
/// Least fall that counts as one: the solver repeats to far less.
const FALL: f64 = 1e-3;
/// Conductivity below which a film counts as one of low heat conductivity, over that of the reflector.
const LOW: f64 = 0.01;

/// Time that the responses have to reach, the longest pulse, and how far heat gets in it: what is
/// mirrored at the border would come back from twice as far (silver in full contact loses half of
/// its heat to the polymers within 40 ns, so that the rest spreads by 4 um).
const SHORT: Resolution = Resolution { duration: 0.16e-6, radius: 7e-6, ..Resolution::STANDARD };

/// Rise of a dye per watt absorbed in it at the end of each of [`PULSES`], K/W.
fn rises(medium: &Medium, layer: usize, known: &Rises) -> Result<[f64; 2], ModelError> {
    let films = DualLayer::of(medium)?;
    let spot_radius = films.cross_track(APERTURE).spot_radius;
    let write = dual_layer::writing(&films, layer)?;
    let rises = known.of(Flash {
        deposits: vec![Deposit::uniform(write.dye, 1.0)],
        body: write.body,
        dye: write.dye,
        spot_radius,
        resolution: SHORT,
        pulses: &PULSES,
    });
    Ok(core::array::from_fn(|i| rises[i]))
}

/// Heat of a medium, with what is needed again for the same medium with another second layer.
#[derive(Debug)]
pub(super) struct Heat<'m> {
    medium: &'m Medium,
    known: &'m Rises,
    first: [f64; 2],
    ratio: [f64; 2],
}

impl<'m> Heat<'m> {
    pub(super) fn of(medium: &'m Medium, known: &'m Rises) -> Result<Self, ModelError> {
        let (first, second) = rayon::join(|| rises(medium, 0, known), || rises(medium, 1, known));
        let mut heat = Self { medium, known, first: first?, ratio: [0.0; 2] };
        heat.ratio = heat.over(medium, second?);
        Ok(heat)
    }

    /// The ratio for a second layer that rises by `second`.
    fn over(&self, medium: &Medium, second: [f64; 2]) -> [f64; 2] {
        // The threshold may differ where the dyes do.
        let threshold = |layer: usize| medium.layers[layer].recording.temperature.0 - crate::model::AMBIENT;
        let dyes = threshold(1) / threshold(0);
        core::array::from_fn(|i| dyes * self.first[i] / second[i])
    }

    /// The ratio of the same medium with another second layer.
    fn with(&self, other: &Medium) -> Result<[f64; 2], ModelError> {
        Ok(self.over(other, rises(other, 1, self.known)?))
    }
}

/// Absorbed power at the threshold of the second layer over that of the first, for a resting spot
/// and each of [`PULSES`].
///
/// # Errors
/// [`ModelError`] for a medium that can't be computed.
pub fn heat_ratio(medium: &Medium) -> Result<[f64; 2], ModelError> {
    Ok(Heat::of(medium, &Rises::default())?.ratio)
}

/// Half of the width, metres, over which dye and reflector of a layer touch; infinite if
/// everywhere, zero with a film between them.
fn contact(layer: &Layer) -> f64 {
    let place = |role| layer.films.iter().position(|f| f.role == role).unwrap_or(0);
    match layer.reflector() {
        Some(_) if place(FilmRole::Dye).abs_diff(place(FilmRole::Reflector)) > 1 => 0.0,
        // Across the track the reflector may end at the edge of its band.
        Some(film) if film.land.0 > 0.0 => f64::INFINITY,
        Some(film) => 0.5 * width(layer, film),
        None => 0.0,
    }
}

/// Radius of the circle on which the light of the spot has half its peak, metres: the 1/e^2 radius
/// is 0.85 of the full width at half maximum.
fn half_maximum(films: &DualLayer) -> f64 {
    0.5 * films.cross_track(APERTURE).spot_radius / 0.85
}

/// Areas in square metres where dye and reflector of each layer touch within the spot, that is
/// within the circle on which the light has half its peak.
///
/// # Errors
/// [`ModelError`] for a medium that can't be computed.
pub fn contact_areas(medium: &Medium) -> Result<[f64; 2], ModelError> {
    let radius = half_maximum(&DualLayer::of(medium)?);
    Ok([0, 1].map(|layer| {
        let u = (contact(&medium.layers[layer]) / radius).min(1.0);
        // Part of a disc between two parallel chords.
        2.0 * radius * radius * (u.asin() + u * (1.0 - u * u).sqrt())
    }))
}

/// Shares of the spot's light that fall where dye and reflector of each layer touch, on this track
/// and its neighbours.
fn contact_shares(medium: &Medium) -> Result<[f64; 2], ModelError> {
    const PLACES: i32 = 2000;
    let spot = DualLayer::of(medium)?.cross_track(APERTURE);
    let places = (0..PLACES).map(|i| 3.0 * spot.spot_radius * (f64::from(2 * i + 1) / f64::from(PLACES) - 1.0));
    let light: Vec<(f64, f64)> = places.map(|x| (x, (-2.0 * (x / spot.spot_radius).powi(2)).exp())).collect();
    let all = light.iter().fold(0.0, |sum, p| sum + p.1);
    Ok([0, 1].map(|layer| {
        let half = contact(&medium.layers[layer]);
        let touches = |x: f64| (x - spot.pitch * (x / spot.pitch).round()).abs() < half;
        light.iter().filter(|p| touches(p.0)).fold(0.0, |sum, p| sum + p.1) / all
    }))
}

/// Width of the band in which a film has its thickness in the groove.
fn width(layer: &Layer, film: &Film) -> f64 {
    film.band.unwrap_or(layer.groove.width).0
}

fn worst(ratio: [f64; 2]) -> f64 {
    ratio.iter().map(|r| (r - 1.0).abs()).fold(0.0, f64::max)
}

/// Of the distance from 1 at the pulse that is farther from it; negative if the feature makes it worse.
fn taken(name: &str, with: [f64; 2], without: [f64; 2]) -> Figure {
    Figure::new(name, 1.0 - worst(with) / worst(without), Bound::AtLeast(TAKEN)).against(0.0)
}

fn name(what: &str, pulse: f64) -> String {
    format!("{what}, {:.0} ns pulse", pulse * 1e9)
}

/// The same medium with another reflector in the second layer.
fn with_reflector(medium: &Medium, change: impl FnOnce(&mut Film)) -> Medium {
    let mut other = medium.clone();
    if let Some(film) = other.layers[1].films.iter_mut().find(|f| f.role == FilmRole::Reflector) {
        change(film);
    }
    other
}

fn ratios(what: &str, with: [f64; 2], without: Option<[f64; 2]>, bound: Bound) -> Vec<Figure> {
    (0..2)
        .map(|i| {
            let figure = Figure::new(name(what, PULSES[i]), with[i], bound);
            without.map_or(figure.clone(), |w| figure.against(w[i]))
        })
        .collect()
}

const RATIO: &str = "threshold power L1/L0 (absorbed)";

/// The same medium with its second reflector plain: one thickness, touching all of the dye. `None`
/// where it is.
fn plain(medium: &Medium) -> Option<Medium> {
    let mut other = with_reflector(medium, |f| {
        f.land = f.groove;
        f.band = None;
    });
    while let Some((at, _)) = between(&other.layers[1]) {
        other.layers[1].films.remove(at);
    }
    (other != *medium).then_some(other)
}

pub(super) fn equal_conduction(heat: &Heat<'_>) -> Result<Finding, ModelError> {
    let without = plain(heat.medium).map(|other| heat.with(&other)).transpose()?;
    let bound = Bound::Within(1.0 - MATCHED, 1.0 + MATCHED);
    Ok(Finding::of(Claim::A1, ratios(RATIO, heat.ratio, without, bound)))
}

/// Claim A1 by powers in watts that were calibrated on both layers: `P1 T A1 / (P0 A0)`, with `T`
/// the transmittance of the first layer and `A` what a blank groove absorbs, in the dye and in all.
///
/// Neither is 1 for matched layers: of the heat in the reflector only a part comes back to the
/// dye, and the thin first reflector takes up more of the light than the second does. With what
/// all films absorb the figure is too low, with the dye alone it is too high. [`heat_ratio`] has
/// no such gap; this one says how the powers of media with like films compare.
///
/// # Errors
/// [`ModelError`] for a medium that can't be computed.
pub fn power_ratio(medium: &Medium, powers: [f64; 2]) -> Result<PowerRatio, ModelError> {
    let optics = DualLayer::of(medium)?.optics()?;
    let incident = [0, 1].map(|layer| optics.incident(layer) * powers[layer]);
    let groove = [0, 1].map(|layer| optics.layer(layer).groove);
    Ok(PowerRatio {
        dye: incident[1] * groove[1].dye / (incident[0] * groove[0].dye),
        all: incident[1] * groove[1].absorbed() / (incident[0] * groove[0].absorbed()),
    })
}

/// See [`power_ratio`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PowerRatio {
    /// By the light that the dyes absorb.
    pub dye: f64,
    /// By the light that all films absorb.
    pub all: f64,
}

fn reflector(medium: &Medium) -> Option<&Film> {
    medium.layers.get(1).and_then(Layer::reflector)
}

pub(super) fn partial_contact(heat: &Heat<'_>) -> Result<Finding, ModelError> {
    let medium = heat.medium;
    let claim = Claim::A2;
    let Some(film) = reflector(medium).filter(|f| f.land.0 == 0.0) else {
        return Ok(Finding::lacking(claim, "the second reflector touches all of the second dye", Vec::new()));
    };
    let full = with_reflector(medium, |f| f.land = film.groove);
    let (with, without) = (heat.ratio, heat.with(&full)?);
    // At the pulse that is farther from 1: for dye of 80 nm that is closer by 0.09 at 40 ns
    // already, thicker dye spreads less of the heat in so short a time.
    let closer = worst(without) - worst(with);
    let mut figures = vec![
        Figure::new("closer to 1 than in full contact, at the pulse that is farther", closer, Bound::AtLeast(CLOSER))
            .against(0.0),
    ];
    figures.extend(ratios(RATIO, with, Some(without), Bound::Told));
    Ok(Finding::of(claim, figures))
}

pub(super) fn two_thicknesses(heat: &Heat<'_>) -> Result<Finding, ModelError> {
    let medium = heat.medium;
    let claim = Claim::A3;
    let Some(film) = reflector(medium).filter(|f| f.land.0 > 0.0 && f.land < f.groove) else {
        return Ok(Finding::lacking(claim, "the second reflector has one thickness only", Vec::new()));
    };
    let outside = |thickness: f64| heat.with(&with_reflector(medium, |f| f.land = Length(thickness)));
    let (with, without) = (heat.ratio, outside(film.groove.0)?);
    let (between, none) = (outside(0.5 * (film.groove.0 + film.land.0))?, outside(0.0)?);
    let chain = [without, between, with, none];
    let falls = (0..2).flat_map(|i| chain.windows(2).map(move |w| w[0][i] - w[1][i])).fold(f64::INFINITY, f64::min);
    let mut figures = vec![
        Figure::new("least fall of the ratio as the film beyond is made thinner", falls, Bound::AtLeast(FALL))
            .against(0.0),
        taken("part of the mismatch that the second thickness takes away", with, without),
    ];
    figures.extend(ratios(RATIO, with, Some(without), Bound::Told));
    Ok(Finding::of(claim, figures))
}

pub(super) fn equal_areas(heat: &Heat<'_>) -> Result<Finding, ModelError> {
    let medium = heat.medium;
    let claim = Claim::A4;
    let over = |[first, second]: [f64; 2]| second / first;
    let radius = half_maximum(&DualLayer::of(medium)?);
    let mut figures = vec![
        Figure::new("area of contact within the spot's half maximum, L1/L0", over(contact_areas(medium)?), AREA),
        // How much hangs on where the spot is said to end.
        Figure::new("light on contact over the whole spot, L1/L0", over(contact_shares(medium)?), Bound::Told),
        Figure::new("radius of the spot at half maximum (nm)", radius * 1e9, Bound::Told),
    ];
    if reflector(medium).is_none_or(|f| f.land.0 > 0.0) {
        // Claim 4 depends on claim 2.
        return Ok(Finding::lacking(claim, "the second reflector touches all of the second dye (claim A2)", figures));
    }
    // Full contact is as wide within the spot, so that the areas would be equal without the stripe
    // as well: the contrast is a stripe that covers half of the width in the light.
    let lit = contact(&medium.layers[1]).min(radius);
    let narrow = with_reflector(medium, |f| f.band = Some(Length(lit)));
    figures[0].without = Some(over(contact_areas(&narrow)?));
    figures[1].without = Some(over(contact_shares(&narrow)?));
    let (with, without) = (heat.ratio, heat.with(&narrow)?);
    let rises = (0..2).map(|i| with[i] - without[i]).fold(f64::INFINITY, f64::min);
    figures.insert(
        1,
        Figure::new("least rise of the ratio of powers from a stripe half as wide", rises, Bound::AtLeast(FALL))
            .against(0.0),
    );
    figures.extend(ratios(RATIO, with, Some(without), Bound::Told));
    Ok(Finding::of(claim, figures))
}

pub(super) fn low_conductivity(heat: &Heat<'_>) -> Result<Finding, ModelError> {
    let medium = heat.medium;
    let claim = Claim::A5;
    let Some((at, film)) = between(&medium.layers[1]) else {
        let why = "no film of low heat conductivity lies between the second dye and its reflector";
        return Ok(Finding::lacking(claim, why, Vec::new()));
    };
    let bare = {
        let mut m = medium.clone();
        m.layers[1].films.remove(at);
        m
    };
    let (with, without) = (heat.ratio, heat.with(&bare)?);
    let mut figures = vec![taken("part of the mismatch that the film takes away", with, without)];
    figures.extend(ratios(RATIO, with, Some(without), Bound::Told));
    for (i, &pulse) in PULSES.iter().enumerate() {
        figures.push(Figure::new(
            name("thickness at which the ratio is 1 (nm)", pulse),
            exact(heat, at, film, i)?,
            Bound::Told,
        ));
    }
    Ok(Finding::of(claim, figures))
}

/// The film between dye and reflector that conducts least, and where it is.
fn between(layer: &Layer) -> Option<(usize, &Film)> {
    let place = |role| layer.films.iter().position(|f| f.role == role);
    let (dye, metal) = (place(FilmRole::Dye)?, place(FilmRole::Reflector)?);
    let conductivity = layer.films[metal].conductivity.0;
    let (from, to) = (dye.min(metal) + 1, dye.max(metal));
    (from..to)
        .map(|i| (i, &layer.films[i]))
        .filter(|(_, f)| f.role == FilmRole::Other && f.conductivity.0 < LOW * conductivity)
        .min_by(|a, b| a.1.conductivity.0.total_cmp(&b.1.conductivity.0))
}

/// Thickness in nanometres at which the ratio for pulse `i` is 1; NaN if it isn't below four
/// times the film's own.
fn exact(heat: &Heat<'_>, at: usize, film: &Film, i: usize) -> Result<f64, ModelError> {
    let ratio = |thickness: f64| -> Result<f64, ModelError> {
        let mut m = heat.medium.clone();
        let f = &mut m.layers[1].films[at];
        f.land = Length(f.land.0 * thickness / f.groove.0);
        f.groove = Length(thickness);
        Ok(heat.with(&m)?[i] - 1.0)
    };
    let (mut low, mut high) = (0.1e-9, 4.0 * film.groove.0);
    let (mut above, mut below) = (ratio(low)?, ratio(high)?);
    if above < 0.0 || below > 0.0 {
        return Ok(f64::NAN);
    }
    // The curve is smooth: regula falsi with halving of the end that stays.
    for _ in 0..6 {
        let mid = low + (high - low) * above / (above - below);
        let value = ratio(mid)?;
        if value.abs() < 1e-3 {
            return Ok(mid * 1e9);
        }
        if value > 0.0 {
            (low, above, below) = (mid, value, 0.5 * below);
        } else {
            (high, below, above) = (mid, value, 0.5 * above);
        }
    }
    Ok(0.5 * (low + high) * 1e9)
}
