//! The parts of the simulated bench: views on one world.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use disc_hal::hal::{
    Acquisition, Address, ArmToken, Chunk, DetectorSpec, Electrode, ElectrodeReading, ElectrodeSupply, Error,
    ErrorKind, FocusCapture, FocusServo, FocusSpec, FocusStatus, LaserArray, LaserArraySpec, LaserStatus,
    MicrometresPerSecond, Microwatts, Millivolts, MillivoltsPerSecond, Nanometres, Outcome, Part, Photodetector,
    Polarity, Result, ShotId, ShotPlan, Source, Spindle, SpindleFlags, SpindleSpec, SpindleStatus, SupplySpec,
    TrackingMethod, TrackingServo, TrackingSpec, TrackingStatus, WriteStrategy,
};
use embedded_hal::delay::DelayNs;

use crate::noise::Purpose;
use crate::world::{self, World};

/// The world, shared by its parts.
#[derive(Debug, Clone)]
pub(crate) struct Shared(Arc<Mutex<World>>);

impl Shared {
    pub(crate) fn new(world: World) -> Self {
        Self(Arc::new(Mutex::new(world)))
    }

    /// A panic elsewhere leaves a world that can still be made safe and saved.
    pub(crate) fn lock(&self) -> MutexGuard<'_, World> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn source(part: Part, source: Source) -> Result<()> {
    if source == Source(0) { Ok(()) } else { Err(Error::new(part, ErrorKind::InvalidArgument)) }
}

/// The laser.
#[derive(Debug)]
pub(crate) struct SimLasers {
    pub(crate) world: Shared,
    pub(crate) spec: LaserArraySpec,
    pub(crate) readings: u64,
}

impl LaserArray for SimLasers {
    fn spec(&self) -> &LaserArraySpec {
        &self.spec
    }

    fn set_power(&mut self, of: Source, power: Microwatts) -> Result<Microwatts> {
        source(Part::Laser, of)?;
        self.world.lock().lasers.set_power(power)
    }

    fn monitor(&mut self, of: Source) -> Result<Microwatts> {
        source(Part::Laser, of)?;
        let world = self.world.lock();
        self.readings += 1;
        let noise = 1.0 + 0.003 * f64::from(world.noise.stream(Purpose::Monitor, self.readings, 0).normal());
        Ok(Microwatts((f64::from(world.power().0) * noise).round() as u32))
    }

    fn load(&mut self, of: Source, strategy: &WriteStrategy) -> Result<()> {
        source(Part::Laser, of)?;
        self.world.lock().lasers.load(strategy)
    }

    fn begin(&mut self, plan: &ShotPlan) -> Result<ShotId> {
        self.world.lock().lasers.begin(plan)
    }

    fn feed(&mut self, shot: ShotId, of: Source, runs: &[u8]) -> Result<usize> {
        source(Part::Laser, of)?;
        self.world.lock().lasers.feed(shot, runs)
    }

    fn arm(&mut self, shot: ShotId) -> Result<ArmToken> {
        let mut world = self.world.lock();
        world.ready_to_write()?;
        let (plan, nonce) = world.lasers.arm(shot)?;
        Ok(ArmToken::new(shot, plan, nonce))
    }

    fn fire(&mut self, token: ArmToken) -> Result<()> {
        self.world.lock().lasers.fire(token.shot(), token.plan(), token.nonce())
    }

    fn outcome(&mut self, shot: ShotId) -> Result<Outcome> {
        self.world.lock().lasers.outcome(shot)
    }

    fn status(&mut self) -> Result<LaserStatus> {
        Ok(self.world.lock().lasers.status())
    }

    fn clear_trip(&mut self) -> Result<()> {
        self.world.lock().lasers.trips = LaserStatus::empty();
        Ok(())
    }

    fn off(&mut self) -> Result<()> {
        self.world.lock().off();
        Ok(())
    }
}

/// The focus servo.
#[derive(Debug)]
pub(crate) struct SimFocus {
    pub(crate) world: Shared,
    pub(crate) spec: FocusSpec,
}

impl FocusServo for SimFocus {
    fn spec(&self) -> &FocusSpec {
        &self.spec
    }

    fn sweep(&mut self, from: Nanometres, to: Nanometres, speed: MicrometresPerSecond) -> Result<()> {
        self.world.lock().focus.sweep(from, to, speed)
    }

    fn engage(&mut self, of: Source, capture: &FocusCapture) -> Result<()> {
        source(Part::Focus, of)?;
        self.world.lock().focus.engage(capture)
    }

    fn release(&mut self) -> Result<()> {
        let mut world = self.world.lock();
        world.focus.release();
        world.radial.release();
        Ok(())
    }

    fn set_offset(&mut self, offset: Nanometres) -> Result<Nanometres> {
        self.world.lock().focus.set_offset(offset)
    }

    fn jump(&mut self, layers: i8) -> Result<()> {
        let mut world = self.world.lock();
        world.focus.jump(layers)?;
        // Between layers there is nothing to track.
        world.radial.release();
        Ok(())
    }

    fn status(&mut self) -> Result<FocusStatus> {
        Ok(self.world.lock().focus.status())
    }
}

/// The tracking servo.
#[derive(Debug)]
pub(crate) struct SimTracking {
    pub(crate) world: Shared,
    pub(crate) spec: TrackingSpec,
}

impl TrackingServo for SimTracking {
    fn spec(&self) -> &TrackingSpec {
        &self.spec
    }

    fn engage(&mut self, of: Source, method: TrackingMethod, polarity: Polarity) -> Result<()> {
        source(Part::Tracking, of)?;
        self.world.lock().engage_tracking(method, polarity)
    }

    fn release(&mut self) -> Result<()> {
        self.world.lock().radial.release();
        Ok(())
    }

    fn set_offset(&mut self, offset: Nanometres) -> Result<Nanometres> {
        self.world.lock().radial.set_offset(offset)
    }

    fn jump(&mut self, tracks: i32) -> Result<()> {
        self.world.lock().jump_tracks(tracks)
    }

    fn seek(&mut self, address: Address) -> Result<()> {
        self.world.lock().seek(address)
    }

    fn address(&mut self) -> Result<Option<Address>> {
        Ok(self.world.lock().address())
    }

    fn status(&mut self) -> Result<TrackingStatus> {
        Ok(self.world.lock().radial.status())
    }
}

/// The photodetector.
#[derive(Debug)]
pub(crate) struct SimDetector {
    pub(crate) world: Shared,
    pub(crate) spec: DetectorSpec,
}

impl Photodetector for SimDetector {
    fn spec(&self) -> &DetectorSpec {
        &self.spec
    }

    fn arm(&mut self, acquisition: &Acquisition) -> Result<()> {
        self.world.lock().arm_capture(acquisition)
    }

    fn read(&mut self, samples: &mut [i16]) -> Result<Chunk> {
        self.world.lock().read_capture(samples)
    }

    fn stop(&mut self) -> Result<()> {
        self.world.lock().capture = None;
        Ok(())
    }
}

/// The spindle and the sled.
#[derive(Debug)]
pub(crate) struct SimSpindle {
    pub(crate) world: Shared,
    pub(crate) spec: SpindleSpec,
}

pub(crate) const fn spindle_spec() -> SpindleSpec {
    SpindleSpec {
        velocity_min: MicrometresPerSecond(1_000_000),
        velocity_max: MicrometresPerSecond(16_000_000),
        radius_min: Nanometres(21_500_000),
        radius_max: Nanometres(58_600_000),
    }
}

fn spindle_error(kind: ErrorKind) -> Error {
    Error::new(Part::Spindle, kind)
}

impl Spindle for SimSpindle {
    fn spec(&self) -> &SpindleSpec {
        &self.spec
    }

    fn set_velocity(&mut self, velocity: MicrometresPerSecond) -> Result<MicrometresPerSecond> {
        let stop = velocity == MicrometresPerSecond::ZERO;
        if !stop && !(self.spec.velocity_min..=self.spec.velocity_max).contains(&velocity) {
            return Err(spindle_error(ErrorKind::OutOfRange));
        }
        let mut world = self.world.lock();
        if world.lasers.is_writing() {
            return Err(spindle_error(ErrorKind::WrongState));
        }
        world.mechanics.wanted = f64::from(velocity.0) * 1e-6;
        Ok(velocity)
    }

    fn move_to(&mut self, radius: Nanometres) -> Result<()> {
        if !(self.spec.radius_min..=self.spec.radius_max).contains(&radius) {
            return Err(spindle_error(ErrorKind::OutOfRange));
        }
        let mut world = self.world.lock();
        if world.radial.is_closed() {
            return Err(spindle_error(ErrorKind::WrongState));
        }
        world.mechanics.sled_target = Some(f64::from(radius.0) * 1e-9);
        Ok(())
    }

    fn status(&mut self) -> Result<SpindleStatus> {
        let world = self.world.lock();
        let m = &world.mechanics;
        let mut flags = SpindleFlags::DISC_PRESENT;
        flags.set(SpindleFlags::SPINNING, m.velocity > 0.0);
        flags.set(SpindleFlags::AT_SPEED, m.at_speed());
        flags.set(SpindleFlags::SLED_MOVING, m.sled_target.is_some());
        Ok(SpindleStatus {
            flags,
            velocity: MicrometresPerSecond((m.velocity * 1e6).round() as u32),
            radius: Nanometres((m.sled * 1e9).round() as i32),
        })
    }
}

/// The electrode supply.
#[derive(Debug)]
pub(crate) struct SimElectrodes {
    pub(crate) world: Shared,
    pub(crate) spec: SupplySpec,
}

impl ElectrodeSupply for SimElectrodes {
    fn spec(&self) -> &SupplySpec {
        &self.spec
    }

    fn set(&mut self, electrode: Electrode, voltage: Millivolts, slew: MillivoltsPerSecond) -> Result<Millivolts> {
        let held = self.spec.check(electrode, voltage, slew)?;
        self.world.lock().cells.set(electrode, held, slew);
        Ok(held)
    }

    fn measure(&mut self, electrode: Electrode) -> Result<ElectrodeReading> {
        if usize::from(electrode.0) >= self.spec.electrodes.len() {
            return Err(Error::new(Part::Electrode, ErrorKind::InvalidArgument));
        }
        self.world.lock().cells.measure(electrode)
    }

    fn make_safe(&mut self) -> Result<()> {
        self.world.lock().cells.make_safe();
        Ok(())
    }
}

/// Time of the world.
#[derive(Debug)]
pub(crate) struct SimDelay {
    pub(crate) world: Shared,
}

impl DelayNs for SimDelay {
    fn delay_ns(&mut self, ns: u32) {
        self.world.lock().advance(u64::from(ns) * 1_000);
    }
}

/// The specs that don't depend on the disc.
pub(crate) fn specs() -> (LaserArraySpec, FocusSpec, TrackingSpec, DetectorSpec, SpindleSpec) {
    (world::lasers::spec(), world::focus_spec(), world::tracking_spec(), world::detector_spec(), spindle_spec())
}
