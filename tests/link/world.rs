//! The clock, the device behind it, and what happens to both.

mod pipe;

use core::cell::RefCell;
use std::sync::{Arc, Mutex, MutexGuard};

use disc_hal::hal::{Bench, Identity, Microwatts, Name, OffHandle, Source};
use disc_hal::safety::Inputs;
use disc_hal::wire::{DeviceConfig, Header, Kind, PipeError, REPLY, Request, SmallDevice, VERSION, build};

use super::ghost::Ghost;
use super::line::{Air, Label, Line, TO_DEVICE, TO_HOST, label};
use super::parts::{self, Specs};
use super::random::Random;
use super::settings::Settings;
use super::{Counts, Run};
pub use pipe::SimLink;

/// A world that the pipe, the script and handles share.
pub type Shared = Arc<Mutex<World>>;

/// The one thread has it.
pub fn lock(world: &Shared) -> MutexGuard<'_, World> {
    world.lock().expect("the simulation has one thread")
}

/// Somebody else's program.
#[derive(Default)]
struct Intruder {
    nonce: u64,
    session: u64,
    sequence: u32,
    stamp: u64,
}

pub struct World {
    pub settings: Settings,
    /// True time in us.
    pub now: u64,
    pub counts: Counts,
    pub ghost: Ghost,
    pub random: Random,
    line: Line,
    device: SmallDevice,
    specs: Specs,
    boot_number: u32,
    next_tick: u64,
    next_pump: u64,
    /// The device is inside a call of a part until then.
    busy_until: u64,
    interlock_until: u64,
    /// Bytes of the device that aren't a whole frame yet.
    half: Vec<u8>,
    /// Bytes that the host hasn't read.
    inbox: Vec<u8>,
    /// Of the frame that the host writes.
    written: Label,
    /// Which host the pipe belongs to; those before are dead.
    host: u64,
    killed: bool,
    /// Time that the present call was stopped for, and its calls of the pipe.
    pub stopped: u64,
    pub pipe_calls: u64,
    pub off_handle: Option<OffHandle>,
    intruder: Intruder,
}

impl World {
    pub fn shared(settings: Settings) -> Shared {
        let mut random = Random::new(settings.seed ^ 0x0071);
        let boot_number = if settings.counted_boots { 1 } else { random.next() as u32 };
        let mut world = Self {
            now: 0,
            counts: Counts { seeds: 1, ..Counts::default() },
            ghost: Ghost::new(&settings),
            line: Line::new(settings.seed),
            device: SmallDevice::new(config(boot_number, &settings)),
            specs: Specs::new(),
            boot_number,
            next_tick: 0,
            next_pump: u64::MAX,
            busy_until: 0,
            interlock_until: 0,
            half: Vec::new(),
            inbox: Vec::new(),
            written: Label::default(),
            host: 0,
            killed: false,
            stopped: 0,
            pipe_calls: 0,
            off_handle: None,
            intruder: Intruder::default(),
            random,
            settings,
        };
        world.ghost.device_clock = world.settings.clock;
        Arc::new(Mutex::new(world))
    }

    /// A pipe for a new host; those before it are dead.
    pub fn connect(world: &Shared) -> SimLink {
        let mut w = lock(world);
        w.host += 1;
        w.killed = false;
        w.off_handle = None;
        w.inbox.clear();
        let host = w.host;
        SimLink { world: Arc::clone(world), host }
    }

    pub fn note(&mut self, text: &'static str, a: u64, b: u64) {
        self.ghost.trace.note(self.now, text, a, b);
    }

    pub fn is_killed(&self) -> bool {
        self.killed
    }

    /// Lets the ghost see what time it is.
    pub fn sync(&mut self) {
        let clock = self.device_clock();
        self.ghost.pass_to(clock, self.now);
    }

    /// Whether the seed has come to its end.
    pub fn is_over(&self) -> bool {
        self.ghost.violation.is_some()
            || self.counts.faults() + self.ghost.counts.faults() >= self.settings.faults
            || self.now >= self.settings.time
    }

    pub fn finish(&mut self) -> Run {
        let mut counts = self.counts;
        counts.add(&self.ghost.counts);
        counts.virtual_ms = self.now / 1000;
        let told = self.ghost.violation.take();
        let violation = told.map(|what| {
            format!(
                "seed {}, step {}, {:.3} ms: {what}\nthe last events:\n{}",
                self.settings.seed,
                self.ghost.trace.count(),
                self.now as f64 / 1e3,
                self.ghost.trace.tell()
            )
        });
        Run { counts, print: self.ghost.trace.print(), violation }
    }

    /// The device's clock at a time.
    fn device_clock(&self) -> u64 {
        let since = self.now - self.ghost.boot_at;
        let ppm = self.settings.ppm;
        let drift = since.cast_signed() * ppm / 1_000_000;
        self.settings.clock.wrapping_add(since).wrapping_add_signed(drift)
    }

    fn with_device<T>(
        &mut self,
        act: impl FnOnce(&mut SmallDevice, &mut Bench<'_>, &mut dyn FnMut() -> u64) -> T,
    ) -> T {
        let clock = self.device_clock();
        self.ghost.pass_to(clock, self.now);
        let ghost = RefCell::new(&mut self.ghost);
        let done = parts::with_bench(&ghost, &self.specs, |bench| {
            let mut now = || ghost.borrow().device_clock;
            act(&mut self.device, bench, &mut now)
        });
        let busy = core::mem::take(&mut self.ghost.busy);
        if busy > 0 {
            self.busy_until = self.now + busy;
        }
        done
    }

    /// Lets the world go on until `until`, or until there is something to read if `reads`.
    pub fn go(&mut self, until: u64, reads: bool) {
        loop {
            if reads && !self.inbox.is_empty() {
                return;
            }
            let to_device = self.line.next(TO_DEVICE).max(self.busy_until);
            let to_host = self.line.next(TO_HOST);
            let tick = self.next_tick.max(self.busy_until);
            let pump = self.next_pump.max(self.busy_until);
            let next = to_device.min(to_host).min(tick).min(pump);
            if next > until || self.ghost.violation.is_some() {
                self.now = self.now.max(until);
                return;
            }
            self.now = self.now.max(next);
            self.counts.steps += 1;
            if next == to_device {
                self.deliver();
            } else if next == to_host {
                self.hand_over();
            } else if next == tick {
                self.tick();
            } else {
                self.pump();
            }
        }
    }

    fn deliver(&mut self) {
        let Some(packet) = self.line.arrive(TO_DEVICE) else { return };
        let clock = self.device_clock();
        self.ghost.pass_to(clock, self.now);
        self.ghost.check();
        self.ghost.delivered(&packet.label);
        self.with_device(|device, bench, now| device.receive(&packet.bytes, bench, now));
        if packet.label.whole && packet.label.kind == Kind::Off.number() {
            self.ghost.must_be_off("an off that arrived");
        }
        self.line.done(packet);
        if self.ghost.needs_ticks() {
            self.next_tick = self.next_tick.min(self.now + self.settings.tick);
        }
        self.pump_soon();
    }

    fn pump_soon(&mut self) {
        if !self.device.is_quiet() {
            self.next_pump = self.next_pump.min(self.now);
        }
    }

    fn hand_over(&mut self) {
        let Some(packet) = self.line.arrive(TO_HOST) else { return };
        // What an operating system keeps for a program that doesn't read.
        if self.inbox.len() + packet.bytes.len() <= 65_536 {
            self.inbox.extend_from_slice(&packet.bytes);
        }
        self.line.done(packet);
    }

    fn pump(&mut self) {
        self.next_pump = u64::MAX;
        let mut bytes = [0; 256];
        let count = self.with_device(|device, bench, now| device.transmit(&mut bytes, bench, now));
        if count == 0 {
            return;
        }
        self.next_pump =
            if self.device.is_quiet() { u64::MAX } else { self.now + 1 + count as u64 * self.settings.byte_time / 64 };
        let mut half = core::mem::take(&mut self.half);
        half.extend_from_slice(&bytes[..count]);
        let mut from = 0;
        // A frame is a zero, something, and a zero.
        while let Some(length) = half[from..].iter().skip(1).position(|&b| b == 0) {
            let frame = &half[from..from + length + 2];
            from += length + 2;
            let mut label = label(frame).unwrap_or_default();
            label.boot = self.ghost.boot;
            self.counts.device_frames += 1;
            self.ghost.trace.note(self.now, "device says", label.kind.into(), label.sequence.into());
            if label.kind == Kind::Hello.number() | REPLY {
                self.ghost.welcomed(&label, self.now);
                if label.nonce == self.intruder.nonce && self.intruder.session != label.session {
                    self.intruder =
                        Intruder { session: label.session, sequence: 0, stamp: label.stamp, ..self.intruder };
                    self.ghost.intruder_session = label.session;
                    self.ghost.intruder_powers.clear();
                }
            }
            let Self { now, settings, counts, ghost, .. } = self;
            let air = Air { now: *now, settings, counts, trace: &mut ghost.trace };
            self.line.send(TO_HOST, frame, label, air);
        }
        half.drain(..from);
        self.half = half;
    }

    fn tick(&mut self) {
        let Settings { reset, interlock, focus, tracking, intruder, overrun, burst, .. } = self.settings;
        let mut clock = self.device_clock();
        self.ghost.pass_to(clock, self.now);
        self.ghost.check();
        let hot = self.ghost.is_hot();
        if hot && self.random.chance(reset) {
            self.reset();
            // It counts from its start.
            clock = self.device_clock();
        }
        if self.ghost.interlock_since.is_none() {
            if hot && self.random.chance(interlock) {
                self.counts.interlocks += 1;
                self.interlock_until = self.now + self.random.below(50_000);
                self.ghost.interlock_since = Some(clock);
                self.note("interlock opens", 0, 0);
            }
        } else if self.now >= self.interlock_until {
            self.ghost.interlock_since = None;
            self.note("interlock closes", 0, 0);
        }
        if self.ghost.is_writing() && self.random.chance(burst) {
            self.burst();
        }
        if self.random.chance(intruder) {
            self.intrude();
        }
        // What has just happened is seen by the next tick, not by this one.
        let inputs = match self.ghost.interlock_since {
            Some(since) if since < clock => Inputs::INTERLOCK_OPEN,
            _ => Inputs::empty(),
        };
        let lit = self.ghost.is_lit() || self.ghost.is_fired();
        self.with_device(|device, bench, now| device.tick(inputs, bench, now));
        self.ghost.ticked(!inputs.is_empty(), lit);
        // Of most interest while light is written.
        let often = if self.ghost.is_writing() { 16 } else { 1 };
        if self.ghost.is_focused() && self.random.chance(focus * often) {
            self.counts.focus += 1;
            self.note("focus lost", 0, 0);
            self.ghost.lose_focus();
        }
        if self.ghost.is_tracking() && self.random.chance(tracking * often) {
            self.counts.tracking += 1;
            self.note("tracking lost", 0, 0);
            self.ghost.lose_tracking();
        }
        if self.random.chance(overrun) && self.ghost.overrun() {
            self.counts.overruns += 1;
        }
        let tick = self.settings.tick;
        self.next_tick = self.now + if self.ghost.needs_ticks() { tick } else { self.settings.rare_tick };
        self.pump_soon();
    }

    fn reset(&mut self) {
        self.counts.resets += 1;
        self.boot_number = if self.settings.counted_boots { self.boot_number + 1 } else { self.random.next() as u32 };
        self.note("device reset, boot", self.boot_number.into(), 0);
        self.ghost.reset(self.now, self.settings.clock);
        self.device = SmallDevice::new(config(self.boot_number, &self.settings));
        self.half.clear();
        self.busy_until = 0;
    }

    /// Noise at once, in so many pieces that a checksum might be guessed in the end.
    fn burst(&mut self) {
        self.counts.bursts += 1;
        self.note("burst of noise", 0, 0);
        let noise = [0, 3, 1, 2, 0].repeat(usize::from(self.settings.safety.bad_frames) + 1);
        self.with_device(|device, bench, now| device.receive(&noise, bench, now));
        if self.ghost.is_writing() {
            self.ghost.broken("L16: writing light goes on under noise that guesses checksums");
        }
    }

    /// A second program has opened the same port.
    fn intrude(&mut self) {
        self.counts.intruders += 1;
        let mut buffer = [0; 256];
        let header = Header { version: VERSION, ..Header::default() };
        let (header, request) = if self.intruder.session == 0 || self.random.once_in(3) {
            self.intruder = Intruder { nonce: self.random.next() | 1, ..Intruder::default() };
            let ends = if self.random.once_in(4) { self.random.next() } else { 0 };
            let hello = Request::Hello { nonce: self.intruder.nonce, ends, minor: 0, owner: Name::new("intruder") };
            (header, hello)
        } else {
            self.intruder.sequence += 1;
            let (session, sequence, stamp) = (self.intruder.session, self.intruder.sequence, self.intruder.stamp);
            let power = 1 + self.random.below(u64::from(parts::READ_MAX) - 1) as u32;
            self.ghost.intruder_powers.push(power);
            let header = Header { session, sequence, stamp, ..header };
            (header, Request::SetPower { source: Source(1), power: Microwatts(power) })
        };
        let header = Header { kind: request.kind().number(), ..header };
        let Some(frame) = build(&mut buffer, &header, |room| request.encode(room)) else { return };
        let frame = frame.to_vec();
        self.note("intruder sends", header.kind.into(), header.session);
        self.put(&frame);
    }

    /// Bytes of a host onto the link.
    fn put(&mut self, frame: &[u8]) {
        let label = label(frame).unwrap_or_default();
        self.put_part(frame, label);
    }

    fn put_part(&mut self, frame: &[u8], mut label: Label) {
        label.boot = self.ghost.boot;
        self.ghost.written(&label, self.now);
        let Self { now, settings, counts, ghost, .. } = self;
        let air = Air { now: *now, settings, counts, trace: &mut ghost.trace };
        self.line.send(TO_DEVICE, frame, label, air);
    }

    /// What may happen to a host whenever it uses the pipe.
    fn enter(&mut self, host: u64) -> Result<(), PipeError> {
        let gone = || Err(PipeError::Gone("killed".into()));
        if self.killed || self.host != host || self.ghost.violation.is_some() {
            return gone();
        }
        self.pipe_calls += 1;
        let Settings { kill, freeze, other_thread_off, .. } = self.settings;
        if self.random.chance(kill) {
            self.kill();
            return gone();
        }
        if self.random.chance(freeze) {
            self.counts.frozen += 1;
            let time = match self.random.below(4) {
                0 => self.random.below(7_000_000),
                1 => self.random.below(1_200_000),
                _ => self.random.below(200_000),
            };
            self.note("host stopped for us", time, 0);
            self.stopped += time;
            self.go(self.now + time, false);
        }
        if self.random.chance(other_thread_off) {
            self.counts.offs += 1;
            self.note("off from another thread", 0, 0);
            match self.off_handle.clone() {
                Some(handle) => handle.off(),
                None if self.settings.bypass => self.shout(),
                None => {}
            }
        }
        Ok(())
    }

    fn kill(&mut self) {
        self.counts.kills += 1;
        self.killed = true;
        self.note("host killed", self.host, 0);
        let clock = self.device_clock();
        self.ghost.pass_to(clock, self.now);
        self.ghost.host_died();
    }

    fn shout(&mut self) {
        let mut buffer = [0; 64];
        let header = Header { version: VERSION, kind: Kind::Off.number(), ..Header::default() };
        let frame = build(&mut buffer, &header, |_| Some(0)).expect("it fits").to_vec();
        self.put(&frame);
    }
}

pub fn config(boot: u32, settings: &Settings) -> DeviceConfig {
    let name = Name::new("ghost");
    let identity = Identity { vendor: name, model: name, serial: name, firmware: name };
    DeviceConfig { identity, boot, host_clock: false, safety: settings.safety, samples: 64 }
}
