//! The reference: outlines of marks from the temperature history of a whole pulse train.

use super::kernel::{Kernel, LAGS, SIDE_STEP, SIDES};
use super::strategy::{SLOTS, Strategy};
use super::{WritePower, crossing};

/// One mark as the heat made it. Places in channel periods from the start of the run sequence.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MarkOutline {
    /// Where the mark begins on the middle of the track.
    pub lead: f64,
    /// Where it ends.
    pub trail: f64,
    /// Half width in metres at the middle of the nominal run.
    pub half_width: f64,
}

/// Highest temperature along the track, from the superposition of every pulse.
#[derive(Debug)]
pub struct Train<'k> {
    kernel: &'k Kernel,
    power: WritePower,
    /// (start, end) of every pulse in slots.
    pulses: Vec<(i32, i32)>,
}

impl<'k> Train<'k> {
    /// The pulses of a run sequence: spaces at even, marks at odd positions.
    #[must_use]
    pub fn new(kernel: &'k Kernel, strategy: &Strategy, runs: &[u8], power: WritePower) -> Self {
        let mut pulses = Vec::new();
        let mut at = 0;
        for (i, &run) in runs.iter().enumerate() {
            if i % 2 == 1 {
                let after = runs.get(i + 1).copied().unwrap_or(14);
                for &(s, e) in strategy.pulses(runs[i - 1], run, after).spans() {
                    pulses.push((at + s, at + e));
                }
            }
            at += i32::from(run) * SLOTS;
        }
        Self { kernel, power, pulses }
    }

    /// Rise in K at a place (slots) and time (slots), `side` steps from the middle of the track.
    fn rise(&self, place: i32, l: usize, side: usize) -> f64 {
        let now = place + Kernel::lag(l);
        let old = now - self.kernel.memory();
        let first = self.pulses.partition_point(|p| p.1 <= old);
        let mut sum = 0.0;
        for &(s, e) in &self.pulses[first..] {
            if s >= now {
                break;
            }
            let k = |t: i32| f64::from(self.kernel.sum_side(side, l, now - t));
            sum += k(s) - k(e);
        }
        (self.power.peak - self.power.bias) * sum
            + self.power.bias * (f64::from(self.kernel.sum_side(side, l, self.kernel.memory())))
    }

    /// Highest rise in K that a place (slots of T/32 along the track) ever sees.
    #[must_use]
    pub fn peak_rise(&self, place: i32, side: usize) -> f64 {
        let rise: [f64; LAGS] = core::array::from_fn(|l| self.rise(place, l, side));
        vertex(&rise).1
    }

    /// Outlines of all marks at the threshold rise `threshold` (K). A mark that did not form, or
    /// that ran into its neighbour, is `None`.
    #[must_use]
    pub fn outlines(&self, runs: &[u8], threshold: f64) -> Vec<Option<MarkOutline>> {
        const STEP: i32 = 2;
        let mut out = Vec::new();
        let mut at = 0;
        for (i, &run) in runs.iter().enumerate() {
            let end = at + i32::from(run) * SLOTS;
            if i % 2 == 1 {
                let mid = (at + end) / 2;
                let edge = |direction: i32| {
                    let mut x = mid;
                    let mut here = self.peak_rise(x, 0) - threshold;
                    if here <= 0.0 {
                        return None;
                    }
                    // As far as the middle of the longest space: beyond it lies another mark.
                    while (x - mid).abs() < end - mid + 3 * SLOTS {
                        let next = self.peak_rise(x + direction * STEP, 0) - threshold;
                        if next <= 0.0 {
                            let f = here / (here - next);
                            return Some(f64::from(x) + f * f64::from(direction * STEP));
                        }
                        (x, here) = (x + direction * STEP, next);
                    }
                    None
                };
                let sides: [f64; SIDES] = core::array::from_fn(|s| self.peak_rise(mid, s) - threshold);
                out.push(match (edge(-1), edge(1)) {
                    (Some(a), Some(b)) => Some(MarkOutline {
                        lead: a / f64::from(SLOTS),
                        trail: b / f64::from(SLOTS),
                        half_width: crossing(&sides, 0, 1).unwrap_or(SIDES as f64 - 1.0) * SIDE_STEP,
                    }),
                    _ => None,
                });
            }
            at = end;
        }
        out
    }
}

/// Position (in samples) and height of the highest point of a curve: a parabola through the
/// highest sample and its neighbours.
pub(super) fn vertex(y: &[f64]) -> (f64, f64) {
    let mut i = 0;
    for (j, v) in y.iter().enumerate() {
        if *v > y[i] {
            i = j;
        }
    }
    if i == 0 || i + 1 == y.len() {
        return (i as f64, y[i]);
    }
    let (a, b, c) = (y[i - 1], y[i], y[i + 1]);
    let curve = a - 2.0 * b + c;
    if curve >= 0.0 {
        return (i as f64, b);
    }
    let d = 0.5 * (a - c) / curve;
    (i as f64 + d, b - 0.25 * (a - c) * d)
}
