//! The figures, as the JSON document has them.

use disc_hal::media::{FilmRole, Medium};
use disc_hal_sim::APERTURE;
use disc_hal_sim::dual_layer::{CrossTrack, DualLayer, Light, MediumOptics, Patch, Place, spherical_aberration};
use disc_hal_sim::optics::StackError;
use serde::Serialize;

use super::Kind;

/// Half width of the mark for which modulations are given, in metres: that of a mark as wide as
/// calibration makes it on the presets.
const MARK: f64 = 0.21e-6;

/// The whole answer. Shares are parts of one, of the light on the layer unless said otherwise.
#[derive(Debug, Serialize)]
pub(super) struct Answer {
    schema: u32,
    command: &'static str,
    pub(super) medium: String,
    /// Wavelength of the indices.
    indices_nm: f64,
    pub(super) angle_deg: f64,
    angle_in: &'static str,
    pub(super) polarisation: &'static str,
    numerical_aperture: f64,
    pub(super) notes: Vec<String>,
    pub(super) spherical_aberration: Aberration,
    pub(super) points: Vec<Point>,
}

#[derive(Debug, Serialize)]
pub(super) struct Aberration {
    pub(super) bond_um: f64,
    pub(super) bond_n: f64,
    pub(super) w040_nm: f64,
    pub(super) w040_waves: f64,
    pub(super) rms_waves: f64,
    pub(super) w040_nm_per_um: f64,
}

/// One wavelength.
#[derive(Debug, Serialize)]
pub(super) struct Point {
    pub(super) wavelength_nm: f64,
    /// Transmittance of the disc's surface, one way.
    surface: f64,
    pub(super) first_layer: FirstLayer,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) shadow: Option<ShadowFigures>,
    pub(super) layers: Vec<LayerFigures>,
}

/// Transmittance of the first layer, one way.
#[derive(Debug, Serialize)]
pub(super) struct FirstLayer {
    pub(super) blank: f64,
    pub(super) recorded: f64,
}

/// See `disc_hal_sim::dual_layer::Shadow`.
#[derive(Debug, Serialize)]
pub(super) struct ShadowFigures {
    pub(super) correlation: f64,
    pub(super) alignment: f64,
    contrast: f64,
    pub(super) at_the_layer: f64,
    averaged: f64,
    pub(super) in_the_sum: f64,
    pub(super) tracks: f64,
}

#[derive(Debug, Serialize)]
pub(super) struct LayerFigures {
    pub(super) layer: usize,
    /// Part of the light on the disc that reaches it.
    pub(super) incident: f64,
    /// Reflectance from outside with the focused spot on a blank groove; normal incidence only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) seen: Option<f64>,
    /// Reflectance from outside of a wide parallel beam, in its mirror direction: without what the
    /// grooves diffract.
    pub(super) specular: f64,
    /// Light that turns into heat on the land over that in the groove.
    pub(super) land_heat: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) modulation: Option<Modulation>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) push_pull: Option<PushPullFigures>,
    /// The groove's wobble, if the medium describes one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) wobble: Option<WobbleFigures>,
    /// Groove, land, and both recorded.
    pub(super) places: Vec<PlaceFigures>,
    pub(super) films: Vec<FilmFigures>,
}

#[derive(Debug, Serialize)]
pub(super) struct Modulation {
    /// Of marks of half width `mark_nm` in the groove.
    pub(super) groove: f64,
    /// Of the marks that the same power makes on the land.
    pub(super) land: f64,
    pub(super) mark_nm: f64,
    /// Their half width on the land; 0 where none forms.
    pub(super) land_mark_nm: f64,
}

#[derive(Debug, Serialize)]
pub(super) struct PushPullFigures {
    /// Peak-to-peak over the mean sum, with the sign of the slope at the groove.
    pub(super) amplitude: f64,
    /// Where it passes zero on that slope, from a groove of the first layer outwards.
    pub(super) zero_crossing_pitches: Option<f64>,
}

#[derive(Debug, Serialize)]
pub(super) struct WobbleFigures {
    pub(super) period_channel_bits: f64,
    /// At 1x.
    pub(super) khz: f64,
    pub(super) amplitude_nm: f64,
    /// Amplitude in the push-pull signal over that of crossing tracks.
    pub(super) normalised: f64,
}

#[derive(Debug, Serialize)]
pub(super) struct PlaceFigures {
    pub(super) place: &'static str,
    pub(super) reflectance: f64,
    pub(super) transmittance: f64,
    pub(super) dye: f64,
    pub(super) reflector: f64,
    pub(super) other: f64,
    /// Absorbed in each film.
    pub(super) films: Vec<f64>,
}

#[derive(Debug, Serialize)]
pub(super) struct FilmFigures {
    pub(super) material: String,
    pub(super) role: &'static str,
    pub(super) groove_nm: f64,
    pub(super) land_nm: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) band_nm: Option<f64>,
}

/// Computes it.
pub(super) fn answer(
    medium: &Medium,
    films: &DualLayer,
    wavelengths: &[f64],
    angle_deg: f64,
    kind: Kind,
    layer: Option<usize>,
) -> Result<Answer, StackError> {
    let own = f64::from(medium.wavelength.0);
    let mut notes = Vec::new();
    if wavelengths.iter().any(|w| *w != own) {
        notes.push(format!(
            "the medium gives its indices at {own} nm only; they are taken as they are at every wavelength, without dispersion"
        ));
    }
    if angle_deg > 0.0 {
        notes.push("what the focused spot sees (R outside, modulation, push-pull) is given at 0deg only".into());
    }
    let points = wavelengths
        .iter()
        .map(|&nm| {
            let lights = kind.parts().iter().map(|&polarisation| Light {
                wavelength: nm * 1e-9,
                angle: angle_deg.to_radians(),
                polarisation,
            });
            point(medium, films, nm, &lights.collect::<Vec<_>>(), layer)
        })
        .collect::<Result<_, _>>()?;
    let (bond, n) = (films.bond_thickness, films.bond.index.re);
    let w040 = spherical_aberration(bond, n, APERTURE);
    let waves = w040 / films.wavelength;
    Ok(Answer {
        schema: 1,
        command: "optics",
        medium: medium.name.clone(),
        indices_nm: own,
        angle_deg,
        angle_in: "air",
        polarisation: kind.name(),
        numerical_aperture: APERTURE,
        notes,
        spherical_aberration: Aberration {
            bond_um: (bond * 1e9).round() * 1e-3,
            bond_n: n,
            w040_nm: w040 * 1e9,
            w040_waves: waves,
            rms_waves: waves / (6.0 * 5f64.sqrt()),
            w040_nm_per_um: spherical_aberration(1e-6, n, APERTURE) * 1e9,
        },
        points,
    })
}

/// Mean of a figure over the polarisations.
fn mean<T>(of: &[T], figure: impl Fn(&T) -> f64) -> f64 {
    of.iter().map(figure).sum::<f64>() / of.len() as f64
}

fn point(
    medium: &Medium,
    films: &DualLayer,
    nm: f64,
    lights: &[Light],
    layer: Option<usize>,
) -> Result<Point, StackError> {
    let optics: Vec<MediumOptics> = lights.iter().map(|l| films.optics_in(l)).collect::<Result<_, _>>()?;
    let normal = lights.iter().all(|l| l.angle == 0.0);
    let cross = films.cross_track_at(APERTURE, nm * 1e-9);
    let wanted = (0..medium.layers.len()).filter(|l| layer.is_none_or(|only| only == *l));
    // The shadow is that of the head's own wavelength.
    let shadow = (normal && nm == f64::from(medium.wavelength.0)).then(|| films.shadow(&optics[0], APERTURE));
    Ok(Point {
        wavelength_nm: nm,
        surface: mean(&optics, |o| o.surface),
        first_layer: FirstLayer {
            blank: mean(&optics, |o| o.l0_transmittance),
            recorded: mean(&optics, |o| o.l0_transmittance_recorded(0.5)),
        },
        shadow: shadow.map(|s| ShadowFigures {
            correlation: s.correlation,
            alignment: s.alignment,
            contrast: s.contrast,
            at_the_layer: s.at_the_layer,
            averaged: s.averaged,
            in_the_sum: s.in_the_sum,
            tracks: s.tracks,
        }),
        layers: wanted
            .map(|l| layer_figures(medium, films, lights, &optics, normal.then_some(&cross), l))
            .collect::<Result<_, _>>()?,
    })
}

fn layer_figures(
    medium: &Medium,
    films: &DualLayer,
    lights: &[Light],
    optics: &[MediumOptics],
    cross: Option<&CrossTrack>,
    layer: usize,
) -> Result<LayerFigures, StackError> {
    let middle = 0.5 * films.pitch;
    let places =
        [("groove", 0.0, false), ("land", middle, false), ("groove mark", 0.0, true), ("land mark", middle, true)];
    let places = places
        .into_iter()
        .map(|(place, x, recorded)| {
            let patches: Vec<Patch> =
                lights.iter().map(|l| films.patch(layer, x, recorded, l)).collect::<Result<_, _>>()?;
            let absorbed: Vec<Vec<f64>> =
                lights.iter().map(|l| films.absorption(layer, x, recorded, l)).collect::<Result<_, _>>()?;
            let count = absorbed.first().map_or(0, Vec::len);
            Ok(PlaceFigures {
                place,
                reflectance: mean(&patches, |p| p.reflectance),
                transmittance: mean(&patches, |p| p.transmittance),
                dye: mean(&patches, |p| p.dye),
                reflector: mean(&patches, |p| p.metal),
                other: mean(&patches, |p| p.other),
                films: (0..count).map(|i| mean(&absorbed, |a| a[i])).collect(),
            })
        })
        .collect::<Result<Vec<_>, StackError>>()?;
    let one = &optics[0];
    let own = one.layer(layer);
    let modulation = cross.map(|x| {
        let on_land = x.on_land(own, MARK);
        Modulation {
            groove: x.modulation(own, MARK),
            land: x.modulation_on(own, Place::Land, on_land),
            mark_nm: MARK * 1e9,
            land_mark_nm: on_land * 1e9,
        }
    });
    let push_pull = cross.map(|x| {
        let signal = x.diffraction(own);
        PushPullFigures { amplitude: signal.amplitude(), zero_crossing_pitches: signal.zero_crossing() }
    });
    let wobble = medium.layers[layer].groove.wobble.map(|w| WobbleFigures {
        period_channel_bits: w.period.0,
        khz: f64::from(medium.channel_clock.0) / w.period.0 * 1e-3,
        amplitude_nm: w.amplitude.0 * 1e9,
        normalised: w.normalised(medium.track_pitch),
    });
    let films = medium.layers[layer].films.iter().map(|f| FilmFigures {
        material: f.material.clone(),
        role: match f.role {
            FilmRole::Dye => "dye",
            FilmRole::Reflector => "reflector",
            _ => "other",
        },
        groove_nm: f.groove.0 * 1e9,
        land_nm: f.land.0 * 1e9,
        band_nm: f.band.map(|b| b.0 * 1e9),
    });
    Ok(LayerFigures {
        layer,
        incident: mean(optics, |o| o.incident(layer)),
        seen: cross.map(|x| one.seen(x, layer, 0.0)),
        specular: mean(optics, |o| o.specular(layer)),
        land_heat: mean(optics, |o| o.layer(layer).land.absorbed() / o.layer(layer).groove.absorbed()),
        modulation,
        push_pull,
        wobble,
        places,
        films: films.collect(),
    })
}
