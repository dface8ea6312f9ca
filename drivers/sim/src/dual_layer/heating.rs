//! From the light in the films to the heat sources of a write.

use super::{DualLayer, Unit};
use crate::complex::c64;
use crate::heat::{Body, Deposit, ImpulseResponse, Layer, Profile, Resolution};
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

/// Light and heat for a write in the groove of `layer` (0 or 1).
///
/// # Errors
/// [`StackError`] if a film is not physical.
pub fn writing(medium: &DualLayer, layer: usize) -> Result<WriteOptics, StackError> {
    let optics = medium.optics()?;
    let (unit, from, to) = if layer == 0 {
        (&medium.l0, medium.substrate, medium.bond)
    } else {
        (&medium.l1, medium.bond, medium.substrate)
    };
    let groove = optics.layer(layer).groove;
    let incident = optics.incident(layer);
    let profile = standing_wave(medium.wavelength, unit, from, to)?;
    let solid = |m: Material, t: f64| Layer::new(t, m.conductivity, m.capacity);
    let mut layers = vec![solid(from, REACH), solid(unit.dye.unrecorded, unit.groove_dye)];
    if let Some(b) = unit.barrier {
        layers.push(solid(b.material, b.thickness));
    }
    let metal = layers.len();
    let r = unit.reflector;
    layers.push(Layer::metal(r.thickness, r.material.conductivity, r.material.capacity));
    layers.push(solid(to, REACH));
    Ok(WriteOptics {
        body: Body::new(layers),
        deposits: vec![
            Deposit {
                layer: 1,
                fraction: incident * groove.dye,
                profile: Profile::Samples(profile),
                zones: Vec::new(),
            },
            Deposit::uniform(metal, incident * groove.metal),
        ],
        dye: 1,
        incident,
        dye_share: groove.dye,
        metal_share: groove.metal,
    })
}

/// Absorption along the depth of the dye in the groove, relative.
fn standing_wave(wavelength: f64, unit: &Unit, from: Material, to: Material) -> Result<Vec<f64>, StackError> {
    let mut films = unit.films(unit.groove_dye, false);
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
    /// Temperature of the dye per joule of light on the disc's surface, for a spot of 1/e^2 radius
    /// `spot_radius` metres.
    #[must_use]
    pub fn response(&self, spot_radius: f64, res: &Resolution) -> ImpulseResponse {
        ImpulseResponse::compute(&self.body, &self.deposits, self.dye, spot_radius, res)
    }
}
