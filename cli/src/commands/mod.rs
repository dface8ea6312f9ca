//! The commands.

mod benches;
mod completions;
mod format;
mod info;
mod measure;
mod media;
mod read;
mod record;

use disc_hal::hal::Rig;
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
fn with_rig<R: Rig, T>(
    rig: &mut R,
    purpose: Purpose,
    voice: Voice,
    work: impl FnOnce(&mut R, &mut Watch) -> Result<T, Failure>,
) -> Result<T, Failure> {
    let interrupt = Interrupt::watch();
    interrupt.guard(rig.off_handle());
    let mut watch = Watch::new(voice, interrupt);
    let result = std::panic::catch_unwind(core::panic::AssertUnwindSafe(|| work(rig, &mut watch)));
    drop(watch);
    let closed = rig.close().map_err(|e| {
        Failure::new(Code::Data, format!("the bench could not be closed: {e}"))
            .because(e)
            .next("what was recorded since it was opened may be lost; make room on the disk")
    });
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
