//! Devices that never stop talking.

use core::time::Duration;

use disc_hal::hal::{ErrorKind, Name, Rig as _, Source};
use disc_hal::wire::{Header, Kind, OpenError, Refusal, Reply, VERSION};

use crate::puppet::{Asked, Puppet, Said, What, sample_frame};
use crate::wire_support::{Rng, line_of};
use crate::{acquisition, bounded, open, opened};

/// More than comes through the line while a request is waited for.
const TOO_MUCH: usize = 5_000_000;

/// One answer again and again, in one piece.
fn endless(said: &Said) -> Said {
    let What::Frame(header, payload) = &said.what else { panic!("a frame is asked for") };
    let line = line_of(&Header { stamp: u64::MAX / 2, ..*header }, payload);
    Said::bytes(line.repeat(TOO_MUCH / line.len()))
}

#[test]
fn endless_frames_instead_of_an_answer() {
    type Answer = fn(&Asked, &Said) -> Said;
    let answers: [(&str, Answer); 6] = [
        ("of another session", |_, s| endless(&s.clone().with(|h| h.session += 1))),
        ("of another request", |_, s| endless(&s.clone().with(|h| h.sequence += 1))),
        ("of another kind", |_, s| endless(&s.clone().with(|h| h.kind = 0xEE))),
        ("malformed", |_, s| endless(&s.clone().holding(|p| p.push(1)))),
        ("samples", |a, _| endless(&sample_frame(a, 0, 64))),
        ("stale", |a, _| endless(&Said::refused(a, Refusal::Stale(1)))),
    ];
    for (name, answer) in answers {
        let puppet =
            Puppet::with(
                move |asked, said| {
                    if asked.is(Kind::Monitor) && !asked.again { vec![answer(asked, &said[0])] } else { said }
                },
            );
        let mut remote = opened(&puppet);
        // The line is full of it for longer than anybody waits.
        let result = bounded(&puppet, || remote.bench().lasers.monitor(Source(0)));
        if name == "stale" {
            continue;
        }
        let error = result.expect_err(name);
        assert!(matches!(error.kind, ErrorKind::Timeout | ErrorKind::LinkLost), "{name}: {error}");
    }
}

#[test]
fn endless_samples_beyond_the_credit() {
    let puppet = Puppet::with(|asked, said| {
        if !asked.is(Kind::Samples) {
            return said;
        }
        let frames = (0..40_000).map(|i| {
            let What::Frame(header, payload) = sample_frame(asked, i * 64, i * 64 + 64).what else { unreachable!() };
            line_of(&header, &payload)
        });
        vec![Said::bytes(frames.flatten().collect::<Vec<u8>>())]
    });
    let mut remote = opened(&puppet);
    remote.bench().detector.arm(&acquisition(u64::MAX)).unwrap();
    let mut samples = [0; 1_000];
    let error = bounded(&puppet, || remote.bench().detector.read(&mut samples)).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Timeout);
    assert!(samples[..960].iter().zip(0..).all(|(s, n)| *s == n), "what was granted is there");
}

#[test]
fn endless_greetings() {
    let welcome = |nonce: u64| {
        let mut welcome = crate::sheet::Sheet::good().welcome;
        welcome.nonce = nonce;
        Reply::Welcome(welcome)
    };
    let refused = Reply::Refused { to: Kind::Hello.number(), why: Refusal::Malformed };
    let busy = |nonce| Reply::Busy { nonce, owner: Name::new("eve"), since_ms: 1_000 };
    let answers = [
        ("welcomes of others", welcome(9), 77),
        ("welcomes without a session", welcome(0x1234), 0),
        ("busy for others", busy(9), 0),
        ("busy", busy(0x1234), 0),
        ("refused", refused, 0),
    ];
    for (name, reply, session) in answers {
        let puppet = Puppet::with(move |asked, _| match asked.number {
            0 => vec![endless(&Said::reply(asked, &reply).with(|h| h.session = session))],
            _ => Vec::new(),
        });
        let error = open(&puppet).expect_err(name);
        match (name, error) {
            ("busy", OpenError::Busy { owner, since_ms: 1_000 }) => assert_eq!(owner, Name::new("eve")),
            ("refused", OpenError::Refused { why: Refusal::Malformed }) => {}
            (_, OpenError::NoAnswer) => {}
            (_, error) => panic!("{name}: {error}"),
        }
        assert!(puppet.now() < Duration::from_millis(3_200), "{name}");
        assert!(puppet.world().asked.len() < 40, "{name}: greets with pauses");
    }
}

/// Most memory that this process has had, in KiB.
#[cfg(target_os = "linux")]
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[cfg(target_os = "linux")]
#[test]
fn a_hundred_and_fifty_megabytes_leave_nothing_behind() {
    let puppet = Puppet::new();
    let mut remote = opened(&puppet);
    let header = Header { version: VERSION, kind: 0xFD, session: puppet.world().session, sequence: 1, stamp: 5 };
    let frame = line_of(&header, &Rng(3).bytes(8_202));
    let mut at = 0;
    puppet.set_flood(move |buffer| {
        buffer.fill_with(|| {
            at = (at + 1) % frame.len();
            frame[at]
        });
    });
    puppet.set_script(|_, _| Vec::new());
    puppet.world().rate = 50e6;
    let before = peak();
    bounded(&puppet, || remote.bench().lasers.monitor(Source(0))).unwrap_err();
    let (bytes, grown) = (remote.stats().bytes, peak() - before);
    println!("{bytes} bytes, {} frames, {grown} KiB", remote.stats().frames);
    assert!(bytes > 140_000_000 && remote.stats().frames > 10_000);
    // Other tests of this process have some of it.
    assert!(grown < 100_000, "{grown} KiB for {bytes} bytes");
}
