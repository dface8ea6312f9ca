//! Patent B, claims 1 and 2: the order of films, and dye on groove and land.

use disc_hal::media::{FilmRole, Layer, Medium};

use super::{Bound, Claim, Figure, Finding};
use crate::APERTURE;
use crate::dual_layer::{DualLayer, Place, writing_at};
use crate::heat::Resolution;
use crate::model::ModelError;

/// Reflectance of either layer from outside (US20070121478), percent.
const REFLECTANCE: Bound = Bound::Within(12.0, 18.0);
/// Transmittance of the first layer (US7573802), percent.
const TRANSMITTANCE: Bound = Bound::Within(45.0, 75.0);
/// Enough for a ratio of powers: within 1 % of what the standard resolution gives, in a tenth of its time.
const COARSE: Resolution =
    Resolution { dz: 10e-9, dr: 50e-9, steps_per_octave: 30, duration: 0.05e-6, ..Resolution::STANDARD };
/// Half width of a mark as written at the optimum, metres.
const MARK: f64 = 0.2e-6;

fn place(layer: &Layer, role: FilmRole) -> Option<usize> {
    layer.films.iter().position(|f| f.role == role)
}

pub(super) fn inverted(medium: &Medium) -> Result<Finding, ModelError> {
    let claim = Claim::B1;
    let films = DualLayer::of(medium)?;
    let (optics, cross) = (films.optics()?, films.cross_track(APERTURE));
    let seen = |layer| 100.0 * optics.seen(&cross, layer, 0.0);
    let figures = vec![
        Figure::new("reflectance of L0 (%)", seen(0), REFLECTANCE),
        Figure::new("reflectance of L1 through L0 (%)", seen(1), REFLECTANCE),
        Figure::new("transmittance of L0 (%)", 100.0 * optics.l0_transmittance, TRANSMITTANCE),
    ];
    for (layer, films) in medium.layers.iter().enumerate() {
        let dye_first = place(films, FilmRole::Dye) < place(films, FilmRole::Reflector);
        if !dye_first {
            let why = format!("the light meets the reflector of layer {layer} before its dye");
            return Ok(Finding::lacking(claim, why, figures));
        }
    }
    Ok(Finding::of(claim, figures))
}

/// Rise of the dye per watt of light on the disc at the end of a pulse of 40 ns, K/W.
fn rise(films: &DualLayer, layer: usize, place: Place) -> Result<f64, ModelError> {
    let write = writing_at(films, layer, place)?;
    let spot = films.cross_track(APERTURE).spot_radius;
    Ok(write.response(spot, &COARSE).static_pulse(super::heat::PULSES[0]))
}

pub(super) fn groove_and_land(medium: &Medium) -> Result<Finding, ModelError> {
    let claim = Claim::B2;
    let films = DualLayer::of(medium)?;
    let (optics, cross) = (films.optics()?, films.cross_track(APERTURE));
    let dye = |layer: usize| medium.layers[layer].dye().map_or((0.0, 0.0), |f| (f.groove.0, f.land.0));
    let ((g0, l0), (g1, l1)) = (dye(0), dye(1));
    let mut figures = vec![
        Figure::new("dye in the groove, L0/L1", g0 / g1, Bound::Within(0.95, 1.05)),
        Figure::new(
            "dye in the groove over dye on the land, the lesser of both layers",
            (g0 / l0).min(g1 / l1),
            Bound::AtLeast(1.2),
        ),
    ];
    for layer in 0..2 {
        let films_of = optics.layer(layer);
        let on = |place| cross.modulation_on(films_of, place, MARK).abs();
        figures.push(Figure::new(
            format!("modulation of L{layer} on the groove over that on the land"),
            on(Place::Groove) / on(Place::Land),
            Bound::AtLeast(2.0),
        ));
        // The threshold is where the rise reaches that of decomposition: powers are as 1 / rise.
        figures.push(Figure::new(
            format!("threshold power of L{layer} on the groove over that on the land"),
            rise(&films, layer, Place::Land)? / rise(&films, layer, Place::Groove)?,
            Bound::AtMost(0.999),
        ));
    }
    if g0 <= l0 || g1 <= l1 {
        return Ok(Finding::lacking(claim, "the dye is no thicker in the groove than on the land", figures));
    }
    Ok(Finding::of(claim, figures))
}
