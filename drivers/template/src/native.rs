//! STEP 5, on the host: how commands travel, and the opened tester.
//!
//! A command is a line, its name and numbers; so is the answer, `OK` and numbers or `NO`
//! and a code. Blocks are hexadecimal, samples as four digits each.

use core::fmt::{self, Write as _};
use core::time::Duration;
use std::io::{self, BufRead as _, BufReader, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use disc_hal::hal::{Bench, Chunk, Error, ErrorKind, Identity, Name, OffHandle, Outputs, Result, Rig, Sleep};
use disc_hal::safety;
use embedded_hal::delay::DelayNs;

use crate::board::{Answer, Board, Command, refusal};
use crate::parts::{Parts, broken};

/// How long the tester may take to answer. Longer than its slowest command takes.
pub const PATIENCE: Duration = Duration::from_secs(1);

/// What a byte of a long answer may take on top of it: a line of 1 MB/s.
const BYTE: Duration = Duration::from_micros(1);

/// The longest answer without a block.
const ANSWER: usize = 100;

/// Run lengths in a line.
const RUNS: usize = 8192;

/// What a tester is connected by: a socket, a serial line. A read or write that takes
/// longer than [`PATIENCE`] has to fail.
pub trait Stream: Read + Write + Send + fmt::Debug + 'static {}

impl<S: Read + Write + Send + fmt::Debug + 'static> Stream for S {}

/// One end of the line.
#[derive(Debug)]
struct Line<S> {
    stream: BufReader<S>,
    /// An answer is missing or makes no sense: the next one may be that of an earlier command.
    lost: bool,
}

impl<S: Stream> Line<S> {
    /// Sends a line and returns the answer, of at most `longest` bytes.
    fn exchange(&mut self, line: &str, longest: usize) -> io::Result<String> {
        self.stream.get_mut().write_all(line.as_bytes())?;
        self.stream.get_mut().flush()?;
        let start = Instant::now();
        let patience = PATIENCE + BYTE * u32::try_from(longest).unwrap_or(u32::MAX);
        let mut answer = Vec::new();
        // A read ends in time by itself; many of them, of a byte each, wouldn't.
        while answer.last() != Some(&b'\n') {
            if answer.len() >= longest {
                return Err(io::Error::new(io::ErrorKind::InvalidData, "the answer has no end"));
            }
            if start.elapsed() > patience {
                return Err(io::Error::new(io::ErrorKind::TimedOut, "the answer isn't whole in time"));
            }
            let came = self.stream.fill_buf()?;
            if came.is_empty() {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            let room = came.get(..longest - answer.len()).unwrap_or(came);
            let line = room.iter().position(|&b| b == b'\n').map_or(room, |end| &room[..=end]);
            answer.extend(line);
            let count = line.len();
            self.stream.consume(count);
        }
        String::from_utf8(answer).map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "the answer isn't text"))
    }

    /// The same as an error of the contract. What the tester did is unknown then.
    fn ask(&mut self, command: Command, line: &str, longest: usize) -> Result<String> {
        let error = |kind| Error::new(command.part(), kind).with_outputs(Outputs::Unknown);
        if self.lost {
            if command == Command::Off {
                // It may still hear, though nothing that it says can be believed.
                let _tried = self.stream.get_mut().write_all(line.as_bytes());
            }
            return Err(error(ErrorKind::LinkLost));
        }
        self.exchange(line, longest).map_err(|e| {
            self.lost = true;
            match e.kind() {
                io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => error(ErrorKind::Timeout),
                _ => error(ErrorKind::LinkLost),
            }
        })
    }
}

/// A handle on the line, for each part.
#[derive(Debug)]
pub struct Link<S>(Arc<Mutex<Line<S>>>);

impl<S> Clone for Link<S> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<S: Stream> Link<S> {
    /// A panic elsewhere leaves a line on which the tester can still be made safe.
    fn lock(&self) -> MutexGuard<'_, Line<S>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sends a command, a block behind its numbers, and returns the numbers of the answer
    /// and its block, of at most `longest` digits.
    fn send(&self, command: Command, numbers: &[i64], block: &[u8], longest: usize) -> Result<(Answer, String)> {
        let mut line = String::from(command.text());
        // Writing to a String doesn't fail.
        numbers.iter().for_each(|n| _ = write!(line, " {n}"));
        if !block.is_empty() {
            line.push(' ');
            block.iter().for_each(|b| _ = write!(line, "{b:02x}"));
        }
        line.push('\n');
        let mut link = self.lock();
        let answer = link.ask(command, &line, ANSWER + longest)?;
        parse(command, &answer).unwrap_or_else(|| {
            link.lost = true;
            Err(broken(command).with_outputs(Outputs::Unknown))
        })
    }
}

/// An answer; `None` if it is none.
fn parse(command: Command, line: &str) -> Option<Result<(Answer, String)>> {
    let mut words = line.split_ascii_whitespace();
    match words.next()? {
        "OK" => {
            let mut answer = [0; 4];
            for (slot, word) in answer.iter_mut().zip(words.by_ref()) {
                *slot = word.parse().ok()?;
            }
            Some(Ok((answer, words.next().unwrap_or_default().to_owned())))
        }
        "NO" => Some(Err(refusal(command, words.next()?.parse().ok()?))),
        _ => None,
    }
}

impl<S: Stream> Board for Link<S> {
    fn call(&self, command: Command, numbers: &[i64]) -> Result<Answer> {
        Ok(self.send(command, numbers, &[], 0)?.0)
    }

    fn feed(&self, slot: usize, source: u8, runs: &[u8]) -> Result<usize> {
        // A line of bounded length; who feeds asks again for the rest.
        let runs = runs.get(..RUNS).unwrap_or(runs);
        if runs.is_empty() {
            return Ok(0);
        }
        let ([taken, ..], _) = self.send(Command::Feed, &[slot as i64, source.into()], runs, 0)?;
        usize::try_from(taken).map_err(|_| broken(Command::Feed))
    }

    fn samples(&self, samples: &mut [i16]) -> Result<Chunk> {
        // All that there is and fits, in one answer: the contract has no shorter reads.
        let most = samples.len();
        let ([first, length, gap, last], block) = self.send(Command::Samples, &[most as i64], &[], 4 * most)?;
        let digits = block.as_bytes().chunks(4);
        let count = digits.len();
        let decoded = digits.map(|d| u16::from_str_radix(core::str::from_utf8(d).ok()?, 16).ok());
        for (slot, sample) in samples.iter_mut().zip(decoded) {
            *slot = sample.ok_or(broken(Command::Samples))?.cast_signed();
        }
        let number = |n: i64| u64::try_from(n).map_err(|_| broken(Command::Samples));
        let (first, length, gap) = (number(first)?, number(length)? as usize, number(gap)?);
        if count > most || length > count {
            return Err(broken(Command::Samples));
        }
        Ok(Chunk { first, length, gap, last: last != 0 })
    }
}

/// Why a tester can't be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The line can't be had, or nobody answers on it.
    #[error("the tester can't be reached ({0}); check that it is switched on, its address and the cable")]
    Line(#[from] io::Error),
    /// Somebody else answers.
    #[error("`{said}` answers, which is no Acme DT-1; check the address")]
    Stranger {
        /// What it said.
        said: String,
    },
    /// It answers, and can't be made safe.
    #[error("the tester can't be made safe: {0}")]
    Bench(#[from] Error),
}

/// An opened tester. Dropping it makes it safe.
#[derive(Debug)]
pub struct Tester<S: Stream = TcpStream, D = Sleep> {
    identity: Identity,
    link: Link<S>,
    parts: Parts<Link<S>>,
    delay: D,
}

impl Tester {
    /// Connects to a tester by its address and port.
    ///
    /// # Errors
    /// [`OpenError`], within some seconds.
    pub fn connect(address: impl ToSocketAddrs) -> core::result::Result<Self, OpenError> {
        let mut last = io::Error::new(io::ErrorKind::InvalidInput, "the address stands for no host");
        for address in address.to_socket_addrs()? {
            match TcpStream::connect_timeout(&address, PATIENCE) {
                Ok(stream) => {
                    stream.set_read_timeout(Some(PATIENCE))?;
                    stream.set_write_timeout(Some(PATIENCE))?;
                    // Commands are short, and each waits for its answer.
                    stream.set_nodelay(true)?;
                    return Self::open(stream, Sleep);
                }
                Err(e) => last = e,
            }
        }
        Err(last.into())
    }
}

impl<S: Stream, D: DelayNs + Send> Tester<S, D> {
    /// Opens the tester at the other end of `stream`: asks who it is and makes it safe.
    /// `delay` is [`Sleep`], or the clock of a simulated tester.
    ///
    /// # Errors
    /// [`OpenError`].
    pub fn open(stream: S, delay: D) -> core::result::Result<Self, OpenError> {
        let mut line = Line { stream: BufReader::new(stream), lost: false };
        let said = line.exchange("*IDN?\n", 4 * ANSWER)?.trim().to_owned();
        let names: Vec<&str> = said.split(',').map(str::trim).collect();
        let [vendor @ "Acme", model @ "DT-1", serial, firmware] = names[..] else {
            let said = said.chars().filter(|c| !c.is_control()).take(80).collect();
            return Err(OpenError::Stranger { said });
        };
        let [vendor, model, serial, firmware] = [vendor, model, serial, firmware].map(Name::new);
        let link = Link(Arc::new(Mutex::new(line)));
        let parts = Parts::new(&link, safety::boot());
        let mut tester = Self { identity: Identity { vendor, model, serial, firmware }, link, parts, delay };
        tester.make_safe()?;
        Ok(tester)
    }

    /// Dark, and the loops open.
    fn make_safe(&mut self) -> Result<()> {
        let bench = self.parts.bench(&mut self.delay);
        let off = bench.lasers.off();
        off.and(bench.focus.release())
    }
}

impl<S: Stream, D: DelayNs + Send> Rig for Tester<S, D> {
    fn identity(&self) -> &Identity {
        &self.identity
    }

    fn bench(&mut self) -> Bench<'_> {
        self.parts.bench(&mut self.delay)
    }

    fn off_handle(&self) -> OffHandle {
        let link = self.link.clone();
        OffHandle::new(move || {
            // Waits for a command that is under way: `PATIENCE` at most. What became of the
            // shots is found out by the next call.
            let _tried = link.call(Command::Off, &[]);
        })
    }

    fn close(&mut self) -> io::Result<()> {
        self.make_safe().map_err(io::Error::other)
    }
}

impl<S: Stream, D> Drop for Tester<S, D> {
    fn drop(&mut self) {
        // Errors are for `close`.
        let _tried = self.link.call(Command::Off, &[]);
    }
}
