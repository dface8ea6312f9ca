//! The models keep the promises of the contract.

mod support;

use disc_hal::conformance::{Limits, Quiet, Verdict, run};
use disc_hal::hal::{Microwatts, Millivolts};
use disc_hal::media::Medium;

/// Checks that need what the models haven't: a second layer and a jump to it, and more
/// sources than may be lit at once.
const LEFT_OUT: [&str; 3] =
    ["focus.jump.refuses_when_open", "focus.jump.reaches_the_other_layer", "laser.set_power.refuses_above_total"];

#[test]
fn the_station_keeps_every_promise() {
    let medium = Medium::load(concat!(env!("CARGO_MANIFEST_DIR"), "/../slow.toml")).unwrap();
    let limits = Limits::new(Microwatts(20_000)).with_light().with_electrodes(Millivolts(5_010));
    let only = std::env::var("ONLY").unwrap_or_default();
    let report = run(&mut support::open(), Some(&medium), &limits, |c| c.name.contains(&only), &mut Quiet);
    println!("{}", report.text());
    assert!(report.passed(), "{}", report.summary());
    let skipped = report.results.iter().filter(|r| matches!(r.verdict, Verdict::Skip { .. }));
    let skipped: Vec<&str> = skipped.map(|r| r.name).collect();
    let expected: Vec<&str> = LEFT_OUT.into_iter().filter(|name| name.contains(&only)).collect();
    assert_eq!(skipped, expected, "{}", report.summary());
}
