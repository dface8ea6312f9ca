//! `disc-hal record`.

use std::path::{Path, PathBuf};

use disc_hal::format::BLOCK_BYTES;
use disc_hal::hal::{Address, Rig as _};
use disc_hal::media::Medium;
use disc_hal::record::{self, Job, Recording};
use disc_hal_sim::{SimRig, Written};
use serde::Serialize;

use super::{Purpose, options, with_rig};
use crate::args::Record;
use crate::bench::{self, Disc};
use crate::exit::{Code, Failure};
use crate::input;
use crate::output::{self, OutFile};
use crate::place::{self, Free};
use crate::progress::Voice;
use crate::report;
use crate::table::{plain, results};
use crate::view::View;

/// Bytes of the trailer that says how long a padded file is.
const TRAILER: u64 = 32;

#[derive(Debug, Serialize)]
struct Document<'a> {
    command: &'static str,
    /// The disc file.
    disc: String,
    passed: bool,
    #[serde(flatten)]
    recording: &'a Recording,
}

/// A file and where it goes.
struct Input {
    name: String,
    data: Vec<u8>,
    layer: usize,
}

/// Records files.
pub(super) fn run(args: &Record, voice: Voice) -> Result<Code, Failure> {
    let layers = layers(args)?;
    let disc = bench::for_recording(&args.target)?;
    let existing = match &disc {
        Disc::Open(path) => Some(SimRig::open(path)?),
        Disc::Create(_) => None,
    };
    let medium = bench::medium_for(args.medium.as_deref(), existing.as_ref())?;
    let seed = seed(args.seed, existing.as_ref())?;
    // Everything that can be known to fail fails before there is light.
    let written = existing.as_ref().map(SimRig::written).unwrap_or_default();
    let inputs = inputs(args, &layers, &medium, &written)?;
    let mut kept: Vec<&Path> = args.files.iter().map(PathBuf::as_path).collect();
    kept.push(disc.path());
    kept.extend(args.medium.as_deref().map(Path::new));
    let report = args.report.as_deref().map(|path| OutFile::create(path, &kept)).transpose()?;
    let mut rig = match existing {
        Some(rig) => rig,
        None => SimRig::create(disc.path(), medium.clone(), seed)?,
    };
    voice.say(&match &disc {
        Disc::Open(path) => format!("recording on the disc in {}", path.display()),
        Disc::Create(path) => format!("recording on a new simulated disc, {}", shown(path)),
    });

    let jobs: Vec<Job<'_>> = inputs
        .iter()
        .map(|i| Job { name: &i.name, data: &i.data, layer: i.layer, address: args.address.map(Address) })
        .collect();
    let mut options = options(&rig);
    options.min_blocks = args.min_blocks;
    options.settings.push(("least ECC blocks".into(), args.min_blocks.to_string()));
    let recording = with_rig(&mut rig, Purpose::Write, voice, |rig, watch| {
        record::record(rig.bench(), &medium, &jobs, options, watch).map_err(Failure::from)
    });
    let recording = match recording {
        Ok(recording) => recording,
        Err(failure) => {
            voice.say(&format!("the disc, with what is recorded on it, is in {}", disc.path().display()));
            return Err(failure);
        }
    };
    let view = View::from(&recording);
    let passed = view.passed();
    let shown = if args.json {
        let disc = disc.path().display().to_string();
        output::json(&Document { command: "record", disc, passed, recording: &recording })
    } else {
        output::stdout(results(&view).as_bytes())
    };
    if let Some(report) = report {
        let path = report.path().to_owned();
        report.write(report::html("Recording", &view)?.as_bytes()).map_err(|f| recorded_anyway(f, disc.path()))?;
        voice.say(&format!("the report is in {}", path.display()));
    }
    shown.map_err(|f| recorded_anyway(f, disc.path()))?;
    voice.say(&format!("the disc is in {}", disc.path().display()));
    Ok(if passed { Code::Pass } else { Code::LimitFailed })
}

fn recorded_anyway(failure: Failure, disc: &Path) -> Failure {
    failure.next(format!(
        "nothing is lost: the files are on the disc in {}, `disc-hal measure` reports again",
        disc.display()
    ))
}

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
        n => Err(Failure::new(Code::Usage, format!("there are {files} files and {n} --layer"))
            .next("give --layer once for each file, in their order")),
    }
}

fn seed(asked: Option<u64>, existing: Option<&SimRig>) -> Result<u64, Failure> {
    match (asked, existing.map(SimRig::seed)) {
        (Some(asked), Some(has)) if asked != has => {
            Err(Failure::new(Code::Data, format!("the disc was made with seed {has}, and --seed asks for {asked}"))
                .next("leave --seed out, or take a new disc"))
        }
        (_, Some(has)) => Ok(has),
        (asked, None) => Ok(asked.unwrap_or(1)),
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
        let free = match (left[layer], args.address) {
            (Some(free), _) => free,
            (None, Some(address)) => place::free_at(medium, layer, address, written)?,
            (None, None) => place::free(medium, layer, written)?,
        };
        let what = format!("on layer {layer} from {} on", Address(free.next));
        let data = input::read(path, free.bytes(), &what)?;
        let blocks = blocks(data.len() as u64, args.min_blocks);
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

/// ECC blocks of a file with its padding.
fn blocks(length: u64, least: u32) -> u64 {
    let block = BLOCK_BYTES as u64;
    let whole = if length.is_multiple_of(block) { length } else { length + TRAILER };
    whole.div_ceil(block).max(u64::from(least))
}
