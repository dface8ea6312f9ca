//! Push-pull by scalar diffraction: the groove as a grating in the focus of a lens.
//!
//! The spot is the image of an evenly lit pupil. Each order of the grating comes back as the same
//! circle, shifted across by wavelength / (NA pitch) of its radius; the two halves of the detector
//! differ where a first order meets the zero one (H. H. Hopkins, J. Opt. Soc. Am. 69 (1979) 4).
//!
//! With zones symmetric about the groove, reflected amplitudes `r` and borders `x`:
//! `a0 = sum r_i share_i`, `a1 = sum (r_i - r_i+1) sin(2 pi x_i / pitch) / pi`, and at a place `x`
//! beside the groove `Ia - Ib = -+ 4 overlap Im(a0* a1) sin(2 pi x / pitch)`. This is exact while
//! NA pitch / wavelength is below one (orders 1 and -1 don't meet within the lens, nor does any
//! higher one come back); beyond it is the leading term.
//!
//! For a groove and a land of equal reflectance and `d` metres of relief, `Im(a0* a1)` is
//! proportional to `sin(4 pi n d / wavelength)`: greatest at an eighth of a wave, zero at a quarter.

use core::f64::consts::{PI, TAU};

use super::{CrossTrack, LayerOptics};
use crate::complex::C64;

/// Push-pull of a layer while the spot crosses its tracks.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PushPull {
    /// Zero and first order of the grating, amplitudes over the incident one, the middle of a
    /// groove being the origin.
    pub orders: [C64; 2],
    /// Share of the pupil where one first order meets the zero order.
    pub overlap: f64,
    /// Displacement of the grooves outwards against those of the first layer, in track pitches.
    pub phase: f64,
}

impl PushPull {
    /// Peak-to-peak of Ia - Ib over the incident light, with the sign of the slope at the groove.
    #[must_use]
    pub fn difference(&self) -> f64 {
        // |zero + first e^{+-i x}|^2 differ by 4 Im(zero* first) sin x; peak-to-peak is twice that.
        let cross = (self.orders[0].conj() * self.orders[1]).im;
        8.0 * self.overlap * cross
    }

    /// Mean of Ia + Ib over the incident light.
    #[must_use]
    pub fn mean(&self) -> f64 {
        let [zero, first] = &self.orders;
        zero.norm_sqr() + 2.0 * self.overlap * first.norm_sqr()
    }

    /// Peak-to-peak of Ia - Ib over the mean of Ia + Ib, with the sign of the slope at the groove.
    #[must_use]
    pub fn amplitude(&self) -> f64 {
        self.difference() / self.mean()
    }

    /// Ia - Ib over the mean of Ia + Ib at `x` track pitches outwards of a groove of the *first*
    /// layer.
    #[must_use]
    pub fn at(&self, x: f64) -> f64 {
        0.5 * self.amplitude() * (TAU * (x - self.phase)).sin()
    }

    /// Ia + Ib over its mean at the same place.
    #[must_use]
    pub fn sum_at(&self, x: f64) -> f64 {
        let cross = (self.orders[0].conj() * self.orders[1]).re;
        1.0 + 4.0 * self.overlap * cross * (TAU * (x - self.phase)).cos() / self.mean()
    }

    /// Where the signal passes zero on the slope that it has at its grooves, in track pitches
    /// outwards of a groove of the first layer, from -0.5 to 0.5; none where there is no push-pull.
    /// Found on the signal, by its fundamental.
    #[must_use]
    pub fn zero_crossing(&self) -> Option<f64> {
        const PLACES: u32 = 64;
        let places = (0..PLACES).map(|i| f64::from(i) / f64::from(PLACES));
        let samples: Vec<(f64, f64)> = places.map(|x| (x, self.at(x))).collect();
        zero_crossing(&samples, self.amplitude() > 0.0)
    }
}

/// Where samples (place in track pitches, signal) over whole pitches pass zero on the rising or the
/// falling slope, from -0.5 to 0.5, by their fundamental; none without a signal.
pub(crate) fn zero_crossing(samples: &[(f64, f64)], rising: bool) -> Option<f64> {
    let (mut sine, mut cosine) = (0.0, 0.0);
    for (x, v) in samples {
        let (s, c) = (TAU * x).sin_cos();
        sine += v * s;
        cosine += v * c;
    }
    let sign = if rising { 1.0 } else { -1.0 };
    // signal = |A| sign sin(2 pi (x - x0)): sine = |A| sign cos(2 pi x0), cosine = -|A| sign sin.
    let strength = sine.hypot(cosine);
    (strength > 1e-9 * samples.len() as f64).then(|| (-sign * cosine).atan2(sign * sine) / TAU)
}

impl CrossTrack {
    /// Push-pull of the unrecorded layer.
    #[must_use]
    pub fn diffraction(&self, layer: &LayerOptics) -> PushPull {
        let mut orders = [C64::ZERO; 2];
        for (i, zone) in layer.zones.iter().enumerate() {
            orders[0] += zone.blank.r.scale(zone.share);
            if let Some(next) = layer.zones.get(i + 1) {
                let part = 2.0 * zone.until / self.pitch;
                orders[1] += (zone.blank.r - next.blank.r).scale((PI * part).sin() / PI);
            }
        }
        // Two unit circles whose middles are `1 / orders` pupil radii apart.
        let d = (1.0 / self.orders).min(2.0);
        let overlap = 2.0 / PI * ((0.5 * d).acos() - 0.5 * d * (1.0 - 0.25 * d * d).max(0.0).sqrt());
        PushPull { orders, overlap, phase: layer.phase }
    }

    /// Push-pull of the unrecorded groove: peak-to-peak of (Ia - Ib) over the mean of (Ia + Ib)
    /// while the spot crosses tracks, with the sign of the slope at the groove.
    #[must_use]
    pub fn push_pull(&self, layer: &LayerOptics) -> f64 {
        self.diffraction(layer).amplitude()
    }
}
