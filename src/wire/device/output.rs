//! What is to be sent: replies first, then samples.

use super::super::codec::Writer;
use super::super::frame::{HEADER, Header, OVERHEAD, VERSION, build};
use super::super::kind::Kind;
use super::super::reply::{Refusal, Reply, SAMPLES as SAMPLES_KIND};
use super::DeviceConfig;
use crate::hal::{Bench, Channels, Chunk};

/// Bytes of the longest payload of a reply (that of a welcome).
const LONGEST: usize = 160;

/// A reply that waits to be sent.
#[derive(Debug)]
struct Letter<const N: usize> {
    kind: u8,
    session: u64,
    sequence: u32,
    payload: [u8; N],
    length: usize,
    /// To be sent (once more).
    due: bool,
}

impl<const N: usize> Letter<N> {
    const fn new() -> Self {
        Self { kind: 0, session: 0, sequence: 0, payload: [0; N], length: 0, due: false }
    }

    fn write(&mut self, session: u64, sequence: u32, reply: &Reply) {
        (self.session, self.sequence, self.kind) = (session, sequence, reply.kind());
        // Every reply that is written here fits.
        self.length = reply.encode(&mut self.payload).unwrap_or(0);
        self.due = true;
    }
}

/// A request for samples that is being answered.
#[derive(Debug, Clone, Copy)]
struct Reading {
    session: u64,
    sequence: u32,
    /// Samples that may still be sent, over all channels.
    credit: usize,
    /// What has been sent.
    sent: Option<Chunk>,
}

#[derive(Debug)]
pub(super) struct Output<const SAMPLES: usize, const ROOM: usize> {
    /// The frame that is being sent.
    frame: [u8; ROOM],
    from: usize,
    upto: usize,
    /// The reply to the last request.
    kept: Letter<LONGEST>,
    /// An answer that is no such reply.
    beside: Letter<64>,
    reading: Option<Reading>,
    pub(super) channels: Channels,
    samples: [i16; SAMPLES],
}

impl<const SAMPLES: usize, const ROOM: usize> Output<SAMPLES, ROOM> {
    pub(super) const fn new() -> Self {
        const { assert!(SAMPLES >= super::CHANNELS && ROOM >= 256) };
        Self {
            frame: [0; ROOM],
            from: 0,
            upto: 0,
            kept: Letter::new(),
            beside: Letter::new(),
            reading: None,
            channels: Channels::empty(),
            samples: [0; SAMPLES],
        }
    }

    /// The most samples that fit into a frame.
    pub(super) fn samples_max() -> usize {
        let bytes = ROOM.saturating_sub(ROOM / 254 + 8 + OVERHEAD + 10);
        (bytes / 2).clamp(1, SAMPLES)
    }

    pub(super) const fn is_quiet(&self) -> bool {
        self.from == self.upto && !self.kept.due && !self.beside.due && self.reading.is_none()
    }

    /// The reply to a request, to be sent and kept.
    pub(super) fn keep(&mut self, session: u64, sequence: u32, reply: &Reply) {
        self.reading = None;
        self.kept.write(session, sequence, reply);
    }

    /// An answer that nobody will ask for again.
    pub(super) fn beside(&mut self, session: u64, sequence: u32, reply: &Reply) {
        self.beside.write(session, sequence, reply);
    }

    /// The last reply once more. While its samples are still being sent, it will come anyway.
    pub(super) fn repeat(&mut self, sequence: u32) {
        if self.reading.is_none() && self.kept.sequence == sequence {
            self.kept.due = true;
        }
    }

    /// A new session: nothing of the old one is sent any more.
    pub(super) fn forget(&mut self) {
        self.reading = None;
        self.kept.due = false;
        self.channels = Channels::empty();
    }

    /// Begins to answer a request for samples.
    pub(super) fn read(&mut self, session: u64, sequence: u32, max: u32, _bench: &mut Bench<'_>) {
        let credit = usize::try_from(max).unwrap_or(usize::MAX);
        self.reading = Some(Reading { session, sequence, credit, sent: None });
    }

    /// Bytes of the present frame.
    pub(super) fn take(&mut self, out: &mut [u8]) -> usize {
        let waiting = self.frame.get(self.from..self.upto).unwrap_or(&[]);
        let count = waiting.len().min(out.len());
        for (o, b) in out.iter_mut().zip(waiting) {
            *o = *b;
        }
        self.from += count;
        count
    }

    /// Makes the next frame; false if there is none. Whatever samples there are,
    /// an answer waits for one frame of them at most.
    pub(super) fn make(&mut self, config: &DeviceConfig, bench: &mut Bench<'_>, now: u64) -> bool {
        if self.beside.due {
            self.beside.due = false;
            let Letter { kind, session, sequence, length, .. } = self.beside;
            let header = Header { version: VERSION, kind, session, sequence, stamp: now };
            return self.seal(&header, |from, w| w.bytes(from.beside.payload.get(..length).unwrap_or(&[])));
        }
        if !self.kept.due
            && let Some(reading) = self.reading
            && self.make_samples(reading, config, bench, now)
        {
            return true;
        }
        if self.kept.due {
            self.kept.due = false;
            let Letter { kind, session, sequence, length, .. } = self.kept;
            let header = Header { version: VERSION, kind, session, sequence, stamp: now };
            return self.seal(&header, |from, w| w.bytes(from.kept.payload.get(..length).unwrap_or(&[])));
        }
        false
    }

    /// A frame of samples; false if there are no more for this request, and its
    /// reply is due.
    fn make_samples(&mut self, mut reading: Reading, config: &DeviceConfig, bench: &mut Bench<'_>, now: u64) -> bool {
        let channels = usize::try_from(self.channels.count()).unwrap_or(1).max(1);
        let wanted = usize::from(config.samples).min(reading.credit) / channels * channels;
        let (session, sequence) = (reading.session, reading.sequence);
        if wanted == 0 && reading.sent.is_some() {
            let chunk = reading.sent.unwrap_or_default();
            self.keep(session, sequence, &Reply::Samples { chunk });
            return false;
        }
        let room = self.samples.get_mut(..wanted).unwrap_or(&mut []);
        let chunk = match (bench.detector.read(room), reading.sent) {
            (Ok(chunk), _) if chunk.length.saturating_mul(channels) <= wanted => chunk,
            // What has been sent is sent; the reason comes again with the next read.
            (_, Some(chunk)) => {
                self.keep(session, sequence, &Reply::Samples { chunk });
                return false;
            }
            (Err(error), None) => {
                let to = Kind::Samples.number();
                self.keep(session, sequence, &Reply::Refused { to, why: Refusal::Failed(error) });
                return false;
            }
            (Ok(_), None) => {
                use crate::hal::{Error, ErrorKind, Part};
                let error = Error::new(Part::Detector, ErrorKind::Fault);
                self.keep(
                    session,
                    sequence,
                    &Reply::Refused { to: Kind::Samples.number(), why: Refusal::Failed(error) },
                );
                return false;
            }
        };
        let count = chunk.length * channels;
        let sent = match reading.sent {
            None => chunk,
            Some(sent) => {
                let end = chunk.first.saturating_add(u64::try_from(chunk.length).unwrap_or(u64::MAX));
                let length = usize::try_from(end.saturating_sub(sent.first)).unwrap_or(usize::MAX);
                Chunk { length, last: chunk.last, ..sent }
            }
        };
        let gap_inside = reading.sent.is_some() && chunk.gap > 0;
        reading.sent = Some(sent);
        reading.credit -= count;
        if count < wanted || chunk.last || gap_inside || count == 0 {
            self.keep(session, sequence, &Reply::Samples { chunk: sent });
        } else {
            self.reading = Some(reading);
        }
        if count == 0 {
            return false;
        }
        let header = Header { version: VERSION, kind: SAMPLES_KIND, session, sequence, stamp: now };
        self.seal(&header, |from, w| {
            w.u64(chunk.first);
            w.u16(u16::try_from(count).unwrap_or(u16::MAX));
            w.samples(from.samples.get(..count).unwrap_or(&[]));
        })
    }

    /// Puts a frame into the transmit buffer.
    fn seal(&mut self, header: &Header, fill: impl FnOnce(&Parts<'_, SAMPLES>, &mut Writer<'_>)) -> bool {
        let Self { frame, kept, beside, samples, .. } = self;
        let parts = Parts { kept, beside, samples };
        let built = build(frame, header, |room| {
            let mut writer = Writer::new(room);
            fill(&parts, &mut writer);
            writer.end()
        });
        (self.from, self.upto) = (0, built.map_or(0, <[u8]>::len));
        self.upto > 0
    }
}

/// What a frame is made of.
struct Parts<'o, const SAMPLES: usize> {
    kept: &'o Letter<LONGEST>,
    beside: &'o Letter<64>,
    samples: &'o [i16; SAMPLES],
}

const _: () = assert!(HEADER + 4 == OVERHEAD);
