//! The bench of the parts, for the conformance suite.

use std::io;
use std::sync::mpsc::{Sender, channel};

use disc_hal::hal::{
    Acquisition, Address, ArmToken, Bench, Chunk, DetectorSpec, Electrode, ElectrodeReading, ElectrodeSupply, Error,
    ErrorKind, FocusCapture, FocusServo, FocusSpec, FocusStatus, Identity, LaserArray, LaserArraySpec, LaserStatus,
    MicrometresPerSecond, Microwatts, Millivolts, MillivoltsPerSecond, Name, Nanometres, OffHandle, Outcome, Part,
    Photodetector, Polarity, Result, Rig, SafeState, ShotId, ShotPlan, Source, Spindle, SpindleFlags, SpindleSpec,
    SpindleStatus, SupplySpec, TrackingMethod, TrackingServo, TrackingSpec, TrackingStatus, WriteStrategy,
};
use disc_hal_spi::Detector;
use embedded_hal::delay::DelayNs;

use super::{Hardware, TestElectrodes, TestLasers, TestSampler};

/// All that lives in the thread.
pub struct World {
    pub hardware: Hardware,
    pub lasers: TestLasers,
    pub electrodes: TestElectrodes,
    pub detector: Detector<TestSampler>,
    ticked: u64,
}

impl World {
    pub fn new(safe: SafeState) -> Self {
        let hardware = Hardware::new();
        let (lasers, electrodes) = (hardware.lasers().unwrap(), hardware.electrodes(safe).unwrap());
        let detector = hardware.detector().unwrap();
        Self { hardware, lasers, electrodes, detector, ticked: 0 }
    }

    /// Time passes: samples when they are due, a tick each millisecond.
    pub fn pass(&mut self, ns: u64) {
        let time = self.hardware.time;
        let end = time.ns.get() + ns;
        loop {
            let now = time.ns.get();
            let sample = self.detector.sampler().next_ns().filter(|at| *at > now);
            let next = sample.unwrap_or(end).min(self.ticked + 1_000_000).min(end);
            time.ns.set(next.max(now));
            self.detector.sampler().poll();
            if next >= self.ticked + 1_000_000 {
                self.ticked = next;
                let _told = self.lasers.inputs();
                self.electrodes.poll();
            }
            if next >= end {
                return;
            }
        }
    }
}

type Work = Box<dyn FnOnce(&mut World) + Send>;

/// A way to the thread.
#[derive(Clone)]
pub struct Remote(Sender<Work>);

impl Remote {
    pub fn new(safe: SafeState) -> Self {
        let (sender, receiver) = channel::<Work>();
        std::thread::spawn(move || {
            let mut world = World::new(safe);
            for work in receiver {
                work(&mut world);
            }
        });
        Self(sender)
    }

    pub fn call<R: Send + 'static>(&self, work: impl FnOnce(&mut World) -> R + Send + 'static) -> R {
        let (sender, receiver) = channel();
        let sent = self.0.send(Box::new(move |world| {
            let _ended = sender.send(work(world));
        }));
        assert!(sent.is_ok(), "the thread of the parts has ended");
        receiver.recv().expect("the parts answer")
    }
}

pub struct TestRig {
    identity: Identity,
    remote: Remote,
    lasers: Far<LaserArraySpec>,
    supply: Far<SupplySpec>,
    detector: Far<DetectorSpec>,
    focus: Focus,
    tracking: Tracking,
    spindle: Turntable,
    delay: Remote,
}

struct Far<S> {
    remote: Remote,
    spec: S,
}

impl TestRig {
    pub fn new(safe: SafeState) -> Self {
        let remote = Remote::new(safe);
        let (lasers, supply, detector) = remote.call(|w| (*w.lasers.spec(), *w.electrodes.spec(), *w.detector.spec()));
        Self {
            identity: Identity {
                vendor: Name::new("disc-hal"),
                model: Name::new("modelled chips"),
                ..Identity::default()
            },
            lasers: Far { remote: remote.clone(), spec: lasers },
            supply: Far { remote: remote.clone(), spec: supply },
            detector: Far { remote: remote.clone(), spec: detector },
            focus: Focus::default(),
            tracking: Tracking::default(),
            spindle: Turntable {
                remote: remote.clone(),
                spec: SpindleSpec {
                    velocity_min: MicrometresPerSecond(1_000_000),
                    velocity_max: MicrometresPerSecond(8_000_000),
                    radius_min: Nanometres(22_000_000),
                    radius_max: Nanometres(58_000_000),
                },
                velocity: MicrometresPerSecond::ZERO,
            },
            delay: remote.clone(),
            remote,
        }
    }
}

impl TestRig {
    /// A way to the parts.
    pub fn remote(&self) -> Remote {
        self.remote.clone()
    }
}

impl Rig for TestRig {
    fn identity(&self) -> &Identity {
        &self.identity
    }

    fn bench(&mut self) -> Bench<'_> {
        Bench::new(
            &mut self.lasers,
            &mut self.focus,
            &mut self.tracking,
            &mut self.detector,
            &mut self.spindle,
            &mut self.delay,
        )
        .with_electrodes(&mut self.supply)
    }

    fn off_handle(&self) -> OffHandle {
        let remote = self.remote.clone();
        OffHandle::new(move || {
            let _off = remote.call(|w| (w.lasers.off(), w.electrodes.make_safe()));
        })
    }

    fn close(&mut self) -> io::Result<()> {
        self.off_handle().off();
        Ok(())
    }
}

impl DelayNs for Remote {
    fn delay_ns(&mut self, ns: u32) {
        self.call(move |w| w.pass(ns.into()));
    }
}

impl LaserArray for Far<LaserArraySpec> {
    fn spec(&self) -> &LaserArraySpec {
        &self.spec
    }

    fn set_power(&mut self, source: Source, power: Microwatts) -> Result<Microwatts> {
        self.remote.call(move |w| w.lasers.set_power(source, power))
    }

    fn monitor(&mut self, source: Source) -> Result<Microwatts> {
        self.remote.call(move |w| w.lasers.monitor(source))
    }

    fn load(&mut self, source: Source, strategy: &WriteStrategy) -> Result<()> {
        let strategy = *strategy;
        self.remote.call(move |w| w.lasers.load(source, &strategy))
    }

    fn begin(&mut self, plan: &ShotPlan) -> Result<ShotId> {
        let plan = *plan;
        self.remote.call(move |w| w.lasers.begin(&plan))
    }

    fn feed(&mut self, shot: ShotId, source: Source, runs: &[u8]) -> Result<usize> {
        let runs = runs.to_vec();
        self.remote.call(move |w| w.lasers.feed(shot, source, &runs))
    }

    fn arm(&mut self, shot: ShotId) -> Result<ArmToken> {
        self.remote.call(move |w| w.lasers.arm(shot))
    }

    fn fire(&mut self, token: ArmToken) -> Result<()> {
        self.remote.call(move |w| w.lasers.fire(token))
    }

    fn outcome(&mut self, shot: ShotId) -> Result<Outcome> {
        self.remote.call(move |w| w.lasers.outcome(shot))
    }

    fn status(&mut self) -> Result<LaserStatus> {
        self.remote.call(|w| w.lasers.status())
    }

    fn clear_trip(&mut self) -> Result<()> {
        self.remote.call(|w| w.lasers.clear_trip())
    }

    fn off(&mut self) -> Result<()> {
        self.remote.call(|w| w.lasers.off())
    }
}

impl ElectrodeSupply for Far<SupplySpec> {
    fn spec(&self) -> &SupplySpec {
        &self.spec
    }

    fn set(&mut self, electrode: Electrode, voltage: Millivolts, slew: MillivoltsPerSecond) -> Result<Millivolts> {
        self.remote.call(move |w| w.electrodes.set(electrode, voltage, slew))
    }

    fn measure(&mut self, electrode: Electrode) -> Result<ElectrodeReading> {
        self.remote.call(move |w| w.electrodes.measure(electrode))
    }

    fn make_safe(&mut self) -> Result<()> {
        self.remote.call(|w| w.electrodes.make_safe())
    }
}

impl Photodetector for Far<DetectorSpec> {
    fn spec(&self) -> &DetectorSpec {
        &self.spec
    }

    fn arm(&mut self, acquisition: &Acquisition) -> Result<()> {
        let acquisition = *acquisition;
        self.remote.call(move |w| w.detector.arm(&acquisition))
    }

    fn read(&mut self, samples: &mut [i16]) -> Result<Chunk> {
        let length = samples.len();
        let (chunk, read) = self.remote.call(move |w| {
            let mut room = vec![0; length];
            (w.detector.read(&mut room), room)
        });
        samples.copy_from_slice(&read);
        chunk
    }

    fn stop(&mut self) -> Result<()> {
        self.remote.call(|w| w.detector.stop())
    }
}

fn unable<T>(part: Part) -> Result<T> {
    Err(Error::new(part, ErrorKind::NotSupported))
}

/// A servo that never locks: there is no medium.
struct Focus(FocusSpec);

impl Default for Focus {
    fn default() -> Self {
        Self(FocusSpec {
            travel_min: Nanometres(-500_000),
            travel_max: Nanometres(500_000),
            sweep_max: MicrometresPerSecond(100_000),
            ..FocusSpec::default()
        })
    }
}

impl FocusServo for Focus {
    fn spec(&self) -> &FocusSpec {
        &self.0
    }

    fn sweep(&mut self, _: Nanometres, _: Nanometres, _: MicrometresPerSecond) -> Result<()> {
        unable(Part::Focus)
    }

    fn engage(&mut self, _: Source, _: &FocusCapture) -> Result<()> {
        unable(Part::Focus)
    }

    fn release(&mut self) -> Result<()> {
        Ok(())
    }

    fn set_offset(&mut self, _: Nanometres) -> Result<Nanometres> {
        unable(Part::Focus)
    }

    fn jump(&mut self, _: i8) -> Result<()> {
        unable(Part::Focus)
    }

    fn status(&mut self) -> Result<FocusStatus> {
        Ok(FocusStatus::default())
    }
}

struct Tracking(TrackingSpec);

impl Default for Tracking {
    fn default() -> Self {
        Self(TrackingSpec { push_pull: true, ..TrackingSpec::default() })
    }
}

impl TrackingServo for Tracking {
    fn spec(&self) -> &TrackingSpec {
        &self.0
    }

    fn engage(&mut self, _: Source, _: TrackingMethod, _: Polarity) -> Result<()> {
        unable(Part::Tracking)
    }

    fn release(&mut self) -> Result<()> {
        Ok(())
    }

    fn set_offset(&mut self, _: Nanometres) -> Result<Nanometres> {
        unable(Part::Tracking)
    }

    fn jump(&mut self, _: i32) -> Result<()> {
        unable(Part::Tracking)
    }

    fn seek(&mut self, _: Address) -> Result<()> {
        unable(Part::Tracking)
    }

    fn address(&mut self) -> Result<Option<Address>> {
        Ok(None)
    }

    fn status(&mut self) -> Result<TrackingStatus> {
        Ok(TrackingStatus::default())
    }
}

/// A disc that turns as soon as it is told to, seen at a radius of 30 mm.
struct Turntable {
    remote: Remote,
    spec: SpindleSpec,
    velocity: MicrometresPerSecond,
}

const RADIUS: Nanometres = Nanometres(30_000_000);

impl Spindle for Turntable {
    fn spec(&self) -> &SpindleSpec {
        &self.spec
    }

    fn set_velocity(&mut self, velocity: MicrometresPerSecond) -> Result<MicrometresPerSecond> {
        let turns = velocity.0 == 0 || (self.spec.velocity_min..=self.spec.velocity_max).contains(&velocity);
        if !turns {
            return Err(Error::new(Part::Spindle, ErrorKind::OutOfRange));
        }
        self.velocity = velocity;
        let metres = 2e-9 * core::f64::consts::PI * f64::from(RADIUS.0);
        let turn_us = if velocity.0 == 0 { 0.0 } else { metres / f64::from(velocity.0) * 1e12 };
        self.remote.call(move |w| w.hardware.time.turn_us.set(turn_us as u64));
        Ok(velocity)
    }

    fn move_to(&mut self, _: Nanometres) -> Result<()> {
        unable(Part::Spindle)
    }

    fn status(&mut self) -> Result<SpindleStatus> {
        let mut flags = SpindleFlags::DISC_PRESENT;
        if self.velocity.0 > 0 {
            flags |= SpindleFlags::SPINNING | SpindleFlags::AT_SPEED;
        }
        Ok(SpindleStatus { flags, velocity: self.velocity, radius: RADIUS })
    }
}
