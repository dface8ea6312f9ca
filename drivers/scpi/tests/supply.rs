//! A supply on the test instrument, in all dialects: what is set is what is there.

mod instrument;

use core::time::Duration;
use std::thread::sleep;

use disc_hal::hal::{Electrode, ElectrodeSupply as _, Microamperes, Millivolts, MillivoltsPerSecond};
use disc_hal_scpi::{Profiles, Resource, Supply, Wiring};
use instrument::{Dialect, Emulated};

const FIRST: Electrode = Electrode(0);
const FAST: MillivoltsPerSecond = MillivoltsPerSecond(5_000);

fn wired(resource: Resource, channel: u8) -> Wiring {
    Wiring::new(resource, channel).limited_to(Microamperes(20_000))
}

fn opened(at: &Emulated) -> Supply {
    Supply::open(&[wired(at.resource(), 1)], &Profiles::built_in().unwrap()).unwrap()
}

#[test]
fn what_is_set_is_what_is_there() {
    for dialect in Dialect::ALL {
        let at = Emulated::on_socket(dialect);
        let mut supply = opened(&at);
        assert!(!supply.spec().keeps_lease, "no instrument from the shelf does");
        assert!(!at.is_on(1), "opening drives nothing");
        assert_eq!(supply.set(FIRST, Millivolts(1_200), FAST), Ok(Millivolts(1_200)), "{dialect:?}");
        sleep(Duration::from_millis(700));
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
