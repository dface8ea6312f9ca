//! `disc-hal colour`.

use core::fmt::Write as _;
use std::path::PathBuf;

use clap::Args;
use disc_hal::media::Medium;
use disc_hal::record::{Colouring, Session};
use serde::Serialize;

use super::{Purpose, options, with_bench};
use crate::args::Target;
use crate::bench::Opened;
use crate::disc;
use crate::exit::{Code, Failure};
use crate::medium::called;
use crate::output::{self, OutFile};
use crate::place;
use crate::progress::Voice;
use crate::selector::Selector;
use crate::table::{plain, render};

/// Medium of a simulated disc that nobody has named.
const MEDIUM: &str = "ec-pedot-4";

/// Colours one layer of an electrochromic disc by its electrodes, or bleaches all of them, and shows what
/// goes into the cells until they are at rest.
///
/// Then focus is searched: the coloured layer is the one that reflects. At the end the
/// electrodes are in their safe state; a layer keeps its colour for a while. A disc file
/// doesn't keep colours.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  disc-hal colour --layer 2
  disc-hal colour --layer 2 --csv settling.csv
  disc-hal colour --bleach --bench serial:/dev/ttyACM0 --medium mine.toml

Without a disc file or a bench on a link, it is a blank disc in memory, of ec-pedot-4 unless
--medium names another medium.")]
pub(crate) struct ColourArgs {
    #[command(flatten)]
    target: Target,
    /// The layer to colour, counted from 0 nearest to the light; all others are bleached.
    #[arg(long, value_name = "N", required_unless_present = "bleach")]
    layer: Option<usize>,
    /// Bleaches every layer.
    #[arg(long, conflicts_with = "layer")]
    bleach: bool,
    /// Writes voltage, current, charge and optical density at every moment; `-` for the standard output.
    #[arg(long, value_name = "FILE")]
    csv: Option<PathBuf>,
    /// Prints one JSON document.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Serialize)]
struct Document<'a> {
    schema: u32,
    command: &'static str,
    medium: &'a str,
    bench: &'a str,
    steps: &'a [Colouring],
    /// Percent, from outside the disc; none where every layer is bleached.
    reflectance: Option<f64>,
}

/// Colours or bleaches.
pub(super) fn run(args: &ColourArgs, voice: Voice) -> Result<Code, Failure> {
    let to_stdout = args.csv.as_deref().is_some_and(|p| p.as_os_str() == "-");
    if to_stdout && args.json {
        return Err(Failure::new(Code::Usage, "--csv - and --json both want the standard output")
            .next("give --csv a file, or leave one of them out"));
    }
    let (mut opened, medium) = open(&args.target, voice)?;
    if !medium.is_electrochromic() {
        let what = format!(
            "the medium {} has no electrodes: its layers are of dye, and always there",
            called(&medium, args.target.medium.as_deref())
        );
        return Err(Failure::new(Code::Data, what).next(format!("take an electrochromic medium, such as {MEDIUM}")));
    }
    if let Some(layer) = args.layer {
        place::area(&medium, layer)?;
    }
    let csv = match &args.csv {
        Some(path) if !to_stdout => Some(OutFile::create(path, &opened.kept(&args.target))?),
        _ => None,
    };
    let mut options = options(&opened);
    options.without_lease = args.target.without_lease;
    let bench = options.bench.clone();
    let (steps, reflectance) = with_bench(&mut opened, Purpose::Read, voice, |rig, watch| {
        let mut session = Session::open(rig.bench(), &medium, options, watch)?;
        let Some(layer) = args.layer else {
            let steps = session.bleach()?;
            session.close()?;
            return Ok((steps, None));
        };
        let steps = session.select_layer(layer)?;
        let reflectance = session.survey()?.layer(layer).map(|curve| curve.reflectance);
        session.close()?;
        Ok((steps, reflectance))
    })?;
    if to_stdout {
        output::stdout(table_of(&medium, &steps).as_bytes())?;
    } else if args.json {
        let reflectance = reflectance.map(|r| 100.0 * r);
        let (schema, command) = (1, "colour");
        output::json(&Document { schema, command, medium: &medium.name, bench: &bench, steps: &steps, reflectance })?;
    } else {
        output::stdout(page(&medium, &steps, args.layer, reflectance).as_bytes())?;
    }
    if let Some(file) = csv {
        let name = file.path().to_owned();
        file.write(table_of(&medium, &steps).as_bytes())?;
        voice.say(&format!("the settling of the cells is in {}", name.display()));
    }
    Ok(Code::Pass)
}

/// The bench, and what its disc is.
fn open(target: &Target, voice: Voice) -> Result<(Opened, Medium), Failure> {
    match target {
        Target { bench: None | Some(Selector::Sim), disc: None, medium, .. } => {
            let (rig, medium) = disc::blank(Some(medium.as_deref().unwrap_or(MEDIUM)), disc::SEED)?;
            Ok((rig.into(), medium))
        }
        target => Opened::for_reading(target, voice),
    }
}

/// Optical density, decadic and for one pass, that a charge in microcoulombs makes of a layer.
fn density(medium: &Medium, layer: usize, charge_uc: i64) -> f64 {
    let cell = medium.layers.get(layer).and_then(|l| l.cell);
    cell.map_or(0.0, |cell| cell.efficiency.0 * 1e-6 * charge_uc as f64 / cell.area.0)
}

fn page(medium: &Medium, steps: &[Colouring], coloured: Option<usize>, reflectance: Option<f64>) -> String {
    let heading = ["layer", "voltage mV", "at rest after ms", "charge mC", "optical density", "current left uA"];
    let mut rows = vec![heading.map(String::from).to_vec()];
    for step in steps {
        rows.push(vec![
            step.layer.to_string(),
            step.voltage_mv.to_string(),
            format!("{:.0}", step.ms()),
            format!("{:+.2}", step.charge_uc() as f64 * 1e-3),
            format!("{:+.3}", density(medium, step.layer, step.charge_uc())),
            step.current_ua().to_string(),
        ]);
    }
    let found = match (coloured, reflectance) {
        (Some(layer), Some(r)) => {
            format!("layer {layer} is coloured and reflects {:.1} % as the focus search sees it", 100.0 * r)
        }
        (Some(layer), None) => format!("layer {layer} is coloured"),
        (None, _) => "every layer is bleached".into(),
    };
    format!(
        "medium: {}\n\n{}\nCharge and the optical density that it makes are what the step has changed.\n{found}; the \
         electrodes are in their safe state again\n",
        plain(&medium.name),
        render(&rows)
    )
}

fn table_of(medium: &Medium, steps: &[Colouring]) -> String {
    let mut out = String::from("layer,set mV,time ms,voltage mV,current uA,charge uC,optical density\n");
    for step in steps {
        for p in &step.points {
            // Writing to a String doesn't fail.
            let _ = writeln!(
                out,
                "{},{},{},{},{},{},{:.5}",
                step.layer,
                step.voltage_mv,
                p.ms,
                p.voltage_mv,
                p.current_ua,
                p.charge_uc,
                density(medium, step.layer, p.charge_uc)
            );
        }
    }
    out
}
