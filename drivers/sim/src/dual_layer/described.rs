//! From a medium's description to its films.

use disc_hal::media::{Body, Film, FilmRole, Layer, Medium};

use super::{Coat, DualLayer, Unit};
use crate::complex::c64;
use crate::materials::{Dye, Material};

/// A description that is sound but that the simulator has no model for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the simulator has no model for it: {0}")]
pub struct Unsupported(String);

fn unsupported(what: impl Into<String>) -> Unsupported {
    Unsupported(what.into())
}

fn material(f: &Film) -> Material {
    Material { index: c64(f.n, f.k), conductivity: f.conductivity.0, capacity: f.heat_capacity.0 }
}

fn transparent(b: &Body) -> Material {
    Material { index: c64(b.n, 0.0), conductivity: b.conductivity.0, capacity: b.heat_capacity.0 }
}

/// One layer as a recording unit: dye, perhaps one film, reflector.
fn unit(layer: &Layer) -> Result<Unit, Unsupported> {
    let [dye, between @ .., reflector] = layer.films.as_slice() else {
        return Err(unsupported("a layer needs a dye and a reflector"));
    };
    if dye.role != FilmRole::Dye || reflector.role != FilmRole::Reflector || between.len() > 1 {
        return Err(unsupported(
            "the films of a layer must be dye, at most one other film, reflector, from the light side on",
        ));
    }
    if layer.films.iter().any(|f| f.band.is_some()) || layer.groove.phase.0 != 0.0 {
        return Err(unsupported("films in bands, and grooves displaced against those of the first layer"));
    }
    let coat =
        |f: &Film| Coat { material: material(f), thickness: f.groove.0, land: f.land.0, half_width: f64::INFINITY };
    if between.iter().chain([reflector]).any(|f| f.groove != f.land) {
        return Err(unsupported("films other than the dye must be as thick on the land as in the groove"));
    }
    Ok(Unit {
        dye: Dye {
            unrecorded: material(dye),
            recorded: c64(layer.recording.n, layer.recording.k),
            decomposition: layer.recording.temperature.0,
        },
        groove_dye: dye.groove.0,
        land_dye: dye.land.0,
        barrier: between.first().map(coat),
        reflector: coat(reflector),
        relief: layer.groove.depth.0,
    })
}

impl DualLayer {
    /// The films of a described medium.
    ///
    /// # Errors
    /// [`Unsupported`] for anything but two layers of dye, at most one other film,
    /// and reflector, with grooves of one width.
    pub fn of(medium: &Medium) -> Result<Self, Unsupported> {
        let [l0, l1] = medium.layers.as_slice() else {
            return Err(unsupported(format!("a medium of {} layers, not two", medium.layers.len())));
        };
        if l0.groove.width != l1.groove.width {
            return Err(unsupported("grooves of different widths"));
        }
        Ok(Self {
            wavelength: f64::from(medium.wavelength.0) * 1e-9,
            substrate: transparent(&medium.cover),
            bond: transparent(&medium.bond),
            l0: unit(l0)?,
            l1: unit(l1)?,
            pitch: f64::from(medium.track_pitch.0) * 1e-9,
            groove_width: l0.groove.width.0,
        })
    }
}
