//! The bench behind the endpoints: the same verdicts, the same recording, and dark when the
//! cable is pulled.

use std::fs;
use std::os::unix::net::UnixStream;
use std::sync::mpsc::channel;
use std::thread;

use disc_hal::conformance::{self, Limits, Quiet};
use disc_hal::hal::{Hertz, Microwatts, Nanojoules, Outcome, Rig, ShotClock, ShotPlan, Source, Trigger};
use disc_hal::media::Medium;
use disc_hal::record::{Job, Options, Session, Silent, record};
use disc_hal::safety::Config;
use disc_hal::wire::usb::Speed;
use disc_hal::wire::{OpenOptions, Remote};
use disc_hal_emulator::usbip::{DeviceOptions, Unplug, serve_stream};
use disc_hal_emulator::{Clock, Emulator, Event};
use disc_hal_sim::SimRig;

use crate::Stop;
use crate::host::*;

fn medium() -> Medium {
    Medium::load("dual-layer").unwrap()
}

fn host_of(stream: UnixStream) -> Host {
    let mut host = Host::unix(stream);
    host.configure();
    host
}

fn open(stream: UnixStream) -> Remote {
    Remote::open(HostPipe::new(host_of(stream)), &OpenOptions::default().within(LONG)).unwrap()
}

/// Runs something on a bench behind USB, and gives the emulator back.
fn wired<T>(rig: SimRig, speed: Speed, run: impl FnOnce(&mut dyn Rig) -> T) -> (T, Emulator<SimRig>) {
    rig.prepare();
    let now = rig.clock();
    let emulator = Emulator::new(rig, now, 0, Clock::Host, Config::default(), |_| ());
    let (ours, theirs) = UnixStream::pair().unwrap();
    let result = thread::scope(|scope| {
        let _stop = Stop(emulator.stopper());
        let serving = scope.spawn(|| serve_stream(&emulator, theirs, &DeviceOptions::new(speed), &Unplug::default()));
        let mut rig = open(ours);
        let result = run(&mut rig);
        drop(rig);
        serving.join().unwrap().unwrap();
        result
    });
    (result, emulator)
}

#[test]
fn the_conformance_suite_finds_the_same() {
    let medium = medium();
    let limits = Limits::new(Microwatts(30_000)).with_light();
    let judge = |rig: &mut dyn Rig| {
        let report = conformance::run(rig, Some(&medium), &limits, |_| true, &mut Quiet);
        println!("{}", report.summary());
        assert!(report.passed(), "{}", report.text());
        // Verdict and name; what was found on the way may differ in a count.
        let lines = report.text();
        lines.lines().map(|l| l.chars().take(52).collect()).collect::<Vec<String>>()
    };
    let direct = judge(&mut SimRig::blank(medium.clone(), 4).unwrap());
    let (usb, _) = wired(SimRig::blank(medium.clone(), 4).unwrap(), Speed::High, judge);
    assert_eq!(direct, usb);
}

#[test]
fn a_recording_is_the_same_to_the_last_byte() {
    let medium = medium();
    let folder = tempfile::tempdir().unwrap();
    let data: Vec<u8> = (0..3_000_u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    let job = |rig: &mut dyn Rig| {
        let jobs = [Job { name: "data", data: &data, layer: 1, address: None }];
        let result = record(rig.bench(), &medium, &jobs, Options::default(), &mut Silent).unwrap();
        assert!(result.layers.iter().all(|layer| layer.passed()));
        rig.close().unwrap();
        format!("{result:?}")
    };
    let path = folder.path().join("direct.dhd");
    let direct = job(&mut SimRig::create(&path, medium.clone(), 5).unwrap());
    for speed in [Speed::Full, Speed::Super] {
        let usb = folder.path().join(format!("{speed:?}.dhd"));
        let (result, emulator) = wired(SimRig::create(&usb, medium.clone(), 5).unwrap(), speed, job);
        emulator.close().unwrap();
        assert_eq!(result, direct);
        assert!(fs::read(&usb).unwrap() == fs::read(&path).unwrap(), "the disc files differ");
    }
}

#[test]
#[ignore = "prints speeds"]
fn speeds() {
    use std::time::Instant;
    let rig = SimRig::blank(medium(), 3).unwrap();
    let ((), _) = wired(rig, Speed::Super, |rig| {
        let mut times: Vec<_> = (0..2_000)
            .map(|_| {
                let start = Instant::now();
                rig.bench().lasers.status().unwrap();
                start.elapsed()
            })
            .collect();
        times.sort();
        println!("a status: median {:?}, 99 of 100 within {:?}", times[1_000], times[1_980]);
    });
    crate::attached(&DeviceOptions::new(Speed::Super), |mut host, _, _| {
        host.configure();
        let (block, count) = (vec![0; 1 << 20], 64);
        let start = Instant::now();
        let mut before = host.tell(1, &block);
        for _ in 1..count {
            let next = host.tell(1, &block);
            assert_eq!(host.wait(core::mem::replace(&mut before, next)).status, 0);
        }
        assert_eq!(host.wait(before).status, 0);
        let seconds = start.elapsed().as_secs_f64();
        println!("to the bench: {:.0} MiB/s of zeros", f64::from(count) / seconds);
    });
}

/// A tick of the safety core, in microseconds.
const TICK: u64 = 1_000;

/// Which end lets go.
#[derive(Debug, Clone, Copy, PartialEq)]
enum End {
    Bench,
    Host,
    Configuration,
}

#[test]
fn the_laser_goes_dark_when_the_cable_is_pulled() {
    // The longest write lease that there is: this host has to keep it on a machine as slow as may be.
    let safety = Config { write_lease: 1_000_000, hold_lease: 8_000_000, ..Config::default() };
    let rig = SimRig::blank(medium(), 3).unwrap();
    rig.prepare();
    let now = rig.clock();
    let (tell, events) = channel();
    let emulator = Emulator::new(rig, now, 7, Clock::Wall, safety, move |event| {
        let _nobody = tell.send(event);
    });
    let _stop = Stop(emulator.stopper());
    let (mut sessions, mut soonest) = (Vec::new(), u64::MAX);
    for end in [End::Bench, End::Host, End::Configuration, End::Bench] {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let unplug = Unplug::default();
        thread::scope(|scope| {
            let serving = scope.spawn(|| serve_stream(&emulator, theirs, &DeviceOptions::default(), &unplug).unwrap());
            let mut second = ours.try_clone().unwrap();
            let mut rig = open(ours);
            rig.bench().lasers.clear_trip().unwrap();
            let mut silent = Silent;
            let medium = medium();
            let mut session = Session::open(rig.bench(), &medium, Options::default(), &mut silent).unwrap();
            session.go_to_layer(0).unwrap();
            let bench = session.bench();
            bench.lasers.load(Source(0), &medium.layers[0].write.strategy).unwrap();
            let clock = ShotClock::Groove(Hertz(medium.channel_clock.0));
            let plan = ShotPlan::single(Source(0), Trigger::Now, clock, 30_000_000, Nanojoules(2_000_000_000));
            let runs = vec![14; 250_000];
            let mut tries = 0;
            let shot = loop {
                tries += 1;
                assert!(tries < 60, "this machine is too slow to keep a shot going");
                let shot = bench.lasers.begin(&plan).unwrap();
                bench.lasers.feed(shot, Source(0), &runs).unwrap();
                let token = bench.lasers.arm(shot).unwrap();
                while events.try_recv().is_ok() {}
                bench.lasers.fire(token).unwrap();
                let outcome = loop {
                    match bench.lasers.outcome(shot).unwrap() {
                        Outcome::Pending => bench.delay.delay_ms(1),
                        outcome => break outcome,
                    }
                };
                if matches!(outcome, Outcome::Running { .. }) {
                    break shot;
                }
                // 130 ms of light were over before that was seen.
                println!("{outcome:?}");
            };
            match end {
                End::Bench => unplug.pull(),
                End::Host => second.shutdown(std::net::Shutdown::Both).unwrap(),
                // A program that sets the configuration, past the one that records.
                End::Configuration => {
                    let command = cmd_submit(FOREIGN, false, 0, 0, 0, setup(0, 9, 1, 0, 0));
                    std::io::Write::write_all(&mut second, &command).unwrap();
                }
            }
            let (mut dark, mut over) = (None, None);
            while dark.is_none() {
                match events.recv_timeout(LONG).expect("lit a minute after the cable was pulled") {
                    Event::ShotsOver { silence, .. } => over = Some(silence),
                    Event::Dark { silence, .. } => dark = Some(silence),
                    _ => {}
                }
            }
            let (over, dark) = (over.unwrap(), dark.unwrap());
            println!("{end:?}: shot over {over} us, dark {dark} us after the last byte (bench's clock)");
            // The lease would do it too: no later than that, on a machine as slow as may be.
            let (write, hold) = (u64::from(safety.write_lease), u64::from(safety.hold_lease));
            assert!(over <= write && dark <= hold + TICK, "{end:?}: {over} us, {dark} us");
            soonest = soonest.min(dark);
            // The host learns it, and no outcome is made up.
            if end != End::Configuration {
                assert!(bench.lasers.outcome(shot).is_err(), "{end:?}");
            }
            drop(session);
            drop(rig);
            if end == End::Configuration {
                second.shutdown(std::net::Shutdown::Both).unwrap_or(());
            }
            println!("{:?}", serving.join().unwrap());
        });
        // The next host gets a session of its own at once.
        let (ours, theirs) = UnixStream::pair().unwrap();
        thread::scope(|scope| {
            let serving =
                scope.spawn(|| serve_stream(&emulator, theirs, &DeviceOptions::default(), &Unplug::default()).unwrap());
            let rig = open(ours);
            drop(rig);
            serving.join().unwrap();
        });
        sessions.extend(events.try_iter().filter_map(|event| match event {
            Event::Opened { session, .. } => Some(session),
            _ => None,
        }));
    }
    // One of four, at least, was dark well before its lease had run out: by the cable alone.
    assert!(soonest <= u64::from(safety.write_lease) / 2, "{soonest} us");
    println!("sessions {sessions:x?}");
    assert_eq!(sessions.len(), 4);
    assert!(sessions.windows(2).all(|pair| pair[0] < pair[1]), "{sessions:x?}");
}
