//! An SCPI instrument to test against: outputs with cells behind them, on a socket, a
//! pseudo-terminal or as a USB device, with faults on demand. What it understands is decided by a
//! third-party parser (`scpi`, with the mandated commands of `scpi-contrib`), so that
//! driver and test can't agree on a mistake of their own.

#![allow(dead_code, unreachable_pub, unused_imports, reason = "each test uses a part of it")]

mod dialects;
mod model;
mod psu;
#[cfg(unix)]
mod usbtmc;

use core::sync::atomic::{AtomicBool, Ordering};
use core::time::Duration;
use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
#[cfg(unix)]
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle, sleep};
use std::time::Instant;

use disc_hal::wire::{Pipe, PipeError};
use disc_hal_scpi::{Profile, Profiles, Resource};
use scpi::Context;

pub use dialects::Dialect;
pub use psu::Psu;
#[cfg(unix)]
pub use usbtmc::{Broken, IDS, Port, SERIAL};

const TICK: Duration = Duration::from_millis(10);

/// The built-in profiles, with all the time that one can give: on a machine that is busy
/// with other things, a wait that was too short is no fault of the conversation.
pub fn patient() -> Profiles {
    [
        include_str!("../../profiles/keithley-2400.toml"),
        include_str!("../../profiles/keysight-e36300.toml"),
        include_str!("../../profiles/rigol-dp800.toml"),
    ]
    .iter()
    .fold(Profiles::built_in().unwrap(), |profiles, text| profiles.with(patient_one(text)))
}

/// A profile of one's own, with all the time that one can give.
pub fn patient_one(text: &str) -> Profile {
    assert!(text.contains("timeout-ms = 1500"));
    Profile::parse(&text.replace("timeout-ms = 1500", "timeout-ms = 10000"), "patient.toml".as_ref()).unwrap()
}

/// Waits until something holds, generously.
pub fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(20);
    while !holds() {
        assert!(Instant::now() < end, "{what}: not within 20 s");
        sleep(Duration::from_millis(20));
    }
}

/// What goes wrong with an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// It doesn't come.
    Silence,
    /// The connection is closed instead.
    Close,
    /// Bytes of no alphabet come before it, on a line of their own.
    Garbage,
    /// Another line comes before it.
    Extra(&'static str),
    /// Another line comes after it, once the next message has been read.
    Behind(&'static str),
    /// Another text comes instead.
    Instead(&'static str),
    /// It comes so much later, in milliseconds.
    Late(u64),
    /// Its first half comes, and no end.
    Half,
    /// It has 10 000 characters and no end.
    Endless,
}

/// What is planned to go wrong, and how the instrument behaves as a whole.
#[derive(Debug, Default)]
pub struct Plan {
    /// Next time that a message with this text comes: this.
    pub faults: Vec<(&'static str, Fault)>,
    /// Hears nothing and says nothing.
    pub deaf: bool,
    /// Closes connections as they come.
    pub refuses: bool,
    /// Every so many bytes of what it hears, one is lost.
    pub loses: Option<usize>,
    heard: usize,
    behind: Option<&'static str>,
}

struct Shared {
    psu: Mutex<Psu>,
    plan: Mutex<Plan>,
    log: Mutex<Vec<String>>,
    end: AtomicBool,
    dialect: Dialect,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A running instrument; dropping it switches it off.
pub struct Emulated {
    shared: Arc<Shared>,
    resource: Resource,
    threads: Vec<JoinHandle<()>>,
    /// Of the USB.
    #[cfg(unix)]
    cable: Option<(UnixStream, Port)>,
}

impl Emulated {
    /// On a socket of this machine.
    pub fn on_socket(dialect: Dialect) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        listener.set_nonblocking(true).unwrap();
        let shared = shared(dialect);
        let of_thread = shared.clone();
        let thread = thread::spawn(move || {
            let mut connections = Vec::new();
            while !of_thread.end.load(Ordering::Relaxed) {
                match listener.accept() {
                    Ok(_) if lock(&of_thread.plan).refuses => {}
                    Ok((stream, _)) => {
                        let shared = of_thread.clone();
                        connections.push(thread::spawn(move || {
                            stream.set_nonblocking(false).unwrap();
                            stream.set_nodelay(true).unwrap();
                            stream.set_read_timeout(Some(TICK)).unwrap();
                            serve(&shared, Socket(stream));
                        }));
                    }
                    Err(_) => sleep(TICK),
                }
            }
            connections.into_iter().for_each(|c| c.join().unwrap());
        });
        Self::new(shared, &format!("tcp:127.0.0.1:{port}"), vec![thread])
    }

    /// On a pseudo-terminal.
    #[cfg(unix)]
    pub fn on_serial(dialect: Dialect) -> Self {
        let (pty, path) = disc_hal_emulator::Pty::open().unwrap();
        let shared = shared(dialect);
        let of_thread = shared.clone();
        let thread = thread::spawn(move || serve(&of_thread, Line(pty)));
        Self::new(shared, &format!("serial:{}", path.display()), vec![thread])
    }

    /// As a USB device whose transfers come over `stream` (USB/IP, without a handshake).
    #[cfg(unix)]
    pub fn on_usb(dialect: Dialect, stream: UnixStream) -> Self {
        let (vid, pid) = IDS;
        let mut emulated = Self::new(shared(dialect), &format!("usb:{vid:04x}:{pid:04x}:{SERIAL}"), Vec::new());
        emulated.plug(stream);
        emulated
    }

    fn new(shared: Arc<Shared>, resource: &str, threads: Vec<JoinHandle<()>>) -> Self {
        Self {
            shared,
            resource: resource.parse().unwrap(),
            threads,
            #[cfg(unix)]
            cable: None,
        }
    }

    /// Plugs the USB cable in again; what the instrument does goes on meanwhile.
    #[cfg(unix)]
    pub fn plug(&mut self, stream: UnixStream) {
        let (port, shared) = (Port::default(), self.shared.clone());
        self.threads.push(port.serve(stream.try_clone().unwrap()));
        let end = usbtmc::Usb { port: port.clone(), stream: stream.try_clone().unwrap() };
        self.threads.push(thread::spawn(move || serve(&shared, end)));
        self.cable = Some((stream, port));
    }

    /// Pulls the USB cable.
    #[cfg(unix)]
    pub fn unplug(&mut self) {
        if let Some((stream, _)) = self.cable.take() {
            // The host may have let go before.
            let _ = stream.shutdown(std::net::Shutdown::Both);
        }
    }

    /// The USB port of the instrument, while it is plugged in.
    #[cfg(unix)]
    pub fn port(&self) -> &Port {
        &self.cable.as_ref().unwrap().1
    }

    /// Where it is.
    pub fn resource(&self) -> Resource {
        self.resource.clone()
    }

    /// Its state; what is set here is as if it were done at its front panel.
    pub fn psu(&self) -> MutexGuard<'_, Psu> {
        let mut psu = lock(&self.shared.psu);
        psu.outputs.iter_mut().for_each(model::Output::live);
        psu
    }

    /// What is to go wrong.
    pub fn plan(&self) -> MutexGuard<'_, Plan> {
        lock(&self.shared.plan)
    }

    /// The next message with `text` meets a fault.
    pub fn next(&self, text: &'static str, fault: Fault) {
        self.plan().faults.push((text, fault));
    }

    /// Whether a channel, from 1, is on.
    pub fn is_on(&self, channel: usize) -> bool {
        self.psu().outputs[channel - 1].on
    }

    /// The voltage at the terminals of a channel, from 1, in volts.
    pub fn volts(&self, channel: usize) -> f64 {
        self.psu().outputs[channel - 1].terminal
    }

    /// Waits until a channel has come to a voltage.
    pub fn reaches(&self, channel: usize, volts: f64) {
        until(&format!("{volts} V"), || (self.volts(channel) - volts).abs() < 1e-3);
    }

    /// The messages that it has heard so far.
    pub fn heard(&self) -> Vec<String> {
        lock(&self.shared.log).clone()
    }
}

impl Drop for Emulated {
    fn drop(&mut self) {
        self.shared.end.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            thread.join().unwrap();
        }
    }
}

fn shared(dialect: Dialect) -> Arc<Shared> {
    Arc::new(Shared {
        psu: Mutex::new(Psu::new(dialect.outputs())),
        plan: Mutex::default(),
        log: Mutex::default(),
        end: AtomicBool::new(false),
        dialect,
    })
}

/// The instrument's end of a link.
trait End {
    /// What has come within a tick; `None` when nobody is there any more.
    fn hear(&mut self) -> Option<Vec<u8>>;
    fn say(&mut self, bytes: &[u8]);
}

struct Socket(TcpStream);

impl End for Socket {
    fn hear(&mut self) -> Option<Vec<u8>> {
        let mut bytes = [0; 512];
        match self.0.read(&mut bytes) {
            Ok(0) => None,
            Ok(n) => Some(bytes[..n].to_vec()),
            Err(e) if matches!(e.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => Some(Vec::new()),
            Err(_) => None,
        }
    }

    fn say(&mut self, bytes: &[u8]) {
        // The host may have gone.
        let _ = self.0.write_all(bytes);
    }
}

#[cfg(unix)]
struct Line(disc_hal_emulator::Pty);

#[cfg(unix)]
impl End for Line {
    fn hear(&mut self) -> Option<Vec<u8>> {
        let mut bytes = [0; 512];
        match self.0.read(&mut bytes, TICK) {
            Ok(n) => Some(bytes[..n].to_vec()),
            Err(PipeError::Io(_)) => Some(Vec::new()),
            Err(_) => None,
        }
    }

    fn say(&mut self, bytes: &[u8]) {
        let mut left = bytes;
        while !left.is_empty() {
            match self.0.write(left, Duration::from_millis(200)) {
                Ok(0) | Err(_) => return,
                Ok(n) => left = &left[n..],
            }
        }
    }
}

fn serve(shared: &Shared, mut end: impl End) {
    let mut heard = Vec::new();
    while !shared.end.load(Ordering::Relaxed) {
        let Some(bytes) = end.hear() else { return };
        {
            let mut plan = lock(&shared.plan);
            if plan.deaf {
                heard.clear();
                continue;
            }
            for byte in bytes {
                plan.heard += 1;
                if plan.loses.is_none_or(|every| !plan.heard.is_multiple_of(every)) {
                    heard.push(byte);
                }
            }
        }
        while let Some(at) = heard.iter().position(|b| *b == b'\n') {
            let mut line: Vec<u8> = heard.drain(..=at).collect();
            line.pop();
            if !message(shared, &mut end, &line) {
                return;
            }
        }
    }
}

/// Executes a message and answers; false when the connection is to be closed.
fn message(shared: &Shared, end: &mut impl End, line: &[u8]) -> bool {
    let text = String::from_utf8_lossy(line).into_owned();
    lock(&shared.log).push(text.clone());
    let mut answer = Vec::new();
    let result = {
        let mut psu = lock(&shared.psu);
        shared.dialect.tree().run(line, &mut *psu, &mut Context::new(), &mut answer)
    };
    if result.is_err() {
        answer.clear();
    }
    let (fault, behind) = {
        let mut plan = lock(&shared.plan);
        let at = plan.faults.iter().position(|(with, _)| text.contains(with));
        (at.map(|at| plan.faults.remove(at).1), plan.behind.take())
    };
    if let Some(line) = behind {
        end.say(line.as_bytes());
        end.say(b"\n");
    }
    match fault {
        None => end.say(&answer),
        Some(Fault::Silence) => {}
        Some(Fault::Close) => return false,
        Some(Fault::Garbage) => end.say(&[b"\x00\xff\x80\x1b[2J\n", answer.as_slice()].concat()),
        Some(Fault::Extra(line)) => end.say(&[line.as_bytes(), b"\n", &answer].concat()),
        Some(Fault::Behind(line)) => {
            end.say(&answer);
            lock(&shared.plan).behind = Some(line);
        }
        Some(Fault::Instead(line)) => end.say(&[line.as_bytes(), b"\n"].concat()),
        Some(Fault::Late(ms)) => {
            sleep(Duration::from_millis(ms));
            end.say(&answer);
        }
        Some(Fault::Half) => end.say(&answer[..answer.len() / 2]),
        Some(Fault::Endless) => end.say(&[b'7'; 10_000]),
    }
    true
}
