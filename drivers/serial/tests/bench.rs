//! Opening and probing on real pseudo-terminals: who answers, and what else comes.
#![cfg(unix)]

use core::sync::atomic::{AtomicBool, Ordering};
use core::time::Duration;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;

use disc_hal::hal::Rig as _;
use disc_hal::media::Medium;
use disc_hal::safety::Config;
use disc_hal::wire::{
    Bypass, Decoder, Header, OpenOptions, Pipe, PipeError, Remote, SAMPLES_MAX, VERSION, build, encoded_max,
};
use disc_hal_emulator::{Clock, Emulator, Pty};
use disc_hal_serial::{OpenBenchError, OpenError, Probe, SerialPipe, open, probe};
use disc_hal_sim::SimRig;

const BAUD: u32 = 115_200;
const WITHIN: Duration = Duration::from_millis(600);

/// Runs `with` the path of a pseudo-terminal at whose other end `device` answers to
/// what comes.
fn answered(mut device: impl FnMut(&[u8]) -> Vec<u8> + Send + 'static, with: impl FnOnce(&Path)) {
    let (mut pty, path) = Pty::open().unwrap();
    let stop = Arc::new(AtomicBool::new(false));
    let stopped = Arc::clone(&stop);
    let server = thread::spawn(move || {
        let mut buffer = [0; 4096];
        while !stopped.load(Ordering::Relaxed) {
            let count = pty.read(&mut buffer, Duration::from_millis(10)).unwrap();
            let mut answer = &*device(&buffer[..count]);
            while !answer.is_empty() {
                answer = &answer[pty.write(answer, Duration::from_secs(1)).unwrap()..];
            }
        }
    });
    with(&path);
    stop.store(true, Ordering::Relaxed);
    server.join().unwrap();
}

/// Runs `with` the path of an emulated bench.
fn emulated(with: impl FnOnce(&Path)) {
    let rig = SimRig::blank(Medium::load("dual-layer").unwrap(), 1).unwrap();
    rig.prepare();
    let now = rig.clock();
    let emulator = Emulator::new(rig, now, 7, Clock::Host, Config::default(), |_| ());
    let stop = emulator.stopper();
    let (mut pty, path) = Pty::open().unwrap();
    let server = thread::spawn(move || emulator.serve(&mut pty).unwrap());
    with(&path);
    stop();
    server.join().unwrap();
}

/// A pipe whose line can be cut without the host's noticing, goodbyes included.
struct Cut(SerialPipe, Arc<AtomicBool>);

impl Pipe for Cut {
    fn read(&mut self, buffer: &mut [u8], wait: Duration) -> Result<usize, PipeError> {
        self.0.read(buffer, wait)
    }

    fn write(&mut self, bytes: &[u8], wait: Duration) -> Result<usize, PipeError> {
        if self.1.load(Ordering::Relaxed) { Ok(bytes.len()) } else { self.0.write(bytes, wait) }
    }

    fn now(&self) -> Duration {
        self.0.now()
    }

    fn bypass(&self) -> Option<Bypass> {
        None
    }
}

#[test]
fn a_bench_is_found_opened_and_left() {
    emulated(|path| {
        for _ in 0..2 {
            let Probe::Bench(identity) = probe(path, BAUD, WITHIN).unwrap() else { panic!("no bench") };
            assert_eq!(identity.model.as_str(), "simulated bench");
            let mut bench = open(path, BAUD, &OpenOptions::default()).unwrap();
            assert_eq!((*bench.identity(), bench.welcome().boot), (identity, 7));
            // The port has one user.
            assert!(matches!(probe(path, BAUD, WITHIN), Err(OpenError::Busy { .. })));
            bench.close().unwrap();
        }
    });
}

#[test]
fn a_bench_that_is_held_says_by_whom() {
    emulated(|path| {
        let cut = Arc::new(AtomicBool::new(false));
        let pipe = Cut(SerialPipe::open(path, BAUD).unwrap(), Arc::clone(&cut));
        let mut holder = Remote::open(pipe, &OpenOptions::default().owner("somebody")).unwrap();
        holder.bench().delay.delay_ms(1500);
        cut.store(true, Ordering::Relaxed);
        drop(holder);
        let found = probe(path, BAUD, WITHIN).unwrap();
        let Probe::Held { owner, since_ms } = found else { panic!("{found:?}") };
        assert!(owner.as_str() == "somebody" && (1500..2500).contains(&since_ms), "{owner} {since_ms}");
        assert!(found.to_string().contains("held by `somebody`, for 1.5 s now"), "{found}");
        let error = open(path, BAUD, &OpenOptions::default().within(WITHIN)).unwrap_err();
        assert!(matches!(error, OpenBenchError::Bench { .. }), "{error}");
        let named = format!("{}: the bench is held by `somebody`", path.display());
        assert!(error.to_string().starts_with(&named), "{error}");
    });
}

#[test]
fn what_is_no_bench_is_told_by_what_came() {
    let found = |device: fn(&[u8]) -> Vec<u8>, words: &str| {
        answered(device, |path| {
            let found = probe(path, BAUD, WITHIN).unwrap();
            assert!(matches!(found, Probe::NotABench(_)) && found.to_string().contains(words), "{found}");
            let error = open(path, BAUD, &OpenOptions::default().within(WITHIN)).unwrap_err().to_string();
            assert!(error.contains(words) && error.starts_with(&path.display().to_string()), "{error}");
        });
    };
    found(|_| Vec::new(), "nothing answers");
    // As bytes look at the wrong rate.
    found(|bytes| bytes.iter().map(|b| b.reverse_bits() | 0x11).collect(), "wrong baud rate");
    // A loop of wire, or another program that greets.
    found(<[u8]>::to_vec, "doesn't answer the greeting");
}

#[test]
fn a_bench_of_another_version_is_named() {
    let mut decoder = Box::<Decoder<{ encoded_max(SAMPLES_MAX) }>>::default();
    // The specs are those of ours, in frames of another version.
    let rig = SimRig::blank(Medium::load("dual-layer").unwrap(), 1).unwrap();
    rig.prepare();
    let now = rig.clock();
    let config = disc_hal::wire::DeviceConfig {
        identity: *rig.identity(),
        boot: 1,
        host_clock: true,
        safety: Config::default(),
        samples: 64,
    };
    let mut ours = disc_hal::wire::Loopback::new(rig, config, now);
    let device = move |bytes: &[u8]| {
        let mut answer = Vec::new();
        let mut input = vec![0; 8192];
        ours.write(bytes, Duration::ZERO).unwrap();
        let count = ours.read(&mut input, Duration::ZERO).unwrap();
        let mut rest = &input[..count];
        while let Some(frame) = decoder.next(&mut rest) {
            let frame = frame.unwrap();
            let header = Header { version: VERSION + 1, ..frame.header };
            let mut buffer = [0; 1024];
            let fill = |room: &mut [u8]| {
                room.get_mut(..frame.payload.len())?.copy_from_slice(frame.payload);
                Some(frame.payload.len())
            };
            answer.extend_from_slice(build(&mut buffer, &header, fill).unwrap());
        }
        answer
    };
    answered(device, |path| {
        let found = probe(path, BAUD, WITHIN).unwrap();
        let Probe::OtherVersion { identity, version } = found else { panic!("{found:?}") };
        assert_eq!((identity.model.as_str(), version), ("simulated bench", VERSION + 1));
        assert!(found.to_string().contains("update one of both"), "{found}");
    });
}

#[test]
fn a_port_that_cannot_be_opened_says_why() {
    let missing = PathBuf::from("/dev/no-such-port");
    assert!(matches!(probe(&missing, BAUD, WITHIN), Err(OpenError::NotFound { .. })));
    let error = open(&missing, BAUD, &OpenOptions::default()).unwrap_err();
    assert!(matches!(error, OpenBenchError::Port(OpenError::NotFound { .. })));
    assert!(error.to_string().starts_with("/dev/no-such-port: "), "{error}");
}
