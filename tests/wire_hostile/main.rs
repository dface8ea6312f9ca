//! Devices that lie, babble, hang or vanish, each by name and in virtual time: no
//! call of the host panics, hangs or grows, and every error says what to do.

// Modules of one program: what is public in them is so to each other.
#![allow(unreachable_pub, missing_debug_implementations)]

#[path = "../wire_support/mod.rs"]
mod wire_support;

mod floods;
mod garbage;
mod lies;
mod puppet;
mod replies;
mod samples;
mod sessions;
mod sheet;
mod specs;
#[cfg(unix)]
mod terminal;
mod vanish;
mod versions;

use core::time::Duration;

use disc_hal::hal::{
    Acquisition, Address, Bench, Channels, Electrode, Error, FocusCapture, Hertz, MicrometresPerSecond, Microwatts,
    Millivolts, MillivoltsPerSecond, Nanojoules, Nanometres, Polarity, Rig as _, ShotClock, ShotPlan, Source,
    TrackingMethod, Trigger, WriteStrategy,
};
use disc_hal::wire::{OpenError, OpenOptions, Remote};
use puppet::Puppet;

/// Longest that one request may take, and so nearly every call.
const PATIENCE: Duration = Duration::from_secs(3);
/// What a read at the end of it may still take.
const SLACK: Duration = Duration::from_millis(200);

fn options() -> OpenOptions {
    OpenOptions::default().owner("alice@bench-4").nonce(0x1234)
}

fn open(puppet: &Puppet) -> Result<Remote, OpenError> {
    let start = puppet.now();
    let opened = Remote::open(puppet.clone(), &options());
    // Greeting, then at most one request that isn't answered, then goodbye.
    let took = puppet.now() - start;
    assert!(took <= 2 * PATIENCE + 4 * SLACK, "opening took {took:?}");
    opened
}

fn opened(puppet: &Puppet) -> Remote {
    open(puppet).unwrap_or_else(|e| panic!("{e}"))
}

/// Runs `call` and sees that it takes no longer than a request may.
fn bounded<T>(puppet: &Puppet, call: impl FnOnce() -> T) -> T {
    let start = puppet.now();
    let result = call();
    let took = puppet.now() - start;
    assert!(took <= PATIENCE + SLACK, "a call took {took:?}");
    result
}

fn set_power(puppet: &Puppet, remote: &mut Remote, power: u32) -> Result<Microwatts, Error> {
    bounded(puppet, || remote.bench().lasers.set_power(Source(0), Microwatts(power)))
}

fn plan() -> ShotPlan {
    let clock = ShotClock::Fixed(Hertz(26_160_000));
    ShotPlan::single(Source(0), Trigger::Address(Address(0x3_0000)), clock, 40_000, Nanojoules(1_000_000))
}

fn acquisition(length: u64) -> Acquisition {
    Acquisition { channels: Channels::one(0), rate: Hertz(1_000_000), length, trigger: Trigger::Now }
}

const STRATEGY: WriteStrategy = WriteStrategy {
    top: [40; 3],
    last: 24,
    multi: 16,
    lead: [[0; 3]; 3],
    trail: [[0; 3]; 3],
    peak: Microwatts(12_000),
    bias: Microwatts(700),
};

type Call = fn(&mut Bench<'_>) -> Result<(), Error>;

/// A call of every part, nearly all there are.
const CALLS: [(&str, Call); 22] = [
    ("set_power", |b| b.lasers.set_power(Source(0), Microwatts(700)).map(drop)),
    ("monitor", |b| b.lasers.monitor(Source(0)).map(drop)),
    ("velocity", |b| b.spindle.set_velocity(MicrometresPerSecond(3_840_000)).map(drop)),
    ("move_to", |b| b.spindle.move_to(Nanometres(24_000_000))),
    ("spindle", |b| b.spindle.status().map(drop)),
    ("engage", |b| {
        let capture = FocusCapture {
            start: Nanometres(0),
            end: Nanometres(500_000),
            speed: MicrometresPerSecond(10_000),
            threshold: 500,
            sum_min: 500,
        };
        b.focus.engage(Source(0), &capture)
    }),
    ("focus", |b| b.focus.status().map(drop)),
    ("jump", |b| b.focus.jump(1)),
    ("offset", |b| b.focus.set_offset(Nanometres(120)).map(drop)),
    ("track", |b| b.tracking.engage(Source(0), TrackingMethod::PushPull, Polarity::Rising)),
    ("seek", |b| b.tracking.seek(Address(0x3_0000))),
    ("address", |b| b.tracking.address().map(drop)),
    ("load", |b| b.lasers.load(Source(0), &STRATEGY)),
    ("shot", |b| {
        let shot = b.lasers.begin(&plan())?;
        b.lasers.feed(shot, Source(0), &[4; 3_000])?;
        let token = b.lasers.arm(shot)?;
        b.lasers.fire(token)?;
        b.lasers.outcome(shot).map(drop)
    }),
    ("status", |b| b.lasers.status().map(drop)),
    ("voltage", |b| {
        let supply = b.electrodes.as_mut().expect("it has a supply");
        supply.set(Electrode(0), Millivolts(500), MillivoltsPerSecond(100)).map(drop)
    }),
    ("measure", |b| b.electrodes.as_mut().expect("it has a supply").measure(Electrode(0)).map(drop)),
    ("samples", |b| {
        b.detector.arm(&acquisition(300))?;
        let mut samples = [0; 200];
        while !b.detector.read(&mut samples)?.last {}
        b.detector.stop()
    }),
    ("clear_trip", |b| b.lasers.clear_trip()),
    ("make_safe", |b| b.electrodes.as_mut().expect("it has a supply").make_safe()),
    ("release", |b| b.tracking.release().and(b.focus.release())),
    ("off", |b| b.lasers.off()),
];

#[test]
fn the_scripted_device_is_a_good_one_by_itself() {
    let puppet = Puppet::new();
    let mut remote = opened(&puppet);
    for (name, call) in CALLS {
        bounded(&puppet, || call(&mut remote.bench())).unwrap_or_else(|e| panic!("{name}: {e}"));
    }
    remote.bench().delay.delay_ms(6_000);
    let stats = remote.stats();
    remote.close().unwrap();
    assert_eq!((stats.resent, stats.damaged, stats.strays), (0, 0, 0), "{stats:?}");
    assert!(puppet.now() < Duration::from_millis(6_200), "{:?}", puppet.now());
}
