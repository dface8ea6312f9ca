//! The promises of the contract, on parts of modelled chips in a closed loop.

mod support;

use core::sync::atomic::{AtomicU64, Ordering};
use std::sync::Arc;

use disc_hal::conformance::{Check, Limits, Needs, Quiet, Report, Verdict, checks, run};
use disc_hal::hal::{Microwatts, Millivolts, Rig, SafeState};
use disc_hal::safety::Config;
use disc_hal::wire::{DeviceConfig, Loopback, OpenOptions, Remote};
use support::proxy::TestRig;

fn of_parts(check: &Check) -> bool {
    ["laser.", "electrode.", "detector."].iter().any(|part| check.name.starts_with(part))
        || ["off_handle", "delay", "outputs", "detector", "lasers"]
            .iter()
            .any(|bench| check.name.starts_with("bench.") && check.name.contains(bench))
}

fn judge(rig: &mut dyn Rig) -> Report {
    let limits = Limits::new(Microwatts(20_000)).with_light().with_electrodes(Millivolts(3_000));
    run(rig, None, &limits, of_parts, &mut Quiet)
}

fn passed(report: &Report, part: &str) -> usize {
    let passed = report.results.iter().filter(|r| matches!(r.verdict, Verdict::Pass { .. }));
    passed.filter(|r| r.name.starts_with(part)).count()
}

#[test]
fn the_parts_keep_their_promises() {
    for safe in [SafeState::HighImpedance, SafeState::Zero, SafeState::Hold] {
        let report = judge(&mut TestRig::new(safe));
        let (all, failed, skipped) = report.counts();
        assert_eq!(failed, 0, "{safe:?}:\n{}", report.text());
        // Skipped is what needs a medium, or more sources, and nothing else.
        for result in &report.results {
            if let Verdict::Skip { reason } = &result.verdict {
                let expected = ["medium", "all sources"];
                assert!(expected.iter().any(|e| reason.contains(e)), "{}: {reason}", result.name);
            }
        }
        println!("{safe:?}: {all} passed, {skipped} skipped");
        assert_eq!(PARTS.map(|part| passed(&report, part)), PARTS.map(whole), "{}", report.text());
    }
}

/// Checks of a part that need neither a medium nor a second source.
fn whole(part: &str) -> usize {
    let medium = Needs::TRACK | Needs::SHOT | Needs::LAYERS;
    let sources = "laser.set_power.refuses_above_total";
    let checks = checks().iter().filter(|c| c.name.starts_with(part) && c.name != sources);
    checks.filter(|c| !c.needs.intersects(medium)).count()
}

const PARTS: [&str; 3] = ["laser.", "electrode.", "detector."];

#[test]
fn and_behind_the_device_half() {
    let rig = TestRig::new(SafeState::HighImpedance);
    let clock = Arc::new(AtomicU64::new(0));
    let remote = rig.remote();
    let now = move || {
        // The parts' own time, in microseconds.
        clock.store(remote.call(|w| w.hardware.time.ns.get() / 1_000), Ordering::Relaxed);
        clock.load(Ordering::Relaxed)
    };
    let config = DeviceConfig {
        identity: *rig.identity(),
        boot: 3,
        host_clock: true,
        safety: Config::default(),
        samples: 4_096,
    };
    let pipe = Loopback::new(rig, config, now);
    let report = judge(&mut Remote::open(pipe, &OpenOptions::default()).unwrap());
    assert_eq!(report.counts().1, 0, "{}", report.text());
    assert_eq!(PARTS.map(|part| passed(&report, part)), PARTS.map(whole), "{}", report.text());
}
