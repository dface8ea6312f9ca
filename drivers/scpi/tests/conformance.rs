//! The conformance suite's checks of electrode supplies, on instruments of all dialects
//! and links: the contract's own judgement of this driver.

mod instrument;

use core::time::Duration;
use std::io;
use std::thread::sleep;

use disc_hal::conformance::{Limits, Quiet, Report, run};
use disc_hal::hal::{Bench, Identity, Microamperes, Microwatts, Millivolts, MillivoltsPerSecond, OffHandle, Rig};
use disc_hal::media::Medium;
use disc_hal_scpi::{Profiles, Supply, Wiring};
use disc_hal_sim::SimRig;
use embedded_hal::delay::DelayNs;
use instrument::{Dialect, Emulated, patient, patient_one};

/// The instrument's time is the real one.
struct Wall;

impl DelayNs for Wall {
    fn delay_ns(&mut self, ns: u32) {
        sleep(Duration::from_nanos(ns.into()));
    }
}

/// The simulated bench, with a supply that isn't.
struct WithSupply {
    rig: SimRig,
    supply: Supply,
    delay: Wall,
}

impl Rig for WithSupply {
    fn identity(&self) -> &Identity {
        self.rig.identity()
    }

    fn bench(&mut self) -> Bench<'_> {
        let mut bench = self.rig.bench().with_electrodes(&mut self.supply);
        bench.delay = &mut self.delay;
        bench
    }

    fn off_handle(&self) -> OffHandle {
        self.supply.off_handle()
    }

    fn close(&mut self) -> io::Result<()> {
        self.rig.close()
    }
}

fn judge(at: &Emulated, profiles: &Profiles) -> Report {
    let wiring = Wiring::new(at.resource(), 1)
        .within(Millivolts(0), Millivolts(1_500))
        .limited_to(Microamperes(20_000))
        .no_faster_than(MillivoltsPerSecond(1_000));
    let supply = Supply::open(&[wiring], profiles).unwrap();
    let rig = SimRig::blank(Medium::load("dual-layer").unwrap(), 1).unwrap();
    let mut rig = WithSupply { rig, supply, delay: Wall };
    let limits = Limits::new(Microwatts(0)).with_electrodes(Millivolts(2_000)).without_lease();
    let report = run(&mut rig, None, &limits, |c| c.name.starts_with("electrode."), &mut Quiet);
    assert_eq!(rig.supply.hiccups(), 0, "{:?}", at.heard());
    report
}

fn all_pass(at: &Emulated, profiles: &Profiles) {
    let report = judge(at, profiles);
    let (passed, failed, skipped) = report.counts();
    assert!(failed == 0 && skipped == 0 && passed >= 11, "{}", report.text());
    assert!(report.not_given.iter().any(|text| text.contains("lease")), "{}", report.text());
    assert!(!at.is_on(1));
}

#[test]
fn a_keithley_on_a_socket() {
    all_pass(&Emulated::on_socket(Dialect::Keithley), &patient());
}

#[test]
fn a_rigol_on_a_socket() {
    all_pass(&Emulated::on_socket(Dialect::Rigol), &patient());
}

#[test]
#[cfg(unix)]
fn a_keysight_on_a_serial_line() {
    all_pass(&Emulated::on_serial(Dialect::Keysight), &patient());
}

/// A profile of one's own, for an instrument that ramps by itself.
#[test]
fn an_instrument_that_ramps_by_itself() {
    let text = include_str!("../profiles/keysight-e36300.toml")
        .replace("name = \"keysight-e36300\"", "name = \"ramps\"")
        .replace("error = \"SYST:ERR?\"", "error = \"SYST:ERR?\"\nslew = \"VOLT:SLEW {slew},(@{channel})\"");
    let own = patient_one(&text);
    let at = Emulated::on_socket(Dialect::Keysight);
    all_pass(&at, &patient().with(own));
    assert!(at.heard().iter().any(|line| line.starts_with("VOLT:SLEW 0.250,(@1)")), "{:?}", at.heard());
}

/// A profile of one's own, for an instrument whose commands mean the selected channel.
#[test]
fn an_instrument_that_selects_its_channels() {
    let text = include_str!("../profiles/rigol-dp800.toml")
        .replace("name = \"rigol-dp800\"", "name = \"selects\"")
        .replace(":SOUR{channel}:", ":")
        .replace(" CH{channel},", " ")
        .replace(" CH{channel}", "")
        .replace("setup = [", "select = \":INST:NSEL {channel}\"\nsetup = [");
    let own = patient_one(&text);
    let at = Emulated::on_socket(Dialect::Rigol);
    at.psu().selected = 2;
    all_pass(&at, &patient().with(own));
    assert!(!at.heard().iter().any(|line| line.contains("CH1") || line.contains("SOUR1")));
}
