//! Benches on which calls take time, as on real ones: what is checked and what is
//! recorded doesn't depend on it.

#[path = "support/slow.rs"]
mod slow;

use disc_hal::conformance::{Limits, Quiet, Report, run};
use disc_hal::hal::{Microwatts, Rig};
use disc_hal::media::Medium;
use disc_hal::record::{Job, Options, Silent, record};
use disc_hal_sim::SimRig;
use disc_hal_sim::defects::Defect;
use slow::Slow;

fn medium() -> Medium {
    Medium::load("dual-layer").unwrap()
}

fn judge(rig: &mut dyn Rig, wanted: &str) -> Report {
    let limits = Limits::new(Microwatts(20_000)).with_light();
    run(rig, Some(&medium()), &limits, |c| c.name.contains(wanted), &mut Quiet)
}

fn slow(seed: u64) -> Slow<SimRig> {
    Slow::new(SimRig::blank(medium(), seed).unwrap(), 100, 3_000)
}

#[test]
fn every_promise_is_seen_to_be_kept() {
    let report = judge(&mut slow(1), "");
    assert!(report.passed(), "{}", report.text());
    let skipped: Vec<String> = report
        .results
        .iter()
        .filter(|r| r.verdict.word() == "skip" && !r.name.starts_with("electrode."))
        .map(|r| format!("{}: {}", r.name, r.verdict.text()))
        .collect();
    // One source, whose greatest power is below the sum's.
    assert_eq!(skipped.len(), 1, "{skipped:?}");
}

#[test]
fn wrong_times_are_found() {
    for defect in [
        Defect::TurnsTooFast,
        Defect::IndexTriggerIgnored,
        Defect::SweepTooSlow,
        Defect::RateHalved,
        Defect::DelayTooShort,
        Defect::AddressStuck,
    ] {
        let rig = SimRig::blank(medium(), 1).unwrap().with_defect(defect);
        let report = judge(&mut Slow::new(rig, 100, 3_000), defect.check());
        assert!(!report.passed(), "{defect}: {}", report.text());
    }
}

#[test]
fn a_file_is_recorded_and_comes_back() {
    let data: Vec<u8> = (0..100_000u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    let jobs = [0, 1].map(|layer| Job { name: "file", data: &data, layer, address: None });
    let recording = record(slow(2).bench(), &medium(), &jobs, Options::default(), &mut Silent).unwrap();
    assert!(recording.layers.iter().all(|file| file.identical));
}
