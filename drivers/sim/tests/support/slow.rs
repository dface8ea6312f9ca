//! A bench on which every call takes time, as on a real one: its world runs on
//! before the call is done and after it. Deterministic.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use disc_hal::hal::*;
use embedded_hal::delay::DelayNs;

struct Inner<R> {
    rig: R,
    state: u64,
    /// Least and most that a call takes, in microseconds.
    takes: (u32, u32),
}

impl<R: Rig> Inner<R> {
    /// A part of the time that this call takes.
    fn pass(&mut self) {
        self.state = self.state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let (least, most) = self.takes;
        let us = least + (self.state >> 33) as u32 % (most - least + 1);
        self.rig.bench().delay.delay_us(us / 2);
    }
}

struct Shared<R>(Arc<Mutex<Inner<R>>>);

impl<R> Clone for Shared<R> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<R: Rig> Shared<R> {
    fn lock(&self) -> MutexGuard<'_, Inner<R>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn call<T>(&self, work: impl FnOnce(Bench<'_>) -> T) -> T {
        let mut inner = self.lock();
        inner.pass();
        let result = work(inner.rig.bench());
        inner.pass();
        result
    }
}

struct Part<R, S> {
    rig: Shared<R>,
    spec: S,
}

/// Hands every call of a part on.
macro_rules! slow {
    ($trait:ident, $spec:ty, $part:ident: $(fn $name:ident($($arg:ident: $type:ty),*) -> $result:ty;)+) => {
        impl<R: Rig> $trait for Part<R, $spec> {
            fn spec(&self) -> &$spec {
                &self.spec
            }

            $(fn $name(&mut self, $($arg: $type),*) -> Result<$result> {
                self.rig.call(|bench| bench.$part.$name($($arg),*))
            })+
        }
    };
}

slow! { LaserArray, LaserArraySpec, lasers:
    fn set_power(source: Source, power: Microwatts) -> Microwatts;
    fn monitor(source: Source) -> Microwatts;
    fn load(source: Source, strategy: &WriteStrategy) -> ();
    fn begin(plan: &ShotPlan) -> ShotId;
    fn feed(shot: ShotId, source: Source, runs: &[u8]) -> usize;
    fn arm(shot: ShotId) -> ArmToken;
    fn fire(token: ArmToken) -> ();
    fn outcome(shot: ShotId) -> Outcome;
    fn status() -> LaserStatus;
    fn clear_trip() -> ();
    fn off() -> ();
}

slow! { FocusServo, FocusSpec, focus:
    fn sweep(from: Nanometres, to: Nanometres, speed: MicrometresPerSecond) -> ();
    fn engage(source: Source, capture: &FocusCapture) -> ();
    fn release() -> ();
    fn set_offset(offset: Nanometres) -> Nanometres;
    fn jump(layers: i8) -> ();
    fn status() -> FocusStatus;
}

slow! { TrackingServo, TrackingSpec, tracking:
    fn engage(source: Source, method: TrackingMethod, polarity: Polarity) -> ();
    fn release() -> ();
    fn set_offset(offset: Nanometres) -> Nanometres;
    fn jump(tracks: i32) -> ();
    fn seek(address: Address) -> ();
    fn address() -> Option<Address>;
    fn status() -> TrackingStatus;
}

slow! { Photodetector, DetectorSpec, detector:
    fn arm(acquisition: &Acquisition) -> ();
    fn read(samples: &mut [i16]) -> Chunk;
    fn stop() -> ();
}

slow! { Spindle, SpindleSpec, spindle:
    fn set_velocity(velocity: MicrometresPerSecond) -> MicrometresPerSecond;
    fn move_to(radius: Nanometres) -> ();
    fn status() -> SpindleStatus;
}

impl<R: Rig> DelayNs for Shared<R> {
    fn delay_ns(&mut self, ns: u32) {
        self.lock().rig.bench().delay.delay_ns(ns);
    }
}

/// A bench whose calls take time.
pub(crate) struct Slow<R> {
    identity: Identity,
    off: OffHandle,
    rig: Shared<R>,
    lasers: Part<R, LaserArraySpec>,
    focus: Part<R, FocusSpec>,
    tracking: Part<R, TrackingSpec>,
    detector: Part<R, DetectorSpec>,
    spindle: Part<R, SpindleSpec>,
    delay: Shared<R>,
}

impl<R: Rig> Slow<R> {
    /// Each call takes between `least` and `most` microseconds.
    pub(crate) fn new(mut rig: R, least: u32, most: u32) -> Self {
        let (identity, off) = (*rig.identity(), rig.off_handle());
        let bench = rig.bench();
        let (lasers, focus, tracking) = (*bench.lasers.spec(), *bench.focus.spec(), *bench.tracking.spec());
        let (detector, spindle) = (*bench.detector.spec(), *bench.spindle.spec());
        let rig = Shared(Arc::new(Mutex::new(Inner { rig, state: 1, takes: (least, most) })));
        Self {
            identity,
            off,
            lasers: Part { rig: rig.clone(), spec: lasers },
            focus: Part { rig: rig.clone(), spec: focus },
            tracking: Part { rig: rig.clone(), spec: tracking },
            detector: Part { rig: rig.clone(), spec: detector },
            spindle: Part { rig: rig.clone(), spec: spindle },
            delay: rig.clone(),
            rig,
        }
    }
}

impl<R: Rig> Rig for Slow<R> {
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
    }

    fn off_handle(&self) -> OffHandle {
        self.off.clone()
    }

    fn close(&mut self) -> io::Result<()> {
        self.rig.lock().rig.close()
    }
}
