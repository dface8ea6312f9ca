//! `disc-hal compare`.

use core::fmt::Write as _;
use std::path::{Path, PathBuf};

use clap::Args;
use disc_hal::hal::{Rig as _, WriteStrategy};
use disc_hal::media::Medium;
use disc_hal::record::{Job, LayerRecording, OptimiseOptions, Options, Silent, record};
use disc_hal_sim::claims::{self, Finding};
use disc_hal_sim::dual_layer::{DualLayer, writing};
use disc_hal_sim::{APERTURE, SimRig};
use rayon::prelude::*;
use serde::Serialize;

use crate::exit::{Code, Failure};
use crate::medium::{self, unusable};
use crate::output::{self, OutFile};
use crate::progress::Voice;
use crate::report;
use crate::table::render;

/// Compares media: light, heat, claims, and how they record on a simulated bench.
///
/// On a blank simulated disc of each medium the same random data are recorded on
/// both layers: once with the strategy that the medium recommends for each layer, once with that of
/// layer 0 on both. The power is calibrated each time, so what remains is the shape of the
/// pulses: media whose layers lose heat equally fast need only one. What it costs layer 1 to have
/// none of its own is found by --optimise, which begins with that of layer 0.
///
/// The calibrated powers, each times the share of the light that its layer's dye absorbs, are set
/// into proportion (patent A, claim 1). That is measured, with everything that tells the layers
/// apart; `disc-hal claims` computes the part that heat alone has in it.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  disc-hal compare matched-low-k dual-layer
  disc-hal compare matched.toml unmatched.toml --report compare.html
  disc-hal compare --optimise matched-stripe thin-reflector
  disc-hal compare dual-layer mine.toml --no-recording
  disc-hal compare matched-low-k dual-layer --json > compare.json

The exit code is 4 if a layer of a medium could not be recorded with its own strategy. Jitter beyond
a limit is no failure here, and neither is a strategy of the other layer that can't be calibrated.")]
pub(crate) struct CompareArgs {
    /// Presets or medium files.
    #[arg(required = true, num_args = 2..=8, value_name = "NAME|FILE")]
    media: Vec<String>,
    /// Only what follows from the descriptions; nothing is recorded.
    #[arg(long)]
    no_recording: bool,
    /// Records layer 1 a third time, with the strategy of layer 0 optimised on it.
    #[arg(long, conflicts_with = "no_recording")]
    optimise: bool,
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
    /// Percent of the light on the disc that becomes heat in the dye of each layer.
    pub(crate) absorbed_percent: [f64; 2],
    /// Absorbed threshold power of layer 1 over layer 0, for the pulses of [`claims::PULSES`].
    pub(crate) threshold_ratio: [f64; 2],
    /// Calibrated power of layer 1 over layer 0 with one strategy, as absorbed in their dyes.
    pub(crate) optimum_ratio: Option<f64>,
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
#[derive(Debug, Clone, Serialize)]
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

    /// Calibrated power of the second layer over that of the first, each times the share of the light
    /// on the disc that the layer's dye absorbs.
    fn optimum_ratio(&self, absorbed: [f64; 2]) -> Option<f64> {
        let [a, b] = self.layers.as_slice() else { return None };
        Some(f64::from(b.power_uw?) * absorbed[1] / (f64::from(a.power_uw?) * absorbed[0]))
    }

    fn second_jitter(&self) -> Option<f64> {
        self.layers.get(1)?.jitter_percent
    }
}

/// Each layer with its own.
const OWN: &str = "each layer's own";
/// That of the first layer for both.
const SHARED: &str = "layer 0's on both";
/// That of the first layer as optimisation leaves it on the second.
const OPTIMISED: &str = "layer 0's, optimised on layer 1";

/// The figure of patent A's first claim, as a bench measures it.
const OPTIMUM: &str = "calibrated power L1/L0, absorbed (layer 0's on both)";
/// What a strategy of its own is worth to the second layer.
const RECOVERED: &str = "jitter of L1 that optimisation takes away, points";

pub(super) fn run(args: &CompareArgs, voice: Voice) -> Result<Code, Failure> {
    let media: Vec<Medium> = args.media.iter().map(|name| medium::load(name)).collect::<Result<_, _>>()?;
    let inputs: Vec<&Path> = args.media.iter().map(Path::new).collect();
    let report = args.report.as_deref().map(|path| OutFile::create(path, &inputs)).transpose()?;
    if !args.no_recording {
        voice.say(&format!(
            "recording {} ECC blocks on both layers of {} media, layer 1 with {} strategies",
            args.blocks,
            media.len(),
            if args.optimise { "three" } else { "two" }
        ));
    }
    let names = names(&media, &args.media);
    let one = |(i, medium): (usize, &Medium)| column(medium, &args.media[i], names[i].clone(), args);
    let columns: Vec<Column> = media.par_iter().enumerate().map(one).collect::<Result<_, _>>()?;
    if args.json {
        output::json(&columns)?;
    } else {
        output::stdout(text(&columns).as_bytes())?;
    }
    if let Some(file) = report {
        file.write(report::compare(&columns, args.seed)?.as_bytes())?;
    }
    match gaps(&columns).as_slice() {
        [] => Ok(Code::Pass),
        errors => {
            let what = format!("not everything could be recorded, so the comparison has gaps: {}", errors.join("; "));
            Err(Failure::new(Code::Device, what)
                .next("correct the write strategy of that medium, or leave the recordings out: --no-recording"))
        }
    }
}

/// What each medium is called: by its name, or as it was asked for where others have the same name.
fn names(media: &[Medium], asked: &[String]) -> Vec<String> {
    let alone = |name: &str| media.iter().filter(|m| m.name == name).count() == 1;
    media.iter().zip(asked).map(|(m, asked)| if alone(&m.name) { m.name.clone() } else { asked.clone() }).collect()
}

fn column(medium: &Medium, asked: &str, name: String, args: &CompareArgs) -> Result<Column, Failure> {
    let cant = |e| unusable(medium, Some(asked), e);
    let films = DualLayer::of(medium).map_err(|e| cant(e.into()))?;
    let optics = films.optics().map_err(|e| cant(e.into()))?;
    let cross = films.cross_track(APERTURE);
    let mut absorbed = [0.0; 2];
    for (layer, share) in absorbed.iter_mut().enumerate() {
        *share = writing(&films, layer).map_err(|e| cant(e.into()))?.absorbed(cross.spot_radius).0;
    }
    let recordings = if args.no_recording { Vec::new() } else { trials(medium, args) };
    Ok(Column {
        medium: name,
        description: medium.description.clone(),
        reflectance_percent: [0, 1].map(|layer| 100.0 * optics.seen(&cross, layer, 0.0)),
        transmittance_percent: 100.0 * optics.l0_transmittance,
        absorbed_percent: absorbed.map(|share| 100.0 * share),
        threshold_ratio: claims::heat_ratio(medium).map_err(cant)?,
        optimum_ratio: recordings.iter().find(|t| t.strategies == SHARED).and_then(|t| t.optimum_ratio(absorbed)),
        claims: claims::check(medium).map_err(cant)?,
        recordings,
    })
}

/// The first layer's pulses at the second layer's powers.
fn shared(medium: &Medium) -> WriteStrategy {
    let [first, second] = [0, 1].map(|layer| medium.layers[layer].write.strategy);
    WriteStrategy { bias: second.bias, ..first.with_peak(second.peak) }
}

/// Both layers with each choice of strategies.
fn trials(medium: &Medium, args: &CompareArgs) -> Vec<Trial> {
    let mut kinds = vec![(0, OWN), (1, OWN), (1, SHARED)];
    kinds.extend(args.optimise.then_some((1, OPTIMISED)));
    let mut results: Vec<LayerResult> =
        kinds.par_iter().map(|&(layer, strategies)| trial(medium, layer, strategies, args)).collect();
    // The first layer has the same strategy in all of them.
    let first = results.remove(0);
    let whole = |((_, strategies), second)| Trial { strategies, layers: vec![first.clone(), second] };
    kinds.into_iter().skip(1).zip(results).map(whole).collect()
}

fn trial(medium: &Medium, layer: usize, strategies: &'static str, args: &CompareArgs) -> LayerResult {
    let mut options = Options::default();
    options.seed = args.seed;
    options.min_blocks = args.blocks;
    if strategies != OWN {
        options.strategies.insert(1, shared(medium));
    }
    options.optimise = (strategies == OPTIMISED).then(OptimiseOptions::default);
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
    for layer in 0..2 {
        row(format!("light absorbed in the dye of L{layer}, %"), &|c| format!("{:.2}", c.absorbed_percent[layer]));
    }
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
    if columns.iter().any(|c| !c.recordings.is_empty()) {
        row(OPTIMUM.into(), &|c| cell(c.optimum_ratio, 3));
    }
    if columns.iter().any(|c| c.recordings.iter().any(|t| t.strategies == OPTIMISED)) {
        row(RECOVERED.into(), &|c| {
            let jitter = |of| c.recordings.iter().find(|t| t.strategies == of).and_then(Trial::second_jitter);
            cell(jitter(SHARED).zip(jitter(OPTIMISED)).map(|(before, after)| before - after), 2)
        });
    }
    rows
}

/// What went wrong while recording, in sentences.
pub(crate) fn errors(columns: &[Column]) -> Vec<String> {
    failures(columns, |_| true)
}

/// What of it leaves a gap. A strategy of another layer that can't be calibrated is a finding: it doesn't
/// serve this one.
fn gaps(columns: &[Column]) -> Vec<String> {
    failures(columns, |strategies| strategies == OWN)
}

fn failures(columns: &[Column], wanted: impl Fn(&str) -> bool) -> Vec<String> {
    let mut found = Vec::new();
    for column in columns {
        for (i, trial) in column.recordings.iter().enumerate().filter(|(_, t)| wanted(t.strategies)) {
            // The first layer's result is the same in all of them.
            for layer in trial.layers.iter().skip(usize::from(i > 0)) {
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
