//! A device without hardware, in virtual time, whose every answer a script may spoil.

use core::time::Duration;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use disc_hal::wire::{
    Bypass, CONTROL_MAX, Decoder, Header, Kind, Pipe, PipeError, REFUSED, Refusal, Reply, Request, SAMPLES, encoded_max,
};

use crate::sheet::Sheet;
use crate::wire_support::line_of;

/// A frame that has come from the host.
#[derive(Debug, Clone)]
pub struct Asked {
    pub header: Header,
    pub payload: Vec<u8>,
    /// Whether its number is that of the last one.
    pub again: bool,
    /// How many frames came before.
    pub number: usize,
}

impl Asked {
    pub fn is(&self, kind: Kind) -> bool {
        self.header.kind == kind.number()
    }
}

/// What a device says, and how long after it was asked.
#[derive(Debug, Clone)]
pub struct Said {
    pub after: Duration,
    pub what: What,
}

#[derive(Debug, Clone)]
pub enum What {
    Frame(Header, Vec<u8>),
    Bytes(Vec<u8>),
}

impl Said {
    pub fn bytes(bytes: impl Into<Vec<u8>>) -> Self {
        Self { after: ANSWER, what: What::Bytes(bytes.into()) }
    }

    pub fn reply(asked: &Asked, reply: &Reply) -> Self {
        let header = Header { kind: reply.kind(), ..asked.header };
        let mut payload = vec![0; 1024];
        let length = reply.encode(&mut payload).unwrap();
        payload.truncate(length);
        Self { after: ANSWER, what: What::Frame(header, payload) }
    }

    pub fn refused(asked: &Asked, why: Refusal) -> Self {
        Self::reply(asked, &Reply::Refused { to: asked.header.kind, why })
    }

    pub fn late(mut self, by: Duration) -> Self {
        self.after += by;
        self
    }

    /// The same with another header.
    pub fn with(mut self, change: impl FnOnce(&mut Header)) -> Self {
        if let What::Frame(header, _) = &mut self.what {
            change(header);
        }
        self
    }

    /// The same with another payload.
    pub fn holding(mut self, change: impl FnOnce(&mut Vec<u8>)) -> Self {
        if let What::Frame(_, payload) = &mut self.what {
            change(payload);
        }
        self
    }
}

/// From question to answer, where all is well.
pub const ANSWER: Duration = Duration::from_millis(1);

/// What becomes of the answers to a question.
pub type Script = dyn FnMut(&Asked, Vec<Said>) -> Vec<Said> + Send;

/// Fills a buffer whenever the line has nothing else to bring.
pub type Flood = dyn FnMut(&mut [u8]) + Send;

/// How a link ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// The operating system says so.
    Gone,
    /// Bytes go nowhere, and none come.
    Silent,
    /// Nothing more is taken, and nothing comes.
    Blocked,
}

/// Everything of a device and its line.
pub struct World {
    pub sheet: Sheet,
    pub now: Duration,
    pub session: u64,
    /// Of the greeting that was answered last.
    nonce: Option<u64>,
    last: u32,
    kept: Vec<Said>,
    /// Next sample, and the end of the acquisition.
    pub sample: u64,
    pub length: u64,
    pub asked: Vec<Asked>,
    pub script: Box<Script>,
    pub flood: Option<Box<Flood>>,
    /// Bytes per second from the device.
    pub rate: f64,
    decoder: Decoder<{ encoded_max(CONTROL_MAX) }>,
    due: Vec<(Duration, Vec<u8>)>,
    /// After so many bytes each way the link ends.
    pub written: usize,
    pub read: usize,
    pub ends: Option<(End, usize, usize)>,
    over: bool,
    calls: u64,
}

/// The host's end of the line, and the test's view of what is behind it.
#[derive(Clone)]
pub struct Puppet(Arc<Mutex<World>>);

impl Puppet {
    pub fn new() -> Self {
        Self::with(|_, said| said)
    }

    pub fn with(script: impl FnMut(&Asked, Vec<Said>) -> Vec<Said> + Send + 'static) -> Self {
        Self(Arc::new(Mutex::new(World {
            sheet: Sheet::good(),
            now: Duration::ZERO,
            session: 3 << 32,
            nonce: None,
            last: 0,
            kept: Vec::new(),
            sample: 0,
            length: 0,
            asked: Vec::new(),
            script: Box::new(script),
            flood: None,
            rate: 1e6,
            decoder: Decoder::new(),
            due: Vec::new(),
            written: 0,
            read: 0,
            ends: None,
            over: false,
            calls: 0,
        })))
    }

    pub fn world(&self) -> MutexGuard<'_, World> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn set_script(&self, script: impl FnMut(&Asked, Vec<Said>) -> Vec<Said> + Send + 'static) {
        self.world().script = Box::new(script);
    }

    pub fn set_flood(&self, flood: impl FnMut(&mut [u8]) + Send + 'static) {
        self.world().flood = Some(Box::new(flood));
    }

    pub fn now(&self) -> Duration {
        self.world().now
    }

    /// How often a kind was asked for, each number once.
    pub fn count(&self, kind: Kind) -> usize {
        self.world().asked.iter().filter(|a| a.is(kind) && !a.again).count()
    }
}

impl World {
    fn take(&mut self, header: Header, payload: Vec<u8>) {
        let again = header.sequence != 0 && header.session == self.session && header.sequence == self.last;
        let asked = Asked { header, payload, again, number: self.asked.len() };
        let before = (self.last, self.kept.clone());
        let said = self.answer(&asked);
        let said = (self.script)(&asked, said);
        // What is refused as stale doesn't use its number.
        let stale = |s: &Said| matches!(&s.what, What::Frame(h, p) if h.kind == REFUSED && p.get(1) == Some(&3));
        if said.iter().any(stale) {
            (self.last, self.kept) = before;
        }
        self.asked.push(asked);
        for Said { after, what } in said {
            let due = self.now + after;
            let bytes = match what {
                What::Bytes(bytes) => bytes,
                What::Frame(mut header, payload) => {
                    // Like a device: its clock when the frame is sent.
                    if header.stamp <= self.stamp(self.now) {
                        header.stamp = self.stamp(due);
                    }
                    line_of(&header, &payload)
                }
            };
            let at = self.due.partition_point(|(other, _)| *other <= due);
            self.due.insert(at, (due, bytes));
        }
    }

    pub fn stamp(&self, at: Duration) -> u64 {
        1_000_000 + u64::try_from(at.as_micros()).unwrap()
    }

    /// What a device has to say by the page.
    fn answer(&mut self, asked: &Asked) -> Vec<Said> {
        let refuse = |why| vec![Said::refused(asked, why)];
        let Some(kind) = Kind::new(asked.header.kind) else { return refuse(Refusal::Unsupported) };
        let Ok(request) = Request::decode(kind, &asked.payload) else { return refuse(Refusal::Malformed) };
        match request {
            Request::Off => return vec![Said::reply(asked, &Reply::Done(kind))],
            Request::Hello { nonce, .. } => {
                // The same greeting again gets the same session, once it isn't used.
                if self.nonce.replace(nonce) != Some(nonce) || self.last > 0 {
                    self.session += 1;
                    (self.last, self.kept) = (0, Vec::new());
                }
                let mut welcome = self.sheet.welcome;
                welcome.nonce = nonce;
                let session = self.session;
                return vec![Said::reply(asked, &Reply::Welcome(welcome)).with(|h| h.session = session)];
            }
            _ => {}
        }
        if asked.header.session != self.session {
            return refuse(Refusal::NoSession);
        }
        if asked.again {
            return self.kept.clone();
        }
        if asked.header.sequence != self.last + 1 {
            return refuse(Refusal::Sequence(self.last + 1));
        }
        self.last = asked.header.sequence;
        if kind == Kind::Bye {
            self.session += 1;
        }
        let mut said = Vec::new();
        let reply = match request {
            Request::Samples { max } => self.samples(asked, u64::from(max), &mut said),
            Request::Acquire { acquisition } => {
                (self.sample, self.length) = (0, acquisition.length);
                Reply::Done(kind)
            }
            request => self.sheet.reply(&request),
        };
        said.push(Said::reply(asked, &reply));
        self.kept = vec![Said::reply(asked, &reply)];
        said
    }

    /// One channel, whose values are the low bits of their number.
    fn samples(&mut self, asked: &Asked, max: u64, said: &mut Vec<Said>) -> Reply {
        let first = self.sample;
        let end = self.length.min(first + max);
        while self.sample < end {
            let upto = end.min(self.sample + u64::from(self.sheet.welcome.samples));
            said.push(sample_frame(asked, self.sample, upto));
            self.sample = upto;
        }
        let length = usize::try_from(end - first).unwrap();
        let last = end == self.length;
        Reply::Samples { chunk: disc_hal::hal::Chunk { first, length, gap: 0, last } }
    }

    fn is_over(&mut self) -> Option<End> {
        let (end, written, read) = self.ends?;
        self.over |= self.written >= written || self.read >= read;
        self.over.then_some(end)
    }

    fn called(&mut self) {
        self.calls += 1;
        assert!(self.calls < 3_000_000, "the host spins");
    }
}

/// Samples of one channel, from one number up to another.
pub fn sample_frame(asked: &Asked, from: u64, upto: u64) -> Said {
    let mut payload = from.to_le_bytes().to_vec();
    payload.extend(u16::try_from(upto - from).unwrap().to_le_bytes());
    payload.extend((from..upto).flat_map(|n| (n as i16).to_le_bytes()));
    Said { after: ANSWER, what: What::Frame(Header { kind: SAMPLES, ..asked.header }, payload) }
}

impl Pipe for Puppet {
    fn read(&mut self, buffer: &mut [u8], wait: Duration) -> Result<usize, PipeError> {
        let mut world = self.world();
        let world = &mut *world;
        world.called();
        let until = world.now + wait;
        match world.is_over() {
            Some(End::Gone) => return Err(PipeError::Gone("unplugged".into())),
            Some(_) => {
                world.now = until;
                return Ok(0);
            }
            None => {}
        }
        let left = world.ends.map_or(usize::MAX, |(_, _, read)| read - world.read);
        let room = buffer.len().min(left);
        let buffer = &mut buffer[..room];
        let count = match world.due.first_mut() {
            Some((due, bytes)) if *due <= until => {
                world.now = world.now.max(*due);
                let count = bytes.len().min(buffer.len());
                buffer[..count].copy_from_slice(&bytes[..count]);
                bytes.drain(..count);
                if bytes.is_empty() {
                    world.due.remove(0);
                }
                count
            }
            _ => match &mut world.flood {
                Some(flood) => {
                    flood(buffer);
                    buffer.len()
                }
                None => {
                    world.now = until;
                    0
                }
            },
        };
        world.now += Duration::from_secs_f64(count as f64 / world.rate);
        world.read += count;
        Ok(count)
    }

    fn write(&mut self, bytes: &[u8], wait: Duration) -> Result<usize, PipeError> {
        let mut world = self.world();
        let world = &mut *world;
        world.called();
        match world.is_over() {
            Some(End::Gone) => return Err(PipeError::Gone("unplugged".into())),
            Some(End::Silent) => return Ok(bytes.len()),
            Some(End::Blocked) => {
                world.now += wait;
                return Ok(0);
            }
            None => {}
        }
        let left = world.ends.map_or(usize::MAX, |(_, written, _)| written - world.written);
        let count = bytes.len().min(left);
        world.written += count;
        let mut decoder = core::mem::take(&mut world.decoder);
        let mut input = &bytes[..count];
        while let Some(frame) = decoder.next(&mut input) {
            if let Ok(frame) = frame {
                let (header, payload) = (frame.header, frame.payload.to_vec());
                world.take(header, payload);
            }
        }
        world.decoder = decoder;
        Ok(count)
    }

    fn now(&self) -> Duration {
        self.world().now
    }

    fn bypass(&self) -> Option<Bypass> {
        None
    }
}
