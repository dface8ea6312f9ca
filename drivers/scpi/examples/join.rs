//! Joins a part of another vendor to a bench: the optics are simulated, the electrode
//! supply is a pair of SCPI instruments.
//!
//! ```sh
//! cargo run -p disc-hal-scpi --example join                        # without hardware
//! cargo run -p disc-hal-scpi --example join -- tcp:192.168.1.5     # with it: drives 1 V!
//! ```

#[path = "../tests/instrument/mod.rs"]
mod instrument;

use core::error::Error;
use core::time::Duration;
use std::thread::sleep;

use disc_hal::hal::{
    Electrode, ElectrodeSupply as _, Microamperes, Microwatts, Millivolts, MillivoltsPerSecond, Rig as _, Source,
};
use disc_hal::media::Medium;
use disc_hal_scpi::{Profiles, Resource, Supply, Wiring};
use disc_hal_sim::SimRig;
use instrument::{Dialect, Emulated};

fn main() -> Result<(), Box<dyn Error>> {
    let named: Vec<Resource> = std::env::args().skip(1).map(|text| text.parse()).collect::<Result<_, _>>()?;
    // For want of instruments, two that are emulated: a source-measure unit and a supply.
    let emulated = [Emulated::on_socket(Dialect::Keithley), Emulated::on_socket(Dialect::Rigol)];
    let places = if named.is_empty() { emulated.iter().map(Emulated::resource).collect() } else { named };

    let wired = |place: &Resource| {
        Wiring::new(place.clone(), 1).within(Millivolts(0), Millivolts(1_500)).limited_to(Microamperes(20_000))
    };
    let wirings: Vec<Wiring> = places.iter().map(wired).collect();
    let mut supply = Supply::open(&wirings, &Profiles::built_in()?)?;
    for info in supply.instruments() {
        println!("{}: {} ({})", info.resource, info.idn, info.profile);
    }
    let electrodes = supply.spec().electrodes.len();

    let mut rig = SimRig::blank(Medium::load("dual-layer")?, 1)?;
    let mut bench = rig.bench();
    bench.electrodes = Some(&mut supply);

    // From here on, a bench like any other: light and voltage side by side.
    let power = bench.lasers.set_power(Source(0), Microwatts(700))?;
    println!("read light {power}");
    if let Some(electrodes_of_bench) = &mut bench.electrodes {
        for i in 0..electrodes {
            electrodes_of_bench.set(Electrode(i as u8), Millivolts(1_000), MillivoltsPerSecond(2_000))?;
        }
        // The instruments' time is the real one, whatever the bench's delay says.
        sleep(Duration::from_millis(1_500));
        for i in 0..electrodes {
            let reading = electrodes_of_bench.measure(Electrode(i as u8))?;
            println!("electrode {i}: {}, {}, {} so far", reading.voltage, reading.current, reading.charge);
        }
        electrodes_of_bench.make_safe()?;
    }
    bench.lasers.off()?;

    let after = supply.read(Electrode(0))?;
    println!(
        "off: {}; charge {:.0} uC, known to {:.0} uC from {} measurements at {:.1} Hz",
        !after.on,
        after.charge.value,
        after.charge.uncertainty,
        after.charge.samples,
        after.charge.rate()
    );
    Ok(())
}
