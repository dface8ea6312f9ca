//! Limits of powers, plans and voltages.

use super::event::{Limits, Verdict};
use super::state::State;
use crate::hal::{
    Electrode, ErrorKind, Hertz, Microwatts, Millivolts, MillivoltsPerSecond, Part, Picoseconds, ShotPlan, Source,
};

/// What a plan comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Measure {
    /// Its sources, a bit each.
    pub(super) sources: u8,
    /// Sum of their greatest powers, in microwatts.
    pub(super) power: u32,
    /// The longest time that it may emit, in microseconds.
    pub(super) light_max: u64,
}

/// The bit of a source in a set of sources.
pub(super) fn bit(source: Source) -> u8 {
    1u8.checked_shl(u32::from(source.0)).unwrap_or(0)
}

/// `percent` more than `value`.
fn more(value: u128, percent: u8) -> u128 {
    value.saturating_add(value.saturating_mul(u128::from(percent)).div_ceil(100))
}

fn quotient(dividend: u128, divisor: u128) -> u128 {
    dividend.checked_div(divisor).unwrap_or(u128::MAX)
}

/// The longest time for which a shot may emit: that of its length and delays, or
/// that in which its power takes its energy, whichever is shorter.
fn light_max(plan: &ShotPlan, clock: Hertz, delay: Picoseconds, power: u32, limits: &Limits<'_>) -> u64 {
    let overrun = limits.config.overrun;
    let bits = u128::from(plan.length).saturating_mul(1_000_000);
    let length = quotient(bits, u128::from(clock.0)).saturating_add(1);
    let delay = quotient(u128::from(delay.0.unsigned_abs()), 1_000_000);
    let planned = more(length.saturating_add(delay), overrun);
    // Nanojoules by microwatts are milliseconds.
    let energy = more(u128::from(plan.energy_max.0).saturating_mul(1_000), overrun);
    let energy = quotient(energy, u128::from(power));
    let most = planned.min(energy).saturating_add(u128::from(limits.config.poll));
    u64::try_from(most).unwrap_or(u64::MAX)
}

impl State {
    /// The greatest sum of powers with these constant ones: sources of an armed or
    /// fired shot count with those of the shot. Shots don't overlap.
    fn total(&self, constant: &[u32; 8], more: Option<Measure>) -> u32 {
        let hot = self.shots.iter().flatten().filter(|s| s.is_hot()).map(|s| (s.sources, s.power));
        hot.chain(more.map(|m| (m.sources, m.power)))
            .chain([(0, 0)])
            .map(|(sources, power)| {
                let others = (0u8..).zip(constant).filter(|(i, _)| sources & bit(Source(*i)) == 0);
                others.fold(power, |sum, (_, &p)| sum.saturating_add(p))
            })
            .fold(0, u32::max)
    }

    pub(super) fn set_power(&mut self, source: Source, power: Microwatts, limits: &Limits<'_>) -> Verdict {
        let laser = |kind| self.error(Part::Laser, kind);
        let Some(spec) = limits.lasers.sources.get(usize::from(source.0)) else {
            return laser(ErrorKind::InvalidArgument);
        };
        let mut constant = self.constant;
        let Some(slot) = constant.get_mut(usize::from(source.0)) else { return laser(ErrorKind::InvalidArgument) };
        *slot = power.0;
        if power > Microwatts::ZERO {
            if power > spec.read_max || self.total(&constant, None) > limits.lasers.total_max.0 {
                return laser(ErrorKind::OutOfRange);
            }
            if let Err(kind) = self.may_be_lit(limits) {
                return laser(kind);
            }
        }
        self.constant = constant;
        Verdict::Allowed
    }

    /// Whether light may be made at all, or why not.
    pub(super) fn may_be_lit(&self, limits: &Limits<'_>) -> Result<(), ErrorKind> {
        if !self.is_held_within(limits.config.hold_lease) {
            return Err(ErrorKind::WrongState);
        }
        if self.is_interlock_open() {
            return Err(ErrorKind::Interlock);
        }
        if !self.trips.is_empty() {
            return Err(ErrorKind::Tripped);
        }
        Ok(())
    }

    pub(super) fn load(
        &mut self,
        source: Source,
        peak: Microwatts,
        bias: Microwatts,
        taken: bool,
        limits: &Limits<'_>,
    ) -> Verdict {
        let index = usize::from(source.0);
        let (Some(spec), Some(slot)) = (limits.lasers.sources.get(index), self.loaded.get_mut(index)) else {
            return self.error(Part::Laser, ErrorKind::InvalidArgument);
        };
        if peak > spec.write_max || bias > spec.read_max {
            return self.error(Part::Laser, ErrorKind::OutOfRange);
        }
        if taken {
            *slot = Some(peak.max(bias).0);
        }
        Verdict::Allowed
    }

    /// What a plan comes to, or why it can't be.
    pub(super) fn measure(&self, plan: &ShotPlan, limits: &Limits<'_>) -> Result<Measure, ErrorKind> {
        let spec = limits.lasers;
        let (mut sources, mut power, mut delay) = (0u8, 0u32, Picoseconds::ZERO);
        let mut delays_fit = true;
        let delay_max = i64::from(limits.config.wait_max).saturating_mul(1_000_000);
        for spot in plan.spots.iter() {
            let index = usize::from(spot.source.0);
            let is_new = spec.sources.get(index).is_some() && sources & bit(spot.source) == 0;
            let loaded = self.loaded.get(index).copied().flatten().filter(|_| is_new);
            power = power.saturating_add(loaded.ok_or(ErrorKind::InvalidArgument)?);
            sources |= bit(spot.source);
            delay = delay.max(spot.delay);
            delays_fit &= (0..=delay_max).contains(&spot.delay.0);
        }
        if sources == 0 || plan.length == 0 {
            return Err(ErrorKind::InvalidArgument);
        }
        let clock = plan.clock.nominal();
        let clock_fits = clock > Hertz::ZERO && (spec.clock_min..=spec.clock_max).contains(&clock);
        let powers_fit = power <= spec.total_max.0 && plan.energy_max <= spec.energy_max;
        if !clock_fits || !powers_fit || !delays_fit {
            return Err(ErrorKind::OutOfRange);
        }
        Ok(Measure { sources, power, light_max: light_max(plan, clock, delay, power, limits) })
    }

    /// Whether this shot's power fits beside the constant powers of the other sources.
    pub(super) fn fits_beside(&self, shot: Measure, limits: &Limits<'_>) -> bool {
        self.total(&self.constant, Some(shot)) <= limits.lasers.total_max.0
    }

    pub(super) fn set_voltage(
        &mut self,
        electrode: Electrode,
        voltage: Millivolts,
        slew: MillivoltsPerSecond,
        limits: &Limits<'_>,
    ) -> Verdict {
        let supply = |kind| self.error(Part::Electrode, kind);
        let Some(supplied) = limits.supply else { return supply(ErrorKind::NotSupported) };
        let Some(spec) = supplied.electrodes.get(usize::from(electrode.0)) else {
            return supply(ErrorKind::InvalidArgument);
        };
        let slew_fits = slew <= spec.slew_max && (slew > MillivoltsPerSecond::ZERO || spec.slew_max == slew);
        if !(spec.min..=spec.max).contains(&voltage) || !slew_fits {
            return supply(ErrorKind::OutOfRange);
        }
        if !self.is_held_within(limits.config.hold_lease) {
            return supply(ErrorKind::WrongState);
        }
        self.driven = true;
        Verdict::Allowed
    }
}
