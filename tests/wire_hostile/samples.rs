//! Samples that can't be.

use disc_hal::hal::{Chunk, ErrorKind, Rig as _};
use disc_hal::wire::{Kind, Reply};

use crate::puppet::{Asked, Puppet, Said, sample_frame};
use crate::{acquisition, bounded, opened};

const LENGTH: u64 = 1_000;

type Spoil = fn(&Asked, Vec<Said>) -> Vec<Said>;

fn total(asked: &Asked, mut said: Vec<Said>, first: u64, length: u32, gap: u64, last: bool) -> Vec<Said> {
    said.pop();
    let length = usize::try_from(length).unwrap();
    said.push(Said::reply(asked, &Reply::Samples { chunk: Chunk { first, length, gap, last } }));
    said
}

fn first_of(said: &mut Said, first: u64) {
    *said = said.clone().holding(|p| p[..8].copy_from_slice(&first.to_le_bytes()));
}

/// What the device does to the second of its answers.
const LIES: [(&str, Spoil); 21] = [
    ("a total that goes backwards", |a, s| total(a, s, 0, 200, 0, false)),
    ("a total that goes one back", |a, s| total(a, s, 199, 200, 0, false)),
    ("a total that is too short", |a, s| total(a, s, 200, 10, 0, false)),
    ("a total without samples", |a, s| total(a, s, 200, 0, 0, false)),
    ("a total beyond what was asked for", |a, s| total(a, s, 200, 100_000, 0, false)),
    ("a total of all samples there can be", |a, s| total(a, s, 200, u32::MAX, 0, false)),
    ("a total far out", |a, s| total(a, s, u64::MAX - 200, 200, 0, false)),
    ("a total beyond all numbers", |a, s| total(a, s, u64::MAX, u32::MAX, u64::MAX, true)),
    ("a total at the last number", |a, s| total(a, s, u64::MAX, 0, u64::MAX, false)),
    ("a gap that isn't", |a, s| total(a, s, 200, 200, 7, false)),
    ("an end that isn't", |a, s| total(a, s, 200, 200, 0, true)),
    ("the first frame far out", |_, mut s| {
        first_of(&mut s[0], 10_000_000);
        s
    }),
    ("the first frame at the last number", |_, mut s| {
        first_of(&mut s[0], u64::MAX);
        s
    }),
    ("a frame of the past", |_, mut s| {
        first_of(&mut s[1], 0);
        s
    }),
    ("frames in the wrong order", |_, mut s| {
        s.swap(0, 1);
        s
    }),
    ("frames twice", |_, s| s.iter().flat_map(|s| [s.clone(), s.clone()]).collect()),
    ("a count that isn't the frame's", |_, mut s| {
        s[0] = s[0].clone().holding(|p| p[8] = 255);
        s
    }),
    ("half a sample", |_, mut s| {
        s[0] = s[0].clone().holding(|p| p.truncate(p.len() - 1));
        s
    }),
    ("no count", |_, mut s| {
        s[0] = s[0].clone().holding(|p| p.truncate(9));
        s
    }),
    ("more frames than were granted", |a, mut s| {
        let extra = (0..40).map(|i| sample_frame(a, 400 + i * 64, 464 + i * 64));
        let at = s.len() - 1;
        s.splice(at..at, extra.collect::<Vec<_>>());
        s
    }),
    ("a frame larger than any agreed on", |a, mut s| {
        s.insert(0, sample_frame(a, 200, 4_200));
        s
    }),
];

#[test]
fn every_lie_is_an_error_or_a_gap_and_never_a_wrong_sample() {
    let mut caught = 0;
    for (name, spoil) in LIES {
        let mut answers = 0;
        let puppet = Puppet::with(move |asked, said| {
            answers += usize::from(asked.is(Kind::Samples));
            if asked.is(Kind::Samples) && answers == 2 { spoil(asked, said) } else { said }
        });
        let mut remote = opened(&puppet);
        remote.bench().detector.arm(&acquisition(LENGTH)).unwrap();
        let mut samples = [0; 200];
        let (mut next, mut errors) = (0, 0);
        // Whatever it says, it can't keep a reader that goes on for ever.
        for _ in 0..40 {
            match bounded(&puppet, || remote.bench().detector.read(&mut samples)) {
                Ok(chunk) => {
                    assert_eq!(chunk.first, next + chunk.gap, "{name}: {chunk:?}");
                    next = chunk.first + chunk.length as u64;
                    assert!(next <= LENGTH, "{name}: {chunk:?} of an acquisition of {LENGTH}");
                    let numbers = chunk.first as i16..;
                    assert!(samples[..chunk.length].iter().zip(numbers).all(|(s, n)| *s == n), "{name}: {chunk:?}");
                    if chunk.last {
                        break;
                    }
                }
                Err(error) => {
                    errors += 1;
                    assert_eq!(error.kind, ErrorKind::NotTrusted, "{name}: {error}");
                    assert!(!remote.is_lost(), "{name}: no reason to give the bench up");
                    if next == LENGTH || errors > 5 {
                        break;
                    }
                }
            }
        }
        caught += usize::from(errors > 0);
        // And the next acquisition is as good as any.
        remote.bench().detector.arm(&acquisition(150)).unwrap();
        let chunk = remote.bench().detector.read(&mut samples);
        assert_eq!(chunk, Ok(Chunk { first: 0, length: 150, gap: 0, last: true }), "{name}");
    }
    assert!(caught >= 7, "{caught}");
}

#[test]
fn samples_that_nobody_armed_for() {
    let puppet = Puppet::with(|asked, said| match asked {
        asked if asked.is(Kind::Samples) => {
            // Two pieces with a hole between them.
            let mut said = vec![sample_frame(asked, 0, 10), sample_frame(asked, 20, 30)];
            said.push(Said::reply(
                asked,
                &Reply::Samples { chunk: Chunk { first: 0, length: 30, gap: 0, last: false } },
            ));
            said
        }
        _ => said,
    });
    let mut remote = opened(&puppet);
    let mut samples = [0; 100];
    for _ in 0..3 {
        let read = bounded(&puppet, || remote.bench().detector.read(&mut samples));
        assert_eq!(read.unwrap_err().kind, ErrorKind::NotTrusted);
    }
    assert!(samples.iter().all(|s| *s == 0), "nothing of it may be taken for a signal");
}

#[test]
fn no_room_and_no_samples_are_no_loop() {
    let puppet = Puppet::new();
    let mut remote = opened(&puppet);
    remote.bench().detector.arm(&acquisition(LENGTH)).unwrap();
    let empty = Chunk { first: 0, length: 0, gap: 0, last: false };
    assert_eq!(bounded(&puppet, || remote.bench().detector.read(&mut [])), Ok(empty));
}

#[test]
fn samples_between_other_answers_are_strays() {
    let puppet = Puppet::with(|asked, mut said| {
        if asked.is(Kind::Monitor) {
            said.insert(0, sample_frame(asked, 0, 10));
        }
        said
    });
    let mut remote = opened(&puppet);
    bounded(&puppet, || remote.bench().lasers.monitor(disc_hal::hal::Source(0))).unwrap();
    assert!(matches!(puppet.world().asked.last(), Some(a) if a.is(Kind::Monitor)));
}
