//! Patent B, claims 3 to 6: where the grooves of both layers lie, and which way they are displaced.

use core::f64::consts::TAU;

use disc_hal::hal::Polarity;
use disc_hal::media::Medium;

use super::{Bound, Claim, Figure, Finding};
use crate::dual_layer::DualLayer;
use crate::model::ModelError;
use crate::{APERTURE, GrooveDisplacement, groove_displacement};

/// Push-pull below which a servo has nothing to hold on to (DVD-R: 0.22 before recording, less
/// what a wide track makes of it).
const LEAST_PUSH_PULL: f64 = 0.1;

/// What the closed forms say of a medium's grooves.
struct Tracks {
    /// Distance of the layers' zero crossings, in pitches, 0 to 0.5.
    displaced: f64,
    /// Push-pull of each layer with its sign.
    push_pull: [f64; 2],
    /// The correlation of the sum signals, 1 in phase: see [`sums`].
    sums: f64,
    /// What is left of the shadow in the second layer's sum signal.
    ripple: f64,
}

fn tracks(medium: &Medium) -> Result<Tracks, ModelError> {
    let films = DualLayer::of(medium)?;
    let (optics, cross) = (films.optics()?, films.cross_track(APERTURE));
    let signals = [0, 1].map(|layer| cross.diffraction(optics.layer(layer)));
    // A layer without push-pull crosses zero nowhere, and has no displacement.
    let at = signals.map(|s| s.zero_crossing().unwrap_or(f64::NAN));
    let apart = at[1] - at[0];
    let shadow = films.shadow(&optics, APERTURE);
    Ok(Tracks {
        displaced: (apart - apart.round()).abs(),
        push_pull: signals.map(|s| s.amplitude()),
        sums: sums([0, 1].map(|layer| {
            let places = (0..64).map(|i| f64::from(i) / 64.0);
            (at[layer], places.map(|x| (x, signals[layer].sum_at(x))).collect())
        })),
        ripple: shadow.in_the_sum,
    })
}

/// Correlation of both layers' sum signals while the spot crosses the same tracks, each with the
/// sign that makes its own grooves bright: 1 if the grooves lie over each other, -1 if those of one
/// lie over the lands of the other. Of each layer: where its grooves are, and samples (place in
/// track pitches, sum) at the same places.
fn sums(layers: [(f64, Vec<(f64, f64)>); 2]) -> f64 {
    let ripple = layers.map(|(groove, samples)| {
        let mean = samples.iter().fold(0.0, |sum, s| sum + s.1) / samples.len() as f64;
        let bright = samples.iter().fold(0.0, |sum, s| sum + (s.1 - mean) * (TAU * (s.0 - groove)).cos());
        samples.iter().map(|s| (s.1 - mean) * bright.signum()).collect::<Vec<f64>>()
    });
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).fold(0.0, |sum, (x, y)| sum + x * y);
    dot(&ripple[0], &ripple[1]) / (dot(&ripple[0], &ripple[0]) * dot(&ripple[1], &ripple[1])).sqrt()
}

/// What a simulated bench finds of them: which slope has addresses, and where the push-pull of
/// either layer passes zero. The closed forms take the displacement from the description; this
/// doesn't. `Err` says why the bench can't follow the tracks.
#[derive(Debug)]
pub(super) struct Followed(Result<GrooveDisplacement, String>);

impl Followed {
    pub(super) fn on(medium: &Medium) -> Self {
        // The seed sets where the disc lies and its noise; the grooves don't depend on it.
        Self(groove_displacement(medium, 1).map_err(|e| e.to_string()))
    }

    /// The finding, if the tracks can't be followed.
    fn lost(&self, claim: Claim) -> Option<Finding> {
        let error = self.0.as_ref().err()?;
        Some(Finding::lacking(claim, format!("a bench can't follow its tracks: {error}"), Vec::new()))
    }

    fn displaced(&self) -> f64 {
        self.0.as_ref().map_or(f64::NAN, |d| d.pitches.abs())
    }

    /// The correlation of the sum signals while tracks were crossed.
    fn sums(&self) -> f64 {
        self.0.as_ref().map_or(f64::NAN, |d| {
            sums([0, 1].map(|i| (d.layers[i].zero, d.layers[i].samples.iter().map(|s| (s[0], s[2])).collect())))
        })
    }

    /// Product of the signs of the slopes on which addresses were read.
    fn slopes(&self) -> f64 {
        let sign = |layer: usize| {
            self.0.as_ref().map_or(f64::NAN, |d| match d.layers[layer].polarity {
                Polarity::Rising => 1.0,
                Polarity::Falling => -1.0,
            })
        };
        sign(0) * sign(1)
    }
}

/// The same medium with the second layer's grooves displaced otherwise.
fn displaced(medium: &Medium, degrees: f64) -> Medium {
    let mut other = medium.clone();
    other.layers[1].groove.phase.0 = medium.layers[0].groove.phase.0 + degrees;
    other
}

fn phase_figures(
    followed: &Followed,
    here: &Tracks,
    there: &Tracks,
    displacement: Bound,
    correlation: Bound,
) -> Vec<Figure> {
    vec![
        Figure::new("zero crossings of the tracking error apart (pitches)", followed.displaced(), displacement)
            .against(there.displaced),
        Figure::new("correlation of the sum signals across the tracks (1 in phase)", followed.sums(), correlation)
            .against(there.sums),
        Figure::new("ripple that the shadow leaves in L1's sum signal", here.ripple, Bound::Told),
    ]
}

pub(super) fn in_phase(medium: &Medium, followed: &Followed) -> Result<Finding, ModelError> {
    if let Some(lost) = followed.lost(Claim::B3) {
        return Ok(lost);
    }
    let (here, there) = (tracks(medium)?, tracks(&displaced(medium, 180.0))?);
    let figures = phase_figures(followed, &here, &there, Bound::AtMost(0.05), Bound::AtLeast(0.9));
    Ok(Finding::of(Claim::B3, figures))
}

pub(super) fn opposite_phase(medium: &Medium, followed: &Followed) -> Result<Finding, ModelError> {
    if let Some(lost) = followed.lost(Claim::B4) {
        return Ok(lost);
    }
    let (here, there) = (tracks(medium)?, tracks(&displaced(medium, 0.0))?);
    let figures = phase_figures(followed, &here, &there, Bound::Within(0.45, 0.55), Bound::AtMost(-0.9));
    Ok(Finding::of(Claim::B4, figures))
}

fn polarity(
    claim: Claim,
    medium: &Medium,
    followed: &Followed,
    wanted: [bool; 2],
    product: f64,
) -> Result<Finding, ModelError> {
    if let Some(lost) = followed.lost(claim) {
        return Ok(lost);
    }
    let here = tracks(medium)?;
    let mut other = medium.clone();
    other.layers[1].groove.depth.0 *= -1.0;
    let there = tracks(&other)?;
    let sign = |t: &Tracks| t.push_pull[0].signum() * t.push_pull[1].signum();
    let mut figures = vec![
        Figure::new(
            "sign of the tracking error's slope, L0 times L1",
            followed.slopes(),
            Bound::Within(product, product),
        )
        .against(sign(&there)),
    ];
    for (layer, (value, without)) in here.push_pull.into_iter().zip(there.push_pull).enumerate() {
        let name = format!("push-pull of L{layer}, peak to peak over the sum");
        figures.push(Figure::new(name, value.abs(), Bound::AtLeast(LEAST_PUSH_PULL)).against(without.abs()));
    }
    let raised = [0, 1].map(|layer| medium.layers[layer].groove.depth.0 > 0.0);
    if raised == wanted {
        return Ok(Finding::of(claim, figures));
    }
    let says = raised.map(|r| if r { "toward the first substrate" } else { "away from it" });
    let why = format!("the groove is displaced {} in L0 and {} in L1", says[0], says[1]);
    Ok(Finding::lacking(claim, why, figures))
}

pub(super) fn both_raised(medium: &Medium, followed: &Followed) -> Result<Finding, ModelError> {
    polarity(Claim::B5, medium, followed, [true, true], 1.0)
}

pub(super) fn raised_and_recessed(medium: &Medium, followed: &Followed) -> Result<Finding, ModelError> {
    polarity(Claim::B6, medium, followed, [true, false], -1.0)
}
