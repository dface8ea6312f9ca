//! Films that change their thickness across the track.

use super::{Body, Layer};

/// What lies where a film is thinner than at its thickest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fill {
    /// The outermost layer on the light side, before the film: a dye that is thinner on the land
    /// leaves room for the substrate or the bond.
    Before,
    /// The outermost layer on the far side, behind the film: behind a stripe of reflector lies what
    /// is behind the reflector.
    After,
    /// Nothing: its neighbours touch, as dye and reflector do beside a stripe of another film.
    Nothing,
}

/// A band along the track.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Band {
    /// Half of its width, metres.
    pub half_width: f64,
    /// Thickness of the film outside, metres; zero where there is none.
    pub beyond: f64,
    /// What fills the difference.
    pub fill: Fill,
}

impl Layer {
    /// The band of a layer that has two thicknesses.
    pub(super) fn excess(&self) -> Option<Band> {
        self.band.filter(|b| b.half_width.is_finite() && b.beyond != self.thickness)
    }
}

impl Body {
    /// Distance of a place (metres from the middle of the spot) from the middle of the next band.
    fn distance(&self, x: f64) -> f64 {
        let Some(pitch) = self.pitch else { return x.abs() };
        let x = if self.beside { x + 0.5 * pitch } else { x };
        (x - pitch * (x / pitch).round()).abs()
    }

    /// Places beyond the middle of the spot, up to `reach` metres, that are `distance` from the
    /// middle of a band: in order.
    pub(super) fn edges(&self, distance: f64, reach: f64) -> Vec<f64> {
        let Some(pitch) = self.pitch else {
            return if distance < reach { vec![distance] } else { Vec::new() };
        };
        if distance >= 0.5 * pitch {
            return Vec::new();
        }
        let shift = if self.beside { 0.5 * pitch } else { 0.0 };
        let last = (reach / pitch) as i32 + 2;
        let mut all: Vec<f64> = (-1..=last)
            .flat_map(|n| [-distance, distance].map(|d| f64::from(n) * pitch + d - shift))
            .filter(|&x| x > 0.0 && x < reach)
            .collect();
        all.sort_by(f64::total_cmp);
        all
    }

    /// Share of the places between `from` and `to` (metres from the middle of the spot) that is
    /// nearer to the middle of a band than `distance`.
    pub(super) fn share_within(&self, distance: f64, from: f64, to: f64) -> f64 {
        let mut cuts = vec![from];
        cuts.extend(self.edges(distance, to).into_iter().filter(|&x| x > from));
        cuts.push(to);
        let inside: f64 =
            cuts.windows(2).filter(|w| self.distance(0.5 * (w[0] + w[1])) < distance).map(|w| w[1] - w[0]).sum();
        inside / (to - from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bands_repeat_with_the_pitch() {
        let mut body = Body::new(Vec::new());
        assert_eq!(body.edges(0.2, 3.0), [0.2]);
        assert!((body.share_within(0.2, 0.1, 0.5) - 0.25).abs() < 1e-12);
        body.pitch = Some(1.0);
        assert!(body.edges(0.2, 2.1).iter().zip([0.2, 0.8, 1.2, 1.8]).all(|(a, b)| (a - b).abs() < 1e-12));
        assert!((body.share_within(0.2, 0.0, 2.0) - 0.4).abs() < 1e-12);
        body.beside = true;
        assert!(body.edges(0.2, 2.1).iter().zip([0.3, 0.7, 1.3, 1.7]).all(|(a, b)| (a - b).abs() < 1e-12));
        assert!(body.share_within(0.2, 0.0, 0.3).abs() < 1e-12);
        assert!((body.share_within(0.2, 0.3, 0.7) - 1.0).abs() < 1e-12);
    }
}
