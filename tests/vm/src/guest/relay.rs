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
                    carry(&terminal, &port, &seen);
                }
                thread::sleep(PAUSE);
            }
        });
        Self { stop, thread: Some(thread) }
    }

    /// Carries between a socket and a port, until one of the two ends.
    pub(crate) fn tie(socket: UnixStream, port: &Path) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&stop);
        socket.set_nonblocking(true).expect("a socket that doesn't block");
        let flags = OFlags::RDWR | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let port = rustix::fs::open(port, flags, Mode::empty()).expect("the port to the tester");
        let thread = thread::spawn(move || carry(&OwnedFd::from(socket), &port, &seen));
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

/// Bytes that one side has given and the other hasn't taken yet.
#[derive(Default)]
struct Way(Vec<u8>);

impl Way {
    /// Moves what can be moved; false when one of the two has ended.
    fn go(&mut self, from: &OwnedFd, to: &OwnedFd) -> bool {
        let mut buffer = [0; 1 << 14];
        if self.0.is_empty() {
            match rustix::io::read(from, &mut buffer) {
                Ok(0) => return false,
                Ok(count) => self.0.extend_from_slice(&buffer[..count]),
                Err(rustix::io::Errno::AGAIN | rustix::io::Errno::INTR) => {}
                Err(_) => return false,
            }
        }
        if !self.0.is_empty() {
            match rustix::io::write(to, &self.0) {
                Ok(count) => drop(self.0.drain(..count)),
                Err(rustix::io::Errno::AGAIN | rustix::io::Errno::INTR) => {}
                Err(_) => return false,
            }
        }
        true
    }
}

fn carry(terminal: &OwnedFd, port: &OwnedFd, stop: &AtomicBool) {
    let (mut up, mut down) = (Way::default(), Way::default());
    while !stop.load(Ordering::Relaxed) {
        let wants = |way: &Way, other: &Way| {
            let mut flags = PollFlags::empty();
            flags.set(PollFlags::IN, way.0.is_empty());
            flags.set(PollFlags::OUT, !other.0.is_empty());
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
