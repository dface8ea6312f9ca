//! The pipe over a serial port.

use core::fmt;
use core::time::Duration;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use disc_hal::wire::{Bypass, Clock, Pipe, PipeError};

use crate::classify::{Answer, System, classify};
use crate::error::OpenError;
use crate::line::Line;

/// A serial port as a pipe, the only user of its port for as long as it lives.
///
/// Dropping it waits up to 200 ms for bytes still under way, then throws the rest
/// away: a device that has stopped listening can't hold the program up.
///
/// # The bypass
///
/// It returns within 50 ms, whatever the line does. Where its bytes don't fit into
/// the operating system's queue at once, it throws away what is queued there and
/// puts its own in front: what the pipe was writing is lost half-way, which the
/// frames' checksums show to the other side. After the pipe is dropped it does
/// nothing, and doesn't keep the port open.
pub struct SerialPipe {
    line: Arc<Line>,
    path: PathBuf,
    clock: Clock,
    dead: Option<String>,
}

impl SerialPipe {
    /// Opens a port at a rate in bits per second. See the crate's page for what
    /// this does to the device. A pseudo-terminal takes any rate but 0.
    ///
    /// # Errors
    /// [`OpenError`]: what is wrong with which port, and what to do.
    pub fn open(path: impl AsRef<Path>, baud: u32) -> Result<Self, OpenError> {
        let path = path.as_ref();
        if baud == 0 {
            // B0 means hang up.
            return Err(OpenError::Unsupported { path: path.into(), baud, applied: None });
        }
        let line = Line::open(path, baud)?;
        Ok(Self { line: Arc::new(line), path: path.into(), clock: Clock::start(), dead: None })
    }

    /// The port's name, as it was opened.
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn alive(&self) -> Result<(), PipeError> {
        self.dead.as_ref().map_or(Ok(()), |why| Err(PipeError::Gone(why.clone())))
    }

    fn lost(&mut self, error: io::Error) -> PipeError {
        let path = self.path.display();
        let error = match classify(System::HERE, error.kind(), error.raw_os_error()) {
            Answer::Gone(words) => PipeError::Gone(format!("{path}: {words}")),
            // A line never hands these up; if it does, it isn't usable.
            Answer::Again | Answer::Failed => PipeError::Io(io::Error::new(error.kind(), format!("{path}: {error}"))),
        };
        self.dead = Some(match &error {
            PipeError::Gone(words) => words.clone(),
            other => other.to_string(),
        });
        error
    }
}

impl Pipe for SerialPipe {
    fn read(&mut self, buffer: &mut [u8], wait: Duration) -> Result<usize, PipeError> {
        self.alive()?;
        if buffer.is_empty() {
            return Ok(0);
        }
        self.line.read(buffer, wait).map_err(|error| self.lost(error))
    }

    fn write(&mut self, bytes: &[u8], wait: Duration) -> Result<usize, PipeError> {
        self.alive()?;
        if bytes.is_empty() {
            return Ok(0);
        }
        self.line.write(bytes, wait).map_err(|error| self.lost(error))
    }

    fn now(&self) -> Duration {
        self.clock.now()
    }

    fn bypass(&self) -> Option<Bypass> {
        // Weak: a handle kept for Ctrl-C mustn't keep the port locked.
        let line = Arc::downgrade(&self.line);
        Some(Bypass::new(move |bytes| {
            if let Some(line) = line.upgrade() {
                line.push(bytes);
            }
        }))
    }
}

impl fmt::Debug for SerialPipe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SerialPipe").field("path", &self.path).field("dead", &self.dead).finish_non_exhaustive()
    }
}
