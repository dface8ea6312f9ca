//! Real benches at the end of bad lines: other baud rates, and faults by seed.

mod wire_support;

use core::time::Duration;
use std::sync::{Arc, Mutex};
use std::thread;

use disc_hal::hal::{Microwatts, Rig as _, Source};
use disc_hal::media::Medium;
use disc_hal::record::{Job, Options, Silent, record};
use disc_hal::safety::Config;
use disc_hal::wire::host::LinkStats;
use disc_hal::wire::wrappers::{Faults, Faulty, Framing, Injected, WrongBaud, loopback};
use disc_hal::wire::{Bypass, OpenError, OpenOptions, Pipe, PipeError, Remote};
use disc_hal_emulator::{Clock, Emulator};
use disc_hal_sim::SimRig;
use wire_support::bench::looped;

/// The half of a pipe that a wrapper hands on.
macro_rules! as_inside {
    () => {
        fn now(&self) -> Duration {
            self.pipe.now()
        }

        fn bypass(&self) -> Option<Bypass> {
            self.pipe.bypass()
        }
    };
}

/// A board that prints its log to the line that it later serves.
struct Talks<P> {
    pipe: P,
    log: Vec<u8>,
}

impl<P: Pipe> Pipe for Talks<P> {
    fn read(&mut self, buffer: &mut [u8], wait: Duration) -> Result<usize, PipeError> {
        if self.log.is_empty() {
            return self.pipe.read(buffer, wait);
        }
        let count = buffer.len().min(self.log.len());
        buffer.iter_mut().zip(self.log.drain(..count)).for_each(|(to, from)| *to = from);
        Ok(count)
    }

    fn write(&mut self, bytes: &[u8], wait: Duration) -> Result<usize, PipeError> {
        self.pipe.write(bytes, wait)
    }

    as_inside!();
}

const RATES: [u32; 6] = [9_600, 57_600, 115_200, 230_400, 921_600, 3_000_000];

fn at(ours: u32, theirs: u32, framing: Framing, log: &[u8]) -> Result<Remote, OpenError> {
    let board = Talks { pipe: looped(), log: log.to_vec() };
    Remote::open(WrongBaud::new(board, ours, theirs, framing), &OpenOptions::default())
}

#[test]
fn at_another_rate_the_error_names_the_rate() {
    let log = b"[    1.204113] tester: firmware 1.0.0, bootloader 7\r\n".repeat(20);
    let (mut silent, mut noisy) = (0, 0);
    for ours in RATES {
        for theirs in RATES.into_iter().filter(|rate| *rate != ours) {
            for framing in [Framing::Drop, Framing::Give] {
                // A bench that only answers has nothing to answer to.
                let error = at(ours, theirs, framing, b"").unwrap_err();
                let text = error.to_string();
                assert!(matches!(error, OpenError::Silent), "{ours} {theirs}: {text}");
                assert!(text.contains("baud rate"), "{text}");
                // One that has said something was heard, but not understood.
                let error = at(ours, theirs, framing, &log).unwrap_err();
                let text = error.to_string();
                match error {
                    OpenError::NotFrames { bytes: 1.. } => noisy += 1,
                    OpenError::Silent => silent += 1,
                    _ => panic!("{ours} {theirs}: {text}"),
                }
                assert!(text.contains("baud rate"), "{text}");
            }
        }
    }
    println!("{noisy} times bytes without frames, {silent} times nothing");
    assert!(noisy > 40, "{noisy}");
}

#[test]
fn at_the_same_rate_it_opens() {
    for rate in RATES {
        for framing in [Framing::Drop, Framing::Give] {
            let mut remote = at(rate, rate, framing, b"booted\r\n").unwrap();
            assert!(remote.bench().lasers.set_power(Source(0), Microwatts(700)).is_ok(), "{rate}");
        }
    }
}

/// A faulty pipe whose counts can be seen while the host has it.
struct Counted<P> {
    pipe: Faulty<P>,
    /// For what comes back.
    back: Faults,
    /// For what is sent.
    there: Faults,
    injected: Arc<Mutex<Injected>>,
}

impl<P: Pipe> Pipe for Counted<P> {
    fn read(&mut self, buffer: &mut [u8], wait: Duration) -> Result<usize, PipeError> {
        self.pipe.set_faults(self.back);
        let count = self.pipe.read(buffer, wait);
        *self.injected.lock().unwrap() = self.pipe.injected();
        count
    }

    fn write(&mut self, bytes: &[u8], wait: Duration) -> Result<usize, PipeError> {
        self.pipe.set_faults(self.there);
        self.pipe.write(bytes, wait)
    }

    as_inside!();
}

/// Records and proves a small file over a link with these faults.
fn run(seed: u64, there: Faults, back: Faults) -> (Result<String, String>, LinkStats, Injected) {
    let medium = Medium::load("dual-layer").unwrap();
    let data: Vec<u8> = (0..20_000u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    let rig = SimRig::blank(medium.clone(), 5).unwrap();
    // Who waits for the heat of a first shot, on a busy machine, takes the link for lost.
    rig.prepare();
    let now = rig.clock();
    let emulator = Emulator::new(rig, now, 1, Clock::Host, Config::default(), |_| {});
    let stop = emulator.stopper();
    let (host, mut device) = loopback();
    let injected = Arc::default();
    thread::scope(|scope| {
        scope.spawn(|| {
            // When the host is gone, so is its end.
            let _gone = emulator.serve(&mut device);
        });
        let pipe = Counted { pipe: Faulty::new(host, seed, back), back, there, injected: Arc::clone(&injected) };
        let mut remote = Remote::open(pipe, &OpenOptions::default()).unwrap();
        let jobs = [Job { name: "data", data: &data, layer: 0, address: None }];
        let result = record(remote.bench(), &medium, &jobs, Options::default(), &mut Silent);
        let result = match result {
            Ok(recording) => {
                assert!(
                    recording.layers.iter().all(|l| l.identical),
                    "a file that isn't what it should be is an error"
                );
                Ok(format!("{recording:?}"))
            }
            Err(error) => Err(error.to_string()),
        };
        let (stats, injected) = (remote.stats(), *injected.lock().unwrap());
        drop(remote);
        stop();
        (result, stats, injected)
    })
}

/// How an error begins that need not say what is on the disc: nothing of the file is.
const BEFORE_WRITING: [&str; 5] =
    ["spinning up", "focus search", "closing focus and tracking", "looking for free space", "power calibration"];

#[test]
fn a_file_over_a_mildly_faulty_link_is_the_same_or_an_error() {
    let (good, ..) = run(0, Faults::NONE, Faults::NONE);
    let good = good.unwrap();
    let repeats = Faults {
        drop: 0.005,
        duplicate: 0.005,
        stale: 0.005,
        delay: 0.005,
        longest_delay: Duration::from_millis(30),
        ..Faults::NONE
    };
    // Lost samples aren't sent again, and bad frames trip an armed bench: those may be errors.
    let all = |rate| Faults { flip: rate, truncate: rate, garbage: rate, drop: rate, delay: rate, ..repeats };
    let runs = [(1, repeats, Faults::NONE), (2, all(0.002), all(0.002)), (3, all(0.000_2), all(0.000_2))];
    for (seed, there, back) in runs {
        let (result, stats, injected) = run(seed, there, back);
        println!("seed {seed}: {} faults in {} pieces, {stats:?}", injected.total(), injected.pieces);
        match result {
            // A place that was read again may have been measured a little differently.
            Ok(text) => assert!(seed > 1 || text == good, "{text}\n{good}"),
            Err(error) => {
                println!("  {error}");
                assert!(seed > 1, "a request that is lost or comes twice is executed once: {error}");
                // What is lit; and, once the file is being written, what is on the disc.
                assert!(error.contains("; the lasers are "), "{error}");
                let begun = !BEFORE_WRITING.iter().any(|stage| error.starts_with(stage));
                assert!(!begun || error.contains("; on the disc, "), "{error}");
            }
        }
        assert!(injected.total() > 20 && stats.resent > 5 && stats.strays > 5, "{injected:?} {stats:?}");
    }
}
