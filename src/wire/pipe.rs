//! Two-way streams of bytes, which is all that the protocol asks of a link.

use core::fmt;
use core::time::Duration;
use std::io;
use std::sync::Arc;
use std::time::Instant;

/// Why a pipe can't be used any more. Whatever it says, the link is lost: open
/// it again.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PipeError {
    /// The device is no longer there (unplugged, switched off, its program ended).
    #[error("the device is gone ({0})")]
    Gone(String),
    /// The operating system failed.
    #[error("the link failed ({0})")]
    Io(#[from] io::Error),
    /// A replay met a write that isn't in its recording.
    #[error("this run differs from the recorded one: {0}")]
    Replay(String),
}

/// A two-way stream of bytes to a device: a serial line, a pair of USB
/// endpoints, a loopback. The borders of reads and writes carry no meaning.
///
/// # For driver authors
///
/// Every call returns within its `wait`, plus what the operating system needs.
/// No busy loop: a call that waits sleeps. After an error the pipe is dead, and
/// every later call returns an error at once.
pub trait Pipe: Send {
    /// Reads what has come, at least a byte, into the front of `buffer` and
    /// returns how many; 0 if nothing came within `wait`.
    ///
    /// # Errors
    /// [`PipeError`] when nothing can come any more.
    fn read(&mut self, buffer: &mut [u8], wait: Duration) -> Result<usize, PipeError>;

    /// Writes from the front of `bytes` and returns how many were taken; 0 if
    /// none could be within `wait`.
    ///
    /// # Errors
    /// [`PipeError`] when nothing can be written any more.
    fn write(&mut self, bytes: &[u8], wait: Duration) -> Result<usize, PipeError>;

    /// Time since some fixed moment, on the clock by which this pipe waits: real
    /// for a real link, virtual in a simulated or replayed one.
    fn now(&self) -> Duration;

    /// A second way into the same link, for making it safe from another thread
    /// while this one is blocked; `None` where there is none.
    fn bypass(&self) -> Option<Bypass>;
}

impl<P: Pipe + ?Sized> Pipe for Box<P> {
    fn read(&mut self, buffer: &mut [u8], wait: Duration) -> Result<usize, PipeError> {
        (**self).read(buffer, wait)
    }

    fn write(&mut self, bytes: &[u8], wait: Duration) -> Result<usize, PipeError> {
        (**self).write(bytes, wait)
    }

    fn now(&self) -> Duration {
        (**self).now()
    }

    fn bypass(&self) -> Option<Bypass> {
        (**self).bypass()
    }
}

/// Writes into a link past whatever its pipe is busy with: best effort, bounded
/// in time, from any thread.
#[derive(Clone)]
pub struct Bypass(Arc<Write>);

type Write = dyn Fn(&[u8]) + Send + Sync;

impl Bypass {
    /// For driver authors: a bypass that hands bytes to `write`, which must
    /// neither block for long nor panic.
    pub fn new(write: impl Fn(&[u8]) + Send + Sync + 'static) -> Self {
        Self(Arc::new(write))
    }

    /// Writes what can be written at once.
    pub fn write(&self, bytes: &[u8]) {
        (self.0)(bytes);
    }
}

impl fmt::Debug for Bypass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Bypass")
    }
}

/// The real clock, for [`Pipe::now`].
#[derive(Debug, Clone, Copy)]
pub struct Clock(Instant);

impl Clock {
    /// A clock that starts now.
    pub fn start() -> Self {
        Self(Instant::now())
    }

    /// Time since its start.
    pub fn now(&self) -> Duration {
        self.0.elapsed()
    }
}
