//! A supply on the test instrument, in all dialects: what is set is what is there.

mod instrument;

use core::time::Duration;
use std::thread::sleep;
use std::time::Instant;

use disc_hal::hal::{Electrode, ElectrodeSupply as _, Microamperes, Millivolts, MillivoltsPerSecond};
use disc_hal_scpi::{Resource, Supply, Wiring};
use instrument::{Dialect, Emulated, patient, until};

const FIRST: Electrode = Electrode(0);
const FAST: MillivoltsPerSecond = MillivoltsPerSecond(5_000);

fn wired(resource: Resource, channel: u8) -> Wiring {
    Wiring::new(resource, channel).limited_to(Microamperes(20_000))
}

fn opened(at: &Emulated) -> Supply {
    Supply::open(&[wired(at.resource(), 1)], &patient()).unwrap()
}

#[test]
fn what_is_set_is_what_is_there() {
    for dialect in Dialect::ALL {
        let at = Emulated::on_socket(dialect);
        let mut supply = opened(&at);
        assert!(!supply.spec().keeps_lease, "no instrument from the shelf does");
        assert!(!at.is_on(1), "opening drives nothing");
        assert_eq!(supply.set(FIRST, Millivolts(1_200), FAST), Ok(Millivolts(1_200)), "{dialect:?}");
        at.reaches(1, 1.2);
        let reading = supply.measure(FIRST).unwrap();
        assert!((1_195..=1_205).contains(&reading.voltage.0) && !reading.limiting, "{dialect:?}: {reading:?}");
        assert!(at.is_on(1));
        supply.make_safe().unwrap();
        assert!(!at.is_on(1));
        let safe = supply.measure(FIRST).unwrap();
        assert_eq!((safe.voltage, safe.current), (Millivolts(0), Microamperes(0)), "{dialect:?}");
        assert_eq!(supply.hiccups(), 0, "{dialect:?}: {:?}", at.heard());
        let whole: Vec<_> = at.psu().errors.iter().copied().collect();
        assert!(whole.is_empty(), "the instrument had nothing to complain of: {whole:?}");
    }
}

/// Against the charge that has really flowed, which the instrument knows.
#[test]
fn the_charge_is_the_true_one_within_its_uncertainty() {
    for dialect in Dialect::ALL {
        let at = Emulated::on_socket(dialect);
        let mut supply = opened(&at);
        supply.set(FIRST, Millivolts(1_000), MillivoltsPerSecond(2_000)).unwrap();
        let mut compared = || {
            let begin = Instant::now();
            let reading = supply.read(FIRST).unwrap();
            let truth = at.psu().outputs[0].coulombs * 1e6;
            let charge = reading.charge;
            let off = (charge.value - truth).abs();
            // What flows between the last measurement and this look at the truth comes on top.
            let since = reading.amperes.abs() * 1e6 * begin.elapsed().as_secs_f64();
            assert!(off <= charge.uncertainty + since + 2.0, "{dialect:?}: {charge:?}, {truth} uC");
            (charge, truth)
        };
        let end = Instant::now() + Duration::from_secs(20);
        let (charge, truth) = loop {
            sleep(Duration::from_millis(500));
            let (charge, truth) = compared();
            if truth > 200.0 && charge.samples >= 5 {
                break (charge, truth);
            }
            assert!(Instant::now() < end, "{dialect:?}: {charge:?}, {truth} uC");
        };
        println!("{dialect:?}: {:.1} measurements a second, {:.0} uC", charge.rate(), charge.value);
        // It begins anew when the output is switched on again: of no more time than since then.
        supply.make_safe().unwrap();
        let begin = Instant::now();
        supply.set(FIRST, Millivolts(0), FAST).unwrap();
        let anew = supply.read(FIRST).unwrap().charge;
        assert!(anew.time <= begin.elapsed() && anew.value < truth / 2.0, "{dialect:?}: {anew:?}");
    }
}

/// A capacitor fed by a limited current: the limit is the instrument's, the ramp's end isn't
/// reached, and `limiting` says so.
#[test]
fn compliance_limits_and_is_told() {
    for dialect in Dialect::ALL {
        let at = Emulated::on_socket(dialect);
        // For a minute, too large to come near the voltage.
        at.psu().outputs[0].farads = 0.5;
        let wiring = Wiring::new(at.resource(), 1).limited_to(Microamperes(1_000));
        let mut supply = Supply::open(&[wiring], &patient()).unwrap();
        supply.set(FIRST, Millivolts(1_500), FAST).unwrap();
        until("the limit", || at.psu().outputs[0].limiting);
        let reading = supply.measure(FIRST).unwrap();
        assert!(reading.limiting && reading.voltage.0 < 500, "{dialect:?}: {reading:?}");
        assert!((950..=1_050).contains(&reading.current.0), "{dialect:?}: {reading:?}");
    }
}

/// Below zero where the output sinks; the way there isn't left by more than a step.
#[test]
fn a_source_measure_unit_goes_below_zero() {
    let at = Emulated::on_socket(Dialect::Keithley);
    let mut supply = opened(&at);
    supply.set(FIRST, Millivolts(-800), FAST).unwrap();
    at.reaches(1, -0.8);
    let reading = supply.measure(FIRST).unwrap();
    assert!((-805..=-795).contains(&reading.voltage.0) && reading.current.0 <= 0, "{reading:?}");
    let most = at.psu().outputs[0].most;
    assert!((-0.8005..0.0).contains(&most), "{most} V");
}
