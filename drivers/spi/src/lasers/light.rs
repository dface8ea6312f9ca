//! Light and dark: currents, shutter and monitor together.

use disc_hal::hal::{Microwatts, Source};
use embedded_hal::delay::DelayNs;
use embedded_hal::digital::OutputPin;

use super::config::{LasersConfig, SourceConfig};
use crate::chip::{Adc, Cause, Chip, Dac, Fault};

/// What makes light, and what sees it.
#[derive(Debug)]
pub(super) struct Light<D, A, P, W> {
    pub(super) config: LasersConfig,
    dac: D,
    adc: A,
    shutter: P,
    delay: W,
    /// Constant powers as they are set.
    pub(super) powers: [Microwatts; 8],
    /// Sources whose levels for shots aren't zero, a bit each.
    levelled: u8,
    pub(super) open: bool,
    /// Looks in a row that differed.
    differs: u8,
}

impl<D: Dac, A: Adc, P: OutputPin, W: DelayNs> Light<D, A, P, W> {
    pub(super) const fn new(config: LasersConfig, dac: D, adc: A, shutter: P, delay: W) -> Self {
        let powers = [Microwatts::ZERO; 8];
        // Until it has been made dark it counts as lit.
        Self { config, dac, adc, shutter, delay, powers, levelled: u8::MAX, open: true, differs: 0 }
    }

    pub(super) fn source(&self, source: Source) -> Option<&SourceConfig> {
        self.config.sources.get(usize::from(source.0))
    }

    /// Whether some source emits constantly.
    pub(super) fn is_lit(&self) -> bool {
        self.powers.iter().any(|p| *p > Microwatts::ZERO)
    }

    /// Shutter closed and all currents zero, both tried whatever the other one says.
    /// Tells whether at least one of them is certain, and what went wrong first.
    pub(super) fn dark(&mut self) -> (bool, Result<(), Fault>) {
        let shut = self.shut();
        let zeroed = self.dac.zero();
        if zeroed.is_ok() {
            self.powers = [Microwatts::ZERO; 8];
            self.levelled = 0;
        }
        self.differs = 0;
        (shut.is_ok() || zeroed.is_ok(), shut.and(zeroed))
    }

    pub(super) fn shut(&mut self) -> Result<(), Fault> {
        self.shutter.set_low().map_err(|_| Fault::new(Chip::Shutter, Cause::Pin))?;
        self.open = false;
        Ok(())
    }

    /// After power-up: every channel has to be zero, and no light to be seen.
    pub(super) fn prove_dark(&mut self) -> Result<(), Fault> {
        for index in 0..self.config.sources.len() {
            let Some(&source) = self.config.sources.get(index) else { break };
            for channel in [source.read, source.bias, source.pulse] {
                if self.dac.read_back(channel)? != 0 {
                    return Err(Fault::new(Chip::Currents, Cause::ReadBack));
                }
            }
        }
        self.delay.delay_us(self.config.settle_us.max(self.config.shutter_us));
        self.ensure_unseen()
    }

    /// Puts a code out and makes sure that the chip has it.
    fn put(&mut self, channel: u8, code: u16) -> Result<(), Fault> {
        self.dac.set(channel, code)?;
        if self.dac.read_back(channel)? != code {
            return Err(Fault::new(Chip::Currents, Cause::ReadBack));
        }
        Ok(())
    }

    /// Sets a constant power, which has been checked. Where it is the first light, the
    /// shutter opens only after it has been seen to hold the light back. In a shot of this
    /// source, which may go up to `peak`, the monitor sees the shot.
    pub(super) fn set(&mut self, source: Source, power: Microwatts, peak: Option<Microwatts>) -> Result<(), Fault> {
        let config = *self.source(source).ok_or(Fault::new(Chip::Other, Cause::Channel))?;
        let code = config.code(power).ok_or(Fault::new(Chip::Other, Cause::Channel))?;
        let Some(slot) = self.powers.get_mut(usize::from(source.0)) else { return Ok(()) };
        let before = *slot;
        // Light that may be there counts, also if this fails.
        *slot = before.max(power);
        self.put(config.read, code)?;
        if let Some(slot) = self.powers.get_mut(usize::from(source.0)) {
            *slot = power;
        }
        if power == Microwatts::ZERO {
            return Ok(());
        }
        self.delay.delay_us(self.config.settle_us);
        if !self.open {
            self.ensure_unseen()?;
            self.open()?;
        }
        let (least, most) = peak.map_or((power, power), |peak| (Microwatts::ZERO, power.max(peak)));
        match self.disagreement(source, least, most)? {
            Some(cause) => Err(Fault::new(Chip::Monitor, cause)),
            None => Ok(()),
        }
    }

    /// Opens the shutter and waits until it is.
    pub(super) fn open(&mut self) -> Result<(), Fault> {
        if !self.open {
            // The pin may have moved though it says that it hasn't.
            self.open = true;
            self.shutter.set_high().map_err(|_| Fault::new(Chip::Shutter, Cause::Pin))?;
            self.delay.delay_us(self.config.shutter_us);
        }
        Ok(())
    }

    /// Puts the levels of a shot out.
    pub(super) fn levels(&mut self, source: Source, bias: Microwatts, peak: Microwatts) -> Result<(), Fault> {
        let fault = Fault::new(Chip::Other, Cause::Channel);
        let config = *self.source(source).ok_or(fault)?;
        let (bias, pulse) = config.levels(bias, peak).ok_or(fault)?;
        self.levelled |= 1u8.checked_shl(source.0.into()).unwrap_or(0);
        self.put(config.bias, bias)?;
        self.put(config.pulse, pulse)
    }

    /// The levels of shots back to zero, where there are any.
    pub(super) fn clear_levels(&mut self) -> Result<(), Fault> {
        for index in 0..self.config.sources.len() {
            let Some(&config) = self.config.sources.get(index) else { break };
            let bit = 1 << index;
            if self.levelled & bit != 0 {
                self.put(config.pulse, 0)?;
                self.put(config.bias, 0)?;
                self.levelled &= !bit;
            }
        }
        Ok(())
    }

    /// What the monitor of a source sees.
    pub(super) fn monitor(&mut self, source: Source) -> Result<Microwatts, Fault> {
        let scale = self.source(source).ok_or(Fault::new(Chip::Other, Cause::Channel))?.monitor;
        Ok(scale.power(self.adc.microvolts(scale.channel)?))
    }

    /// No monitor sees more than in the dark.
    fn ensure_unseen(&mut self) -> Result<(), Fault> {
        for (source, _) in (0..).zip(0..self.config.sources.len()) {
            if self.disagreement(Source(source), Microwatts::ZERO, Microwatts::ZERO)?.is_some() {
                return Err(Fault::new(Chip::Monitor, Cause::LightWhenDark));
            }
        }
        Ok(())
    }

    /// How what is seen lies outside `least` to `most`, if it does.
    fn disagreement(&mut self, source: Source, least: Microwatts, most: Microwatts) -> Result<Option<Cause>, Fault> {
        let seen = self.monitor(source)?.0;
        let percent = u64::from(self.config.tolerance_percent);
        let steps = self.source(source).map_or(0, |s| u64::from(s.spec.step.0) * 2);
        let allowed = |power: Microwatts| u64::from(power.0) * percent / 100 + steps;
        Ok(if u64::from(seen) + allowed(least) < u64::from(least.0) {
            Some(Cause::NoLight)
        } else if u64::from(seen) > u64::from(most.0) + allowed(most) {
            Some(if most == Microwatts::ZERO { Cause::LightWhenDark } else { Cause::TooMuchLight })
        } else {
            None
        })
    }

    /// One look at all monitors: whether they see what is commanded; a fault when the last
    /// few looks in a row differed. In a shot a source may show anything up to its peak, for
    /// which `peaks` stands.
    pub(super) fn look(&mut self, peaks: &[Option<Microwatts>; 8]) -> Result<bool, Fault> {
        let mut found = None;
        for (source, (power, peak)) in (0..).zip(self.powers.into_iter().zip(peaks)).take(self.config.sources.len()) {
            let seen = match (self.open, peak) {
                (false, _) => (Microwatts::ZERO, Microwatts::ZERO),
                (true, None) => (power, power),
                (true, Some(peak)) => (Microwatts::ZERO, power.max(*peak)),
            };
            found = found.or(self.disagreement(Source(source), seen.0, seen.1)?);
        }
        let Some(cause) = found else {
            self.differs = 0;
            return Ok(true);
        };
        self.differs = self.differs.saturating_add(1);
        if self.differs < self.config.disagreements {
            return Ok(false);
        }
        Err(Fault::new(Chip::Monitor, cause))
    }
}
