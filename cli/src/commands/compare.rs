//! `disc-hal compare`.

use core::fmt::Write as _;
use std::path::{Path, PathBuf};

use clap::Args;
use disc_hal::hal::{Rig as _, WriteStrategy};
use disc_hal::media::Medium;
use disc_hal::record::{Job, LayerRecording, Options, Silent, record};
use disc_hal_sim::claims::{self, Finding};
use disc_hal_sim::dual_layer::DualLayer;
use disc_hal_sim::{APERTURE, ModelError, SimRig};
use rayon::prelude::*;
use serde::Serialize;

use crate::exit::{Code, Failure};
use crate::output::{self, OutFile};
use crate::progress::Voice;
use crate::report;
use crate::table::render;

/// Compares media: light, heat, claims, and how they record on a simulated bench.
///
/// On a blank simulated disc of each medium the same random data are recorded on
/// both layers: once with the strategy that the medium recommends for each layer, once with that of
/// layer 0 on both. The power is calibrated each time, so what remains is the shape of the
/// pulses: media whose layers lose heat equally fast need only one.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  disc-hal compare matched-low-k dual-layer
  disc-hal compare matched.toml unmatched.toml --report compare.html
  disc-hal compare dual-layer mine.toml --no-recording
  disc-hal compare matched-low-k dual-layer --json > compare.json")]
pub(crate) struct CompareArgs {
    /// Presets or medium files.
    #[arg(required = true, num_args = 2..=8, value_name = "NAME|FILE")]
    media: Vec<String>,
    /// Only what follows from the descriptions; nothing is recorded.
    #[arg(long)]
    no_recording: bool,
    /// Root of all noise of the simulated discs.
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// ECC blocks of 32 KiB that are recorded on each layer.
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = clap::value_parser!(u32).range(1..=1000))]
    blocks: u32,
    /// Writes a report, one HTML file.
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    /// Prints everything that was found as one JSON document.
    #[arg(long)]
    json: bool,
}

/// One medium.
#[derive(Debug, Serialize)]
pub(crate) struct Column {
    pub(crate) medium: String,
    pub(crate) description: String,
    /// Percent, from outside the disc, blank groove.
    pub(crate) reflectance_percent: [f64; 2],
    /// Percent, of the blank first layer.
    pub(crate) transmittance_percent: f64,
    /// Absorbed threshold power of layer 1 over layer 0, for the pulses of [`claims::PULSES`].
    pub(crate) threshold_ratio: [f64; 2],
    pub(crate) claims: Vec<Finding>,
    /// None without recordings.
    pub(crate) recordings: Vec<Trial>,
}

/// Both layers recorded.
#[derive(Debug, Serialize)]
pub(crate) struct Trial {
    /// Whose strategies.
    pub(crate) strategies: &'static str,
    pub(crate) layers: Vec<LayerResult>,
}

/// One layer of a [`Trial`].
#[derive(Debug, Serialize)]
pub(crate) struct LayerResult {
    pub(crate) layer: usize,
    pub(crate) power_uw: Option<u32>,
    pub(crate) jitter_percent: Option<f64>,
    pub(crate) modulation: Option<f64>,
    pub(crate) passed: bool,
    /// What went wrong, if something did.
    pub(crate) error: Option<String>,
}

impl Trial {
    /// Jitter of the second layer less that of the first, percentage points.
    pub(crate) fn difference(&self) -> Option<f64> {
        let [a, b] = self.layers.as_slice() else { return None };
        Some(b.jitter_percent? - a.jitter_percent?)
    }
}

/// Each layer with its own.
const OWN: &str = "each layer's own";
/// That of the first layer for both.
const SHARED: &str = "layer 0's on both";

pub(super) fn run(args: &CompareArgs, voice: Voice) -> Result<Code, Failure> {
    let media: Vec<Medium> = args.media.iter().map(|name| Medium::load(name)).collect::<Result<_, _>>()?;
    let inputs: Vec<&Path> = args.media.iter().map(Path::new).collect();
    let report = args.report.as_deref().map(|path| OutFile::create(path, &inputs)).transpose()?;
    if !args.no_recording {
        voice.say(&format!("recording {} ECC blocks on both layers of {} media, twice", args.blocks, media.len()));
    }
    let columns: Vec<Column> = media.par_iter().map(|medium| column(medium, args)).collect::<Result<_, _>>()?;
    if args.json {
        output::json(&columns)?;
    } else {
        output::stdout(text(&columns).as_bytes())?;
    }
    if let Some(file) = report {
        file.write(report::compare(&columns, args.seed)?.as_bytes())?;
    }
    Ok(Code::Pass)
}

fn column(medium: &Medium, args: &CompareArgs) -> Result<Column, Failure> {
    let cant =
        |e: ModelError| Failure::new(Code::Data, format!("the medium `{}` can't be computed", medium.name)).because(e);
    let films = DualLayer::of(medium).map_err(|e| cant(e.into()))?;
    let optics = films.optics().map_err(|e| cant(e.into()))?;
    let cross = films.cross_track(APERTURE);
    let recordings = if args.no_recording {
        Vec::new()
    } else {
        vec![trial(medium, OWN, None, args), trial(medium, SHARED, Some(shared(medium)), args)]
    };
    Ok(Column {
        medium: medium.name.clone(),
        description: medium.description.clone(),
        reflectance_percent: [0, 1].map(|layer| 100.0 * optics.seen(&cross, layer, 0.0)),
        transmittance_percent: 100.0 * optics.l0_transmittance,
        threshold_ratio: claims::heat_ratio(medium).map_err(cant)?,
        claims: claims::check(medium).map_err(cant)?,
        recordings,
    })
}

/// The first layer's pulses at the second layer's powers.
fn shared(medium: &Medium) -> WriteStrategy {
    let [first, second] = [0, 1].map(|layer| medium.layers[layer].write.strategy);
    WriteStrategy { bias: second.bias, ..first.with_peak(second.peak) }
}

fn trial(medium: &Medium, strategies: &'static str, second: Option<WriteStrategy>, args: &CompareArgs) -> Trial {
    let layers = (0..2)
        .into_par_iter()
        .map(|layer| {
            let mut options = Options::default();
            options.seed = args.seed;
            options.min_blocks = args.blocks;
            options.strategies.extend(second.map(|s| (1, s)));
            match record_one(medium, layer, options, args.seed) {
                Ok(found) => LayerResult {
                    layer,
                    power_uw: Some(found.power_uw),
                    jitter_percent: found.quality.timing.jitter.total_percent,
                    modulation: found.quality.levels.modulation,
                    passed: found.passed(),
                    error: None,
                },
                Err(error) => LayerResult {
                    layer,
                    power_uw: None,
                    jitter_percent: None,
                    modulation: None,
                    passed: false,
                    error: Some(error),
                },
            }
        })
        .collect();
    Trial { strategies, layers }
}

/// Records on a disc of its own, so that one layer's failure says nothing of the other.
fn record_one(medium: &Medium, layer: usize, options: Options, seed: u64) -> Result<LayerRecording, String> {
    let mut rig = SimRig::blank(medium.clone(), seed).map_err(|e| e.to_string())?;
    // Blocks of zeros are scrambled before they are written: as good as random ones.
    let data = vec![0; 2048];
    let jobs = [Job { name: "comparison", data: &data, layer, address: None }];
    let recorded = record(rig.bench(), medium, &jobs, options, &mut Silent);
    let mut layers = recorded.map_err(|e| e.to_string())?.layers;
    layers.pop().ok_or_else(|| "nothing was recorded".into())
}

fn cell(value: Option<f64>, decimals: usize) -> String {
    value.map_or("-".into(), |v| format!("{v:.decimals$}"))
}

/// The rows of the table: name, and a value for each medium.
pub(crate) fn rows(columns: &[Column]) -> Vec<Vec<String>> {
    let mut rows = Vec::new();
    let mut row = |name: String, value: &dyn Fn(&Column) -> String| {
        rows.push(core::iter::once(name).chain(columns.iter().map(value)).collect::<Vec<_>>());
    };
    for layer in 0..2 {
        row(format!("reflectance of L{layer}, %"), &|c| format!("{:.1}", c.reflectance_percent[layer]));
    }
    row("transmittance of L0, %".into(), &|c| format!("{:.1}", c.transmittance_percent));
    for (i, pulse) in claims::PULSES.iter().enumerate() {
        row(format!("threshold power L1/L0, {:.0} ns", pulse * 1e9), &|c| format!("{:.3}", c.threshold_ratio[i]));
    }
    row("claims met".into(), &|c| {
        let met: Vec<String> = c.claims.iter().filter(|f| f.met).map(|f| f.claim.to_string()).collect();
        if met.is_empty() { "none".into() } else { met.join(" ") }
    });
    for i in 0..columns.first().map_or(0, |c| c.recordings.len()) {
        let whose = columns[0].recordings[i].strategies;
        for layer in 0..2 {
            let found = |c: &Column| {
                c.recordings.get(i).and_then(|t| t.layers.get(layer)).map(|l| (l.power_uw, l.jitter_percent))
            };
            row(format!("power of L{layer}, mW ({whose})"), &|c| {
                cell(found(c).and_then(|f| f.0).map(|p| f64::from(p) / 1000.0), 2)
            });
            row(format!("jitter of L{layer}, % ({whose})"), &|c| cell(found(c).and_then(|f| f.1), 2));
        }
        row(format!("jitter of L1 less L0, points ({whose})"), &|c| {
            cell(c.recordings.get(i).and_then(Trial::difference), 2)
        });
    }
    rows
}

/// What went wrong while recording, in sentences.
pub(crate) fn errors(columns: &[Column]) -> Vec<String> {
    let mut found = Vec::new();
    for column in columns {
        for trial in &column.recordings {
            for layer in &trial.layers {
                if let Some(error) = &layer.error {
                    found.push(format!(
                        "{}, layer {}, strategies {}: {error}",
                        column.medium, layer.layer, trial.strategies
                    ));
                }
            }
        }
    }
    found
}

fn text(columns: &[Column]) -> String {
    let head = core::iter::once(String::new()).chain(columns.iter().map(|c| c.medium.clone())).collect();
    let table: Vec<Vec<String>> = core::iter::once(head).chain(rows(columns)).collect();
    let mut out = render(&table);
    for error in errors(columns) {
        // Writing to a String doesn't fail.
        let _ = write!(out, "\nnot recorded: {error}\n");
    }
    out
}
