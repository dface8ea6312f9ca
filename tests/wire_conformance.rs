//! The conformance suite judges a bench behind the protocol as it judges the bench itself:
//! in this process, and over a pseudo-terminal of the kernel.
//!
//! With `DISC_HAL_VERDICTS` the verdicts are left in that folder, for
//! `examples/conformance_table.rs`.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::LazyLock;

use disc_hal::conformance::{self, Limits, Quiet, Report, Verdict};
use disc_hal::hal::{Microwatts, Rig};
use disc_hal::media::Medium;
use disc_hal::safety::Config;
use disc_hal::wire::{DeviceConfig, Loopback, OpenOptions, Remote};
use disc_hal_sim::SimRig;

fn medium() -> Medium {
    Medium::load("dual-layer").unwrap()
}

fn blank() -> SimRig {
    SimRig::blank(medium(), 4).unwrap()
}

/// The whole suite, with light and all the power that the bench has.
fn judge(bench: &str, rig: &mut dyn Rig) -> Report {
    let limits = Limits::new(Microwatts(30_000)).with_light();
    let report = conformance::run(rig, Some(&medium()), &limits, |_| true, &mut Quiet);
    println!("{bench}: {}", report.summary());
    if let Some(folder) = std::env::var_os("DISC_HAL_VERDICTS") {
        let verdicts: BTreeMap<&str, String> = verdicts(&report).collect();
        let document = serde_json::json!({ "bench": bench, "verdicts": verdicts });
        std::fs::write(Path::new(&folder).join(format!("{bench}.json")), document.to_string()).unwrap();
    }
    assert!(report.passed(), "{bench}: {}", report.text());
    report
}

fn verdicts(report: &Report) -> impl Iterator<Item = (&'static str, String)> {
    report.results.iter().map(|result| (result.name, result.verdict.word().to_lowercase()))
}

/// What the suite finds on the simulator itself, once for all links.
static DIRECT: LazyLock<Report> = LazyLock::new(|| judge("direct", &mut blank()));

/// Every verdict is that of the simulator without a link; what was found on the way may
/// differ in a count, and a skip must have the same reason.
fn same_as_direct(bench: &str, report: &Report) {
    let direct = &*DIRECT;
    assert!(verdicts(report).eq(verdicts(direct)), "{bench}: {}\nwithout a link: {}", report.text(), direct.text());
    let (passed, ..) = direct.counts();
    assert!(passed > 80, "only {passed} checks can be compared");
    let about = |r: &Report| (r.bench.clone(), r.allowed(), r.not_given.clone());
    assert_eq!(about(report), about(direct), "{bench}");
    let skips = |r: &Report| -> Vec<Verdict> {
        r.results.iter().map(|r| r.verdict.clone()).filter(|v| matches!(v, Verdict::Skip { .. })).collect()
    };
    assert_eq!(skips(report), skips(direct), "{bench}");
}

#[test]
fn the_suite_finds_the_same_through_the_wire() {
    let rig = blank();
    let config = DeviceConfig {
        identity: *rig.identity(),
        boot: 0,
        host_clock: true,
        safety: Config::default(),
        samples: u16::MAX,
    };
    let clock = rig.clock();
    let mut remote = Remote::open(Loopback::new(rig, config, clock), &OpenOptions::default()).unwrap();
    same_as_direct("loopback", &judge("loopback", &mut remote));
}

#[cfg(unix)]
#[test]
fn the_suite_finds_the_same_over_a_pseudo_terminal() {
    use core::time::Duration;

    use disc_hal_emulator::{Clock, Emulator, Pty};
    use disc_hal_serial::SerialPipe;

    struct Stop<F: Fn()>(F);

    impl<F: Fn()> Drop for Stop<F> {
        fn drop(&mut self) {
            (self.0)();
        }
    }

    let rig = blank();
    rig.prepare();
    let now = rig.clock();
    let emulator = Emulator::new(rig, now, 0, Clock::Host, Config::default(), |_| ());
    let (mut pty, port) = Pty::open().unwrap();
    let report = std::thread::scope(|scope| {
        // Also when an assertion fails.
        let stop = Stop(emulator.stopper());
        let serving = scope.spawn(|| emulator.serve(&mut pty));
        let pipe = SerialPipe::open(&port, 115_200).unwrap();
        let options = OpenOptions::default().within(Duration::from_secs(60));
        let mut remote = Remote::open(pipe, &options).unwrap();
        let report = judge("pty", &mut remote);
        drop(remote);
        drop(stop);
        serving.join().unwrap().unwrap();
        report
    });
    same_as_direct("pty", &report);
}
