//! Errors of the signal measures.

/// Why a signal could not be measured.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum SignalError {
    /// The rates do not allow the read chain to be built.
    #[error(
        "sample rate {sample_rate_hz} Hz does not fit channel clock {channel_clock_hz} Hz, needs 2 to 64 samples per bit"
    )]
    Rate {
        /// Sample rate asked for, Hz.
        sample_rate_hz: f64,
        /// Channel clock asked for, Hz.
        channel_clock_hz: f64,
    },
    /// A parameter of a configuration is out of its range.
    #[error("{name} is {value}, must be {range}")]
    Parameter {
        /// Name of the field.
        name: &'static str,
        /// Value given.
        value: f64,
        /// Values allowed.
        range: &'static str,
    },
    /// The capture is too short for a measure.
    #[error("capture of {samples} samples is too short, needs {needed}")]
    TooShort {
        /// Samples given.
        samples: usize,
        /// Samples needed.
        needed: usize,
    },
    /// The signal carries no modulation: blank disc, no light or a dead input.
    #[error("no modulation: {peak_to_peak} counts peak to peak, needs {needed}")]
    Unmodulated {
        /// Peak-to-peak value found, counts.
        peak_to_peak: f64,
        /// Smallest peak-to-peak value accepted, counts.
        needed: f64,
    },
    /// There is a signal, but no channel clock can be recovered from it, or most of its runs are
    /// outside of 3T to 14T.
    #[error("no channel clock: {clocked} runs clocked, clock lost {lost} times")]
    NoClock {
        /// Runs clocked in the whole capture after settling.
        clocked: usize,
        /// How often the clock was lost.
        lost: usize,
    },
}
