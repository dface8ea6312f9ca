//! From a medium's description to its films.

use disc_hal::media::{Body, Film, FilmRole, Layer, Medium};

use super::{Coat, DualLayer, Unit};
use crate::complex::{C64, c64};
use crate::materials::{Dye, Material};

/// A description that is sound but that the simulator has no model for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the simulator has no model for it: {0}")]
pub struct Unsupported(String);

impl Unsupported {
    pub(crate) fn new(what: impl Into<String>) -> Self {
        Self(what.into())
    }
}

fn unsupported(what: impl Into<String>) -> Unsupported {
    Unsupported(what.into())
}

fn material(f: &Film) -> Material {
    Material { index: c64(f.n, f.k), conductivity: f.conductivity.0, capacity: f.heat_capacity.0 }
}

fn transparent(b: &Body) -> Material {
    Material { index: c64(b.n, 0.0), conductivity: b.conductivity.0, capacity: b.heat_capacity.0 }
}

fn coat(f: &Film, groove_width: f64) -> Coat {
    let half_width = match f.band {
        _ if f.groove == f.land => f64::INFINITY,
        Some(band) => 0.5 * band.0,
        None => 0.5 * groove_width,
    };
    Coat { material: material(f), thickness: f.groove.0, land: f.land.0, half_width }
}

/// One layer as a recording unit.
fn unit(index: usize, layer: &Layer, pitch: f64) -> Result<Unit, Unsupported> {
    let place = |role| layer.films.iter().position(|f| f.role == role);
    if layer.cell.is_some() {
        return Err(unsupported(format!(
            "layer {index} is electrochromic, and this is computed for layers of dye only"
        )));
    }
    let (Some(dye_at), Some(reflector)) = (place(FilmRole::Dye), place(FilmRole::Reflector)) else {
        return Err(unsupported(format!("layer {index}: a layer needs a dye and a reflector")));
    };
    recording_unit(index, layer, pitch, dye_at, reflector)
}

/// A layer whose film `dye_at` is recorded on, and whose film `reflector` conducts heat best.
fn recording_unit(
    index: usize,
    layer: &Layer,
    pitch: f64,
    dye_at: usize,
    reflector: usize,
) -> Result<Unit, Unsupported> {
    let width = layer.groove.width.0;
    if width >= pitch {
        return Err(unsupported(format!(
            "layer {index}: its groove of {} leaves no land in a track pitch of {:.0} nm; make it narrower",
            layer.groove.width,
            pitch * 1e9
        )));
    }
    let dye = &layer.films[dye_at];
    let others = layer.films.iter().enumerate().filter(|(i, _)| *i != dye_at);
    Ok(Unit {
        dye: Dye {
            unrecorded: material(dye),
            recorded: c64(layer.recording.n, layer.recording.k),
            decomposition: layer.recording.temperature.0,
        },
        groove_dye: dye.groove.0,
        land_dye: dye.land.0,
        dye_half_width: dye.band.map(|band| 0.5 * band.0),
        coats: others.map(|(_, f)| coat(f, width)).collect(),
        dye_at,
        reflector: reflector - usize::from(reflector > dye_at),
        relief: layer.groove.depth.0,
        groove_width: width,
        phase: layer.groove.phase.0 / 360.0,
    })
}

impl DualLayer {
    /// One electrochromic layer, its film of index `coloured`, as the first of two that are alike: its
    /// farther electrode takes the reflector's place.
    pub(crate) fn of_cell(medium: &Medium, index: usize, coloured: C64) -> Result<Self, Unsupported> {
        let missing = || unsupported(format!("layer {index} has no electrochromic film between electrodes"));
        let layer = medium.layers.get(index).ok_or_else(missing)?;
        let film = layer.films.iter().position(|f| f.role == FilmRole::Electrochromic).ok_or_else(missing)?;
        let electrode = layer.films.iter().rposition(|f| f.role == FilmRole::Electrode).ok_or_else(missing)?;
        let pitch = f64::from(medium.track_pitch.0) * 1e-9;
        let mut unit = recording_unit(index, layer, pitch, film, electrode)?;
        unit.dye.unrecorded.index = coloured;
        let resin = transparent(&medium.bond);
        Ok(Self {
            wavelength: f64::from(medium.wavelength.0) * 1e-9,
            substrate: if index == 0 { transparent(&medium.cover) } else { resin },
            bond: resin,
            bond_thickness: medium.bond.thickness.0,
            l0: unit.clone(),
            l1: unit,
            pitch,
        })
    }

    /// The films of a described medium.
    ///
    /// # Errors
    /// [`Unsupported`] for anything but two layers, and for grooves that leave no land.
    pub fn of(medium: &Medium) -> Result<Self, Unsupported> {
        let [l0, l1] = medium.layers.as_slice() else {
            let has = match medium.layers.len() {
                1 => "one layer".into(),
                n => format!("{n} layers"),
            };
            return Err(unsupported(format!("a medium of {has}, not two")));
        };
        let pitch = f64::from(medium.track_pitch.0) * 1e-9;
        Ok(Self {
            wavelength: f64::from(medium.wavelength.0) * 1e-9,
            substrate: transparent(&medium.cover),
            bond: transparent(&medium.bond),
            bond_thickness: medium.bond.thickness.0,
            l0: unit(0, l0, pitch)?,
            l1: unit(1, l1, pitch)?,
            pitch,
        })
    }
}
