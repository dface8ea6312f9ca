//! The promises of the contract, on parts of modelled chips in a closed loop.

mod support;

use disc_hal::conformance::{Check, Limits, Quiet, Verdict, run};
use disc_hal::hal::{Microwatts, Millivolts, SafeState};
use support::proxy::TestRig;

fn of_parts(check: &Check) -> bool {
    ["laser.", "electrode.", "detector."].iter().any(|part| check.name.starts_with(part))
        || ["off_handle", "delay", "outputs", "detector", "lasers"]
            .iter()
            .any(|bench| check.name.starts_with("bench.") && check.name.contains(bench))
}

#[test]
fn the_parts_keep_their_promises() {
    let limits = Limits::new(Microwatts(20_000)).with_light().with_electrodes(Millivolts(3_000));
    for safe in [SafeState::HighImpedance, SafeState::Zero, SafeState::Hold] {
        let mut rig = TestRig::new(safe);
        let report = run(&mut rig, None, &limits, of_parts, &mut Quiet);
        let (passed, failed, skipped) = report.counts();
        assert_eq!(failed, 0, "{safe:?}:\n{}", report.text());
        // Skipped is what needs a medium, or more sources, and nothing else.
        for result in &report.results {
            if let Verdict::Skip { reason } = &result.verdict {
                let expected = ["medium", "all sources", "noise", "queue", "layers"];
                assert!(expected.iter().any(|e| reason.contains(e)), "{}: {reason}", result.name);
            }
        }
        let checked = |part| {
            report
                .results
                .iter()
                .filter(|r| r.name.starts_with(part))
                .filter(|r| matches!(r.verdict, Verdict::Pass { .. }))
                .count()
        };
        println!("{safe:?}: {passed} passed, {skipped} skipped");
        assert_eq!(
            (checked("electrode."), checked("detector.") >= 18, checked("laser.") >= 40),
            (11, true, true),
            "{}",
            report.text()
        );
    }
}
