//! The parts of the scripted bench: views on its world.

use core::cell::RefCell;
use std::rc::Rc;

use disc_hal::hal::*;

use super::disc::noise;
use super::{CURVES, Capture, Fault, SECTOR_BITS, Shot, World};

type Shared = Rc<RefCell<World>>;

/// Counts in the dark.
const DARK: i16 = 100;
/// Counts for a mirror at 1 mW.
const REFERENCE: u32 = 20_000;

pub struct Time(pub Shared);

impl embedded_hal::delay::DelayNs for Time {
    fn delay_ns(&mut self, ns: u32) {
        let mut world = self.0.borrow_mut();
        world.advance(f64::from(ns) * 1e-9);
        assert!(world.time < 600.0, "the algorithm waited for ten minutes");
    }
}

pub struct Lasers {
    world: Shared,
    pub spec: LaserArraySpec,
}

impl Lasers {
    pub fn new(world: &Shared) -> Self {
        let source = SourceSpec {
            wavelength: Nanometres(650),
            aperture_milli: 650,
            read_max: Microwatts(1_500),
            write_max: Microwatts(60_000),
            step: Microwatts(50),
            ..SourceSpec::default()
        };
        let spec = LaserArraySpec {
            sources: Few::from_slice(&[source]).unwrap(),
            total_max: Microwatts(60_000),
            buffer_runs: 200_000,
            queue: 2,
            clock_min: Hertz(1_000_000),
            clock_max: Hertz(100_000_000),
            energy_max: Nanojoules(20_000_000),
        };
        Self { world: Rc::clone(world), spec }
    }

    fn call(&self, name: &'static str) -> Result<()> {
        self.world.borrow_mut().call(Part::Laser, name)
    }
}

const fn laser(kind: ErrorKind) -> Error {
    Error::new(Part::Laser, kind)
}

impl LaserArray for Lasers {
    fn spec(&self) -> &LaserArraySpec {
        &self.spec
    }

    fn set_power(&mut self, _: Source, power: Microwatts) -> Result<Microwatts> {
        self.call("set_power")?;
        if power > Microwatts(1_500) {
            return Err(laser(ErrorKind::OutOfRange));
        }
        self.world.borrow_mut().lit = power > Microwatts::ZERO;
        Ok(power)
    }

    fn monitor(&mut self, _: Source) -> Result<Microwatts> {
        self.call("monitor")?;
        Ok(Microwatts::ZERO)
    }

    fn load(&mut self, _: Source, strategy: &WriteStrategy) -> Result<()> {
        self.call("load")?;
        self.world.borrow_mut().peak = strategy.peak;
        Ok(())
    }

    fn begin(&mut self, plan: &ShotPlan) -> Result<ShotId> {
        self.call("begin")?;
        let mut world = self.world.borrow_mut();
        if plan.energy_max > self.spec.energy_max || plan.length == 0 {
            return Err(laser(ErrorKind::OutOfRange));
        }
        if world.shots.len() >= usize::from(self.spec.queue) {
            return Err(laser(ErrorKind::Full));
        }
        let id = ShotId(world.next_id);
        world.next_id += 1;
        let peak = world.peak;
        world.shots.push_back(Shot {
            id,
            plan: *plan,
            peak,
            runs: Vec::new(),
            fed_bits: 0,
            armed: false,
            fired: None,
            from: 0.0,
            outcome: Outcome::Pending,
        });
        Ok(id)
    }

    fn feed(&mut self, id: ShotId, _: Source, runs: &[u8]) -> Result<usize> {
        self.call("feed")?;
        let mut world = self.world.borrow_mut();
        world.write();
        // It may have ended by itself in between.
        let shot = world.shots.iter_mut().find(|s| s.id == id).ok_or(laser(ErrorKind::WrongState))?;
        let written = if let Outcome::Running { at } = shot.outcome { at } else { 0 };
        let waiting = (shot.fed_bits - written) / 5;
        let room = u64::from(self.spec.buffer_runs).saturating_sub(waiting) as usize;
        let taken = runs.len().min(room);
        shot.runs.extend_from_slice(&runs[..taken]);
        shot.fed_bits += runs[..taken].iter().map(|&r| u64::from(r)).sum::<u64>();
        assert!(shot.fed_bits <= shot.plan.length, "more was fed than the plan has");
        Ok(taken)
    }

    fn arm(&mut self, id: ShotId) -> Result<ArmToken> {
        self.call("arm_shot")?;
        let mut world = self.world.borrow_mut();
        if let Fault::SlowArm(left @ 1..) = &mut world.fault {
            *left -= 1;
            world.time += 0.05;
        }
        let shot = world.shots.iter_mut().find(|s| s.id == id).ok_or(laser(ErrorKind::InvalidArgument))?;
        if shot.runs.is_empty() {
            return Err(laser(ErrorKind::WrongState));
        }
        shot.armed = true;
        Ok(ArmToken::new(id, shot.plan.hash(), id.0))
    }

    fn fire(&mut self, token: ArmToken) -> Result<()> {
        self.call("fire")?;
        let mut world = self.world.borrow_mut();
        if world.layer().is_none() || world.tracking.is_none() {
            return Err(laser(ErrorKind::TrackingLost));
        }
        let place = world.place();
        let shot = world.shots.iter_mut().find(|s| s.id == token.shot() && s.armed);
        shot.ok_or(laser(ErrorKind::StaleToken))?.fired = Some(place);
        world.write();
        Ok(())
    }

    fn outcome(&mut self, id: ShotId) -> Result<Outcome> {
        self.call("outcome")?;
        let mut world = self.world.borrow_mut();
        world.write();
        let open = world.shots.iter().find(|s| s.id == id).map(|s| s.outcome);
        let ended = world.ended.iter().find(|(other, _)| *other == id).map(|(_, o)| *o);
        open.or(ended).ok_or(laser(ErrorKind::InvalidArgument))
    }

    fn status(&mut self) -> Result<LaserStatus> {
        self.call("laser_status")?;
        Ok(LaserStatus::empty())
    }

    fn clear_trip(&mut self) -> Result<()> {
        self.call("clear_trip")
    }

    fn off(&mut self) -> Result<()> {
        self.call("off")?;
        self.world.borrow_mut().off();
        Ok(())
    }
}

pub struct Focus {
    world: Shared,
    spec: FocusSpec,
}

impl Focus {
    pub fn new(world: &Shared) -> Self {
        let spec = FocusSpec {
            travel_min: Nanometres(-500_000),
            travel_max: Nanometres(500_000),
            sweep_max: MicrometresPerSecond(50_000),
            jump_max: 1,
            ..FocusSpec::default()
        };
        Self { world: Rc::clone(world), spec }
    }
}

impl FocusServo for Focus {
    fn spec(&self) -> &FocusSpec {
        &self.spec
    }

    fn sweep(&mut self, from: Nanometres, to: Nanometres, speed: MicrometresPerSecond) -> Result<()> {
        let mut world = self.world.borrow_mut();
        world.call(Part::Focus, "sweep")?;
        world.lens = (world.time, f64::from(from.0), f64::from(to.0), f64::from(speed.0) * 1e3);
        Ok(())
    }

    fn engage(&mut self, _: Source, capture: &FocusCapture) -> Result<()> {
        let mut world = self.world.borrow_mut();
        world.call(Part::Focus, "engage_focus")?;
        world.focus = world.caught(capture);
        world.focus_lost = false;
        let (from, to) = (f64::from(capture.start.0), f64::from(capture.end.0));
        world.lens = (world.time, from, to, f64::from(capture.speed.0) * 1e3);
        Ok(())
    }

    fn release(&mut self) -> Result<()> {
        let mut world = self.world.borrow_mut();
        world.call(Part::Focus, "release_focus")?;
        world.focus = None;
        Ok(())
    }

    fn set_offset(&mut self, offset: Nanometres) -> Result<Nanometres> {
        self.world.borrow_mut().call(Part::Focus, "focus_offset")?;
        Ok(offset)
    }

    fn jump(&mut self, layers: i8) -> Result<()> {
        let mut world = self.world.borrow_mut();
        world.call(Part::Focus, "jump")?;
        world.focus = world.focus.and_then(|l| l.checked_add_signed(isize::from(layers)));
        Ok(())
    }

    fn status(&mut self) -> Result<FocusStatus> {
        let mut world = self.world.borrow_mut();
        world.call(Part::Focus, "focus_status")?;
        let mut flags = FocusFlags::empty();
        flags.set(FocusFlags::MOVING, world.lens_moves());
        flags.set(FocusFlags::LOCKED, !world.lens_moves() && world.layer().is_some());
        flags.set(FocusFlags::LOST, world.focus_lost);
        Ok(FocusStatus { flags, position: Nanometres(world.lens_at(world.time) as i32) })
    }
}

pub struct Tracking {
    world: Shared,
    spec: TrackingSpec,
}

impl Tracking {
    pub fn new(world: &Shared) -> Self {
        Self { world: Rc::clone(world), spec: TrackingSpec { push_pull: true, ..TrackingSpec::default() } }
    }
}

impl TrackingServo for Tracking {
    fn spec(&self) -> &TrackingSpec {
        &self.spec
    }

    fn engage(&mut self, _: Source, _: TrackingMethod, polarity: Polarity) -> Result<()> {
        let mut world = self.world.borrow_mut();
        world.call(Part::Tracking, "engage_tracking")?;
        let layer = world.layer().ok_or(Error::new(Part::Tracking, ErrorKind::FocusLost))?;
        let first = world.medium.layers[layer].layout.test.first;
        world.tracking = Some(polarity);
        world.head = (f64::from(first) * SECTOR_BITS, world.time);
        Ok(())
    }

    fn release(&mut self) -> Result<()> {
        let mut world = self.world.borrow_mut();
        world.call(Part::Tracking, "release_tracking")?;
        world.tracking = None;
        Ok(())
    }

    fn set_offset(&mut self, offset: Nanometres) -> Result<Nanometres> {
        Ok(offset)
    }

    fn jump(&mut self, _: i32) -> Result<()> {
        Ok(())
    }

    fn seek(&mut self, address: Address) -> Result<()> {
        let mut world = self.world.borrow_mut();
        world.call(Part::Tracking, "seek")?;
        if world.tracking.is_none() || world.layer().is_none() {
            return Err(Error::new(Part::Tracking, ErrorKind::WrongState));
        }
        world.head = ((f64::from(address.0) - 12.5) * SECTOR_BITS, world.time);
        Ok(())
    }

    fn address(&mut self) -> Result<Option<Address>> {
        let mut world = self.world.borrow_mut();
        world.call(Part::Tracking, "address")?;
        // The second layer's groove turns the sign of the push-pull.
        let right = world.layer().map(|l| if l == 0 { Polarity::Rising } else { Polarity::Falling });
        let readable = right.is_some() && right == world.tracking && world.fault != Fault::NoAddress;
        Ok(readable.then(|| Address((world.place() / SECTOR_BITS) as u32)))
    }

    fn status(&mut self) -> Result<TrackingStatus> {
        let mut world = self.world.borrow_mut();
        world.call(Part::Tracking, "tracking_status")?;
        let locked = world.tracking.is_some() && world.layer().is_some();
        let flags = if locked { TrackingFlags::LOCKED } else { TrackingFlags::empty() };
        Ok(TrackingStatus { flags, crossings: 0 })
    }
}

pub struct Turntable {
    world: Shared,
    spec: SpindleSpec,
}

impl Turntable {
    pub fn new(world: &Shared) -> Self {
        let spec = SpindleSpec {
            velocity_min: MicrometresPerSecond(1_000_000),
            velocity_max: MicrometresPerSecond(20_000_000),
            radius_min: Nanometres(20_000_000),
            radius_max: Nanometres(59_000_000),
        };
        Self { world: Rc::clone(world), spec }
    }
}

impl Spindle for Turntable {
    fn spec(&self) -> &SpindleSpec {
        &self.spec
    }

    fn set_velocity(&mut self, velocity: MicrometresPerSecond) -> Result<MicrometresPerSecond> {
        let mut world = self.world.borrow_mut();
        world.call(Part::Spindle, "set_velocity")?;
        world.speed = velocity.0 > 0;
        Ok(velocity)
    }

    fn move_to(&mut self, _: Nanometres) -> Result<()> {
        self.world.borrow_mut().call(Part::Spindle, "move_to")
    }

    fn status(&mut self) -> Result<SpindleStatus> {
        let mut world = self.world.borrow_mut();
        world.call(Part::Spindle, "spindle_status")?;
        let turning = if world.speed { SpindleFlags::SPINNING | SpindleFlags::AT_SPEED } else { SpindleFlags::empty() };
        Ok(SpindleStatus { flags: SpindleFlags::DISC_PRESENT | turning, ..SpindleStatus::default() })
    }
}

pub struct Detector {
    world: Shared,
    spec: DetectorSpec,
}

impl Detector {
    pub fn new(world: &Shared) -> Self {
        let kinds = [ChannelKind::Sum, ChannelKind::FocusError, ChannelKind::PushPull];
        let channels: Vec<ChannelSpec> = kinds
            .iter()
            .map(|&kind| ChannelSpec {
                kind,
                rate_max: Hertz(if kind == ChannelKind::Sum { 110_000_000 } else { 1_000_000 }),
                dark: if kind == ChannelKind::Sum { DARK } else { 0 },
                reference: REFERENCE,
                ..ChannelSpec::default()
            })
            .collect();
        let spec = DetectorSpec { channels: Few::from_slice(&channels).unwrap(), buffer: 1 << 24 };
        Self { world: Rc::clone(world), spec }
    }
}

impl Photodetector for Detector {
    fn spec(&self) -> &DetectorSpec {
        &self.spec
    }

    fn arm(&mut self, what: &Acquisition) -> Result<()> {
        let mut world = self.world.borrow_mut();
        world.call(Part::Detector, "arm_detector")?;
        let all = self.spec.channels.iter().enumerate();
        let kinds = all.filter(|(i, _)| what.channels.contains(Channels::one(*i as u8))).map(|(_, c)| c.kind);
        let start = (what.trigger == Trigger::Now).then_some((world.time, 0.0));
        let (kinds, armed_at) = (kinds.collect(), world.place());
        world.capture = Some(Capture { what: *what, kinds, armed_at, start, done: 0 });
        Ok(())
    }

    fn read(&mut self, samples: &mut [i16]) -> Result<Chunk> {
        let mut world = self.world.borrow_mut();
        world.call(Part::Detector, "read")?;
        let mut capture = world.capture.take().ok_or(Error::new(Part::Detector, ErrorKind::WrongState))?;
        let (time, place, clock) = (world.time, world.place(), world.clock());
        if let (None, Trigger::Address(address)) = (capture.start, capture.what.trigger) {
            let at = f64::from(address.0) * SECTOR_BITS;
            if capture.armed_at <= at && place >= at {
                capture.start = Some((time - (place - at) / clock, at));
            }
        }
        let mut chunk = Chunk { first: capture.done, ..Chunk::default() };
        if let Some((since, from)) = capture.start {
            let rate = f64::from(capture.what.rate.0);
            let due = (((time - since) * rate) as u64).min(capture.what.length);
            let mut left = due - capture.done;
            if let Fault::Gap { at, lost, always } = world.fault
                && (chunk.first..chunk.first + left).contains(&at)
                && (always || world.gaps == 0)
            {
                world.gaps += 1;
                chunk.gap = lost.min(left);
                chunk.first += chunk.gap;
                left -= chunk.gap;
            }
            let width = capture.kinds.len();
            chunk.length = left.min((samples.len() / width) as u64) as usize;
            fill(&world, &capture, chunk.first, &mut samples[..chunk.length * width], (since, from, rate));
            capture.done = chunk.first + chunk.length as u64;
            chunk.last = capture.done == capture.what.length;
        }
        world.capture = (!chunk.last).then_some(capture);
        Ok(chunk)
    }

    fn stop(&mut self) -> Result<()> {
        let mut world = self.world.borrow_mut();
        world.call(Part::Detector, "stop")?;
        world.capture = None;
        Ok(())
    }
}

/// Samples of a capture from number `first` on; `how` is its time, place and rate.
fn fill(world: &World, capture: &Capture, first: u64, samples: &mut [i16], how: (f64, f64, f64)) {
    let (since, from, rate) = how;
    let width = capture.kinds.len();
    if let (Trigger::Address(_), Some(layer)) = (capture.what.trigger, world.layer()) {
        let step = world.clock() / rate;
        let start = from + first as f64 * step;
        let count = samples.len();
        let mut out = samples.iter_mut();
        world.disc.reflectance(layer, start, step, count, |r| {
            if let Some(sample) = out.next() {
                *sample = (f64::from(DARK) + r * f64::from(REFERENCE)) as i16;
            }
        });
        return;
    }
    for (i, frame) in samples.chunks_mut(width).enumerate() {
        let time = since + (first + i as u64) as f64 / rate;
        let lens = world.lens_at(time);
        let strength = [0.25, 1.0, 0.97];
        for (sample, kind) in frame.iter_mut().zip(&capture.kinds) {
            let mut value = 10.0 * (noise((time * 1e9) as u64) - 0.5);
            for (at, strength) in CURVES.iter().zip(strength).take(if world.lit { 3 } else { 0 }) {
                let (z, s) = ((lens - at) * 1e-3, 3_400.0 * strength);
                value += match kind {
                    ChannelKind::Sum => s / (1.0 + (z / 10.0).powi(2)),
                    ChannelKind::FocusError => 0.6 * s * 2.0 * (z / 2.5) / (1.0 + (z / 2.5).powi(2)),
                    _ => 0.0,
                };
            }
            if *kind == ChannelKind::PushPull && world.layer().is_some() {
                value += 500.0 * (time * 6000.0).sin();
            }
            *sample = (value + if *kind == ChannelKind::Sum { f64::from(DARK) } else { 0.0 }) as i16;
        }
    }
}
