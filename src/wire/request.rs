//! What a host asks of a device.

use super::codec::{Malformed, Reader, Writer};
use super::kind::Kind;
use crate::hal::{
    Acquisition, Address, ArmToken, Channels, Electrode, Few, FocusCapture, Hertz, MicrometresPerSecond, Microwatts,
    Millivolts, MillivoltsPerSecond, Name, Nanojoules, Nanometres, Part, Picoseconds, Polarity, ShotClock, ShotId,
    ShotPlan, ShotSpot, Source, TrackingMethod, Trigger, WriteStrategy,
};

/// The first bytes of a greeting.
pub const MAGIC: [u8; 4] = *b"DHAL";

/// The most run lengths in one request.
pub const RUNS_PER_FRAME: usize = 1200;

/// The index that asks for what holds for a part as a whole.
pub const WHOLE: u8 = 0xFF;

/// Run lengths in a frame: four bits each where all are below 16, else eight.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Runs<'b> {
    /// As they are handed in, each 1 to 255.
    Plain(&'b [u8]),
    /// As they came in, eight bits each.
    Bytes(&'b [u8]),
    /// As they came in, four bits each, the first in the low half; so many.
    Nibbles(&'b [u8], u16),
}

impl Runs<'_> {
    /// Writes them into `out` and returns those.
    pub fn unpack<'o>(&self, out: &'o mut [u8; RUNS_PER_FRAME]) -> &'o [u8] {
        let count = match *self {
            Self::Plain(bytes) | Self::Bytes(bytes) => {
                out.iter_mut().zip(bytes).for_each(|(o, b)| *o = *b);
                bytes.len()
            }
            Self::Nibbles(bytes, count) => {
                for (pair, b) in out.chunks_mut(2).zip(bytes) {
                    pair.iter_mut().zip([b & 15, b >> 4]).for_each(|(o, n)| *o = n);
                }
                usize::from(count)
            }
        };
        out.get(..count).unwrap_or(&[])
    }
}

/// A request.
#[derive(Debug, PartialEq, Eq)]
#[allow(missing_docs)] // The fields are those of the contract's methods.
pub enum Request<'b> {
    /// Asks for a session: a number of the host's own choice that the answer
    /// repeats, the session that the same host wants to end (or 0), the host's
    /// minor version, and who it is.
    Hello {
        nonce: u64,
        ends: u64,
        minor: u8,
        owner: Name,
    },
    Bye,
    Off,
    Alive,
    Spec {
        part: Part,
        index: u8,
    },
    Delay {
        ns: u32,
    },
    SetPower {
        source: Source,
        power: Microwatts,
    },
    Monitor {
        source: Source,
    },
    Load {
        source: Source,
        strategy: WriteStrategy,
    },
    Begin {
        plan: ShotPlan,
    },
    Feed {
        shot: ShotId,
        source: Source,
        runs: Runs<'b>,
    },
    Arm {
        shot: ShotId,
    },
    Fire {
        token: ArmToken,
    },
    Outcome {
        shot: ShotId,
    },
    LaserStatus,
    ClearTrip,
    LasersOff,
    SetVoltage {
        electrode: Electrode,
        voltage: Millivolts,
        slew: MillivoltsPerSecond,
    },
    Measure {
        electrode: Electrode,
    },
    MakeSafe,
    Sweep {
        from: Nanometres,
        to: Nanometres,
        speed: MicrometresPerSecond,
    },
    FocusEngage {
        source: Source,
        capture: FocusCapture,
    },
    FocusRelease,
    FocusOffset {
        offset: Nanometres,
    },
    FocusJump {
        layers: i8,
    },
    FocusStatus,
    TrackingEngage {
        source: Source,
        method: TrackingMethod,
        polarity: Polarity,
    },
    TrackingRelease,
    TrackingOffset {
        offset: Nanometres,
    },
    TrackingJump {
        tracks: i32,
    },
    Seek {
        address: Address,
    },
    Address,
    TrackingStatus,
    Acquire {
        acquisition: Acquisition,
    },
    /// Lets the device send at most so many samples, over all channels.
    Samples {
        max: u32,
    },
    Stop,
    SetVelocity {
        velocity: MicrometresPerSecond,
    },
    MoveTo {
        radius: Nanometres,
    },
    SpindleStatus,
}

impl<'b> Request<'b> {
    /// Its kind.
    pub const fn kind(&self) -> Kind {
        match self {
            Self::Hello { .. } => Kind::Hello,
            Self::Bye => Kind::Bye,
            Self::Off => Kind::Off,
            Self::Alive => Kind::Alive,
            Self::Spec { .. } => Kind::Spec,
            Self::Delay { .. } => Kind::Delay,
            Self::SetPower { .. } => Kind::SetPower,
            Self::Monitor { .. } => Kind::Monitor,
            Self::Load { .. } => Kind::Load,
            Self::Begin { .. } => Kind::Begin,
            Self::Feed { .. } => Kind::Feed,
            Self::Arm { .. } => Kind::Arm,
            Self::Fire { .. } => Kind::Fire,
            Self::Outcome { .. } => Kind::Outcome,
            Self::LaserStatus => Kind::LaserStatus,
            Self::ClearTrip => Kind::ClearTrip,
            Self::LasersOff => Kind::LasersOff,
            Self::SetVoltage { .. } => Kind::SetVoltage,
            Self::Measure { .. } => Kind::Measure,
            Self::MakeSafe => Kind::MakeSafe,
            Self::Sweep { .. } => Kind::Sweep,
            Self::FocusEngage { .. } => Kind::FocusEngage,
            Self::FocusRelease => Kind::FocusRelease,
            Self::FocusOffset { .. } => Kind::FocusOffset,
            Self::FocusJump { .. } => Kind::FocusJump,
            Self::FocusStatus => Kind::FocusStatus,
            Self::TrackingEngage { .. } => Kind::TrackingEngage,
            Self::TrackingRelease => Kind::TrackingRelease,
            Self::TrackingOffset { .. } => Kind::TrackingOffset,
            Self::TrackingJump { .. } => Kind::TrackingJump,
            Self::Seek { .. } => Kind::Seek,
            Self::Address => Kind::Address,
            Self::TrackingStatus => Kind::TrackingStatus,
            Self::Acquire { .. } => Kind::Acquire,
            Self::Samples { .. } => Kind::Samples,
            Self::Stop => Kind::Stop,
            Self::SetVelocity { .. } => Kind::SetVelocity,
            Self::MoveTo { .. } => Kind::MoveTo,
            Self::SpindleStatus => Kind::SpindleStatus,
        }
    }

    /// Writes the payload into `buffer` and returns its length; `None` if it
    /// doesn't fit.
    pub fn encode(&self, buffer: &mut [u8]) -> Option<usize> {
        let mut w = Writer::new(buffer);
        match self {
            Self::Hello { nonce, ends, minor, owner } => {
                w.bytes(&MAGIC);
                w.u64(*nonce);
                w.u64(*ends);
                w.u8(*minor);
                w.name(owner);
            }
            Self::Spec { part, index } => {
                w.u8(*part as u8);
                w.u8(*index);
            }
            Self::Delay { ns } => w.u32(*ns),
            Self::SetPower { source, power } => {
                w.u8(source.0);
                w.u32(power.0);
            }
            Self::Monitor { source } => w.u8(source.0),
            Self::Load { source, strategy } => {
                w.u8(source.0);
                put_strategy(&mut w, strategy);
            }
            Self::Begin { plan } => put_plan(&mut w, plan),
            Self::Feed { shot, source, runs } => {
                w.u64(shot.0);
                w.u8(source.0);
                put_runs(&mut w, runs);
            }
            Self::Arm { shot } | Self::Outcome { shot } => w.u64(shot.0),
            Self::Fire { token } => {
                w.u64(token.shot().0);
                w.u64(token.plan());
                w.u64(token.nonce());
            }
            Self::SetVoltage { electrode, voltage, slew } => {
                w.u8(electrode.0);
                w.i32(voltage.0);
                w.u32(slew.0);
            }
            Self::Measure { electrode } => w.u8(electrode.0),
            Self::Sweep { from, to, speed } => {
                w.i32(from.0);
                w.i32(to.0);
                w.u32(speed.0);
            }
            Self::FocusEngage { source, capture } => {
                w.u8(source.0);
                w.i32(capture.start.0);
                w.i32(capture.end.0);
                w.u32(capture.speed.0);
                w.i16(capture.threshold);
                w.i16(capture.sum_min);
            }
            Self::FocusOffset { offset } | Self::TrackingOffset { offset } => w.i32(offset.0),
            Self::FocusJump { layers } => w.i8(*layers),
            Self::TrackingEngage { source, method, polarity } => {
                w.u8(source.0);
                w.u8(match method {
                    TrackingMethod::PushPull => 0,
                    TrackingMethod::DifferentialPushPull => 1,
                    TrackingMethod::DifferentialPhase => 2,
                });
                w.u8(match polarity {
                    Polarity::Rising => 0,
                    Polarity::Falling => 1,
                });
            }
            Self::TrackingJump { tracks } => w.i32(*tracks),
            Self::Seek { address } => w.u32(address.0),
            Self::Acquire { acquisition } => {
                w.u16(acquisition.channels.bits());
                w.u32(acquisition.rate.0);
                w.u64(acquisition.length);
                put_trigger(&mut w, acquisition.trigger);
            }
            Self::Samples { max } => w.u32(*max),
            Self::SetVelocity { velocity } => w.u32(velocity.0),
            Self::MoveTo { radius } => w.i32(radius.0),
            Self::Bye
            | Self::Off
            | Self::Alive
            | Self::LaserStatus
            | Self::ClearTrip
            | Self::LasersOff
            | Self::MakeSafe
            | Self::FocusRelease
            | Self::FocusStatus
            | Self::TrackingRelease
            | Self::Address
            | Self::TrackingStatus
            | Self::Stop
            | Self::SpindleStatus => {}
        }
        w.end()
    }

    /// The request in a payload.
    ///
    /// # Errors
    /// [`Malformed`] for a payload of any other length, or with a number in it
    /// that stands for nothing.
    pub fn decode(kind: Kind, payload: &'b [u8]) -> Result<Self, Malformed> {
        let mut r = Reader::new(payload);
        let request = match kind {
            Kind::Hello => {
                if r.bytes(4)? != MAGIC {
                    return Err(Malformed);
                }
                Self::Hello { nonce: r.u64()?, ends: r.u64()?, minor: r.u8()?, owner: r.name()? }
            }
            Kind::Bye => Self::Bye,
            Kind::Off => Self::Off,
            Kind::Alive => Self::Alive,
            Kind::Spec => Self::Spec { part: part(r.u8()?)?, index: r.u8()? },
            Kind::Delay => Self::Delay { ns: r.u32()? },
            Kind::SetPower => Self::SetPower { source: Source(r.u8()?), power: Microwatts(r.u32()?) },
            Kind::Monitor => Self::Monitor { source: Source(r.u8()?) },
            Kind::Load => Self::Load { source: Source(r.u8()?), strategy: strategy(&mut r)? },
            Kind::Begin => Self::Begin { plan: plan(&mut r)? },
            Kind::Feed => Self::Feed { shot: ShotId(r.u64()?), source: Source(r.u8()?), runs: runs(&mut r)? },
            Kind::Arm => Self::Arm { shot: ShotId(r.u64()?) },
            Kind::Fire => Self::Fire { token: ArmToken::new(ShotId(r.u64()?), r.u64()?, r.u64()?) },
            Kind::Outcome => Self::Outcome { shot: ShotId(r.u64()?) },
            Kind::LaserStatus => Self::LaserStatus,
            Kind::ClearTrip => Self::ClearTrip,
            Kind::LasersOff => Self::LasersOff,
            Kind::SetVoltage => Self::SetVoltage {
                electrode: Electrode(r.u8()?),
                voltage: Millivolts(r.i32()?),
                slew: MillivoltsPerSecond(r.u32()?),
            },
            Kind::Measure => Self::Measure { electrode: Electrode(r.u8()?) },
            Kind::MakeSafe => Self::MakeSafe,
            Kind::Sweep => Self::Sweep {
                from: Nanometres(r.i32()?),
                to: Nanometres(r.i32()?),
                speed: MicrometresPerSecond(r.u32()?),
            },
            Kind::FocusEngage => Self::FocusEngage {
                source: Source(r.u8()?),
                capture: FocusCapture {
                    start: Nanometres(r.i32()?),
                    end: Nanometres(r.i32()?),
                    speed: MicrometresPerSecond(r.u32()?),
                    threshold: r.i16()?,
                    sum_min: r.i16()?,
                },
            },
            Kind::FocusRelease => Self::FocusRelease,
            Kind::FocusOffset => Self::FocusOffset { offset: Nanometres(r.i32()?) },
            Kind::FocusJump => Self::FocusJump { layers: r.i8()? },
            Kind::FocusStatus => Self::FocusStatus,
            Kind::TrackingEngage => Self::TrackingEngage {
                source: Source(r.u8()?),
                method: match r.u8()? {
                    0 => TrackingMethod::PushPull,
                    1 => TrackingMethod::DifferentialPushPull,
                    2 => TrackingMethod::DifferentialPhase,
                    _ => return Err(Malformed),
                },
                polarity: match r.u8()? {
                    0 => Polarity::Rising,
                    1 => Polarity::Falling,
                    _ => return Err(Malformed),
                },
            },
            Kind::TrackingRelease => Self::TrackingRelease,
            Kind::TrackingOffset => Self::TrackingOffset { offset: Nanometres(r.i32()?) },
            Kind::TrackingJump => Self::TrackingJump { tracks: r.i32()? },
            Kind::Seek => Self::Seek { address: Address(r.u32()?) },
            Kind::Address => Self::Address,
            Kind::TrackingStatus => Self::TrackingStatus,
            Kind::Acquire => Self::Acquire {
                acquisition: Acquisition {
                    channels: Channels::from_bits_retain(r.u16()?),
                    rate: Hertz(r.u32()?),
                    length: r.u64()?,
                    trigger: trigger(&mut r)?,
                },
            },
            Kind::Samples => Self::Samples { max: r.u32()? },
            Kind::Stop => Self::Stop,
            Kind::SetVelocity => Self::SetVelocity { velocity: MicrometresPerSecond(r.u32()?) },
            Kind::MoveTo => Self::MoveTo { radius: Nanometres(r.i32()?) },
            Kind::SpindleStatus => Self::SpindleStatus,
        };
        r.end()?;
        Ok(request)
    }
}

pub(super) const fn part(number: u8) -> Result<Part, Malformed> {
    Ok(match number {
        0 => Part::Bench,
        1 => Part::Laser,
        2 => Part::Electrode,
        3 => Part::Focus,
        4 => Part::Tracking,
        5 => Part::Detector,
        6 => Part::Spindle,
        _ => return Err(Malformed),
    })
}

fn put_strategy(w: &mut Writer<'_>, s: &WriteStrategy) {
    w.u32(s.peak.0);
    w.u32(s.bias.0);
    w.bytes(&s.top);
    w.u8(s.multi);
    w.u8(s.last);
    s.lead.as_flattened().iter().chain(s.trail.as_flattened()).for_each(|&shift| w.i8(shift));
}

fn strategy(r: &mut Reader<'_>) -> Result<WriteStrategy, Malformed> {
    let (peak, bias) = (Microwatts(r.u32()?), Microwatts(r.u32()?));
    let top = [r.u8()?, r.u8()?, r.u8()?];
    let (multi, last) = (r.u8()?, r.u8()?);
    let mut table = || -> Result<[[i8; 3]; 3], Malformed> {
        let mut table = [[0; 3]; 3];
        for shift in table.as_flattened_mut() {
            *shift = r.i8()?;
        }
        Ok(table)
    };
    Ok(WriteStrategy { peak, bias, top, multi, last, lead: table()?, trail: table()? })
}

fn put_trigger(w: &mut Writer<'_>, trigger: Trigger) {
    let (kind, address) = match trigger {
        Trigger::Now => (0, 0),
        Trigger::Index => (1, 0),
        Trigger::Address(address) => (2, address.0),
    };
    w.u8(kind);
    w.u32(address);
}

fn trigger(r: &mut Reader<'_>) -> Result<Trigger, Malformed> {
    match (r.u8()?, r.u32()?) {
        (0, 0) => Ok(Trigger::Now),
        (1, 0) => Ok(Trigger::Index),
        (2, address) => Ok(Trigger::Address(Address(address))),
        _ => Err(Malformed),
    }
}

/// Places for spots in a plan, used or not.
const SPOTS: usize = 8;

fn put_plan(w: &mut Writer<'_>, plan: &ShotPlan) {
    w.u8(u8::try_from(plan.spots.len()).unwrap_or(u8::MAX));
    for index in 0..SPOTS {
        let spot = plan.spots.get(index).copied().unwrap_or_default();
        w.u8(spot.source.0);
        w.i64(spot.delay.0);
    }
    put_trigger(w, plan.trigger);
    let (kind, clock) = match plan.clock {
        ShotClock::Fixed(clock) => (0, clock),
        ShotClock::Groove(clock) => (1, clock),
    };
    w.u8(kind);
    w.u32(clock.0);
    w.u64(plan.length);
    w.u64(plan.energy_max.0);
}

fn plan(r: &mut Reader<'_>) -> Result<ShotPlan, Malformed> {
    let count = r.u8()?;
    let mut spots = Few::new();
    for index in 0..SPOTS {
        let spot = ShotSpot { source: Source(r.u8()?), delay: Picoseconds(r.i64()?) };
        if index < usize::from(count) {
            let _fits = spots.push(spot);
        } else if spot != ShotSpot::default() {
            return Err(Malformed);
        }
    }
    if usize::from(count) > SPOTS {
        return Err(Malformed);
    }
    let trigger = trigger(r)?;
    let clock = match (r.u8()?, Hertz(r.u32()?)) {
        (0, clock) => ShotClock::Fixed(clock),
        (1, clock) => ShotClock::Groove(clock),
        _ => return Err(Malformed),
    };
    Ok(ShotPlan { spots, trigger, clock, length: r.u64()?, energy_max: Nanojoules(r.u64()?) })
}

fn put_runs(w: &mut Writer<'_>, runs: &Runs<'_>) {
    let count = |bytes: &[u8]| u16::try_from(bytes.len()).unwrap_or(u16::MAX);
    match *runs {
        Runs::Plain(bytes) if bytes.iter().all(|b| (1..16).contains(b)) => {
            w.u8(4);
            w.u16(count(bytes));
            for pair in bytes.chunks(2) {
                let (low, high) = (pair.first().copied().unwrap_or(0), pair.get(1).copied().unwrap_or(0));
                w.u8(low | high << 4);
            }
        }
        Runs::Plain(bytes) | Runs::Bytes(bytes) => {
            w.u8(8);
            w.u16(count(bytes));
            w.bytes(bytes);
        }
        Runs::Nibbles(bytes, count) => {
            w.u8(4);
            w.u16(count);
            w.bytes(bytes);
        }
    }
}

fn runs<'b>(r: &mut Reader<'b>) -> Result<Runs<'b>, Malformed> {
    let (bits, count) = (r.u8()?, r.u16()?);
    let length = usize::from(count);
    if length > RUNS_PER_FRAME {
        return Err(Malformed);
    }
    match bits {
        4 => {
            let bytes = r.bytes(length.div_ceil(2))?;
            // The half that no run needs is empty, so that equal runs are equal bytes.
            if length % 2 == 1 && bytes.last().is_some_and(|b| b >> 4 != 0) {
                return Err(Malformed);
            }
            Ok(Runs::Nibbles(bytes, count))
        }
        8 => Ok(Runs::Bytes(r.bytes(length)?)),
        _ => Err(Malformed),
    }
}
