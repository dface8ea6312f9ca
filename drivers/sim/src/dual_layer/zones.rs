//! The track cut into zones across, within each of which the films don't change.

use super::{Coat, DualLayer, LayerOptics, Light, Patch, Unit};
use crate::complex::C64;
use crate::materials::Material;
use crate::optics::{Film, Stack, StackError};

/// A stretch of the half track, on either side of the middle of the groove.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Zone {
    /// Distance of its far border from the middle of the groove, metres; that of the last zone is
    /// half a track pitch.
    pub until: f64,
    /// Its part of the area of the track, both sides.
    pub share: f64,
    /// Whether it lies in the groove.
    pub in_groove: bool,
    /// Unrecorded.
    pub blank: Patch,
    /// Recorded.
    pub mark: Patch,
}

/// Borders nearer to each other than this are one.
const SAME: f64 = 1e-12;

impl Unit {
    /// The dye as a film with its band.
    #[must_use]
    pub fn dye_coat(&self) -> Coat {
        Coat {
            material: self.dye.unrecorded,
            thickness: self.groove_dye,
            land: self.land_dye,
            half_width: self.dye_half_width.unwrap_or(0.5 * self.groove_width),
        }
    }

    /// All films in the order in which light meets them, the dye at [`dye_at`](Self::dye_at).
    #[must_use]
    pub fn all(&self) -> Vec<Coat> {
        let mut all = self.coats.clone();
        all.insert(self.dye_at.min(all.len()), self.dye_coat());
        all
    }

    /// Place of the reflector among all films.
    #[must_use]
    pub const fn reflector_at(&self) -> usize {
        self.reflector + (self.reflector >= self.dye_at) as usize
    }

    /// The films from the light side on, `x` metres from the middle of the groove; a film that is
    /// absent there has no thickness.
    #[must_use]
    pub fn films(&self, x: f64, recorded: bool) -> Vec<Film> {
        let film = |c: &Coat| Film { index: c.material.index, thickness: c.at(x) };
        let mut films: Vec<Film> = self.all().iter().map(film).collect();
        if recorded {
            films[self.dye_at].index = self.dye.recorded;
        }
        films
    }

    /// Adds a film right behind the dye.
    pub fn put_behind_dye(&mut self, coat: Coat) {
        self.coats.insert(self.dye_at, coat);
        self.reflector += usize::from(self.reflector >= self.dye_at);
    }

    /// Distances from the middle of the groove at which something changes, growing, and half of
    /// `pitch` as the last.
    #[must_use]
    pub fn borders(&self, pitch: f64) -> Vec<f64> {
        let bands = self.all().into_iter().filter(|c| c.thickness != c.land).map(|c| c.half_width);
        let mut borders: Vec<f64> = core::iter::once(0.5 * self.groove_width)
            .chain(bands)
            .filter(|&x| x > SAME && x < 0.5 * pitch - SAME)
            .collect();
        borders.sort_by(f64::total_cmp);
        borders.dedup_by(|a, b| (*a - *b).abs() < SAME);
        borders.push(0.5 * pitch);
        borders
    }

    /// How far the light side of the films `x` metres from the middle of the groove lies nearer to
    /// the light than that on the middle of the land, in metres. `inverse`: the unit was made on
    /// the substrate behind it, so that its films grew toward the light.
    fn toward_light(&self, x: f64, pitch: f64, inverse: bool) -> f64 {
        let moulded = if x < 0.5 * self.groove_width { self.relief } else { 0.0 };
        if !inverse {
            return moulded;
        }
        let land = 0.5 * pitch;
        let grown = self.all();
        let thicker = grown.iter().filter(|c| c.at(x) != c.at(land));
        thicker.fold(moulded, |up, c| up + c.at(x) - c.at(land))
    }

    /// How far the far side of the films lies nearer to the light than that on the land, in metres.
    fn far_side(&self, x: f64, pitch: f64, inverse: bool) -> f64 {
        let moulded = if x < 0.5 * self.groove_width { self.relief } else { 0.0 };
        if inverse {
            return moulded;
        }
        self.all().iter().fold(moulded, |up, c| up - (c.at(x) - c.at(0.5 * pitch)))
    }
}

impl DualLayer {
    /// A layer's films in a plane wave, zone by zone.
    pub(super) fn layer_optics(&self, layer: usize, light: &Light) -> Result<LayerOptics, StackError> {
        let unit = self.unit(layer);
        let mut zones: Vec<Zone> = Vec::new();
        let (mut inner, mut left) = (0.0, 1.0);
        let borders = unit.borders(self.pitch);
        for (i, &until) in borders.iter().enumerate() {
            // The last takes what is left, so that the shares sum to one.
            let share = if i + 1 == borders.len() { left } else { 2.0 * (until - inner) / self.pitch };
            left -= share;
            let x = 0.5 * (inner + until);
            zones.push(Zone {
                until,
                share,
                in_groove: x < 0.5 * unit.groove_width,
                blank: self.patch(layer, x, false, light)?,
                mark: self.patch(layer, x, true, light)?,
            });
            inner = until;
        }
        let (groove, land) = (zones[0], zones[zones.len() - 1]);
        Ok(LayerOptics {
            land: land.blank,
            groove: groove.blank,
            mark: groove.mark,
            land_mark: land.mark,
            zones,
            phase: unit.phase,
        })
    }

    /// One place of a layer, `x` metres from the middle of a groove, in a plane wave.
    ///
    /// # Errors
    /// [`StackError`] if a film is not physical.
    pub fn patch(&self, layer: usize, x: f64, recorded: bool, light: &Light) -> Result<Patch, StackError> {
        let unit = self.unit(layer);
        let (from, to) = self.around(layer);
        let stack = Stack::new(from.index.re, unit.films(x, recorded), to.index)?;
        let mut a = vec![0.0; stack.films().len()];
        let s = stack.absorption(light.wavelength, light.inside(from.index.re), light.polarisation, &mut a);
        let inverse = layer == 1;
        let path = |m: Material, up: f64| {
            let cosine = light.inside(m.index.re).cos();
            core::f64::consts::TAU * m.index.re * cosine * up / light.wavelength
        };
        // A place nearer to the light shortens the path there and back.
        let up = unit.toward_light(x, self.pitch, inverse);
        // What passes goes the shorter way before the films and the longer one behind them.
        let passing = path(to, unit.far_side(x, self.pitch, inverse)) - path(from, up);
        let (dye, metal) = (unit.dye_at, unit.reflector_at());
        let other = a.iter().enumerate().filter(|(i, _)| *i != dye && *i != metal);
        Ok(Patch {
            r: s.r * C64::polar(1.0, -2.0 * path(from, up)),
            t: s.t * C64::polar(1.0, passing),
            reflectance: s.reflectance,
            transmittance: s.transmittance,
            dye: a[dye],
            metal: a[metal],
            other: other.map(|(_, a)| a).fold(0.0, |sum, a| sum + a),
        })
    }
}
