//! What a recording found, as plain numbers for reports, plots and JSON.
//!
//! Everything here only serialises. Units are in the names of the fields
//! (`_uw` microwatts, `_nm` nanometres, `_um` micrometres); what has no unit is
//! a ratio, or counts of the digitiser where the text says so. Addresses are
//! physical sector numbers. A [`Recording`] holds [`LayerRecording`]s, each with
//! the [`FocusSurvey`], [`TrackingLock`], [`Calibration`] and [`ReadBack`] that
//! led to it.

use serde::Serialize;

use super::defect_map::DefectMap;
use super::methods::CalibrationMethod;
use super::optimised::StrategyResult;
use super::order::StateAbove;
use super::walk::WalkPoint;
use crate::signal::{SignalQuality, Verdict};

/// What an S-curve belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum CurveKind {
    /// The surface of the disc (some 4 % reflected).
    Surface,
    /// A recording layer, counted from the light inwards.
    Layer(u8),
}

/// One S-curve of a focus search.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SCurve {
    /// What it belongs to.
    pub kind: CurveKind,
    /// Lens position of the zero crossing.
    pub position_nm: i32,
    /// Half the distance between its two peaks, counts of the focus error.
    pub half_amplitude: f64,
    /// The greatest sum signal near the crossing, counts above dark.
    pub sum: f64,
    /// The same as a share of what a perfect mirror would give; 0 where the
    /// detector has no reference.
    pub reflectance: f64,
}

/// A focus search: what the detector saw while the lens travelled, and the
/// S-curves in it.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct FocusSurvey {
    /// Lens positions of the plotted samples; at most 2048 of them.
    pub positions_um: Vec<f64>,
    /// Focus error at these positions, counts above dark. Extremes survive the
    /// thinning.
    pub focus_error: Vec<f64>,
    /// Sum signal at these positions, counts above dark.
    pub sum: Vec<f64>,
    /// Root mean square of the focus error's noise, counts.
    pub noise: f64,
    /// Focus error above which a peak counted, counts.
    pub threshold: f64,
    /// The curves in order of position.
    pub curves: Vec<SCurve>,
    /// Searches that were needed.
    pub attempts: u32,
}

impl FocusSurvey {
    /// The recording layers found.
    pub fn layers(&self) -> impl Iterator<Item = &SCurve> {
        self.curves.iter().filter(|c| matches!(c.kind, CurveKind::Layer(_)))
    }

    /// The curve of a layer.
    pub fn layer(&self, layer: usize) -> Option<&SCurve> {
        self.curves.iter().find(|c| matches!(c.kind, CurveKind::Layer(n) if usize::from(n) == layer))
    }

    /// Says of the curve of a layer which one it is, where one reflects and the others are clear.
    pub(super) fn name_layer(&mut self, layer: usize) {
        for curve in self.curves.iter_mut().filter(|c| c.kind != CurveKind::Surface) {
            curve.kind = CurveKind::Layer(layer as u8);
        }
    }
}

/// How tracking was closed.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TrackingLock {
    /// The layer, as confirmed by its address.
    pub layer: usize,
    /// `push-pull`, `differential push-pull` or `differential phase`.
    pub method: &'static str,
    /// `rising` or `falling`: the slope on which an address could be read.
    pub polarity: &'static str,
    /// Peak-to-peak push-pull with the loop open, counts; `None` where the
    /// detector has no such channel.
    pub push_pull_counts: Option<f64>,
    /// The same over the sum signal; `None` likewise.
    pub push_pull: Option<f64>,
    /// Pull-ins that were needed.
    pub attempts: u32,
    /// The address read first.
    pub address: u32,
}

/// One step of a power calibration.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CalibrationPoint {
    /// Peak power that was written.
    pub power_uw: u32,
    /// First sector of the piece.
    pub first: u32,
    /// Asymmetry of the a.c. coupled signal; `None` where nothing could be measured.
    pub beta: Option<f64>,
    /// Asymmetry from 14T and 3T levels.
    pub asymmetry: Option<f64>,
    /// Data-to-clock jitter, percent of T.
    pub jitter_percent: Option<f64>,
    /// I14 over I14H.
    pub modulation: Option<f64>,
    /// Whether it went into the fit.
    pub used: bool,
    /// Why it did not; empty when it did.
    pub note: String,
}

/// The curve through the points of a calibration, of beta, or of modulation times
/// milliwatts (for gamma and kappa):
/// value = c0 + c1 x + c2 x^2 with x = (power - centre) / scale.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Fit {
    /// c0, c1, c2.
    pub coefficients: [f64; 3],
    /// Power at which x = 0.
    pub centre_uw: f64,
    /// Power by which x grows by 1.
    pub scale_uw: f64,
    /// Measured minus fitted, in the order of the points used.
    pub residuals: Vec<f64>,
    /// Root mean square of the residuals.
    pub rms: f64,
}

impl Fit {
    /// The fitted value at a power in microwatts.
    pub fn at(&self, power_uw: f64) -> f64 {
        let [c0, c1, c2] = self.coefficients;
        let x = (power_uw - self.centre_uw) / self.scale_uw;
        c0 + x * (c1 + x * c2)
    }
}

/// An optimum power control.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Calibration {
    /// The layer.
    pub layer: usize,
    /// First sector of the test area that it used.
    pub first: u32,
    /// Last one.
    pub last: u32,
    /// The points in order of power.
    pub points: Vec<CalibrationPoint>,
    /// The curve through them.
    pub fit: Fit,
    /// By which measure.
    pub method: CalibrationMethod,
    /// Beta, gamma or kappa aimed at.
    pub target: f64,
    /// For gamma the power at which it has its target, for kappa the threshold of the
    /// line; the optimum is the medium's multiple of it.
    pub reference_uw: Option<f64>,
    /// The power at which to write.
    pub optimum_uw: u32,
}

/// What the correction found in one ECC block.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct BlockErrors {
    /// First sector of the block.
    pub psn: u32,
    /// Rows with at least one wrong byte before correction (PI errors).
    pub pi_errors: u32,
    /// Rows that the inner code could not correct (PI failures).
    pub pi_failures: u32,
    /// Bytes that the outer code corrected.
    pub po_corrections: u32,
    /// Readings that were needed.
    pub attempts: u32,
}

/// What reading a range of blocks found.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct ReadBack {
    /// First sector.
    pub first: u32,
    /// Sectors read.
    pub sectors: u32,
    /// Errors of each block.
    pub blocks: Vec<BlockErrors>,
    /// Data-to-clock jitter of each block, percent of T; `None` where the clock
    /// was not settled.
    pub jitter_percent: Vec<Option<f64>>,
    /// PI errors of all blocks.
    pub pi_errors: u64,
    /// The greatest sum of PI errors over eight consecutive blocks; `None` for
    /// fewer than eight blocks.
    pub pi_sum8_max: Option<u32>,
    /// Samples that were lost and read again.
    pub lost_samples: u64,
}

impl ReadBack {
    /// Sums that follow from the blocks.
    pub(super) fn add_up(&mut self) {
        self.pi_errors = self.blocks.iter().map(|b| u64::from(b.pi_errors)).sum();
        self.pi_sum8_max = self.blocks.windows(8).map(|w| w.iter().map(|b| b.pi_errors).sum()).max();
    }
}

/// One file, recorded and judged.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LayerRecording {
    /// Name of the job.
    pub name: String,
    /// The layer.
    pub layer: usize,
    /// Bytes of the job, before padding.
    pub bytes: u64,
    /// First sector of the data.
    pub first: u32,
    /// Sectors of data, padding included.
    pub sectors: u32,
    /// Peak power it was written with.
    pub power_uw: u32,
    /// The focus search before it.
    pub survey: FocusSurvey,
    /// How tracking was closed.
    pub tracking: TrackingLock,
    /// The power calibration.
    pub calibration: Calibration,
    /// The optimisation of the strategy before it, if there was one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub optimisation: Option<StrategyResult>,
    /// What reading found.
    pub read: ReadBack,
    /// Whether every byte came back.
    pub identical: bool,
    /// What every block is worth.
    pub map: DefectMap,
    /// The pauses of a walking calibration; none in a short file.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub walk: Vec<WalkPoint>,
    /// What the light passed on its way to the second layer; `None` on the first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub above: Option<StateAbove>,
    /// Quality of the signal on a part of it.
    pub quality: SignalQuality,
    /// First sector of that part.
    pub measured_first: u32,
    /// Sectors of that part.
    pub measured_sectors: u32,
    /// The limits of the medium, applied.
    pub verdicts: Vec<Verdict>,
}

impl LayerRecording {
    /// Whether the file came back and every limit is kept.
    pub fn passed(&self) -> bool {
        self.identical && self.verdicts.iter().all(|v| v.pass)
    }
}

/// Everything about one call of [`record`](super::record).
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Recording {
    /// Version of this structure; grows with every change of a meaning.
    pub schema: u32,
    /// Name of the medium.
    pub medium: String,
    /// The bench, as the caller names it.
    pub bench: String,
    /// Settings that the caller wants to find again (a seed, say): name and value.
    pub settings: Vec<(String, String)>,
    /// The files in the order in which they were recorded: first layer first.
    pub layers: Vec<LayerRecording>,
}

impl Recording {
    /// The present [`schema`](Self::schema).
    pub const SCHEMA: u32 = 1;
}
