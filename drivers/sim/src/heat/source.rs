//! Where a Gaussian spot heats the cells of a cross-section.

use super::{Body, Deposit, Section};

/// One joule of a Gaussian spot, as the rise of temperature that it makes in each cell, less its
/// form along the track.
#[derive(Debug, Clone, PartialEq)]
pub struct Source {
    /// Heated rows, and the rise in K m/J of each of their columns.
    pub(super) rows: Vec<(usize, Vec<f64>)>,
    /// 1/e^2 radius of the spot, metres.
    pub(super) spot_radius: f64,
    /// Heat per joule of light, both halves of the mirrored plane.
    total: f64,
}

/// Mean of a Gaussian of 1/e^2 radius `w` and unit integral between two places, per metre.
pub(super) fn mean_density(w: f64, from: f64, to: f64) -> f64 {
    // Gauss-Legendre on pieces of at most w / 8: relative error below 1e-12.
    const NODE: f64 = 0.774_596_669_241_483_4;
    let pieces = ((to - from) / (0.125 * w)).ceil().clamp(1.0, 200.0);
    let h = 0.5 * (to - from) / pieces;
    let density = |x: f64| (-2.0 * x * x / (w * w)).exp();
    let mut sum = 0.0;
    for i in 0..pieces as usize {
        let m = from + (2.0 * i as f64 + 1.0) * h;
        sum += 8.0 * density(m) + 5.0 * (density(m - NODE * h) + density(m + NODE * h));
    }
    sum / (18.0 * pieces) * (2.0 / core::f64::consts::PI).sqrt() / w
}

impl Deposit {
    /// Mean fraction between two places across the track, metres from the middle of the spot.
    fn between(&self, body: &Body, from: f64, to: f64) -> f64 {
        let mut fraction = self.fraction;
        // Outermost zone first: each replaces what is nearer to the middle.
        for (i, &(within, inside)) in self.zones.iter().enumerate().rev() {
            let outside = self.zones.get(i + 1).map_or(self.fraction, |z| z.1);
            fraction += (inside - outside) * body.share_within(within, from, to);
        }
        fraction
    }

    /// Fraction of the light of a Gaussian spot of 1/e^2 radius `w` metres, wherever it falls.
    #[must_use]
    pub fn of_spot(&self, body: &Body, w: f64) -> f64 {
        if self.zones.is_empty() {
            return self.fraction;
        }
        const PIECES: usize = 300;
        let step = 3.0 * w / PIECES as f64;
        let (mut light, mut heat) = (0.0, 0.0);
        for i in 0..PIECES {
            let (from, to) = (i as f64 * step, (i + 1) as f64 * step);
            let share = mean_density(w, from, to);
            light += share;
            heat += share * self.between(body, from, to);
        }
        heat / light
    }
}

impl Source {
    /// The spot of 1/e^2 radius `w` metres on a body.
    #[must_use]
    pub fn new(section: &Section, body: &Body, deposits: &[Deposit], w: f64) -> Self {
        let n = section.columns();
        let mut rows: Vec<(usize, Vec<f64>)> = Vec::new();
        let mut total = 0.0;
        for d in deposits {
            let own: Vec<usize> = (0..section.rows()).filter(|&i| section.layer[i] == d.layer).collect();
            let mut heat = vec![vec![0.0; n]; own.len()];
            for j in 0..n {
                let (from, to) = (section.faces[j], section.faces[j + 1]);
                let fraction = d.between(body, from, to);
                let thickness: f64 = own.iter().map(|&i| section.film[i * n + j] * section.height[i * n + j]).sum();
                let (mut z, mut sum) = (0.0, 0.0);
                for (h, &i) in heat.iter_mut().zip(&own) {
                    let film = section.film[i * n + j] * section.height[i * n + j];
                    h[j] = d.profile.at(((z + 0.5 * film) / thickness).min(1.0), thickness) * film;
                    z += film;
                    sum += h[j];
                }
                let density = mean_density(w, from, to);
                total += 2.0 * fraction * density * (to - from);
                for h in &mut heat {
                    // Where there is no film there is nothing to heat.
                    h[j] = if sum > 0.0 { h[j] * fraction * density / sum } else { 0.0 };
                }
            }
            for (mut h, i) in heat.into_iter().zip(own) {
                for (v, c) in h.iter_mut().zip(&section.capacity[i * n..]) {
                    *v /= c;
                }
                match rows.iter_mut().find(|r| r.0 == i) {
                    Some((_, all)) => all.iter_mut().zip(&h).for_each(|(a, b)| *a += b),
                    None => rows.push((i, h)),
                }
            }
        }
        Self { rows, spot_radius: w, total }
    }

    /// Heat per joule of light.
    #[must_use]
    pub const fn heat(&self) -> f64 {
        self.total
    }
}
