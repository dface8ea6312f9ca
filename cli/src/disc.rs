//! Discs of simulated benches: their files, who records on them, and what becomes
//! of them when they can't be stored.

use std::ffi::OsStr;
use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};

use disc_hal::media::Medium;
use disc_hal_sim::{Condition, DiscFileError, SimError, SimRig, Written};

use crate::args::Target;
use crate::exit::{Code, Failure};
use crate::medium::{simulable, simulated};
use crate::selector::Selector;

/// What a new disc is without --medium.
const MEDIUM: &str = "dual-layer";
/// Root of all noise of a new disc without --seed.
pub(crate) const SEED: u64 = 1;

/// The disc file that was named, if one was.
pub(crate) fn named(target: &Target) -> Result<Option<&Path>, Failure> {
    match (&target.disc, &target.bench) {
        (Some(path), _) | (None, Some(Selector::SimFile(path))) => Ok(Some(path)),
        (None, None | Some(Selector::Sim)) => Ok(None),
        (None, Some(Selector::Link(link))) => {
            Err(Failure::new(Code::Usage, format!("this works on simulated discs, and {link} is a bench"))
                .next("name a disc file with --disc FILE"))
        }
    }
}

/// The disc to read: the one named, else the only one in the current folder.
pub(crate) fn for_reading(target: &Target, say: impl FnOnce(&str)) -> Result<PathBuf, Failure> {
    if let Some(path) = named(target)? {
        return Ok(path.into());
    }
    let mut found = files();
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

/// The disc files in the current folder, by name.
pub(crate) fn files() -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(".") else { return Vec::new() };
    let mut files: Vec<PathBuf> = entries
        .flatten()
        .map(|e| PathBuf::from(e.file_name()))
        .filter(|p| p.extension() == Some(OsStr::new("dhd")) && p.is_file())
        .collect();
    files.sort();
    files
}

/// The first of disc-1.dhd, disc-2.dhd, ... that isn't there.
fn fresh_path() -> PathBuf {
    // There are fewer files than numbers.
    (1u64..)
        .map(|n| PathBuf::from(format!("disc-{n}.dhd")))
        .find(|p| fs::symlink_metadata(p).is_err())
        .unwrap_or_default()
}

/// The medium that was asked for, which a disc that is there has to be.
pub(crate) fn medium(asked: Option<&str>, there: Option<&SimRig>) -> Result<Medium, Failure> {
    let asked = asked.map(Medium::load).transpose()?;
    let Some(rig) = there else {
        return match asked {
            Some(medium) => Ok(medium),
            None => Ok(Medium::load(MEDIUM)?),
        };
    };
    let medium = rig.medium();
    match asked {
        Some(wanted) if !same_disc(&wanted, &medium) => {
            let what = if wanted.name == medium.name {
                format!("the disc was made with another description of the medium `{}`", medium.name)
            } else {
                format!("the disc is a `{}`, and --medium asks for `{}`", medium.name, wanted.name)
            };
            Err(Failure::new(Code::Data, what).next("leave --medium out, or take a new disc"))
        }
        Some(wanted) => Ok(wanted),
        None => Ok(medium),
    }
}

/// A simulated bench with a new disc in memory, and its medium.
pub(crate) fn blank(asked: Option<&str>, seed: u64) -> Result<(SimRig, Medium), Failure> {
    let medium = medium(asked, None)?;
    simulable(&medium, asked)?;
    Ok((simulated(SimRig::blank(medium.clone(), seed), &medium, asked)?, medium))
}

/// Whether two descriptions are of the same disc: how to write on it is no part of that.
fn same_disc(a: &Medium, b: &Medium) -> bool {
    let mut a = a.clone();
    for (layer, other) in a.layers.iter_mut().zip(&b.layers) {
        layer.write = other.write;
    }
    a == *b
}

/// A disc to be recorded on, kept from others who would.
#[derive(Debug)]
pub(crate) struct Claim {
    path: PathBuf,
    /// Whether the user chose the name.
    named: bool,
    /// The disc, if it is there already.
    there: Option<SimRig>,
    is_new: bool,
    lock: Option<File>,
}

impl Claim {
    /// The disc of that name, which may be there already; without a name a new one.
    pub(crate) fn new(named: Option<&Path>) -> Result<Self, Failure> {
        let path = named.map_or_else(fresh_path, Path::to_owned);
        let mut claim = Self { named: named.is_some(), there: None, is_new: true, lock: None, path };
        if claim.named && claim.path.exists() {
            claim.lock()?;
            claim.there = Some(SimRig::open(&claim.path)?);
            claim.is_new = false;
        }
        Ok(claim)
    }

    /// Where the disc is, or will be.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Whether the disc wasn't there before.
    pub(crate) fn is_new(&self) -> bool {
        self.is_new
    }

    /// Its medium.
    pub(crate) fn medium(&self, asked: Option<&str>) -> Result<Medium, Failure> {
        let medium = medium(asked, self.there.as_ref())?;
        simulable(&medium, asked)?;
        Ok(medium)
    }

    /// What is recorded on it.
    pub(crate) fn written(&self) -> Vec<Written> {
        self.there.as_ref().map(SimRig::written).unwrap_or_default()
    }

    /// The root of its noise: what was asked for, which a disc that is there has to have.
    pub(crate) fn seed(&self, asked: Option<u64>) -> Result<u64, Failure> {
        match (asked, self.there.as_ref().map(SimRig::seed)) {
            (Some(asked), Some(has)) if asked != has => {
                Err(Failure::new(Code::Data, format!("the disc was made with seed {has}, and --seed asks for {asked}"))
                    .next("leave --seed out, or take a new disc"))
            }
            (_, Some(has)) => Ok(has),
            (asked, None) => Ok(asked.unwrap_or(SEED)),
        }
    }

    /// What is wrong with a new disc; one that is there has what it has.
    pub(crate) fn condition(&self, asked: Option<&str>, medium: &Medium) -> Result<Condition, Failure> {
        match asked {
            None => Ok(Condition::default()),
            Some(_) if !self.is_new => {
                let what = format!("--defects is for new discs, and {} is there already", self.path.display());
                Err(Failure::new(Code::Usage, what).next("leave --defects out, or name a new disc file"))
            }
            Some(name) => Ok(Condition::load(name, medium)?),
        }
    }

    /// Puts the disc into a simulated bench; one that isn't there yet is made, of the medium that
    /// the user `asked` for.
    pub(crate) fn insert(
        &mut self,
        medium: &Medium,
        asked: Option<&str>,
        seed: u64,
        condition: &Condition,
    ) -> Result<SimRig, Failure> {
        if let Some(rig) = self.there.take() {
            return Ok(rig);
        }
        loop {
            match SimRig::create_with(&self.path, medium.clone(), seed, condition.clone()) {
                // Somebody else took the name meanwhile: the next one.
                Err(SimError::File(DiscFileError::Exists { .. })) if !self.named => self.path = fresh_path(),
                made => {
                    let rig = simulated(made, medium, asked)?;
                    self.lock()?;
                    return Ok(rig);
                }
            }
        }
    }

    /// Takes a new disc away again, on which nothing is recorded.
    pub(crate) fn undo(&self) {
        if self.is_new {
            // It is left behind where it can't be removed; that does no harm.
            let _gone = fs::remove_file(&self.path);
        }
    }

    /// Keeps others from recording on the same disc file: the last one to store it
    /// would undo what the others did. A file that was stored anew has to be locked
    /// anew. Where files can't be locked, nobody is kept.
    pub(crate) fn lock(&mut self) -> Result<(), Failure> {
        // One's own lock would be in the way.
        self.lock = None;
        // What can't be opened is the rig's to report.
        let Ok(file) = File::open(&self.path) else { return Ok(()) };
        match file.try_lock() {
            Ok(()) => self.lock = Some(file),
            Err(TryLockError::Error(_)) => {}
            Err(TryLockError::WouldBlock) => {
                let what = format!("the disc in {} is in use: something is being recorded on it", self.path.display());
                let next = "wait until that is done, or take another disc";
                return Err(Failure::new(Code::NoDevice, what).next(next));
            }
        }
        Ok(())
    }
}

/// Puts a disc that can't be stored in its file into the temporary folder: what
/// is recorded can't be recorded again.
pub(crate) fn rescue(rig: &mut SimRig, error: std::io::Error) -> Failure {
    let name = rig.path().and_then(Path::file_name).unwrap_or("disc.dhd".as_ref()).to_string_lossy().into_owned();
    let place = std::env::temp_dir().join(format!("disc-hal-{}-{name}", std::process::id()));
    let next = match rig.store_at(&place) {
        Ok(()) => format!("nothing is lost: the disc is in {} now; move it where there is room", place.display()),
        Err(e) => format!("what was recorded is lost ({e}); make room on the disk"),
    };
    Failure::new(Code::Data, format!("the disc can't be stored: {error}")).because(error).next(next)
}
