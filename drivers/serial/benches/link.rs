//! The protocol over a pseudo-terminal against the bare pseudo-terminal: round
//! trips and samples, in interleaved rounds of one run.
//!
//! `cargo bench -p disc-hal-serial --bench link`. Wanted: a round trip of at most
//! twice the bare echo, and at least 80 % of the bare throughput.

#[cfg(unix)]
fn main() {
    unix::main();
}

#[cfg(not(unix))]
fn main() {
    println!("skipped: there are no pseudo-terminals here");
}

#[cfg(unix)]
mod unix {
    use core::sync::atomic::{AtomicBool, Ordering};
    use core::time::Duration;
    use std::io;
    use std::path::Path;
    use std::thread;
    use std::time::Instant;

    use disc_hal::hal::{
        Acquisition, Bench, ChannelSpec, Channels, Chunk, DetectorSpec, Few, FocusSpec, Hertz, Identity,
        LaserArraySpec, LaserStatus, MicrometresPerSecond, Microwatts, MockBench, Nanojoules, Nanometres, OffHandle,
        Rig, SourceSpec, SpindleSpec, TrackingSpec, Trigger,
    };
    use disc_hal::safety::Config;
    use disc_hal::wire::{OpenOptions, Pipe as _, Remote};
    use disc_hal_emulator::{Clock, Emulator, Pty};
    use disc_hal_serial::SerialPipe;

    /// Rounds of each kind: round trips over pseudo-terminals have several modes.
    const ROUNDS: usize = 31;
    /// Round trips in a round.
    const TRIPS: u32 = 300;
    /// Bytes in a round.
    const BYTES: usize = 16 << 20;
    /// Bytes of a request without arguments on the line, and of its reply.
    const FRAME: usize = 29;

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
            mock.detector.expect_spec().return_const(DetectorSpec {
                channels: Few::from_slice(&[channel]).unwrap_or_default(),
                buffer: 1 << 30,
            });
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

    /// The bare pseudo-terminal: the master's end echoes, or sends as fast as it can.
    struct Bare {
        pipe: SerialPipe,
        flood: &'static AtomicBool,
    }

    static FLOOD: AtomicBool = AtomicBool::new(false);

    impl Bare {
        fn open() -> Self {
            let (mut pty, path) = Pty::open().expect("a pseudo-terminal");
            let pipe = SerialPipe::open(&path, 115_200).expect("its other end");
            thread::spawn(move || {
                let mut buffer = vec![0x55; 1 << 16];
                loop {
                    if FLOOD.load(Ordering::Relaxed) {
                        let mut left = BYTES;
                        while left > 0 {
                            let most = left.min(1 << 16);
                            left -= pty.write(&buffer[..most], Duration::from_secs(1)).expect("to write");
                        }
                        FLOOD.store(false, Ordering::Relaxed);
                    }
                    let count = pty.read(&mut buffer, Duration::from_millis(20)).expect("to read");
                    let mut at = 0;
                    while at < count {
                        at += pty.write(&buffer[at..count], Duration::from_secs(1)).expect("to write");
                    }
                }
            });
            Self { pipe, flood: &FLOOD }
        }

        /// Takes at least so many bytes, and returns how many.
        fn take(&mut self, wanted: usize) -> usize {
            let mut buffer = vec![0; 1 << 16];
            let mut taken = 0;
            while taken < wanted {
                taken += self.pipe.read(&mut buffer, Duration::from_secs(1)).expect("to read");
            }
            taken
        }

        fn trips(&mut self) -> f64 {
            let start = Instant::now();
            for _ in 0..TRIPS {
                self.pipe.write(&[0x55; FRAME], Duration::from_secs(1)).expect("to write");
                self.take(FRAME);
            }
            start.elapsed().as_secs_f64() / f64::from(TRIPS)
        }

        fn bytes(&mut self) -> f64 {
            self.flood.store(true, Ordering::Relaxed);
            // The clock starts with the first byte: the other end may sleep up to then.
            let left = BYTES - self.take(1);
            let start = Instant::now();
            self.take(left);
            left as f64 / start.elapsed().as_secs_f64()
        }
    }

    fn wired(path: &Path) -> Remote {
        let pipe = SerialPipe::open(path, 115_200).expect("the bench's port");
        Remote::open(pipe, &OpenOptions::default()).expect("a session")
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

    pub(crate) fn main() {
        let (mut pty, path) = Pty::open().expect("a pseudo-terminal");
        let emulator = Emulator::new(Quick::new(), || 1, 1, Clock::Host, Config::default(), |_| {});
        thread::spawn(move || emulator.serve(&mut pty));
        let mut remote = wired(&path);
        let acquisition =
            Acquisition { channels: Channels::one(0), rate: Hertz(1 << 20), length: u64::MAX, trigger: Trigger::Now };
        remote.bench().detector.arm(&acquisition).expect("an acquisition");
        let mut bare = Bare::open();
        let mut buffer = vec![0; 1 << 18];
        let mut found: [Vec<f64>; 6] = Default::default();
        for _ in 0..ROUNDS {
            let (echo, trip) = (bare.trips(), trips(&mut remote));
            let (raw, wire) = (bare.bytes(), samples(&mut remote, &mut buffer));
            for (list, value) in found.iter_mut().zip([echo, trip, trip / echo, raw, wire, wire / raw]) {
                list.push(value);
            }
        }
        let [echo, trip, slower, raw, wire, share] = found.each_mut().map(|list| median(list));
        println!("medians of {ROUNDS} rounds");
        println!("bare echo of {FRAME} bytes   {:8.1} us", echo * 1e6);
        println!("request and reply       {:8.1} us   {slower:.2} times the echo", trip * 1e6);
        println!("bare bytes              {:8.1} MB/s", raw * 1e-6);
        println!("samples                 {:8.1} MB/s   {:.0} % of the bare bytes", wire * 1e-6, share * 100.0);
        println!("{:?}", remote.stats());
    }
}
