//! Read-out across the track: the zones of groove and land, and the mark, share the spot.
//!
//! The detector sees the part of the reflected field that still has the form of the spot (overlap
//! with the incident Gaussian), so the amplitudes of land, groove and mark add with their share of
//! the light and their phase. That interference, not absorption, makes most of the modulation of a
//! write-once disc. Scalar, along one line: marks are taken as long next to the spot.

use super::{LayerOptics, Patch, Zone};
use crate::complex::C64;

/// Where a track is followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// In the groove.
    Groove,
    /// On the land.
    Land,
}

/// The spot and the track, seen across the track.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CrossTrack {
    /// 1/e^2 radius of the spot's intensity, metres.
    pub spot_radius: f64,
    /// Track pitch, metres.
    pub pitch: f64,
    /// Numerical aperture times pitch over wavelength: how far the orders of the groove spread.
    pub orders: f64,
}

impl LayerOptics {
    /// An unrecorded place.
    #[must_use]
    pub const fn place(&self, place: Place) -> &Patch {
        match place {
            Place::Groove => &self.groove,
            Place::Land => &self.land,
        }
    }
}

impl CrossTrack {
    /// Share of the spot's light within +-`x` of a place `offset` from its middle.
    fn share(&self, x: f64, offset: f64) -> f64 {
        let s = core::f64::consts::SQRT_2 / self.spot_radius;
        0.5 * (erf(s * (x - offset)) + erf(s * (x + offset)))
    }

    /// Reflected amplitude over incident amplitude with a mark of half width `h` metres in the
    /// groove under the spot, the spot `offset` metres beside the middle of its groove.
    /// Neighbouring grooves are unrecorded.
    #[must_use]
    pub fn amplitude(&self, layer: &LayerOptics, h: f64, offset: f64) -> C64 {
        let mut sum = C64::ZERO;
        let mut add = |share: f64, patch: &Patch| sum += patch.r.scale(share);
        let (mut inner, mut left) = (0.0, 1.0);
        let mut within = 0.0;
        for (i, zone) in layer.zones.iter().enumerate() {
            let marked = self.marked(&layer.groove, zone, h, inner, within, offset);
            add(marked, &zone.mark);
            if i + 1 == layer.zones.len() {
                // The land between the grooves, whichever track it belongs to.
                add(left - marked, &zone.blank);
            } else {
                let upto = self.share(zone.until, offset);
                let here = upto - within;
                let beside = self.ring(zone.until, inner, offset - self.pitch)
                    + self.ring(zone.until, inner, offset + self.pitch);
                add(here - marked + beside, &zone.blank);
                left = left - here - beside;
                within = upto;
            }
            inner = zone.until;
        }
        sum
    }

    /// Share of the light between `inner` and `outer` metres from a place, on both of its sides.
    fn ring(&self, outer: f64, inner: f64, offset: f64) -> f64 {
        let all = self.share(outer, offset);
        if inner > 0.0 { all - self.share(inner, offset) } else { all }
    }

    /// Share of the light on the part of a zone that a mark in the groove covers.
    fn marked(&self, groove: &Patch, zone: &Zone, h: f64, inner: f64, within: f64, offset: f64) -> f64 {
        if inner == 0.0 {
            return self.share(h.min(zone.until), offset);
        }
        let reach = self.reach(groove, &zone.blank, h).min(h);
        if reach > inner { self.share(reach.min(zone.until), offset) - within } else { 0.0 }
    }

    /// How far from the middle of the spot a place of one kind reaches the threshold where the
    /// middle of another kind, `centre`, does so at `h` metres: it takes up another share of the
    /// light. Taken from the Gaussian spot; heat that flows across the track is left out. This is
    /// how a groove confines a mark.
    fn reach(&self, centre: &Patch, place: &Patch, h: f64) -> f64 {
        let ratio = place.absorbed() / centre.absorbed();
        let w = self.spot_radius;
        (h * h + 0.5 * w * w * ratio.ln()).max(0.0).sqrt()
    }

    /// How far a mark of half width `h` in the groove would reach on land: the land has less dye
    /// and takes up less light, so it stays colder. Where the land is the hotter one: `h`.
    #[must_use]
    pub fn land_half_width(&self, layer: &LayerOptics, h: f64) -> f64 {
        self.reach(&layer.groove, &layer.land, h).min(h)
    }

    /// Half width of the mark that the same power makes with the spot on the middle of the land, if
    /// it makes one of half width `h` metres in the groove: zero where it makes none, wider where
    /// the land takes up more light.
    #[must_use]
    pub fn on_land(&self, layer: &LayerOptics, h: f64) -> f64 {
        self.reach(&layer.groove, &layer.land, h)
    }

    /// Reflected share of the power on the layer, on the middle of the groove, with a mark of half
    /// width `h`.
    #[must_use]
    pub fn level(&self, layer: &LayerOptics, h: f64) -> f64 {
        self.amplitude(layer, h, 0.0).norm_sqr()
    }

    /// The same with spot and mark on the middle of the groove or of the land. What of a mark on
    /// the land reaches into the grooves beside it is counted with them.
    #[must_use]
    pub fn level_on(&self, layer: &LayerOptics, place: Place, h: f64) -> f64 {
        match place {
            Place::Groove => self.level(layer, h),
            Place::Land => self.on_land_amplitude(layer, h).norm_sqr(),
        }
    }

    /// As [`amplitude`](Self::amplitude), with spot and mark on the middle of the land.
    fn on_land_amplitude(&self, layer: &LayerOptics, h: f64) -> C64 {
        let middle = 0.5 * self.pitch;
        let mut sum = self.amplitude(layer, 0.0, middle);
        let mut inner = 0.0;
        // What lies nearer to the middle of the land than one pitch, on both sides: as many zones
        // again as the half track has, outwards from the land. What the mark covers is exchanged.
        for zone in layer.zones.iter().rev() {
            let before = layer.zones.iter().map(|z| z.until).filter(|&x| x < zone.until).fold(0.0, f64::max);
            let (near, far) = (middle - zone.until, middle - before);
            let reach = if inner == 0.0 { h } else { self.reach(&layer.land, &zone.blank, h) };
            if h > 0.0 && reach > near {
                let share = self.ring(reach.min(far), near, 0.0);
                sum += (zone.mark.r - zone.blank.r).scale(share);
            }
            inner = far;
        }
        sum
    }

    /// Modulation (I14H - I14L) / I14H of long marks of half width `h` in the groove; negative for
    /// marks that are brighter.
    #[must_use]
    pub fn modulation(&self, layer: &LayerOptics, h: f64) -> f64 {
        self.modulation_on(layer, Place::Groove, h)
    }

    /// The same with spot and mark in the groove or on the land.
    #[must_use]
    pub fn modulation_on(&self, layer: &LayerOptics, place: Place, h: f64) -> f64 {
        let high = self.level_on(layer, place, 0.0);
        (high - self.level_on(layer, place, h)) / high
    }
}

/// Error function, 1.5e-7 (Abramowitz and Stegun 7.1.26).
fn erf(x: f64) -> f64 {
    let t = 1.0 / (1.0 + 0.327_591_1 * x.abs());
    let p = t * (0.254_829_592 + t * (-0.284_496_736 + t * (1.421_413_741 + t * (-1.453_152_027 + t * 1.061_405_429))));
    (1.0 - p * (-x * x).exp()).copysign(x)
}
