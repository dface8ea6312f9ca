//! What is known of the lasers: wiring and calibration.

use disc_hal::hal::{Error, ErrorKind, Few, LaserArraySpec, Microwatts, Nanojoules, Part, Result, SourceSpec};

use crate::modulator::{Modulator, SLOTS};

/// How a monitor photodiode's voltage becomes power on the disc.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct MonitorScale {
    /// Its channel of the ADC.
    pub channel: u8,
    /// Its voltage in the dark, in microvolts.
    pub dark: i32,
    /// Power on the disc for each millivolt above that, in nanowatts.
    pub nanowatts_per_millivolt: u32,
}

impl MonitorScale {
    pub(super) fn power(&self, microvolts: i32) -> Microwatts {
        let above = i64::from(microvolts).saturating_sub(i64::from(self.dark)).max(0);
        let microwatts = above.saturating_mul(i64::from(self.nanowatts_per_millivolt)) / 1_000_000;
        Microwatts(u32::try_from(microwatts).unwrap_or(u32::MAX))
    }
}

/// One source: its limits, its channels, its calibration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SourceConfig {
    /// What the contract says of it. All powers are on the disc.
    pub spec: SourceSpec,
    /// DAC channel of the current at [`Gate::Read`](crate::modulator::Gate).
    pub read: u8,
    /// DAC channel of the current at `Gate::Bias`.
    pub bias: u8,
    /// DAC channel of what `Gate::Peak` adds to it.
    pub pulse: u8,
    /// Code at which the laser begins to lase.
    pub threshold: u16,
    /// Power on the disc for each code above it, in nanowatts.
    pub nanowatts_per_code: u32,
    /// The monitor photodiode, which has to look at the light behind the shutter.
    pub monitor: MonitorScale,
}

impl SourceConfig {
    /// The code of a power: 0 for none. `None` beyond the DAC.
    pub(super) fn code(&self, power: Microwatts) -> Option<u16> {
        if power == Microwatts::ZERO {
            return Some(0);
        }
        let scale = u64::from(self.nanowatts_per_code);
        let above = (u64::from(power.0) * 1_000 + scale / 2).checked_div(scale)?;
        u16::try_from(above + u64::from(self.threshold)).ok()
    }

    /// Codes of bias and of what the pulse adds; `None` beyond the DAC.
    pub(super) fn levels(&self, bias: Microwatts, peak: Microwatts) -> Option<(u16, u16)> {
        let bias = self.code(bias)?;
        Some((bias, self.code(peak)?.checked_sub(bias)?))
    }

    /// Power to whole steps, at most `most`.
    pub(super) fn rounded(&self, power: Microwatts, most: Microwatts) -> Microwatts {
        let step = self.spec.step.0.max(1);
        let whole = power.0.saturating_add(step / 2) / step * step;
        // The limit itself needn't be a whole number of steps.
        if whole > most.0 { Microwatts(most.0 / step * step) } else { Microwatts(whole) }
    }
}

/// The array.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LasersConfig {
    /// The sources, at most eight.
    pub sources: Few<SourceConfig, 8>,
    /// The greatest sum of all sources' powers.
    pub total_max: Microwatts,
    /// The greatest energy of one shot.
    pub energy_max: Nanojoules,
    /// Number of the first shot, one that no start before has given out: the number of
    /// starts in the upper half.
    pub first_shot: u64,
    /// From a new current to the light and the monitor's new voltage, in microseconds.
    pub settle_us: u32,
    /// From the shutter's pin to an open or a closed shutter, in microseconds.
    pub shutter_us: u32,
    /// By how much the monitor may differ, in percent of the power. Two steps of the
    /// power setting come on top.
    pub tolerance_percent: u8,
    /// After how many looks in a row that differ the lasers trip.
    pub disagreements: u8,
}

/// The longest time that a call may wait for light or shutter.
const WAIT_MAX_US: u32 = 50_000;

impl LasersConfig {
    /// The contract's spec, if all of it agrees.
    pub(super) fn spec(&self, channels: u8, modulator: &impl Modulator) -> Result<LaserArraySpec> {
        let refuse = |kind| Err(Error::new(Part::Laser, kind));
        if self.sources.is_empty() || self.tolerance_percent == 0 || self.disagreements == 0 {
            return refuse(ErrorKind::InvalidArgument);
        }
        if self.settle_us > WAIT_MAX_US || self.shutter_us > WAIT_MAX_US {
            return refuse(ErrorKind::OutOfRange);
        }
        let mut used = 0u64;
        let mut sources = Few::new();
        for source in self.sources.iter() {
            for channel in [source.read, source.bias, source.pulse] {
                let bit = 1u64.checked_shl(channel.into()).filter(|bit| channel < channels && used & bit == 0);
                let Some(bit) = bit else { return refuse(ErrorKind::InvalidArgument) };
                used |= bit;
            }
            let spec = source.spec;
            let most = spec.read_max.max(spec.write_max);
            // One code may not be coarser than a step.
            let fine = u64::from(source.nanowatts_per_code) <= u64::from(spec.step.0) * 1_000;
            let seen = source.monitor.nanowatts_per_millivolt > 0;
            if spec.step == Microwatts::ZERO || source.code(most).is_none() || !fine || !seen {
                return refuse(ErrorKind::OutOfRange);
            }
            let _fits = sources.push(spec);
        }
        let (clock_min, clock_max) = modulator.clocks();
        Ok(LaserArraySpec {
            sources,
            total_max: self.total_max,
            buffer_runs: modulator.buffer_runs(),
            queue: SLOTS,
            clock_min,
            clock_max,
            energy_max: self.energy_max,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source() -> SourceConfig {
        let spec = SourceSpec { step: Microwatts(10), write_max: Microwatts(60_000), ..SourceSpec::default() };
        SourceConfig { spec, threshold: 2_000, nanowatts_per_code: 1_000, ..SourceConfig::default() }
    }

    #[test]
    fn powers_become_codes_above_the_threshold() {
        let source = source();
        assert_eq!(source.code(Microwatts(0)), Some(0));
        assert_eq!(source.code(Microwatts(700)), Some(2_700));
        assert_eq!(source.code(Microwatts(63_535)), Some(65_535));
        assert_eq!(source.code(Microwatts(63_536)), None);
        assert_eq!(source.levels(Microwatts(700), Microwatts(15_000)), Some((2_700, 14_300)));
        // Without bias the pulse has to go beyond the threshold by itself.
        assert_eq!(source.levels(Microwatts(0), Microwatts(15_000)), Some((0, 17_000)));
    }

    #[test]
    fn powers_are_rounded_to_whole_steps_within_the_limit() {
        let source = source();
        assert_eq!(source.rounded(Microwatts(704), Microwatts(1_200)), Microwatts(700));
        assert_eq!(source.rounded(Microwatts(1_199), Microwatts(1_199)), Microwatts(1_190));
        assert_eq!(source.rounded(Microwatts(4), Microwatts(1_199)), Microwatts(0));
    }
}
