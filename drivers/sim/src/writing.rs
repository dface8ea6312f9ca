//! From laser pulses to marks.
//!
//! A place of the dye is recorded when its highest temperature reaches the decomposition
//! temperature. The temperature follows from the impulse response of the layer
//! ([`crate::heat::ImpulseResponse`]) by superposition over the pulses of a moving spot, so where
//! marks begin and end, how wide they are and how neighbours shift them is a result, not an input.
//!
//! - [`Train`]: the reference. Every pulse of a run sequence, every place.
//! - [`EdgeTable`]: the fast model. The same superposition once per pattern of neighbours, kept so
//!   that a new power needs no new superposition; [`SolvedEdges`] is then an array look-up per run.

use disc_hal::hal::{Microwatts, WriteStrategy};

mod edges;
mod kernel;
mod outline;
mod pulse;
mod strategy;

pub use edges::{Edge, EdgeTable, SolvedEdges};
pub use kernel::Kernel;
pub use outline::{MarkOutline, Train};
pub use pulse::{Pulse, PulseMark};
pub use strategy::{MAX_PULSES, Pulses, SLOTS, Strategy, class};

/// Channel period of a DVD at its basic speed, seconds: 26.15625 MHz.
pub const CHANNEL_PERIOD: f64 = 1.0 / 26.15625e6;

/// Linear velocity of a dual-layer DVD at its basic speed, m/s: 146.8 nm per channel period.
pub const VELOCITY: f64 = 3.84;

/// Run lengths of EFMPlus, channel periods: 3 to 11, and the 14 of the sync code.
pub const RUNS: [u8; 10] = [3, 4, 5, 6, 7, 8, 9, 10, 11, 14];

/// Shares of the run lengths in random data, about (they weigh the mean heat of far neighbours).
pub const RUN_SHARES: [f64; 10] = [0.32, 0.24, 0.16, 0.10, 0.07, 0.045, 0.03, 0.02, 0.01, 0.005];

/// Powers of a write strategy in watts, in the plane to which the impulse response refers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct WritePower {
    /// Level of the pulses.
    pub peak: f64,
    /// Level between the pulses.
    pub bias: f64,
}

impl From<&WriteStrategy> for WritePower {
    fn from(s: &WriteStrategy) -> Self {
        let watts = |p: Microwatts| f64::from(p.0) * 1e-6;
        Self { peak: watts(s.peak), bias: watts(s.bias) }
    }
}

/// Where a sampled curve falls through zero, walking from sample `from` in `direction` (+1 or -1):
/// position in samples. `None` if it does not, or starts at or below zero.
pub(crate) fn crossing(y: &[f64], from: usize, direction: isize) -> Option<f64> {
    let mut i = from;
    if y[i] <= 0.0 {
        return None;
    }
    loop {
        let j = i.checked_add_signed(direction).filter(|&j| j < y.len())?;
        if y[j] <= 0.0 {
            return Some(i as f64 + direction as f64 * refine(y, i, j, direction));
        }
        i = j;
    }
}

/// Root between samples `i` and `j` of the cubic through them and their outer neighbours, 0..1.
fn refine(y: &[f64], i: usize, j: usize, direction: isize) -> f64 {
    let (b, c) = (y[i], y[j]);
    let outer = |k: usize, d: isize| k.checked_add_signed(d).filter(|&k| k < y.len()).map(|k| y[k]);
    let a = outer(i, -direction).unwrap_or(2.0 * b - c);
    let d = outer(j, direction).unwrap_or(2.0 * c - b);
    // Lagrange through -1, 0, 1, 2, in powers of t.
    let k3 = (d - a) / 6.0 + 0.5 * (b - c);
    let k2 = 0.5 * (a + c) - b;
    let k1 = c - b - k2 - k3;
    let value = |t: f64| b + t * (k1 + t * (k2 + t * k3));
    let (mut lo, mut hi) = (0.0, 1.0);
    let mut t = b / (b - c);
    for _ in 0..6 {
        let v = value(t);
        if v > 0.0 {
            lo = t;
        } else {
            hi = t;
        }
        let slope = k1 + t * (2.0 * k2 + t * 3.0 * k3);
        let next = t - v / slope;
        t = if next > lo && next < hi { next } else { 0.5 * (lo + hi) };
    }
    t
}

#[cfg(test)]
mod tests;
#[cfg(test)]
mod tests_banded;
