//! The pipe over endpoints in this process, and everything that a bus can do to it.

use core::time::Duration;
use std::sync::mpsc;
use std::thread;
use std::time::Instant;

use disc_hal::hal::LaserStatus;
use disc_hal::safety::Inputs;
use disc_hal::wire::usb::Alarm;
use disc_hal::wire::{Pipe, PipeError};
use disc_hal_usb::UsbPipe;
use disc_hal_usb::in_process::{Device, TransferError, Which, link};

const LONG: Duration = Duration::from_secs(10);
const SHORT: Duration = Duration::from_millis(60);
/// Packets of full, high and super speed.
const PACKETS: [usize; 3] = [64, 512, 1024];

/// Bytes that no shift or loss leaves the same.
fn bytes(count: usize) -> Vec<u8> {
    let mut state = 1u32;
    let step = |_| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    (0..count).map(step).collect()
}

fn write_all(pipe: &mut impl Pipe, mut bytes: &[u8]) {
    let start = Instant::now();
    while !bytes.is_empty() {
        assert!(start.elapsed() < LONG, "{} bytes left", bytes.len());
        bytes = &bytes[pipe.write(bytes, SHORT).unwrap()..];
    }
}

fn read_exactly(pipe: &mut impl Pipe, count: usize) -> Vec<u8> {
    let start = Instant::now();
    let mut all = Vec::new();
    let mut buffer = vec![0; 50_000];
    while all.len() < count {
        assert!(start.elapsed() < LONG, "{} of {count} bytes", all.len());
        let got = pipe.read(&mut buffer, SHORT).unwrap();
        all.extend(&buffer[..got]);
    }
    assert_eq!(all.len(), count);
    all
}

/// The same bytes from one end to the other, in one thread.
fn across(from: &mut impl Pipe, to: &mut impl Pipe, sent: &[u8]) -> Vec<u8> {
    let start = Instant::now();
    let (mut rest, mut all, mut buffer) = (sent, Vec::new(), vec![0; 5000]);
    while all.len() < sent.len() {
        assert!(start.elapsed() < LONG, "{} of {} bytes", all.len(), sent.len());
        rest = &rest[from.write(rest, Duration::ZERO).unwrap()..];
        let got = to.read(&mut buffer, Duration::from_millis(2)).unwrap();
        all.extend(&buffer[..got]);
    }
    all
}

#[test]
fn every_length_goes_both_ways_whatever_the_packets() {
    for packet in PACKETS {
        for empty_packets in [true, false] {
            let (mut pipe, mut device) = link(packet);
            if !empty_packets {
                device = device.without_empty_packets();
            }
            let transfer = 64 * packet.min(512);
            let lengths = [1, 2, packet - 1, packet, packet + 1, 3 * packet, transfer - 1, transfer, transfer + packet];
            for length in lengths {
                let sent = bytes(length);
                let out = across(&mut pipe, &mut device, &sent);
                assert!(out == sent, "{length} bytes out in packets of {packet}");
                let back = across(&mut device, &mut pipe, &sent);
                assert!(back == sent, "{length} bytes in, in packets of {packet}");
            }
        }
    }
}

#[test]
fn a_long_stream_arrives_whole_both_ways_at_once() {
    for packet in PACKETS {
        let (mut pipe, mut device) = link(packet);
        let sent = bytes(3_000_000);
        let echo = thread::spawn(move || {
            let mut left = 3_000_000;
            let mut buffer = vec![0; 7000];
            while left > 0 {
                let got = device.read(&mut buffer, SHORT).unwrap();
                write_all(&mut device, &buffer[..got]);
                left -= got;
            }
        });
        let (mut from, mut back) = (0, Vec::<u8>::new());
        let mut buffer = vec![0; 9000];
        let start = Instant::now();
        while back.len() < sent.len() {
            assert!(start.elapsed() < Duration::from_secs(60), "{} of {}", back.len(), sent.len());
            if from < sent.len() {
                from += pipe.write(&sent[from..], Duration::ZERO).unwrap();
            }
            let got = pipe.read(&mut buffer, Duration::from_millis(1)).unwrap();
            back.extend(&buffer[..got]);
        }
        echo.join().unwrap();
        assert!(back == sent, "packets of {packet}");
    }
}

#[test]
fn what_is_sent_ends_with_a_short_packet() {
    let (mut pipe, mut device) = link(512);
    device.record(Which::Out);
    for length in [100, 512, 1024, 4096] {
        write_all(&mut pipe, &bytes(length));
        read_exactly(&mut device, length);
    }
    // The empty ones are taken with the next read.
    assert_eq!(device.read(&mut [0; 8], Duration::from_millis(1)).unwrap(), 0);
    assert_eq!(device.recorded(Which::Out), [100, 512, 0, 1024, 0, 4096, 0]);
}

#[test]
fn empty_packets_are_no_bytes_and_no_end() {
    let (mut pipe, mut device) = link(64);
    for _ in 0..40 {
        device.send_empty();
    }
    assert_eq!(pipe.read(&mut [0; 8], SHORT).unwrap(), 0);
    write_all(&mut device, b"abc");
    device.send_empty();
    write_all(&mut device, b"def");
    assert_eq!(read_exactly(&mut pipe, 6), b"abcdef");
}

#[test]
fn bytes_left_on_a_packet_border_are_found() {
    let (mut pipe, device) = link(512);
    let mut device = device.without_empty_packets();
    device.record(Which::In);
    // Long silence before, as between two commands.
    for _ in 0..10 {
        assert_eq!(pipe.read(&mut [0; 8], SHORT).unwrap(), 0);
    }
    for count in 1..40 {
        let sent = bytes(512 * count);
        // Asked, answered: as a request is.
        write_all(&mut pipe, b"?");
        read_exactly(&mut device, 1);
        write_all(&mut device, &sent);
        assert!(read_exactly(&mut pipe, sent.len()) == sent, "{count} packets");
    }
}

#[test]
fn a_read_returns_in_its_time_and_one_of_nothing_at_once() {
    let (mut pipe, mut device) = link(512);
    for wait in [Duration::ZERO, Duration::from_millis(5), Duration::from_millis(150)] {
        let start = Instant::now();
        assert_eq!(pipe.read(&mut [0; 8], wait).unwrap(), 0);
        assert!(start.elapsed() >= wait && start.elapsed() < wait + Duration::from_secs(2), "{:?}", start.elapsed());
    }
    write_all(&mut device, b"x");
    assert_eq!(pipe.read(&mut [], LONG).unwrap(), 0);
    assert_eq!(pipe.write(&[], LONG).unwrap(), 0);
    let mut one = [0];
    assert_eq!((pipe.read(&mut one, Duration::ZERO).unwrap(), one), (1, *b"x"));
}

#[test]
fn only_so_many_bytes_wait_for_a_device_that_takes_none() {
    let (mut pipe, mut device) = link(64);
    let sent = bytes(100_000);
    let mut from = 0;
    loop {
        let start = Instant::now();
        match pipe.write(&sent[from..], SHORT).unwrap() {
            0 => {
                assert!(start.elapsed() >= SHORT);
                break;
            }
            taken => from += taken,
        }
    }
    assert!((8 << 10..=16 << 10).contains(&from), "{from} bytes under way");
    // Nothing is lost or doubled when it goes on.
    let reader = thread::spawn(move || read_exactly(&mut device, 100_000));
    write_all(&mut pipe, &sent[from..]);
    assert!(reader.join().unwrap() == sent);
}

#[test]
fn the_bypass_gets_in_while_the_pipe_is_blocked() {
    let (mut pipe, mut device) = link(64);
    let bypass = pipe.bypass().unwrap();
    let (done, ended) = mpsc::channel();
    let writer = thread::spawn(move || {
        // Blocks when 16 KiB are under way.
        let sent = bytes(60_000);
        let mut from = 0;
        while from < sent.len() {
            from += pipe.write(&sent[from..], LONG).unwrap();
        }
        done.send(()).unwrap();
        pipe
    });
    assert!(ended.recv_timeout(Duration::from_millis(300)).is_err(), "nobody reads, and yet all is written");
    let start = Instant::now();
    bypass.write(b"OFF");
    assert!(start.elapsed() < Duration::from_secs(1), "{:?}", start.elapsed());
    let all = read_exactly(&mut device, 60_003);
    let at = all.windows(3).position(|three| three == b"OFF").unwrap();
    assert!(at <= 16 << 10, "behind {at} bytes");
    let mut rest = all;
    rest.drain(at..at + 3);
    assert!(rest == bytes(60_000));
    let pipe = writer.join().unwrap();
    // While a read blocks, too.
    let reader = thread::spawn(move || {
        let mut pipe = pipe;
        let got = pipe.read(&mut [0; 8], LONG).unwrap();
        (got, pipe)
    });
    bypass.write(b"OFF");
    assert_eq!(read_exactly(&mut device, 3), b"OFF");
    write_all(&mut device, b"!");
    let (got, pipe) = reader.join().unwrap();
    assert_eq!(got, 1);
    drop(pipe);
    bypass.write(b"OFF");
    assert!(device.is_released(), "a handle kept for Ctrl-C keeps the interface");
}

#[test]
fn who_calls_for_darkness_for_ever_fills_no_memory() {
    let (pipe, device) = link(64);
    let bypass = pipe.bypass().unwrap();
    (0..1000).for_each(|_| bypass.write(b"OFF"));
    assert!((1..=64).contains(&device.waiting(Which::Out)), "{}", device.waiting(Which::Out));
}

#[test]
fn every_end_of_a_transfer_is_told_in_words_and_ends_the_pipe() {
    for (error, gone, words) in [
        (TransferError::Disconnected, true, "unplugged or switched off"),
        (TransferError::Fault, true, "the bus failed"),
        (TransferError::Cancelled, true, "took the transfers back"),
        (TransferError::Stall, false, "stalled"),
        (TransferError::InvalidArgument, false, "refuses the transfer"),
        (TransferError::Unknown(12), false, if cfg!(target_os = "linux") { "usbfs_memory_mb" } else { "unknown" }),
        (TransferError::Unknown(4242), false, "4242"),
    ] {
        let check = |found: PipeError| {
            assert_eq!(matches!(found, PipeError::Gone(_)), gone, "{found}");
            let text = found.to_string();
            assert!(text.contains(words) && text.contains("usb in this process"), "{error:?}: {text}");
        };
        let ended = |pipe: &mut UsbPipe| {
            // From now on at once, both ways.
            let start = Instant::now();
            check(pipe.read(&mut [0; 8], LONG).unwrap_err());
            check(pipe.write(b"x", LONG).unwrap_err());
            assert!(start.elapsed() < Duration::from_secs(2));
        };
        let (mut pipe, device) = link(64);
        device.fail(Which::In, error);
        check(pipe.read(&mut [0; 8], LONG).unwrap_err());
        ended(&mut pipe);
        let (mut pipe, device) = link(64);
        pipe.write(b"x", LONG).unwrap();
        device.fail(Which::Out, error);
        check(pipe.write(b"y", LONG).unwrap_err());
        ended(&mut pipe);
    }
}

#[test]
fn an_unplugged_device_wakes_who_waits_for_it() {
    let (mut pipe, device) = link(512);
    let waiting = thread::spawn(move || (pipe.read(&mut [0; 8], Duration::from_secs(60)), Instant::now()));
    thread::sleep(Duration::from_millis(50));
    let pulled = Instant::now();
    device.unplug();
    let (read, at) = waiting.join().unwrap();
    assert!(matches!(read, Err(PipeError::Gone(_))));
    assert!(at.duration_since(pulled) < Duration::from_secs(5));
    // A writer, too.
    let (mut pipe, device) = link(64);
    let writing = thread::spawn(move || {
        let sent = bytes(100_000);
        loop {
            if let Err(error) = pipe.write(&sent, Duration::from_secs(60)) {
                return error;
            }
        }
    });
    thread::sleep(Duration::from_millis(50));
    device.unplug();
    assert!(matches!(writing.join().unwrap(), PipeError::Gone(_)));
}

#[test]
fn what_came_before_a_failure_is_read_before_it_is_told() {
    let (mut pipe, mut device) = link(64);
    write_all(&mut device, b"whole");
    device.fail_after(b"part", TransferError::Fault);
    let mut buffer = [0; 64];
    assert_eq!(pipe.read(&mut buffer, LONG).unwrap(), 9);
    assert_eq!(&buffer[..9], b"wholepart");
    assert!(matches!(pipe.read(&mut buffer, LONG), Err(PipeError::Gone(_))));
}

#[test]
fn transfers_that_never_come_back_are_given_up() {
    let (mut pipe, device) = link(512);
    device.keep_cancelled(Which::In, true);
    let start = Instant::now();
    let error = loop {
        match pipe.read(&mut [0; 8], SHORT) {
            Ok(0) => assert!(start.elapsed() < Duration::from_secs(20), "it waits for ever"),
            Ok(count) => panic!("{count} bytes from nowhere"),
            Err(error) => break error,
        }
    };
    assert!(error.to_string().contains("doesn't give transfers back"), "{error}");
    // Nor does dropping it hang.
    let dropped = Instant::now();
    drop(pipe);
    assert!(dropped.elapsed() < Duration::from_secs(10), "{:?}", dropped.elapsed());
}

#[test]
fn dropping_lets_the_last_bytes_out_and_the_endpoints_go() {
    let (mut pipe, mut device) = link(64);
    pipe.write(b"goodbye", LONG).unwrap();
    let reader = thread::spawn(move || (read_exactly(&mut device, 7), device));
    drop(pipe);
    let (last, device) = reader.join().unwrap();
    assert_eq!(last, b"goodbye");
    assert!(device.is_released());
    // A device that takes nothing holds nobody up for long.
    let (mut pipe, device) = link(64);
    pipe.write(b"goodbye", LONG).unwrap();
    let start = Instant::now();
    drop(pipe);
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
    assert!(device.is_released());
    assert_eq!(device.waiting(Which::Out) + device.waiting(Which::In) + device.waiting(Which::Interrupt), 0);
}

fn record(device: &Device, changes: u32) -> Alarm {
    let lasers = LaserStatus::TRIPPED | LaserStatus::TRIP_INTERLOCK;
    let alarm = Alarm { inputs: Inputs::INTERLOCK_OPEN, lasers, changes, at: 7 };
    let start = Instant::now();
    while !device.alarm(&alarm.encode()) {
        assert!(start.elapsed() < LONG, "nobody listens");
        thread::sleep(Duration::from_millis(1));
    }
    alarm
}

#[test]
fn alarms_are_told_while_the_pipe_is_busy() {
    let (mut pipe, device) = link(64);
    let alarms = pipe.alarms().unwrap();
    assert_eq!(alarms.next(Duration::from_millis(5)).unwrap(), None);
    let waiting = thread::spawn(move || pipe.read(&mut [0; 8], Duration::from_millis(500)));
    for changes in 1..20 {
        let sent = record(&device, changes);
        assert_eq!(alarms.next(LONG).unwrap(), Some(sent));
    }
    // What is no record is left alone.
    assert!(device.alarm(&[9; 16]) && device.alarm(b"short") && device.alarm(&[]));
    let sent = record(&device, 99);
    assert_eq!(alarms.next(LONG).unwrap(), Some(sent));
    assert_eq!(waiting.join().unwrap().unwrap(), 0);
}

#[test]
fn who_waits_for_alarms_is_told_of_the_end() {
    let (pipe, device) = link(64);
    let alarms = pipe.alarms().unwrap();
    let waiting = thread::spawn(move || {
        let error = alarms.next(Duration::from_secs(60)).unwrap_err();
        (error.to_string(), alarms)
    });
    thread::sleep(Duration::from_millis(50));
    drop(pipe);
    let (error, alarms) = waiting.join().unwrap();
    assert!(error.contains("closed here"), "{error}");
    // Whoever keeps the handle keeps nothing of the device.
    assert!(device.is_released() && device.waiting(Which::Interrupt) == 0);
    assert!(alarms.next(LONG).is_err());
    let (pipe, device) = link(64);
    let alarms = pipe.alarms().unwrap();
    device.unplug();
    let error = alarms.next(LONG).unwrap_err();
    assert!(matches!(error, PipeError::Gone(_)), "{error}");
}
