//! What is known of one output: where its voltage goes, and what charge has flowed.

use core::time::Duration;
use std::time::Instant;

use disc_hal::hal::{ElectrodeReading, ElectrodeSpec, Microamperes, Microcoulombs, Millivolts};

/// Charge that has flowed since the output was last switched on: the measured currents,
/// joined by straight lines.
///
/// Between two measurements nobody looks. Where the current went from one to the next
/// without turning back, the true charge is within [`uncertainty`](Self::uncertainty)
/// of this one; a peak between two measurements is missed. The instrument's own error of
/// measurement comes on top, from its data sheet.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
#[non_exhaustive]
pub struct Charge {
    /// Charge, in microcoulombs.
    pub value: f64,
    /// By how much the times between the measurements leave it open, in microcoulombs.
    pub uncertainty: f64,
    /// Measurements it is made of.
    pub samples: u64,
    /// The longest time between two of them.
    pub longest_gap: Duration,
    /// The time that it is the charge of.
    pub time: Duration,
}

impl Charge {
    /// The rate at which the current was measured on average, in hertz.
    pub fn rate(&self) -> f64 {
        if self.time.is_zero() { 0.0 } else { self.samples as f64 / self.time.as_secs_f64() }
    }

    /// Joins a current (microamperes) to the one before, `gap` earlier.
    fn add(&mut self, before: f64, now: f64, gap: Duration) {
        let seconds = gap.as_secs_f64();
        self.value += (before + now) / 2.0 * seconds;
        self.uncertainty += (now - before).abs() / 2.0 * seconds;
        self.samples += 1;
        self.longest_gap = self.longest_gap.max(gap);
        self.time += gap;
    }
}

/// What is measured at an output, in full.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
#[non_exhaustive]
pub struct Reading {
    /// Whether the output is on.
    pub on: bool,
    /// Voltage, in volts; 0 at an output that is off and can't be measured then.
    pub volts: f64,
    /// Current, in amperes, positive into the electrode.
    pub amperes: f64,
    /// Whether the output limits its current.
    pub limiting: bool,
    /// Charge since the output was last switched on.
    pub charge: Charge,
}

impl Reading {
    /// The same for the contract.
    pub fn contract(&self) -> ElectrodeReading {
        // `as` stays within the type's limits.
        ElectrodeReading {
            voltage: Millivolts((self.volts * 1e3).round() as i32),
            current: Microamperes((self.amperes * 1e6).round() as i32),
            charge: Microcoulombs(self.charge.value.round() as i64),
            limiting: self.limiting,
        }
    }
}

/// The voltage nearest to `wanted` that is a whole step and within the limits.
pub(crate) fn whole_step(spec: &ElectrodeSpec, wanted: Millivolts) -> Millivolts {
    let step = i64::from(spec.step.0.max(1));
    let nearest = (i64::from(wanted.0) + step / 2).div_euclid(step);
    let (least, most) = (-i64::from(-spec.min.0).div_euclid(step), i64::from(spec.max.0).div_euclid(step));
    Millivolts((nearest.clamp(least, most.max(least)) * step) as i32)
}

/// A way from one voltage to another, in millivolts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Ramp {
    pub(crate) from: i32,
    pub(crate) to: i32,
    /// Millivolts a second.
    pub(crate) slew: u32,
    pub(crate) since: Instant,
}

impl Ramp {
    /// Where it is at a time: never ahead of its slew rate, in whole steps.
    pub(crate) fn at(&self, now: Instant, step: i32) -> i32 {
        let way = (i64::from(self.to) - i64::from(self.from)).unsigned_abs();
        let gone = now.saturating_duration_since(self.since).as_micros() * u128::from(self.slew) / 1_000_000;
        if gone >= u128::from(way) {
            return self.to;
        }
        let step = u128::from(step.max(1).unsigned_abs());
        let gone = (gone / step * step) as i64;
        (i64::from(self.from) + if self.to > self.from { gone } else { -gone }) as i32
    }
}

/// An output in use.
#[derive(Debug)]
pub(crate) struct Output {
    pub(crate) channel: u8,
    pub(crate) spec: ElectrodeSpec,
    pub(crate) on: bool,
    /// The voltage that it was last told, in millivolts.
    pub(crate) told: i32,
    pub(crate) ramp: Option<Ramp>,
    /// When the next step of the ramp is due.
    pub(crate) step_at: Instant,
    /// When the next measurement is due.
    pub(crate) sample_at: Instant,
    charge: Charge,
    /// The last current, in microamperes, and when it was measured.
    last: (Instant, f64),
}

impl Output {
    pub(crate) fn new(channel: u8, spec: ElectrodeSpec) -> Self {
        let now = Instant::now();
        Self {
            channel,
            spec,
            on: false,
            told: 0,
            ramp: None,
            step_at: now,
            sample_at: now,
            charge: Charge::default(),
            last: (now, 0.0),
        }
    }

    /// It has been switched on, and settles for so long.
    pub(crate) fn switched_on(&mut self, settle: Duration) {
        let now = Instant::now();
        (self.on, self.charge, self.last, self.sample_at) = (true, Charge::default(), (now, 0.0), now + settle);
    }

    /// It has been switched off, or may have been.
    pub(crate) fn switched_off(&mut self) {
        (self.on, self.ramp) = (false, None);
    }

    /// The current, in amperes, has been measured at a time.
    pub(crate) fn sampled(&mut self, at: Instant, amperes: f64) -> Charge {
        let microamperes = amperes * 1e6;
        self.charge.add(self.last.1, microamperes, at.saturating_duration_since(self.last.0));
        self.last = (at, microamperes);
        self.charge
    }

    /// The charge so far.
    pub(crate) fn charge(&self) -> Charge {
        self.charge
    }

    /// When something is to be done next.
    pub(crate) fn due(&self) -> Option<Instant> {
        if !self.on {
            return None;
        }
        Some(if self.ramp.is_some() { self.sample_at.min(self.step_at) } else { self.sample_at })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ramp_is_never_ahead_of_its_rate_and_arrives() {
        let since = Instant::now();
        for (from, to) in [(0, 1_000), (1_000, -500), (250, 250), (i32::MIN, i32::MAX)] {
            let ramp = Ramp { from, to, slew: 1_000, since };
            assert_eq!(ramp.at(since, 10), if from == to { to } else { from });
            let half = ramp.at(since + Duration::from_millis(333), 10);
            let gone = (i64::from(half) - i64::from(from)).abs();
            assert!(gone <= 333 && (from == to || gone == 330), "{from} to {to}: {half}");
            assert_eq!(ramp.at(since + Duration::from_secs(5_000_000), 10), to);
        }
    }

    #[test]
    fn voltages_are_whole_steps_within_the_limits() {
        let spec = ElectrodeSpec {
            min: Millivolts(-1_005),
            max: Millivolts(1_015),
            step: Millivolts(10),
            ..ElectrodeSpec::default()
        };
        for (wanted, held) in [(0, 0), (4, 0), (5, 10), (-4, 0), (-6, -10), (1_015, 1_010), (-1_005, -1_000)] {
            assert_eq!(whole_step(&spec, Millivolts(wanted)), Millivolts(held), "{wanted}");
        }
    }

    /// A capacitor's charging current, I = I0 exp(-t/T), has the charge I0 T (1 - exp(-t/T)).
    #[test]
    fn the_true_charge_of_a_falling_current_is_within_the_uncertainty() {
        let (start, current, time) = (1_000.0, |t: f64| 1e-3 * (-t / 0.5).exp(), 2.0);
        for gap in [10, 50, 250] {
            let mut output = Output::new(1, ElectrodeSpec::default());
            output.switched_on(Duration::ZERO);
            let begin = output.last.0;
            output.last.1 = start;
            let mut charge = Charge::default();
            for i in 1..=(2_000 / gap) {
                let t = Duration::from_millis(i * gap);
                charge = output.sampled(begin + t, current(t.as_secs_f64()));
            }
            let truth = start * 0.5 * (1.0 - f64::exp(-time / 0.5));
            let off = (charge.value - truth).abs();
            assert!(off <= charge.uncertainty && off > 0.0, "{gap} ms: {off} of {}", charge.uncertainty);
            assert!(charge.uncertainty <= start / 2.0 * gap as f64 * 1e-3 * 1.001, "{}", charge.uncertainty);
            assert_eq!((charge.samples, charge.longest_gap), (2_000 / gap, Duration::from_millis(gap)));
            assert!((charge.rate() - 1e3 / gap as f64).abs() < 1e-6);
        }
    }
}
