//! A link that is written down.

use core::fmt;
use core::time::Duration;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use super::recording::Writer;
use crate::wire::{Bypass, Pipe, PipeError};

/// More than this many writes through the bypass between two calls of the pipe are
/// passed on, but not written down.
const BYPASSED: usize = 64;

/// Writes down a whole run, to be repeated by [`Replay`](super::Replay). The file is
/// text; its form is described in `src/wire/wrappers/recording.rs`, and its version is
/// in its first line.
///
/// Nothing is kept in memory: give it a buffered writer. Dropping it sets the end
/// mark too, but only [`finish`](Self::finish) says whether all was written. A
/// recording that can't be written (a full disk) ends; it never disturbs the link.
pub struct Recorded<P, W: io::Write> {
    pipe: P,
    log: Log<W>,
    bypassed: Arc<Mutex<Vec<Vec<u8>>>>,
    over: bool,
}

struct Log<W: io::Write> {
    out: Option<W>,
    lines: Writer,
    last: Duration,
    /// Reads without bytes that aren't written down yet.
    silent: u64,
    broken: Option<io::Error>,
}

impl<P: Pipe, W: io::Write + Send> Recorded<P, W> {
    /// Records what passes through `pipe` to `log`.
    pub fn new(pipe: P, log: W) -> Self {
        let (lines, header) = Writer::header();
        let mut log = Log { out: Some(log), lines, last: Duration::ZERO, silent: 0, broken: None };
        log.put(|_| header);
        Self { pipe, log, bypassed: Arc::default(), over: false }
    }

    /// Ends the recording and gives back both.
    ///
    /// # Errors
    /// What kept the recording from being written.
    pub fn finish(mut self) -> io::Result<(P, W)> {
        self.others();
        let now = self.pipe.now();
        let out = self.log.end(now)?;
        Ok((self.pipe, out))
    }

    /// Writes down what came before the event that is next.
    fn others(&mut self) {
        self.log.told();
        let bypassed = core::mem::take(&mut *self.bypassed.lock().unwrap_or_else(PoisonError::into_inner));
        for bytes in bypassed {
            let time = self.log.last;
            self.log.put(|lines| lines.bytes(time, 'b', &bytes));
        }
    }

    fn failed(&mut self, reading: bool, error: PipeError) -> PipeError {
        // After the first, every call fails: that goes without writing.
        if core::mem::replace(&mut self.over, true) {
            return error;
        }
        self.others();
        let time = self.log.at(self.pipe.now());
        self.log.put(|lines| lines.error(time, reading, &error));
        // The next thing may well be the end of the program.
        if let Some(out) = &mut self.log.out {
            let _ = out.flush();
        }
        error
    }
}

impl<P: Pipe, W: io::Write + Send> Pipe for Recorded<P, W> {
    fn read(&mut self, buffer: &mut [u8], wait: Duration) -> Result<usize, PipeError> {
        let count = self.pipe.read(buffer, wait).map_err(|error| self.failed(true, error))?;
        if count == 0 {
            self.log.silent(self.pipe.now(), !buffer.is_empty());
        } else {
            self.others();
            let time = self.log.at(self.pipe.now());
            self.log.put(|lines| lines.bytes(time, 'r', &buffer[..count]));
        }
        Ok(count)
    }

    fn write(&mut self, bytes: &[u8], wait: Duration) -> Result<usize, PipeError> {
        let count = self.pipe.write(bytes, wait).map_err(|error| self.failed(false, error))?;
        self.others();
        let time = self.log.at(self.pipe.now());
        if !bytes.is_empty() {
            self.log.put(|lines| lines.bytes(time, 'w', &bytes[..count]));
        }
        Ok(count)
    }

    fn now(&self) -> Duration {
        self.pipe.now()
    }

    fn bypass(&self) -> Option<Bypass> {
        let inner = self.pipe.bypass()?;
        let bypassed = Arc::clone(&self.bypassed);
        Some(Bypass::new(move |bytes| {
            // The bytes first: the list is for the reader of the recording.
            inner.write(bytes);
            let mut bypassed = bypassed.lock().unwrap_or_else(PoisonError::into_inner);
            if bypassed.len() < BYPASSED && !bytes.is_empty() {
                bypassed.push(bytes.to_vec());
            }
        }))
    }
}

impl<W: io::Write> Log<W> {
    /// Times never fall in a recording, whatever the pipe's clock does.
    fn at(&mut self, time: Duration) -> Duration {
        self.last = self.last.max(time);
        self.last
    }

    fn silent(&mut self, time: Duration, counts: bool) {
        self.at(time);
        self.silent += u64::from(counts);
    }

    fn told(&mut self) {
        let (time, reads) = (self.last, core::mem::take(&mut self.silent));
        if reads > 0 {
            self.put(|lines| lines.silent(time, reads));
        }
    }

    fn put<'a>(&'a mut self, line: impl FnOnce(&'a mut Writer) -> &'a str) {
        if let (Some(out), None) = (&mut self.out, &self.broken) {
            self.broken = out.write_all(line(&mut self.lines).as_bytes()).err();
        }
    }

    fn end(&mut self, time: Duration) -> io::Result<W> {
        self.told();
        let time = self.at(time);
        self.put(|lines| lines.end(time));
        let out = self.out.take();
        if let Some(error) = self.broken.take() {
            return Err(error);
        }
        let mut out = out.ok_or_else(|| io::Error::other("the recording has ended before"))?;
        out.flush()?;
        Ok(out)
    }
}

impl<W: io::Write> Drop for Log<W> {
    fn drop(&mut self) {
        if self.out.is_some() {
            let _ = self.end(self.last);
        }
    }
}

impl<P: fmt::Debug, W: io::Write> fmt::Debug for Recorded<P, W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recorded").field("pipe", &self.pipe).field("broken", &self.log.broken).finish_non_exhaustive()
    }
}
