//! Devices that are wrong. The kernel may refuse them; what it lets through has to be met
//! with a message.

use core::time::Duration;
use std::fs;
use std::panic::catch_unwind;
use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::Instant;

use disc_hal::media::Medium;
use disc_hal::safety::Config;
use disc_hal::wire::usb::Speed;
use disc_hal_emulator::usbip::{CONTROLLER, Detached, DeviceOptions, Flaw, Unplug, attach, serve_stream};
use disc_hal_emulator::{Clock, Emulator};
use disc_hal_sim::SimRig;
use disc_hal_usb::{Access, Selector, candidates, probe};

use crate::program::wait_for;

/// Ours, and the kernel's own patience with a device that doesn't answer.
const LIMIT: Duration = Duration::from_secs(90);

/// What is said of a device with this flaw.
fn expected(flaw: Flaw) -> &'static str {
    match flaw {
        Flaw::ZeroLength | Flaw::TotalTooLong | Flaw::TotalTooShort | Flaw::EndpointTooLong => {
            "can't be used: its descriptors can't be read"
        }
        Flaw::NoBulkOut => "has no bulk OUT endpoint",
        // Without packets it is none.
        Flaw::NoBulkIn | Flaw::NoPacketSize => "has no bulk IN endpoint",
        Flaw::ForeignInterfaceString => "listed by the kernel, and no bench",
        Flaw::Mute => "nothing answers",
        Flaw::Flood => "bytes came, but never a whole frame",
        // It works all the same.
        _ => "simulated bench (serial SIM-",
    }
}

pub(super) fn every_flaw() {
    // One bench with all of them: it takes seconds to be made.
    let rig = SimRig::blank(Medium::load("dual-layer").expect("the medium"), 1).expect("a bench");
    let now = rig.clock();
    let emulator = Arc::new(Emulator::new(rig, now, 1, Clock::Host, Config::default(), |_| ()));
    let mut seen = 0;
    for &flaw in Flaw::ALL {
        for speed in [Speed::High, Speed::Super] {
            let start = Instant::now();
            let (stream, _port) = attach(Path::new(CONTROLLER), speed).expect("a free port");
            let cable = Unplug::default();
            let serving = {
                let (emulator, cable, options) =
                    (Arc::clone(&emulator), cable.clone(), DeviceOptions::new(speed).with_flaw(flaw));
                thread::spawn(move || serve_stream(&emulator, stream, &options, &cable))
            };
            // The kernel's own patience with a device ends after some seconds.
            let patience = Duration::from_secs(20);
            while !is_configured() && start.elapsed() < patience {
                thread::sleep(Duration::from_millis(10));
            }
            // The names of interfaces come a little later.
            thread::sleep(Duration::from_millis(100));
            let found = catch_unwind(candidates).unwrap_or_else(|_| panic!("{flaw}: discovery panics"));
            let said = match found.candidates.as_slice() {
                [] if is_configured() => "listed by the kernel, and no bench".to_owned(),
                [] => "refused by the kernel".to_owned(),
                [one] if one.access == Access::Ok => {
                    seen += 1;
                    let asked = catch_unwind(|| probe(&Selector::Only, Duration::from_secs(10)));
                    match asked.unwrap_or_else(|_| panic!("{flaw}: opening panics")) {
                        Ok(who) => who.to_string(),
                        Err(error) => error.to_string(),
                    }
                }
                [one] => one.access.to_string(),
                more => panic!("{flaw}: listed {} times", more.len()),
            };
            assert!(said.contains(expected(flaw)), "{flaw} at {speed:?}: no `{}` in: {said}", expected(flaw));
            assert!(start.elapsed() < LIMIT, "{flaw}: took {:?}", start.elapsed());
            println!("   {:24} {speed:?}: {}", flaw.name(), said.lines().next().unwrap_or_default());
            while !serving.is_finished() {
                cable.pull();
                thread::sleep(Duration::from_millis(2));
            }
            let served = serving.join().unwrap_or_else(|_| panic!("{flaw}: the emulated device panics"));
            assert!(matches!(served, Ok(Detached::Gone(_))), "{flaw}: {served:?}");
            wait_for("the kernel to forget it", || !is_there());
        }
    }
    // Some flaws leave a bench that works: with none at all, nothing has been tried.
    assert!(seen > 10, "only {seen} of them were let through by the kernel");
}

/// Devices behind the kernel's hubs, and their interfaces.
fn devices() -> impl Iterator<Item = String> {
    let devices = fs::read_dir("/sys/bus/usb/devices").into_iter().flatten().flatten();
    let names = devices.map(|device| device.file_name().to_string_lossy().into_owned());
    names.filter(|name| !name.starts_with("usb") && !name.contains("-0:"))
}

fn is_there() -> bool {
    devices().next().is_some()
}

/// Whether the kernel has found an interface in it.
fn is_configured() -> bool {
    devices().any(|name| name.contains(':'))
}
