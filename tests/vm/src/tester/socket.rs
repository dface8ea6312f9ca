//! The serial line: a socket.

use core::time::Duration;
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::sync::Arc;

use disc_hal::wire::{Bypass, Clock, Pipe, PipeError};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

/// The line to the machine, for one bench after another.
pub(crate) struct Line {
    stream: Arc<UnixStream>,
}

impl Line {
    pub(crate) fn new(stream: UnixStream) -> io::Result<Self> {
        stream.set_nonblocking(true)?;
        Ok(Self { stream: Arc::new(stream) })
    }

    /// The bench's end of it.
    pub(crate) fn end(&self) -> End {
        End { stream: Arc::clone(&self.stream), clock: Clock::start() }
    }
}

/// The bench's end of the line.
pub(crate) struct End {
    stream: Arc<UnixStream>,
    clock: Clock,
}

impl End {
    /// Throws away what has come: it was for another bench.
    pub(crate) fn forget(&mut self) {
        let mut waste = [0; 4096];
        while (&*self.stream).read(&mut waste).is_ok_and(|count| count > 0) {}
    }

    fn until(
        &self,
        ready: PollFlags,
        wait: Duration,
        mut once: impl FnMut() -> io::Result<usize>,
    ) -> Result<usize, PipeError> {
        let end = self.clock.now() + wait;
        loop {
            match once() {
                Ok(count) => return Ok(count),
                Err(error) if error.kind() == ErrorKind::WouldBlock || error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
            let left = end.saturating_sub(self.clock.now());
            if left.is_zero() {
                return Ok(0);
            }
            let time = Timespec { tv_sec: left.as_secs() as _, tv_nsec: left.subsec_nanos().into() };
            // Whatever poll says, the next try says it better.
            let _ready = poll(&mut [PollFd::new(&*self.stream, ready)], Some(&time));
        }
    }
}

impl Pipe for End {
    fn read(&mut self, buffer: &mut [u8], wait: Duration) -> Result<usize, PipeError> {
        self.until(PollFlags::IN, wait, || match (&*self.stream).read(buffer) {
            // The machine has been switched off.
            Ok(0) => Err(ErrorKind::UnexpectedEof.into()),
            answer => answer,
        })
    }

    fn write(&mut self, bytes: &[u8], wait: Duration) -> Result<usize, PipeError> {
        self.until(PollFlags::OUT, wait, || (&*self.stream).write(bytes))
    }

    fn now(&self) -> Duration {
        self.clock.now()
    }

    fn bypass(&self) -> Option<Bypass> {
        None
    }
}
