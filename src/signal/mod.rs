//! RF samples to run lengths and quality numbers.

mod chain;
mod error;
mod filter;
mod pll;
mod runs;
mod slicer;
#[cfg(test)]
mod testing;

pub use chain::{ChainConfig, ReadChain};
pub use error::SignalError;
pub use filter::{
    CHANNEL_CLOCK_HZ_1X, EQUALISER_K, Fir, LOW_PASS_HZ_1X, bessel_gain, equaliser_gain,
};
pub use pll::{
    ClockedEdge, GEARS, PLL_CLOSED_LOOP_RATIO, PLL_UNITY_HZ_1X, PRESET_EDGES, Pll, PllConfig,
    PllState, UNLOCK_RMS_T,
};
pub use runs::Runs;
pub use slicer::{BLOCK, Edge, SLICER_HZ_1X, Slicer};

/// Between two and 64 samples per channel bit; the comparison also refuses NaN.
fn check_rates(sample_rate_hz: f64, channel_clock_hz: f64) -> Result<(), SignalError> {
    if channel_clock_hz > 0.0
        && sample_rate_hz.is_finite()
        && (2.0..=64.0).contains(&(sample_rate_hz / channel_clock_hz))
    {
        Ok(())
    } else {
        Err(SignalError::Rate {
            sample_rate_hz,
            channel_clock_hz,
        })
    }
}
