//! What tables and reports show: a recording or a measurement, one way for both.

use disc_hal::record::{
    Calibration, DefectMap, FocusSurvey, LayerRecording, ReadBack, Recording, StateAbove, StrategyResult, TrackingLock,
    WalkPoint,
};
use disc_hal::signal::{SignalQuality, Verdict};
use serde::Serialize;

/// What `measure` found on one layer.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Measured {
    /// The layer.
    pub(crate) layer: usize,
    /// First sector read.
    pub(crate) first: u32,
    /// Sectors read.
    pub(crate) sectors: u32,
    /// The focus search before it.
    pub(crate) survey: FocusSurvey,
    /// How tracking was closed.
    pub(crate) tracking: TrackingLock,
    /// What reading found.
    pub(crate) read: ReadBack,
    /// Quality of the signal on a part of it.
    pub(crate) quality: SignalQuality,
    /// First sector of that part.
    pub(crate) measured_first: u32,
    /// Sectors of that part.
    pub(crate) measured_sectors: u32,
    /// The limits of the medium, applied.
    pub(crate) verdicts: Vec<Verdict>,
}

/// One row: a file on a layer.
#[derive(Debug)]
pub(crate) struct Part<'a> {
    /// Name of the file; none when only measured.
    pub(crate) name: Option<&'a str>,
    pub(crate) bytes: Option<u64>,
    pub(crate) layer: usize,
    pub(crate) first: u32,
    pub(crate) power_uw: Option<u32>,
    pub(crate) survey: &'a FocusSurvey,
    pub(crate) tracking: &'a TrackingLock,
    pub(crate) calibration: Option<&'a Calibration>,
    pub(crate) optimisation: Option<&'a StrategyResult>,
    pub(crate) read: &'a ReadBack,
    /// Whether every byte came back; none when there is nothing to compare with.
    pub(crate) identical: Option<bool>,
    pub(crate) quality: &'a SignalQuality,
    pub(crate) measured_first: u32,
    pub(crate) measured_sectors: u32,
    pub(crate) verdicts: &'a [Verdict],
    /// What every block is worth; none when it wasn't verified.
    pub(crate) map: Option<&'a DefectMap>,
    /// The pauses of a walking calibration.
    pub(crate) walk: &'a [WalkPoint],
    /// What the light passed on its way to the second layer.
    pub(crate) above: Option<&'a StateAbove>,
}

impl Part<'_> {
    /// Whether every limit is kept and every byte came back.
    pub(crate) fn passed(&self) -> bool {
        self.identical != Some(false) && self.verdicts.iter().all(|v| v.pass)
    }

    /// What it is called in texts.
    pub(crate) fn title(&self) -> String {
        match self.name {
            Some(name) => format!("{name} on layer {}", self.layer),
            None => format!("layer {}", self.layer),
        }
    }

    /// The upper limit of a measure.
    pub(crate) fn max(&self, name: &str) -> Option<f64> {
        self.verdicts.iter().find(|v| v.limit.name == name)?.limit.max
    }
}

impl<'a> From<&'a LayerRecording> for Part<'a> {
    fn from(r: &'a LayerRecording) -> Self {
        Self {
            name: Some(&r.name),
            bytes: Some(r.bytes),
            layer: r.layer,
            first: r.first,
            power_uw: Some(r.power_uw),
            survey: &r.survey,
            tracking: &r.tracking,
            calibration: Some(&r.calibration),
            optimisation: r.optimisation.as_ref(),
            read: &r.read,
            identical: Some(r.identical),
            quality: &r.quality,
            measured_first: r.measured_first,
            measured_sectors: r.measured_sectors,
            verdicts: &r.verdicts,
            map: Some(&r.map),
            walk: &r.walk,
            above: r.above.as_ref(),
        }
    }
}

impl<'a> From<&'a Measured> for Part<'a> {
    fn from(m: &'a Measured) -> Self {
        Self {
            name: None,
            bytes: None,
            layer: m.layer,
            first: m.first,
            power_uw: None,
            survey: &m.survey,
            tracking: &m.tracking,
            calibration: None,
            optimisation: None,
            read: &m.read,
            identical: None,
            quality: &m.quality,
            measured_first: m.measured_first,
            measured_sectors: m.measured_sectors,
            verdicts: &m.verdicts,
            map: None,
            walk: &[],
            above: None,
        }
    }
}

/// All rows, and what they were made with.
#[derive(Debug)]
pub(crate) struct View<'a> {
    pub(crate) medium: &'a str,
    pub(crate) bench: &'a str,
    pub(crate) settings: &'a [(String, String)],
    pub(crate) parts: Vec<Part<'a>>,
}

impl View<'_> {
    /// Whether all parts passed.
    pub(crate) fn passed(&self) -> bool {
        self.parts.iter().all(Part::passed)
    }
}

impl<'a> From<&'a Recording> for View<'a> {
    fn from(r: &'a Recording) -> Self {
        Self {
            medium: &r.medium,
            bench: &r.bench,
            settings: &r.settings,
            parts: r.layers.iter().map(Part::from).collect(),
        }
    }
}

/// The columns that tables show.
pub(crate) const COLUMNS: [&str; 15] = [
    "layer",
    "file",
    "first sector",
    "power mW",
    "jitter %",
    "asymmetry",
    "beta",
    "modulation",
    "I3/I14",
    "R14H %",
    "PI errors",
    "PI sum 8",
    "identical",
    "limits kept",
    "verdict",
];

/// The cells of a row, for [`COLUMNS`].
pub(crate) fn cells(part: &Part<'_>) -> [String; 15] {
    let levels = &part.quality.levels;
    let kept = part.verdicts.iter().filter(|v| v.pass).count();
    [
        part.layer.to_string(),
        part.name.unwrap_or("-").into(),
        sector(part.first),
        part.power_uw.map_or_else(dash, |p| format!("{:.2}", f64::from(p) / 1000.0)),
        number(part.quality.timing.jitter.total_percent, 2),
        signed(levels.asymmetry),
        signed(levels.beta),
        number(levels.modulation, 3),
        number(levels.i3_i14, 3),
        number(levels.r14h.map(|r| r * 100.0), 1),
        part.read.pi_errors.to_string(),
        part.read.pi_sum8_max.map_or_else(dash, |n| n.to_string()),
        match part.identical {
            Some(true) => "yes".into(),
            Some(false) => "NO".into(),
            None => dash(),
        },
        format!("{kept} of {}", part.verdicts.len()),
        word(part.passed()).into(),
    ]
}

/// A sector number.
pub(crate) fn sector(psn: u32) -> String {
    disc_hal::hal::Address(psn).to_string()
}

/// PASS or FAIL.
pub(crate) fn word(passed: bool) -> &'static str {
    if passed { "PASS" } else { "FAIL" }
}

fn dash() -> String {
    "-".into()
}

fn number(value: Option<f64>, digits: usize) -> String {
    value.filter(|v| v.is_finite()).map_or_else(dash, |v| format!("{v:.digits$}"))
}

fn signed(value: Option<f64>) -> String {
    value.filter(|v| v.is_finite()).map_or_else(dash, |v| format!("{v:+.3}"))
}

/// The cells of a verdict: name, value, limit, margin, verdict, source.
pub(crate) fn verdict_cells(v: &Verdict) -> [String; 6] {
    let (scale, digits) = scale(v);
    let unit = match (v.limit.name, v.limit.unit) {
        ("r14h", _) => " %",
        (_, "% of T") => " % of T",
        ("pi_sum_8", _) => " rows",
        _ => "",
    };
    let show = |x: f64| format!("{:.digits$}{unit}", x * scale);
    let limit = match (v.limit.min, v.limit.max) {
        (Some(min), Some(max)) => format!("{:.digits$} to {}", min * scale, show(max)),
        (Some(min), None) => format!("at least {}", show(min)),
        (None, Some(max)) => format!("at most {}", show(max)),
        (None, None) => "defined".into(),
    };
    [
        measure_name(v.limit.name).into(),
        v.value.map_or_else(|| v.reason.unwrap_or("no value").into(), show),
        limit,
        v.margin.map_or_else(dash, |m| format!("{:+.digits$}", m * scale)),
        word(v.pass).into(),
        v.limit.source.into(),
    ]
}

fn scale(v: &Verdict) -> (f64, usize) {
    match v.limit.name {
        "r14h" => (100.0, 1),
        "pi_sum_8" => (1.0, 0),
        "jitter" => (1.0, 2),
        _ => (1.0, 3),
    }
}

/// What people call a measure.
pub(crate) fn measure_name(name: &str) -> &str {
    match name {
        "jitter" => "jitter",
        "asymmetry" => "asymmetry",
        "modulation" => "modulation I14/I14H",
        "i3_i14" => "I3/I14",
        "r14h" => "reflectivity R14H",
        "i14h_variation" => "variation of I14H",
        "pi_sum_8" => "PI sum 8",
        other => other,
    }
}
