//! Opened benches: simulated ones, and those at the other end of a link.

use std::fs::File;
use std::io::LineWriter;
use std::path::Path;
use std::sync::{Once, OnceLock};

use disc_hal::hal::Rig;
use disc_hal::media::Medium;
use disc_hal::wire::wrappers::Traced;
use disc_hal::wire::{self, OpenOptions, Pipe, Remote};
use disc_hal_serial::SerialPipe;
use disc_hal_sim::{SimRig, Written};
use disc_hal_usb::UsbPipe;

use crate::alarm;
use crate::args::Target;
use crate::disc;
use crate::exit::{Code, Failure};
use crate::output;
use crate::progress::Voice;
use crate::selector::Link;

/// An opened bench with a disc in it.
#[derive(Debug)]
pub(crate) enum Opened {
    /// A simulated one in this process, whose disc is known.
    Sim(Box<SimRig>),
    /// One at the other end of a link, whose disc has to be looked at.
    Remote(Box<Remote>, Link),
}

impl Opened {
    /// The bench to read with, and what its disc is.
    pub(crate) fn for_reading(target: &Target, voice: Voice) -> Result<(Self, Medium), Failure> {
        let asked = target.medium.as_deref();
        if let Some(link) = target.link() {
            let medium = disc::medium(asked, None)?;
            return Ok((Self::connect(link)?, medium));
        }
        let rig = SimRig::open(&disc::for_reading(target, |text| voice.say(text))?)?;
        let medium = disc::medium(asked, Some(&rig))?;
        Ok((rig.into(), medium))
    }

    /// The bench at the other end of a link.
    pub(crate) fn connect(link: &Link) -> Result<Self, Failure> {
        Ok(Self::Remote(Box::new(connect(link)?), link.clone()))
    }

    /// The bench.
    pub(crate) fn rig(&mut self) -> &mut dyn Rig {
        match self {
            Self::Sim(rig) => rig.as_mut(),
            Self::Remote(remote, _) => remote.as_mut(),
        }
    }

    /// Who it is.
    pub(crate) fn identity(&self) -> String {
        match self {
            Self::Sim(rig) => rig.identity().to_string(),
            Self::Remote(remote, _) => remote.identity().to_string(),
        }
    }

    /// Where its disc is: a disc file, or the bench's selector; none in memory.
    pub(crate) fn disc(&self) -> Option<String> {
        match self {
            Self::Sim(rig) => rig.path().map(|path| path.display().to_string()),
            Self::Remote(_, link) => Some(link.to_string()),
        }
    }

    /// The file that outputs mustn't overwrite: the disc's, or the port.
    pub(crate) fn file(&self) -> Option<&Path> {
        match self {
            Self::Sim(rig) => rig.path(),
            Self::Remote(_, link) => link.file(),
        }
    }

    /// The files that outputs mustn't overwrite: the disc's or the port, and the medium's.
    pub(crate) fn kept<'a>(&'a self, target: &'a Target) -> Vec<&'a Path> {
        self.file().into_iter().chain(target.medium.as_deref().map(Path::new)).collect()
    }

    /// Root of the random data in the test area.
    pub(crate) fn seed(&self) -> u64 {
        match self {
            Self::Sim(rig) => rig.seed(),
            // As on a new simulated disc: the same job, the same data.
            Self::Remote(..) => disc::SEED,
        }
    }

    /// What is recorded, where that is known without looking at the disc.
    pub(crate) fn written(&self) -> Option<Vec<Written>> {
        match self {
            Self::Sim(rig) => Some(rig.written()),
            Self::Remote(..) => None,
        }
    }

    /// What a reader of the results needs to make them again.
    pub(crate) fn settings(&self) -> (String, String) {
        match self {
            Self::Sim(rig) => ("seed".into(), rig.seed().to_string()),
            Self::Remote(_, link) => ("link".into(), link.settings()),
        }
    }

    /// Why its link was lost, if it was.
    pub(crate) fn why_lost(&self) -> Option<String> {
        match self {
            Self::Sim(_) => None,
            Self::Remote(remote, _) => remote.why_lost(),
        }
    }
}

impl From<SimRig> for Opened {
    fn from(rig: SimRig) -> Self {
        Self::Sim(Box::new(rig))
    }
}

/// The bench at the other end of a link.
pub(crate) fn connect(link: &Link) -> Result<Remote, Failure> {
    let owner = format!("disc-hal process {}", std::process::id());
    let (pipe, place) = pipe(link)?;
    let remote = Remote::open(pipe, &OpenOptions::default().owner(&owner));
    let remote = remote.map_err(|error| Failure::refused(&place, error))?;
    if let Some(version) = remote.other_version() {
        let ours = wire::VERSION;
        let what = format!("{link} speaks version {version} of the protocol, and this program version {ours}");
        return Err(Failure::new(Code::NoDevice, what).next("update the older one of both"));
    }
    Ok(remote)
}

/// Where what passes over links is written down: one file for the whole run.
static TRACE: OnceLock<Trace> = OnceLock::new();

/// A file that is made empty once there is something to write.
struct Trace {
    file: File,
    begun: Once,
}

/// Writes down what passes over every link that is opened from now on.
///
/// Nothing in a file is lost before there is something to write: a command without a link
/// writes none.
pub(crate) fn trace(path: &Path) -> Result<(), Failure> {
    let words: Vec<String> = std::env::args_os().skip(1).map(|word| word.to_string_lossy().into_owned()).collect();
    output::refuse_input(path, &others(&words, path))?;
    let file = File::options().write(true).create(true).truncate(false).open(path).map_err(|e| {
        let what = format!("can't write the trace {}: {}", path.display(), output::reason(&e));
        Failure::new(Code::Data, what).because(e).next("give another path with --trace")
    })?;
    // Called once, by the command line.
    let _ = TRACE.set(Trace { file, begun: Once::new() });
    Ok(())
}

/// The other words of the command line that can be files: the trace is opened before it is
/// known what they mean.
fn others<'a>(words: &'a [String], trace: &Path) -> Vec<&'a Path> {
    let mut own = false;
    let mut others = Vec::new();
    for word in words {
        let value = match word.split_once('=') {
            Some((name, value)) if name.starts_with("--") => value,
            _ => word.strip_prefix("-o").unwrap_or(word),
        };
        let value = ["sim:", "serial:"].iter().find_map(|kind| value.strip_prefix(kind)).unwrap_or(value);
        // The option itself, once.
        if !own && Path::new(value) == trace {
            own = true;
        } else {
            others.push(Path::new(value));
        }
    }
    others
}

/// The pipe to a bench and what it is called in errors: the one place where a link begins.
fn pipe(link: &Link) -> Result<(Box<dyn Pipe>, String), Failure> {
    Ok(match link {
        Link::Serial(port) => {
            let pipe = SerialPipe::open(&port.path, port.baud)?;
            (traced(pipe), port.path.display().to_string())
        }
        Link::Usb(device) => {
            let pipe = UsbPipe::open(device)?;
            if let Some(alarms) = pipe.alarms() {
                alarm::watch(alarms);
            }
            let place = pipe.place().to_owned();
            (traced(pipe), place)
        }
    })
}

fn traced(pipe: impl Pipe + 'static) -> Box<dyn Pipe> {
    match TRACE.get() {
        Some(Trace { file, begun }) => {
            // What an earlier trace left behind isn't this one's; a terminal or a pipe has no length.
            begun.call_once(|| drop(file.set_len(0)));
            Box::new(Traced::new(pipe, LineWriter::new(file)).with_description(wire::describe))
        }
        None => Box::new(pipe),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trace_is_kept_from_every_other_word() {
        let line = |text: &str| text.split(' ').map(String::from).collect::<Vec<_>>();
        let among = |text: &str| others(&line(text), Path::new("t")).contains(&Path::new("t"));
        for text in ["read --trace t -o t", "read --trace=t -ot", "info --trace t --bench sim:t", "read -o t --trace t"]
        {
            assert!(among(text), "{text}");
        }
        for text in ["read --trace t -o x", "read --trace=t", "info --bench serial:/dev/x --trace t"] {
            assert!(!among(text), "{text}");
        }
    }
}
