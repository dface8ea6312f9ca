//! Read-out: how a scanning spot turns marks into a signal.
//!
//! First version: linear read-out through the optical transfer function of a
//! full circular pupil (Hopkins; facts of the DVD standard's spot), with levels
//! from the films. The edge response is computed once from the transfer
//! function; a signal is the sum of edge responses.

use core::f64::consts::PI;

/// Half of the stretch, in channel bits, over which an edge is seen.
pub(crate) const REACH: usize = 12;

/// Sub-sample phases of the edge table, a power of two.
const PHASES: usize = 128;

/// Incoherent transfer function of a circular pupil at `x` times its cut-off.
pub(crate) fn transfer(x: f64) -> f64 {
    let x = x.abs();
    if x >= 1.0 { 0.0 } else { 2.0 / PI * (x.acos() - x * (1.0 - x * x).sqrt()) }
}

/// Response of the scanning spot to an edge `x` metres behind its centre, 0 to 1.
/// `cutoff` is `2 NA / lambda` in 1/m. The inverse transform of
/// `transfer(f) / (i 2 pi f)`: `1/2 + 1/pi * integral of transfer(f) sin(2 pi f x) / f`.
pub(crate) fn edge_response(x: f64, cutoff: f64) -> f64 {
    const STEPS: usize = 256;
    // Midpoint rule: the integrand is smooth, and finite at f = 0.
    let sum: f64 = (0..STEPS)
        .map(|i| {
            let u = (i as f64 + 0.5) / STEPS as f64;
            transfer(u) * (2.0 * PI * u * cutoff * x).sin() / u
        })
        .sum();
    0.5 + sum / (PI * STEPS as f64)
}

/// Edge responses at the sample positions around an edge, for many sub-sample phases.
#[derive(Debug)]
pub(crate) struct EdgeTable {
    /// Samples of one response.
    pub(crate) width: usize,
    /// Samples per channel bit.
    pub(crate) rate: f64,
    responses: Vec<f32>,
}

impl EdgeTable {
    /// For `rate` samples per channel bit of `bit` metres.
    pub(crate) fn new(rate: f64, bit: f64, cutoff: f64) -> Self {
        let width = (2.0 * REACH as f64 * rate).ceil() as usize;
        let reach = REACH as f64;
        let mut responses = Vec::with_capacity(PHASES * width);
        // The tail beyond the reach (2 %, it falls as 1/x) is spread over the
        // stretch as a ramp, so that the table begins at 0 and ends at 1 and keeps
        // its shape in between.
        let low = edge_response(-reach * bit, cutoff);
        for phase in 0..PHASES {
            for i in 0..width {
                // Sample i lies so many channel bits after the edge:
                let t = (i as f64 - phase as f64 / PHASES as f64) / rate - reach;
                let raw = edge_response(t.clamp(-reach, reach) * bit, cutoff);
                responses.push((raw + low * (t / reach).clamp(-1.0, 1.0)) as f32);
            }
        }
        Self { width, rate, responses }
    }

    /// Adds a mark to `out`: `-depth` between its edges, which lie `start` and
    /// `end` samples after `out[0]` (either may lie outside).
    #[inline(always)]
    pub(crate) fn add_mark(&self, out: &mut [f32], start: f64, end: f64, depth: f32) {
        let rising = self.add_edge(out, start, -depth);
        let falling = self.add_edge(out, end, depth);
        // Where the first response has ended and the second has not.
        let clip = |at: i64| usize::try_from(at).unwrap_or(0).min(out.len());
        let (from, to) = (clip(rising), clip(falling));
        if from < to {
            for o in &mut out[from..to] {
                *o -= depth;
            }
        }
    }

    /// Adds the response to a step of height `height` at `at` samples after
    /// `out[0]`; returns where it ends, from which on the step adds its height.
    #[inline(always)]
    fn add_edge(&self, out: &mut [f32], at: f64, height: f32) -> i64 {
        // The response begins REACH bits before the edge, at the nearest phase.
        let begin = ((at - REACH as f64 * self.rate) * PHASES as f64).round_ties_even() as i64;
        let (first, phase) = (begin >> PHASES.ilog2(), begin as usize % PHASES);
        let response = &self.responses[phase * self.width..(phase + 1) * self.width];
        let end = first + self.width as i64;
        if end > 0 && first < out.len() as i64 {
            let skip = usize::try_from(-first).unwrap_or(0);
            let from = usize::try_from(first).unwrap_or(0);
            for (o, r) in out[from..].iter_mut().zip(&response[skip..]) {
                *o += height * r;
            }
        }
        end
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CUTOFF: f64 = 2.0 * 0.60 / 650e-9;
    const BIT: f64 = 146.8e-9;

    #[test]
    fn the_edge_response_is_a_step_and_symmetric() {
        assert!((edge_response(0.0, CUTOFF) - 0.5).abs() < 1e-12);
        for x in [50e-9, 200e-9, 700e-9] {
            assert!((edge_response(x, CUTOFF) + edge_response(-x, CUTOFF) - 1.0).abs() < 1e-12);
        }
        assert!(edge_response(3e-6, CUTOFF) > 0.98);
        // Its slope at the centre is the line spread: integral of the transfer
        // function over both signs of frequency, 2 * 4/(3 pi) * cutoff... in closed form.
        let slope = (edge_response(1e-9, CUTOFF) - edge_response(-1e-9, CUTOFF)) / 2e-9;
        let closed = 2.0 * CUTOFF * 4.0 / (3.0 * PI);
        assert!((slope / closed - 1.0).abs() < 1e-4, "{slope} {closed}");
    }

    #[test]
    fn a_carrier_comes_out_with_the_transfer_function() {
        // Marks and spaces of n T: the fundamental of the square wave times the
        // transfer function at its frequency.
        let rate = 4.0;
        let table = EdgeTable::new(rate, BIT, CUTOFF);
        for n in [3.0, 5.0, 11.0] {
            let period = 2.0 * n * rate;
            let len = (period * 40.0) as usize;
            let mut out = vec![0.0f32; len];
            for i in -3..43 {
                let start = f64::from(i) * period + 0.37;
                table.add_mark(&mut out, start, start + n * rate, 1.0);
            }
            let (mut c, mut s) = (0.0, 0.0);
            for (i, v) in out.iter().enumerate() {
                let phase = 2.0 * PI * i as f64 / period;
                c += f64::from(*v) * phase.cos();
                s += f64::from(*v) * phase.sin();
            }
            let amplitude = 2.0 * c.hypot(s) / len as f64;
            let expected = 2.0 / PI * transfer(1.0 / (2.0 * n * BIT * CUTOFF));
            assert!((amplitude / expected - 1.0).abs() < 0.02, "{n}T: {amplitude} instead of {expected}");
        }
    }

    #[test]
    fn marks_cut_by_the_border_join_without_a_step() {
        let table = EdgeTable::new(4.0, BIT, CUTOFF);
        let mut whole = vec![0.0f32; 600];
        table.add_mark(&mut whole, 250.3, 300.9, 0.7);
        let (mut left, mut right) = (vec![0.0f32; 277], vec![0.0f32; 323]);
        table.add_mark(&mut left, 250.3, 300.9, 0.7);
        table.add_mark(&mut right, 250.3 - 277.0, 300.9 - 277.0, 0.7);
        left.extend(right);
        for (a, b) in whole.iter().zip(&left) {
            assert!((a - b).abs() < 0.003, "{a} {b}");
        }
    }
}
