//! Whole commands on the bench outside.

use std::fs;
use std::time::Instant;

use disc_hal::safety::Inputs;
use disc_hal::wire::usb::Speed;
use disc_hal_usb::{Probe, Selector, UsbPipe, probe};

use super::{HOLD, SELECTOR, SERIAL, Scene};
use crate::outside::nothing_twice;
use crate::program::{PATIENCE, disc_hal};
use crate::{promises, serial};

pub(super) fn alarm(scene: &mut Scene) {
    scene.tester.for_usb("wall", HOLD);
    let plugged = scene.plug(Speed::High);
    let pipe = UsbPipe::open(&Selector::Serial(SERIAL.into())).expect("the bench");
    let alarms = pipe.alarms().expect("an interrupt endpoint");
    for state in ["open", "closed"] {
        scene.tester.interlock(state);
        let start = Instant::now();
        loop {
            let news = alarms.next(PATIENCE).expect("the link").expect("an alarm within its time");
            // What was before the change may come first.
            if news.inputs.contains(Inputs::INTERLOCK_OPEN) == (state == "open") {
                break;
            }
            assert!(start.elapsed() < PATIENCE, "only {news:?}");
        }
    }
    drop(pipe);
    scene.unplug(plugged);
}

pub(super) fn record(scene: &mut Scene, speed: Speed) {
    scene.tester.for_usb("host", HOLD);
    let plugged = scene.plug(speed);
    serial::records_and_reads(SELECTOR);
    nothing_twice(scene.tester.fired());
    scene.unplug(plugged);
}

pub(super) fn conformance(scene: &mut Scene, speed: Speed) {
    scene.tester.for_usb("host", HOLD);
    let plugged = scene.plug(speed);
    promises::kept("usb", "USB in the virtual machine", SELECTOR, &[]);
    scene.unplug(plugged);
}

pub(super) fn replugged(scene: &mut Scene) {
    scene.tester.for_usb("host", HOLD);
    for round in 0..10 {
        let speed = Speed::ALL[round % 3];
        let plugged = scene.plug(speed);
        let who = probe(&Selector::Serial(SERIAL.into()), PATIENCE);
        assert!(matches!(who, Ok(Probe::Bench(_))), "round {round}, {speed:?}: {who:?}");
        scene.unplug(plugged);
    }
    let ports = fs::read_to_string(format!("{}/status", disc_hal_emulator::usbip::CONTROLLER)).expect("the ports");
    assert!(ports.lines().skip(1).all(|line| line.contains(" 004 ")), "{ports}");
    disc_hal(&["info", "--bench", SELECTOR]).expect(3, &["no USB bench with the serial number"]);
}
