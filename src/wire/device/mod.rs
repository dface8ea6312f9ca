//! The device half: requests in, calls on the parts, replies out.
//!
//! It does no input or output of its own. Hand it the bytes that come in
//! ([`Device::receive`]), the time ([`Device::tick`], at least every
//! millisecond), and send what it has to say ([`Device::transmit`]). All that
//! could make light passes the safety core of [`crate::safety`] first.

mod execute;
mod output;
mod shots;

use super::frame::{CONTROL_MAX, Decoder, Frame, VERSION, encoded_max};
use super::kind::{Class, Kind};
use super::reply::{Abilities, REPLY, Refusal, Reply, Welcome};
use super::request::Request;
use super::usb::Alarm;
use crate::hal::{Bench, Error, ErrorKind, FocusFlags, Identity, LaserStatus, Name, Part, SpindleFlags, TrackingFlags};
use crate::safety::rules::{Rule, holds};
use crate::safety::{self, Config, Effects, Event, Inputs, Limits, State, Verdict};
use output::Output;
use shots::Slots;

/// What a device is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeviceConfig {
    /// Who it is.
    pub identity: Identity,
    /// A number that differs from one start to the next: a counter in memory that
    /// outlives the power, or a random one.
    pub boot: u32,
    /// Its time passes by `Delay` requests only.
    pub host_clock: bool,
    /// Times and counts of its safety core.
    pub safety: Config,
    /// Samples in a frame. On a slow line a frame of samples delays whatever comes
    /// behind it: few are better.
    pub samples: u16,
}

/// Channels that a digitiser may have.
const CHANNELS: usize = 16;

/// The device's time: microseconds since its start, never backwards.
pub type Now<'c> = &'c mut dyn FnMut() -> u64;

/// The device half of the protocol, for one link. `SAMPLES` is the most samples
/// in a frame, `ROOM` the bytes of its transmit buffer (at least 256, and
/// [`buffer_for`](super::buffer_for) of a frame of so many samples).
#[derive(Debug)]
pub struct Device<const SAMPLES: usize, const ROOM: usize> {
    decoder: Decoder<{ encoded_max(CONTROL_MAX) }>,
    body: Body<SAMPLES, ROOM>,
}

/// All but the decoder, whose buffer holds the frame that is being answered.
#[derive(Debug)]
struct Body<const SAMPLES: usize, const ROOM: usize> {
    config: DeviceConfig,
    state: State,
    output: Output<SAMPLES, ROOM>,
    slots: Slots,
    owner: Name,
    /// What the hardware's inputs were last said to be.
    inputs: Inputs,
    /// What a part failed to do and has to do yet.
    owed: Effects,
    /// The holder is gone by another clock than this device's.
    abandoned: bool,
    /// What alarms are about, as it stands, and how often it has changed.
    news: (LaserStatus, Inputs),
    changes: u32,
    /// How many changes the last alarm knew of.
    told: Option<u32>,
}

/// Alarms are about these.
const ALARMING: LaserStatus =
    LaserStatus::all().difference(LaserStatus::ARMED.union(LaserStatus::EMITTING).union(LaserStatus::FIRING));

/// For a microcontroller: 0.9 KiB of buffers.
pub type SmallDevice = Device<64, 256>;

/// For an emulator.
pub type LargeDevice = Device<4096, 8300>;

impl<const SAMPLES: usize, const ROOM: usize> Device<SAMPLES, ROOM> {
    /// A device that has just started. Everything has to be off.
    pub fn new(config: DeviceConfig) -> Self {
        let most = Output::<SAMPLES, ROOM>::samples_max();
        // One of each channel has to fit.
        let samples = usize::from(config.samples).clamp(CHANNELS, most);
        let body = Body {
            config: DeviceConfig { samples: u16::try_from(samples).unwrap_or(u16::MAX), ..config },
            state: State::new(config.boot),
            output: Output::new(),
            slots: Slots::default(),
            owner: Name::default(),
            inputs: Inputs::empty(),
            owed: Effects::empty(),
            abandoned: false,
            news: (LaserStatus::empty(), Inputs::empty()),
            changes: 0,
            told: None,
        };
        Self { decoder: Decoder::new(), body }
    }

    /// The safety core as it stands.
    pub const fn safety(&self) -> &State {
        &self.body.state
    }

    /// Who holds the bench, or held it last.
    pub const fn owner(&self) -> Name {
        self.body.owner
    }

    /// Takes bytes that came in, however they were cut.
    pub fn receive(&mut self, mut bytes: &[u8], bench: &mut Bench<'_>, now: Now<'_>) {
        while let Some(frame) = self.decoder.next(&mut bytes) {
            match frame {
                Ok(frame) => self.body.take(&frame, bench, now),
                Err(_) => {
                    let _dropped = self.body.ask(Event::BadFrame, bench, now());
                }
            }
        }
    }

    /// Lets the safety core see the time, the hardware's inputs and the state of
    /// the shots. Call it at least every millisecond.
    pub fn tick(&mut self, inputs: Inputs, bench: &mut Bench<'_>, now: Now<'_>) {
        self.body.inputs = inputs;
        self.body.watch(bench, now());
    }

    /// Writes bytes to be sent into `out` and returns how many.
    pub fn transmit(&mut self, out: &mut [u8], bench: &mut Bench<'_>, now: Now<'_>) -> usize {
        let mut filled = 0;
        while let Some(room) = out.get_mut(filled..).filter(|room| !room.is_empty()) {
            let Body { output, config, .. } = &mut self.body;
            let taken = output.take(room);
            filled += taken;
            if taken == 0 && !output.make(config, bench, now()) {
                break;
            }
        }
        filled
    }

    /// The link is gone: ends the session, and makes safe.
    pub fn unplug(&mut self, bench: &mut Bench<'_>, now: Now<'_>) {
        let (at, body) = (now(), &mut self.body);
        if let Some(session) = body.state.session() {
            let _ended = body.ask(Event::Bye { session }, bench, at);
        }
        let _off = body.ask(Event::Off, bench, at);
        body.output = Output::new();
        body.told = None;
        self.decoder = Decoder::new();
    }

    /// The alarm that is due, for the interrupt endpoint of a USB device: on a link that
    /// is new, and when an interlock, the key or a trip has changed since the last one.
    /// Take one when the last one has been sent: it tells how things stand then.
    pub fn alarm(&mut self, bench: &mut Bench<'_>, now: Now<'_>) -> Option<Alarm> {
        let body = &mut self.body;
        if body.told == Some(body.changes) {
            return None;
        }
        body.told = Some(body.changes);
        // What a part doesn't say at once isn't waited for.
        let lasers = body.status(bench).unwrap_or_else(|_| body.state.status());
        Some(Alarm { inputs: body.inputs, lasers, changes: body.changes, at: now() })
    }

    /// Where time passes by the host's requests only, a host that is gone stops
    /// it, and with it its own lease. With `true`, the next greeting of another
    /// host lets the lease run out first.
    pub const fn set_abandoned(&mut self, abandoned: bool) {
        self.body.abandoned = abandoned;
    }

    /// Whether nothing is waiting to be sent.
    pub const fn is_quiet(&self) -> bool {
        self.body.output.is_quiet()
    }
}

impl<const SAMPLES: usize, const ROOM: usize> Body<SAMPLES, ROOM> {
    fn watch(&mut self, bench: &mut Bench<'_>, now: u64) {
        // An open interlock is latched before anything else puts the light out.
        if self.inputs.intersects(Inputs::INTERLOCK_OPEN.union(Inputs::KEY_OFF)) {
            let _quiet = self.ask(Event::Inputs(self.inputs), bench, now);
        }
        // Then what the parts say of their shots: one that has ended isn't overdue.
        self.observe(bench, now);
        let mut inputs = self.inputs;
        if self.is_hot() {
            inputs |= lost_servos(bench);
        }
        let _quiet = self.ask(Event::Inputs(inputs), bench, now);
        self.carry_out(self.owed, bench);
        let Self { state, slots, .. } = self;
        slots.keep(|shot| state.open_shots().any(|open| open == shot));
    }

    fn is_hot(&self) -> bool {
        self.state.status().intersects(LaserStatus::ARMED.union(LaserStatus::FIRING))
    }

    /// Asks the core, and does at once what it wants done.
    fn ask(&mut self, event: Event<'_>, bench: &mut Bench<'_>, now: u64) -> Verdict {
        let supply = bench.electrodes.as_ref().map(|e| e.spec());
        let limits = Limits { config: &self.config.safety, lasers: bench.lasers.spec(), supply };
        let step = self.state.apply(now, event, &limits);
        if !step.effects.is_empty() {
            self.carry_out(step.effects, bench);
            if step.effects.contains(Effects::LASERS_OFF) {
                self.observe(bench, now);
            }
        }
        let news = (self.state.status() & ALARMING, self.inputs);
        if news != self.news {
            self.news = news;
            self.changes = self.changes.wrapping_add(1);
        }
        step.verdict
    }

    fn carry_out(&mut self, effects: Effects, bench: &mut Bench<'_>) {
        let mut failed = Effects::empty();
        if effects.contains(Effects::LASERS_OFF) && bench.lasers.off().is_err() {
            failed |= Effects::LASERS_OFF;
        }
        if effects.contains(Effects::ELECTRODES_SAFE)
            && bench.electrodes.as_mut().is_some_and(|e| e.make_safe().is_err())
        {
            failed |= Effects::ELECTRODES_SAFE;
        }
        if effects.contains(Effects::SERVOS_RELEASE) {
            let released = [bench.tracking.release(), bench.focus.release()];
            if released.iter().any(Result::is_err) {
                failed |= Effects::SERVOS_RELEASE;
            }
        }
        // Tried again at every tick.
        self.owed = self.owed.difference(effects).union(failed);
    }

    /// Tells the core what the parts say of the shots.
    fn observe(&mut self, bench: &mut Bench<'_>, now: u64) {
        for index in 0..shots::SLOTS {
            let Some((shot, own)) = self.slots.at(index) else { continue };
            if !self.state.open_shots().any(|open| open == shot) {
                continue;
            }
            let outcome = bench.lasers.outcome(own).unwrap_or(crate::hal::Outcome::Unknown);
            let supply = bench.electrodes.as_ref().map(|e| e.spec());
            let limits = Limits { config: &self.config.safety, lasers: bench.lasers.spec(), supply };
            let step = self.state.apply(now, Event::Observed { shot, outcome }, &limits);
            self.carry_out(step.effects, bench);
        }
    }

    fn take(&mut self, frame: &Frame<'_>, bench: &mut Bench<'_>, now: Now<'_>) {
        let header = frame.header;
        let kind = Kind::new(header.kind);
        match kind {
            Some(Kind::Off) if holds(Rule::OffAlways) => {
                let _done = self.ask(Event::Off, bench, now());
                self.output.beside(header.session, header.sequence, &Reply::Done(Kind::Off));
                return;
            }
            Some(Kind::Hello) => {
                let Ok(Request::Hello { nonce, ends, owner, .. }) = Request::decode(Kind::Hello, frame.payload) else {
                    let refused = Reply::Refused { to: Kind::Hello.number(), why: Refusal::Malformed };
                    return self.output.beside(0, 0, &refused);
                };
                if self.abandoned {
                    self.abandoned = false;
                    self.lapse(bench, now);
                }
                return self.greet(nonce, ends, owner, bench, now());
            }
            // An echo of what a device says.
            _ if header.kind & REPLY != 0 => return,
            _ => {}
        }
        // A kind that isn't known may be anything.
        let class = kind.map_or(Class::Shot, Kind::class);
        let (session, sequence, stamp) = (header.session, header.sequence, header.stamp);
        let refuse = |why| Reply::Refused { to: header.kind, why };
        let at = now();
        match self.ask(Event::Request { session, sequence, stamp, class }, bench, at) {
            Verdict::Execute => {}
            Verdict::Repeat => return self.output.repeat(sequence),
            Verdict::Refuse(why) => {
                let why = match why {
                    safety::Refusal::Sequence => Refusal::Sequence(self.state.next_sequence().unwrap_or(0)),
                    safety::Refusal::Stale { age_us } => Refusal::Stale(u32::try_from(age_us).unwrap_or(u32::MAX)),
                    _ => Refusal::NoSession,
                };
                return self.output.beside(session, sequence, &refuse(why));
            }
            _ => return,
        }
        let Some(kind) = kind else {
            return self.output.keep(session, sequence, &refuse(Refusal::Unsupported));
        };
        if header.version != VERSION && kind.number() > Kind::Spec.number() {
            return self.output.keep(session, sequence, &refuse(Refusal::Version));
        }
        let Ok(request) = Request::decode(kind, frame.payload) else {
            return self.output.keep(session, sequence, &refuse(Refusal::Malformed));
        };
        match request {
            Request::Bye => {
                let _ended = self.ask(Event::Bye { session }, bench, at);
                self.output.forget();
                let _stopped = bench.detector.stop();
                self.output.beside(session, sequence, &Reply::Done(Kind::Bye));
            }
            Request::Samples { max } => self.output.read(session, sequence, max, bench),
            request => {
                let reply = match self.execute(request, bench, now) {
                    Ok(reply) => reply,
                    Err(error) => refuse(Refusal::Failed(error)),
                };
                self.output.keep(session, sequence, &reply);
            }
        }
    }

    /// Lets the hold lease run out.
    fn lapse(&mut self, bench: &mut Bench<'_>, now: Now<'_>) {
        let end = now().saturating_add(self.config.safety.hold_lease.into());
        while self.state.session().is_some() && now() <= end {
            let before = now();
            bench.delay.delay_us(self.config.safety.poll.max(1));
            self.watch(bench, now());
            if now() == before {
                break;
            }
        }
    }

    fn greet(&mut self, nonce: u64, ends: u64, owner: Name, bench: &mut Bench<'_>, now: u64) {
        let before = self.state.session();
        match self.ask(Event::Hello { nonce, ends }, bench, now) {
            Verdict::Welcome { session } => {
                if before != Some(session) {
                    self.owner = owner;
                    self.output.forget();
                    let _stopped = bench.detector.stop();
                }
                let mut abilities = Abilities::empty();
                abilities.set(Abilities::ELECTRODES, bench.electrodes.is_some());
                abilities.set(Abilities::HOST_CLOCK, self.config.host_clock);
                let welcome = Welcome {
                    nonce,
                    minor: 0,
                    abilities,
                    boot: self.config.boot,
                    identity: self.config.identity,
                    write_lease: self.config.safety.write_lease,
                    hold_lease: self.config.safety.hold_lease,
                    samples: self.config.samples,
                };
                self.output.keep(session, 0, &Reply::Welcome(welcome));
            }
            Verdict::Busy { since } => {
                let since_ms = now.saturating_sub(since) / 1000;
                self.output.beside(0, 0, &Reply::Busy { nonce, owner: self.owner, since_ms });
            }
            Verdict::Refuse(_) => {
                // Its session numbers are used up.
                let why = Refusal::Failed(Error::new(Part::Bench, ErrorKind::Fault));
                self.output.beside(0, 0, &Reply::Refused { to: Kind::Hello.number(), why });
            }
            _ => {}
        }
    }
}

/// What the servos have lost while a shot needs them.
fn lost_servos(bench: &mut Bench<'_>) -> Inputs {
    let mut inputs = Inputs::empty();
    inputs.set(Inputs::FOCUS_LOST, bench.focus.status().is_ok_and(|s| s.flags.contains(FocusFlags::LOST)));
    inputs.set(Inputs::TRACKING_LOST, bench.tracking.status().is_ok_and(|s| s.flags.contains(TrackingFlags::LOST)));
    inputs.set(
        Inputs::SPINDLE_OFF_SPEED,
        bench.spindle.status().is_ok_and(|s| !s.flags.contains(SpindleFlags::SPINNING)),
    );
    inputs
}

/// What is missing for a shot to be armed.
fn open_servo(bench: &mut Bench<'_>) -> Option<ErrorKind> {
    if !bench.focus.status().is_ok_and(|s| s.flags.contains(FocusFlags::LOCKED)) {
        return Some(ErrorKind::FocusLost);
    }
    if !bench.tracking.status().is_ok_and(|s| s.flags.contains(TrackingFlags::LOCKED)) {
        return Some(ErrorKind::TrackingLost);
    }
    let at_speed = bench.spindle.status().is_ok_and(|s| s.flags.contains(SpindleFlags::AT_SPEED));
    (!at_speed).then_some(ErrorKind::WrongState)
}
