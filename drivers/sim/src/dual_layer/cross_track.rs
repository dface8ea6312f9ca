//! Read-out across the track: groove, land and mark share the spot.
//!
//! The detector sees the part of the reflected field that still has the form of the spot (overlap
//! with the incident Gaussian), so the amplitudes of land, groove and mark add with their share of
//! the light and their phase. That interference, not absorption, makes most of the modulation of a
//! write-once disc. Scalar, along one line: marks are taken as long next to the spot.

use super::LayerOptics;
use crate::complex::C64;

/// The spot and the track, seen across the track.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CrossTrack {
    /// 1/e^2 radius of the spot's intensity, metres.
    pub spot_radius: f64,
    /// Width of the groove, metres.
    pub groove_width: f64,
    /// Track pitch, metres.
    pub pitch: f64,
    /// Numerical aperture times pitch over wavelength: how far the orders of the groove spread.
    pub orders: f64,
}

impl CrossTrack {
    /// Share of the spot's light within +-`x` of a place `offset` from its middle.
    fn share(&self, x: f64, offset: f64) -> f64 {
        let s = core::f64::consts::SQRT_2 / self.spot_radius;
        0.5 * (erf(s * (x - offset)) + erf(s * (x + offset)))
    }

    /// Reflected amplitude over incident amplitude with a mark of half width `h` metres under the
    /// spot, the spot `offset` metres beside the middle of its groove. Neighbouring grooves are
    /// unrecorded.
    #[must_use]
    pub fn amplitude(&self, layer: &LayerOptics, h: f64, offset: f64) -> C64 {
        let half = 0.5 * self.groove_width;
        let groove = self.share(half, offset);
        let mark = self.share(h.min(half), offset);
        let on_land = self.land_half_width(layer, h);
        let over = if on_land > half { self.share(on_land.min(0.5 * self.pitch), offset) - groove } else { 0.0 };
        let beside = self.share(half, offset - self.pitch) + self.share(half, offset + self.pitch);
        let land = 1.0 - groove - beside - over;
        layer.mark.r.scale(mark)
            + layer.groove.r.scale(groove - mark + beside)
            + layer.land_mark.r.scale(over)
            + layer.land.r.scale(land)
    }

    /// How far a mark of half width `h` in the groove would reach on land: the land has less dye
    /// and takes up less light, so it stays colder. Taken from the Gaussian spot: where the heating
    /// of the groove is at the threshold at `h`, that of the land, weaker by the ratio of absorbed
    /// light, is at the threshold nearer to the middle. Heat that flows from groove to land is left
    /// out. This is how a groove confines a mark.
    #[must_use]
    pub fn land_half_width(&self, layer: &LayerOptics, h: f64) -> f64 {
        let ratio = (layer.land.dye + layer.land.metal) / (layer.groove.dye + layer.groove.metal);
        let w = self.spot_radius;
        (h * h + 0.5 * w * w * ratio.ln()).max(0.0).sqrt().min(h)
    }

    /// Reflected share of the power on the layer, on the middle of the track, with a mark of half
    /// width `h`.
    #[must_use]
    pub fn level(&self, layer: &LayerOptics, h: f64) -> f64 {
        self.amplitude(layer, h, 0.0).norm_sqr()
    }

    /// Modulation (I14H - I14L) / I14H of long marks of half width `h`; negative for marks that
    /// are brighter.
    #[must_use]
    pub fn modulation(&self, layer: &LayerOptics, h: f64) -> f64 {
        let high = self.level(layer, 0.0);
        (high - self.level(layer, h)) / high
    }

    /// Push-pull of the unrecorded groove: peak-to-peak of (Ia - Ib) over the mean of (Ia + Ib)
    /// while the spot crosses tracks, with the sign of the slope at the groove. Zero and first
    /// orders of a rectangular grating in an evenly lit pupil.
    #[must_use]
    pub fn push_pull(&self, layer: &LayerOptics) -> f64 {
        let f = self.groove_width / self.pitch;
        let (g, l) = (layer.groove.r, layer.land.r);
        let zero = g.scale(f) + l.scale(1.0 - f);
        let pi = core::f64::consts::PI;
        let first = (g - l).scale((pi * f).sin() / pi);
        // Share of the pupil where one first order meets the zero order: two unit circles whose
        // middles are `1 / orders` pupil radii apart.
        let d = (1.0 / self.orders).min(2.0);
        let overlap = 2.0 / pi * ((0.5 * d).acos() - 0.5 * d * (1.0 - 0.25 * d * d).max(0.0).sqrt());
        // |zero + first e^{+-i x}|^2 differ by 4 Im(zero* first) sin x; peak-to-peak is twice that.
        let cross = (zero.conj() * first).im;
        let mean = zero.norm_sqr() + 2.0 * overlap * first.norm_sqr();
        8.0 * overlap * cross / mean
    }
}

/// Error function, 1.5e-7 (Abramowitz and Stegun 7.1.26).
fn erf(x: f64) -> f64 {
    let t = 1.0 / (1.0 + 0.327_591_1 * x.abs());
    let p = t * (0.254_829_592 + t * (-0.284_496_736 + t * (1.421_413_741 + t * (-1.453_152_027 + t * 1.061_405_429))));
    (1.0 - p * (-x * x).exp()).copysign(x)
}
