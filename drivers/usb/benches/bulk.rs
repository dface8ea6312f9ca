//! The pipe and the protocol over bulk endpoints in this process, against a bare loop of
//! transfers on the same endpoints: round trips and bytes, in interleaved rounds of one run.
//!
//! `cargo bench -p disc-hal-usb --bench bulk`. Wanted: at least 90 % of the bare throughput
//! through the pipe.

use core::hint::black_box;
use core::sync::atomic::{AtomicUsize, Ordering};
use core::time::Duration;
use std::io;
use std::sync::Arc;
use std::thread;
use std::time::Instant;

use disc_hal::hal::{
    Acquisition, Bench, ChannelSpec, Channels, Chunk, DetectorSpec, Few, FocusSpec, Hertz, Identity, LaserArraySpec,
    LaserStatus, MicrometresPerSecond, Microwatts, MockBench, Nanojoules, Nanometres, OffHandle, Rig, SourceSpec,
    SpindleSpec, TrackingSpec, Trigger,
};
use disc_hal::safety::Config;
use disc_hal::wire::{OpenOptions, Pipe as _, Remote};
use disc_hal_emulator::{Clock, Emulator};
use disc_hal_usb::UsbPipe;
use disc_hal_usb::in_process::{Buffer, Device, Host, bare, link};

/// Rounds of each kind.
const ROUNDS: usize = 31;
/// Round trips in a round.
const TRIPS: u32 = 300;
/// Bytes in a round.
const BYTES: usize = 64 << 20;
/// Bytes of a request without arguments on the line, and of its reply.
const FRAME: usize = 29;
/// Packets of a high-speed bus.
const PACKET: usize = 512;
/// Transfers under way, and their length: those of the pipe.
const DEPTH: usize = 16;
const LENGTH: usize = 32 << 10;
const LONG: Duration = Duration::from_secs(10);

/// A bench whose parts answer at once.
struct Quick(MockBench, Identity);

impl Quick {
    fn new() -> Self {
        let mut mock = MockBench::default();
        let source = SourceSpec {
            wavelength: Nanometres(650),
            read_max: Microwatts(1_000),
            write_max: Microwatts(30_000),
            step: Microwatts(10),
            ..SourceSpec::default()
        };
        mock.lasers.expect_spec().return_const(LaserArraySpec {
            sources: Few::from_slice(&[source]).unwrap_or_default(),
            total_max: Microwatts(30_000),
            buffer_runs: 1 << 16,
            queue: 2,
            clock_min: Hertz(1),
            clock_max: Hertz(1 << 30),
            energy_max: Nanojoules(1 << 40),
        });
        mock.lasers.expect_status().returning(|| Ok(LaserStatus::empty()));
        mock.lasers.expect_off().returning(|| Ok(()));
        mock.focus.expect_spec().return_const(FocusSpec { travel_max: Nanometres(1), ..FocusSpec::default() });
        mock.focus.expect_release().returning(|| Ok(()));
        mock.tracking.expect_spec().return_const(TrackingSpec::default());
        mock.tracking.expect_release().returning(|| Ok(()));
        mock.spindle.expect_spec().return_const(SpindleSpec {
            velocity_max: MicrometresPerSecond(1),
            radius_max: Nanometres(1),
            ..SpindleSpec::default()
        });
        let channel = ChannelSpec { rate_max: Hertz(1 << 30), ..ChannelSpec::default() };
        mock.detector
            .expect_spec()
            .return_const(DetectorSpec { channels: Few::from_slice(&[channel]).unwrap_or_default(), buffer: 1 << 30 });
        mock.detector.expect_arm().returning(|_| Ok(()));
        mock.detector.expect_stop().returning(|| Ok(()));
        let mut first = 0u64;
        mock.detector.expect_read().returning(move |samples| {
            samples.fill(i16::from_le_bytes([first as u8 | 1, 0x30]));
            let chunk = Chunk { first, length: samples.len(), gap: 0, last: false };
            first += samples.len() as u64;
            Ok(chunk)
        });
        mock.delay.limit_ns = u64::MAX;
        Self(mock, Identity::default())
    }
}

impl Rig for Quick {
    fn identity(&self) -> &Identity {
        &self.1
    }

    fn bench(&mut self) -> Bench<'_> {
        self.0.bench()
    }

    fn off_handle(&self) -> OffHandle {
        OffHandle::new(|| {})
    }

    fn close(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A device that echoes, or sends so many bytes as fast as it can.
fn echo(mut device: Device) -> Arc<AtomicUsize> {
    let flood = Arc::<AtomicUsize>::default();
    let wanted = Arc::clone(&flood);
    thread::spawn(move || {
        let bytes = vec![0x55; LENGTH];
        let mut buffer = vec![0; LENGTH];
        // Until the host has gone.
        while let Ok(count) = device.read(&mut buffer, Duration::from_millis(20)) {
            let mut left = wanted.swap(0, Ordering::Relaxed);
            while left > 0 {
                let Ok(sent) = device.write(&bytes[..left.min(LENGTH)], LONG) else { return };
                left -= sent;
            }
            let mut at = 0;
            while at < count {
                let Ok(sent) = device.write(&buffer[at..count], LONG) else { return };
                at += sent;
            }
        }
    });
    flood
}

/// Looks at every byte, as who wants them does.
fn seen(bytes: &[u8]) -> u64 {
    bytes.as_chunks().0.iter().fold(0, |sum, eight| sum ^ u64::from_le_bytes(*eight))
}

/// The bare loop.
struct Bare {
    input: Host,
    output: Host,
    flood: Arc<AtomicUsize>,
}

impl Bare {
    fn new() -> Self {
        let (mut input, output, device) = bare(PACKET);
        (0..DEPTH).for_each(|_| input.submit(Buffer::new(LENGTH)));
        Self { input, output, flood: echo(device) }
    }

    fn take(&mut self) -> usize {
        let done = self.input.complete(LONG).expect("bytes");
        done.status.expect("no fault");
        black_box(seen(&done.buffer));
        self.input.submit(done.buffer);
        done.actual_len
    }

    fn trips(&mut self) -> f64 {
        let start = Instant::now();
        for _ in 0..TRIPS {
            self.output.submit(vec![0x55; FRAME].into());
            let mut left = FRAME;
            while left > 0 {
                left -= self.take();
            }
            self.output.complete(LONG).expect("it has been read");
        }
        start.elapsed().as_secs_f64() / f64::from(TRIPS)
    }

    fn bytes(&mut self) -> f64 {
        self.flood.store(BYTES, Ordering::Relaxed);
        // The clock starts with the first bytes: the other end may sleep up to then.
        let mut left = BYTES - self.take();
        let (counted, start) = (left, Instant::now());
        while left > 0 {
            left -= self.take();
        }
        counted as f64 / start.elapsed().as_secs_f64()
    }
}

/// The pipe.
struct Piped {
    pipe: UsbPipe,
    flood: Arc<AtomicUsize>,
    buffer: Vec<u8>,
}

impl Piped {
    fn new() -> Self {
        let (pipe, device) = link(PACKET);
        Self { pipe, flood: echo(device), buffer: vec![0; 1 << 16] }
    }

    fn take(&mut self) -> usize {
        let count = self.pipe.read(&mut self.buffer, LONG).expect("bytes");
        black_box(seen(&self.buffer[..count]));
        count
    }

    fn trips(&mut self) -> f64 {
        let start = Instant::now();
        for _ in 0..TRIPS {
            self.pipe.write(&[0x55; FRAME], LONG).expect("to write");
            let mut left = FRAME;
            while left > 0 {
                left -= self.take();
            }
        }
        start.elapsed().as_secs_f64() / f64::from(TRIPS)
    }

    fn bytes(&mut self) -> f64 {
        self.flood.store(BYTES, Ordering::Relaxed);
        let mut left = BYTES - self.take();
        let (counted, start) = (left, Instant::now());
        while left > 0 {
            left -= self.take();
        }
        counted as f64 / start.elapsed().as_secs_f64()
    }
}

fn trips(remote: &mut Remote) -> f64 {
    let bench = remote.bench();
    let start = Instant::now();
    for _ in 0..TRIPS {
        bench.lasers.status().expect("a status");
    }
    start.elapsed().as_secs_f64() / f64::from(TRIPS)
}

fn samples(remote: &mut Remote, buffer: &mut [i16]) -> f64 {
    let bench = remote.bench();
    let start = Instant::now();
    let mut left = BYTES / 2;
    while left > 0 {
        let chunk = bench.detector.read(buffer).expect("samples");
        assert_eq!(chunk.gap, 0);
        left -= chunk.length.min(left);
    }
    BYTES as f64 / start.elapsed().as_secs_f64()
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn main() {
    let (pipe, mut device) = link(PACKET);
    let emulator = Emulator::new(Quick::new(), || 1, 1, Clock::Host, Config::default(), |_| {});
    thread::spawn(move || emulator.serve(&mut device));
    let mut remote = Remote::open(pipe, &OpenOptions::default()).expect("a session");
    let acquisition =
        Acquisition { channels: Channels::one(0), rate: Hertz(1 << 20), length: u64::MAX, trigger: Trigger::Now };
    remote.bench().detector.arm(&acquisition).expect("an acquisition");
    let (mut bare, mut piped) = (Bare::new(), Piped::new());
    let mut buffer = vec![0; 1 << 18];
    let mut found: [Vec<f64>; 9] = Default::default();
    for _ in 0..ROUNDS {
        let (echo, pipe, trip) = (bare.trips(), piped.trips(), trips(&mut remote));
        let (raw, through, wire) = (bare.bytes(), piped.bytes(), samples(&mut remote, &mut buffer));
        let values = [echo, pipe, pipe / echo, trip, raw, through, through / raw, wire, wire / raw];
        for (list, value) in found.iter_mut().zip(values) {
            list.push(value);
        }
    }
    let [echo, pipe, slower, trip, raw, through, share, wire, wire_share] = found.each_mut().map(|list| median(list));
    println!("medians of {ROUNDS} rounds, packets of {PACKET}");
    println!("bare echo of {FRAME} bytes      {:8.1} us", echo * 1e6);
    println!("the same through the pipe  {:8.1} us     {slower:.2} times the bare echo", pipe * 1e6);
    println!("request and reply          {:8.1} us", trip * 1e6);
    println!("bare bytes                 {:8.1} MB/s", raw * 1e-6);
    println!("the same through the pipe  {:8.1} MB/s   {:.0} % of the bare bytes", through * 1e-6, share * 100.0);
    println!("samples                    {:8.1} MB/s   {:.0} % of the bare bytes", wire * 1e-6, wire_share * 100.0);
    println!("{:?}", remote.stats());
}
