//! The shadow of the first layer's grooves on the second.
//!
//! Light for the second layer crosses the first in a cone of many tracks. The transmission of the
//! first layer changes across its track, and the light that passes is the overlap of that pattern
//! with the intensity in the cone, whose component at the track's frequency is the transfer
//! function of the defocused lens.

use core::f64::consts::{PI, TAU};

use super::{DualLayer, LayerOptics, MediumOptics};

/// What the grooves of the first layer do to the signal of the second.
#[derive(Debug, Clone, PartialEq)]
pub struct Shadow {
    /// Mean transmission of the blank first layer, one way.
    pub mean: f64,
    /// Transmission on its groove less that on its land, one way.
    pub contrast: f64,
    /// Correlation, over a track, of the first layer's transmission with the second's reflectance:
    /// its sign is that of the product of both contrasts where the grooves are in phase. Zero where
    /// one of them has no contrast.
    pub correlation: f64,
    /// The same over that of grooves that lie in phase: +1 in phase, -1 opposite (claims B3, B4).
    pub alignment: f64,
    /// Fundamental of the transmission over its mean, amplitude, as it lies across the track.
    pub at_the_layer: f64,
    /// The factor by which the cone of light averages that fundamental, signed.
    pub averaged: f64,
    /// Amplitude of what is left in the sum signal of the second layer, over its mean: on the way in
    /// and on the way back.
    pub in_the_sum: f64,
    /// The same with its sign: the change of the second layer's sum, over its mean, where the spot's
    /// axis meets the middle of a groove of the first layer.
    pub over_groove: f64,
    /// Tracks of the first layer within the cone of light, across.
    pub tracks: f64,
}

/// Profile over a track: (distance from the groove at the border in pitches, value inside of it).
fn profile(layer: &LayerOptics, pitch: f64, value: impl Fn(&super::Patch) -> f64) -> Vec<(f64, f64)> {
    layer.zones.iter().map(|z| (z.until / pitch, value(&z.blank))).collect()
}

/// Its value at `x` pitches from the groove.
fn value_at(profile: &[(f64, f64)], x: f64) -> f64 {
    let x = (x - x.round()).abs();
    profile.iter().find(|(until, _)| x < *until).or(profile.last()).map_or(0.0, |p| p.1)
}

/// Amplitude of the fundamental: positive where the groove is the greater.
fn fundamental(profile: &[(f64, f64)]) -> f64 {
    let steps = profile.windows(2).map(|w| (w[0].1 - w[1].1) * (TAU * w[0].0).sin());
    2.0 / PI * steps.fold(0.0, |a, s| a + s)
}

/// Pearson's correlation of two profiles, the second displaced by `phase` pitches.
fn correlation(a: &[(f64, f64)], b: &[(f64, f64)], phase: f64) -> f64 {
    const PLACES: u32 = 4000;
    let places = (0..PLACES).map(|i| (f64::from(i) + 0.5) / f64::from(PLACES));
    let pairs: Vec<(f64, f64)> = places.map(|x| (value_at(a, x), value_at(b, x - phase))).collect();
    let n = f64::from(PLACES);
    let mean = pairs.iter().fold((0.0, 0.0), |m, p| (m.0 + p.0 / n, m.1 + p.1 / n));
    let (mut ab, mut aa, mut bb) = (0.0, 0.0, 0.0);
    for (x, y) in pairs {
        let (x, y) = (x - mean.0, y - mean.1);
        ab += x * y;
        aa += x * x;
        bb += y * y;
    }
    let scale = (aa * bb).sqrt();
    if scale > 1e-18 { ab / scale } else { 0.0 }
}

impl DualLayer {
    /// The shadow of the blank first layer for a lens of numerical aperture `na`.
    #[must_use]
    pub fn shadow(&self, optics: &MediumOptics, na: f64) -> Shadow {
        let t = profile(&optics.l0, self.pitch, |p| p.transmittance);
        let r = profile(&optics.l1, self.pitch, |p| p.reflectance);
        let phase = optics.l1.phase - optics.l0.phase;
        let found = correlation(&t, &r, phase);
        let in_phase = correlation(&t, &r, 0.0);
        let n = self.bond.index.re;
        let sine = na / n;
        let cosine = (1.0 - sine * sine).sqrt();
        // Path by which the rim of the pupil is out of focus where the light crosses the layer.
        let defocus = n * self.bond_thickness * (1.0 - cosine);
        let averaged = defocused_transfer(self.wavelength / (na * self.pitch), defocus / self.wavelength);
        let mean = optics.l0_transmittance;
        let over_groove = 2.0 * fundamental(&t) / mean * averaged;
        let at_the_layer = fundamental(&t).abs() / mean;
        Shadow {
            mean,
            contrast: optics.l0.groove.transmittance - optics.l0.land.transmittance,
            correlation: found,
            alignment: if in_phase == 0.0 { 0.0 } else { found / in_phase },
            at_the_layer,
            averaged,
            in_the_sum: 2.0 * at_the_layer * averaged.abs(),
            over_groove,
            tracks: 2.0 * self.bond_thickness * sine / cosine / self.pitch,
        }
    }
}

/// Incoherent transfer function of a circular pupil out of focus: `s` is the spatial frequency times
/// wavelength / NA (cut-off at 2), `waves` the defect of focus at the rim of the pupil in
/// wavelengths. Hopkins' closed series of Bessel functions (Proc. R. Soc. Lond. A 231 (1955) 91).
#[must_use]
pub fn defocused_transfer(s: f64, waves: f64) -> f64 {
    let s = s.abs();
    if s >= 2.0 {
        return 0.0;
    }
    let beta = (0.5 * s).acos();
    let a = 4.0 * PI * waves.abs() * s;
    if a < 1e-6 {
        return 2.0 / PI * (beta - 0.5 * s * beta.sin());
    }
    let j = bessel(a);
    let at = |n: usize| j.get(n).copied().unwrap_or(0.0);
    let (mut even, mut odd) = (beta * at(1), 0.0);
    for n in 1..j.len() / 2 {
        let m = 2.0 * n as f64;
        let sign = if n % 2 == 1 { 1.0 } else { -1.0 };
        even += sign * (m * beta).sin() / m * (at(2 * n - 1) - at(2 * n + 1));
    }
    for n in 0..j.len() / 2 {
        let m = 2.0 * n as f64 + 1.0;
        let sign = if n % 2 == 0 { 1.0 } else { -1.0 };
        odd += sign * (m * beta).sin() / m * (at(2 * n) - at(2 * n + 2));
    }
    let half = 0.5 * a * s;
    4.0 / (PI * a) * (half.cos() * even - half.sin() * odd)
}

/// Bessel functions `J0(x)`, `J1(x)`, ... until they vanish, by Miller's backward recurrence.
fn bessel(x: f64) -> Vec<f64> {
    let last = (x + 30.0 + 10.0 * x.cbrt()) as usize & !1;
    let mut j = vec![0.0; last + 2];
    j[last] = 1e-30;
    for n in (1..=last).rev() {
        j[n - 1] = 2.0 * n as f64 / x * j[n] - j[n + 1];
        if j[n - 1].abs() > 1e200 {
            j.iter_mut().for_each(|v| *v *= 1e-200);
        }
    }
    // J0 + 2 (J2 + J4 + ...) = 1.
    let norm = j[0] + 2.0 * j.iter().skip(2).step_by(2).sum::<f64>();
    j.iter_mut().for_each(|v| *v /= norm);
    j
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The overlap of the two pupils cut into strips across: their phase is linear along.
    fn by_strips(s: f64, waves: f64) -> f64 {
        let reach = 1.0 - 0.5 * s;
        let steps = 400_000;
        let strip = |i: i32| {
            let x = -reach + 2.0 * reach * (f64::from(i) + 0.5) / f64::from(steps);
            let height = (1.0 - (x.abs() + 0.5 * s).powi(2)).max(0.0).sqrt();
            // W(x + s/2) - W(x - s/2) = 2 waves s x.
            2.0 * height * (2.0 * TAU * waves * s * x).cos()
        };
        (0..steps).map(strip).sum::<f64>() * 2.0 * reach / f64::from(steps) / PI
    }

    #[test]
    fn bessel_functions_are_those_of_the_tables() {
        // Abramowitz and Stegun, table 9.1 and 9.2.
        for (n, x, value) in [
            (0, 1.0, 0.765_197_686_6),
            (1, 1.0, 0.440_050_585_7),
            (0, 10.0, -0.245_935_764_5),
            (1, 10.0, 0.043_472_746_2),
            (2, 10.0, 0.254_630_313_7),
        ] {
            let found = bessel(x)[n];
            assert!((found - value).abs() < 1e-9, "J{n}({x}) = {found}");
        }
    }

    #[test]
    fn the_defocused_transfer_function_is_that_of_the_pupils_overlap() {
        for s in [0.1, 0.7, 1.464, 1.9] {
            for waves in [0.0, 0.3, 1.0, 5.0, 10.6] {
                let (closed, numeric) = (defocused_transfer(s, waves), by_strips(s, waves));
                assert!((closed - numeric).abs() < 1e-7, "{s}, {waves}: {closed} {numeric}");
            }
        }
        assert_eq!(defocused_transfer(2.1, 1.0), 0.0);
    }
}
