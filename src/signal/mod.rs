//! RF samples to run lengths and quality numbers for DVD-type discs.
//!
//! ```text
//! i16 samples -> Fir (Bessel low-pass, equaliser) -> Slicer (5 kHz) -> Pll (9 kHz) -> Runs
//!                                                                                      |
//!            raw samples -> low-pass -> levels, modulation, asymmetry, beta <----------+
//!                                      jitter, run tables, edge shifts, eye <----------+
//! ```
//!
//! High is land or space, low is mark: recording lowers the reflectance. Times are in samples or
//! in T (one channel bit), levels in counts.
//!
//! # For script authors
//!
//! [`analyse`] measures a capture and [`judge`] compares it with the limits of a disc type. For
//! decoding, a [`ReadChain`] turns a stream of blocks into [`Runs`].
//!
//! ```
//! use disc_hal::signal::{DVD_R_DL, QualityConfig, SignalError, analyse, judge, measures};
//!
//! // A 5T carrier (period 10T) at 4 samples per T; a capture of a disc would come from a bench.
//! let (clock, rate) = (26.15625e6, 104.625e6);
//! let rf: Vec<i16> = (0..400_000)
//!     .map(|i| (3000.0 + 2000.0 * (i as f64 / 40.0 * core::f64::consts::TAU).sin()) as i16)
//!     .collect();
//! let quality = analyse(&rf, &QualityConfig::new(rate, clock))?;
//! assert!(quality.timing.jitter.total_percent.unwrap() < 0.5);
//! // There are no 14T runs here: the modulation is not defined, and that is not a pass.
//! let verdicts = judge(&DVD_R_DL, &measures(&quality));
//! assert!(verdicts.iter().any(|v| v.limit.name == "modulation" && !v.pass));
//!
//! // A blank disc has no jitter of 0 %, it has an error.
//! let blank = analyse(&vec![3000; 400_000], &QualityConfig::new(rate, clock));
//! assert!(matches!(blank, Err(SignalError::Unmodulated { .. })));
//! # Ok::<(), SignalError>(())
//! ```
//!
//! # For driver authors
//!
//! Give DC-coupled samples of the sum signal with its sign such that more light is a larger
//! number, at two or more samples per channel bit; four is what the accuracy was tested at. Blocks
//! may have any size. [`Calibration`] is the place for the detector's offset and gain.

mod chain;
mod error;
mod eye;
mod filter;
mod levels;
mod limits;
mod pll;
mod quality;
mod runs;
mod slicer;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod timing;

pub use chain::{ChainConfig, ReadChain};
pub use error::SignalError;
pub use eye::{EYE_LEVELS, EYE_PHASES, Eye};
pub use filter::{CHANNEL_CLOCK_HZ_1X, EQUALISER_K, Fir, LOW_PASS_HZ_1X, bessel_gain, equaliser_gain};
pub use levels::{Calibration, LEVEL_RUNS, LengthLevel, LevelWindow, Levels, levels};
pub use limits::{DVD_R_DL, DVD_R_SL, ELECTROCHROMIC, Limit, Verdict, judge, measures};
pub use pll::{
    ClockedEdge, GEARS, PLL_CLOSED_LOOP_RATIO, PLL_UNITY_HZ_1X, PRESET_EDGES, Pll, PllConfig, PllState, UNLOCK_RMS_T,
};
pub use quality::{QualityConfig, SignalQuality, analyse, is_modulated, peak_to_peak};
pub use runs::Runs;
pub use slicer::{BLOCK, Edge, SLICER_HZ_1X, Slicer};
pub use timing::{
    ClassShifts, INTERVAL_BINS_PER_T, INTERVAL_END_T, Jitter, JitterWindow, LONGEST, RunLine, RunTable, SETTLE_EDGES,
    SHORTEST, Timing, pooled_sigma, timing,
};

/// Between two and 64 samples per channel bit; the comparison also refuses NaN.
fn check_rates(sample_rate_hz: f64, channel_clock_hz: f64) -> Result<(), SignalError> {
    if channel_clock_hz > 0.0
        && sample_rate_hz.is_finite()
        && (2.0..=64.0).contains(&(sample_rate_hz / channel_clock_hz))
    {
        Ok(())
    } else {
        Err(SignalError::Rate { sample_rate_hz, channel_clock_hz })
    }
}
