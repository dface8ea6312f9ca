//! Settings of the algorithms.

use std::collections::BTreeMap;

use super::methods::CalibrationMethod;
use super::optimised::OptimiseOptions;
use super::walk::Walk;
use crate::hal::WriteStrategy;

/// Settings of a [`Session`](super::Session); [`Options::default`] suits a
/// dual-layer bench at 1x.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Options {
    /// Further attempts after a first one that failed, in every step that may
    /// be tried again.
    pub retries: u32,
    /// How the write power is found; gamma and kappa need a target in the medium.
    pub calibration: CalibrationMethod,
    /// Write strategies by layer, in place of those that the medium recommends.
    pub strategies: BTreeMap<usize, WriteStrategy>,
    /// Whether [`record`](super::record()) optimises the strategy of each layer before it
    /// calibrates it, and how.
    pub optimise: Option<OptimiseOptions>,
    /// Half the range of powers of a calibration, as a share of the
    /// recommended peak power.
    pub calibration_span: f64,
    /// Powers in a calibration, 5 to 13.
    pub calibration_steps: usize,
    /// Greatest r.m.s. residual of beta from its fitted curve.
    pub calibration_rms: f64,
    /// Most ECC blocks in one shot; a longer file is written in several shots
    /// that follow each other without a gap.
    pub shot_blocks: u32,
    /// Whether and how often a long write pauses, reads back and corrects its power.
    pub walk: Walk,
    /// Sectors whose signal is measured after a recording, at most.
    pub measure_sectors: u32,
    /// Files are padded to so many ECC blocks at least; below 8 the PI sum over
    /// eight blocks isn't defined.
    pub min_blocks: u32,
    /// Seed of the random data in the test area.
    pub seed: u64,
    /// The bench's name in the results.
    pub bench: String,
    /// Consents to an electrode supply that doesn't switch itself off when the host is
    /// gone ([`keeps_lease`](crate::hal::SupplySpec::keeps_lease)). Without it, every
    /// step on a bench with such a supply is refused.
    pub without_lease: bool,
    /// Names and values to be found again in the results.
    pub settings: Vec<(String, String)>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            retries: 2,
            calibration: CalibrationMethod::Beta,
            strategies: BTreeMap::new(),
            optimise: None,
            calibration_span: 0.25,
            calibration_steps: 11,
            calibration_rms: 0.05,
            shot_blocks: 16,
            walk: Walk::Auto,
            measure_sectors: 48,
            min_blocks: 8,
            seed: 0,
            bench: String::new(),
            without_lease: false,
            settings: Vec::new(),
        }
    }
}
