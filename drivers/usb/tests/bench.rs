//! A bench behind endpoints in this process: it is as good as without them.

use core::time::Duration;
use std::thread;

use disc_hal::conformance::{Check, CheckResult, Limits, Observer, Report, run};
use disc_hal::hal::{Microwatts, Rig, Source};
use disc_hal::media::Medium;
use disc_hal::safety::Config;
use disc_hal::wire::{self, OpenOptions, Pipe as _, Probe, Remote};
use disc_hal_emulator::{Clock, Emulator, Event};
use disc_hal_sim::SimRig;
use disc_hal_usb::UsbPipe;
use disc_hal_usb::in_process::{Device, link};

const BOOT: u32 = 7;

fn medium() -> Medium {
    Medium::load("dual-layer").unwrap()
}

/// Serves a new simulated bench at `device` until the host has gone, while `with` runs.
fn serving<T>(device: Device, watcher: impl FnMut(Event) + Send + 'static, with: impl FnOnce() -> T) -> T {
    let rig = SimRig::blank(medium(), 1).unwrap();
    rig.prepare();
    let now = rig.clock();
    let emulator = Emulator::new(rig, now, BOOT, Clock::Host, Config::default(), watcher);
    let server = thread::spawn(move || {
        let mut device = device;
        // Ends when the host lets go of the endpoints.
        emulator.serve(&mut device).unwrap_err();
    });
    let done = with();
    server.join().unwrap();
    done
}

struct Silent;

impl Observer for Silent {
    fn started(&mut self, _: &Check, _: usize, _: usize) {}
    fn finished(&mut self, _: &Check, _: &CheckResult) {}
    fn cancelled(&self) -> bool {
        false
    }
}

fn judged(rig: &mut dyn Rig) -> Report {
    let limits = Limits::new(Microwatts(20_000)).with_light();
    run(rig, Some(&medium()), &limits, |_| true, &mut Silent)
}

#[test]
fn the_promises_are_kept_through_the_pipe_as_without_it() {
    let direct = judged(&mut SimRig::blank(medium(), 1).unwrap());
    assert!(direct.passed(), "{}", direct.summary());
    // With the packets of two speeds, and a device that never sends an empty one.
    for (packet, empty_packets) in [(64, true), (512, false)] {
        let (pipe, device) = link(packet);
        let device = if empty_packets { device } else { device.without_empty_packets() };
        let piped = serving(
            device,
            |_| (),
            move || {
                let mut remote = Remote::open(pipe, &OpenOptions::default()).unwrap();
                let report = judged(&mut remote);
                remote.close().unwrap();
                report
            },
        );
        let verdicts = |report: &Report| {
            report.results.iter().map(|r| (r.name.to_string(), r.verdict.word().to_string())).collect::<Vec<_>>()
        };
        assert!(piped.results.len() > 50, "{}", piped.summary());
        assert_eq!(verdicts(&piped), verdicts(&direct), "packets of {packet}");
    }
}

#[test]
fn a_bench_is_found_and_left() {
    let (pipe, device) = link(512);
    let found = serving(device, |_| (), move || wire::probe(pipe, Duration::from_secs(5)));
    let Probe::Bench(identity) = found else { panic!("{found:?}") };
    assert_eq!(identity.model.as_str(), "simulated bench");
}

#[test]
fn a_bench_that_is_plugged_in_again_has_a_new_session() {
    let rig = SimRig::blank(medium(), 1).unwrap();
    rig.prepare();
    let now = rig.clock();
    let emulator = Emulator::new(rig, now, BOOT, Clock::Host, Config::default(), |_| ());
    let (plug_in, plugged) = std::sync::mpsc::channel::<Device>();
    // One bench, which is plugged in again and again.
    let server = thread::spawn(move || {
        for mut device in plugged {
            emulator.serve(&mut device).unwrap_err();
        }
    });
    let mut sessions = Vec::new();
    for _ in 0..3 {
        let (pipe, device) = link(512);
        plug_in.send(device.clone()).unwrap();
        let mut remote = Remote::open(pipe, &OpenOptions::default()).unwrap();
        remote.bench().lasers.status().unwrap();
        sessions.push(remote.session());
        device.unplug();
        let error = remote.bench().lasers.status().unwrap_err();
        assert_eq!(error.kind, disc_hal::hal::ErrorKind::LinkLost, "{error}");
        let why = remote.why_lost().unwrap();
        assert!(why.contains("the device is gone") && why.contains("unplugged"), "{why}");
    }
    drop(plug_in);
    server.join().unwrap();
    assert!(sessions[0] != sessions[1] && sessions[1] != sessions[2] && sessions[0] != sessions[2], "{sessions:?}");
}

#[test]
fn nobody_there_is_said() {
    let (pipe, _device) = link(64);
    let found = wire::probe(pipe, Duration::from_millis(300));
    assert!(found.to_string().contains("nothing answers"), "{found}");
}

#[test]
fn darkness_comes_from_another_thread_while_the_pipe_is_blocked() {
    let (pipe, device) = link(512);
    let (tell, told) = std::sync::mpsc::channel();
    let watch = move |event| {
        // Nobody may listen any more.
        let _nobody = tell.send(event);
    };
    let long = Duration::from_secs(20);
    serving(device, watch, move || {
        let mut remote = Remote::open(pipe, &OpenOptions::default()).unwrap();
        let off = remote.off_handle();
        let lit = remote.bench().lasers.set_power(Source(0), Microwatts(500)).unwrap();
        assert!(lit.0 > 0);
        while !matches!(told.recv_timeout(long).unwrap(), Event::Lit { .. }) {}
        // Nothing but the bypass is used from here on, by a thread of its own.
        thread::spawn(move || off.off()).join().unwrap();
        while !matches!(told.recv_timeout(long).unwrap(), Event::Dark { .. }) {}
        drop(remote);
    });
}

#[test]
fn a_pipe_can_be_sent_to_another_thread() {
    fn is_send<T: Send>() {}
    is_send::<UsbPipe>();
    let (pipe, _) = link(64);
    assert!(pipe.now() < Duration::from_secs(60));
    assert_eq!(format!("{pipe:?}"), "UsbPipe { place: \"usb in this process\", dead: None, .. }");
}
