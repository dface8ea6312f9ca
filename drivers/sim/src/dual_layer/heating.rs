//! From the light in the films to the heat sources of a write.

use super::{DualLayer, Light};
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
    let unit = medium.unit(layer);
    let (from, to) = medium.around(layer);
    let groove = optics.layer(layer).groove;
    let incident = optics.incident(layer);
    let profile = standing_wave(medium, layer)?;
    let absorbed = medium.absorption(layer, 0.0, false, &Light::normal(medium.wavelength))?;
    let solid = |m: Material, t: f64| Layer::new(t, m.conductivity, m.capacity);
    let (dye, metal) = (1 + unit.dye_at, 1 + unit.reflector_at());
    let mut layers = vec![solid(from, REACH)];
    let mut deposits = vec![Deposit {
        layer: dye,
        fraction: incident * groove.dye,
        profile: Profile::Samples(profile),
        zones: Vec::new(),
    }];
    for (i, coat) in unit.all().iter().enumerate() {
        let (m, at) = (coat.material, i + 1);
        layers.push(if at == metal {
            Layer::metal(coat.thickness, m.conductivity, m.capacity)
        } else {
            solid(m, coat.thickness)
        });
        if at != dye && (at == metal || m.index.im > 0.0) {
            deposits.push(Deposit::uniform(at, incident * absorbed[i]));
        }
    }
    layers.push(solid(to, REACH));
    Ok(WriteOptics {
        body: Body::new(layers),
        deposits,
        dye,
        incident,
        dye_share: groove.dye,
        metal_share: groove.metal,
    })
}

/// Absorption along the depth of the dye in the groove, relative.
fn standing_wave(medium: &DualLayer, layer: usize) -> Result<Vec<f64>, StackError> {
    let unit = medium.unit(layer);
    let (from, to) = medium.around(layer);
    let (mut films, dye) = (unit.films(0.0, false), unit.dye_at);
    // A trace of absorption, so that a dye that absorbs nothing still has a profile.
    let index = c64(films[dye].index.re, films[dye].index.im.max(1e-9));
    let slice = Film { index, thickness: films[dye].thickness / SLICES as f64 };
    films.splice(dye..=dye, [slice; SLICES]);
    let stack = Stack::new(from.index.re, films, to.index)?;
    let mut a = vec![0.0; stack.films().len()];
    stack.absorption(medium.wavelength, 0.0, Polarisation::S, &mut a);
    Ok(a[dye..dye + SLICES].to_vec())
}

impl WriteOptics {
    /// Temperature of the dye per joule of light on the disc's surface, for a spot of 1/e^2 radius
    /// `spot_radius` metres.
    #[must_use]
    pub fn response(&self, spot_radius: f64, res: &Resolution) -> ImpulseResponse {
        ImpulseResponse::compute(&self.body, &self.deposits, self.dye, spot_radius, res)
    }
}
