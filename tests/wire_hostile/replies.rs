//! Answers that come late, or aren't for what was asked.

use core::time::Duration;

use disc_hal::hal::{Error, ErrorKind, Microwatts, Name, Outputs, Part, Rig as _, Source};
use disc_hal::wire::host::code;
use disc_hal::wire::{Header, Kind, Refusal, Reply, SAMPLES};

use crate::puppet::{Asked, Puppet, Said};
use crate::sheet::SHOT;
use crate::{bounded, opened, plan, set_power};

#[test]
fn after_the_resend() {
    let puppet = Puppet::with(|asked, said| match asked {
        asked if asked.is(Kind::SetPower) && !asked.again => {
            said.into_iter().map(|s| s.late(Duration::from_millis(120))).collect()
        }
        _ => said,
    });
    let mut remote = opened(&puppet);
    // The answer to each comes again while one behind it is pending.
    for power in [700, 800, 900, 1_000, 1_100] {
        assert_eq!(set_power(&puppet, &mut remote, power), Ok(Microwatts(power)));
    }
    remote.bench().delay.delay_ms(200);
    assert_eq!(puppet.count(Kind::SetPower), 5);
    let stats = remote.stats();
    assert!(stats.resent >= 5 && stats.strays >= 5, "{stats:?}");
}

#[test]
fn after_the_deadline() {
    let puppet = Puppet::with(|asked, said| match asked {
        asked if asked.is(Kind::Monitor) => said.into_iter().map(|s| s.late(Duration::from_secs(4))).collect(),
        _ => said,
    });
    let mut remote = opened(&puppet);
    let start = puppet.now();
    let error = bounded(&puppet, || remote.bench().lasers.monitor(Source(0))).unwrap_err();
    assert_eq!((error.part, error.kind, error.code), (Part::Bench, ErrorKind::Timeout, code::SILENT));
    assert!(matches!(error.outputs, Outputs::OffByMs(1_900..2_100)), "{error}");
    assert!(error.to_string().contains("timed out (code 2); outputs off within "), "{error}");
    // Whatever is asked now: at once, and nothing is sent.
    let (end, asked) = (puppet.now(), puppet.world().asked.len());
    let later = remote.bench().focus.status().unwrap_err();
    assert_eq!((later.kind, later.code), (ErrorKind::LinkLost, code::SILENT));
    assert_eq!((puppet.now(), puppet.world().asked.len()), (end, asked));
    assert!(remote.is_lost());
    puppet.world().now = start + Duration::from_secs(6);
    let text = remote.bench().focus.status().unwrap_err().to_string();
    assert_eq!(text, "bench: link lost (code 2); outputs off; reconnect, then ask for the outcome of the last shot");
    // The late answer revives nothing.
    assert!(remote.bench().lasers.monitor(Source(0)).is_err());
    remote.close().unwrap();
}

type Spoil = fn(&Asked, &Said) -> Said;

/// What a receiver has to take for no answer to `SetPower`.
const NOT_FOR_US: [(&str, Spoil); 19] = [
    ("the session before", |_, s| s.clone().with(|h| h.session -= 1)),
    ("the next session", |_, s| s.clone().with(|h| h.session += 1)),
    ("no session", |_, s| s.clone().with(|h| h.session = 0)),
    ("the request before", |_, s| s.clone().with(|h| h.sequence -= 1)),
    ("the next request", |_, s| s.clone().with(|h| h.sequence += 1)),
    ("no request", |_, s| s.clone().with(|h| h.sequence = 0)),
    ("the last request of all", |_, s| s.clone().with(|h| h.sequence = u32::MAX)),
    ("the request itself", |_, s| s.clone().with(|h| h.kind = Kind::SetPower.number())),
    ("another's kind of the same length", |_, s| s.clone().with(|h| h.kind = 0x80 | Kind::Monitor.number())),
    ("another's empty kind", |_, s| s.clone().with(|h| h.kind = 0x80 | Kind::Alive.number()).holding(Vec::clear)),
    ("a kind that isn't", |_, s| s.clone().with(|h| h.kind = 0xEE)),
    ("samples", |_, s| s.clone().with(|h| h.kind = SAMPLES)),
    ("samples, well formed", |_, s| {
        s.clone().with(|h| h.kind = SAMPLES).holding(|p| *p = [0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 5, 5].to_vec())
    }),
    ("a refusal of another request", |a, _| {
        Said::reply(a, &Reply::Refused { to: Kind::Monitor.number(), why: Refusal::NoSession })
    }),
    ("busy", |a, _| Said::reply(a, &Reply::Busy { nonce: 0x1234, owner: Name::new("eve"), since_ms: 1 })),
    ("no payload", |_, s| s.clone().holding(Vec::clear)),
    ("a short payload", |_, s| s.clone().holding(|p| p.truncate(3))),
    ("a long payload", |_, s| s.clone().holding(|p| p.push(0))),
    ("a refusal with a number that stands for nothing", |a, _| {
        Said::reply(a, &Reply::Refused { to: Kind::SetPower.number(), why: Refusal::NoSession }).holding(|p| p[1] = 99)
    }),
];

#[test]
fn not_for_us_then_the_right_one() {
    for (name, spoil) in NOT_FOR_US {
        let puppet = Puppet::with(move |asked, said| match asked {
            asked if asked.is(Kind::SetPower) && !asked.again => said.iter().map(|s| spoil(asked, s)).collect(),
            _ => said,
        });
        let mut remote = opened(&puppet);
        for power in [700, 800] {
            assert_eq!(set_power(&puppet, &mut remote, power), Ok(Microwatts(power)), "{name}");
        }
        assert!(remote.stats().strays > 0, "{name}");
        assert!(!remote.is_lost(), "{name}");
    }
}

#[test]
fn not_for_us_right_before_the_right_one() {
    for (name, spoil) in NOT_FOR_US {
        let puppet = Puppet::with(move |asked, mut said| {
            if asked.is(Kind::SetPower) {
                let spoilt = spoil(asked, &said[0]);
                said.insert(0, spoilt);
            }
            said
        });
        let mut remote = opened(&puppet);
        assert_eq!(set_power(&puppet, &mut remote, 700), Ok(Microwatts(700)), "{name}");
        assert_eq!(remote.stats().resent, 0, "{name}");
    }
}

#[test]
fn never_for_us() {
    for (name, spoil) in NOT_FOR_US {
        let puppet = Puppet::with(move |asked, said| match asked {
            asked if asked.is(Kind::SetPower) => said.iter().map(|s| spoil(asked, s)).collect(),
            _ => said,
        });
        let mut remote = opened(&puppet);
        let error = set_power(&puppet, &mut remote, 700).expect_err(name);
        assert!(matches!(error.kind, ErrorKind::Timeout | ErrorKind::LinkLost), "{name}: {error}");
        assert!(matches!(error.outputs, Outputs::OffByMs(1..=5_100)), "{name}: {error}");
        assert_eq!(remote.bench().lasers.status().unwrap_err().kind, ErrorKind::LinkLost, "{name}");
    }
}

#[test]
fn a_malformed_answer_that_comes_again_is_off_and_the_end() {
    for (name, spoil) in &NOT_FOR_US[15..] {
        let spoil = *spoil;
        let puppet = Puppet::with(move |asked, said| match asked {
            asked if asked.is(Kind::SetPower) => said.iter().map(|s| spoil(asked, s)).collect(),
            _ => said,
        });
        let mut remote = opened(&puppet);
        let start = puppet.now();
        let error = set_power(&puppet, &mut remote, 700).expect_err(name);
        assert_eq!((error.kind, error.code), (ErrorKind::LinkLost, code::PROTOCOL), "{name}: {error}");
        assert!(puppet.now() - start < Duration::from_millis(500), "{name}: no sense in asking for seconds");
        assert_eq!(puppet.world().asked.iter().filter(|a| a.is(Kind::Off)).count(), 3, "{name}");
    }
}

#[test]
fn every_refusal_says_what_it_means() {
    let refusals: [(Refusal, ErrorKind, u32, Outputs, bool); 6] = [
        (Refusal::NoSession, ErrorKind::LinkLost, code::NO_SESSION, Outputs::Off, true),
        (Refusal::Sequence(9), ErrorKind::LinkLost, code::SEQUENCE, Outputs::Unchanged, true),
        (Refusal::Unsupported, ErrorKind::NotSupported, code::UNSUPPORTED, Outputs::Unchanged, false),
        (Refusal::Version, ErrorKind::NotSupported, code::UNSUPPORTED, Outputs::Unchanged, false),
        (Refusal::Malformed, ErrorKind::InvalidArgument, code::PROTOCOL, Outputs::Unchanged, false),
        (
            Refusal::Failed(Error::new(Part::Laser, ErrorKind::Interlock).with_code(5).with_outputs(Outputs::Off)),
            ErrorKind::Interlock,
            5,
            Outputs::Off,
            false,
        ),
    ];
    for (why, kind, code, outputs, lost) in refusals {
        let puppet = Puppet::with(move |asked, said| match asked {
            asked if asked.is(Kind::MoveTo) => vec![Said::refused(asked, why)],
            _ => said,
        });
        let mut remote = opened(&puppet);
        let error = bounded(&puppet, || remote.bench().spindle.move_to(disc_hal::hal::Nanometres(1))).unwrap_err();
        assert_eq!((error.kind, error.code), (kind, code), "{why:?}");
        if lost && outputs == Outputs::Unchanged {
            assert!(matches!(error.outputs, Outputs::OffByMs(1..)), "{why:?}: {error}");
        } else {
            assert_eq!(error.outputs, outputs, "{why:?}");
        }
        assert_eq!(set_power(&puppet, &mut remote, 700).is_err(), lost, "{why:?}");
        assert_eq!(remote.is_lost(), lost, "{why:?}");
    }
}

#[test]
fn a_late_refusal_of_one_arm_does_not_hide_the_success_of_the_next() {
    // A stalled line has brought two copies of an Arm whose stamp was too old: both are
    // refused, the second one while the host asks anew.
    let mut left = 1;
    let puppet = Puppet::with(move |asked, said| {
        if asked.is(Kind::Arm) && !asked.again && left > 0 {
            left -= 1;
            let refused = Said::refused(asked, Refusal::Stale(250_000));
            return vec![refused.clone(), refused.late(Duration::from_millis(1))];
        }
        said
    });
    let mut remote = opened(&puppet);
    let shot = remote.bench().lasers.begin(&plan()).unwrap();
    let error = bounded(&puppet, || remote.bench().lasers.arm(shot)).unwrap_err();
    assert_eq!((error.kind, error.code), (ErrorKind::Timeout, code::LATE));
    let armed = bounded(&puppet, || remote.bench().lasers.arm(shot));
    assert_eq!(armed.map(|token| token.shot()), Ok(SHOT), "it was armed, and must not be called late");
}

#[test]
fn a_read_that_is_refused_as_stale_is_asked_again_with_a_fresh_stamp() {
    for refusals in [1, 5] {
        let mut left = refusals;
        let puppet = Puppet::with(move |asked, said| {
            if asked.is(Kind::Monitor) && left > 0 {
                left -= 1;
                return vec![Said::refused(asked, Refusal::Stale(250_000))];
            }
            said
        });
        let mut remote = opened(&puppet);
        assert_eq!(bounded(&puppet, || remote.bench().lasers.monitor(Source(0))), Ok(Microwatts(700)));
        let world = puppet.world();
        let stamps: Vec<u64> = world.asked.iter().filter(|a| a.is(Kind::Monitor)).map(|a| a.header.stamp).collect();
        assert_eq!(stamps.len(), refusals + 1);
        assert!(stamps.is_sorted_by(|a, b| a < b), "{stamps:?}");
    }
}

#[test]
fn always_stale_ends_by_the_deadline() {
    let puppet = Puppet::with(|asked, said| match asked {
        asked if asked.is(Kind::Monitor) => vec![Said::refused(asked, Refusal::Stale(0))],
        _ => said,
    });
    let mut remote = opened(&puppet);
    let error = bounded(&puppet, || remote.bench().lasers.monitor(Source(0))).unwrap_err();
    assert!(matches!(error.kind, ErrorKind::Timeout | ErrorKind::LinkLost), "{error}");
}

#[test]
fn a_stamp_from_the_end_of_time_is_no_trouble() {
    let puppet = Puppet::with(|_, said| said.into_iter().map(|s| s.with(|h| h.stamp = u64::MAX)).collect());
    let mut remote = opened(&puppet);
    assert_eq!(set_power(&puppet, &mut remote, 700), Ok(Microwatts(700)));
    assert_eq!(set_power(&puppet, &mut remote, 800), Ok(Microwatts(800)));
}

#[test]
fn the_clock_of_another_session_is_no_proof_of_life() {
    let puppet = Puppet::with(|asked, mut said| {
        if asked.is(Kind::SetPower) {
            let other = |h: &mut Header| (h.session, h.stamp) = (h.session - 1, u64::MAX);
            said.insert(0, said[0].clone().with(other));
        }
        said
    });
    let mut remote = opened(&puppet);
    for power in [700, 800] {
        assert_eq!(set_power(&puppet, &mut remote, power), Ok(Microwatts(power)));
    }
    let world = puppet.world();
    assert!(world.asked.iter().all(|a| a.header.stamp <= world.stamp(world.now)), "an echo of a time that isn't");
}
