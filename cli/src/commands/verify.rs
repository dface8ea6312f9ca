//! `disc-hal verify`.

use std::path::PathBuf;

use clap::Args;
use disc_hal::format::{BLOCK_BYTES, EndMark, TRAILER_BYTES};
use disc_hal::hal::Address;
use disc_hal::record::{DefectMap, Session};
use serde::Serialize;

use super::{Purpose, options, with_bench};
use crate::args::Target;
use crate::bench::Opened;
use crate::exit::{Code, Failure};
use crate::health;
use crate::output::{self, OutFile};
use crate::place::{self, BLOCK};
use crate::progress::Voice;
use crate::report;

/// Says what every ECC block of a recording is worth, and what is lost.
///
/// Reads from the start of the layer's data area, or from --address, to where nothing
/// more is recorded. What can't be read is read again, and ends nothing: it is in the map.
///
/// A block is unreadable if no reading gives all of its sectors; bad if it is readable
/// with more than 4 rows that the inner code can't correct, or only at a second reading; weak
/// if it has more than 35 rows with errors or more jitter than the medium's limit; else good.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  disc-hal verify
  disc-hal verify --disc disc-1.dhd --layer 1 --report map.html
  disc-hal verify --bench serial:/dev/ttyACM0 --json
  disc-hal verify --address 0300A0h --sectors 128

The exit code is 1 if a block is bad or unreadable.")]
pub(crate) struct VerifyArgs {
    #[command(flatten)]
    target: Target,
    /// The layer [default: 0, or that of --address].
    #[arg(long, value_name = "N")]
    layer: Option<usize>,
    /// First sector (030000h, 0x30000), a multiple of 16.
    #[arg(long, value_name = "PSN", value_parser = crate::place::parse_address)]
    address: Option<u32>,
    /// Sectors to verify, up to whole ECC blocks of 16 [default: to the end].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    sectors: Option<u32>,
    /// Writes a report with the map, one HTML file.
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    /// Prints the map as one JSON document.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Serialize)]
struct Document<'a> {
    schema: u32,
    command: &'static str,
    disc: String,
    passed: bool,
    /// Whether this is a recording from its start to its end; none with --sectors.
    whole: Option<bool>,
    medium: &'a str,
    bench: &'a str,
    settings: &'a [(String, String)],
    map: &'a DefectMap,
}

/// Verifies what is recorded.
pub(super) fn run(args: &VerifyArgs, voice: Voice) -> Result<Code, Failure> {
    let (mut opened, medium) = Opened::for_reading(&args.target, voice)?;
    let (layer, first) = place::locate(&medium, args.layer, args.address)?;
    let report = args.report.as_deref().map(|r| OutFile::create(r, &opened.kept(&args.target))).transpose()?;
    let mut options = options(&opened);
    options.without_lease = args.target.without_lease;
    let (bench, settings) = (options.bench.clone(), options.settings.clone());
    let (map, whole) = with_bench(&mut opened, Purpose::Read, voice, |rig, watch| {
        let mut session = Session::open(rig.bench(), &medium, options, watch)?;
        session.go_to_layer(layer)?;
        let mut last: Option<(Address, Option<EndMark>)> = None;
        let blocks = args.sectors.map(|sectors| sectors.div_ceil(BLOCK));
        let mut map = session.inspect(Address(first), blocks, |psn, block| {
            if last.is_none_or(|(before, _)| before < psn) {
                last = Some((psn, EndMark::read(&block[BLOCK_BYTES - TRAILER_BYTES..])));
            }
        })?;
        session.close()?;
        let end = map.blocks.last().map(|b| b.psn);
        let mark = last.filter(|(psn, _)| Some(psn.0) == end).and_then(|(_, mark)| mark);
        let mark = mark.filter(|m| m.blocks as usize == map.blocks.len());
        if let Some(mark) = mark {
            map.set_length(Some(mark.length));
        }
        let whole = args.sectors.is_none().then_some(mark.is_some());
        if whole == Some(false) {
            voice.say(
                "note: this isn't one whole recording: its last block can't be read, its writing was stopped, it begins \
                 elsewhere, or another one follows; lost bytes are counted from its first sector",
            );
        }
        Ok((map, whole))
    })?;
    let passed = map.passed();
    if args.json {
        output::json(&Document {
            schema: 1,
            command: "verify",
            disc: opened.disc().unwrap_or_default(),
            passed,
            whole,
            medium: &medium.name,
            bench: &bench,
            settings: &settings,
            map: &map,
        })?;
    } else {
        output::stdout(health::table(&map).as_bytes())?;
    }
    if let Some(report) = report {
        let name = report.path().to_owned();
        report.write(report::health(&medium.name, &bench, &settings, &map)?.as_bytes())?;
        voice.say(&format!("the report is in {}", name.display()));
    }
    Ok(if passed { Code::Pass } else { Code::LimitFailed })
}
