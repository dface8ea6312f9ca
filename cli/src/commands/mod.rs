//! The commands.

mod benches;
mod completions;
mod conformance;
mod format;
mod info;
mod measure;
mod media;
mod read;
mod record;

use std::path::Path;

use disc_hal::hal::Rig as _;
use disc_hal::record::Options;
use disc_hal_sim::SimRig;

use crate::args::{Cli, Command, Format};
use crate::exit::{Code, Failure};
use crate::interrupt::Interrupt;
use crate::progress::{Voice, Watch};

/// Does what the command line says.
pub(crate) fn run(cli: Cli) -> Result<Code, Failure> {
    let voice = Voice { verbose: cli.verbose, quiet: cli.quiet };
    match cli.command {
        Command::Record(args) => record::run(&args, voice),
        Command::Read(args) => read::run(&args, voice),
        Command::Measure(args) => measure::run(&args, voice),
        Command::Info(args) => info::run(&args, voice),
        Command::Benches(args) => benches::run(&args),
        Command::Conformance(args) => conformance::run(&args, voice),
        Command::Media(args) => media::run(&args),
        Command::Format(Format::Encode(args)) => format::encode(&args),
        Command::Format(Format::Decode(args)) => format::decode(&args),
        Command::Completions(args) => completions::run(&args),
    }
}

/// The settings that a report and a later reader need.
fn options(rig: &SimRig) -> Options {
    let mut options = Options::default();
    options.seed = rig.seed();
    options.bench = rig.identity().to_string();
    options.settings = vec![
        ("program".into(), concat!("disc-hal ", env!("CARGO_PKG_VERSION")).into()),
        ("seed".into(), rig.seed().to_string()),
    ];
    options
}

/// What a bench is opened for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Purpose {
    /// The disc stays as it is.
    Read,
    /// The disc changes, so that closing must succeed.
    Write,
}

/// Works with a bench, under Ctrl-C and with progress, and closes it in any case.
fn with_rig<T>(
    rig: &mut SimRig,
    purpose: Purpose,
    voice: Voice,
    work: impl FnOnce(&mut SimRig, &mut Watch) -> Result<T, Failure>,
) -> Result<T, Failure> {
    let interrupt = Interrupt::watch();
    interrupt.guard(rig.off_handle());
    let mut watch = Watch::new(voice, interrupt);
    let result = std::panic::catch_unwind(core::panic::AssertUnwindSafe(|| work(rig, &mut watch)));
    drop(watch);
    let closed = match rig.close() {
        Err(e) if purpose == Purpose::Write => Err(rescue(rig, e)),
        other => other.map_err(|e| Failure::new(Code::Data, e.to_string())),
    };
    match result {
        Ok(Ok(value)) if purpose == Purpose::Read => {
            if closed.is_err() {
                voice.say("note: the disc file could not be stored again; nothing on the disc has changed");
            }
            Ok(value)
        }
        Ok(Ok(value)) => closed.map(|()| value),
        Ok(Err(failure)) => {
            if let Err(second) = closed {
                second.print();
            }
            Err(failure)
        }
        Err(panic) => std::panic::resume_unwind(panic),
    }
}

/// Puts a disc that can't be stored in its file into the temporary folder: what
/// is recorded can't be recorded again.
fn rescue(rig: &mut SimRig, error: std::io::Error) -> Failure {
    let name = rig.path().and_then(Path::file_name).unwrap_or("disc.dhd".as_ref()).to_string_lossy().into_owned();
    let place = std::env::temp_dir().join(format!("disc-hal-{}-{name}", std::process::id()));
    let next = match rig.store_at(&place) {
        Ok(()) => format!("nothing is lost: the disc is in {} now; move it where there is room", place.display()),
        Err(e) => format!("what was recorded is lost ({e}); make room on the disk"),
    };
    Failure::new(Code::Data, format!("the disc can't be stored: {error}")).because(error).next(next)
}
