//! The serial pipe on real pseudo-terminals.
#![cfg(unix)]

use core::time::Duration;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::thread;
use std::time::Instant;

use disc_hal::wire::{Pipe, PipeError};
use disc_hal_emulator::Pty;
use disc_hal_serial::{OpenError, SerialPipe};

const SECOND: Duration = Duration::from_secs(1);
const BAUD: u32 = 115_200;

fn joined() -> (Pty, SerialPipe) {
    let (pty, path) = Pty::open().expect("a pseudo-terminal");
    let host = SerialPipe::open(path, BAUD).expect("the port opens");
    (pty, host)
}

fn write_all(pipe: &mut dyn Pipe, mut bytes: &[u8]) {
    while !bytes.is_empty() {
        let taken = pipe.write(bytes, 5 * SECOND).expect("the link holds");
        assert!(taken > 0, "nobody reads");
        bytes = &bytes[taken..];
    }
}

fn read_exactly(pipe: &mut dyn Pipe, length: usize) -> Vec<u8> {
    let mut all = vec![0; length];
    let mut got = 0;
    while got < length {
        let more = pipe.read(&mut all[got..], 5 * SECOND).expect("the link holds");
        assert!(more > 0, "{got} of {length} bytes came");
        got += more;
    }
    all
}

/// Writes until nothing goes any more. The kernel moves bytes on behind the scenes,
/// so "no room" once isn't enough.
fn fill(pipe: &mut SerialPipe) {
    while pipe.write(&[0x55; 4096], Duration::from_millis(50)).expect("the link holds") > 0 {}
}

fn pattern(length: usize, seed: u64) -> Vec<u8> {
    let mut x = seed;
    (0..length)
        .map(|_| {
            x = x.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (x >> 56) as u8
        })
        .collect()
}

fn cpu() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// Whether the device is gone, and stays so.
fn assert_gone(pipe: &mut SerialPipe, first: PipeError) {
    let PipeError::Gone(words) = &first else { panic!("{first:?}") };
    assert!(words.contains("/dev/"), "{words}");
    let start = Instant::now();
    assert!(matches!(pipe.read(&mut [0; 8], 60 * SECOND), Err(PipeError::Gone(_))));
    assert!(matches!(pipe.write(&[0; 8], 60 * SECOND), Err(PipeError::Gone(_))));
    // Two waits of a minute, on a machine that may be busy for some seconds.
    assert!(start.elapsed() < 30 * SECOND, "a dead pipe waits for nothing");
}

#[test]
fn every_byte_value_passes_both_ways() {
    let (mut device, mut host) = joined();
    let all: Vec<u8> = (0..=255).collect();
    for _ in 0..3 {
        write_all(&mut host, &all);
        assert_eq!(read_exactly(&mut device, 256), all);
        write_all(&mut device, &all);
        assert_eq!(read_exactly(&mut host, 256), all);
    }
    // Nothing echoed, nothing added.
    assert_eq!(host.read(&mut [0; 16], Duration::from_millis(20)).unwrap(), 0);
    assert_eq!(device.read(&mut [0; 16], Duration::from_millis(20)).unwrap(), 0);
}

#[test]
fn a_slow_reader_loses_nothing() {
    const LENGTH: usize = 1 << 20;
    let slow = |pipe: &mut dyn Pipe| {
        let mut all = Vec::with_capacity(LENGTH);
        let mut buffer = vec![0; 40_000];
        while all.len() < LENGTH {
            let count = pipe.read(&mut buffer, 5 * SECOND).expect("the link holds");
            assert!(count > 0, "{} bytes came", all.len());
            all.extend_from_slice(&buffer[..count]);
            if all.len() % 7 == 0 {
                thread::sleep(Duration::from_millis(2));
            }
        }
        all
    };
    let (mut device, mut host) = joined();
    let (to_device, to_host) = (pattern(LENGTH, 1), pattern(LENGTH, 2));
    thread::scope(|scope| {
        scope.spawn(|| write_all(&mut host, &to_device));
        assert!(slow(&mut device) == to_device);
    });
    thread::scope(|scope| {
        scope.spawn(|| write_all(&mut device, &to_host));
        assert!(slow(&mut host) == to_host);
    });
}

#[test]
fn unplugged_while_a_read_waits() {
    // At every place in a short frame: before, inside, after.
    for sent in 0..12 {
        let (mut device, mut host) = joined();
        let frame = pattern(11, 3);
        write_all(&mut device, &frame[..sent.min(11)]);
        let (ready, wait) = mpsc::channel();
        let puller = thread::spawn(move || {
            wait.recv().unwrap();
            thread::sleep(Duration::from_millis(20));
            drop(device);
            Instant::now()
        });
        assert_eq!(read_exactly(&mut host, sent.min(11)), frame[..sent.min(11)]);
        ready.send(()).unwrap();
        let answer = host.read(&mut [0; 64], 60 * SECOND);
        let told = Instant::now();
        let pulled = puller.join().unwrap();
        assert_gone(&mut host, answer.expect_err("unplugged"));
        // By the cable, not by the end of the wait.
        assert!(told.saturating_duration_since(pulled) < 5 * SECOND, "told late");
    }
}

#[test]
fn unplugged_while_a_write_waits() {
    let (device, mut host) = joined();
    fill(&mut host);
    let puller = thread::spawn(move || {
        thread::sleep(Duration::from_millis(50));
        drop(device);
    });
    let answer = host.write(&[0x55; 4096], 5 * SECOND);
    puller.join().unwrap();
    assert_gone(&mut host, answer.expect_err("unplugged"));
}

#[test]
fn a_second_open_is_refused() {
    let (mut device, mut host) = joined();
    let path = host.path().to_path_buf();
    for _ in 0..3 {
        match SerialPipe::open(&path, BAUD) {
            Err(OpenError::Busy { path: named, owner }) => {
                assert_eq!(named, path);
                if cfg!(target_os = "linux") {
                    assert_eq!(owner, Some(std::process::id()));
                }
            }
            other => panic!("{other:?}"),
        }
    }
    // The refused ones have disturbed nothing.
    write_all(&mut host, b"still here");
    assert_eq!(read_exactly(&mut device, 10), b"still here");
    drop(host);
    SerialPipe::open(&path, BAUD).expect("free again");
}

#[test]
fn a_handle_of_the_bypass_keeps_no_port_locked() {
    let (_device, host) = joined();
    let path = host.path().to_path_buf();
    let bypass = host.bypass().expect("there is one");
    drop(host);
    let _host = SerialPipe::open(&path, BAUD).expect("free again");
    bypass.write(b"nowhere");
}

#[test]
fn what_is_no_port_is_refused() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let no_terminal = |path: &Path, word: &str| match SerialPipe::open(path, BAUD) {
        Err(error @ OpenError::NotATerminal { .. }) => assert!(error.to_string().contains(word), "{error}"),
        other => panic!("{other:?}"),
    };
    no_terminal(here, "folder");
    no_terminal(&here.join("Cargo.toml"), "file");
    no_terminal(Path::new("/dev/null"), "another kind");
    assert!(matches!(SerialPipe::open("/dev/no-such-port", BAUD), Err(OpenError::NotFound { .. })));
    let (_device, path) = Pty::open().unwrap();
    assert!(matches!(SerialPipe::open(&path, 0), Err(OpenError::Unsupported { baud: 0, .. })));
}

#[test]
fn a_port_without_rights_is_refused_with_the_remedy() {
    let (_device, path) = Pty::open().unwrap();
    rustix::fs::chmod(&path, rustix::fs::Mode::empty()).unwrap();
    if rustix::process::geteuid().is_root() {
        // Not by a macro: the output of a test that passes is thrown away.
        let said = "skipped: rights to a serial port (root may open everything; run the tests as another user)";
        writeln!(std::io::stderr(), "{said}").unwrap();
        return;
    }
    let error = SerialPipe::open(&path, BAUD).expect_err("no rights");
    assert!(matches!(error, OpenError::PermissionDenied { .. }), "{error:?}");
    assert!(error.to_string().contains("dialout") || !cfg!(target_os = "linux"), "{error}");
}

#[test]
fn waits_are_honoured_and_cost_nothing() {
    let (_device, mut host) = joined();
    for wait in [0, 1, 200].map(Duration::from_millis) {
        let start = Instant::now();
        assert_eq!(host.read(&mut [0; 16], wait).unwrap(), 0);
        let took = start.elapsed();
        assert!(took >= wait && took < wait + 5 * SECOND, "{wait:?}: {took:?}");
    }
    // A share of the time that was waited: one that polls takes most of what it gets.
    let (start, before) = (Instant::now(), cpu());
    assert_eq!(host.read(&mut [0; 16], SECOND).unwrap(), 0);
    let (cost, took) = (cpu() - before, start.elapsed());
    assert!(took >= SECOND && cost < took / 10, "waiting for bytes cost {cost:?} of {took:?}");
    fill(&mut host);
    let (start, before) = (Instant::now(), cpu());
    assert_eq!(host.write(&[0x55; 4096], SECOND).unwrap(), 0);
    let (cost, took) = (cpu() - before, start.elapsed());
    assert!(took >= SECOND && cost < took / 10, "waiting for room cost {cost:?} of {took:?}");
}

#[test]
fn a_longest_wait_doesnt_overflow() {
    let (mut device, mut host) = joined();
    let writer = thread::spawn(move || {
        thread::sleep(Duration::from_millis(30));
        write_all(&mut device, b"x");
        device
    });
    assert_eq!(host.read(&mut [0; 4], Duration::MAX).unwrap(), 1);
    writer.join().unwrap();
}

#[test]
fn the_bypass_gets_past_a_blocked_writer() {
    let off = [0, 1, 2, 3, 0];
    let (mut device, mut host) = joined();
    let bypass = host.bypass().expect("there is one");
    fill(&mut host);
    let (blocked, wait) = mpsc::channel();
    let writer = thread::spawn(move || {
        blocked.send(()).unwrap();
        // Room comes when the bypass throws away what is queued.
        let _ = host.write(&[0x55; 4096], 60 * SECOND);
        host
    });
    wait.recv().unwrap();
    thread::sleep(Duration::from_millis(30));
    let start = Instant::now();
    bypass.write(&off);
    let took = start.elapsed();
    // 50 ms of its own, the rest for a busy machine; the writer would have waited for a minute.
    assert!(took < 5 * SECOND, "{took:?}");
    let host = writer.join().unwrap();
    let mut all = Vec::new();
    let mut buffer = [0; 65_536];
    loop {
        let count = device.read(&mut buffer, Duration::from_millis(50)).unwrap();
        if count == 0 {
            break;
        }
        all.extend_from_slice(&buffer[..count]);
    }
    assert!(all.windows(5).any(|bytes| bytes == off), "the message got lost among {} bytes", all.len());
    drop(host);
}

#[test]
fn hosts_come_and_go() {
    let (mut device, path) = Pty::open().unwrap();
    for round in 0..100u8 {
        let mut host = SerialPipe::open(&path, BAUD).unwrap_or_else(|error| panic!("round {round}: {error}"));
        write_all(&mut host, &[0, round, 10, 13, 4, 0]);
        assert_eq!(read_exactly(&mut device, 6), [0, round, 10, 13, 4, 0]);
        write_all(&mut device, &[0, round, 3, 26, 17, 19]);
        if round % 3 > 0 {
            assert_eq!(read_exactly(&mut host, 6), [0, round, 3, 26, 17, 19]);
        }
        drop(host);
        // Neither an end nor an error: silence.
        assert_eq!(device.read(&mut [0; 16], Duration::from_millis(1)).unwrap(), 0);
    }
}

#[test]
fn a_killed_host_leaves_the_port_usable() {
    let (mut device, path) = Pty::open().unwrap();
    // What a killed host leaves behind: the flag of its exclusive open. (Only users
    // other than root are kept out by it.)
    let flags = rustix::fs::OFlags::RDWR | rustix::fs::OFlags::NOCTTY;
    let killed = rustix::fs::open(&path, flags, rustix::fs::Mode::empty()).unwrap();
    rustix::termios::ioctl_tiocexcl(&killed).unwrap();
    drop(killed);
    assert_eq!(device.read(&mut [0; 16], Duration::from_millis(250)).unwrap(), 0);
    let mut host = SerialPipe::open(&path, BAUD).expect("the port opens");
    write_all(&mut host, b"next");
    assert_eq!(read_exactly(&mut device, 4), b"next");
}

#[test]
fn a_device_without_a_host_is_never_stuck() {
    let (mut device, path) = Pty::open().unwrap();
    let start = Instant::now();
    write_all(&mut device, &pattern(1 << 20, 9));
    assert!(start.elapsed() < 5 * SECOND);
    let mut host = SerialPipe::open(&path, BAUD).unwrap();
    assert_eq!(host.read(&mut [0; 16], Duration::from_millis(20)).unwrap(), 0, "bytes from before the open");
    write_all(&mut device, b"hello");
    assert_eq!(read_exactly(&mut host, 5), b"hello");
}

#[test]
fn a_link_to_the_port_comes_and_goes_with_it() {
    let folder = std::env::temp_dir().join(format!("disc-hal-pty-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let at: PathBuf = folder.join("bench");
    let (mut device, _) = Pty::open().unwrap();
    device.link(&at).unwrap();
    device.link(&at).expect("an old link is replaced");

    let seen = disc_hal_serial::candidates(core::slice::from_ref(&folder));
    let found = seen.iter().find(|found| found.path == at).expect("found in its folder");
    assert_eq!(found.access, disc_hal_serial::Access::Ok);
    let host = SerialPipe::open(&at, BAUD).unwrap();
    if cfg!(target_os = "linux") {
        let seen = disc_hal_serial::candidates(core::slice::from_ref(&at));
        let found = seen.iter().find(|found| found.path == at).expect("named");
        assert_eq!(found.access, disc_hal_serial::Access::Busy { owner: Some(std::process::id()) });
    }
    drop(host);
    drop(device);
    assert!(!at.is_symlink());
    std::fs::write(&at, "precious").unwrap();
    let (mut device, _) = Pty::open().unwrap();
    device.link(&at).expect_err("a file isn't replaced");
    drop(device);
    assert_eq!(std::fs::read(&at).unwrap(), b"precious");
    std::fs::remove_dir_all(folder).unwrap();
}
