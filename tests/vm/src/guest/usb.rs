//! A tester on USB: the kernel's virtual host controller (`vhci-hcd`) has the device, and
//! its transfers go to the tester outside, or to an emulated one in the machine.

mod discovery;
mod hostile;
mod instrument;
mod recording;
mod rejoined;
mod throughput;
mod unplugs;

use core::cell::RefCell;
use core::time::Duration;
use std::fs;
use std::path::Path;
use std::rc::Rc;

use disc_hal::wire::usb::Speed;
use disc_hal_emulator::usbip::{self, Flaw};

use crate::Case;
use crate::outside::{Tester, port};
use crate::program::wait_for;
use crate::relay::Relay;

/// The serial number of the bench outside.
const SERIAL: &str = "VM-0001";
const SELECTOR: &str = "usb:VM-0001";

struct Scene {
    tester: Tester,
    /// A bit of what the tester says is turned over on the way.
    flipping: bool,
}

/// The bench outside, plugged into this machine.
struct Plugged {
    /// The controller's port.
    port: u32,
    _relay: Relay,
}

impl Scene {
    fn plug(&mut self, speed: Speed) -> Plugged {
        self.plug_with(speed, None)
    }

    fn plug_with(&mut self, speed: Speed, flaw: Option<Flaw>) -> Plugged {
        self.tester.attach(speed, SERIAL, flaw);
        let controller = Path::new(usbip::CONTROLLER);
        let (ours, number) = usbip::attach(controller, speed).expect("a free port of the controller");
        let relay = Relay::tie(ours, &port("usb"), self.flipping);
        wait_for("the device to be listed", || {
            disc_hal_usb::candidates().candidates.iter().any(|found| found.serial.as_deref() == Some(SERIAL))
        });
        Plugged { port: number, _relay: relay }
    }

    /// Pulls the cable at the bench.
    fn unplug(&mut self, plugged: Plugged) {
        self.tester.unplug();
        drop(plugged);
        gone();
    }
}

impl Plugged {
    /// Lets go of the device on the host's side. The bench hears nothing any more, and
    /// isn't told.
    fn detach(&self) {
        fs::write(format!("{}/detach", usbip::CONTROLLER), self.port.to_string()).expect("to detach it");
    }
}

fn gone() {
    wait_for("the device to be gone", || disc_hal_usb::candidates().candidates.is_empty());
}

/// A hold lease that makes nobody wait.
const HOLD: Duration = Duration::from_millis(400);

pub(crate) fn cases() -> Vec<Case> {
    let scene = Rc::new(RefCell::new(Scene { tester: Tester::new(), flipping: false }));
    let case = |name, run: fn(&mut Scene)| -> Case {
        let scene = Rc::clone(&scene);
        (name, Box::new(move || run(&mut scene.borrow_mut())))
    };
    let mut cases = vec![
        case("unplugged-while-shots-are-under-way", unplugs::many),
        case("benches-are-told-from-each-other", |_| discovery::named()),
        case("attached-over-tcp", |_| discovery::imported()),
        case("a-bench-has-one-user-who-is-named", |_| discovery::busy()),
        case("another-user-is-told-what-is-missing", |_| discovery::forbidden()),
        case("no-device-hangs-the-host", |_| hostile::every_flaw()),
        case("an-alarm-comes-by-itself", recording::alarm),
        case("records-and-reads-back-at-high-speed", |s| recording::record(s, Speed::High)),
        case("records-and-reads-back-at-super-speed", |s| recording::record(s, Speed::Super)),
        case("plugged-in-ten-times", recording::replugged),
        case("carries-bytes-beside-a-bare-loop", throughput::compared),
        case("carries-every-byte-of-a-flood", throughput::captured),
        case("keeps-the-promises-at-high-speed", |s| recording::conformance(s, Speed::High)),
    ];
    cases.extend(instrument::cases());
    cases
}

/// The runner on trial, on a link that turns over one bit: it has to find this to have failed.
pub(crate) fn control() -> Vec<Case> {
    let corrupted = || {
        let mut scene = Scene { tester: Tester::new(), flipping: true };
        throughput::captured(&mut scene);
    };
    vec![("what-passes", Box::new(|| ())), ("one-bit-turned-over", Box::new(corrupted))]
}
