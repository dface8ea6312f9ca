//! The impulse response seen from a place on the disc while a spot passes.
//!
//! At a place the spot's middle passes at time zero. What matters is the time since then (the
//! *lag* d), the age u of a flash, and the distance v (d - u) of the spot at the time of the flash
//! (negative: not yet there). For each lag the response is summed over the age, so that a pulse of
//! any length costs two look-ups.

use super::strategy::SLOTS;
use crate::heat::ImpulseResponse;
use rayon::prelude::*;

/// First lag, in slots of T/32: the spot is still 3T away.
const FIRST_LAG: i32 = -96;
/// Distance of the lags in slots.
const LAG_STEP: i32 = 2;
/// Number of lags: up to 8T after the passage.
const LAGS: usize = 177;
/// Last lag, in slots.
const LAST_LAG: i32 = FIRST_LAG + (LAGS as i32 - 1) * LAG_STEP;
/// Ages kept for places beside the track, in slots; older heat has spread and is that of the axis.
const SIDE_AGES: usize = 512;
/// Distances from the track at which the temperature is known, metres.
pub(super) const SIDE_STEP: f64 = 50e-9;
/// Number of such distances, the axis included.
pub(super) const SIDES: usize = 10;

/// Summed responses for one layer, one velocity and one channel period.
#[derive(Debug, Clone)]
pub struct Kernel {
    ages: usize,
    /// Integral of the response over the age, K/W, per lag; the axis.
    axis: Vec<f32>,
    /// The same beside the track.
    sides: Vec<Vec<f32>>,
    /// Duration of a slot, seconds.
    slot: f64,
    velocity: f64,
}

impl Kernel {
    /// Sums a response for a spot that moves at `velocity` m/s, with the channel period `period`
    /// in seconds.
    #[must_use]
    pub fn new(response: &ImpulseResponse, velocity: f64, period: f64) -> Self {
        let slot = period / f64::from(SLOTS);
        let ages = (response.duration() / slot) as usize;
        let plane = |side: f64, ages: usize| -> Vec<f32> {
            (0..LAGS)
                .into_par_iter()
                .flat_map_iter(|l| {
                    let lag = f64::from(FIRST_LAG + l as i32 * LAG_STEP);
                    let at = move |u: f64| {
                        let x = velocity * slot * (lag - u);
                        response.at_place(x, side, u * slot)
                    };
                    let mut sum = 0.0;
                    core::iter::once(0.0).chain((0..ages).map(move |i| {
                        // The first slots see the flash itself: more points there.
                        let points = if i < 16 { 4 } else { 1 };
                        let step = 1.0 / f64::from(points);
                        for p in 0..points {
                            sum += at(i as f64 + (f64::from(p) + 0.5) * step) * step * slot;
                        }
                        sum as f32
                    }))
                })
                .collect()
        };
        Self {
            ages,
            axis: plane(0.0, ages),
            sides: (1..SIDES).map(|s| plane(s as f64 * SIDE_STEP, SIDE_AGES.min(ages))).collect(),
            slot,
            velocity,
        }
    }

    /// Velocity, m/s.
    #[must_use]
    pub const fn velocity(&self) -> f64 {
        self.velocity
    }

    /// Channel period, seconds.
    #[must_use]
    pub fn period(&self) -> f64 {
        self.slot * f64::from(SLOTS)
    }

    /// How long heat is remembered, in slots.
    pub(super) const fn memory(&self) -> i32 {
        self.ages as i32
    }

    /// Sum up to the age `u` (slots) at lag number `l` on the axis, K/W.
    #[inline]
    fn sum(&self, l: usize, u: i32) -> f32 {
        let row = self.ages + 1;
        let u = u.clamp(0, self.ages as i32) as usize;
        self.axis[l * row + u]
    }

    /// The same at `side` steps from the axis.
    #[inline]
    fn sum_side(&self, side: usize, l: usize, u: i32) -> f32 {
        if side == 0 {
            return self.sum(l, u);
        }
        let row = SIDE_AGES.min(self.ages);
        let near = self.sides[side - 1][l * (row + 1) + u.clamp(0, row as i32) as usize];
        if u > row as i32 { near + self.sum(l, u) - self.sum(l, row as i32) } else { near }
    }

    /// Rise in K/W at one moment, `lag` slots after the spot's middle has passed, under pulses that
    /// began and ended the given slots ago. The lag must be in range.
    #[inline]
    pub(super) fn rise(&self, side: usize, lag: i32, pulses: impl Iterator<Item = (i32, i32)> + Clone) -> f32 {
        let q = lag - FIRST_LAG;
        let l = (q / LAG_STEP) as usize;
        let plane = |l: usize| -> f32 {
            pulses.clone().map(|(s, e)| self.sum_side(side, l, s) - self.sum_side(side, l, e)).sum()
        };
        // The response is smooth along the track: between two planes their mean serves.
        if q % LAG_STEP == 0 { plane(l) } else { 0.5 * (plane(l) + plane(l + 1)) }
    }

    /// Rise in K/W under a steady watt.
    pub(super) fn steady(&self, side: usize, lag: i32) -> f32 {
        self.rise(side, lag, core::iter::once((self.memory(), 0)))
    }

    /// The lag at which a temperature is highest. Under pulses the temperature has a sharp peak at
    /// the end of each pulse and a flat one later where heat arrives by conduction: so the search
    /// starts from the ends of the pulses and climbs.
    pub(super) fn hottest(ends: impl Iterator<Item = i32>, value: impl Fn(i32) -> f64) -> (i32, f64) {
        let mut best = (FIRST_LAG, f64::MIN);
        let mut second = best;
        for lag in ends.filter(|l| (FIRST_LAG..=LAST_LAG).contains(l)) {
            let v = value(lag);
            if v > best.1 {
                (second, best) = (best, (lag, v));
            } else if v > second.1 {
                second = (lag, v);
            }
        }
        let climb = |from: (i32, f64)| {
            let (mut lag, mut top) = from;
            for step in [8, 3, 1] {
                loop {
                    let next = lag + step;
                    let v = if next <= LAST_LAG { value(next) } else { f64::MIN };
                    if v <= top {
                        break;
                    }
                    (lag, top) = (next, v);
                }
            }
            (lag, top)
        };
        let a = climb(best);
        // A lower peak seldom overtakes by what conduction adds later.
        if second.1 > 0.9 * best.1 {
            let b = climb(second);
            if b.1 > a.1 {
                return b;
            }
        }
        a
    }
}
