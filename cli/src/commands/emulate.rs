//! `disc-hal emulate`.

use crate::args::Emulate;
use crate::exit::{Code, Failure};
use crate::progress::Voice;

/// Serves a simulated bench.
#[cfg(not(unix))]
pub(super) fn run(_: &Emulate, _: Voice) -> Result<Code, Failure> {
    Err(Failure::new(Code::NoDevice, "this system has no pseudo-terminals, on which a bench could be emulated")
        .next("use the simulated bench directly: --bench sim:FILE"))
}

/// Serves a simulated bench.
#[cfg(unix)]
pub(super) fn run(args: &Emulate, voice: Voice) -> Result<Code, Failure> {
    serve::run(args, voice)
}

#[cfg(unix)]
mod usb;

#[cfg(unix)]
mod serve {
    use core::time::Duration;
    use std::io::{self, Write as _};
    use std::path::PathBuf;
    use std::thread;
    use std::time::{Instant, SystemTime, UNIX_EPOCH};

    use disc_hal::hal::{Bench, Identity, LaserStatus, OffHandle, Rig};
    use disc_hal::safety::Config;
    use disc_hal_emulator::{Clock, Emulator, Event, Pty, PtyError};
    use disc_hal_sim::{Condition, SimRig};

    use super::usb;
    use crate::args::{self, Emulate};
    use crate::disc::{self, Claim};
    use crate::exit::{Code, Failure};
    use crate::interrupt::{Interrupt, Words};
    use crate::output;
    use crate::progress::Voice;
    use crate::selector::{BAUD, Port};

    /// How soon a wish to stop is seen.
    const GLANCE: Duration = Duration::from_millis(20);

    pub(super) fn run(args: &Emulate, voice: Voice) -> Result<Code, Failure> {
        let mut claim = args.disc.as_deref().map(|path| Claim::new(Some(path))).transpose()?;
        let rig = match &mut claim {
            Some(claim) => {
                let medium = claim.medium(args.medium.as_deref())?;
                claim.insert(&medium, args.medium.as_deref(), claim.seed(args.seed)?, &Condition::default())?
            }
            None => disc::blank(args.medium.as_deref(), args.seed.unwrap_or(disc::SEED))?.0,
        };
        let interrupt = Interrupt::watch(Words::EMULATED);
        interrupt.guard(rig.off_handle());
        let link = match &args.usbip {
            None => {
                let (mut pty, path) = Pty::open()?;
                if let Some(link) = &args.link {
                    pty.link(link)?;
                }
                Link::Serial(pty, path)
            }
            Some(address) => Link::Usb(Box::new(usb::Link::open(args, address.as_deref(), rig.identity())?)),
        };
        let clock = match args.clock {
            args::Clock::Host => Clock::Host,
            args::Clock::Wall => Clock::Wall,
        };
        let now = rig.clock();
        if clock == Clock::Wall {
            // Nobody waits for it to compute the heat of a first shot then. By the host's clock many benches
            // never fire, and on a machine that is slow they are found long before the heat is known.
            rig.prepare();
        }
        let boot = args.boot.unwrap_or_else(boot);
        let rig = Kept { rig, claim };
        let emulator = Emulator::new(rig, now, boot, clock, Config::default(), move |event| tell(voice, event));
        let (stop, lasts, start) = (emulator.stopper(), args.lasts.unwrap_or(Duration::MAX), Instant::now());
        thread::spawn(move || {
            while !interrupt.wanted() && start.elapsed() < lasts {
                thread::sleep(GLANCE.min(lasts));
            }
            stop();
        });
        let served = match link {
            Link::Serial(mut pty, path) => {
                output::stdout(format!("{}\n", Port { path, baud: BAUD }).as_bytes())?;
                let served = emulator.serve(&mut pty);
                served.map_err(|e| Failure::new(Code::Device, format!("the pseudo-terminal failed: {e}")).because(e))
            }
            Link::Usb(link) => link.serve(&emulator, voice),
        };
        // `Kept` has said what couldn't be stored.
        let stored = emulator.close();
        served?;
        stored.map_err(|e| Failure::new(Code::Data, format!("the disc isn't in its file: {e}")).because(e))?;
        Ok(Code::Pass)
    }

    /// Where hosts come from.
    enum Link {
        Serial(Pty, PathBuf),
        Usb(Box<usb::Link>),
    }

    impl From<PtyError> for Failure {
        fn from(error: PtyError) -> Self {
            let code = if matches!(error, PtyError::Link { .. }) { Code::Data } else { Code::NoDevice };
            Self::new(code, error.to_string()).because(error)
        }
    }

    /// A number that no start shortly before or after has.
    fn boot() -> u32 {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        // The lowest bits of the milliseconds: they come back after seven weeks.
        since.as_millis() as u32
    }

    /// The simulated bench and the claim on its disc.
    struct Kept {
        rig: SimRig,
        claim: Option<Claim>,
    }

    impl Rig for Kept {
        fn identity(&self) -> &Identity {
            self.rig.identity()
        }

        fn bench(&mut self) -> Bench<'_> {
            self.rig.bench()
        }

        fn off_handle(&self) -> OffHandle {
            self.rig.off_handle()
        }

        fn close(&mut self) -> io::Result<()> {
            let stored = self.rig.close().map_err(|error| {
                let words = io::Error::new(error.kind(), error.to_string());
                disc::rescue(&mut self.rig, error).print();
                words
            });
            // It is another file now.
            if let Some(Err(failure)) = self.claim.as_mut().map(Claim::lock) {
                failure.print();
            }
            stored
        }
    }

    /// Says what happened. Nobody may be listening any more, which is no reason to
    /// end: hosts are.
    fn tell(voice: Voice, event: Event) {
        let seconds = |us: u64| us as f64 / 1e6;
        let line = match event {
            Event::Opened { session, owner } => format!("opened by `{owner}`, session {session:016X}"),
            Event::Closed => "closed: everything is safe".into(),
            Event::Lit { at } => format!("lit at {:.6} s", seconds(at)),
            Event::Dark { at, silence } => {
                format!("dark at {:.6} s, {:.6} s after the host's last bytes", seconds(at), seconds(silence))
            }
            Event::Tripped { at, status } => format!("tripped at {:.6} s: {}", seconds(at), flags(status)),
            Event::NotStored => "not stored: the disc has changed, and its file has not".into(),
            other => format!("{other:?}"),
        };
        say(voice, &line);
    }

    /// Writes a line, if anybody wants lines.
    pub(super) fn say(voice: Voice, line: &str) {
        if !voice.quiet {
            let _nobody = writeln!(io::stderr(), "{line}");
        }
    }

    fn flags(status: LaserStatus) -> String {
        let names: Vec<&str> = status.iter_names().map(|(name, _)| name).collect();
        names.join(", ")
    }
}
