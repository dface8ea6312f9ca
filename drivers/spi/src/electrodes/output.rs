//! One output: where it is, where it goes, what has flowed.

use disc_hal::hal::ElectrodeSpec;

/// Voltages in microvolts, currents in microamperes, times in nanoseconds.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Output {
    pub(super) connected: bool,
    /// What the DAC puts out.
    pub(super) level: i64,
    pub(super) target: i64,
    /// Millivolts per second.
    slew: u32,
    /// Where and when the present way began.
    from: i64,
    since: u64,
    /// The current at the last look, and when that was.
    current: i64,
    looked: u64,
    /// Charge in femtocoulombs (microamperes by nanoseconds).
    charge: i128,
    /// It doesn't follow its target because of the current.
    pub(super) limiting: bool,
    /// Looks in a row at which the voltage differed.
    pub(super) differs: u8,
}

impl Output {
    /// Connected at a voltage.
    pub(super) fn at(level: i64, now: u64) -> Self {
        Self { connected: true, level, target: level, from: level, since: now, looked: now, ..Self::default() }
    }

    /// A new target, from where it is.
    pub(super) fn aim(&mut self, target: i64, slew: u32, now: u64) {
        (self.target, self.slew, self.from, self.since) = (target, slew, self.level, now);
        self.limiting = false;
    }

    /// A look at the current; the charge since the last one is that of a straight line between.
    pub(super) fn measured(&mut self, current: i64, now: u64) {
        let passed = i128::from(now.saturating_sub(self.looked));
        self.charge += i128::from(self.current + current) * passed / 2;
        (self.current, self.looked) = (current, now);
    }

    pub(super) fn microcoulombs(&self) -> i64 {
        i64::try_from(self.charge / 1_000_000_000).unwrap_or(i64::MAX)
    }

    /// The level for the time from now on: on the way to the target, or back where too
    /// much current flows.
    pub(super) fn next(&mut self, spec: &ElectrodeSpec, now: u64) -> i64 {
        let (size, limit) = (self.current.unsigned_abs(), u64::from(spec.current_max.0.unsigned_abs()));
        let elapsed = now.saturating_sub(self.since);
        if size > limit {
            // Back by what the fastest slew allows in this time, towards less current.
            let back = way(spec.slew_max.0, elapsed).max(1_000);
            let level = self.level.saturating_sub(back.saturating_mul(self.current.signum()));
            self.limiting = true;
            (self.from, self.since) = (level, now);
            return level.clamp(i64::from(spec.min.0) * 1_000, i64::from(spec.max.0) * 1_000);
        }
        let outward = (self.target - self.level).signum() == self.current.signum();
        if self.limiting && outward && size * 10 > limit * 9 {
            (self.from, self.since) = (self.level, now);
            return self.level;
        }
        let distance = self.target - self.from;
        if distance == 0 {
            self.limiting = false;
            return self.target;
        }
        let done = way(self.slew, elapsed).min(distance.abs());
        let level = self.from + done * distance.signum();
        if level == self.target && !self.limiting {
            (self.from, self.since) = (level, now);
        }
        level
    }
}

/// Microvolts at so many millivolts per second in so many nanoseconds.
fn way(slew: u32, ns: u64) -> i64 {
    i64::try_from(u128::from(slew) * u128::from(ns) / 1_000_000).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use disc_hal::hal::{Microamperes, Millivolts, MillivoltsPerSecond};

    const SPEC: ElectrodeSpec = ElectrodeSpec {
        min: Millivolts(-2_000),
        max: Millivolts(2_000),
        step: Millivolts(1),
        slew_max: MillivoltsPerSecond(10_000),
        current_max: Microamperes(1_000),
        safe: disc_hal::hal::SafeState::Zero,
    };
    const MS: u64 = 1_000_000;

    #[test]
    fn it_slews_by_the_clock_however_often_it_is_looked_at() {
        let mut output = Output::at(0, 0);
        output.aim(1_000_000, 1_000, 0);
        for ms in [1, 7, 250, 251, 999] {
            output.level = output.next(&SPEC, ms * MS);
            assert_eq!(output.level, i64::try_from(ms * 1_000).unwrap());
        }
        assert_eq!(output.next(&SPEC, 1_500 * MS), 1_000_000);
    }

    #[test]
    fn a_constant_current_gives_its_charge() {
        let mut output = Output::at(0, 0);
        output.measured(500, 0);
        for ms in 1..=2_000 {
            output.measured(500, ms * MS);
        }
        // 500 uA for 2 s are 1000 uC.
        assert_eq!(output.microcoulombs(), 1_000);
    }

    #[test]
    fn too_much_current_turns_it_back_and_a_little_less_lets_it_go_on() {
        let mut output = Output::at(0, 0);
        output.aim(2_000_000, 10_000, 0);
        let mut most = 0;
        // 1 kOhm: 1 V is the limit.
        for ms in 1..=1_000 {
            let current = output.level / 1_000;
            most = most.max(current);
            output.measured(current, ms * MS);
            output.level = output.next(&SPEC, ms * MS);
        }
        assert!(output.limiting && most <= 1_020, "{most} uA at most");
        assert!((850..=1_010).contains(&(output.level / 1_000)), "{} mV", output.level / 1_000);
        // The other way is free.
        output.aim(-500_000, 10_000, 1_000 * MS);
        for ms in 1_001..=2_000 {
            output.measured(output.level / 1_000, ms * MS);
            output.level = output.next(&SPEC, ms * MS);
        }
        assert_eq!((output.level, output.limiting), (-500_000, false));
    }
}
