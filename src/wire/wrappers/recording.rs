//! The file of a recorded run.
//!
//! Text, a line for each event, in the order of the calls; fields are parted by one
//! space and lines end with a line feed:
//!
//! ```text
//! disc-hal-pipe 1
//! 1204000 w 0003112200 1f0e33a1
//! 3900000 s 2 77ab01e0
//! 4100000 r 00020700 9a01c2d4
//! 4200000 b 0001ff00 07c1d2ee
//! 9000000 w - 51a0b7c3
//! 9300000 x r gone unplugged 0d4be1f0
//! 9400000 end 5c4b2a10
//! ```
//!
//! - Time of the pipe in nanoseconds, never falling.
//! - `r` read, `s` so many silent reads (nothing came) up to this time, `w` written
//!   (`-`: no room), `b` written through the bypass (told for
//!   the reader; its time is that of the next event), `x` an error of a read or a
//!   write with its kind and words, `end` once, last.
//! - The last field of every line but the first is the CRC-32C of all bytes of the
//!   file before it, so that a line changed, lost, doubled or swapped is found there.
//! - More than 16 KiB at once are several events of the same time.

use core::fmt::Write as _;
use core::time::Duration;
use std::io::{self, BufRead, Read};

use crc::{CRC_32_ISCSI, Crc, Digest};

use crate::wire::PipeError;

pub(super) const LONGEST: usize = 16 * 1024;
const HEADER: &str = "disc-hal-pipe 1\n";
/// Two digits a byte, and room for time and words.
const LONGEST_LINE: u64 = 2 * LONGEST as u64 + 1024;

static CRC: Crc<u32> = Crc::<u32>::new(&CRC_32_ISCSI);

/// What is wrong with a recording.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RecordingError {
    /// It is something else.
    #[error("not a recording of a pipe: the first line isn't \"disc-hal-pipe\" and a version")]
    NotARecording,
    /// It is newer than this program.
    #[error("a recording of version {0}, this program reads version 1: use a newer program")]
    Version(u32),
    /// Some of it was changed.
    #[error("the recording is damaged in line {line}: {what}")]
    Damaged {
        /// Where, from 1.
        line: u64,
        /// What doesn't fit.
        what: &'static str,
    },
    /// Its end is missing: the recording program was killed, or the disk was full.
    #[error("the recording is cut off in line {line}: its end mark is missing")]
    Cut {
        /// Where, from 1.
        line: u64,
    },
    /// It can't be read.
    #[error("the recording can't be read ({0})")]
    Io(#[from] io::Error),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Event {
    pub(super) time: Duration,
    pub(super) what: What,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum What {
    Read(Vec<u8>),
    Silent(u64),
    Written(Vec<u8>),
    Bypassed(Vec<u8>),
    Failed { reading: bool, kind: Kind, words: String },
    End,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Gone,
    Io,
    Replay,
}

impl Kind {
    pub(super) fn of(error: &PipeError) -> (Self, String) {
        match error {
            PipeError::Gone(words) => (Self::Gone, words.clone()),
            PipeError::Io(error) => (Self::Io, error.to_string()),
            PipeError::Replay(words) => (Self::Replay, words.clone()),
        }
    }

    pub(super) fn error(self, words: String) -> PipeError {
        match self {
            Self::Gone => PipeError::Gone(words),
            Self::Io => PipeError::Io(io::Error::other(words)),
            Self::Replay => PipeError::Replay(words),
        }
    }
}

/// Makes the lines of a recording.
pub(super) struct Writer {
    digest: Digest<'static, u32>,
    line: String,
}

impl Writer {
    pub(super) fn header() -> (Self, &'static str) {
        let mut digest = CRC.digest();
        digest.update(HEADER.as_bytes());
        (Self { digest, line: String::new() }, HEADER)
    }

    /// The lines for bytes that passed at once.
    pub(super) fn bytes(&mut self, time: Duration, sign: char, bytes: &[u8]) -> &str {
        self.line.clear();
        let mut start = 0;
        if bytes.is_empty() {
            self.line.push_str(&format!("{} {sign} - ", time.as_nanos()));
            start = self.check(start);
        }
        for part in bytes.chunks(LONGEST) {
            let _ = write!(self.line, "{} {sign} ", time.as_nanos());
            for byte in part {
                let _ = write!(self.line, "{byte:02x}");
            }
            self.line.push(' ');
            start = self.check(start);
        }
        &self.line
    }

    /// The line for reads in a row that brought nothing, the last at `time`.
    pub(super) fn silent(&mut self, time: Duration, reads: u64) -> &str {
        self.line = format!("{} s {reads} ", time.as_nanos());
        self.check(0);
        &self.line
    }

    pub(super) fn error(&mut self, time: Duration, reading: bool, error: &PipeError) -> &str {
        let (kind, words) = Kind::of(error);
        let kind = match kind {
            Kind::Gone => "gone",
            Kind::Io => "io",
            Kind::Replay => "replay",
        };
        // One line, and short enough to be read back.
        let words: String = words.chars().take(200).map(|c| if c.is_control() { ' ' } else { c }).collect();
        let sign = if reading { 'r' } else { 'w' };
        self.line = format!("{} x {sign} {kind} {words} ", time.as_nanos());
        self.check(0);
        &self.line
    }

    pub(super) fn end(&mut self, time: Duration) -> &str {
        self.line = format!("{} end ", time.as_nanos());
        self.check(0);
        &self.line
    }

    /// Closes the line that begins at `start`; returns where the next one does.
    fn check(&mut self, start: usize) -> usize {
        self.digest.update(&self.line.as_bytes()[start..]);
        let sum = format!("{:08x}\n", self.digest.clone().finalize());
        self.digest.update(sum.as_bytes());
        self.line.push_str(&sum);
        self.line.len()
    }
}

/// Reads the events of a recording, one after another.
pub(super) struct Reader<R> {
    source: R,
    digest: Digest<'static, u32>,
    line: u64,
    time: Duration,
}

impl<R: BufRead> Reader<R> {
    pub(super) fn open(mut source: R) -> Result<Self, RecordingError> {
        let mut first = Vec::new();
        (&mut source).take(64).read_until(b'\n', &mut first)?;
        if first != HEADER.as_bytes() {
            let version = str::from_utf8(&first).ok().and_then(|text| text.strip_prefix("disc-hal-pipe "));
            return Err(match version.and_then(|text| text.trim_end().parse().ok()) {
                // "disc-hal-pipe 1" without its line feed, or with another one.
                Some(1) => RecordingError::Cut { line: 1 },
                Some(version) => RecordingError::Version(version),
                None => RecordingError::NotARecording,
            });
        }
        let mut digest = CRC.digest();
        digest.update(&first);
        Ok(Self { source, digest, line: 1, time: Duration::ZERO })
    }

    /// Number of the line read last.
    pub(super) fn line(&self) -> u64 {
        self.line
    }

    /// The next event; not called again after [`What::End`].
    pub(super) fn next(&mut self) -> Result<Event, RecordingError> {
        self.line += 1;
        let line = self.line;
        let damaged = |what| RecordingError::Damaged { line, what };
        let mut bytes = Vec::new();
        (&mut self.source).take(LONGEST_LINE).read_until(b'\n', &mut bytes)?;
        let text = match bytes.strip_suffix(b"\n") {
            Some(text) => str::from_utf8(text).map_err(|_| damaged("not text"))?,
            None if bytes.len() as u64 == LONGEST_LINE => return Err(damaged("longer than any line")),
            None => return Err(RecordingError::Cut { line }),
        };
        let (fields, sum) = text.rsplit_once(' ').ok_or(damaged("fields are missing"))?;
        self.digest.update(&bytes[..=fields.len()]);
        let expected = format!("{:08x}", self.digest.clone().finalize());
        self.digest.update(&bytes[fields.len() + 1..]);
        if sum != expected {
            return Err(damaged("it or a line before it was changed (checksum)"));
        }
        // From here on the line is as it was written; what doesn't fit wasn't written by us.
        let (time, rest) = fields.split_once(' ').ok_or(damaged("fields are missing"))?;
        let time = Duration::from_nanos(time.parse().map_err(|_| damaged("time isn't a number"))?);
        if time < self.time {
            return Err(damaged("time runs backwards"));
        }
        self.time = time;
        let what = what(rest).map_err(damaged)?;
        if what == What::End {
            let mut more = [0];
            if self.source.read(&mut more)? > 0 {
                return Err(RecordingError::Damaged { line: line + 1, what: "more after the end mark" });
            }
        }
        Ok(Event { time, what })
    }
}

fn what(text: &str) -> Result<What, &'static str> {
    let (sign, rest) = text.split_once(' ').unwrap_or((text, ""));
    match sign {
        "end" if rest.is_empty() => Ok(What::End),
        "r" => Ok(What::Read(unhex(rest)?)),
        "s" => match rest.parse() {
            Ok(reads) if reads > 0 => Ok(What::Silent(reads)),
            _ => Err("not a number of reads"),
        },
        "b" => Ok(What::Bypassed(unhex(rest)?)),
        "w" if rest == "-" => Ok(What::Written(Vec::new())),
        "w" => Ok(What::Written(unhex(rest)?)),
        "x" => {
            let mut fields = rest.splitn(3, ' ');
            let reading = match fields.next() {
                Some("r") => true,
                Some("w") => false,
                _ => return Err("an error of neither read nor write"),
            };
            let kind = match fields.next() {
                Some("gone") => Kind::Gone,
                Some("io") => Kind::Io,
                Some("replay") => Kind::Replay,
                _ => return Err("an error of no known kind"),
            };
            Ok(What::Failed { reading, kind, words: fields.next().unwrap_or_default().into() })
        }
        _ => Err("no known event"),
    }
}

fn unhex(text: &str) -> Result<Vec<u8>, &'static str> {
    if text.is_empty() || !text.len().is_multiple_of(2) || text.len() > 2 * LONGEST {
        return Err("bytes are missing");
    }
    let digit = |c: u8| (c as char).to_digit(16).ok_or("not a hexadecimal digit");
    text.as_bytes().chunks(2).map(|pair| Ok((digit(pair[0])? << 4 | digit(pair[1])?) as u8)).collect()
}
