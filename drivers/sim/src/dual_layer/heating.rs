//! From the light in the films to the heat sources of a write.

use super::{Coat, DualLayer, Place, Unit};
use crate::complex::c64;
use crate::heat::{Body, Deposit, Fill, ImpulseResponse, Layer, Profile, Resolution};
use crate::materials::Material;
use crate::optics::{Film, Polarisation, Stack, StackError};

/// Slices of the dye in which the standing wave is resolved.
const SLICES: usize = 9;
/// How much of the substrates and of the bond the heat can reach, metres.
const REACH: f64 = 4e-6;

/// What a write in one layer needs to know of light and heat.
#[derive(Debug, Clone, PartialEq)]
pub struct WriteOptics {
    /// Films with their heat properties, from the light side on.
    pub body: Body,
    /// Heat per joule of light on the disc's surface, for a layer whose light path is unrecorded.
    pub deposits: Vec<Deposit>,
    /// Layer of the body that is the dye.
    pub dye: usize,
    /// Share of the light on the disc's surface that reaches the layer.
    pub incident: f64,
    /// Share of the light at the layer that the dye of the groove absorbs.
    pub dye_share: f64,
    /// Share of the light at the layer that the reflector absorbs.
    pub metal_share: f64,
}

/// Light and heat for a write in the groove of `layer` (0 or 1), with dye as thick on the land as in
/// the groove, so that media with and without bands of other films compare like with like.
/// Reflectors and films in bands are where they are; without them the response is axisymmetric and
/// computed in a tenth of the time.
///
/// It is not what a recording on grooves meets: on the `dual-layer` preset the same marks take 5 %
/// less power in the first layer than they do with the thinner dye on the land, and 2 % less in the
/// second, and come out two fifths wider, since nothing stops them at the groove's edge. Recordings
/// go by [`writing_at`].
///
/// # Errors
/// [`StackError`] if a film is not physical.
pub fn writing(medium: &DualLayer, layer: usize) -> Result<WriteOptics, StackError> {
    compose(medium, layer, Place::Groove, false)
}

/// Light and heat for a write in the groove or on the land of `layer` (0 or 1), with the dye's two
/// thicknesses and the light that each place takes up. Land and groove compare on these.
///
/// Films lie flat: the relief itself is left out. Where dye is thinner, the substrate or bond on its
/// light side takes its place; where a reflector is thinner, that on its far side; where another
/// film is, its neighbours come closer.
///
/// # Errors
/// [`StackError`] if a film is not physical.
pub fn writing_at(medium: &DualLayer, layer: usize, place: Place) -> Result<WriteOptics, StackError> {
    compose(medium, layer, place, true)
}

/// The films at one distance from the middle of the groove, and what each absorbs.
struct Local {
    films: Vec<Film>,
    absorbed: Vec<f64>,
}

fn compose(medium: &DualLayer, layer: usize, place: Place, relief: bool) -> Result<WriteOptics, StackError> {
    let incident = medium.optics()?.incident(layer);
    let mut unit = medium.unit(layer).clone();
    if !relief {
        unit.land_dye = unit.groove_dye;
    }
    let (from, to) = medium.around(layer);
    let edge = |c: &Coat| (c.half_width < 0.5 * medium.pitch && c.thickness != c.land).then_some(c.half_width);
    let coats = unit.all();
    let mut edges: Vec<f64> = coats.iter().filter_map(edge).collect();
    edges.sort_by(f64::total_cmp);
    edges.dedup();
    // From the middle of the groove outward, one place between each two edges.
    let mut zones = Vec::new();
    for i in 0..=edges.len() {
        let inner = if i == 0 { 0.0 } else { edges[i - 1] };
        let outer = edges.get(i).copied().unwrap_or(0.5 * medium.pitch);
        zones.push(local(medium.wavelength, &unit, (from, to), 0.5 * (inner + outer))?);
    }
    let here = match place {
        Place::Groove => &zones[0],
        Place::Land => &zones[zones.len() - 1],
    };
    let (dye, metal) = (unit.dye_at, unit.reflector_at());
    let profile = standing_wave(medium.wavelength, &here.films, dye, (from, to))?;
    let solid = |m: Material, t: f64| Layer::new(t, m.conductivity, m.capacity);
    let mut layers = vec![solid(from, REACH)];
    for (i, coat) in coats.iter().enumerate() {
        let m = coat.material;
        let (film, fill) = if i == metal {
            (Layer::metal(coat.thickness, m.conductivity, m.capacity), Fill::After)
        } else {
            (solid(m, coat.thickness), if i == dye { Fill::Before } else { Fill::Nothing })
        };
        layers.push(match edge(coat) {
            Some(half_width) => film.in_band(half_width, coat.land, fill),
            None => film,
        });
    }
    layers.push(solid(to, REACH));
    let deposit = |film: usize, profile: Profile| Deposit {
        layer: 1 + film,
        fraction: incident * zones[zones.len() - 1].absorbed[film],
        profile,
        zones: edges.iter().copied().zip(zones.iter().map(|z| incident * z.absorbed[film])).collect(),
    };
    let mut deposits = vec![deposit(dye, Profile::Samples(profile)), deposit(metal, Profile::Uniform)];
    let others = (0..coats.len()).filter(|&i| i != dye && i != metal && coats[i].material.index.im > 0.0);
    deposits.extend(others.map(|i| deposit(i, Profile::Uniform)));
    Ok(WriteOptics {
        body: Body { layers, pitch: Some(medium.pitch), beside: place == Place::Land },
        deposits,
        dye: 1 + dye,
        incident,
        dye_share: here.absorbed[dye],
        metal_share: here.absorbed[metal],
    })
}

/// Films and absorption `x` metres from the middle of the groove.
fn local(wavelength: f64, unit: &Unit, (from, to): (Material, Material), x: f64) -> Result<Local, StackError> {
    let films = unit.films(x, false);
    let stack = Stack::new(from.index.re, films.clone(), to.index)?;
    // A film that isn't there has no thickness, and absorbs nothing.
    let mut absorbed = vec![0.0; films.len()];
    stack.absorption(wavelength, 0.0, Polarisation::S, &mut absorbed);
    Ok(Local { films, absorbed })
}

/// Absorption along the depth of the dye, relative.
fn standing_wave(
    wavelength: f64,
    films: &[Film],
    dye: usize,
    (from, to): (Material, Material),
) -> Result<Vec<f64>, StackError> {
    let mut films = films.to_vec();
    // A trace of absorption, so that a dye that absorbs nothing still has a profile.
    let index = c64(films[dye].index.re, films[dye].index.im.max(1e-9));
    let slice = Film { index, thickness: films[dye].thickness / SLICES as f64 };
    films.splice(dye..=dye, [slice; SLICES]);
    let stack = Stack::new(from.index.re, films, to.index)?;
    let mut a = vec![0.0; stack.films().len()];
    stack.absorption(wavelength, 0.0, Polarisation::S, &mut a);
    Ok(a[dye..dye + SLICES].to_vec())
}

impl WriteOptics {
    /// Share of the light on the disc's surface that becomes heat in the dye, and in the reflector,
    /// wherever under a spot of 1/e^2 radius `spot_radius` metres.
    #[must_use]
    pub fn absorbed(&self, spot_radius: f64) -> (f64, f64) {
        let of = |d: &Deposit| d.of_spot(&self.body, spot_radius);
        (of(&self.deposits[0]), of(&self.deposits[1]))
    }

    /// Temperature of the dye per joule of light on the disc's surface, for a spot of 1/e^2 radius
    /// `spot_radius` metres.
    #[must_use]
    pub fn response(&self, spot_radius: f64, res: &Resolution) -> ImpulseResponse {
        ImpulseResponse::compute(&self.body, &self.deposits, self.dye, spot_radius, res)
    }
}
