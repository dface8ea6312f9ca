//! STEP 6: a simulated tester that speaks the vendor's language, with the physics of
//! `disc-hal-sim` inside. Every test program has it, and uses a part of it.
#![allow(dead_code, unreachable_pub, unused_imports)]

mod line;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use disc_hal::hal::{
    AbortCause, Acquisition, Address, ArmToken, Channels, Chunk, Error, ErrorKind, FocusCapture, Hertz, LaserStatus,
    MicrometresPerSecond, Microwatts, Nanojoules, Nanometres, Outcome, Picoseconds, Polarity, Result, Rig, ShotClock,
    ShotId, ShotPlan, Source, TrackingMethod, Trigger, WriteStrategy,
};
use disc_hal::media::Medium;
use disc_hal_sim::SimRig;
use disc_hal_template::board::{Answer, Board, Command, refusal};
use embedded_hal::delay::DelayNs;

pub use line::Wire;

/// What lies in the simulated tester.
pub fn medium() -> Medium {
    Medium::load("dual-layer").unwrap()
}

/// The tester, shared by its line and its clock.
#[derive(Clone)]
pub struct Simulated(Arc<Mutex<Inside>>);

impl core::fmt::Debug for Simulated {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Simulated")
    }
}

/// A shot in a slot, and leave to fire it.
#[derive(Default)]
struct Slot {
    shot: Option<ShotId>,
    token: Option<ArmToken>,
}

struct Inside {
    rig: Box<dyn Rig>,
    slots: [Slot; 2],
    interlock_open: bool,
    tripped: bool,
    /// Channels of the acquisition.
    channels: usize,
}

/// The tester's codes, by its manual: written down here once more, so that a wrong table
/// in the driver is found.
fn code(error: Error) -> u32 {
    match error.kind {
        ErrorKind::Busy => 101,
        ErrorKind::WrongState => 102,
        ErrorKind::OutOfRange => 103,
        ErrorKind::InvalidArgument | ErrorKind::StaleToken => 104,
        ErrorKind::NotSupported => 105,
        ErrorKind::Full => 106,
        ErrorKind::Interlock => 201,
        ErrorKind::Tripped => 202,
        ErrorKind::FocusLost => 203,
        ErrorKind::TrackingLost => 204,
        ErrorKind::NoMedium => 205,
        ErrorKind::NoAddress => 206,
        _ => 999,
    }
}

/// What the tester answers: numbers, or a code.
pub type Said = core::result::Result<Answer, u32>;

impl Simulated {
    /// With a blank disc in it.
    pub fn blank() -> Self {
        Self::with(SimRig::blank(medium(), 1).unwrap())
    }

    /// On another bench: a defective one, say.
    pub fn with(rig: impl Rig + 'static) -> Self {
        let (rig, slots) = (Box::new(rig), Default::default());
        let inside = Inside { rig, slots, interlock_open: false, tripped: false, channels: 0 };
        Self(Arc::new(Mutex::new(inside)))
    }

    fn lock(&self) -> MutexGuard<'_, Inside> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Opens or closes the housing.
    pub fn set_interlock(&self, open: bool) {
        let mut inside = self.lock();
        inside.interlock_open = open;
        if open {
            inside.tripped = true;
            inside.rig.bench().lasers.off().unwrap();
        }
    }

    /// The light that it makes.
    pub fn light(&self) -> Microwatts {
        self.lock().rig.bench().lasers.monitor(Source(0)).unwrap()
    }

    /// Does a command.
    pub fn command(&self, command: Command, numbers: &[i64]) -> Said {
        self.lock().command(command, numbers).map_err(code)
    }

    /// Takes run lengths.
    pub fn take(&self, slot: usize, source: u8, runs: &[u8]) -> core::result::Result<usize, u32> {
        let mut inside = self.lock();
        let shot = inside.slots.get(slot).and_then(|s| s.shot).ok_or(104u32)?;
        inside.rig.bench().lasers.feed(shot, Source(source), runs).map_err(code)
    }

    /// Channels that are digitised.
    pub fn channels(&self) -> usize {
        self.lock().channels
    }

    /// Hands over samples.
    pub fn give(&self, samples: &mut [i16]) -> core::result::Result<Chunk, u32> {
        self.lock().rig.bench().detector.read(samples).map_err(code)
    }
}

/// The clock of the tester: the driver's delays let it run.
impl DelayNs for Simulated {
    fn delay_ns(&mut self, ns: u32) {
        self.lock().rig.bench().delay.delay_ns(ns);
    }
}

/// The tester's insides without a line, as its firmware sees them.
impl Board for Simulated {
    fn call(&self, command: Command, numbers: &[i64]) -> Result<Answer> {
        self.command(command, numbers).map_err(|code| refusal(command, code))
    }

    fn feed(&self, slot: usize, source: u8, runs: &[u8]) -> Result<usize> {
        self.take(slot, source, runs).map_err(|code| refusal(Command::Feed, code))
    }

    fn samples(&self, samples: &mut [i16]) -> Result<Chunk> {
        self.give(samples).map_err(|code| refusal(Command::Samples, code))
    }
}

const NOTHING: Answer = [0; 4];

fn trigger(kind: i64, address: i64) -> Trigger {
    match kind {
        0 => Trigger::Now,
        1 => Trigger::Index,
        _ => Trigger::Address(Address(address as u32)),
    }
}

fn nm(n: i64) -> Nanometres {
    Nanometres(n as i32)
}

fn strategy(n: &[i64]) -> WriteStrategy {
    let table = |from: usize| core::array::from_fn(|i| core::array::from_fn(|j| n[from + 3 * i + j] as i8));
    WriteStrategy {
        peak: Microwatts(n[1] as u32),
        bias: Microwatts(n[2] as u32),
        multi: n[3] as u8,
        last: n[4] as u8,
        top: core::array::from_fn(|i| n[5 + i] as u8),
        lead: table(8),
        trail: table(17),
    }
}

fn cause(cause: AbortCause) -> i64 {
    match cause {
        AbortCause::Off => 0,
        AbortCause::Focus => 1,
        AbortCause::Tracking => 2,
        AbortCause::Interlock => 3,
        AbortCause::Spindle => 4,
        _ => 5,
    }
}

impl Inside {
    fn slot(&mut self, index: i64) -> Result<&mut Slot> {
        let wrong = Error::new(Command::Fire.part(), ErrorKind::InvalidArgument);
        usize::try_from(index).ok().and_then(|i| self.slots.get_mut(i)).ok_or(wrong)
    }

    fn shot(&mut self, index: i64) -> Result<ShotId> {
        let empty = Error::new(Command::Fire.part(), ErrorKind::WrongState);
        self.slot(index)?.shot.ok_or(empty)
    }

    fn may_emit(&self) -> Result<()> {
        let error = |kind| Err(Error::new(Command::Power.part(), kind));
        match (self.interlock_open, self.tripped) {
            (true, _) => error(ErrorKind::Interlock),
            (_, true) => error(ErrorKind::Tripped),
            _ => Ok(()),
        }
    }

    fn command(&mut self, command: Command, n: &[i64]) -> Result<Answer> {
        match command {
            Command::Power if n[1] > 0 => self.may_emit()?,
            Command::Arm | Command::Fire => self.may_emit()?,
            Command::ClearTrip if self.interlock_open => self.may_emit()?,
            _ => {}
        }
        match command {
            Command::Begin => return self.begin(n),
            Command::Arm => {
                let shot = self.shot(n[0])?;
                let token = self.rig.bench().lasers.arm(shot)?;
                self.slot(n[0])?.token = Some(token);
                return Ok(NOTHING);
            }
            Command::Fire => {
                let unarmed = Error::new(Command::Fire.part(), ErrorKind::WrongState);
                let token = self.slot(n[0])?.token.take().ok_or(unarmed)?;
                return self.rig.bench().lasers.fire(token).map(|()| NOTHING);
            }
            Command::WriteStatus => {
                let shot = self.shot(n[0])?;
                return Ok(match self.rig.bench().lasers.outcome(shot)? {
                    Outcome::Pending => NOTHING,
                    Outcome::Running { at } => [1, at as i64, 0, 0],
                    Outcome::Done => [2, 0, 0, 0],
                    Outcome::NotDone => [3, 0, 0, 0],
                    Outcome::Underrun { at } => [4, at as i64, 0, 0],
                    Outcome::Aborted { at, cause: why } => [5, at as i64, cause(why), 0],
                    _ => [9, 0, 0, 0],
                });
            }
            Command::LaserStatus => return self.laser_status(),
            Command::ClearTrip => self.tripped = false,
            _ => {}
        }
        self.act(command, n)
    }

    fn begin(&mut self, n: &[i64]) -> Result<Answer> {
        let clock = Hertz(n[5] as u32);
        let clock = if n[6] == 0 { ShotClock::Fixed(clock) } else { ShotClock::Groove(clock) };
        let energy = Nanojoules(n[8] as u64);
        let mut plan = ShotPlan::single(Source(n[1] as u8), trigger(n[3], n[4]), clock, n[7] as u64, energy);
        plan.spots[0].delay = Picoseconds(n[2]);
        let shot = self.rig.bench().lasers.begin(&plan)?;
        *self.slot(n[0])? = Slot { shot: Some(shot), token: None };
        Ok(NOTHING)
    }

    fn laser_status(&mut self) -> Result<Answer> {
        let status = self.rig.bench().lasers.status()?;
        let causes = [
            (LaserStatus::TRIP_FOCUS, 1),
            (LaserStatus::TRIP_TRACKING, 2),
            (LaserStatus::TRIP_INTERLOCK, 3),
            (LaserStatus::TRIP_SPINDLE, 4),
        ];
        let why = causes.iter().find(|(flag, _)| status.contains(*flag)).map_or(5, |(_, why)| *why);
        let why = if self.tripped { 3 } else { why };
        let tripped = self.tripped || status.contains(LaserStatus::TRIPPED);
        let emitting = status.contains(LaserStatus::EMITTING);
        Ok([emitting.into(), self.interlock_open.into(), tripped.into(), why])
    }

    /// Commands that the bench inside does by itself.
    fn act(&mut self, command: Command, n: &[i64]) -> Result<Answer> {
        let bench = self.rig.bench();
        let source = || Source(n[0] as u8);
        let speed = |n: i64| MicrometresPerSecond(n as u32);
        let done = |()| NOTHING;
        match command {
            Command::Power => bench.lasers.set_power(source(), Microwatts(n[1] as u32)).map(|p| [p.0.into(), 0, 0, 0]),
            Command::Monitor => bench.lasers.monitor(source()).map(|p| [p.0.into(), 0, 0, 0]),
            Command::Strategy => bench.lasers.load(source(), &strategy(n)).map(done),
            Command::ClearTrip => bench.lasers.clear_trip().map(done),
            Command::Off => bench.lasers.off().map(done),
            Command::Sweep => bench.focus.sweep(nm(n[0]), nm(n[1]), speed(n[2])).map(done),
            Command::FocusOn => {
                let (start, end, speed) = (nm(n[1]), nm(n[2]), speed(n[3]));
                let capture = FocusCapture { start, end, speed, threshold: n[4] as i16, sum_min: n[5] as i16 };
                bench.focus.engage(source(), &capture).map(done)
            }
            Command::FocusOff => bench.focus.release().map(done),
            Command::FocusOffset => bench.focus.set_offset(nm(n[0])).map(|o| [o.0.into(), 0, 0, 0]),
            Command::FocusJump => bench.focus.jump(n[0] as i8).map(done),
            Command::FocusStatus => bench.focus.status().map(|s| [s.flags.bits().into(), s.position.0.into(), 0, 0]),
            Command::TrackOn => {
                let method = match n[1] {
                    0 => TrackingMethod::PushPull,
                    1 => TrackingMethod::DifferentialPushPull,
                    _ => TrackingMethod::DifferentialPhase,
                };
                let polarity = if n[2] == 0 { Polarity::Rising } else { Polarity::Falling };
                bench.tracking.engage(source(), method, polarity).map(done)
            }
            Command::TrackOff => bench.tracking.release().map(done),
            Command::TrackOffset => bench.tracking.set_offset(nm(n[0])).map(|o| [o.0.into(), 0, 0, 0]),
            Command::TrackJump => bench.tracking.jump(n[0] as i32).map(done),
            Command::Seek => bench.tracking.seek(Address(n[0] as u32)).map(done),
            Command::Address => bench.tracking.address().map(|a| [a.map_or(-1, |a| i64::from(a.0)), 0, 0, 0]),
            Command::TrackStatus => bench.tracking.status().map(|s| [s.flags.bits().into(), s.crossings.into(), 0, 0]),
            Command::Acquire => {
                let channels = Channels::from_bits_retain(n[0] as u16);
                let (rate, length) = (Hertz(n[1] as u32), n[2] as u64);
                let acquisition = Acquisition { channels, rate, length, trigger: trigger(n[3], n[4]) };
                self.rig.bench().detector.arm(&acquisition)?;
                self.channels = channels.count() as usize;
                Ok(NOTHING)
            }
            Command::AcquireStop => bench.detector.stop().map(done),
            Command::Velocity => bench.spindle.set_velocity(speed(n[0])).map(|v| [v.0.into(), 0, 0, 0]),
            Command::MoveTo => bench.spindle.move_to(nm(n[0])).map(done),
            Command::SpindleStatus => {
                bench.spindle.status().map(|s| [s.flags.bits().into(), s.velocity.0.into(), s.radius.0.into(), 0])
            }
            other => Err(Error::new(other.part(), ErrorKind::NotSupported)),
        }
    }
}
