//! The same over a real terminal of the operating system, in real time.

use core::sync::atomic::{AtomicBool, Ordering};
use core::time::Duration;
use std::thread;
use std::time::Instant;

use disc_hal::hal::{ErrorKind, Microwatts, Rig as _, Source};
use disc_hal::media::Medium;
use disc_hal::safety::Config;
use disc_hal::wire::{OpenError, OpenOptions, Pipe as _, Remote};
use disc_hal_emulator::{Clock, Emulator, Pty};
use disc_hal_serial::SerialPipe;
use disc_hal_sim::SimRig;

use crate::wire_support::Rng;

const WITHIN: Duration = Duration::from_millis(400);

fn options() -> OpenOptions {
    OpenOptions::default().within(WITHIN).patience(WITHIN)
}

/// Opens a terminal at whose other end `device` runs until it is told to stop.
fn against(device: impl FnOnce(&mut Pty, &AtomicBool) + Send) -> Result<Remote, OpenError> {
    let (mut pty, path) = Pty::open().unwrap();
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| device(&mut pty, &over));
        let start = Instant::now();
        let opened = Remote::open(SerialPipe::open(&path, 115_200).unwrap(), &options());
        assert!(start.elapsed() < 10 * WITHIN, "{:?}", start.elapsed());
        over.store(true, Ordering::Relaxed);
        opened
    })
}

#[test]
fn a_terminal_that_says_nothing() {
    let error = against(|_, _| {}).unwrap_err();
    assert!(matches!(error, OpenError::Silent | OpenError::Pipe(_)), "{error}");
}

#[test]
fn a_terminal_that_babbles() {
    let error = against(|pty, over| {
        let noise = Rng(5).bytes(4_096);
        while !over.load(Ordering::Relaxed) {
            pty.write(&noise, Duration::from_millis(5)).unwrap();
        }
    })
    .unwrap_err();
    assert!(matches!(error, OpenError::NotFrames { bytes: 1.. }), "{error}");
}

#[test]
fn a_terminal_that_echoes() {
    let error = against(|pty, over| {
        let mut buffer = [0; 4_096];
        while !over.load(Ordering::Relaxed) {
            let count = pty.read(&mut buffer, Duration::from_millis(5)).unwrap();
            pty.write(&buffer[..count], Duration::from_millis(5)).unwrap();
        }
    })
    .unwrap_err();
    assert!(matches!(error, OpenError::NoAnswer), "{error}");
}

#[test]
fn a_terminal_that_never_reads() {
    // Its buffer fills up with greetings and Offs: every write has its end.
    let error = against(|_, over| {
        while !over.load(Ordering::Relaxed) {
            thread::sleep(Duration::from_millis(5));
        }
    })
    .unwrap_err();
    assert!(matches!(error, OpenError::Silent), "{error}");
}

#[test]
fn a_boot_log_and_then_a_bench_that_is_unplugged() {
    let rig = SimRig::blank(Medium::load("dual-layer").unwrap(), 1).unwrap();
    let now = rig.clock();
    let emulator = Emulator::new(rig, now, 1, Clock::Host, Config::default(), |_| {});
    let stop = emulator.stopper();
    let (mut pty, path) = Pty::open().unwrap();
    let served = thread::spawn(move || {
        pty.write(b"U-Boot 2024.01\r\n=> boot\r\n\x00\x00\xFF\xFE", Duration::from_millis(50)).unwrap();
        emulator.serve(&mut pty).unwrap();
    });
    let mut remote = Remote::open(SerialPipe::open(&path, 115_200).unwrap(), &options()).unwrap();
    assert!(remote.bench().lasers.set_power(Source(0), Microwatts(700)).is_ok());
    stop();
    served.join().unwrap();
    let start = Instant::now();
    let error = remote.bench().lasers.status().unwrap_err();
    assert_eq!(error.kind, ErrorKind::LinkLost, "{error}");
    assert!(error.to_string().contains("outputs off within "), "{error}");
    drop(remote);
    assert!(start.elapsed() < Duration::from_secs(1), "{:?}", start.elapsed());
}
