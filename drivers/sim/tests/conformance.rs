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

#[test]
fn every_planted_defect_is_found_by_its_check() {
    let missed: Vec<String> = Defect::ALL
        .par_iter()
        .filter_map(|&defect| {
            let report = judge(&mut bench().with_defect(defect), |c| c.name == defect.check());
            let found = failures(&report).contains(defect.check());
            (!found).then(|| format!("{defect} by {}: {:?}", defect.check(), report.results))
        })
        .collect();
    assert!(missed.is_empty(), "{} not found:\n{}", missed.len(), missed.join("\n"));
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
