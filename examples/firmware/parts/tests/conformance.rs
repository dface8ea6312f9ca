//! The models keep the promises of the contract.

mod support;

use disc_hal::conformance::{Limits, Quiet, run};
use disc_hal::hal::{Microwatts, Millivolts};

#[test]
fn the_station_keeps_every_promise() {
    let limits = Limits::new(Microwatts(20_000)).with_light().with_electrodes(Millivolts(5_010));
    let only = std::env::var("ONLY").unwrap_or_default();
    let report = run(&mut support::open(), Some(&support::medium()), &limits, |c| c.name.contains(&only), &mut Quiet);
    println!("{}", report.text());
    assert!(report.passed(), "{}", report.summary());
    // One layer, one source: whatever else is left out would be news.
    println!("{}", report.summary());
}
