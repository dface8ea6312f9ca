//! The commands.

mod benches;
mod claims;
mod colour;
pub(crate) mod compare;
mod completions;
mod conformance;
mod emulate;
mod format;
mod heat;
mod info;
mod measure;
mod media;
mod optics;
mod optimise;
mod read;
mod record;
mod supply;
mod udev;
mod verify;

pub(crate) use claims::ClaimsArgs;
pub(crate) use colour::ColourArgs;
pub(crate) use compare::CompareArgs;
pub(crate) use heat::HeatArgs;
pub(crate) use media::MediaArgs;
pub(crate) use optics::OpticsArgs;
pub(crate) use optimise::{OptimiseArgs, Tuning};
pub(crate) use supply::SupplyArgs;
pub(crate) use verify::VerifyArgs;

use disc_hal::hal::Rig;
use disc_hal::record::Options;

use crate::args::{Cli, Command, Format};
use crate::bench::{self, Opened};
use crate::disc;
use crate::exit::{Code, Failure};
use crate::interrupt::{Interrupt, Words};
use crate::progress::{Voice, Watch};

/// Does what the command line says.
pub(crate) fn run(cli: Cli) -> Result<Code, Failure> {
    let voice = Voice { verbose: cli.verbose, quiet: cli.quiet };
    if let Some(path) = &cli.trace {
        bench::trace(path)?;
    }
    match cli.command {
        Command::Record(args) => record::run(&args, voice),
        Command::Read(args) => read::run(&args, voice),
        Command::Measure(args) => measure::run(&args, voice),
        Command::Optimise(args) => optimise::run(&args, voice),
        Command::Verify(args) => verify::run(&args, voice),
        Command::Info(args) => info::run(&args, voice),
        Command::Benches(args) => benches::run(&args, voice),
        Command::Emulate(args) => emulate::run(&args, voice),
        Command::Conformance(args) => conformance::run(&args, voice),
        Command::Udev(args) => udev::run(&args),
        Command::Supply(args) => supply::run(&args, voice),
        Command::Colour(args) => colour::run(&args, voice),
        Command::Media(args) => media::run(&args),
        Command::Optics(args) => optics::run(&args),
        Command::Heat(args) => heat::run(&args, voice),
        Command::Compare(args) => compare::run(&args, voice),
        Command::Claims(args) => claims::run(&args),
        Command::Format(Format::Encode(args)) => format::encode(&args),
        Command::Format(Format::Decode(args)) => format::decode(&args),
        Command::Completions(args) => completions::run(&args),
    }
}

/// The settings that a report and a later reader need.
fn options(bench: &Opened) -> Options {
    let mut options = Options::default();
    options.seed = bench.seed();
    options.bench = bench.identity();
    options.settings =
        vec![("program".into(), concat!("disc-hal ", env!("CARGO_PKG_VERSION")).into()), bench.settings()];
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
fn with_bench<T>(
    bench: &mut Opened,
    purpose: Purpose,
    voice: Voice,
    work: impl FnOnce(&mut dyn Rig, &mut Watch) -> Result<T, Failure>,
) -> Result<T, Failure> {
    let interrupt = Interrupt::watch(match bench {
        Opened::Sim(_) => Words::SIMULATED,
        Opened::Remote(..) => Words::REMOTE,
    });
    interrupt.guard(bench.rig().off_handle());
    let mut watch = Watch::new(voice, interrupt);
    let result = std::panic::catch_unwind(core::panic::AssertUnwindSafe(|| work(bench.rig(), &mut watch)));
    drop(watch);
    let closed = close(bench, purpose, voice);
    match result {
        Ok(Ok(value)) => closed.map(|()| value),
        Ok(Err(failure)) => {
            if let Err(second) = closed {
                second.print();
            }
            Err(failure.link(bench.why_lost()))
        }
        Err(panic) => std::panic::resume_unwind(panic),
    }
}

/// Closes a bench; an error only where something is lost by it.
fn close(bench: &mut Opened, purpose: Purpose, voice: Voice) -> Result<(), Failure> {
    let Err(error) = bench.rig().close() else { return Ok(()) };
    match (bench, purpose) {
        (Opened::Sim(rig), Purpose::Write) => return Err(disc::rescue(rig, error)),
        (Opened::Sim(_), Purpose::Read) => voice
            .say(&format!("note: the disc file could not be stored again ({error}); nothing on the disc has changed")),
        // All is done, and the lease ends what the goodbye didn't.
        (Opened::Remote(_, link), _) => voice.say(&format!("note: {link} didn't answer the goodbye: {error}")),
    }
    Ok(())
}
