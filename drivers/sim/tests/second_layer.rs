//! The second layer under a recorded first one: how far the power is off, and that it is put
//! right.

mod support;

use disc_hal::hal::{Address, Microwatts, Rig};
use disc_hal::media::Medium;
use disc_hal::record::{Above, Job, Options, Session, Silent, record};
use disc_hal_sim::SimRig;
use disc_hal_sim::dual_layer::DualLayer;
use support::noise;

/// ECC blocks on the first layer: 96 turns, of which the light passes 65.
const FRONT: u32 = 160;

/// The sector of the second layer that lies over one of the first, down to a block's start.
fn over(sector: u32) -> Address {
    Address((0xFF_FFFF - sector) & !15)
}

#[test]
fn a_recorded_first_layer_takes_power_from_the_second_and_the_measured_light_says_how_much() {
    let medium = Medium::load("dual-layer").unwrap();
    let (front, data) = (noise(FRONT * 32_768 - 64), noise(7 * 32_768));
    let mut rig = SimRig::blank(medium.clone(), 6).unwrap();
    // Given in the wrong order: the second layer first.
    let middle = over(0x3_0000 + (FRONT / 2 + 4) * 16);
    let jobs = [
        Job { name: "second", data: &data, layer: 1, address: Some(middle) },
        Job { name: "first", data: &front, layer: 0, address: None },
    ];
    let result = record(rig.bench(), &medium, &jobs, Options::default(), &mut Silent).unwrap();
    let names: Vec<_> = result.layers.iter().map(|l| l.name.as_str()).collect();
    assert_eq!(names, ["first", "second"]);
    assert!(result.layers[0].above.is_none());
    let second = &result.layers[1];
    let above = second.above.as_ref().unwrap();
    println!("{above:?}");
    assert_eq!(above.parts.iter().map(|p| p.above).collect::<Vec<_>>(), [Above::Recorded]);
    // The films say the same: marks take half of a recorded track's groove.
    let optics = DualLayer::of(&medium).unwrap().optics().unwrap();
    let films = optics.l0_transmittance_recorded(0.5) / optics.l0_transmittance;
    let measured = above.parts[0].transmission.unwrap();
    let error = 100.0 * (films - 1.0);
    println!("light through a recorded layer 0: {measured:.4} of that through a blank one, {films:.4} by the films");
    assert!((measured - films).abs() < 0.004, "{measured} {films}");
    let used = f64::from(above.power_uw) / f64::from(above.calibrated_uw);
    assert!((used * measured - 1.0).abs() < 2e-3, "{used}");
    assert!(second.passed(), "{:?}", second.verdicts);
    // With the power of the calibration, beside it: beta is off by what so much power makes.
    let fit = &second.calibration.fit;
    let calibrated = f64::from(above.calibrated_uw);
    let expected = fit.at(calibrated * films) - fit.at(calibrated);
    let mut silent = Silent;
    let mut session = Session::open(rig.bench(), &medium, Options::default(), &mut silent).unwrap();
    let strategy = medium.layers[1].write.strategy.with_peak(Microwatts(above.calibrated_uw));
    let beside = Address(second.first + second.sectors + 32);
    let place = session.write_file(1, Some(beside), &data, 8, &strategy).unwrap();
    let beta =
        |session: &mut Session<'_>, first: u32| session.measure(Address(first + 40), 48).unwrap().levels.beta.unwrap();
    let uncorrected = beta(&mut session, place.first.0);
    let corrected = beta(&mut session, second.first);
    println!(
        "uncorrected, the power is {error:+.1} % off: beta {uncorrected:+.4} (expected {expected:+.4}); corrected {corrected:+.4}"
    );
    assert!(error.abs() > 1.5, "{error}");
    assert!((uncorrected - expected).abs() < 0.01, "{uncorrected} {expected}");
    assert!(corrected.abs() < 0.01 && uncorrected.abs() > 2.0 * corrected.abs(), "{corrected} {uncorrected}");
}

#[test]
fn under_a_blank_first_layer_the_calibrated_power_is_right() {
    let medium = Medium::load("dual-layer").unwrap();
    let data = noise(30_000);
    let mut rig = SimRig::blank(medium.clone(), 6).unwrap();
    let jobs = [0, 1].map(|layer| Job { name: "x", data: &data, layer, address: None });
    let result = record(rig.bench(), &medium, &jobs, Options::default(), &mut Silent).unwrap();
    let above = result.layers[1].above.as_ref().unwrap();
    assert_eq!((above.power_uw, above.parts.len()), (above.calibrated_uw, 1));
    assert_eq!((above.parts[0].above, above.parts[0].transmission), (Above::Blank, None));
}
