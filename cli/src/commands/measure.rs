//! `disc-hal measure`.

use disc_hal::format::{BLOCK_BYTES, EndMark, TRAILER_BYTES};
use disc_hal::hal::Address;
use disc_hal::record::{Problem, Session, limits};
use disc_hal::signal::{judge, measures};
use serde::Serialize;

use super::{Purpose, options, with_bench};
use crate::args::Measure;
use crate::bench::Opened;
use crate::exit::{Code, Failure};
use crate::output::{self, OutFile};
use crate::place::{self, BLOCK};
use crate::progress::Voice;
use crate::report;
use crate::table::results;
use crate::view::{Measured, Part, View};

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
    #[serde(flatten)]
    measured: &'a Measured,
}

/// Measures what is recorded.
pub(super) fn run(args: &Measure, voice: Voice) -> Result<Code, Failure> {
    let (mut opened, medium) = Opened::for_reading(&args.target, voice)?;
    let (layer, first) = place::locate(&medium, args.layer, args.address)?;
    let report = args.report.as_deref().map(|r| OutFile::create(r, &opened.kept(&args.target))).transpose()?;
    let mut options = options(&opened);
    options.without_lease = args.target.without_lease;
    let most = options.measure_sectors.max(1);
    let (bench, settings) = (options.bench.clone(), options.settings.clone());
    let (measured, whole) = with_bench(&mut opened, Purpose::Read, voice, |rig, watch| {
        let mut session = Session::open(rig.bench(), &medium, options, watch)?;
        let tracking = session.go_to_layer(layer)?;
        let mut mark = None;
        let read = match args.sectors {
            Some(sectors) => session.read(Address(first), sectors.div_ceil(BLOCK), |_, _| ())?,
            None => session
                .read_to_end(Address(first), |_, block| mark = EndMark::read(&block[BLOCK_BYTES - TRAILER_BYTES..]))
                .map_err(|e| match e.problem() {
                    Problem::Uncorrectable { .. } | Problem::NotReadable(_) => {
                        Failure::from(e).next("give --sectors to measure what comes before")
                    }
                    _ => e.into(),
                })?,
        };
        let whole = args.sectors.is_none().then(|| mark.is_some_and(|m| m.blocks == read.sectors / BLOCK));
        if whole == Some(false) {
            voice.say("note: this isn't the whole of a recording: its writing was stopped, or it begins elsewhere");
        }
        // From the middle, as after a recording.
        let measured_sectors = read.sectors.min(most);
        let measured_first = first + (read.sectors - measured_sectors) / 2;
        let quality = session.measure(Address(measured_first), measured_sectors)?;
        let survey = session.last_survey().cloned().unwrap_or_default();
        session.close()?;
        let mut values = measures(&quality);
        values.push(("pi_sum_8", read.pi_sum8_max.map(f64::from)));
        let verdicts = judge(limits(medium.limits), &values);
        let measured = Measured {
            layer,
            first,
            sectors: read.sectors,
            survey,
            tracking,
            read,
            quality,
            measured_first,
            measured_sectors,
            verdicts,
        };
        Ok((measured, whole))
    })?;
    let view = View { medium: &medium.name, bench: &bench, settings: &settings, parts: vec![Part::from(&measured)] };
    let passed = view.passed();
    if args.json {
        output::json(&Document {
            schema: 1,
            command: "measure",
            disc: opened.disc().unwrap_or_default(),
            passed,
            whole,
            medium: &medium.name,
            bench: &bench,
            settings: &settings,
            measured: &measured,
        })?;
    } else {
        output::stdout(results(&view).as_bytes())?;
    }
    if let Some(report) = report {
        let name = report.path().to_owned();
        report.write(report::html("Measurement", &view)?.as_bytes())?;
        voice.say(&format!("the report is in {}", name.display()));
    }
    Ok(if passed { Code::Pass } else { Code::LimitFailed })
}
