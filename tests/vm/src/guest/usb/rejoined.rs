//! A bench whose link is lost and opened again, under a recording session that goes on: what
//! the session knows of the disc stays, and a round of the test takes no new focus search.

use core::cell::RefCell;

use disc_hal::hal::{
    Acquisition, Address, ArmToken, Bench, Chunk, DetectorSpec, FocusCapture, FocusServo, FocusSpec, FocusStatus,
    LaserArray, LaserArraySpec, LaserStatus, MicrometresPerSecond, Microwatts, Nanometres, Outcome, Photodetector,
    Polarity, Result, Rig as _, ShotId, ShotPlan, Source, Spindle, SpindleSpec, SpindleStatus, TrackingMethod,
    TrackingServo, TrackingSpec, TrackingStatus, Trigger, WriteStrategy,
};
use disc_hal::wire::Remote;
use embedded_hal::delay::DelayNs;

/// Channel bits of a sector (ECMA-267: 26 sync frames of 1488).
pub(super) const SECTOR_BITS: u64 = 38_688;

/// A shot as the host's end of the cable knows it.
#[derive(Debug, Clone)]
pub(super) struct Shot {
    pub(super) id: ShotId,
    /// Where it begins, in channel bits from sector 0, and how long it is.
    pub(super) start: u64,
    pub(super) length: u64,
    /// Plan and nonce of its token.
    pub(super) token: Option<(u64, u64)>,
    fired: bool,
    /// Its end has been heard.
    over: bool,
}

impl Shot {
    /// Fired, and nobody here knows what became of it.
    pub(super) fn is_in_the_air(&self) -> bool {
        self.fired && !self.over
    }
}

/// Takes a change of the list of shots, and makes it.
pub(super) type Note<'l> = &'l dyn Fn(&dyn Fn(&mut Vec<Shot>));

/// The link of now.
pub(super) struct Link(RefCell<Remote>);

impl Link {
    pub(super) fn new(remote: Remote) -> Self {
        Self(RefCell::new(remote))
    }

    /// Takes the one of before out of use.
    pub(super) fn replace(&self, remote: Remote) {
        drop(self.0.replace(remote));
    }

    /// Whether it is lost, and why.
    pub(super) fn lost(&self) -> (bool, String) {
        let remote = self.0.borrow();
        (remote.is_lost(), remote.why_lost().unwrap_or_default())
    }

    fn with<T>(&self, work: impl FnOnce(Bench<'_>) -> T) -> T {
        work(self.0.borrow_mut().bench())
    }
}

/// The parts of the bench at the end of it.
pub(super) struct Parts<'l> {
    lasers: Lasers<'l>,
    focus: Focus<'l>,
    tracking: Tracking<'l>,
    detector: Detector<'l>,
    spindle: Disc<'l>,
    delay: Delay<'l>,
}

impl<'l> Parts<'l> {
    /// `note` is handed every change of the list of shots.
    pub(super) fn new(link: &'l Link, note: Note<'l>) -> Self {
        link.with(|bench| Self {
            lasers: Lasers { link, note, spec: *bench.lasers.spec() },
            focus: Focus { link, spec: *bench.focus.spec() },
            tracking: Tracking { link, spec: *bench.tracking.spec() },
            detector: Detector { link, spec: *bench.detector.spec() },
            spindle: Disc { link, spec: *bench.spindle.spec() },
            delay: Delay(link),
        })
    }

    pub(super) fn bench(&mut self) -> Bench<'_> {
        let Self { lasers, focus, tracking, detector, spindle, delay } = self;
        Bench::new(lasers, focus, tracking, detector, spindle, delay)
    }
}

macro_rules! part {
    ($name:ident is a $of:ident at $field:ident with $spec:ty:
        $($method:ident($($argument:ident: $kind:ty),*) -> $back:ty;)+) => {
        struct $name<'l> {
            link: &'l Link,
            spec: $spec,
        }

        impl $of for $name<'_> {
            fn spec(&self) -> &$spec {
                &self.spec
            }

            $(fn $method(&mut self, $($argument: $kind),*) -> Result<$back> {
                self.link.with(|bench| bench.$field.$method($($argument),*))
            })+
        }
    };
}

part! { Focus is a FocusServo at focus with FocusSpec:
    sweep(from: Nanometres, to: Nanometres, speed: MicrometresPerSecond) -> ();
    engage(source: Source, capture: &FocusCapture) -> ();
    release() -> ();
    set_offset(offset: Nanometres) -> Nanometres;
    jump(layers: i8) -> ();
    status() -> FocusStatus;
}

part! { Tracking is a TrackingServo at tracking with TrackingSpec:
    engage(source: Source, method: TrackingMethod, polarity: Polarity) -> ();
    release() -> ();
    set_offset(offset: Nanometres) -> Nanometres;
    jump(tracks: i32) -> ();
    seek(address: Address) -> ();
    address() -> Option<Address>;
    status() -> TrackingStatus;
}

part! { Detector is a Photodetector at detector with DetectorSpec:
    arm(acquisition: &Acquisition) -> ();
    read(samples: &mut [i16]) -> Chunk;
    stop() -> ();
}

part! { Disc is a Spindle at spindle with SpindleSpec:
    set_velocity(velocity: MicrometresPerSecond) -> MicrometresPerSecond;
    move_to(radius: Nanometres) -> ();
    status() -> SpindleStatus;
}

struct Delay<'l>(&'l Link);

impl DelayNs for Delay<'_> {
    fn delay_ns(&mut self, ns: u32) {
        self.0.with(|bench| bench.delay.delay_ns(ns));
    }
}

/// The lasers, of which every shot is noted.
struct Lasers<'l> {
    link: &'l Link,
    note: Note<'l>,
    spec: LaserArraySpec,
}

impl Lasers<'_> {
    fn note(&self, id: ShotId, change: impl Fn(&mut Shot)) {
        (self.note)(&|shots| shots.iter_mut().filter(|shot| shot.id == id).for_each(&change));
    }
}

impl LaserArray for Lasers<'_> {
    fn spec(&self) -> &LaserArraySpec {
        &self.spec
    }

    fn set_power(&mut self, source: Source, power: Microwatts) -> Result<Microwatts> {
        self.link.with(|bench| bench.lasers.set_power(source, power))
    }

    fn monitor(&mut self, source: Source) -> Result<Microwatts> {
        self.link.with(|bench| bench.lasers.monitor(source))
    }

    fn load(&mut self, source: Source, strategy: &WriteStrategy) -> Result<()> {
        self.link.with(|bench| bench.lasers.load(source, strategy))
    }

    fn begin(&mut self, plan: &ShotPlan) -> Result<ShotId> {
        let id = self.link.with(|bench| bench.lasers.begin(plan))?;
        let Trigger::Address(address) = plan.trigger else { panic!("not written at an address: {plan:?}") };
        let (start, length) = (u64::from(address.0) * SECTOR_BITS, plan.length);
        (self.note)(&|shots| shots.push(Shot { id, start, length, token: None, fired: false, over: false }));
        Ok(id)
    }

    fn feed(&mut self, shot: ShotId, source: Source, runs: &[u8]) -> Result<usize> {
        self.link.with(|bench| bench.lasers.feed(shot, source, runs))
    }

    fn arm(&mut self, shot: ShotId) -> Result<ArmToken> {
        let token = self.link.with(|bench| bench.lasers.arm(shot))?;
        self.note(shot, |noted| noted.token = Some((token.plan(), token.nonce())));
        Ok(token)
    }

    fn fire(&mut self, token: ArmToken) -> Result<()> {
        // Before it is said: where the answer is lost, it may have been heard.
        self.note(token.shot(), |noted| noted.fired = true);
        self.link.with(|bench| bench.lasers.fire(token))
    }

    fn outcome(&mut self, shot: ShotId) -> Result<Outcome> {
        let outcome = self.link.with(|bench| bench.lasers.outcome(shot))?;
        self.note(shot, |noted| noted.over = !outcome.is_open());
        Ok(outcome)
    }

    fn status(&mut self) -> Result<LaserStatus> {
        self.link.with(|bench| bench.lasers.status())
    }

    fn clear_trip(&mut self) -> Result<()> {
        self.link.with(|bench| bench.lasers.clear_trip())
    }

    fn off(&mut self) -> Result<()> {
        self.link.with(|bench| bench.lasers.off())
    }
}
