//! The bench, and the log of what happens on it.

use core::fmt::Write as _;
use core::time::Duration;
use std::io;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{SystemTime, UNIX_EPOCH};

use disc_hal::media::Medium;
use disc_hal::safety::{Config, Inputs};
use disc_hal::wire::usb::Speed;
use disc_hal_emulator::usbip::{DeviceOptions, Unplug, serve_stream};
use disc_hal_emulator::{Clock, Emulator, Event};
use disc_hal_sim::{Fired, SimRig};

use crate::socket::End;

/// How often a cable that is being pulled is looked at.
const GLANCE: Duration = Duration::from_millis(2);

type Log = Arc<Mutex<Vec<String>>>;

/// A bench that is being served.
pub(crate) struct Bench {
    emulator: Arc<Emulator<SimRig>>,
    serving: Option<thread::JoinHandle<()>>,
    /// As a USB device.
    attached: Option<thread::JoinHandle<()>>,
    cable: Unplug,
    log: Log,
    fired: Box<dyn Fn() -> Vec<Fired> + Send + Sync>,
}

impl Bench {
    /// Starts a bench with a blank disc, on the line if it is given.
    pub(crate) fn start(clock: Clock, seed: u64, hold_ms: u32, line: Option<End>) -> io::Result<Self> {
        let medium = Medium::load("dual-layer").map_err(io::Error::other)?;
        let rig = SimRig::blank(medium, seed).map_err(io::Error::other)?;
        // By the wall clock nobody waits for it to compute the heat of a first shot.
        rig.prepare();
        let (now, fired) = (rig.clock(), Box::new(rig.fired()));
        let log = Log::default();
        let told = Arc::clone(&log);
        let safety = Config { hold_lease: hold_ms.saturating_mul(1000), ..Config::default() };
        let boot = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis() as u32;
        let emulator = Arc::new(Emulator::new(rig, now, boot, clock, safety, move |event| {
            told.lock().unwrap_or_else(PoisonError::into_inner).push(words(event));
        }));
        let serving = line.map(|mut end| {
            end.forget();
            let served = Arc::clone(&emulator);
            thread::spawn(move || {
                // It ends with the bench, or with the machine.
                let _ended = served.serve(&mut end);
            })
        });
        Ok(Self { emulator, serving, attached: None, cable: Unplug::default(), log, fired })
    }

    /// Makes a USB device of it, for the machine that listens at `socket`.
    pub(crate) fn attach(&mut self, socket: &Path, speed: &str, serial: &str, flaw: &str) -> io::Result<()> {
        self.unplug();
        let speed = match speed {
            "full" => Speed::Full,
            "high" => Speed::High,
            "super" => Speed::Super,
            other => return Err(io::Error::other(format!("no speed: {other}"))),
        };
        let (stream, emulator, cable) = (UnixStream::connect(socket)?, Arc::clone(&self.emulator), self.cable.clone());
        let (mut options, log) = (DeviceOptions::new(speed).with_serial(serial), Arc::clone(&self.log));
        if flaw != "none" {
            options = options.with_flaw(flaw.parse().map_err(io::Error::other)?);
        }
        self.attached = Some(thread::spawn(move || {
            let how = match serve_stream(&emulator, stream, &options, &cable) {
                Ok(why) => format!("detached {why}"),
                Err(error) => format!("detached {error}"),
            };
            log.lock().unwrap_or_else(PoisonError::into_inner).push(how);
        }));
        Ok(())
    }

    /// Pulls the USB cable.
    pub(crate) fn unplug(&mut self) {
        if let Some(attached) = self.attached.take() {
            while !attached.is_finished() {
                // It may not yet have been plugged in.
                self.cable.pull();
                thread::sleep(GLANCE);
            }
            let _panicked = attached.join();
        }
    }

    pub(crate) fn set_interlock(&self, open: bool) {
        self.emulator.set_inputs(if open { Inputs::INTERLOCK_OPEN } else { Inputs::empty() });
    }

    /// What has happened since the last time.
    pub(crate) fn events(&self) -> String {
        let mut log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        let mut text: String = log.drain(..).map(|line| line + "\n").collect();
        text.push_str("end\n");
        text
    }

    /// Every shot that has made light.
    pub(crate) fn fired(&self) -> String {
        let mut text = String::new();
        for Fired { shot, layer, start, bits } in (self.fired)() {
            // Writing to a String doesn't fail.
            let _ = writeln!(text, "{} {layer} {start} {bits}", shot.0);
        }
        text.push_str("end\n");
        text
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        self.unplug();
        self.emulator.stopper()();
        if let Some(serving) = self.serving.take() {
            let _panicked = serving.join();
        }
    }
}

/// An event in one line; times are microseconds by the bench's clock.
fn words(event: Event) -> String {
    match event {
        Event::Opened { session, owner } => format!("opened {session:016x} {owner}"),
        Event::Closed => "closed".into(),
        Event::Lit { at } => format!("lit {at}"),
        Event::ShotsOver { at, silence } => format!("over {at} {silence}"),
        Event::Dark { at, silence } => format!("dark {at} {silence}"),
        Event::Tripped { at, status } => format!("tripped {at} {:04x}", status.bits()),
        other => format!("other {other:?}"),
    }
}
