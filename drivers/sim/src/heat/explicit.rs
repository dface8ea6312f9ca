//! A plain explicit stencil on the same cells: a check on the implicit steps, and a peer for speed.

use super::Solid;

impl Solid {
    /// The longest step in seconds for which the explicit stencil is stable.
    #[must_use]
    pub fn explicit_limit(&self) -> f64 {
        let s = &self.section;
        let steepest = self.along.iter().map(|(a, b)| a + b).fold(0.0, f64::max);
        let mut rate = 0f64;
        for i in 0..s.rows() {
            for j in 0..s.columns() {
                let (l, r) = s.across_rates(i, j);
                let (u, d) = s.down_rates(i, j);
                rate = rate.max(l + r + u + d + self.kinds[self.kind[i * s.columns() + j]] * steepest);
            }
        }
        1.0 / rate
    }

    /// The couplings of the stencil for steps of `dt` seconds, which must be below
    /// [`explicit_limit`](Self::explicit_limit): per row and column those to the column before and
    /// after, the row above and below, and along the track.
    #[must_use]
    pub fn stencil(&self, dt: f64) -> Vec<[f64; 5]> {
        let s = &self.section;
        let mut all = Vec::with_capacity(s.rows() * s.columns());
        for i in 0..s.rows() {
            for j in 0..s.columns() {
                let (l, r) = s.across_rates(i, j);
                let (u, d) = s.down_rates(i, j);
                let along = self.kinds[self.kind[i * s.columns() + j]];
                all.push([l * dt, r * dt, u * dt, d * dt, along * dt]);
            }
        }
        all
    }

    /// One explicit step with the couplings of [`stencil`](Self::stencil).
    pub fn step_explicit(&mut self, stencil: &[[f64; 5]]) {
        let (n, columns) = (self.length(), self.section.columns());
        super::solid::explicit(&self.field, &mut self.other, (n, columns), stencil, &self.along);
        core::mem::swap(&mut self.field, &mut self.other);
    }
}
