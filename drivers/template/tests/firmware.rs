//! STEP 7, the parts in the tester: the whole suite through the device half, with the
//! host half of the protocol at the other end of the line.

mod support;

use core::time::Duration;
use std::sync::{Arc, Mutex};

use disc_hal::conformance::{Limits, Quiet, Verdict, run};
use disc_hal::hal::{ErrorKind, Identity, Microwatts, Name, Rig, Source};
use disc_hal::safety::{Config, Inputs};
use disc_hal::wire::{Bypass, DeviceConfig, OpenOptions, Pipe, PipeError, Remote};
use disc_hal_template::firmware::Firmware;
use support::{Simulated, medium};

/// The chip: the firmware, and a clock that counts what its delays take.
struct Chip {
    firmware: Firmware<Simulated, Counted>,
    elapsed: Arc<Mutex<u64>>,
    inputs: Inputs,
}

/// The clock of the tester, counted in nanoseconds.
struct Counted(Simulated, Arc<Mutex<u64>>);

impl embedded_hal::delay::DelayNs for Counted {
    fn delay_ns(&mut self, ns: u32) {
        self.0.delay_ns(ns);
        *self.1.lock().unwrap() += u64::from(ns);
    }
}

impl Chip {
    fn new(tester: &Simulated) -> Self {
        let elapsed = Arc::new(Mutex::new(0));
        let delay = Counted(tester.clone(), elapsed.clone());
        let identity = Identity {
            vendor: Name::new("Acme"),
            model: Name::new("DT-1"),
            serial: Name::new("0042"),
            firmware: Name::new("2.0"),
        };
        // On the host's clock: time passes by the suite's delays, so that minutes take seconds.
        let safety = Config::default();
        let config = DeviceConfig { identity, boot: 1, host_clock: true, safety, samples: 64 };
        let firmware = Firmware::with_config(tester, delay, config);
        Self { firmware, elapsed, inputs: Inputs::empty() }
    }

    fn step(&mut self, received: &[u8], send: &mut [u8]) -> usize {
        let elapsed = self.elapsed.clone();
        let mut now = move || *elapsed.lock().unwrap() / 1_000;
        self.firmware.step(received, self.inputs, &mut now, send)
    }
}

/// The line between host and chip.
#[derive(Clone)]
struct Line {
    chip: Arc<Mutex<Chip>>,
    /// What the chip has sent and the host hasn't read.
    sent: Arc<Mutex<Vec<u8>>>,
    waited: Duration,
}

impl Line {
    fn new(tester: &Simulated) -> Self {
        let chip = Arc::new(Mutex::new(Chip::new(tester)));
        Self { chip, sent: Arc::default(), waited: Duration::ZERO }
    }
}

impl Pipe for Line {
    fn read(&mut self, buffer: &mut [u8], wait: Duration) -> Result<usize, PipeError> {
        let mut sent = self.sent.lock().unwrap();
        if sent.is_empty() {
            let mut out = [0; 256];
            let count = self.chip.lock().unwrap().step(&[], &mut out);
            sent.extend(&out[..count]);
        }
        let count = sent.len().min(buffer.len());
        buffer[..count].copy_from_slice(&sent[..count]);
        sent.drain(..count);
        if count == 0 {
            self.waited += wait;
        }
        Ok(count)
    }

    fn write(&mut self, bytes: &[u8], _wait: Duration) -> Result<usize, PipeError> {
        let mut out = [0; 256];
        let count = self.chip.lock().unwrap().step(bytes, &mut out);
        self.sent.lock().unwrap().extend(&out[..count]);
        Ok(bytes.len())
    }

    fn now(&self) -> Duration {
        self.waited
    }

    fn bypass(&self) -> Option<Bypass> {
        let line = self.clone();
        Some(Bypass::new(move |bytes| {
            let _taken = line.clone().write(bytes, Duration::ZERO);
        }))
    }
}

#[test]
fn every_promise_is_kept_through_the_protocol() {
    let mut remote = Remote::open(Line::new(&Simulated::blank()), &OpenOptions::default()).unwrap();
    let limits = Limits::new(Microwatts(20_000)).with_light();
    let report = run(&mut remote, Some(&medium()), &limits, |_| true, &mut Quiet);
    println!("{}", report.summary());
    assert!(report.passed(), "{}", report.text());
    for result in &report.results {
        let absent = result.name.starts_with("electrode.") || result.name == "laser.set_power.refuses_above_total";
        let skipped = matches!(result.verdict, Verdict::Skip { .. });
        assert_eq!(skipped, absent, "{}: {}", result.name, result.verdict.text());
    }
}

#[test]
fn the_chips_interlock_is_dark_at_once() {
    let tester = Simulated::blank();
    let line = Line::new(&tester);
    let mut remote = Remote::open(line.clone(), &OpenOptions::default()).unwrap();
    remote.bench().lasers.set_power(Source(0), Microwatts(700)).unwrap();
    assert!(tester.light() > Microwatts(600));
    line.chip.lock().unwrap().inputs = Inputs::INTERLOCK_OPEN;
    line.chip.lock().unwrap().step(&[], &mut []);
    assert_eq!(tester.light(), Microwatts::ZERO);
    let error = remote.bench().lasers.set_power(Source(0), Microwatts(700)).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Interlock, "{error}");
}

#[test]
fn a_host_that_is_gone_leaves_no_light() {
    let tester = Simulated::blank();
    let line = Line::new(&tester);
    let mut remote = Remote::open(line.clone(), &OpenOptions::default()).unwrap();
    remote.bench().lasers.set_power(Source(0), Microwatts(700)).unwrap();
    // Killed: it says nothing more.
    core::mem::forget(remote);
    let mut chip = line.chip.lock().unwrap();
    let hold = u64::from(Config::default().hold_lease) * 1_000;
    chip.step(&[], &mut []);
    assert!(tester.light() > Microwatts(600));
    *chip.elapsed.lock().unwrap() += hold + 1_000_000;
    chip.step(&[], &mut []);
    assert_eq!(tester.light(), Microwatts::ZERO);
}
