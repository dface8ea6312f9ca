//! Benches: which one is meant, which ones are there, and opening them.

use core::fmt;
use core::str::FromStr;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use disc_hal::media::Medium;
use disc_hal_sim::SimRig;

use crate::args::Target;
use crate::exit::{Code, Failure};

/// A bench as `--bench` names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Selector {
    /// A simulated bench with a new disc.
    Sim,
    /// A simulated bench with the disc of a file.
    SimFile(PathBuf),
    /// A kind of bench that this version has no driver for.
    NoDriver(String),
}

/// The kinds that exist, and those to come.
const KINDS: [&str; 3] = ["sim", "serial", "usb"];

impl FromStr for Selector {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (kind, rest) = match text.split_once(':') {
            Some((kind, rest)) => (kind, Some(rest)),
            None => (text, None),
        };
        match (kind, rest) {
            ("sim", None) => Ok(Self::Sim),
            ("sim", Some("")) => Err("a disc file belongs after `sim:`".into()),
            ("sim", Some(path)) => Ok(Self::SimFile(path.into())),
            ("serial" | "usb", Some(_)) => Ok(Self::NoDriver(text.into())),
            _ => Err(match nearest(kind) {
                Some(meant) => {
                    let meant = rest.map_or_else(|| meant.to_owned(), |rest| format!("{meant}:{rest}"));
                    format!("there is no such bench; did you mean `{meant}`?")
                }
                None if Path::new(text).extension() == Some(OsStr::new("dhd")) => {
                    format!("there is no such bench; did you mean `sim:{text}`?")
                }
                None => "there is no such bench; `disc-hal benches` lists them".into(),
            }),
        }
    }
}

impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sim => f.write_str("sim"),
            Self::SimFile(path) => write!(f, "sim:{}", path.display()),
            Self::NoDriver(text) => f.write_str(text),
        }
    }
}

/// The kind of bench that is at most two letters off.
fn nearest(kind: &str) -> Option<&'static str> {
    let kind = kind.to_ascii_lowercase();
    let close = KINDS.iter().map(|k| (distance(&kind, k), *k)).min()?;
    (close.0 <= 2 && close.0 < close.1.len()).then_some(close.1)
}

/// Letters to insert, remove or replace.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut corner = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let next = (corner + usize::from(x != *y)).min(row[j] + 1).min(row[j + 1] + 1);
            corner = core::mem::replace(&mut row[j + 1], next);
        }
    }
    row[b.len()]
}

/// Where the disc of a simulated bench is to come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Disc {
    /// An existing file.
    Open(PathBuf),
    /// A new file.
    Create(PathBuf),
}

impl Disc {
    /// The file.
    pub(crate) fn path(&self) -> &Path {
        match self {
            Self::Open(path) | Self::Create(path) => path,
        }
    }
}

/// The disc to record on: the one named, made if it isn't there, else a new one;
/// and whether it was named.
pub(crate) fn for_recording(target: &Target) -> Result<(Disc, bool), Failure> {
    Ok(match named(target)? {
        Some(path) if path.exists() => (Disc::Open(path), true),
        Some(path) => (Disc::Create(path), true),
        None => (Disc::Create(fresh_path()), false),
    })
}

/// The disc to read: the one named, else the only one in the current folder.
pub(crate) fn for_reading(target: &Target, say: impl FnOnce(&str)) -> Result<PathBuf, Failure> {
    if let Some(path) = named(target)? {
        return Ok(path);
    }
    let mut found = disc_files();
    match found.len() {
        1 => {
            let path = found.remove(0);
            say(&format!("using {}, the only disc file here", path.display()));
            Ok(path)
        }
        0 => Err(Failure::new(Code::NoDevice, "there is no disc file (*.dhd) in this folder, and none was named")
            .next("name one with --disc FILE, or make one: disc-hal record FILE")),
        _ => {
            let names: Vec<String> = found.iter().map(|p| p.display().to_string()).collect();
            Err(Failure::new(Code::Usage, format!("there are several disc files here: {}", names.join(", ")))
                .next("say which one with --disc FILE"))
        }
    }
}

fn named(target: &Target) -> Result<Option<PathBuf>, Failure> {
    match (&target.disc, &target.bench) {
        (Some(path), _) | (None, Some(Selector::SimFile(path))) => Ok(Some(path.clone())),
        (None, None | Some(Selector::Sim)) => Ok(None),
        (None, Some(Selector::NoDriver(text))) => {
            Err(Failure::new(Code::NoDevice, format!("this version has no driver for the bench `{text}`"))
                .next("`disc-hal benches` lists the benches that can be used"))
        }
    }
}

/// The first of disc-1.dhd, disc-2.dhd, ... that isn't there.
pub(crate) fn fresh_path() -> PathBuf {
    // There are fewer files than numbers.
    (1u64..)
        .map(|n| PathBuf::from(format!("disc-{n}.dhd")))
        .find(|p| fs::symlink_metadata(p).is_err())
        .unwrap_or_default()
}

/// The disc files in the current folder, by name.
pub(crate) fn disc_files() -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(".") else { return Vec::new() };
    let mut files: Vec<PathBuf> = entries
        .flatten()
        .map(|e| PathBuf::from(e.file_name()))
        .filter(|p| p.extension() == Some(OsStr::new("dhd")) && p.is_file())
        .collect();
    files.sort();
    files
}

/// The medium to record on: what was asked for, which an existing disc has to be.
pub(crate) fn medium_for(asked: Option<&str>, existing: Option<&SimRig>) -> Result<Medium, Failure> {
    let asked_for = asked.map(Medium::load).transpose()?;
    let Some(rig) = existing else {
        return match asked_for {
            Some(medium) => Ok(medium),
            None => Ok(Medium::load("dual-layer")?),
        };
    };
    let medium = rig.medium();
    match asked_for {
        Some(wanted) if wanted != medium => {
            let what = if wanted.name == medium.name {
                format!("the disc was made with another description of the medium `{}`", medium.name)
            } else {
                format!("the disc is a `{}`, and --medium asks for `{}`", medium.name, wanted.name)
            };
            Err(Failure::new(Code::Data, what).next("leave --medium out, or take a new disc"))
        }
        _ => Ok(medium),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn selectors_are_read_and_corrected() {
        let parse = |s: &str| s.parse::<Selector>();
        assert_eq!(parse("sim"), Ok(Selector::Sim));
        assert_eq!(parse("sim:a:b.dhd"), Ok(Selector::SimFile("a:b.dhd".into())));
        assert_eq!(parse("serial:/dev/ttyACM0"), Ok(Selector::NoDriver("serial:/dev/ttyACM0".into())));
        for (wrong, meant) in [
            ("smi", "`sim`"),
            ("Sim", "`sim`"),
            ("simm:x.dhd", "`sim:x.dhd`"),
            ("seral:/dev/x", "`serial:/dev/x`"),
            ("usv:1", "`usb:1`"),
            ("disc-1.dhd", "`sim:disc-1.dhd`"),
            ("banana", "`disc-hal benches`"),
            ("", "`disc-hal benches`"),
            ("sim:", "after `sim:`"),
        ] {
            let message = parse(wrong).unwrap_err();
            assert!(message.contains(meant), "{wrong}: {message}");
        }
    }
}
