//! An open port on unix.
//!
//! `serialport` opens, locks and sets up the port; bytes go through a second,
//! non-blocking handle of our own. Two reasons: on a blocking handle a write that
//! was told "there is room" still blocks until *all* its bytes have found some, and
//! `serialport` folds most codes of the operating system into "unknown".

use core::time::Duration;
use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::thread::sleep;
use std::time::Instant;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{FlockOperation, Mode, OFlags};
use rustix::io::Errno;
use rustix::termios::QueueSelector;
use serialport::{ClearBuffer, ErrorKind, SerialPort, TTYPort};

use crate::classify::{Answer, System, classify};
use crate::discover;
use crate::error::{OpenError, near_enough};

/// A port just closed can still be locked for a moment by a handle on its way out.
const BUSY_PATIENCE: Duration = Duration::from_millis(20);
const DRAIN: Duration = Duration::from_millis(200);
const BYPASS: Duration = Duration::from_millis(40);
/// Longest single sleep: bounds what a clock step or a lost wake-up can cost.
const SLEEP: Duration = Duration::from_secs(60);

pub(crate) struct Line {
    bytes: OwnedFd,
    /// Owner of the lock; closes after `bytes`, so that the lock is let go last.
    port: TTYPort,
}

impl Line {
    pub(crate) fn open(path: &Path, baud: u32) -> Result<Self, OpenError> {
        // What isn't a device is refused unopened: opening a FIFO or a tape has effects.
        let meta = std::fs::metadata(path).map_err(|error| opening(path, error))?;
        if let Some(what) = discover::other_than_device(&meta.file_type()) {
            return Err(OpenError::NotATerminal { path: path.into(), what });
        }
        let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let opened = |error: Errno| opening(path, error.into());
        let bytes = rustix::fs::open(path, flags, Mode::empty()).map_err(opened)?;
        match rustix::termios::tcgetattr(&bytes) {
            Ok(_) => {}
            Err(Errno::NOTTY | Errno::INVAL) => {
                return Err(OpenError::NotATerminal { path: path.into(), what: "a device of another kind" });
            }
            Err(error) => return Err(opened(error)),
        }
        // Asked before `serialport` asks: where it finds the port locked, it has set the
        // exclusive flag already and, on its way out, takes away the flag of the owner.
        let patience = Instant::now() + BUSY_PATIENCE;
        while let Err(error) = rustix::fs::flock(&bytes, FlockOperation::NonBlockingLockExclusive) {
            match error {
                Errno::INTR => {}
                Errno::AGAIN if Instant::now() < patience => sleep(Duration::from_millis(2)),
                Errno::AGAIN => return Err(busy(path)),
                error => return Err(opened(error)),
            }
        }
        rustix::fs::flock(&bytes, FlockOperation::Unlock).map_err(opened)?;

        let name = path.to_str().ok_or_else(|| {
            opening(path, io::Error::new(io::ErrorKind::InvalidInput, "the name isn't UTF-8: use another name for it"))
        })?;
        // DTR is left as it is: open has raised it, and dropping it would be one edge more.
        let port = TTYPort::open(&serialport::new(name, baud)).map_err(|error| setting_up(path, baud, error))?;
        let line = Self { bytes, port };
        if let Ok(applied) = line.port.baud_rate()
            && !near_enough(baud, applied)
        {
            return Err(OpenError::Unsupported { path: path.into(), baud, applied: Some(applied) });
        }
        // What came before belongs to nobody's conversation.
        line.port.clear(ClearBuffer::All).map_err(|error| setting_up(path, baud, error))?;
        Ok(line)
    }

    pub(crate) fn read(&self, buffer: &mut [u8], wait: Duration) -> io::Result<usize> {
        self.until(PollFlags::IN, wait, || match rustix::io::read(&self.bytes, &mut *buffer) {
            // A terminal without data says EAGAIN; nothing at all is what a hung-up one says, for ever.
            Ok(0) => Err(io::ErrorKind::UnexpectedEof.into()),
            answer => answer.map_err(io::Error::from),
        })
    }

    pub(crate) fn write(&self, bytes: &[u8], wait: Duration) -> io::Result<usize> {
        self.until(PollFlags::OUT, wait, || Ok(rustix::io::write(&self.bytes, bytes)?))
    }

    /// Writes all of `bytes` ahead of whatever is queued, or gives up in time.
    pub(crate) fn push(&self, bytes: &[u8]) {
        let end = Instant::now() + BYPASS;
        loop {
            match rustix::io::write(&self.bytes, bytes) {
                Ok(taken) if taken == bytes.len() => return,
                // A part of a frame is worth nothing: make room and write it again.
                Ok(_) | Err(Errno::AGAIN) => {
                    let _ = rustix::termios::tcflush(&self.bytes, QueueSelector::OFlush);
                }
                Err(Errno::INTR) => {}
                Err(_) => return,
            }
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            // The pipe's own write may hold the terminal for a moment.
            sleep(left.min(Duration::from_millis(1)));
        }
    }

    /// Tries `once` until it gets somewhere, sleeping in between; 0 if it doesn't in time.
    fn until(
        &self,
        ready: PollFlags,
        wait: Duration,
        mut once: impl FnMut() -> io::Result<usize>,
    ) -> io::Result<usize> {
        let end = Instant::now().checked_add(wait);
        let mut woken = false;
        loop {
            match once() {
                Ok(0) => {}
                Ok(count) => return Ok(count),
                Err(error) => {
                    if classify(System::HERE, error.kind(), error.raw_os_error()) != Answer::Again {
                        return Err(error);
                    }
                }
            }
            // Ready and yet nothing: never spin on such an answer.
            if woken {
                sleep(Duration::from_millis(1));
            }
            let left = end.map_or(SLEEP, |end| end.saturating_duration_since(Instant::now()));
            if left.is_zero() {
                return Ok(0);
            }
            let left = left.min(SLEEP);
            let time = Timespec { tv_sec: left.as_secs() as _, tv_nsec: left.subsec_nanos() as _ };
            // Whatever poll says, the next try says it better.
            woken = poll(&mut [PollFd::new(&self.bytes, ready)], Some(&time)).is_ok_and(|count| count > 0);
        }
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        // The kernel's own close waits up to 30 s for a line that doesn't move.
        let end = Instant::now() + DRAIN;
        while self.port.bytes_to_write().is_ok_and(|left| left > 0) {
            if Instant::now() >= end {
                let _ = self.port.clear(ClearBuffer::Output);
                return;
            }
            sleep(Duration::from_millis(2));
        }
    }
}

fn busy(path: &Path) -> OpenError {
    OpenError::Busy { path: path.into(), owner: discover::lock_owner(path) }
}

fn opening(path: &Path, source: io::Error) -> OpenError {
    let path = path.to_path_buf();
    match Errno::from_io_error(&source) {
        Some(Errno::NOENT | Errno::NOTDIR) => OpenError::NotFound { path },
        Some(Errno::ACCESS | Errno::PERM) => OpenError::PermissionDenied { path },
        Some(Errno::BUSY) => busy(&path),
        Some(Errno::NXIO | Errno::NODEV | Errno::IO) => OpenError::NoDevice { path, source },
        _ => OpenError::Io { path, source },
    }
}

/// Errors of `serialport`, which on unix says "no device" for a lock that is taken.
fn setting_up(path: &Path, baud: u32, error: serialport::Error) -> OpenError {
    match error.kind {
        ErrorKind::NoDevice => busy(path),
        ErrorKind::Io(io::ErrorKind::NotFound) => OpenError::NotFound { path: path.into() },
        ErrorKind::Io(io::ErrorKind::PermissionDenied) => OpenError::PermissionDenied { path: path.into() },
        // EINVAL has no kind of its own there.
        ErrorKind::Unknown if error.description == "Invalid argument" => {
            OpenError::Unsupported { path: path.into(), baud, applied: None }
        }
        _ => OpenError::Io { path: path.into(), source: error.into() },
    }
}
