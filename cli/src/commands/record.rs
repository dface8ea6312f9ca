//! `disc-hal record`.

use core::fmt;
use std::path::{Path, PathBuf};

use disc_hal::format::recorded_blocks;
use disc_hal::hal::Address;
use disc_hal::media::Medium;
use disc_hal::record::{self, Job, LayerRecording, Recording};
use disc_hal_sim::Written;
use serde::Serialize;

use super::{Purpose, options, with_bench};
use crate::args::Record;
use crate::bench::Opened;
use crate::disc::{self, Claim};
use crate::exit::{Code, Failure};
use crate::input;
use crate::output::{self, OutFile};
use crate::place::{self, Free};
use crate::progress::Voice;
use crate::report;
use crate::selector::Link;
use crate::table::{plain, results};
use crate::view::View;

#[derive(Debug, Serialize)]
struct Document<'a> {
    schema: u32,
    command: &'static str,
    /// The disc file, or the bench that the disc is in.
    disc: &'a str,
    /// Whether all files were recorded and all limits are kept.
    passed: bool,
    /// Why the files that aren't among the layers weren't recorded.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'a str>,
    medium: &'a str,
    bench: &'a str,
    settings: &'a [(String, String)],
    layers: &'a [LayerRecording],
}

/// Bytes of a disc file for an ECC block: five for each of its marks, with reserve.
const BYTES_PER_BLOCK: u64 = 350_000;
/// Bytes of a disc file for a power calibration.
const BYTES_PER_CALIBRATION: u64 = 1_200_000;

/// The same for an optimisation of the write strategy.
const BYTES_PER_OPTIMISATION: u64 = 10_000_000;

/// A file and where it goes.
struct Input {
    name: String,
    data: Vec<u8>,
    layer: usize,
}

/// Where the files go.
enum Onto<'a> {
    /// On a simulated disc.
    Disc(Box<Claim>),
    /// On whatever disc is in the bench at the other end of a link.
    Link(&'a Link),
}

impl<'a> Onto<'a> {
    fn find(args: &'a Record) -> Result<Self, Failure> {
        match args.target.link() {
            Some(link) if args.seed.is_some() => {
                let what = format!("--seed is for new simulated discs, and {link} is a bench with a disc of its own");
                Err(Failure::new(Code::Usage, what).next("leave --seed out"))
            }
            Some(link) if args.defects.is_some() => {
                let what =
                    format!("--defects is for new simulated discs, and {link} is a bench with a disc of its own");
                Err(Failure::new(Code::Usage, what).next("leave --defects out"))
            }
            Some(link) => Ok(Self::Link(link)),
            None => Ok(Self::Disc(Claim::new(disc::named(&args.target)?)?.into())),
        }
    }

    fn medium(&self, asked: Option<&str>) -> Result<Medium, Failure> {
        match self {
            Self::Disc(claim) => claim.medium(asked),
            Self::Link(_) => disc::medium(asked, None),
        }
    }

    /// What is known to be recorded.
    fn written(&self) -> Vec<Written> {
        match self {
            Self::Disc(claim) => claim.written(),
            // The bench looks at the place itself.
            Self::Link(_) => Vec::new(),
        }
    }

    /// The file that no output may overwrite.
    fn file(&self) -> Option<&Path> {
        match self {
            Self::Disc(claim) => Some(claim.path()),
            Self::Link(link) => link.file(),
        }
    }

    fn open(&mut self, args: &Record, medium: &Medium, inputs: &[Input]) -> Result<Opened, Failure> {
        match self {
            Self::Disc(claim) => {
                let condition = claim.condition(args.defects.as_deref(), medium)?;
                let rig = claim.insert(medium, args.target.medium.as_deref(), claim.seed(args.seed)?, &condition)?;
                if let Err(failure) = room(claim.path(), inputs, args) {
                    claim.undo();
                    return Err(failure);
                }
                Ok(rig.into())
            }
            Self::Link(link) => Opened::connect(link),
        }
    }
}

impl fmt::Display for Onto<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Disc(claim) if claim.is_new() => write!(f, "a new simulated disc, {}", shown(claim.path())),
            Self::Disc(claim) => write!(f, "the disc in {}", claim.path().display()),
            Self::Link(link) => write!(f, "the disc in the bench at {link}"),
        }
    }
}

/// Records files.
pub(super) fn run(args: &Record, voice: Voice) -> Result<Code, Failure> {
    let layers = layers(args)?;
    let mut onto = Onto::find(args)?;
    let medium = onto.medium(args.target.medium.as_deref())?;
    // Everything that can be known to fail fails before there is light.
    let inputs = inputs(args, &layers, &medium, &onto.written())?;
    for input in &inputs {
        args.tuning.check(&medium, input.layer)?;
    }
    let mut kept: Vec<&Path> = args.files.iter().map(PathBuf::as_path).collect();
    kept.extend(onto.file());
    kept.extend([&args.target.medium, &args.defects].into_iter().flatten().map(Path::new));
    let report = args.report.as_deref().map(|path| OutFile::create(path, &kept)).transpose()?;
    let mut bench = onto.open(args, &medium, &inputs)?;
    voice.say(&format!("recording on {onto}"));

    let jobs: Vec<Job<'_>> = inputs
        .iter()
        .map(|i| Job { name: &i.name, data: &i.data, layer: i.layer, address: args.address.map(Address) })
        .collect();
    let mut options = options(&bench);
    options.min_blocks = args.min_blocks;
    options.walk = args.walk;
    options.without_lease = args.target.without_lease;
    args.tuning.apply(&mut options);
    options.settings.extend(args.defects.iter().map(|defects| ("defects".into(), defects.clone())));
    options.settings.push(("least ECC blocks".into(), args.min_blocks.to_string()));
    let mut finished = None;
    let failure = with_bench(&mut bench, Purpose::Write, voice, |rig, watch| {
        match record::record(rig.bench(), &medium, &jobs, options, watch) {
            Ok(recording) => finished = Some(recording),
            Err(mut e) => {
                finished = e.take_finished();
                return Err(e.into());
            }
        }
        Ok(())
    })
    .err();
    // It may have had to go elsewhere.
    let stored = bench.disc().unwrap_or_default();
    drop(onto);
    let shown = finished.map_or(Ok(true), |r| show(args, &r, failure.as_ref(), report, &stored, voice));
    match (failure, shown) {
        (Some(failure), shown) => {
            if let Err(second) = shown {
                second.print();
            }
            voice.say(&format!("the disc, with what is recorded on it, is in {stored}"));
            Err(failure)
        }
        (None, Ok(passed)) => {
            voice.say(&format!("the disc is in {stored}"));
            Ok(if passed { Code::Pass } else { Code::LimitFailed })
        }
        (None, Err(failure)) => Err(failure
            .next(format!("nothing is lost: the files are on the disc in {stored}, `disc-hal measure` reports again"))),
    }
}

/// Whether the disc file can be stored again and has room to grow: better to know
/// now than after hours of recording.
fn room(disc: &Path, inputs: &[Input], args: &Record) -> Result<(), Failure> {
    let Ok(before) = std::fs::metadata(disc).map(|m| m.len()) else { return Ok(()) };
    let folder = disc.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if let Err(e) = tempfile::tempfile_in(folder) {
        let what = format!("the disc file {} can't be stored again: {}", disc.display(), output::reason(&e));
        return Err(Failure::new(Code::Data, what).because(e).next("give the disc a folder that can be written"));
    }
    let blocks: u64 = inputs.iter().map(|i| recorded_blocks(i.data.len() as u64, u64::from(args.min_blocks)) + 2).sum();
    // The file is written anew, beside the old one.
    let tuning = BYTES_PER_CALIBRATION + if args.tuning.optimise { BYTES_PER_OPTIMISATION } else { 0 };
    let needed = before + blocks * BYTES_PER_BLOCK + inputs.len() as u64 * tuning;
    match free_bytes(folder) {
        Some(free) if free < needed => {
            let mb = |bytes: u64| bytes.div_ceil(1_000_000);
            let what = format!(
                "the disc file {} needs about {} MB of room, and {} MB are free",
                disc.display(),
                mb(needed),
                free / 1_000_000
            );
            Err(Failure::new(Code::Data, what).next("make room on that disk, or put the disc elsewhere with --disc"))
        }
        _ => Ok(()),
    }
}

/// Bytes that a file in a folder may still take, where the system tells.
#[cfg(unix)]
fn free_bytes(folder: &Path) -> Option<u64> {
    let stat = rustix::fs::statvfs(folder).ok()?;
    // File systems that know no limit say 0 of 0.
    (stat.f_blocks > 0).then(|| stat.f_bavail.saturating_mul(stat.f_frsize))
}

#[cfg(not(unix))]
fn free_bytes(_: &Path) -> Option<u64> {
    None
}

/// Shows what was recorded, and whether it passed; `failure` is why it isn't all.
fn show(
    args: &Record,
    recording: &Recording,
    failure: Option<&Failure>,
    report: Option<OutFile>,
    disc: &str,
    voice: Voice,
) -> Result<bool, Failure> {
    let view = View::from(recording);
    let passed = view.passed() && failure.is_none();
    let shown = if args.json {
        output::json(&Document {
            schema: recording.schema,
            command: "record",
            disc,
            passed,
            error: failure.map(Failure::what),
            medium: &recording.medium,
            bench: &recording.bench,
            settings: &recording.settings,
            layers: &recording.layers,
        })
    } else {
        output::stdout(results(&view).as_bytes())
    };
    if let Some(report) = report {
        let path = report.path().to_owned();
        report.write(report::html("Recording", &view)?.as_bytes())?;
        voice.say(&format!("the report is in {}", path.display()));
    }
    shown.map(|()| passed)
}

/// A path for messages, from the root.
fn shown(path: &Path) -> String {
    std::path::absolute(path).unwrap_or_else(|_| path.into()).display().to_string()
}

/// The layer of each file.
fn layers(args: &Record) -> Result<Vec<usize>, Failure> {
    let files = args.files.len();
    if args.address.is_some() && files > 1 {
        return Err(Failure::new(Code::Usage, format!("--address is for one file, and there are {files}"))
            .next("record them one after the other, or leave --address out"));
    }
    match args.layer.len() {
        n if n == files => Ok(args.layer.clone()),
        0 if files <= 2 && args.address.is_none() => Ok((0..files).collect()),
        // With an address alone the layer follows from it.
        0 if args.address.is_some() => Ok(Vec::new()),
        n => Err(Failure::new(Code::Usage, format!("--layer is given {n} times for {files} files"))
            .next("give --layer once for each file, in their order")),
    }
}

/// Reads the files, each bounded by what is left of its layer.
fn inputs(args: &Record, layers: &[usize], medium: &Medium, written: &[Written]) -> Result<Vec<Input>, Failure> {
    let mut left: Vec<Option<Free>> = vec![None; medium.layers.len()];
    let mut inputs = Vec::new();
    for (i, path) in args.files.iter().enumerate() {
        let layer = match args.address {
            Some(address) => place::locate(medium, layers.get(i).copied(), Some(address))?.0,
            None => layers[i],
        };
        place::area(medium, layer)?;
        let (free, behind) = match (left[layer], args.address) {
            (Some(free), _) => (free, None),
            (None, Some(address)) => place::free_at(medium, layer, address, written)?,
            (None, None) => (place::free(medium, layer, written)?, None),
        };
        let next = Address(free.next);
        let what = match behind {
            Some(behind) => format!("on layer {layer} between {next} and the recording at {}", Address(behind)),
            None => format!("on layer {layer} from {next} on"),
        };
        let data = input::read(path, free.bytes(), &what)?;
        let blocks = recorded_blocks(data.len() as u64, u64::from(args.min_blocks));
        if blocks > u64::from(free.blocks) {
            return Err(Failure::new(
                Code::Data,
                format!(
                    "{} takes {blocks} ECC blocks with its padding, and {} fit {what} ({} bytes)",
                    path.display(),
                    free.blocks,
                    free.bytes()
                ),
            )
            .next("take another layer (--layer), another disc, or a smaller --min-blocks"));
        }
        left[layer] = Some(free.after(u32::try_from(blocks).unwrap_or(u32::MAX)));
        let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy();
        inputs.push(Input { name: plain(&name), data, layer });
    }
    Ok(inputs)
}
