//! The device's end of a pseudo-terminal: a serial port without hardware.

use core::time::Duration;
use std::fs;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};
use std::time::Instant;

use disc_hal::wire::{Bypass, Clock, Pipe, PipeError};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{FlockOperation, Mode, OFlags};
use rustix::io::Errno;
use rustix::pty::OpenptFlags;
use rustix::termios::{OptionalActions, QueueSelector};

/// How often the exclusive flag of a host that may have died is taken back.
const FORGET_HOSTS: Duration = Duration::from_millis(100);

/// Why there is no pseudo-terminal.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PtyError {
    /// The operating system has none left, or none at all.
    #[error("can't open a pseudo-terminal ({0}): is /dev/pts mounted, and are there any left?")]
    Open(#[source] io::Error),
    /// The port exists but can't be prepared.
    #[error("can't prepare the pseudo-terminal {path} ({source})")]
    Prepare {
        /// The port.
        path: PathBuf,
        /// What the operating system answered.
        source: io::Error,
    },
    /// The name wanted for it can't be made.
    #[error("can't make the link {path} ({source}): is there a file of this name, is the folder writable?")]
    Link {
        /// The link.
        path: PathBuf,
        /// What the operating system answered.
        source: io::Error,
    },
}

/// The device's end of a pseudo-terminal. Hosts open [`path`](Self::path) as they
/// would open any serial port, one after another; to the device, a host that
/// comes, goes or dies is nothing but silence.
///
/// Like a UART, it loses bytes that nobody listens to: when the buffer towards the
/// host is full and no host holds the port's lock, the buffer is emptied and the
/// write is counted as done. Towards a host that holds the lock it blocks instead.
///
/// Dropping it unplugs the device: the host's next call says that it is gone.
#[derive(Debug)]
pub struct Pty {
    master: OwnedFd,
    /// Kept open: a master without an open slave answers EIO at once and for ever,
    /// which could only be waited out by polling.
    keeper: OwnedFd,
    path: PathBuf,
    link: Option<PathBuf>,
    clock: Clock,
    forgot: Instant,
    dead: bool,
}

impl Pty {
    /// A new pseudo-terminal in raw mode, and the path that hosts open.
    ///
    /// # Errors
    /// [`PtyError`] when the operating system has none.
    pub fn open() -> Result<(Self, PathBuf), PtyError> {
        let master = rustix::pty::openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).map_err(failed)?;
        rustix::io::fcntl_setfd(&master, rustix::io::FdFlags::CLOEXEC).map_err(failed)?;
        rustix::pty::grantpt(&master).map_err(failed)?;
        rustix::pty::unlockpt(&master).map_err(failed)?;
        let name = rustix::pty::ptsname(&master, Vec::new()).map_err(failed)?;
        let path = PathBuf::from(std::ffi::OsString::from_vec(name.into_bytes()));
        let prepare = |source: Errno| PtyError::Prepare { path: path.clone(), source: source.into() };
        let keeper =
            rustix::fs::open(&path, OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC, Mode::empty()).map_err(prepare)?;
        let mut line = rustix::termios::tcgetattr(&keeper).map_err(prepare)?;
        line.make_raw();
        rustix::termios::tcsetattr(&keeper, OptionalActions::Now, &line).map_err(prepare)?;
        let flags = rustix::fs::fcntl_getfl(&master).map_err(prepare)?;
        rustix::fs::fcntl_setfl(&master, flags | OFlags::NONBLOCK).map_err(prepare)?;
        let pty = Self {
            master,
            keeper,
            path: path.clone(),
            link: None,
            clock: Clock::start(),
            forgot: Instant::now(),
            dead: false,
        };
        Ok((pty, path))
    }

    /// The path that hosts open.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Gives the port a second, lasting name: a symbolic link that goes when the
    /// port goes. An older link of this name is replaced, a file isn't.
    ///
    /// # Errors
    /// [`PtyError::Link`].
    pub fn link(&mut self, at: &Path) -> Result<(), PtyError> {
        let failed = |source| PtyError::Link { path: at.into(), source };
        if at.is_symlink() {
            fs::remove_file(at).map_err(failed)?;
        }
        std::os::unix::fs::symlink(&self.path, at).map_err(failed)?;
        self.link = Some(at.into());
        Ok(())
    }

    /// A killed host leaves its exclusive flag on the terminal (a real port would
    /// lose it with its last handle; this one never loses the keeper's), and then no
    /// host but root could open it. The lock of a live host is the `flock`.
    fn forget_hosts(&mut self) {
        if self.forgot.elapsed() >= FORGET_HOSTS {
            self.forgot = Instant::now();
            let _ = rustix::termios::ioctl_tiocnxcl(&self.keeper);
        }
    }

    /// Whether a host holds the port's lock.
    fn is_held(&self) -> bool {
        let free = rustix::fs::flock(&self.keeper, FlockOperation::NonBlockingLockShared).is_ok();
        if free {
            let _ = rustix::fs::flock(&self.keeper, FlockOperation::Unlock);
        }
        !free
    }

    /// Tries `once` until it gets somewhere, sleeping in between.
    fn until<T>(
        &mut self,
        ready: PollFlags,
        wait: Duration,
        mut once: impl FnMut(&Self) -> rustix::io::Result<T>,
    ) -> Result<Option<T>, PipeError> {
        if self.dead {
            return Err(PipeError::Gone("the pseudo-terminal failed before".into()));
        }
        let end = Instant::now().checked_add(wait);
        let mut woken = false;
        loop {
            self.forget_hosts();
            match once(self) {
                Ok(value) => return Ok(Some(value)),
                Err(Errno::INTR) => {}
                // EIO: no host has it open, which the keeper prevents, but a vhangup doesn't.
                Err(Errno::AGAIN | Errno::IO) => {
                    // Ready and yet nothing: never spin on such an answer.
                    if woken {
                        std::thread::sleep(Duration::from_millis(1));
                    }
                }
                Err(error) => {
                    self.dead = true;
                    return Err(PipeError::Io(error.into()));
                }
            }
            let left = end.map_or(FORGET_HOSTS, |end| end.saturating_duration_since(Instant::now()));
            if left.is_zero() {
                return Ok(None);
            }
            woken = wait_for(&self.master, ready, left.min(FORGET_HOSTS));
        }
    }
}

impl Pipe for Pty {
    fn read(&mut self, buffer: &mut [u8], wait: Duration) -> Result<usize, PipeError> {
        if buffer.is_empty() {
            return Ok(0);
        }
        // Nothing read is no end here: hosts come and go.
        let got = self.until(PollFlags::IN, wait, |pty| match rustix::io::read(&pty.master, &mut *buffer) {
            Ok(0) => Err(Errno::AGAIN),
            answer => answer,
        })?;
        Ok(got.unwrap_or(0))
    }

    fn write(&mut self, bytes: &[u8], wait: Duration) -> Result<usize, PipeError> {
        if bytes.is_empty() {
            return Ok(0);
        }
        let taken = self.until(PollFlags::OUT, wait, |pty| match rustix::io::write(&pty.master, bytes) {
            Ok(0) | Err(Errno::AGAIN) if !pty.is_held() => {
                let _ = rustix::termios::tcflush(&pty.keeper, QueueSelector::IFlush);
                Ok(bytes.len())
            }
            Ok(0) => Err(Errno::AGAIN),
            answer => answer,
        })?;
        Ok(taken.unwrap_or(0))
    }

    fn now(&self) -> Duration {
        self.clock.now()
    }

    fn bypass(&self) -> Option<Bypass> {
        None
    }
}

impl Drop for Pty {
    fn drop(&mut self) {
        // Only its own link: another emulator may have taken the name over.
        if let Some(link) = self.link.take()
            && fs::read_link(&link).is_ok_and(|target| target == self.path)
        {
            let _ = fs::remove_file(link);
        }
    }
}

fn failed(error: Errno) -> PtyError {
    PtyError::Open(error.into())
}

fn wait_for(fd: &OwnedFd, ready: PollFlags, wait: Duration) -> bool {
    let time = Timespec { tv_sec: wait.as_secs() as _, tv_nsec: wait.subsec_nanos() as _ };
    // Whatever poll says, the next read or write says it better.
    poll(&mut [PollFd::new(fd, ready)], Some(&time)).is_ok_and(|count| count > 0)
}
