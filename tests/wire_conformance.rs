//! The conformance suite judges a bench behind the protocol as it judges the bench itself.

use disc_hal::conformance::{self, Limits, Quiet};
use disc_hal::hal::{Microwatts, Rig};
use disc_hal::media::Medium;

use disc_hal::safety::Config;
use disc_hal::wire::{DeviceConfig, Loopback, OpenOptions, Remote};
use disc_hal_sim::SimRig;

#[test]
fn the_suite_finds_the_same_through_the_wire() {
    let medium = Medium::load("dual-layer").unwrap();
    let limits = Limits::new(Microwatts(30_000)).with_light();
    let judge = |rig: &mut dyn Rig| {
        let report = conformance::run(rig, Some(&medium), &limits, |_| true, &mut Quiet);
        println!("{}", report.summary());
        assert!(report.passed(), "{}", report.text());
        // Verdict and name; what was found on the way may differ in a count.
        let lines = report.text();
        lines.lines().map(|l| l.chars().take(52).collect()).collect::<Vec<String>>()
    };
    let direct = judge(&mut SimRig::blank(medium.clone(), 4).unwrap());
    let rig = SimRig::blank(medium.clone(), 4).unwrap();
    let config = DeviceConfig {
        identity: *rig.identity(),
        boot: 0,
        host_clock: true,
        safety: Config::default(),
        samples: u16::MAX,
    };
    let clock = rig.clock();
    let wired = judge(&mut Remote::open(Loopback::new(rig, config, clock), &OpenOptions::default()).unwrap());
    assert_eq!(direct, wired);
}
