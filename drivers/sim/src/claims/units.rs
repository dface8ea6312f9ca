//! Patent B, claims 1 and 2: the order of films, and dye on groove and land.

use disc_hal::media::{FilmRole, Layer, Medium};

use super::rises::{Flash, Rises};
use super::{Bound, Claim, Figure, Finding};
use crate::APERTURE;
use crate::dual_layer::{DualLayer, Place, spherical_aberration, writing_at};
use crate::heat::Resolution;
use crate::model::ModelError;

/// Reflectance of either layer from outside (US20070121478), percent.
const REFLECTANCE: Bound = Bound::Within(12.0, 18.0);
/// Transmittance of the first layer (US7573802), percent.
const TRANSMITTANCE: Bound = Bound::Within(45.0, 75.0);
/// Enough for a ratio of powers: within 1 % of what the standard resolution gives, in a small part of
/// its time. Within the pulse heat gets 2 to 3 um far in silver.
const COARSE: Resolution = Resolution {
    dz: 10e-9,
    dr: 50e-9,
    radius: 4.5e-6,
    steps_per_octave: 30,
    duration: 0.05e-6,
    ..Resolution::STANDARD
};
/// The pulse whose powers are compared: a dye has the same threshold on groove and land.
const PULSE: [f64; 1] = [super::heat::PULSES[0]];
/// Half width of a mark as written at the optimum, metres.
const MARK: f64 = 0.2e-6;

fn place(layer: &Layer, role: FilmRole) -> Option<usize> {
    layer.films.iter().position(|f| f.role == role)
}

/// R.m.s. aberration that a lens may leave to count as free of it, in waves (Marechal).
const ABERRATION: Bound = Bound::AtMost(0.07);

/// Reflectances of both layers from outside, transmittance of the first, and share of
/// the light on the second that its dye absorbs, percent.
fn light(medium: &Medium) -> Result<[f64; 4], ModelError> {
    let films = DualLayer::of(medium)?;
    let (optics, cross) = (films.optics()?, films.cross_track(APERTURE));
    let seen = |layer| 100.0 * optics.seen(&cross, layer, 0.0);
    Ok([seen(0), seen(1), 100.0 * optics.l0_transmittance, 100.0 * optics.l1.groove.dye])
}

pub(super) fn inverted(medium: &Medium) -> Result<Finding, ModelError> {
    let claim = Claim::B1;
    let [first, second, transmittance, dye] = light(medium)?;
    // A lens made for the middle between the layers leaves half of what the bond makes.
    let coefficient = spherical_aberration(0.5 * medium.bond.thickness.0, medium.bond.n, APERTURE);
    let wavelength = f64::from(medium.wavelength.0) * 1e-9;
    let aberration = coefficient / (6.0 * 5f64.sqrt()) / wavelength;
    let mut figures = vec![
        Figure::new("reflectance of L0 (%)", first, REFLECTANCE),
        Figure::new("reflectance of L1 through L0 (%)", second, REFLECTANCE),
        Figure::new("transmittance of L0 (%)", transmittance, TRANSMITTANCE),
        Figure::new("light on L1 that its dye absorbs (%)", dye, Bound::AtLeast(5.0)),
        Figure::new("spherical aberration by half the bond (waves r.m.s.)", aberration, ABERRATION),
    ];
    for (layer, films) in medium.layers.iter().enumerate() {
        let dye_first = place(films, FilmRole::Dye) < place(films, FilmRole::Reflector);
        if !dye_first {
            let why = format!("the light meets the reflector of layer {layer} before its dye");
            return Ok(Finding::lacking(claim, why, figures));
        }
    }
    let mut turned = medium.clone();
    turned.layers[1].films.reverse();
    let [_, reflectance, _, dye] = light(&turned)?;
    figures[1].without = Some(reflectance);
    figures[3].without = Some(dye);
    Ok(Finding::of(claim, figures))
}

/// Rise of the dye per watt of light on the disc at the end of [`PULSE`], K/W.
fn rise(films: &DualLayer, layer: usize, place: Place, known: &Rises) -> Result<f64, ModelError> {
    let write = writing_at(films, layer, place)?;
    let rises = known.of(Flash {
        body: write.body,
        deposits: write.deposits,
        dye: write.dye,
        spot_radius: films.cross_track(APERTURE).spot_radius,
        resolution: COARSE,
        pulses: &PULSE,
    });
    Ok(rises[0])
}

/// The figures of claim B2, in their order.
fn dye_figures(medium: &Medium, known: &Rises) -> Result<Vec<f64>, ModelError> {
    let films = DualLayer::of(medium)?;
    let (optics, cross) = (films.optics()?, films.cross_track(APERTURE));
    let [(g0, l0), (g1, l1)] = dye(medium);
    let mut values = vec![g0 / g1, (g0 / l0).min(g1 / l1)];
    for layer in 0..2 {
        let films_of = optics.layer(layer);
        let on = |place| cross.modulation_on(films_of, place, MARK).abs();
        values.push(on(Place::Groove) / on(Place::Land));
        // The threshold is where the rise reaches that of decomposition: powers are as 1 / rise.
        values.push(rise(&films, layer, Place::Land, known)? / rise(&films, layer, Place::Groove, known)?);
    }
    Ok(values)
}

/// Thickness of each layer's dye in the groove and on the land.
fn dye(medium: &Medium) -> [(f64, f64); 2] {
    [0, 1].map(|layer| medium.layers[layer].dye().map_or((0.0, 0.0), |f| (f.groove.0, f.land.0)))
}

pub(super) fn groove_and_land(medium: &Medium, known: &Rises) -> Result<Finding, ModelError> {
    let claim = Claim::B2;
    let mut figures: Vec<Figure> = dye_figures(medium, known)?
        .into_iter()
        .zip([
            ("dye in the groove, L0/L1", Bound::Within(0.95, 1.05)),
            ("dye in the groove over dye on the land, the lesser of both layers", Bound::AtLeast(1.2)),
            ("modulation of L0 on the groove over that on the land", Bound::AtLeast(2.0)),
            ("threshold power of L0 on the groove over that on the land", Bound::AtMost(0.999)),
            ("modulation of L1 on the groove over that on the land", Bound::AtLeast(2.0)),
            ("threshold power of L1 on the groove over that on the land", Bound::AtMost(0.999)),
        ])
        .map(|(value, (name, bound))| Figure::new(name, value, bound))
        .collect();
    if dye(medium).iter().any(|(groove, land)| groove <= land) {
        return Ok(Finding::lacking(claim, "the dye is no thicker in the groove than on the land", figures));
    }
    let mut flat = medium.clone();
    for film in flat.layers.iter_mut().flat_map(|l| &mut l.films).filter(|f| f.role == FilmRole::Dye) {
        film.land = film.groove;
    }
    for (figure, without) in figures.iter_mut().zip(dye_figures(&flat, known)?).skip(1) {
        figure.without = Some(without);
    }
    Ok(Finding::of(claim, figures))
}
