//! `disc-hal optimise`, and the options about powers and strategies that `record` shares.

use std::fs;
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use disc_hal::hal::WriteStrategy;
use disc_hal::media::Medium;
use disc_hal::record::{CalibrationMethod, OptimiseOptions, Options, Session, StrategyResult};
use serde::{Deserialize, Serialize};

use super::{Purpose, options, with_bench};
use crate::args::Target;
use crate::bench::Opened;
use crate::disc::{self, Claim};
use crate::exit::{Code, Failure};
use crate::output::{self, OutFile};
use crate::place;
use crate::progress::Voice;
use crate::table::render;

/// By which measure the write power is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum Method {
    /// Asymmetry: the medium's `beta`.
    #[default]
    Beta,
    /// Logarithmic slope of the modulation: the medium's `gamma`.
    Gamma,
    /// Threshold of modulation times power: the medium's `kappa`.
    Kappa,
}

impl From<Method> for CalibrationMethod {
    fn from(method: Method) -> Self {
        match method {
            Method::Beta => Self::Beta,
            Method::Gamma => Self::Gamma,
            Method::Kappa => Self::Kappa,
        }
    }
}

/// How powers and strategies are found before a recording.
#[derive(Debug, Clone, Copy, Default, Args)]
pub(crate) struct Tuning {
    /// Calibrates the write power by this measure; gamma and kappa need their target in
    /// the medium file.
    #[arg(long, value_enum, value_name = "METHOD", default_value_t)]
    pub(crate) calibrate: Method,
    /// Optimises the write strategy of each layer first, on its test area.
    #[arg(long)]
    pub(crate) optimise: bool,
}

impl Tuning {
    /// Whether the medium has the target that the calibration of a layer needs.
    pub(crate) fn check(self, medium: &Medium, layer: usize) -> Result<(), Failure> {
        Ok(CalibrationMethod::from(self.calibrate).check_target(medium, layer)?)
    }

    /// Puts them into the settings of a session, and into those that reports show.
    pub(crate) fn apply(self, options: &mut Options) {
        options.calibration = self.calibrate.into();
        options.optimise = self.optimise.then(OptimiseOptions::default);
        if self.calibrate != Method::Beta {
            options.settings.push(("calibration".into(), options.calibration.to_string()));
        }
        if self.optimise {
            options.settings.push(("write strategy".into(), "optimised".into()));
        }
    }
}

/// Finds a write strategy by measurement: writes test pieces, measures the shift of edges
/// by the runs around them, corrects the strategy's table, and so on until nothing moves.
///
/// Starts from the strategy of the medium, or from --from. The test area of the layer is
/// used up by some hundred sectors, the data area stays as it is. The medium file with
/// the new strategy and its power goes to -o; record with it by --medium, on the same
/// disc, too. A new simulated disc is made unless --disc or --bench says otherwise.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  disc-hal optimise --layer 1 -o tuned.toml
  disc-hal optimise --medium mine.toml --layer 0 --disc disc-1.dhd -o tuned.toml
  disc-hal optimise --layer 0 --from strategy.toml --json > result.json
  disc-hal optimise --layer 0 --bench usb: -o tuned.toml
  disc-hal record README.md --layer 1 --medium tuned.toml

A strategy file has the keys of [layer.write.strategy] in a medium file.")]
pub(crate) struct OptimiseArgs {
    #[command(flatten)]
    target: Target,
    /// The layer, counted from 0 nearest to the light.
    #[arg(long, value_name = "N")]
    layer: usize,
    /// The strategy to start from: a file with the keys of a strategy, or a medium (its
    /// strategy for the layer).
    #[arg(long, value_name = "FILE|NAME")]
    from: Option<String>,
    /// Calibrates the write power by this measure; gamma and kappa need their target in
    /// the medium file.
    #[arg(long, value_enum, value_name = "METHOD", default_value_t)]
    calibrate: Method,
    /// Writes the medium file with the new strategy.
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Most test pieces of four sectors to write.
    #[arg(long, value_name = "N", default_value_t = OptimiseOptions::default().most_pieces, value_parser = clap::value_parser!(u32).range(32..=10_000))]
    most_pieces: u32,
    /// Corrects the table only, and leaves the widths of the pulses.
    #[arg(long)]
    table_only: bool,
    /// Root of all noise of a new simulated disc [default: 1].
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Prints everything that was found as one JSON document instead of the tables.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Serialize)]
struct Document<'a> {
    schema: u32,
    command: &'static str,
    /// The disc file, or the bench that the disc is in.
    disc: &'a str,
    medium: &'a str,
    bench: &'a str,
    settings: &'a [(String, String)],
    result: &'a StrategyResult,
}

/// Optimises a strategy.
pub(super) fn run(args: &OptimiseArgs, voice: Voice) -> Result<Code, Failure> {
    let mut claim = match args.target.link() {
        Some(link) if args.seed.is_some() => {
            let what = format!("--seed is for new simulated discs, and {link} is a bench with a disc of its own");
            return Err(Failure::new(Code::Usage, what).next("leave --seed out"));
        }
        Some(_) => None,
        None => Some(Claim::new(disc::named(&args.target)?)?),
    };
    let asked = args.target.medium.as_deref();
    let mut medium = match &claim {
        Some(claim) => claim.medium(asked)?,
        None => disc::medium(asked, None)?,
    };
    place::area(&medium, args.layer)?;
    let tuning = Tuning { calibrate: args.calibrate, optimise: true };
    tuning.check(&medium, args.layer)?;
    let mut how = OptimiseOptions::default();
    how.from = args.from.as_deref().map(|name| start(name, args.layer)).transpose()?;
    how.most_pieces = args.most_pieces;
    how.widths = !args.table_only;
    // Everything that can be known to fail fails before there is light.
    let mut kept: Vec<&Path> = [asked, args.from.as_deref()].into_iter().flatten().map(Path::new).collect();
    kept.extend(claim.as_ref().map(Claim::path));
    kept.extend(args.target.link().and_then(|link| link.file()));
    let out = args.output.as_deref().map(|path| OutFile::create(path, &kept)).transpose()?;
    let mut bench: Opened = match (&mut claim, args.target.link()) {
        (Some(claim), _) => {
            let condition = claim.condition(None, &medium)?;
            claim.insert(&medium, asked, claim.seed(args.seed)?, &condition)?.into()
        }
        (None, Some(link)) => Opened::connect(link)?,
        (None, None) => return Err(Failure::new(Code::Usage, "there is neither a disc nor a bench")),
    };
    let mut options = options(&bench);
    options.without_lease = args.target.without_lease;
    tuning.apply(&mut options);
    let (name, settings) = (options.bench.clone(), options.settings.clone());
    let result = with_bench(&mut bench, Purpose::Write, voice, |rig, watch| {
        let mut session = Session::open(rig.bench(), &medium, options, watch)?;
        session.go_to_layer(args.layer)?;
        let result = session.optimise_strategy(args.layer, &how)?;
        session.close()?;
        Ok(result)
    });
    let stored = bench.disc().unwrap_or_default();
    drop(claim);
    let result = result?;
    if args.json {
        let (schema, command) = (1, "optimise");
        let (disc, medium, bench, settings) = (&stored, &medium.name, &name, &settings);
        output::json(&Document { schema, command, disc, medium, bench, settings, result: &result })?;
    } else {
        output::stdout(text(&result).as_bytes())?;
    }
    if let Some(out) = out {
        let path = out.path().to_owned();
        medium.layers[args.layer].write.strategy = result.strategy;
        let toml = medium.to_toml().map_err(|e| {
            Failure::new(Code::Data, format!("can't write the medium `{}` as TOML", medium.name)).because(e)
        })?;
        out.write(toml.as_bytes())?;
        voice.say(&format!("the medium with the new strategy is in {}", path.display()));
    }
    voice.say(&format!("the disc is in {stored}"));
    Ok(Code::Pass)
}

/// The strategy of a strategy file or of a layer of a medium.
fn start(name: &str, layer: usize) -> Result<WriteStrategy, Failure> {
    /// Tells strategy files from media.
    #[derive(Deserialize)]
    struct Keys {
        peak: Option<toml::Value>,
    }
    let of_medium = || -> Result<WriteStrategy, Failure> {
        let medium = Medium::load(name)?;
        place::area(&medium, layer)?;
        Ok(medium.layers[layer].write.strategy)
    };
    let Ok(text) = fs::read_to_string(name) else { return of_medium() };
    if toml::from_str::<Keys>(&text).is_ok_and(|keys| keys.peak.is_none()) {
        return of_medium();
    }
    toml::from_str(&text).map_err(|e| {
        Failure::new(Code::Data, format!("{name} is no strategy file: {e}"))
            .next("give the keys of [layer.write.strategy]; `disc-hal media dual-layer` prints such a one")
    })
}

/// The iterations, the tables, and what came of it.
fn text(result: &StrategyResult) -> String {
    let mw = |strategy: &WriteStrategy| format!("{:.2}", f64::from(strategy.peak.0) / 1000.0);
    let head = ["", "change", "power mW", "jitter %", "within classes %", "shift T r.m.s.", "beta", "best"];
    let mut rows = vec![head.map(String::from).to_vec()];
    rows.extend(result.iterations.iter().enumerate().map(|(i, one)| {
        vec![
            (i + 1).to_string(),
            one.change.clone(),
            mw(&one.strategy),
            format!("{:.2}", one.jitter_percent),
            format!("{:.2}", one.within_percent),
            format!("{:.4}", one.rms_shift_t),
            one.beta.map_or_else(|| "-".into(), |beta| format!("{beta:+.3}")),
            if one.kept { "yes".into() } else { String::new() },
        ]
    }));
    let (before, after) = (&result.before, &result.strategy);
    let line = |name: &str, before: String, after: String| vec![name.to_owned(), before, after];
    let mut table = vec![line("strategy (T/32)", "before".into(), "after".into())];
    table.push(line("peak mW", mw(before), mw(after)));
    table.push(line("top", format!("{:?}", before.top), format!("{:?}", after.top)));
    table.push(line(
        "multi, last",
        format!("{}, {}", before.multi, before.last),
        format!("{}, {}", after.multi, after.last),
    ));
    for (m, mark) in ["3T", "4T", "5T and longer"].iter().enumerate() {
        table.push(line(&format!("lead of {mark}"), format!("{:?}", before.lead[m]), format!("{:?}", after.lead[m])));
        table.push(line(
            &format!("trail of {mark}"),
            format!("{:?}", before.trail[m]),
            format!("{:?}", after.trail[m]),
        ));
    }
    format!(
        "{}\n{}\njitter {:.2} % before, {:.2} % after; {} test pieces on {} sectors; {}\n",
        render(&rows),
        render(&table),
        result.jitter_before_percent,
        result.jitter_percent,
        result.pieces,
        result.last + 1 - result.first,
        result.ended
    )
}
