//! From the light in the films to the heat sources of a write.

use super::{Coat, DualLayer, Unit};
use crate::complex::c64;
use crate::heat::{Body, Deposit, Fill, ImpulseResponse, Layer, Profile, Resolution};
use crate::materials::Material;
use crate::optics::{Film, Polarisation, Stack, StackError};

/// Slices of the dye in which the standing wave is resolved.
const SLICES: usize = 9;
/// How much of the substrates and of the bond the heat can reach, metres.
const REACH: f64 = 4e-6;

/// Where on a layer the spot is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// On the middle of a groove.
    Groove,
    /// On the middle of a land.
    Land,
}

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
/// the groove: a spot that stays on the groove hardly notices, and media with and without bands of
/// other films compare like with like. Reflectors and films in bands are where they are; without
/// them the response is axisymmetric.
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

/// The films at one distance from the middle of the groove: what absorbs, and what does not.
struct Local {
    films: Vec<Film>,
    dye: f64,
    metal: f64,
}

fn compose(medium: &DualLayer, layer: usize, place: Place, relief: bool) -> Result<WriteOptics, StackError> {
    let optics = medium.optics()?;
    let (unit, from, to) = if layer == 0 {
        (&medium.l0, medium.substrate, medium.bond)
    } else {
        (&medium.l1, medium.bond, medium.substrate)
    };
    let incident = optics.incident(layer);
    let edge = |half_width: f64, inside: f64, outside: f64| {
        (half_width < 0.5 * medium.pitch && inside != outside).then_some(half_width)
    };
    let of_coat = |c: &Coat| edge(c.half_width, c.thickness, c.land);
    let of_dye = if relief { edge(0.5 * medium.groove_width, unit.groove_dye, unit.land_dye) } else { None };
    let mut edges: Vec<f64> =
        of_dye.into_iter().chain(unit.barrier.as_ref().and_then(of_coat)).chain(of_coat(&unit.reflector)).collect();
    edges.sort_by(f64::total_cmp);
    edges.dedup();
    // From the middle of the groove outward, one place between each two edges.
    let mut zones = Vec::new();
    for i in 0..=edges.len() {
        let inner = if i == 0 { 0.0 } else { edges[i - 1] };
        let outer = edges.get(i).copied().unwrap_or(0.5 * medium.pitch);
        zones.push(local(medium.wavelength, unit, (from, to), 0.5 * (inner + outer), of_dye)?);
    }
    let here = match place {
        Place::Groove => &zones[0],
        Place::Land => &zones[zones.len() - 1],
    };
    let profile = standing_wave(medium.wavelength, &here.films, from, to)?;
    let solid = |m: Material, t: f64| Layer::new(t, m.conductivity, m.capacity);
    let banded = |layer: Layer, half_width: Option<f64>, land: f64, fill: Fill| match half_width {
        Some(half_width) => layer.in_band(half_width, land, fill),
        None => layer,
    };
    let mut layers = vec![
        solid(from, REACH),
        banded(solid(unit.dye.unrecorded, unit.groove_dye), of_dye, unit.land_dye, Fill::Before),
    ];
    if let Some(b) = unit.barrier {
        layers.push(banded(solid(b.material, b.thickness), of_coat(&b), b.land, Fill::Nothing));
    }
    let metal = layers.len();
    let r = unit.reflector;
    let film = Layer::metal(r.thickness, r.material.conductivity, r.material.capacity);
    layers.push(banded(film, of_coat(&r), r.land, Fill::After));
    layers.push(solid(to, REACH));
    let shares = |share: fn(&Local) -> f64| {
        let of = |z: &Local| incident * share(z);
        (of(&zones[zones.len() - 1]), edges.iter().copied().zip(zones.iter().map(of)).collect::<Vec<_>>())
    };
    let ((dye, dye_zones), (heated, metal_zones)) = (shares(|z| z.dye), shares(|z| z.metal));
    Ok(WriteOptics {
        body: Body { layers, pitch: Some(medium.pitch), beside: place == Place::Land },
        deposits: vec![
            Deposit { layer: 1, fraction: dye, profile: Profile::Samples(profile), zones: dye_zones },
            Deposit { layer: metal, fraction: heated, profile: Profile::Uniform, zones: metal_zones },
        ],
        dye: 1,
        incident,
        dye_share: here.dye,
        metal_share: here.metal,
    })
}

/// Films and absorption `x` metres from the middle of the groove; dye of the land beyond `groove`.
fn local(
    wavelength: f64,
    unit: &Unit,
    (from, to): (Material, Material),
    x: f64,
    groove: Option<f64>,
) -> Result<Local, StackError> {
    let dye = if groove.is_some_and(|half| x > half) { unit.land_dye } else { unit.groove_dye };
    let at =
        |c: &Coat| Film { index: c.material.index, thickness: if x < c.half_width { c.thickness } else { c.land } };
    let mut films = vec![Film { index: unit.dye.unrecorded.index, thickness: dye }];
    films.extend(unit.barrier.iter().chain([&unit.reflector]).map(at));
    let stack = Stack::new(from.index.re, films.clone(), to.index)?;
    // A film that isn't there has no thickness, and absorbs nothing.
    let mut a = vec![0.0; films.len()];
    stack.absorption(wavelength, 0.0, Polarisation::S, &mut a);
    Ok(Local { dye: a[0], metal: a[a.len() - 1], films })
}

/// Absorption along the depth of the dye, the first of the films, relative.
fn standing_wave(wavelength: f64, films: &[Film], from: Material, to: Material) -> Result<Vec<f64>, StackError> {
    let mut films = films.to_vec();
    // A trace of absorption, so that a dye that absorbs nothing still has a profile.
    let index = c64(films[0].index.re, films[0].index.im.max(1e-9));
    let slice = Film { index, thickness: films[0].thickness / SLICES as f64 };
    films.splice(0..1, [slice; SLICES]);
    let stack = Stack::new(from.index.re, films, to.index)?;
    let mut a = vec![0.0; stack.films().len()];
    stack.absorption(wavelength, 0.0, Polarisation::S, &mut a);
    a.truncate(SLICES);
    Ok(a)
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
