//! RF samples: streaming them from an address on, and telling blank from recorded.

use super::curves::quantile;
use super::error::{RecordError, Stage};
use super::observer::Observer;
use super::problem::Problem;
use super::session::{SECTOR_BITS, Session};
use crate::hal::{Acquisition, Address, ChannelKind, Channels, Hertz, TrackingFlags, Trigger};
use crate::signal::{Calibration, ChainConfig, QualityConfig, SignalQuality, analyse};

/// Samples for each channel bit, where the detector can.
const PER_BIT: u32 = 4;
/// Samples taken from the bench at a time.
const BUFFER: usize = 1 << 16;
/// Longest until the trigger comes or, later, the next samples: some revolutions.
const IDLE_MS: u64 = 2_000;
/// Channel bits looked at to tell blank from recorded: 0.2 ms at 1x.
const PROBE_BITS: u64 = 5_200;
/// Swing over level from which a place is recorded. A blank groove's noise makes
/// some 0.05 behind the averaging below, a recording 0.5 and more.
pub(super) const RECORDED_SWING: f64 = 0.2;
/// Samples averaged before the swing is taken: two channel bits, which leave
/// long runs as they are and take most of the noise.
const AVERAGE: usize = 8;

/// Changes from mark to space and back below which a swing is the shadow of a spot or of
/// several: a recording has some hundred in a probe.
const LEAST_CROSSINGS: usize = 16;

/// How RF is captured.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rf {
    channels: Channels,
    pub(super) rate: Hertz,
    pub(super) clock: Hertz,
    pub(super) dark: i16,
    /// Counts for reflectance 1 at the read power; 0 without a reference.
    counts_per_reflectance: f64,
    /// Samples that fit on the bench.
    buffer: u64,
}

impl Rf {
    /// Samples in so many channel bits.
    pub(super) fn samples(&self, bits: u64) -> u64 {
        (u128::from(bits) * u128::from(self.rate.0) / u128::from(self.clock.0.max(1))) as u64
    }

    pub(super) fn chain(&self) -> ChainConfig {
        ChainConfig::new(f64::from(self.rate.0), f64::from(self.clock.0))
    }

    pub(super) fn quality(&self) -> QualityConfig {
        let mut config = QualityConfig::new(f64::from(self.rate.0), f64::from(self.clock.0));
        config.calibration = (self.counts_per_reflectance > 0.0).then(|| Calibration {
            dark_counts: f64::from(self.dark),
            counts_per_reflectance: self.counts_per_reflectance,
        });
        config
    }

    /// How far the samples swing, over their level above dark; 0 where that is for a spot on
    /// the disc. Recorded is from [`RECORDED_SWING`] on.
    pub(super) fn swing(&self, samples: &[i16]) -> f64 {
        let means: Vec<f64> = samples
            .chunks_exact(AVERAGE)
            .map(|c| c.iter().map(|&v| f64::from(v)).sum::<f64>() / AVERAGE as f64 - f64::from(self.dark))
            .collect();
        let level = means.iter().sum::<f64>() / means.len().max(1) as f64;
        let (low, high) = (quantile(&means, 0.02), quantile(&means, 0.98));
        let above = |m: &f64| *m > 0.5 * (low + high);
        let crossings = means.windows(2).filter(|w| above(&w[0]) != above(&w[1])).count();
        if level > 0.0 && crossings >= LEAST_CROSSINGS { (high - low) / level } else { 0.0 }
    }
}

/// Takes samples as they come; false ends the capture.
pub(super) type Sink<'k> = dyn FnMut(&mut dyn Observer, &[i16]) -> Result<bool, Problem> + 'k;

impl Session<'_> {
    /// The detector's RF channel at four samples for each channel bit, or as
    /// many as it does.
    pub(super) fn rf(&self) -> Result<Rf, Problem> {
        let spec = self.bench.detector.spec();
        let index = spec.channel(ChannelKind::Sum, self.source);
        let channel = index.and_then(|i| spec.channels.get(usize::from(i)));
        let (Some(index), Some(channel)) = (index, channel) else {
            return Err(Problem::Unsupported("the photodetector has no sum channel for the source".into()));
        };
        let clock = self.medium.channel_clock;
        let rate = Hertz(clock.0.saturating_mul(PER_BIT)).min(channel.rate_max);
        if rate.0 < clock.0.saturating_mul(2) {
            return Err(Problem::Unsupported(format!(
                "the photodetector samples at {rate} at most, and a channel clock of {clock} needs twice that"
            )));
        }
        Ok(Rf {
            channels: Channels::one(index),
            rate,
            clock,
            dark: channel.dark,
            counts_per_reflectance: f64::from(channel.reference) * f64::from(self.read_power.0) * 1e-3,
            buffer: spec.buffer,
        })
    }

    /// Streams `samples` samples from the start of an address on. A trigger that
    /// doesn't come is tried again; lost samples are the caller's to repeat.
    pub(super) fn stream(&mut self, rf: &Rf, first: Address, samples: u64, sink: &mut Sink<'_>) -> Result<(), Problem> {
        let mut left = self.options.retries;
        loop {
            self.seek(first)?;
            let mut delivered = 0;
            match self.pump(rf, first, samples, &mut delivered, sink) {
                // The spot may have passed the address before the trigger was set.
                Err(Problem::TimedOut { .. }) if delivered == 0 && left > 0 => left -= 1,
                Err(problem @ Problem::TimedOut { .. }) if delivered == 0 => {
                    self.bench.detector.stop()?;
                    return Err(self.servo_lost(first)?.unwrap_or(problem));
                }
                result => {
                    let stopped = self.bench.detector.stop();
                    // What failed first is what is reported.
                    result?;
                    return Ok(stopped?);
                }
            }
        }
    }

    /// Which loop has opened by itself, if one has.
    fn servo_lost(&mut self, at: Address) -> Result<Option<Problem>, Problem> {
        let attempts = self.options.retries + 1;
        let lost = |servo| Ok(Some(Problem::ServoLost { servo, at, attempts }));
        if !self.focus_locked()? {
            return lost("focus");
        }
        let flags = self.bench.tracking.status()?.flags;
        if flags.contains(TrackingFlags::LOST) { lost("tracking") } else { Ok(None) }
    }

    fn pump(
        &mut self,
        rf: &Rf,
        first: Address,
        samples: u64,
        delivered: &mut u64,
        sink: &mut Sink<'_>,
    ) -> Result<(), Problem> {
        let trigger = Trigger::Address(first);
        self.bench.detector.arm(&Acquisition { channels: rf.channels, rate: rf.rate, length: samples, trigger })?;
        let mut buffer = vec![0i16; BUFFER];
        // A quarter of what fits on the bench, so that nothing is lost for waiting.
        let quarter_us = rf.buffer / 4 * 1_000_000 / u64::from(rf.rate.0.max(1));
        let pause_us = quarter_us.clamp(10, 1_000) as u32;
        loop {
            let chunk = self.wait("the next samples", IDLE_MS, pause_us, |s| {
                let chunk = s.bench.detector.read(&mut buffer)?;
                Ok((chunk.length > 0 || chunk.gap > 0 || chunk.last).then_some(chunk))
            })?;
            if chunk.gap > 0 {
                return Err(Problem::SamplesLost { lost: chunk.gap });
            }
            *delivered += chunk.length as u64;
            let fresh = buffer.get(..chunk.length).unwrap_or(&buffer);
            if !sink(&mut *self.observer, fresh)? || chunk.last {
                return Ok(());
            }
        }
    }

    /// Samples of a short stretch; once more where some were lost.
    pub(super) fn grab(&mut self, rf: &Rf, first: Address, samples: u64) -> Result<Vec<i16>, Problem> {
        let mut left = self.options.retries;
        loop {
            let mut taken = Vec::with_capacity(samples as usize);
            let result = self.stream(rf, first, samples, &mut |_, fresh| {
                taken.extend_from_slice(fresh);
                Ok(true)
            });
            match result {
                Ok(()) => return Ok(taken),
                Err(Problem::SamplesLost { .. }) if left > 0 => left -= 1,
                Err(problem) => return Err(problem),
            }
        }
    }

    /// How far the signal swings at the start of an address, over its level.
    pub(super) fn probe(&mut self, at: Address) -> Result<f64, Problem> {
        let rf = self.rf()?;
        let samples = self.grab(&rf, at, rf.samples(PROBE_BITS))?;
        Ok(rf.swing(&samples))
    }

    /// Measures the signal of `sectors` sectors from `first` on. They are held
    /// in memory: 310 kB for each sector.
    ///
    /// # Errors
    /// [`Problem::NotRecorded`], [`Problem::Signal`] where no clock can be
    /// recovered, [`Problem::SamplesLost`], those of seeking, or the bench's own.
    pub fn measure(&mut self, first: Address, sectors: u32) -> Result<SignalQuality, RecordError> {
        self.layer = Some(self.layer_of(first));
        self.address = Some(first);
        self.step(Stage::Measure, u64::from(sectors), |s| s.do_measure(first, sectors))
    }

    pub(super) fn do_measure(&mut self, first: Address, sectors: u32) -> Result<SignalQuality, Problem> {
        let rf = self.rf()?;
        let samples = self.grab(&rf, first, rf.samples(u64::from(sectors) * SECTOR_BITS))?;
        recorded(rf.swing(&samples))?;
        Ok(analyse(&samples, &rf.quality())?)
    }
}

/// An error unless the swing is that of a recording.
pub(super) fn recorded(swing: f64) -> Result<(), Problem> {
    if swing >= RECORDED_SWING { Ok(()) } else { Err(Problem::NotRecorded { swing, needed: RECORDED_SWING }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dropout_is_no_recording() {
        let rf = Rf {
            channels: Channels::one(0),
            rate: Hertz(104_625_000),
            clock: Hertz(26_156_250),
            dark: 64,
            counts_per_reflectance: 0.0,
            buffer: 0,
        };
        let samples = rf.samples(PROBE_BITS) as usize;
        // A level of 1000 with some noise, dark for a fifth of it, twice; marks of 5T.
        let noise = |i: usize| (i.wrapping_mul(2_654_435_761) >> 7 & 31) as i16 - 16;
        let signal = |level: &dyn Fn(usize) -> i16| (0..samples).map(|i| 64 + level(i) + noise(i)).collect::<Vec<_>>();
        let dark = |i: usize| [1, 4].contains(&(10 * i / samples / 2));
        let blank = rf.swing(&signal(&|_| 1000));
        let dropouts = rf.swing(&signal(&|i| if dark(i) { 0 } else { 1000 }));
        let marks = |i: usize| if (i / 20).is_multiple_of(2) { 1000 } else { 350 };
        let recorded = rf.swing(&signal(&marks));
        let damaged = rf.swing(&signal(&|i| if dark(i) { 0 } else { marks(i) }));
        assert!(blank < 0.05 && dropouts == 0.0, "{blank} {dropouts}");
        assert!(recorded > 0.8 && damaged > 0.8, "{recorded} {damaged}");
    }
}
