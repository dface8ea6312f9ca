//! An electrode supply on the USB: the USBTMC driver on the kernel's own stack, against the
//! stateful instrument of its tests, whose commands a third-party parser understands.

#[path = "../../../../../drivers/scpi/tests/instrument/mod.rs"]
mod emulated;

use std::fs;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use disc_hal::hal::{
    Electrode, ElectrodeSupply as _, ErrorKind, Microamperes, Millivolts, MillivoltsPerSecond, Outputs,
};
use disc_hal::wire::usb::Speed;
use disc_hal_emulator::usbip;
use disc_hal_scpi::{Profiles, Resource, Supply, UDEV_RULE, Wiring, identify};
use nusb::MaybeFuture as _;

use self::emulated::{Broken, Dialect, Emulated, IDS, patient};
use crate::Case;
use crate::program::{Running, disc_hal, wait_for};

const FIRST: Electrode = Electrode(0);
const FAST: MillivoltsPerSecond = MillivoltsPerSecond(5_000);

/// Nobody, and the group of nobody.
const NOBODY: u32 = 65_534;

pub(super) fn cases() -> Vec<Case> {
    vec![
        ("an-instrument-is-identified-set-and-measured", Box::new(set_and_measured)),
        ("an-instrument-is-cleared-after-a-broken-transfer", Box::new(cleared)),
        ("an-instrument-is-unplugged-while-it-drives", Box::new(unplugged)),
        ("an-instrument-that-may-not-be-opened-has-a-rule", Box::new(forbidden)),
        ("an-instrument-keeps-the-promises-of-a-supply", Box::new(promises)),
    ]
}

fn is_listed() -> bool {
    let mut listed = nusb::list_devices().wait().expect("the USB devices");
    listed.any(|device| (device.vendor_id(), device.product_id()) == IDS)
}

/// The controller's end of a cable that has just been plugged in.
fn cable() -> std::os::unix::net::UnixStream {
    wait_for("the instrument before to be gone", || !is_listed());
    usbip::attach(Path::new(usbip::CONTROLLER), Speed::High).expect("a free port of the controller").0
}

fn plugged() -> Emulated {
    let at = Emulated::on_usb(Dialect::Rigol, cable());
    wait_for("the instrument to be listed", is_listed);
    at
}

fn opened(at: &Emulated, profiles: &Profiles) -> Supply {
    let wiring = Wiring::new(at.resource(), 1).limited_to(Microamperes(20_000));
    Supply::open(&[wiring], profiles).expect("the instrument")
}

/// One electrode at a voltage.
fn driven(at: &Emulated, profiles: &Profiles, millivolts: i32) -> Supply {
    let mut supply = opened(at, profiles);
    assert_eq!(supply.set(FIRST, Millivolts(millivolts), FAST), Ok(Millivolts(millivolts)));
    at.reaches(1, f64::from(millivolts) * 1e-3);
    assert!(at.is_on(1));
    supply
}

fn set_and_measured() {
    let at = plugged();
    let who = identify(&at.resource()).expect("an identity");
    assert_eq!((who.manufacturer.as_str(), who.model.as_str()), ("RIGOL TECHNOLOGIES", "DP832A"));
    // Without a serial number it is the only one of its kind, and by its VISA name the same.
    let (vid, pid) = IDS;
    for name in [format!("usb:{vid:04x}:{pid:04x}"), format!("USB0::0x{vid:04X}::0x{pid:04X}::TMC-1::INSTR")] {
        let named: Resource = name.parse().expect("a resource");
        assert_eq!(identify(&named).expect("an identity").text, who.text, "{name}");
    }
    let mut supply = driven(&at, &patient(), 1_200);
    let reading = supply.measure(FIRST).expect("a reading");
    assert!((1_195..=1_205).contains(&reading.voltage.0) && !reading.limiting, "{reading:?}");
    assert_eq!(supply.hiccups(), 0, "{:?}", at.heard());
    assert_eq!(at.port().clears(), (1, 1), "opening begins with a clear, and a sound link needs no other");
    // Held by one, it isn't for another.
    let error = identify(&at.resource()).expect_err("the interface has one user").to_string();
    assert!(error.contains("can't be claimed") && error.contains("close the program"), "{error}");

    at.psu().errors.push_back(scpi::error::ErrorCode::DataOutOfRange.into());
    let error = supply.measure(FIRST).expect_err("an entry of the error queue");
    assert_eq!((error.kind, error.code, error.outputs), (ErrorKind::OutOfRange, 222, Outputs::Off));
    assert!(!at.is_on(1));
    let full = supply.last_error().expect("the whole error").to_string();
    assert!(full.contains("-222") && full.contains("every output is off"), "{full}");
    supply.make_safe().expect("it to be safe");
    supply.set(FIRST, Millivolts(100), FAST).expect("it works again");
    drop(supply);
    assert!(!at.is_on(1), "dropping switches off");
}

fn cleared() {
    let at = plugged();
    let mut supply = driven(&at, &Profiles::built_in().expect("the profiles"), 500);
    for how in Broken::ALL {
        let (clears, before) = (at.port().clears().0, supply.hiccups());
        at.port().break_next(how);
        // The thread that measures in between may be the one who meets it.
        let start = Instant::now();
        while !at.port().has_broken() {
            let reading = supply.measure(FIRST).unwrap_or_else(|e| panic!("{how:?}: {e}: {:?}", supply.last_error()));
            assert!((490..=510).contains(&reading.voltage.0), "{how:?}: {reading:?}");
            assert!(start.elapsed().as_secs() < 60, "{how:?} isn't met");
        }
        let reading = supply.measure(FIRST).unwrap_or_else(|e| panic!("{how:?}: {e}: {:?}", supply.last_error()));
        assert!((490..=510).contains(&reading.voltage.0), "{how:?}: {reading:?}");
        // An answer in two transfers is a sound one.
        if how != Broken::Halves {
            assert!(at.port().clears().0 > clears && supply.hiccups() > before, "{how:?} was noticed");
        }
        assert!(at.is_on(1), "{how:?}: nothing was wrong with the output");
        println!("   {how:?}: {} clears, {} halts ended", at.port().clears().0, at.port().clears().1);
    }
    supply.make_safe().expect("it to be safe");
    assert!(!at.is_on(1));
}

fn unplugged() {
    let mut at = plugged();
    let mut supply = driven(&at, &patient(), 500);
    at.unplug();
    let start = Instant::now();
    let error = loop {
        match supply.measure(FIRST) {
            Ok(_) => assert!(start.elapsed().as_secs() < 60, "measured for a minute without a cable"),
            Err(error) => break error,
        }
    };
    // No instrument from the shelf watches its host: it drives on, and that is what is said.
    assert_eq!((error.kind, error.outputs), (ErrorKind::LinkLost, Outputs::Unknown), "{error}");
    assert!(at.is_on(1));
    let full = supply.last_error().expect("the whole error").to_string();
    println!("   {full}");
    assert!(full.contains("usb:1209:0005") && full.contains("may be on") && full.contains("by hand"), "{full}");
    assert_eq!(supply.make_safe().expect_err("nobody is there").outputs, Outputs::Unknown);
    // Plugged in again it is opened again, and switched off.
    at.plug(cable());
    wait_for("the instrument to be listed", is_listed);
    wait_for("the output to be off", || supply.make_safe().is_ok());
    assert!(!at.is_on(1));
    supply.set(FIRST, Millivolts(100), FAST).expect("it works again");
    assert!(supply.hiccups() > 0);
}

fn forbidden() {
    let at = plugged();
    let place = at.resource().to_string();
    let args = ["supply", "check", &place];
    let mut command = Command::new("disc-hal");
    command.args(args).uid(NOBODY).gid(NOBODY);
    Running::start_with(command, &args).end().expect(3, &["no permission", "udev print", UDEV_RULE]);
    assert_eq!(at.heard(), [] as [&str; 0], "nothing was said to it");
    let checked = disc_hal(&args);
    checked.expect(0, &[]);
    assert!(checked.out.contains("RIGOL TECHNOLOGIES,DP832A"), "{checked:?}");
}

/// The conformance suite's checks of electrode supplies, by the command.
fn promises() {
    let at = plugged();
    // This machine may be slow, and that is no fault of the link.
    let patient = include_str!("../../../../../drivers/scpi/profiles/rigol-dp800.toml")
        .replace("timeout-ms = 1500", "timeout-ms = 10000");
    fs::write("/tmp/patient.toml", patient).expect("a profile");
    let place = at.resource().to_string();
    let args = ["supply", "check", &place, "--profile", "/tmp/patient.toml", "--may-drive", "--max-voltage", "2V"];
    let checked = disc_hal(&args);
    println!("   {}", checked.out.lines().rfind(|line| line.contains("checks passed")).unwrap_or_default());
    // The ramp is the driver's own, by the wall clock: where it lags behind, the machine does.
    // (`drivers/scpi/tests/conformance.rs` asks for it where time is the real one.)
    let failed: Vec<_> = checked.out.lines().filter(|line| line.starts_with("FAIL  ")).collect();
    let late = failed.iter().all(|line| line.contains(" electrode.set.keeps_the_slew_rate "));
    assert!(late && matches!(checked.code, Some(0 | 1)), "{}\n{}", checked.out, checked.err);
    failed.iter().for_each(|line| println!("   {line}"));
    assert!(checked.out.matches("PASS  electrode.").count() + failed.len() >= 11, "{}", checked.out);
    assert!(!checked.out.contains("skip  electrode."), "{}", checked.out);
    let most = at.psu().outputs[0].most;
    assert!((0.5..2.0).contains(&most) && !at.is_on(1), "{most} V");
}
