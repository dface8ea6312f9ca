//! Carries bytes between a device in the machine and the tester outside.

use core::sync::atomic::{AtomicBool, Ordering};
use core::time::Duration;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{Mode, OFlags};
use rustix::termios::OptionalActions;

/// Before a terminal that has gone is looked for again.
const PAUSE: Duration = Duration::from_millis(10);

/// A thread that carries until it is dropped.
pub(crate) struct Relay {
    stop: Arc<AtomicBool>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Relay {
    /// Carries between a terminal, which may go away and come back, and a port.
    pub(crate) fn start(terminal: &Path, port: &Path) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let (seen, terminal) = (Arc::clone(&stop), terminal.to_owned());
        let flags = OFlags::RDWR | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        let port = rustix::fs::open(port, flags, Mode::empty()).expect("the port to the tester");
        let thread = thread::spawn(move || {
            while !seen.load(Ordering::Relaxed) {
                if let Some(terminal) = open(&terminal) {
                    carry(&terminal, &port, Way::default(), &seen);
                }
                thread::sleep(PAUSE);
            }
        });
        Self { stop, thread: Some(thread) }
    }

    /// Carries between a socket and a port, until one of the two ends; with a bit of what
    /// comes from the port turned over, if it is `flipping`.
    pub(crate) fn tie(socket: UnixStream, port: &Path, flipping: bool) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&stop);
        socket.set_nonblocking(true).expect("a socket that doesn't block");
        let flags = OFlags::RDWR | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let port = rustix::fs::open(port, flags, Mode::empty()).expect("the port to the tester");
        let thread = thread::spawn(move || {
            let down = Way { flip: flipping.then_some(FLIP_AFTER), ..Way::default() };
            carry(&OwnedFd::from(socket), &port, down, &seen);
        });
        Self { stop, thread: Some(thread) }
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _panicked = thread.join();
        }
    }
}

/// The terminal in raw mode.
fn open(path: &PathBuf) -> Option<OwnedFd> {
    let flags = OFlags::RDWR | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let fd = rustix::fs::open(path, flags, Mode::empty()).ok()?;
    let mut line = rustix::termios::tcgetattr(&fd).ok()?;
    line.make_raw();
    rustix::termios::tcsetattr(&fd, OptionalActions::Now, &line).ok()?;
    Some(fd)
}

/// Where a bit is turned over: behind so many bytes, in the next four words that count.
const FLIP_AFTER: usize = 1 << 20;

/// Bytes that one side has given and the other hasn't taken yet.
#[derive(Default)]
struct Way {
    bytes: Vec<u8>,
    /// Bytes until a bit of them is turned over.
    flip: Option<usize>,
}

impl Way {
    /// One bit of the data of a device that counts, so that no header of a transfer is hit.
    fn flip(&mut self) {
        match &mut self.flip {
            Some(0) => {
                let word = |bytes: &[u8]| bytes.first_chunk().map_or(0, |four| u32::from_le_bytes(*four));
                let counts = |w: &[u8]| (1..4).all(|n| word(&w[4 * n..]) == word(w).wrapping_add(n as u32));
                if let Some(at) = self.bytes.windows(16).position(counts) {
                    self.bytes[at + 9] ^= 0x10;
                    self.flip = None;
                }
            }
            Some(left) => *left = left.saturating_sub(self.bytes.len()),
            None => {}
        }
    }

    /// Moves what can be moved; false when one of the two has ended.
    fn go(&mut self, from: &OwnedFd, to: &OwnedFd) -> bool {
        let mut buffer = [0; 1 << 14];
        if self.bytes.is_empty() {
            match rustix::io::read(from, &mut buffer) {
                Ok(0) => return false,
                Ok(count) => {
                    self.bytes.extend_from_slice(&buffer[..count]);
                    self.flip();
                }
                Err(rustix::io::Errno::AGAIN | rustix::io::Errno::INTR) => {}
                Err(_) => return false,
            }
        }
        if !self.bytes.is_empty() {
            match rustix::io::write(to, &self.bytes) {
                Ok(count) => drop(self.bytes.drain(..count)),
                Err(rustix::io::Errno::AGAIN | rustix::io::Errno::INTR) => {}
                Err(_) => return false,
            }
        }
        true
    }
}

fn carry(terminal: &OwnedFd, port: &OwnedFd, mut down: Way, stop: &AtomicBool) {
    let mut up = Way::default();
    while !stop.load(Ordering::Relaxed) {
        let wants = |way: &Way, other: &Way| {
            let mut flags = PollFlags::empty();
            flags.set(PollFlags::IN, way.bytes.is_empty());
            flags.set(PollFlags::OUT, !other.bytes.is_empty());
            flags
        };
        let mut fds = [PollFd::new(terminal, wants(&up, &down)), PollFd::new(port, wants(&down, &up))];
        let wait = Timespec { tv_sec: 0, tv_nsec: 50_000_000 };
        // Whatever poll says, the next try says it better.
        let _ready = poll(&mut fds, Some(&wait));
        let hung_up = fds[0].revents().contains(PollFlags::HUP);
        if hung_up || !up.go(terminal, port) || !down.go(port, terminal) {
            return;
        }
    }
}
