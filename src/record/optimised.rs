//! Settings and results of a write-strategy optimisation.

use core::fmt;

use serde::Serialize;

use super::summary::Calibration;
use crate::hal::WriteStrategy;
use crate::signal::ClassShifts;

/// Settings of [`Session::optimise_strategy`](super::Session::optimise_strategy).
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct OptimiseOptions {
    /// The strategy to start from, its peak near the right one; `None` for the layer's.
    pub from: Option<WriteStrategy>,
    /// Most test pieces of four sectors to write, calibrations included; at least 32.
    pub most_pieces: u32,
    /// Most iterations of the table between two changes of the pulse widths.
    pub most_iterations: u32,
    /// Share of a large correction that is applied, 0.1 to 1.
    pub damping: f64,
    /// Whether the widths of the pulses, and another place of the last pulse of 4T marks,
    /// are tried too, once the table is right.
    pub widths: bool,
    /// Partitions of 64 sectors of the test area that stay blank for later calibrations.
    pub keep_partitions: u32,
}

impl Default for OptimiseOptions {
    fn default() -> Self {
        Self { from: None, most_pieces: 160, most_iterations: 10, damping: 0.8, widths: true, keep_partitions: 4 }
    }
}

/// Why an optimisation ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Ended {
    /// No entry of the table moves any more, and no other width is better.
    Converged,
    /// Iterations went on without the jitter falling.
    NoGain,
    /// [`OptimiseOptions::most_pieces`] were written.
    Pieces,
    /// The rest of the test area is kept for calibrations.
    TestArea,
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Converged => "converged",
            Self::NoGain => "the jitter no longer fell",
            Self::Pieces => "the budget of test pieces was used",
            Self::TestArea => "the rest of the test area is kept for calibrations",
        })
    }
}

/// One strategy that was written and measured.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StrategyIteration {
    /// What was changed: `start`, `probe ...`, `edges`, `power`, a width by name, `result`.
    pub change: String,
    /// The strategy, with the power that was written.
    pub strategy: WriteStrategy,
    /// First sector of the piece.
    pub first: u32,
    /// Data-to-clock jitter, percent of T.
    pub jitter_percent: f64,
    /// The jitter that would be left if the mean shift of every class were taken away,
    /// percent of T.
    pub within_percent: f64,
    /// Root mean square of the mean shifts of the classes over all edges, T.
    pub rms_shift_t: f64,
    /// Asymmetry of the a.c. coupled signal.
    pub beta: Option<f64>,
    /// Mean shift of every class, T.
    pub shifts: ClassShifts,
    /// Whether it was the best so far.
    pub kept: bool,
}

/// A write strategy found by measurement.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StrategyResult {
    /// The layer.
    pub layer: usize,
    /// The strategy that it started from, at its calibrated power.
    pub before: WriteStrategy,
    /// The best one, at its calibrated power.
    pub strategy: WriteStrategy,
    /// Jitter of the start, percent of T.
    pub jitter_before_percent: f64,
    /// Jitter of the best one, on a piece of its own at its calibrated power, percent of T.
    pub jitter_percent: f64,
    /// Mean shift of every class that is left, T.
    pub shifts: ClassShifts,
    /// How far edges follow the table, as found by probes and iterations (1: as far as the
    /// entry moves): starts of 3T, 4T and longer marks, then their ends.
    pub sensitivity: [f64; 6],
    /// Every strategy that was tried, in order.
    pub iterations: Vec<StrategyIteration>,
    /// The power calibrations on the way, the last one that of the result.
    pub calibrations: Vec<Calibration>,
    /// Test pieces written, calibrations included.
    pub pieces: u32,
    /// First sector of the test area that was used.
    pub first: u32,
    /// Last one.
    pub last: u32,
    /// Why it ended.
    pub ended: Ended,
}
