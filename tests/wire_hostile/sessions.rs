//! Greetings that are refused, and two hosts at one bench.

use core::sync::atomic::{AtomicU64, Ordering};
use core::time::Duration;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use disc_hal::hal::{Error, ErrorKind, LaserStatus, Microwatts, Name, Outputs, Part, Rig as _, Source};
use disc_hal::media::Medium;
use disc_hal::safety::Config;
use disc_hal::wire::host::code;
use disc_hal::wire::{
    Bypass, DeviceConfig, Kind, Loopback, OpenError, OpenOptions, Pipe, PipeError, Refusal, Remote, Reply,
};
use disc_hal_sim::SimRig;

use crate::puppet::{Puppet, Said};
use crate::{open, opened, set_power};

#[test]
fn a_refused_greeting_says_why() {
    let fault = Error::new(Part::Bench, ErrorKind::Fault);
    for (why, words) in [(Refusal::Failed(fault), "hardware fault"), (Refusal::Malformed, "malformed")] {
        let puppet = Puppet::with(move |asked, _| vec![Said::refused(asked, why)]);
        let error = open(&puppet).unwrap_err();
        assert!(matches!(error, OpenError::Refused { why: w } if w == why), "{error}");
        let text = error.to_string();
        assert!(text.contains(words) && text.contains("switch the device off and on again"), "{text}");
    }
}

#[test]
fn a_greeting_that_is_refused_once_is_tried_again() {
    let puppet = Puppet::with(|asked, said| match asked.number {
        0 => vec![Said::refused(asked, Refusal::Malformed)],
        _ => said,
    });
    opened(&puppet);
}

#[test]
fn busy_and_then_free() {
    let puppet = Puppet::with(|asked, said| match asked.number {
        0..3 => vec![Said::reply(asked, &Reply::Busy { nonce: 0x1234, owner: Name::new("bob"), since_ms: 60_000 })],
        _ => said,
    });
    let mut remote = opened(&puppet);
    assert_eq!(set_power(&puppet, &mut remote, 700), Ok(Microwatts(700)));
    assert!(puppet.now() < Duration::from_secs(1));
}

#[test]
fn a_second_welcome_changes_nothing() {
    let puppet = Puppet::with(|asked, said| match asked {
        // The answer to the first greeting comes late, and then once more.
        asked if asked.is(Kind::Hello) => {
            let late = said[0].clone().late(Duration::from_millis(70));
            vec![late.clone(), late.late(Duration::from_millis(1))]
        }
        _ => said,
    });
    let mut remote = opened(&puppet);
    let session = remote.session();
    assert_eq!(set_power(&puppet, &mut remote, 700), Ok(Microwatts(700)));
    assert_eq!((remote.session(), remote.is_lost()), (session, false));
}

/// A bench and its time, with a line on which everybody hears everything.
struct Bus {
    bench: Loopback<SimRig>,
    heard: [VecDeque<u8>; 2],
    clock: Arc<AtomicU64>,
}

impl Bus {
    fn new() -> Arc<Mutex<Self>> {
        let rig = SimRig::blank(Medium::load("dual-layer").unwrap(), 1).unwrap();
        let config = DeviceConfig {
            identity: *rig.identity(),
            boot: 9,
            host_clock: false,
            safety: Config::default(),
            samples: 64,
        };
        let clock = Arc::new(AtomicU64::new(0));
        let time = Arc::clone(&clock);
        let bench = Loopback::new(rig, config, move || time.load(Ordering::Relaxed));
        Arc::new(Mutex::new(Self { bench, heard: Default::default(), clock }))
    }

    fn pass(&mut self, time: Duration) {
        // The bench looks at its leases every millisecond.
        for _ in 0..time.as_millis() {
            self.clock.fetch_add(1_000, Ordering::Relaxed);
            self.pump();
        }
    }

    fn pump(&mut self) {
        let mut bytes = [0; 4_096];
        while let Ok(count @ 1..) = self.bench.read(&mut bytes, Duration::ZERO) {
            self.heard.iter_mut().for_each(|heard| heard.extend(&bytes[..count]));
        }
    }
}

struct Tap(Arc<Mutex<Bus>>, usize);

impl Tap {
    fn bus(&self) -> MutexGuard<'_, Bus> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pipe for Tap {
    fn read(&mut self, buffer: &mut [u8], wait: Duration) -> Result<usize, PipeError> {
        let mut bus = self.bus();
        bus.pump();
        if bus.heard[self.1].is_empty() {
            bus.pass(wait.max(Duration::from_millis(1)));
        }
        let heard = &mut bus.heard[self.1];
        let count = buffer.len().min(heard.len());
        buffer.iter_mut().zip(heard.drain(..count)).for_each(|(to, from)| *to = from);
        Ok(count)
    }

    fn write(&mut self, bytes: &[u8], wait: Duration) -> Result<usize, PipeError> {
        self.bus().bench.write(bytes, wait)
    }

    fn now(&self) -> Duration {
        Duration::from_micros(self.bus().clock.load(Ordering::Relaxed))
    }

    fn bypass(&self) -> Option<Bypass> {
        None
    }
}

fn host(bus: &Arc<Mutex<Bus>>, tap: usize, owner: &str, ends: u64, within: u64) -> Result<Remote, OpenError> {
    let options = OpenOptions::default().owner(owner).ends(ends).within(Duration::from_millis(within));
    Remote::open(Tap(Arc::clone(bus), tap), &options)
}

#[test]
fn the_second_host_learns_who_was_first_and_takes_over_after_the_lease() {
    let bus = Bus::new();
    let mut first = host(&bus, 0, "alice", 0, 500).unwrap();
    assert_eq!(first.bench().lasers.set_power(Source(0), Microwatts(700)).map(|p| p.0 > 600), Ok(true));
    bus.lock().unwrap().pass(Duration::from_millis(1_500));

    let error = host(&bus, 1, "bob", 0, 500).unwrap_err();
    let text = error.to_string();
    let OpenError::Busy { owner, since_ms } = error else { panic!("{text}") };
    assert_eq!(owner, Name::new("alice"));
    assert!((1_500..2_600).contains(&since_ms), "{since_ms}");
    assert!(text.starts_with("the bench is held by `alice`, for ") && text.contains("wait until its lease"), "{text}");
    // It did no harm to the first.
    assert!(first.bench().lasers.status().unwrap().contains(LaserStatus::EMITTING));

    // An end of another's session, guessed, doesn't help.
    assert!(matches!(host(&bus, 1, "bob", first.session() + 1, 500), Err(OpenError::Busy { .. })));
    // Patience does, as soon as the first is silent for longer than its lease.
    let mut second = host(&bus, 1, "bob", 0, 6_000).unwrap();
    let status = second.bench().lasers.status().unwrap();
    assert!(!status.contains(LaserStatus::EMITTING), "what the first had lit is dark: {status:?}");
    let error = first.bench().lasers.set_power(Source(0), Microwatts(700)).unwrap_err();
    assert_eq!((error.kind, error.code, error.outputs), (ErrorKind::LinkLost, code::NO_SESSION, Outputs::Off));
    assert!(first.is_lost() && !second.is_lost());
    // Its goodbye, late, isn't the second's.
    first.close().unwrap();
    assert!(second.bench().lasers.status().is_ok());
}

#[test]
fn a_host_that_ends_its_own_session_is_let_in_at_once() {
    let bus = Bus::new();
    let lost = host(&bus, 0, "alice", 0, 500).unwrap();
    let session = lost.session();
    // Killed: no goodbye.
    core::mem::forget(lost);
    let start = bus.lock().unwrap().clock.load(Ordering::Relaxed);
    let again = host(&bus, 1, "alice", session, 500).unwrap();
    assert!(bus.lock().unwrap().clock.load(Ordering::Relaxed) - start < 200_000);
    assert_eq!(again.session() >> 32, session >> 32, "the bench wasn't restarted in between");
    assert!(again.session() > session);
}
