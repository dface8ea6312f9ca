//! Every kind of fault, alone and mixed.

use core::time::Duration;

use super::{Faults, Faulty, Injected, LoopbackEnd, loopback};
use crate::wire::{Bypass, Pipe, PipeError};

/// A device that sends the same frames for ever, on a virtual clock: one a millisecond.
#[derive(Debug)]
struct Ticker {
    now: Duration,
    sent: u64,
    got: Vec<u8>,
}

impl Pipe for Ticker {
    fn read(&mut self, buffer: &mut [u8], wait: Duration) -> Result<usize, PipeError> {
        let due = Duration::from_millis(self.sent + 1);
        if due > self.now + wait {
            self.now += wait;
            return Ok(0);
        }
        self.now = self.now.max(due);
        self.sent += 1;
        let frame = frame(self.sent);
        buffer[..6].copy_from_slice(&frame);
        Ok(6)
    }

    fn write(&mut self, bytes: &[u8], _: Duration) -> Result<usize, PipeError> {
        self.got.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn now(&self) -> Duration {
        self.now
    }

    fn bypass(&self) -> Option<Bypass> {
        None
    }
}

fn frame(number: u64) -> [u8; 6] {
    [0, 1, (number % 255 + 1) as u8, (number / 255 % 255 + 1) as u8, 9, 0]
}

fn ticker() -> Ticker {
    Ticker { now: Duration::ZERO, sent: 0, got: Vec::new() }
}

/// What a host reads in 2 s while it writes 2000 frames.
fn run(seed: u64, faults: Faults) -> (Vec<u8>, Vec<u8>, Injected, Option<PipeError>) {
    let mut pipe = Faulty::new(ticker(), seed, faults);
    let mut read = Vec::new();
    let mut buffer = [0; 64];
    for number in 0..2000 {
        let step = pipe.write(&frame(number), Duration::ZERO).and_then(|taken| {
            assert_eq!(taken, 6);
            pipe.read(&mut buffer, Duration::from_millis(1))
        });
        match step {
            Ok(count) => read.extend_from_slice(&buffer[..count]),
            Err(error) => {
                let injected = pipe.injected();
                return (read, pipe.into_inner().got, injected, Some(error));
            }
        }
    }
    let injected = pipe.injected();
    (read, pipe.into_inner().got, injected, None)
}

#[test]
fn without_faults_it_is_the_pipe() {
    let (read, got, injected, error) = run(1, Faults::NONE);
    assert!(error.is_none());
    assert_eq!(injected.total(), 0);
    assert_eq!(injected.pieces, 8000);
    assert_eq!(got, (0..2000).flat_map(frame).collect::<Vec<_>>());
    assert_eq!(read, (1..=2000).flat_map(frame).collect::<Vec<_>>());
}

#[test]
fn each_kind_alone() {
    let clean = (0..2000).flat_map(frame).collect::<Vec<_>>();
    let only = |faults: Faults| {
        let (_, got, injected, error) = run(7, faults);
        assert!(error.is_none());
        (got, injected)
    };
    let (got, injected) = only(Faults { flip: 0.1, ..Faults::NONE });
    let wrong: u32 = got.iter().zip(&clean).map(|(a, b)| (a ^ b).count_ones()).sum();
    assert_eq!(got.len(), clean.len());
    assert!(wrong > 0 && u64::from(wrong) <= injected.flips && injected.total() == injected.flips);
    // 8000 pieces, 0.1, 2.5 bits each: 2000, sigma 75.
    assert!((1660..2340).contains(&injected.flips), "{injected:?}");

    let (got, injected) = only(Faults { drop: 0.1, ..Faults::NONE });
    assert!(got.len() < clean.len() && injected.total() == injected.drops);
    assert!((680..920).contains(&injected.drops), "{injected:?}");
    let (got, injected) = only(Faults { duplicate: 0.1, ..Faults::NONE });
    assert!(got.len() > clean.len() && injected.total() == injected.duplicates);
    let (got, injected) = only(Faults { stale: 0.1, ..Faults::NONE });
    assert!(got.len() > clean.len() && injected.total() == injected.stales);
    let (got, injected) = only(Faults { truncate: 0.1, ..Faults::NONE });
    assert!(got.len() < clean.len() && injected.total() == injected.truncations);
    let (got, injected) = only(Faults { garbage: 0.1, ..Faults::NONE });
    assert!(got.len() > clean.len() && injected.total() == injected.garbage);

    // Late, but nothing is lost except what is still held back at the end.
    let sorted = |bytes: &[u8]| {
        let mut pieces: Vec<Vec<u8>> = bytes.split_inclusive(|&b| b == 0).map(<[u8]>::to_vec).collect();
        pieces.sort();
        pieces
    };
    let (got, injected) = only(Faults { delay: 0.1, ..Faults::NONE });
    assert!(injected.total() == injected.delays && got != clean[..got.len()], "out of order");
    assert!(sorted(&got).len() + 100 > sorted(&clean).len());
    let (got, injected) = only(Faults { stall: 0.002, ..Faults::NONE });
    assert!(injected.total() == injected.stalls && injected.stalls > 0);
    assert_eq!(got, clean[..got.len()], "in order");
    assert!(got.len() + 600 * 6 >= clean.len());
}

#[test]
fn a_cut_is_for_good() {
    let (_, got, injected, error) = run(3, Faults { cut: 0.01, ..Faults::NONE });
    assert!(matches!(error, Some(PipeError::Gone(_))));
    assert_eq!((injected.cuts, injected.total()), (1, 1));
    let clean = (0..2000).flat_map(frame).collect::<Vec<_>>();
    assert_eq!(got, clean[..got.len()], "all before the cut");

    let (host, mut device): (LoopbackEnd, LoopbackEnd) = loopback();
    let mut host = Faulty::new(host, 1, Faults::NONE);
    let bypass = host.bypass().unwrap();
    bypass.write(b"a");
    host.cut();
    bypass.write(b"b");
    for _ in 0..2 {
        assert!(matches!(host.read(&mut [0; 4], Duration::MAX), Err(PipeError::Gone(_))));
        assert!(matches!(host.write(b"c", Duration::MAX), Err(PipeError::Gone(_))));
    }
    assert_eq!(device.read(&mut [0; 4], Duration::ZERO).unwrap(), 1);
    assert_eq!(host.injected().cuts, 1);
}

#[test]
fn a_seed_is_a_run() {
    let mut different = 0;
    for seed in 0..40 {
        let faults = Faults::mix(seed, 0.2);
        let (first, second) = (run(seed, faults), run(seed, faults));
        assert_eq!(first.0, second.0);
        assert_eq!(first.1, second.1);
        assert_eq!(first.2, second.2);
        different += u32::from(run(seed + 1000, faults).1 != first.1);
    }
    assert!(different >= 38, "other seeds, other faults: {different}");
    let mixes: Vec<Faults> = (0..200).map(|seed| Faults::mix(seed, 0.2)).collect();
    assert!(mixes.iter().any(|mix| mix.flip == 0.0 && mix.drop > 0.0));
    assert!(mixes.iter().all(|mix| mix.flip < 0.2 && mix.cut < 0.01));
}

#[test]
fn what_is_held_back_is_bounded() {
    let faults = Faults { stall: 1.0, longest_stall: Duration::MAX, ..Faults::NONE };
    let mut pipe = Faulty::new(ticker(), 1, faults);
    for _ in 0..300 {
        assert_eq!(pipe.write(&[7; 4096], Duration::ZERO).unwrap(), 4096);
    }
    assert!(pipe.injected().drops >= 200, "{:?}", pipe.injected());
    assert!(pipe.into_inner().got.is_empty());
}

#[test]
fn waits_pass_on_the_real_clock_too() {
    let (host, mut device) = loopback();
    let faults = Faults { delay: 1.0, longest_delay: Duration::from_millis(30), ..Faults::NONE };
    let mut host = Faulty::new(host, 5, faults);
    host.write(&[0, 1, 2, 0], Duration::ZERO).unwrap();
    device.write(&[0, 3, 4, 0], Duration::ZERO).unwrap();
    let mut got = Vec::new();
    while got.len() < 4 {
        let mut buffer = [0; 8];
        let count = host.read(&mut buffer, Duration::from_secs(5)).unwrap();
        assert!(count > 0);
        got.extend_from_slice(&buffer[..count]);
    }
    assert_eq!(host.read(&mut [0; 8], Duration::from_millis(40)).unwrap(), 0);
    assert_eq!(device.read(&mut [0; 8], Duration::ZERO).unwrap(), 4, "what was held back went during the read");
}
