//! One session over one pipe: requests, replies, and what to do when they don't come.

use core::sync::atomic::{AtomicBool, Ordering};
use core::time::Duration;
use std::boxed::Box;
use std::string::{String, ToString as _};
use std::sync::Arc;
use std::vec::Vec;

use super::super::frame::{CONTROL_MAX, Decoder, Frame, Header, SAMPLES_MAX, VERSION, buffer_for, build, encoded_max};
use super::super::kind::{Class, Kind};
use super::super::pipe::{Pipe, PipeError};
use super::super::reply::{BUSY, REFUSED, REPLY, Refusal, Reply, SAMPLES, Welcome};
use super::super::request::Request;
use crate::hal::{Error, ErrorKind, Name, Outputs, Part, Result, ShotId};
use crate::safety::rules::{Rule, holds};

/// Codes of errors that the host half makes by itself, with part `Bench`.
pub mod code {
    /// The pipe failed.
    pub const PIPE: u32 = 1;
    /// No answer in time.
    pub const SILENT: u32 = 2;
    /// The bench no longer knows this session: it was restarted, or somebody
    /// else has taken it after the hold lease.
    pub const NO_SESSION: u32 = 3;
    /// The bench counts requests differently.
    pub const SEQUENCE: u32 = 4;
    /// The bench sent what the protocol doesn't allow.
    pub const PROTOCOL: u32 = 5;
    /// A request that may happen only once came too late and was not executed.
    pub const LATE: u32 = 6;
    /// The request isn't known to the bench, or not in its version.
    pub const UNSUPPORTED: u32 = 7;
}

/// What has happened on a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LinkStats {
    /// Requests, each counted once.
    pub requests: u64,
    /// Requests sent again.
    pub resent: u64,
    /// Bytes received.
    pub bytes: u64,
    /// Whole frames received.
    pub frames: u64,
    /// Damaged frames received.
    pub damaged: u64,
    /// Whole frames that no request waited for.
    pub strays: u64,
}

/// The time that replies take (Jacobson's estimate; retried ones don't count, as
/// Karn and Partridge say).
#[derive(Debug, Clone, Copy)]
struct RoundTrip {
    mean: Duration,
    deviation: Duration,
}

impl RoundTrip {
    fn add(&mut self, time: Duration) {
        let off = time.abs_diff(self.mean);
        self.mean = self.mean * 7 / 8 + time / 8;
        self.deviation = self.deviation * 3 / 4 + off / 4;
    }

    /// How long to wait before a request is sent again.
    fn patience(&self) -> Duration {
        // A shorter one would only double requests on a busy machine; a longer one
        // would lose the write lease to a single damaged frame.
        (self.mean + self.deviation * 4).clamp(Duration::from_millis(15), Duration::from_millis(500))
    }
}

/// What is done with samples as they come: number of the first, and their bytes.
/// Whether they were wanted: those of a flood aren't, and earn it no patience.
pub(super) type Sink<'s> = dyn FnMut(u64, &[u8]) -> bool + 's;

pub(super) struct Link {
    pipe: Box<dyn Pipe>,
    decoder: Box<Decoder<{ encoded_max(SAMPLES_MAX) }>>,
    input: Vec<u8>,
    taken: usize,
    filled: usize,
    session: u64,
    sequence: u32,
    /// The latest stamp from the device, and when it came.
    stamp: u64,
    heard: Duration,
    pub(super) welcome: Welcome,
    /// Version of the device where it is another.
    pub(super) other_version: Option<u8>,
    round_trip: RoundTrip,
    /// Why nothing goes any more.
    dead: Option<Error>,
    /// What the pipe said when it failed.
    pub(super) words: Option<String>,
    /// Shots armed or fired whose end hasn't been seen.
    open_shots: Vec<ShotId>,
    pub(super) off_wanted: Arc<AtomicBool>,
    /// Answers to the present request whose payload was none.
    malformed: u32,
    /// Longest for one request.
    patience: Duration,
    pub(super) stats: LinkStats,
}

impl core::fmt::Debug for Link {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Link").field("session", &self.session).field("stats", &self.stats).finish_non_exhaustive()
    }
}

/// Makes something of a frame, if it is one that is waited for.
type Wanted<'w, T> = dyn FnMut(&mut LinkStats, Frame<'_>) -> Option<T> + 'w;

/// What comes while a reply is waited for: samples (`None`), or the reply.
type Coming = Option<Reply>;

/// Why no session came about.
pub(super) enum Refused {
    Pipe(PipeError),
    Silent,
    Busy { owner: Name, since_ms: u64 },
    Greeting(Refusal),
}

/// The frame that makes any bench safe.
pub(super) fn off_frame() -> Vec<u8> {
    let mut buffer = [0; 64];
    let header = Header { version: VERSION, kind: Kind::Off.number(), ..Header::default() };
    build(&mut buffer, &header, |_| Some(0)).unwrap_or(&[]).to_vec()
}

/// How often a frame is sent that must not get lost and has no reply to wait for.
pub(super) const COPIES: usize = 3;

/// Longest that a read of the pipe lasts, so that a wish for darkness is seen.
const GLANCE: Duration = Duration::from_millis(20);

/// By how much later than its lease says a bench may go dark: a few of its ticks. Its
/// clock may be slower than the host's, too, by less than a thousandth.
const LATENESS: Duration = Duration::from_millis(5);

impl Link {
    pub(super) fn new(pipe: Box<dyn Pipe>, patience: Duration) -> Self {
        let heard = pipe.now();
        Self {
            pipe,
            decoder: Box::default(),
            input: std::vec![0; 1 << 16],
            taken: 0,
            filled: 0,
            session: 0,
            sequence: 0,
            stamp: 0,
            heard,
            welcome: Welcome {
                nonce: 0,
                minor: 0,
                abilities: Default::default(),
                boot: 0,
                identity: Default::default(),
                write_lease: 0,
                hold_lease: 0,
                samples: 0,
            },
            other_version: None,
            round_trip: RoundTrip { mean: Duration::from_millis(20), deviation: Duration::from_millis(10) },
            dead: None,
            words: None,
            open_shots: Vec::new(),
            off_wanted: Arc::default(),
            malformed: 0,
            patience,
            stats: LinkStats::default(),
        }
    }

    pub(super) fn now(&self) -> Duration {
        self.pipe.now()
    }

    pub(super) fn session(&self) -> u64 {
        self.session
    }

    pub(super) fn bypass(&self) -> Option<super::super::pipe::Bypass> {
        self.pipe.bypass()
    }

    /// Whether light above the read power may be on: then the write lease counts.
    pub(super) fn is_writing(&self) -> bool {
        !self.open_shots.is_empty()
    }

    pub(super) fn is_dead(&self) -> bool {
        self.dead.is_some()
    }

    pub(super) fn shot_opened(&mut self, shot: ShotId) {
        if !self.open_shots.contains(&shot) {
            self.open_shots.push(shot);
        }
    }

    pub(super) fn shot_over(&mut self, shot: ShotId) {
        self.open_shots.retain(|s| *s != shot);
    }

    pub(super) fn shots_over(&mut self) {
        self.open_shots.clear();
    }

    /// Greets until a session is granted.
    pub(super) fn greet(
        &mut self,
        nonce: u64,
        ends: u64,
        owner: Name,
        within: Duration,
    ) -> core::result::Result<(), Refused> {
        let end = self.now().saturating_add(within);
        let mut refused = Refused::Silent;
        let mut pause = Duration::from_millis(50);
        while self.now() < end {
            let header = Header { version: VERSION, kind: Kind::Hello.number(), ..Header::default() };
            self.send(&header, &Request::Hello { nonce, ends, minor: 0, owner }, end).map_err(Refused::Pipe)?;
            let until = (self.now() + pause).min(end);
            pause = (pause * 2).min(Duration::from_millis(400));
            loop {
                let answer =
                    self.receive(until, &mut |_, frame| match Reply::decode(frame.header.kind, frame.payload) {
                        Ok(Reply::Welcome(w))
                            if (w.nonce == nonce || !holds(Rule::WelcomeNonce)) && frame.header.session != 0 =>
                        {
                            Some((frame.header, Reply::Welcome(w)))
                        }
                        Ok(busy @ Reply::Busy { nonce: n, .. }) if n == nonce => Some((frame.header, busy)),
                        Ok(no @ Reply::Refused { to, .. }) if to == Kind::Hello.number() => Some((frame.header, no)),
                        _ => None,
                    });
                match answer.map_err(Refused::Pipe)? {
                    Some((header, Reply::Welcome(welcome))) => {
                        self.session = header.session;
                        self.sequence = 0;
                        self.stamp = header.stamp;
                        self.heard = self.now();
                        self.welcome = welcome;
                        self.other_version = (header.version != VERSION).then_some(header.version);
                        return Ok(());
                    }
                    Some((_, Reply::Busy { owner, since_ms, .. })) => {
                        refused = Refused::Busy { owner, since_ms };
                        // Asked again after the pause: the holder may be about to go.
                    }
                    // Nothing in it says whose greeting that was: asked again as well.
                    Some((_, Reply::Refused { why, .. })) => refused = Refused::Greeting(why),
                    Some(_) => {}
                    None => break,
                }
            }
        }
        Err(refused)
    }

    /// Asks and waits for the answer.
    pub(super) fn call(&mut self, request: &Request<'_>) -> Result<Reply> {
        self.call_with_samples(request, &mut |_, _| false)
    }

    /// The same, where samples come before the answer.
    pub(super) fn call_with_samples(&mut self, request: &Request<'_>, sink: &mut Sink<'_>) -> Result<Reply> {
        if let Some(error) = self.dead {
            return Err(self.aged(error));
        }
        let class = request.kind().class();
        if let Some(version) = self.other_version
            && request.kind().number() > Kind::Spec.number()
        {
            return Err(Error::new(Part::Bench, ErrorKind::NotSupported).with_code(version.into()));
        }
        let fresh = Duration::from_micros(u64::from(self.welcome.write_lease) / 3);
        if class == Class::Shot && self.now().saturating_sub(self.heard) > fresh {
            self.exchange(&Request::Alive, &mut |_, _| false)?;
        }
        self.exchange(request, sink)
    }

    /// Makes safe by the request that every version knows.
    pub(super) fn off(&mut self) -> Result<()> {
        if let Some(error) = self.dead {
            return Err(self.aged(error));
        }
        let done = self.exchange(&Request::Off, &mut |_, _| false).map(drop);
        // The bench doesn't count it.
        self.sequence = self.sequence.saturating_sub(1);
        done
    }

    fn exchange(&mut self, request: &Request<'_>, sink: &mut Sink<'_>) -> Result<Reply> {
        let kind = request.kind();
        let Some(sequence) = self.sequence.checked_add(1) else {
            return Err(self.die(ErrorKind::LinkLost, code::SEQUENCE));
        };
        self.sequence = sequence;
        self.stats.requests += 1;
        self.malformed = 0;
        let start = self.now();
        let mut end = start.saturating_add(self.patience);
        let mut patience = self.round_trip.patience();
        let mut sent = 0u32;
        let once = kind.class() == Class::Shot && holds(Rule::ShotOnce);
        // The same bytes again, with their old stamp: a fresh one could execute what
        // has been refused as too old, while the refusal is still on its way.
        let mut stamp = self.stamp;
        // The number of what came too late is used up by something harmless: a second
        // copy of the refusal would otherwise be taken for that of the next request.
        let mut late = false;
        while self.now() < end {
            let asked = if late { &Request::Alive } else { request };
            let kind_now = asked.kind().number();
            let header = Header { version: VERSION, kind: kind_now, session: self.session, sequence, stamp };
            if let Err(e) = self.send(&header, asked, end) {
                return Err(self.broken(&e));
            }
            sent += 1;
            self.stats.resent += u64::from(sent > 1);
            let quiet = patience;
            patience = (patience * 2).min(Duration::from_secs(1));
            match self.answer(sequence, kind, late, quiet, &mut end, sink) {
                Ok(None) if sent > 1 && self.malformed > 1 => {
                    // Not damage, which would be seen: it can't be talked to.
                    self.shout_off();
                    return Err(self.protocol_broken());
                }
                Ok(None) => {}
                Ok(Some(Reply::Refused { why: Refusal::Stale(_), .. })) if once && !holds(Rule::UsedUp) => {
                    self.sequence = self.sequence.saturating_sub(1);
                    return Err(Error::new(Part::Bench, ErrorKind::Timeout).with_code(code::LATE));
                }
                Ok(Some(Reply::Refused { why: Refusal::Stale(_), .. })) => {
                    // This host lives: the same again, with a fresh stamp, unless that were too late.
                    late |= once;
                    stamp = self.stamp;
                    patience = self.round_trip.patience();
                }
                Ok(Some(Reply::Done(Kind::Alive))) if late => {
                    return Err(Error::new(Part::Bench, ErrorKind::Timeout).with_code(code::LATE));
                }
                Ok(Some(reply)) => {
                    if sent == 1 {
                        self.round_trip.add(self.now().saturating_sub(start));
                    }
                    return self.understood(reply);
                }
                Err(e) => return Err(self.broken(&e)),
            }
        }
        if !holds(Rule::SequenceFresh) {
            self.sequence = self.sequence.saturating_sub(1);
            return Err(self.aged(Error::new(Part::Bench, ErrorKind::Timeout).with_code(code::SILENT)));
        }
        Err(self.die(ErrorKind::Timeout, code::SILENT))
    }

    /// A reply as the caller of a trait's method wants it.
    fn understood(&mut self, reply: Reply) -> Result<Reply> {
        let Reply::Refused { why, .. } = reply else { return Ok(reply) };
        let error = Error::new(Part::Bench, ErrorKind::NotSupported).with_code(code::UNSUPPORTED);
        Err(match why {
            Refusal::Failed(error) => error,
            Refusal::NoSession => {
                // Whoever ends a session makes safe.
                self.die(ErrorKind::LinkLost, code::NO_SESSION).with_outputs(Outputs::Off)
            }
            Refusal::Sequence(_) => self.die(ErrorKind::LinkLost, code::SEQUENCE),
            Refusal::Unsupported | Refusal::Version => error,
            // `exchange` has asked again.
            Refusal::Stale(_) => Error::new(Part::Bench, ErrorKind::Timeout).with_code(code::LATE),
            Refusal::Malformed => Error::new(Part::Bench, ErrorKind::InvalidArgument).with_code(code::PROTOCOL),
        })
    }

    /// The reply to a request, if it comes in time.
    fn answer(
        &mut self,
        sequence: u32,
        kind: Kind,
        late: bool,
        quiet: Duration,
        end: &mut Duration,
        sink: &mut Sink<'_>,
    ) -> core::result::Result<Option<Reply>, PipeError> {
        loop {
            let until = (self.now() + quiet).min(*end);
            match self.coming(sequence, kind, late, until, sink)? {
                // Samples of a slow line take their time: the wait begins anew with each frame.
                Some(None) => *end = self.now().saturating_add(self.patience),
                Some(Some(reply)) => return Ok(Some(reply)),
                None => return Ok(None),
            }
        }
    }

    fn coming(
        &mut self,
        sequence: u32,
        kind: Kind,
        late: bool,
        until: Duration,
        sink: &mut Sink<'_>,
    ) -> core::result::Result<Option<Coming>, PipeError> {
        let session = self.session;
        let mut malformed = 0;
        let coming = self.receive(until, &mut |stats, frame| {
            let header = frame.header;
            if header.session != session || (header.sequence != sequence && holds(Rule::ReplySequence)) {
                stats.strays += 1;
                return None;
            }
            if header.kind == SAMPLES {
                let parts = samples(frame.payload).filter(|_| kind == Kind::Samples);
                let taken = parts.is_some_and(|(first, bytes)| sink(first, bytes));
                stats.strays += u64::from(!taken);
                return taken.then_some(None);
            }
            let of = |number: u8| number == kind.number() || (late && number == Kind::Alive.number());
            // Not an echo of the request itself.
            let answers = header.kind & REPLY != 0 && (of(header.kind & !REPLY) || header.kind == REFUSED);
            let reply = Reply::decode(header.kind, frame.payload);
            malformed += u32::from(answers && reply.is_err());
            let fits = answers
                && match &reply {
                    Ok(Reply::Refused { to, .. }) => of(*to),
                    reply => reply.is_ok(),
                };
            stats.strays += u64::from(!fits);
            reply.ok().filter(|_| fits).map(Some)
        })?;
        self.malformed += malformed;
        Ok(coming)
    }

    /// Gives frames to `wanted` until it makes something of one, or time is up.
    fn receive<T>(
        &mut self,
        until: Duration,
        wanted: &mut Wanted<'_, T>,
    ) -> core::result::Result<Option<T>, PipeError> {
        loop {
            let mut input = self.input.get(self.taken..self.filled).unwrap_or(&[]);
            while let Some(frame) = self.decoder.next(&mut input) {
                self.taken = self.filled - input.len();
                let Ok(frame) = frame else {
                    self.stats.damaged += 1;
                    continue;
                };
                self.stats.frames += 1;
                if frame.header.session == self.session && frame.header.stamp > self.stamp {
                    self.stamp = frame.header.stamp;
                    self.heard = self.pipe.now();
                }
                if let Some(found) = wanted(&mut self.stats, frame) {
                    return Ok(Some(found));
                }
            }
            (self.taken, self.filled) = (0, 0);
            self.darken_if_wanted()?;
            let left = until.saturating_sub(self.pipe.now());
            if left.is_zero() {
                return Ok(None);
            }
            self.filled = self.pipe.read(&mut self.input, left.min(GLANCE))?.min(self.input.len());
            self.stats.bytes += self.filled as u64;
        }
    }

    /// Lets time pass, reading what comes.
    pub(super) fn wait(&mut self, until: Duration) {
        let waited: core::result::Result<Option<()>, PipeError> = self.receive(until, &mut |stats, _| {
            stats.strays += 1;
            None
        });
        if let Err(e) = waited {
            let _kept = self.broken(&e);
        }
    }

    /// Another thread wants darkness and had no way of its own.
    fn darken_if_wanted(&mut self) -> core::result::Result<(), PipeError> {
        if self.off_wanted.swap(false, Ordering::Relaxed) {
            let frame = off_frame();
            let end = self.now() + Duration::from_millis(100);
            for _ in 0..COPIES {
                self.put(&frame, end)?;
            }
        }
        Ok(())
    }

    fn send(&mut self, header: &Header, request: &Request<'_>, end: Duration) -> core::result::Result<(), PipeError> {
        let mut buffer = [0; buffer_for(CONTROL_MAX)];
        // A request that doesn't fit can't be made by this module.
        let bytes = build(&mut buffer, header, |room| request.encode(room)).unwrap_or(&[]);
        self.put(bytes, end)
    }

    fn put(&mut self, mut bytes: &[u8], end: Duration) -> core::result::Result<(), PipeError> {
        while !bytes.is_empty() {
            let left = end.saturating_sub(self.pipe.now());
            let taken = self.pipe.write(bytes, left.min(GLANCE))?;
            bytes = bytes.get(taken..).unwrap_or(&[]);
            if left.is_zero() && !bytes.is_empty() {
                break;
            }
        }
        Ok(())
    }

    /// Sends the frame that makes safe, without a session or a reply.
    pub(super) fn shout_off(&mut self) {
        let frame = off_frame();
        let end = self.now() + Duration::from_millis(100);
        for _ in 0..COPIES {
            if self.put(&frame, end).is_err() {
                break;
            }
        }
    }

    /// Makes safe and says goodbye, in bounded time and whatever the state.
    pub(super) fn farewell(&mut self) -> Result<()> {
        self.shout_off();
        if self.dead.is_some() || self.session == 0 {
            return Ok(());
        }
        self.patience = self.patience.min(Duration::from_millis(500));
        match self.exchange(&Request::Bye, &mut |_, _| false) {
            // Its reply was lost, and it was sent again.
            Err(Error { kind: ErrorKind::LinkLost, code: code::NO_SESSION, .. }) => return Ok(()),
            other => other?,
        };
        self.die(ErrorKind::LinkLost, code::NO_SESSION);
        Ok(())
    }

    fn broken(&mut self, why: &PipeError) -> Error {
        // An `Error` has no room for words.
        self.words.get_or_insert_with(|| why.to_string());
        self.die(ErrorKind::LinkLost, code::PIPE)
    }

    /// Ends the session on this side: whether the last request was executed isn't
    /// known, so no number may be used after it.
    fn die(&mut self, kind: ErrorKind, code: u32) -> Error {
        let error = Error::new(Part::Bench, kind).with_code(code);
        self.dead = Some(Error { kind: ErrorKind::LinkLost, ..error });
        self.open_shots.clear();
        self.aged(error)
    }

    /// The error with what is known of the outputs now: the bench makes safe by
    /// itself when its last proof of life is as old as the hold lease.
    fn aged(&self, error: Error) -> Error {
        if error.outputs != Outputs::Unchanged {
            return error;
        }
        let lease = Duration::from_micros(self.welcome.hold_lease.into());
        let off = self.heard + lease + lease / 1000 + LATENESS;
        let left = off.saturating_sub(self.now());
        if left.is_zero() {
            return error.with_outputs(Outputs::Off);
        }
        error.with_outputs(Outputs::OffByMs(u32::try_from(left.as_micros().div_ceil(1000)).unwrap_or(u32::MAX)))
    }

    pub(super) fn protocol_broken(&mut self) -> Error {
        self.die(ErrorKind::LinkLost, code::PROTOCOL)
    }
}

/// First number and bytes of a frame of samples.
fn samples(payload: &[u8]) -> Option<(u64, &[u8])> {
    let (first, rest) = payload.split_first_chunk::<8>()?;
    let (count, bytes) = rest.split_first_chunk::<2>()?;
    (bytes.len() == 2 * usize::from(u16::from_le_bytes(*count))).then_some((u64::from_le_bytes(*first), bytes))
}

const _: () = assert!(REFUSED & REPLY != 0 && BUSY & REPLY != 0 && SAMPLES & REPLY != 0);
