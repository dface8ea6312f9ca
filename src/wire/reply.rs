//! What a device answers.

use core::fmt;

use super::codec::{Malformed, Reader, Writer};
use super::kind::Kind;
use super::request::{MAGIC, part};
use super::spec::{Record, record};
use crate::hal::{
    AbortCause, Address, ArmToken, Chunk, ElectrodeReading, Error, ErrorKind, FocusFlags, FocusStatus, Identity,
    LaserStatus, Microamperes, Microcoulombs, MicrometresPerSecond, Microwatts, Millivolts, Name, Nanometres, Outcome,
    Outputs, ShotId, SpindleFlags, SpindleStatus, TrackingFlags, TrackingStatus,
};

/// Bit that tells a reply from a request.
pub const REPLY: u8 = 0x80;
/// Kind of a frame of samples.
pub const SAMPLES: u8 = 0xFD;
/// Kind of the answer to a greeting while somebody else holds the bench.
pub const BUSY: u8 = 0xFE;
/// Kind of a refusal.
pub const REFUSED: u8 = 0xFF;

bitflags::bitflags! {
    /// What a device is like.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
    pub struct Abilities: u8 {
        /// It has an electrode supply.
        const ELECTRODES = 1 << 0;
        /// Its time passes only by `Delay` requests: a simulated bench in the
        /// host's time.
        const HOST_CLOCK = 1 << 1;
    }
}

/// What a device says of itself when it opens a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Welcome {
    /// The number in the greeting that this answers.
    pub nonce: u64,
    /// The device's minor version.
    pub minor: u8,
    /// What it is like.
    pub abilities: Abilities,
    /// A number that differs from one start of the device to the next.
    pub boot: u32,
    /// Who it is.
    pub identity: Identity,
    /// Microseconds after the last proof of life at which light above the read
    /// power goes out.
    pub write_lease: u32,
    /// Microseconds after the last proof of life at which everything is made safe.
    pub hold_lease: u32,
    /// The most samples in a frame from this device.
    pub samples: u16,
}

/// Why a request was not executed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// The part said so.
    Failed(Error),
    /// The session in the header isn't the current one.
    NoSession,
    /// The number isn't the next; this one would be.
    Sequence(u32),
    /// The proof of life is too old, by this many microseconds; not executed.
    Stale(u32),
    /// A kind that the device doesn't know.
    Unsupported,
    /// A payload that isn't what its kind asks for.
    Malformed,
    /// The frame's version is another than the device's, and the kind isn't one
    /// that all versions share.
    Version,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failed(error) => write!(f, "{error}"),
            Self::NoSession => f.write_str("no such session"),
            Self::Sequence(next) => write!(f, "not the next request, which would be {next}"),
            Self::Stale(age) => write!(f, "too late by {age} us"),
            Self::Unsupported => f.write_str("not known to it"),
            Self::Malformed => f.write_str("malformed"),
            Self::Version => f.write_str("another version of the protocol"),
        }
    }
}

/// A reply.
#[derive(Debug, PartialEq, Eq)]
#[allow(missing_docs)] // The fields are what the contract's methods return.
pub enum Reply {
    /// To a request that returns nothing.
    Done(Kind),
    Welcome(Welcome),
    /// Somebody else holds the bench: to which greeting, who, and for how many
    /// milliseconds.
    Busy {
        nonce: u64,
        owner: Name,
        since_ms: u64,
    },
    Refused {
        to: u8,
        why: Refusal,
    },
    Spec(Record),
    /// Of `SetPower`.
    Power {
        applied: Microwatts,
    },
    /// Of `Monitor`.
    Light {
        seen: Microwatts,
    },
    Begun {
        shot: ShotId,
    },
    Fed {
        taken: u16,
    },
    Armed {
        token: ArmToken,
    },
    Outcome {
        outcome: Outcome,
    },
    Lasers {
        status: LaserStatus,
    },
    Voltage {
        held: Millivolts,
    },
    Measured {
        reading: ElectrodeReading,
    },
    /// Of `FocusOffset`.
    FocusOffset {
        applied: Nanometres,
    },
    Focus {
        status: FocusStatus,
    },
    /// Of `TrackingOffset`.
    TrackingOffset {
        applied: Nanometres,
    },
    Address {
        address: Option<Address>,
    },
    Tracking {
        status: TrackingStatus,
    },
    /// Ends the samples of a `Samples` request. `length` counts what was sent.
    Samples {
        chunk: Chunk,
    },
    Velocity {
        held: MicrometresPerSecond,
    },
    Spindle {
        status: SpindleStatus,
    },
}

impl Reply {
    /// The number of its kind.
    pub const fn kind(&self) -> u8 {
        let to = match self {
            Self::Done(kind) => *kind,
            Self::Busy { .. } => return BUSY,
            Self::Refused { .. } => return REFUSED,
            Self::Welcome(_) => Kind::Hello,
            Self::Spec(_) => Kind::Spec,
            Self::Power { .. } => Kind::SetPower,
            Self::Light { .. } => Kind::Monitor,
            Self::Begun { .. } => Kind::Begin,
            Self::Fed { .. } => Kind::Feed,
            Self::Armed { .. } => Kind::Arm,
            Self::Outcome { .. } => Kind::Outcome,
            Self::Lasers { .. } => Kind::LaserStatus,
            Self::Voltage { .. } => Kind::SetVoltage,
            Self::Measured { .. } => Kind::Measure,
            Self::FocusOffset { .. } => Kind::FocusOffset,
            Self::Focus { .. } => Kind::FocusStatus,
            Self::TrackingOffset { .. } => Kind::TrackingOffset,
            Self::Address { .. } => Kind::Address,
            Self::Tracking { .. } => Kind::TrackingStatus,
            Self::Samples { .. } => Kind::Samples,
            Self::Velocity { .. } => Kind::SetVelocity,
            Self::Spindle { .. } => Kind::SpindleStatus,
        };
        to.number() | REPLY
    }

    /// Writes the payload into `buffer` and returns its length; `None` if it
    /// doesn't fit.
    pub fn encode(&self, buffer: &mut [u8]) -> Option<usize> {
        let mut w = Writer::new(buffer);
        match self {
            Self::Done(_) => {}
            Self::Welcome(welcome) => put_welcome(&mut w, welcome),
            Self::Busy { nonce, owner, since_ms } => {
                w.u64(*nonce);
                w.name(owner);
                w.u64(*since_ms);
            }
            Self::Refused { to, why } => {
                w.u8(*to);
                put_refusal(&mut w, why);
            }
            Self::Spec(record) => record.put(&mut w),
            Self::Power { applied: power } | Self::Light { seen: power } => w.u32(power.0),
            Self::Begun { shot } => w.u64(shot.0),
            Self::Fed { taken } => w.u16(*taken),
            Self::Armed { token } => {
                w.u64(token.shot().0);
                w.u64(token.plan());
                w.u64(token.nonce());
            }
            Self::Outcome { outcome } => put_outcome(&mut w, *outcome),
            Self::Lasers { status } => w.u16(status.bits()),
            Self::Voltage { held } => w.i32(held.0),
            Self::Measured { reading } => {
                w.i32(reading.voltage.0);
                w.i32(reading.current.0);
                w.i64(reading.charge.0);
                w.bool(reading.limiting);
            }
            Self::FocusOffset { applied } | Self::TrackingOffset { applied } => w.i32(applied.0),
            Self::Focus { status } => {
                w.u8(status.flags.bits());
                w.i32(status.position.0);
            }
            Self::Address { address } => {
                w.bool(address.is_some());
                w.u32(address.unwrap_or_default().0);
            }
            Self::Tracking { status } => {
                w.u8(status.flags.bits());
                w.u32(status.crossings);
            }
            Self::Samples { chunk } => {
                w.u64(chunk.first);
                w.u32(u32::try_from(chunk.length).unwrap_or(u32::MAX));
                w.u64(chunk.gap);
                w.bool(chunk.last);
            }
            Self::Velocity { held } => w.u32(held.0),
            Self::Spindle { status } => {
                w.u8(status.flags.bits());
                w.u32(status.velocity.0);
                w.i32(status.radius.0);
            }
        }
        w.end()
    }

    /// The reply in a payload.
    ///
    /// # Errors
    /// [`Malformed`] for a kind that is no reply, a payload of any other length,
    /// or with a number in it that stands for nothing.
    pub fn decode(kind: u8, payload: &[u8]) -> Result<Self, Malformed> {
        let mut r = Reader::new(payload);
        let reply = match kind {
            BUSY => Self::Busy { nonce: r.u64()?, owner: r.name()?, since_ms: r.u64()? },
            REFUSED => Self::Refused { to: r.u8()?, why: refusal(&mut r)? },
            _ if kind & REPLY == 0 => return Err(Malformed),
            _ => match Kind::new(kind & !REPLY).ok_or(Malformed)? {
                Kind::Hello => Self::Welcome(welcome(&mut r)?),
                Kind::Spec => Self::Spec(record(&mut r)?),
                Kind::SetPower => Self::Power { applied: Microwatts(r.u32()?) },
                Kind::Monitor => Self::Light { seen: Microwatts(r.u32()?) },
                Kind::Begin => Self::Begun { shot: ShotId(r.u64()?) },
                Kind::Feed => Self::Fed { taken: r.u16()? },
                Kind::Arm => Self::Armed { token: ArmToken::new(ShotId(r.u64()?), r.u64()?, r.u64()?) },
                Kind::Outcome => Self::Outcome { outcome: outcome(&mut r)? },
                Kind::LaserStatus => Self::Lasers { status: LaserStatus::from_bits_truncate(r.u16()?) },
                Kind::SetVoltage => Self::Voltage { held: Millivolts(r.i32()?) },
                Kind::Measure => Self::Measured {
                    reading: ElectrodeReading {
                        voltage: Millivolts(r.i32()?),
                        current: Microamperes(r.i32()?),
                        charge: Microcoulombs(r.i64()?),
                        limiting: r.bool()?,
                    },
                },
                Kind::FocusOffset => Self::FocusOffset { applied: Nanometres(r.i32()?) },
                Kind::FocusStatus => Self::Focus {
                    status: FocusStatus {
                        flags: FocusFlags::from_bits_truncate(r.u8()?),
                        position: Nanometres(r.i32()?),
                    },
                },
                Kind::TrackingOffset => Self::TrackingOffset { applied: Nanometres(r.i32()?) },
                Kind::Address => match (r.bool()?, r.u32()?) {
                    (true, address) => Self::Address { address: Some(Address(address)) },
                    (false, 0) => Self::Address { address: None },
                    _ => return Err(Malformed),
                },
                Kind::TrackingStatus => Self::Tracking {
                    status: TrackingStatus { flags: TrackingFlags::from_bits_truncate(r.u8()?), crossings: r.u32()? },
                },
                Kind::Samples => Self::Samples {
                    chunk: Chunk {
                        first: r.u64()?,
                        length: usize::try_from(r.u32()?).map_err(|_| Malformed)?,
                        gap: r.u64()?,
                        last: r.bool()?,
                    },
                },
                Kind::SetVelocity => Self::Velocity { held: MicrometresPerSecond(r.u32()?) },
                Kind::SpindleStatus => Self::Spindle {
                    status: SpindleStatus {
                        flags: SpindleFlags::from_bits_truncate(r.u8()?),
                        velocity: MicrometresPerSecond(r.u32()?),
                        radius: Nanometres(r.i32()?),
                    },
                },
                kind => Self::Done(kind),
            },
        };
        r.end()?;
        Ok(reply)
    }
}

fn put_welcome(w: &mut Writer<'_>, welcome: &Welcome) {
    w.bytes(&MAGIC);
    w.u64(welcome.nonce);
    w.u8(welcome.minor);
    w.u8(welcome.abilities.bits());
    w.u32(welcome.boot);
    let Identity { vendor, model, serial, firmware } = &welcome.identity;
    [vendor, model, serial, firmware].into_iter().for_each(|name| w.name(name));
    w.u32(welcome.write_lease);
    w.u32(welcome.hold_lease);
    w.u16(welcome.samples);
}

fn welcome(r: &mut Reader<'_>) -> Result<Welcome, Malformed> {
    if r.bytes(4)? != MAGIC {
        return Err(Malformed);
    }
    Ok(Welcome {
        nonce: r.u64()?,
        minor: r.u8()?,
        abilities: Abilities::from_bits_truncate(r.u8()?),
        boot: r.u32()?,
        identity: Identity { vendor: r.name()?, model: r.name()?, serial: r.name()?, firmware: r.name()? },
        write_lease: r.u32()?,
        hold_lease: r.u32()?,
        samples: r.u16()?,
    })
}

/// Numbers of refusals.
const FAILED: u8 = 0;
const NO_SESSION: u8 = 1;
const SEQUENCE: u8 = 2;
const STALE: u8 = 3;
const UNSUPPORTED: u8 = 4;
const MALFORMED: u8 = 5;
const VERSION: u8 = 6;

fn put_refusal(w: &mut Writer<'_>, why: &Refusal) {
    let (reason, code) = match why {
        Refusal::Failed(error) => (FAILED, error.code),
        Refusal::NoSession => (NO_SESSION, 0),
        Refusal::Sequence(next) => (SEQUENCE, *next),
        Refusal::Stale(age) => (STALE, *age),
        Refusal::Unsupported => (UNSUPPORTED, 0),
        Refusal::Malformed => (MALFORMED, 0),
        Refusal::Version => (VERSION, 0),
    };
    w.u8(reason);
    w.u32(code);
    let (kind, part, outputs) = match why {
        Refusal::Failed(e) => (e.kind as u8, e.part as u8, e.outputs),
        _ => (0, 0, Outputs::Unchanged),
    };
    w.u8(kind);
    w.u8(part);
    let (state, ms) = match outputs {
        Outputs::Unchanged => (0, 0),
        Outputs::Off => (1, 0),
        Outputs::OffByMs(ms) => (2, ms),
        Outputs::Unknown => (3, 0),
    };
    w.u8(state);
    w.u32(ms);
}

fn refusal(r: &mut Reader<'_>) -> Result<Refusal, Malformed> {
    let (reason, code) = (r.u8()?, r.u32()?);
    let (kind, place, state, ms) = (r.u8()?, r.u8()?, r.u8()?, r.u32()?);
    if reason == FAILED {
        let kind = ErrorKind::ALL.iter().find(|k| **k as u8 == kind).ok_or(Malformed)?;
        let outputs = match (state, ms) {
            (0, 0) => Outputs::Unchanged,
            (1, 0) => Outputs::Off,
            (2, ms) => Outputs::OffByMs(ms),
            (3, 0) => Outputs::Unknown,
            _ => return Err(Malformed),
        };
        return Ok(Refusal::Failed(Error { kind: *kind, part: part(place)?, code, outputs }));
    }
    if (kind, place, state, ms) != (0, 0, 0, 0) {
        return Err(Malformed);
    }
    Ok(match (reason, code) {
        (NO_SESSION, 0) => Refusal::NoSession,
        (SEQUENCE, next) => Refusal::Sequence(next),
        (STALE, age) => Refusal::Stale(age),
        (UNSUPPORTED, 0) => Refusal::Unsupported,
        (MALFORMED, 0) => Refusal::Malformed,
        (VERSION, 0) => Refusal::Version,
        _ => return Err(Malformed),
    })
}

/// Causes of an abort, by number.
const CAUSES: [AbortCause; 7] = [
    AbortCause::Focus,
    AbortCause::Tracking,
    AbortCause::Interlock,
    AbortCause::Limit,
    AbortCause::Lease,
    AbortCause::Off,
    AbortCause::Spindle,
];

fn put_outcome(w: &mut Writer<'_>, outcome: Outcome) {
    let cause_number = |cause| CAUSES.iter().zip(0..).find(|(c, _)| **c == cause).map_or(u8::MAX, |(_, n)| n);
    let (state, at, cause) = match outcome {
        Outcome::Pending => (0, 0, 0),
        Outcome::Running { at } => (1, at, 0),
        Outcome::Done => (2, 0, 0),
        Outcome::NotDone => (3, 0, 0),
        Outcome::Unknown => (4, 0, 0),
        Outcome::Underrun { at } => (5, at, 0),
        Outcome::Aborted { at, cause } => (6, at, cause_number(cause)),
    };
    w.u8(state);
    w.u64(at);
    w.u8(cause);
}

fn outcome(r: &mut Reader<'_>) -> Result<Outcome, Malformed> {
    Ok(match (r.u8()?, r.u64()?, r.u8()?) {
        (0, 0, 0) => Outcome::Pending,
        (1, at, 0) => Outcome::Running { at },
        (2, 0, 0) => Outcome::Done,
        (3, 0, 0) => Outcome::NotDone,
        (4, 0, 0) => Outcome::Unknown,
        (5, at, 0) => Outcome::Underrun { at },
        (6, at, cause) => Outcome::Aborted { at, cause: *CAUSES.get(usize::from(cause)).ok_or(Malformed)? },
        _ => return Err(Malformed),
    })
}
