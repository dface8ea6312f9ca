//! The conformance suite on the simulated bench: right, it passes; with a planted
//! defect, the check that is named with it finds it.

use std::collections::{BTreeMap, BTreeSet};

use disc_hal::conformance::{Check, Limits, Quiet, Report, Verdict, checks, run};
use disc_hal::hal::{Microwatts, Millivolts, Rig};
use disc_hal::media::Medium;
use disc_hal_sim::SimRig;
use disc_hal_sim::defects::Defect;
use rayon::prelude::*;

fn limits() -> Limits {
    Limits::new(Microwatts(20_000)).with_light().with_electrodes(Millivolts(1_000))
}

fn judge(rig: &mut dyn Rig, wanted: impl Fn(&Check) -> bool) -> Report {
    let medium = Medium::load("dual-layer").unwrap();
    run(rig, Some(&medium), &limits(), wanted, &mut Quiet)
}

fn bench() -> SimRig {
    SimRig::blank(Medium::load("dual-layer").unwrap(), 1).unwrap()
}

fn failures(report: &Report) -> BTreeSet<&'static str> {
    report.failures().map(|r| r.name).collect()
}

/// The simulated bench has one source and no electrodes.
fn is_absent(check: &str) -> bool {
    check.starts_with("electrode.") || check == "laser.set_power.refuses_above_total"
}

#[test]
fn the_simulated_bench_keeps_every_promise() {
    let report = judge(&mut bench(), |_| true);
    assert!(report.passed(), "{}", report.text());
    for result in &report.results {
        let skipped = matches!(result.verdict, Verdict::Skip { .. });
        assert_eq!(skipped, is_absent(result.name), "{}: {}", result.name, result.verdict.text());
    }
}

/// Checks that no defect is named with, and a defect that they find as well.
const ALSO: &[(&str, Defect)] = &[
    ("bench.off_handle_from_any_thread", Defect::OffHandleDoesNothing),
    ("bench.off_handle_ends_a_shot", Defect::OffHandleDoesNothing),
    ("laser.monitor.refuses_unknown_source", Defect::AnySourceIsFirst),
    ("laser.load.refuses_unknown_source", Defect::AnySourceIsFirst),
    ("laser.load.refuses_no_pulses", Defect::LoadChecksNothing),
    ("laser.begin.refuses_plan_without_spots", Defect::BeginChecksNothing),
    ("laser.begin.refuses_plan_without_length", Defect::BeginChecksNothing),
    ("laser.begin.refuses_unknown_source", Defect::AnySourceIsFirst),
    ("laser.begin.refuses_slow_clock", Defect::BeginChecksNothing),
    ("laser.begin.refuses_fast_clock", Defect::BeginChecksNothing),
    ("laser.feed.refuses_empty_run", Defect::FeedTakesAnything),
    ("laser.arm.refuses_unknown_number", Defect::ArmChecksNothing),
    ("laser.arm.refuses_without_tracking", Defect::ArmChecksNothing),
    ("detector.arm.refuses_no_channels", Defect::DetectorArmsAnything),
    ("detector.arm.refuses_no_length", Defect::DetectorArmsAnything),
    ("detector.arm.refuses_unknown_channel", Defect::DetectorArmsAnything),
    ("spindle.set_velocity.refuses_too_slow", Defect::SpindleClamps),
    ("spindle.move_to.refuses_too_far_in", Defect::SledClamps),
    ("focus.sweep.refuses_too_fast", Defect::SweepClamps),
    ("focus.engage.refuses_unknown_source", Defect::AnySourceIsFirst),
    ("focus.jump.refuses_when_open", Defect::FocusJumpIgnored),
    ("focus.jump.refuses_beyond_max", Defect::FocusJumpIgnored),
    ("tracking.jump.refuses_when_open", Defect::TrackJumpAnything),
    ("tracking.jump.goes_inwards", Defect::TrackJumpFlipped),
    ("tracking.engage.refuses_unknown_source", Defect::AnySourceIsFirst),
    ("tracking.seek.refuses_impossible_address", Defect::SeekIgnored),
];

#[test]
fn every_planted_defect_is_found_by_its_check() {
    let named = Defect::ALL.iter().map(|&d| (d.check(), d));
    let pairs: Vec<(&str, Defect)> = named.chain(ALSO.iter().copied()).collect();
    let missed: Vec<String> = pairs
        .par_iter()
        .filter_map(|&(check, defect)| {
            let report = judge(&mut bench().with_defect(defect), |c| c.name == check);
            let found = failures(&report).contains(check);
            (!found).then(|| format!("{defect} by {check}: {:?}", report.results))
        })
        .collect();
    assert!(missed.is_empty(), "{} not found:\n{}", missed.len(), missed.join("\n"));
}

#[test]
fn every_check_finds_some_defect() {
    let proved: BTreeSet<&str> =
        Defect::ALL.iter().map(|d| d.check()).chain(ALSO.iter().map(|(check, _)| *check)).collect();
    let known: BTreeSet<&str> = checks().iter().map(|c| c.name).collect();
    assert!(proved.is_subset(&known), "no such checks: {:?}", proved.difference(&known));
    // Those of absent parts are proved on made-up ones (conformance_made_up.rs).
    let idle: Vec<&str> = known.difference(&proved).copied().filter(|name| !is_absent(name)).collect();
    assert!(idle.is_empty(), "no defect is planted for {idle:?}");
}

#[test]
fn names_of_defects_are_read_back_and_unique() {
    let names: BTreeSet<&str> = Defect::ALL.iter().map(|d| d.name()).collect();
    assert_eq!(names.len(), Defect::ALL.len());
    for &defect in Defect::ALL {
        assert_eq!(defect.to_string().parse(), Ok(defect));
        assert!(defect.description().ends_with('.'));
    }
    assert!("banana".parse::<Defect>().unwrap_err().to_string().contains("banana"));
}

/// Takes minutes: all checks with all defects. Prints what each defect breaks.
#[test]
#[ignore = "takes minutes; run it with --ignored --nocapture after a change of the suite"]
fn what_each_defect_breaks() {
    let broken: Vec<(Defect, Vec<String>)> = Defect::ALL
        .par_iter()
        .map(|&defect| {
            let report = judge(&mut bench().with_defect(defect), |_| true);
            let found: Vec<String> = report.failures().map(|r| r.name.to_owned()).collect();
            println!("{defect}: {}", found.join(" "));
            (defect, found)
        })
        .collect();
    let mut by_check: BTreeMap<&str, usize> = checks().iter().map(|c| (c.name, 0)).collect();
    for (defect, found) in &broken {
        assert!(found.iter().any(|f| f == defect.check()), "{defect} is not found by {}", defect.check());
        for check in found {
            *by_check.entry(check).or_default() += 1;
        }
    }
    let idle: Vec<&str> = by_check.iter().filter(|(name, n)| **n == 0 && !is_absent(name)).map(|(n, _)| *n).collect();
    assert!(idle.is_empty(), "no defect is found by {idle:?}");
}
