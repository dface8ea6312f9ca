//! A recorded run in place of a device.

use core::fmt;
use core::time::Duration;
use std::io::BufRead;

use super::recording::{Event, Kind, Reader, RecordingError, What};
use crate::wire::{Bypass, Pipe, PipeError};

/// A run that reads this often where the recorded one didn't is stuck.
const EXTRA_READS: u32 = 10_000;

/// Repeats a run that [`Recorded`](super::Recorded) has written down: gives the bytes
/// that were read, and checks every byte that is written.
///
/// Time is virtual: every call takes it to where the recorded call ended, so that a
/// host finds its waits and time-outs as they were, whatever it is doing in between.
/// The borders of writes don't matter, their bytes and their order among the reads
/// do. A host may leave silent reads out or read more often: where the recorded run
/// was about to write, nothing comes, and time passes by the wait.
///
/// On the first difference every call fails with [`PipeError::Replay`], which says
/// where and what. What goes through the bypass isn't checked: its place depends on
/// other threads.
pub struct Replay<R> {
    events: Reader<R>,
    current: Option<Event>,
    /// How much of the event is done: bytes, or silent reads.
    used: usize,
    extra_reads: u32,
    now: Duration,
    dead: Option<String>,
    /// It failed as the recorded run did.
    over: bool,
}

impl<R: BufRead> Replay<R> {
    /// Starts to repeat a recording.
    ///
    /// # Errors
    /// [`RecordingError`] if it is none. Damage further on is found when the run gets
    /// there; [`verify`](Self::verify) finds it at once.
    pub fn open(recording: R) -> Result<Self, RecordingError> {
        Ok(Self {
            events: Reader::open(recording)?,
            current: None,
            used: 0,
            extra_reads: 0,
            now: Duration::ZERO,
            dead: None,
            over: false,
        })
    }

    /// Reads a whole recording and checks it.
    ///
    /// # Errors
    /// [`RecordingError`]: what is wrong with it, and where.
    pub fn verify(recording: R) -> Result<(), RecordingError> {
        let mut events = Reader::open(recording)?;
        while events.next()?.what != What::End {}
        Ok(())
    }

    /// Whether the run has done all that the recorded one did.
    ///
    /// # Errors
    /// [`PipeError::Replay`] with what it hasn't done.
    pub fn finish(mut self) -> Result<(), PipeError> {
        if !self.over {
            self.alive()?;
        }
        self.load_past_silence()?;
        match self.current {
            Some(Event { what: What::End, .. }) => Ok(()),
            _ => Err(self.differs("", "the end of the run")),
        }
    }

    /// Makes `current` the event that is due.
    fn load(&mut self) -> Result<(), PipeError> {
        while matches!(&self.current, None | Some(Event { what: What::Bypassed(_), .. })) {
            self.used = 0;
            self.extra_reads = 0;
            match self.events.next() {
                Ok(event) => self.current = Some(event),
                Err(error) => {
                    self.current = None;
                    return Err(self.fail(error.to_string()));
                }
            }
        }
        Ok(())
    }

    fn load_past_silence(&mut self) -> Result<(), PipeError> {
        self.load()?;
        while matches!(&self.current, Some(Event { what: What::Silent(_), .. })) {
            self.current = None;
            self.load()?;
        }
        Ok(())
    }

    fn fail(&mut self, words: String) -> PipeError {
        self.dead = Some(words.clone());
        PipeError::Replay(words)
    }

    fn differs(&mut self, expected: &str, found: &str) -> PipeError {
        let line = self.events.line();
        let (time, does) = match &self.current {
            Some(event) => (event.time, does(&event.what, self.used)),
            None => (self.now, String::new()),
        };
        let expected = if expected.is_empty() { String::new() } else { format!(" {expected}") };
        let words = format!("line {line}, at {:.6} s: expected{expected}{does}, found {found}", time.as_secs_f64());
        self.fail(words)
    }

    fn alive(&self) -> Result<(), PipeError> {
        self.dead.as_ref().map_or(Ok(()), |words| Err(PipeError::Replay(words.clone())))
    }

    /// Ends the run the way the recorded one did.
    fn ends(&mut self, kind: Kind, words: String) -> PipeError {
        self.dead = Some(format!("the recorded run has failed before this call ({words})"));
        self.over = true;
        self.current = None;
        kind.error(words)
    }
}

impl<R: BufRead + Send> Pipe for Replay<R> {
    fn read(&mut self, buffer: &mut [u8], wait: Duration) -> Result<usize, PipeError> {
        self.alive()?;
        if buffer.is_empty() {
            return Ok(0);
        }
        self.load()?;
        let Some(Event { time, what }) = &self.current else { return Ok(0) };
        match what {
            What::Read(bytes) => {
                let left = &bytes[self.used..];
                let count = left.len().min(buffer.len());
                buffer[..count].copy_from_slice(&left[..count]);
                self.now = self.now.max(*time);
                self.used += count;
                if count == left.len() {
                    self.current = None;
                }
                Ok(count)
            }
            What::Silent(reads) => {
                let left = reads - self.used as u64;
                // Where each of them ended isn't recorded: evenly.
                self.now += time.saturating_sub(self.now).div_f64(left as f64);
                self.used += 1;
                if left == 1 {
                    self.now = self.now.max(*time);
                    self.current = None;
                }
                Ok(0)
            }
            What::Failed { reading: true, kind, words } => {
                self.now = self.now.max(*time);
                let (kind, words) = (*kind, words.clone());
                Err(self.ends(kind, words))
            }
            What::End => Err(self.differs("", "another read")),
            _ => {
                self.extra_reads += 1;
                if self.extra_reads > EXTRA_READS {
                    return Err(self.differs("", "nothing but reads"));
                }
                self.now = self.now.saturating_add(wait);
                Ok(0)
            }
        }
    }

    fn write(&mut self, bytes: &[u8], _wait: Duration) -> Result<usize, PipeError> {
        self.alive()?;
        if bytes.is_empty() {
            return Ok(0);
        }
        self.load_past_silence()?;
        let Some(Event { time, what }) = &self.current else { return Ok(0) };
        match what {
            What::Written(recorded) => {
                let left = &recorded[self.used..];
                let count = left.len().min(bytes.len());
                if let Some(at) = (0..count).find(|&i| left[i] != bytes[i]) {
                    let (expected, found) = (hex(&left[at..]), hex(&bytes[at..]));
                    self.used += at;
                    return Err(self.differs(&expected, &found));
                }
                self.now = self.now.max(*time);
                self.used += count;
                // No room in the recorded run: none here.
                if count == left.len() {
                    self.current = None;
                }
                Ok(count)
            }
            What::Failed { reading: false, kind, words } => {
                self.now = self.now.max(*time);
                let (kind, words) = (*kind, words.clone());
                Err(self.ends(kind, words))
            }
            _ => {
                let found = format!("a write of {}", hex(bytes));
                Err(self.differs("", &found))
            }
        }
    }

    fn now(&self) -> Duration {
        self.now
    }

    fn bypass(&self) -> Option<Bypass> {
        Some(Bypass::new(|_| {}))
    }
}

fn does(what: &What, used: usize) -> String {
    match what {
        What::Read(bytes) => format!(" a read of {} bytes", bytes.len() - used),
        What::Silent(_) => " a read".into(),
        What::Written(_) => format!(" in byte {used} of a write"),
        What::Bypassed(_) => String::new(),
        What::Failed { reading: true, .. } => " a read that fails".into(),
        What::Failed { .. } => " a write that fails".into(),
        What::End => " the end".into(),
    }
}

fn hex(bytes: &[u8]) -> String {
    let mut text: Vec<String> = bytes.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    if bytes.len() > 16 {
        text.push("...".into());
    }
    text.join(" ")
}

impl<R> fmt::Debug for Replay<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Replay").field("now", &self.now).field("dead", &self.dead).finish_non_exhaustive()
    }
}
