//! Frames as lines of text, for traces.

use core::fmt::{self, Display, Write};

use super::frame::{Frame, VERSION, parse};
use super::kind::Kind;
use super::reply::{BUSY, REFUSED, REPLY, Refusal, Reply, SAMPLES};
use super::request::{Request, Runs, WHOLE};
use super::spec::Record;
use crate::hal::{Outcome, Part, ShotClock, ShotId, ShotPlan, Trigger, WriteStrategy};

/// The bytes between two zeros as one line: which way the frame goes, what it is,
/// its number, its fields with their units. Any bytes have a line.
///
/// ```
/// use disc_hal::hal::{Microwatts, Source};
/// use disc_hal::wire::{Header, Request, VERSION, build, describe};
///
/// let request = Request::SetPower { source: Source(0), power: Microwatts(700) };
/// let header = Header { version: VERSION, kind: request.kind().number(), session: 5, sequence: 12, stamp: 90 };
/// let mut buffer = [0; 64];
/// let line = build(&mut buffer, &header, |payload| request.encode(payload)).unwrap();
/// assert_eq!(describe(&line[1..line.len() - 1]), "-> SetPower #12 {source 0, power 700 uW}");
/// ```
pub fn describe(bytes: &[u8]) -> String {
    let mut copy = bytes.to_vec();
    match parse(&mut copy) {
        Ok(frame) => of_frame(&frame),
        Err(error) => format!("?? {} bytes, {error}", bytes.len()),
    }
}

fn of_frame(frame: &Frame<'_>) -> String {
    let header = &frame.header;
    let arrow = if header.kind & REPLY == 0 { "->" } else { "<-" };
    let mut line = format!("{arrow} {}", KindName(header.kind));
    let mut fields = Fields { line: String::new() };
    if header.version != VERSION {
        fields.add("version", header.version);
    }
    let known = match header.kind {
        SAMPLES => samples(frame.payload, &mut fields),
        kind if kind & REPLY != 0 => {
            // Nobody else says which session this is.
            if kind == REPLY | Kind::Hello.number() {
                fields.add("session", Id(header.session));
            }
            Reply::decode(kind, frame.payload).map(|r| reply(&r, &mut fields)).ok()
        }
        kind => {
            Kind::new(kind).and_then(|kind| Request::decode(kind, frame.payload).ok()).map(|r| request(&r, &mut fields))
        }
    };
    if known.is_none() {
        let is_known = KindName(header.kind).known().is_some() || matches!(header.kind, BUSY | REFUSED | SAMPLES);
        let what = if is_known { "malformed" } else { "unknown" };
        fields.add(what, format_args!("{} bytes", frame.payload.len()));
    }
    let _never_fails = write!(line, " #{}", header.sequence);
    if !fields.line.is_empty() {
        let _never_fails = write!(line, " {{{}}}", fields.line);
    }
    line
}

/// A kind by its name, or its number.
struct KindName(u8);

impl KindName {
    fn known(&self) -> Option<Kind> {
        match self.0 {
            BUSY | REFUSED | SAMPLES => None,
            kind => Kind::new(kind & !REPLY),
        }
    }
}

impl Display for KindName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.0, self.known()) {
            (BUSY, _) => f.write_str("Busy"),
            (REFUSED, _) => f.write_str("Refused"),
            (SAMPLES, _) => f.write_str("values"),
            (_, Some(Kind::Hello)) if self.0 & REPLY != 0 => f.write_str("Welcome"),
            (_, Some(kind)) => write!(f, "{kind:?}"),
            (kind, None) => write!(f, "kind {kind:02X}"),
        }
    }
}

/// A number of session or shot: the start that it belongs to, and the count within.
struct Id(u64);

impl Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:x}:{}", self.0 >> 32, self.0 & u64::from(u32::MAX))
    }
}

/// Names and values, with commas between.
struct Fields {
    line: String,
}

impl Fields {
    fn add(&mut self, name: &str, value: impl Display) {
        let comma = if self.line.is_empty() { "" } else { ", " };
        let _never_fails = write!(self.line, "{comma}{name} {value}");
    }

    fn debug(&mut self, name: &str, value: impl fmt::Debug) {
        self.add(name, format_args!("{value:?}"));
    }

    fn shot(&mut self, shot: ShotId) {
        self.add("shot", Id(shot.0));
    }

    fn trigger(&mut self, trigger: Trigger) {
        match trigger {
            Trigger::Now => self.add("trigger", "now"),
            Trigger::Index => self.add("trigger", "index"),
            Trigger::Address(address) => self.add("trigger", address),
        }
    }

    fn token(&mut self, token: &crate::hal::ArmToken) {
        self.shot(token.shot());
        self.add("plan", format_args!("{:016x}", token.plan()));
        self.add("nonce", format_args!("{:x}", token.nonce()));
    }

    fn place(&mut self, part: Part, index: u8) {
        self.add("part", part);
        match index {
            WHOLE => self.add("index", "whole"),
            index => self.add("index", index),
        }
    }

    fn plan(&mut self, plan: &ShotPlan) {
        for spot in plan.spots.iter() {
            self.add("source", format_args!("{} after {}", spot.source.0, spot.delay));
        }
        self.trigger(plan.trigger);
        match plan.clock {
            ShotClock::Fixed(clock) => self.add("clock", clock),
            ShotClock::Groove(clock) => self.add("groove clock", clock),
        }
        self.add("length", format_args!("{} bits", plan.length));
        self.add("energy", plan.energy_max);
    }

    fn strategy(&mut self, strategy: &WriteStrategy) {
        self.add("peak", strategy.peak);
        self.add("bias", strategy.bias);
        self.debug("top", strategy.top);
        self.add("multi", strategy.multi);
        self.add("last", strategy.last);
        self.debug("lead", strategy.lead);
        self.debug("trail", strategy.trail);
    }

    fn outcome(&mut self, outcome: Outcome) {
        match outcome {
            Outcome::Running { at } => self.add("running at", at),
            Outcome::Underrun { at } => self.add("underrun at", at),
            Outcome::Aborted { at, cause } => self.add("aborted at", format_args!("{at}: {cause}")),
            other => self.debug("outcome", other),
        }
    }
}

fn request(request: &Request<'_>, f: &mut Fields) {
    match request {
        Request::Hello { nonce, ends, minor, owner } => {
            f.add("nonce", format_args!("{nonce:x}"));
            f.add("ends", Id(*ends));
            f.add("minor", minor);
            f.debug("owner", owner);
        }
        Request::Spec { part, index } => f.place(*part, *index),
        Request::Delay { ns } => f.add("time", format_args!("{ns} ns")),
        Request::SetPower { source, power } => {
            f.add("source", source.0);
            f.add("power", power);
        }
        Request::Monitor { source } => f.add("source", source.0),
        Request::Load { source, strategy } => {
            f.add("source", source.0);
            f.strategy(strategy);
        }
        Request::Begin { plan } => f.plan(plan),
        Request::Feed { shot, source, runs } => {
            f.shot(*shot);
            f.add("source", source.0);
            let (count, bits) = match runs {
                Runs::Plain(bytes) => (bytes.len(), 8),
                Runs::Bytes(bytes) => (bytes.len(), 8),
                Runs::Nibbles(_, count) => (usize::from(*count), 4),
            };
            f.add("runs", format_args!("{count} of {bits} bits"));
        }
        Request::Arm { shot } | Request::Outcome { shot } => f.shot(*shot),
        Request::Fire { token } => f.token(token),
        Request::SetVoltage { electrode, voltage, slew } => {
            f.add("electrode", electrode.0);
            f.add("voltage", voltage);
            f.add("slew", slew);
        }
        Request::Measure { electrode } => f.add("electrode", electrode.0),
        Request::Sweep { from, to, speed } => {
            f.add("from", from);
            f.add("to", to);
            f.add("speed", speed);
        }
        Request::FocusEngage { source, capture } => {
            f.add("source", source.0);
            f.add("start", capture.start);
            f.add("end", capture.end);
            f.add("speed", capture.speed);
            f.add("threshold", capture.threshold);
            f.add("sum_min", capture.sum_min);
        }
        Request::FocusOffset { offset } | Request::TrackingOffset { offset } => f.add("offset", offset),
        Request::FocusJump { layers } => f.add("layers", layers),
        Request::TrackingEngage { source, method, polarity } => {
            f.add("source", source.0);
            f.debug("method", method);
            f.debug("polarity", polarity);
        }
        Request::TrackingJump { tracks } => f.add("tracks", tracks),
        Request::Seek { address } => f.add("address", address),
        Request::Acquire { acquisition } => {
            f.add("channels", format_args!("{:04x}", acquisition.channels.bits()));
            f.add("rate", acquisition.rate);
            f.add("length", acquisition.length);
            f.trigger(acquisition.trigger);
        }
        Request::Samples { max } => f.add("max", max),
        Request::SetVelocity { velocity } => f.add("velocity", velocity),
        Request::MoveTo { radius } => f.add("radius", radius),
        Request::Bye
        | Request::Off
        | Request::Alive
        | Request::LaserStatus
        | Request::ClearTrip
        | Request::LasersOff
        | Request::MakeSafe
        | Request::FocusRelease
        | Request::FocusStatus
        | Request::TrackingRelease
        | Request::Address
        | Request::TrackingStatus
        | Request::Stop
        | Request::SpindleStatus => {}
    }
}

fn reply(reply: &Reply, f: &mut Fields) {
    match reply {
        Reply::Done(_) => f.line.push_str("done"),
        Reply::Welcome(w) => {
            f.add("nonce", format_args!("{:x}", w.nonce));
            f.add("minor", w.minor);
            f.debug("abilities", w.abilities);
            f.add("boot", format_args!("{:x}", w.boot));
            f.add("of", w.identity);
            f.add("leases", format_args!("{} and {} us", w.write_lease, w.hold_lease));
            f.add("samples", w.samples);
        }
        Reply::Busy { nonce, owner, since_ms } => {
            f.add("nonce", format_args!("{nonce:x}"));
            f.debug("owner", owner);
            f.add("since", format_args!("{since_ms} ms"));
        }
        Reply::Refused { to, why } => {
            f.add("to", KindName(*to));
            match why {
                Refusal::Failed(error) => f.add("because", error),
                Refusal::Sequence(next) => f.add("next is", format_args!("#{next}")),
                Refusal::Stale(age) => f.add("stale by", format_args!("{age} us")),
                other => f.debug("because", other),
            }
        }
        Reply::Spec(spec) => record(spec, f),
        Reply::Power { applied } => f.add("applied", applied),
        Reply::Light { seen } => f.add("seen", seen),
        Reply::Begun { shot } => f.shot(*shot),
        Reply::Fed { taken } => f.add("taken", taken),
        Reply::Armed { token } => f.token(token),
        Reply::Outcome { outcome } => f.outcome(*outcome),
        Reply::Lasers { status } => f.debug("status", status),
        Reply::Voltage { held } => f.add("held", held),
        Reply::Measured { reading } => {
            f.add("voltage", reading.voltage);
            f.add("current", reading.current);
            f.add("charge", reading.charge);
            f.add("limiting", reading.limiting);
        }
        Reply::FocusOffset { applied } | Reply::TrackingOffset { applied } => f.add("applied", applied),
        Reply::Focus { status } => {
            f.debug("flags", status.flags);
            f.add("position", status.position);
        }
        Reply::Address { address: Some(address) } => f.add("address", address),
        Reply::Address { address: None } => f.add("address", "none"),
        Reply::Tracking { status } => {
            f.debug("flags", status.flags);
            f.add("crossings", status.crossings);
        }
        Reply::Samples { chunk } => {
            f.add("first", chunk.first);
            f.add("length", chunk.length);
            f.add("gap", chunk.gap);
            f.add("last", chunk.last);
        }
        Reply::Velocity { held } => f.add("held", held),
        Reply::Spindle { status } => {
            f.debug("flags", status.flags);
            f.add("velocity", status.velocity);
            f.add("radius", status.radius);
        }
    }
}

fn record(record: &Record, f: &mut Fields) {
    let (part, index) = record.place();
    f.place(part, index);
    match record {
        Record::Lasers { count, spec } => {
            f.add("sources", count);
            f.add("queue", spec.queue);
            f.add("total", spec.total_max);
        }
        Record::Source { spec, .. } => {
            f.debug("role", spec.role);
            f.add("wavelength", spec.wavelength);
            f.add("read", spec.read_max);
            f.add("write", spec.write_max);
        }
        Record::Supply { count, keeps_lease } => {
            f.add("electrodes", count);
            f.add("keeps lease", keeps_lease);
        }
        Record::Electrode { spec, .. } => f.add("voltage", format_args!("{} to {}", spec.min, spec.max)),
        Record::Focus(spec) => f.add("travel", format_args!("{} to {}", spec.travel_min, spec.travel_max)),
        Record::Tracking(spec) => f.add("jump", format_args!("{} tracks", spec.jump_max)),
        Record::Detector { count, buffer } => {
            f.add("channels", count);
            f.add("buffer", buffer);
        }
        Record::Channel { spec, .. } => {
            f.debug("kind", spec.kind);
            f.add("source", spec.source.0);
            f.add("rate", spec.rate_max);
        }
        Record::Spindle(spec) => {
            f.add("velocity", format_args!("{} to {}", spec.velocity_min, spec.velocity_max));
            f.add("radius", format_args!("{} to {}", spec.radius_min, spec.radius_max));
        }
    }
}

fn samples(payload: &[u8], f: &mut Fields) -> Option<()> {
    let (first, rest) = payload.split_first_chunk()?;
    let (count, values) = rest.split_first_chunk()?;
    let count = u16::from_le_bytes(*count);
    (values.len() == 2 * usize::from(count)).then_some(())?;
    f.add("first", u64::from_le_bytes(*first));
    f.add("count", count);
    Some(())
}
