//! The reference: outlines of marks from the temperature history of a whole pulse train.

use super::kernel::{Kernel, SIDE_STEP, SIDES};
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

    /// One pulse from the first to the second of `span`, in slots.
    #[must_use]
    pub fn single(kernel: &'k Kernel, span: (i32, i32), power: WritePower) -> Self {
        Self { kernel, power, pulses: vec![span] }
    }

    /// Highest rise in K that a place (slots of T/32 along the track, `side` steps of 50 nm beside
    /// its middle) ever sees.
    #[must_use]
    pub fn peak_rise(&self, place: i32, side: usize) -> f64 {
        let pulse = self.power.peak - self.power.bias;
        let value = |lag: i32| {
            let now = place + lag;
            let old = now - self.kernel.memory();
            let first = self.pulses.partition_point(|p| p.1 <= old);
            let last = self.pulses.partition_point(|p| p.0 < now);
            let ages = self.pulses[first..last.max(first)].iter().map(|&(s, e)| (now - s, now - e));
            pulse * f64::from(self.kernel.rise(side, lag, ages))
                + self.power.bias * f64::from(self.kernel.steady(side, lag))
        };
        let near = self.pulses.partition_point(|p| p.1 < place - 4 * SLOTS);
        let ends = self.pulses[near..].iter().map(|p| p.1 - place).take_while(|&lag| lag < 8 * SLOTS);
        // Also at even times: the bias alone has no pulse ends.
        Kernel::hottest(ends.chain((-96..256).step_by(16)), value).1
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
