//! What is there, who may open it, and who has it: emulated benches of the command's own.

use std::os::unix::process::CommandExt as _;
use std::process::Command;

use disc_hal_usb::{Selector, UsbPipe};

use super::gone;
use crate::program::{Running, disc_hal, wait_for};

/// An emulated bench on this machine, by the command.
fn emulated(count: usize, more: &[&str]) -> Running {
    if count == 1 {
        gone();
    }
    let args = [&["emulate", "--usbip", "--attach", "--quiet"], more].concat();
    let running = Running::start(&args);
    wait_for("the emulated bench", || disc_hal_usb::candidates().candidates.len() == count);
    running
}

pub(super) fn named() {
    let benches = [
        emulated(1, &["--usb-serial", "DH-1"]),
        emulated(2, &["--usb-serial", "TWIN", "--speed", "super"]),
        emulated(3, &["--usb-serial", "TWIN", "--speed", "full"]),
        emulated(4, &["--usb-flaw", "no-serial"]),
    ];
    let list = disc_hal(&["benches", "--probe", "--require", "5"]);
    list.expect(0, &[]);
    let usb: Vec<&str> = list.out.lines().filter(|line| line.starts_with("usb:")).collect();
    assert_eq!(usb.len(), 4, "{}", list.out);
    for line in &usb {
        assert!(line.contains("simulated bench (serial SIM-"), "{line}");
    }
    let named = usb.iter().filter(|line| line.starts_with("usb:DH-1 ")).count();
    let by_port = usb.iter().filter(|line| line.starts_with("usb:@")).count();
    assert_eq!((named, by_port), (1, 3), "{usb:#?}");
    for speed in ["high", "super", "full"] {
        assert!(usb.iter().any(|line| line.contains(&format!("{speed} speed"))), "no {speed} in {usb:#?}");
    }
    // Named by what is not unique, they are told apart by their ports.
    disc_hal(&["info", "--bench", "usb:TWIN"]).expect(3, &["2 USB benches", "name one of usb:@"]);
    disc_hal(&["info", "--bench", "usb:"]).expect(3, &["4 USB benches", "usb:DH-1"]);
    disc_hal(&["info", "--bench", "usb:DH-2"]).expect(3, &["no USB bench with the serial number DH-2", "usb:DH-1"]);
    drop(benches);
    gone();
    disc_hal(&["info", "--bench", "usb:DH-1"])
        .expect(3, &["no USB bench with the serial number DH-1", "none is there"]);
}

pub(super) fn busy() {
    let bench = emulated(1, &["--usb-serial", "DH-1"]);
    let held = UsbPipe::open(&Selector::Only).expect("a bench that is free");
    let holder = format!("process {}, disc-hal-vm-gue", std::process::id());
    disc_hal(&["info", "--bench", "usb:DH-1"]).expect(3, &["in use by another program", &holder]);
    let list = disc_hal(&["benches", "--probe"]);
    assert!(list.out.contains(&holder), "{}", list.out);
    drop(held);
    let list = disc_hal(&["benches", "--probe"]);
    assert!(list.out.contains("simulated bench (serial SIM-") && !list.out.contains(&holder), "{}", list.out);
    drop(bench);
    gone();
}

/// Nobody, and the group of nobody.
const NOBODY: u32 = 65_534;

pub(super) fn forbidden() {
    let bench = emulated(1, &["--usb-serial", "DH-1"]);
    let as_nobody = |args: &[&str]| {
        let mut command = Command::new("disc-hal");
        command.args(args).uid(NOBODY).gid(NOBODY);
        Running::start_with(command, args).end()
    };
    as_nobody(&["info", "--bench", "usb:DH-1"]).expect(3, &["permission denied", "/dev/bus/usb/", "udev print"]);
    let checked = as_nobody(&["udev", "check"]);
    assert_eq!(checked.code, Some(3), "{checked:?}");
    assert!(checked.out.contains("usb:DH-1"), "{checked:?}");
    let checked = disc_hal(&["udev", "check"]);
    assert_eq!(checked.code, Some(0), "{checked:?}");
    drop(bench);
    gone();
}
