//! All measures of a capture in one call.

use serde::Serialize;

use super::eye::eye;
use super::{Calibration, ChainConfig, Eye, Levels, ReadChain, Runs, SignalError, Timing, levels, timing};

/// Settled edges without which nothing is stated about a capture.
const MIN_EDGES: usize = 500;
/// Samples looked at in one place to see whether there is modulation, and number of places.
const STRETCH: usize = 512;
const PLACES: usize = 64;

/// Settings of [`analyse`].
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct QualityConfig {
    /// Read chain for the timing measures.
    pub chain: ChainConfig,
    /// Conversion of counts to light; without it modulation, reflectivity and I14H variation are
    /// not defined.
    pub calibration: Option<Calibration>,
    /// Smallest peak-to-peak value (1 % to 99 %) of a modulated signal, counts.
    pub min_peak_to_peak: f64,
    /// Runs per entry of the measures along the track. The default, 40 000, holds about 130 runs
    /// of 14T.
    pub window: usize,
    /// Runs in the eye pattern; 0 for none.
    pub eye_runs: usize,
}

impl QualityConfig {
    /// Standard settings without calibration.
    #[must_use]
    pub fn new(sample_rate_hz: f64, channel_clock_hz: f64) -> Self {
        Self {
            chain: ChainConfig::new(sample_rate_hz, channel_clock_hz),
            calibration: None,
            min_peak_to_peak: 32.0,
            window: 40_000,
            eye_runs: 10_000,
        }
    }
}

/// Quality of a capture. A measure that the data do not define is `None`, never zero or NaN.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct SignalQuality {
    /// Samples in the capture.
    pub samples: usize,
    /// Part of the capture that was clocked, 0 to 1. Blank or damaged parts show here, since the
    /// other measures cover the clocked part only.
    pub clocked: f64,
    /// Mean channel clock of the clocked part, Hz.
    pub clock_hz: f64,
    /// How often the clock was lost after it had been found.
    pub clock_lost: usize,
    /// Peak-to-peak value of the raw samples (1 % to 99 %), counts.
    pub peak_to_peak: f64,
    /// Slicing level at the end of the capture, counts.
    pub slicing_level: f64,
    /// Timing measures, behind the low-pass and the equaliser.
    pub timing: Timing,
    /// Level measures, behind the low-pass only.
    pub levels: Levels,
    /// Eye pattern at the slicer.
    pub eye: Option<Eye>,
}

/// Difference between the 99 % and the 1 % quantile of the samples, counts; `None` for no samples.
///
/// Quantiles, since a single spike must not make a blank capture look modulated.
#[must_use]
pub fn peak_to_peak(samples: &[i16]) -> Option<f64> {
    // Stretches, not single samples: those could fall in step with a periodic signal.
    let step = (samples.len() / PLACES).max(STRETCH);
    let stretches = samples.chunks(step).map(|place| &place[..STRETCH.min(place.len())]);
    let mut some: Vec<i16> = stretches.flatten().copied().collect();
    let last = some.len().checked_sub(1)?;
    let (low, high) = (last / 100, last - last / 100);
    let low = *some.select_nth_unstable(low).1;
    let high = *some.select_nth_unstable(high).1;
    Some(f64::from(high) - f64::from(low))
}

/// True when the samples swing by at least `min_peak_to_peak` counts (1 % to 99 %).
///
/// This tells a blank disc or a dead input from a signal; whether the signal has a channel clock
/// is found by [`analyse`].
#[must_use]
pub fn is_modulated(samples: &[i16], min_peak_to_peak: f64) -> bool {
    peak_to_peak(samples).is_some_and(|p| p >= min_peak_to_peak)
}

/// Measures a capture of raw HF samples (DC-coupled, not equalised).
///
/// # Errors
/// [`SignalError::TooShort`], [`SignalError::Unmodulated`] and [`SignalError::NoClock`] instead of
/// numbers that look good; [`SignalError::Rate`] and [`SignalError::Parameter`] for settings that
/// cannot work.
pub fn analyse(samples: &[i16], config: &QualityConfig) -> Result<SignalQuality, SignalError> {
    let chain = &config.chain;
    let filter = chain.filter()?;
    let per_t = chain.sample_rate_hz / chain.channel_clock_hz;
    let needed = (20_000.0 * per_t) as usize;
    if samples.len() < needed {
        return Err(SignalError::TooShort { samples: samples.len(), needed });
    }
    let swing = peak_to_peak(samples).unwrap_or_default();
    if swing.is_nan() || swing < config.min_peak_to_peak {
        let needed = config.min_peak_to_peak;
        return Err(SignalError::Unmodulated { peak_to_peak: swing, needed });
    }
    let mut reader = ReadChain::new(chain.clone())?;
    let mut runs = Runs::with_detail();
    runs.reserve(samples.len() / (3.0 * per_t) as usize);
    reader.push(samples, &mut runs);
    reader.finish(&mut runs);
    let timing = timing(&runs, config.window);
    // Hum has a clock, too, but its runs are not those of the channel code.
    let strange = timing.marks.outside + timing.spaces.outside;
    if timing.jitter.edges < MIN_EDGES || strange as usize * 2 > timing.jitter.edges {
        let clocked = timing.jitter.edges;
        return Err(SignalError::NoClock { clocked, lost: reader.lost() });
    }
    let levels =
        levels(samples, &runs, chain.sample_rate_hz, chain.channel_clock_hz, config.calibration, config.window)?;
    let (time, bits) = clocked_time(&runs);
    Ok(SignalQuality {
        samples: samples.len(),
        clocked: time / samples.len() as f64,
        clock_hz: bits / time * chain.sample_rate_hz,
        clock_lost: reader.lost(),
        peak_to_peak: swing,
        slicing_level: reader.slicer().threshold().into(),
        timing,
        levels,
        eye: eye(samples, &runs, &filter, config.eye_runs),
    })
}

/// Samples and bits within runs.
fn clocked_time(runs: &Runs) -> (f64, f64) {
    let (mut time, mut bits, mut before) = (0.0, 0.0, 0.0);
    for (&length, &position) in runs.lengths().iter().zip(runs.positions()) {
        if length > 0 {
            time += position - before;
            bits += f64::from(length);
        }
        before = position;
    }
    (time, bits)
}
