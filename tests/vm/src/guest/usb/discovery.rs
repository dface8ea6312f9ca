//! What is there, who may open it, and who has it: emulated benches of the command's own.

use core::time::Duration;
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::os::fd::AsRawFd as _;
use std::os::unix::process::CommandExt as _;
use std::process::Command;
use std::thread::sleep;
use std::time::Instant;

use disc_hal_emulator::usbip::{BUS_ID, CONTROLLER, PORT};
use disc_hal_usb::{Selector, UsbPipe};

use super::gone;
use crate::program::{Ended, PATIENCE, Running, disc_hal, wait_for};

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

/// The list of benches, once `count` of them have said who they are: each is given 1.5 s,
/// which a machine that stands still lets pass.
fn answered(count: usize) -> Ended {
    let start = Instant::now();
    loop {
        let list = disc_hal(&["benches", "--probe"]);
        list.expect(0, &[]);
        let answers =
            list.out.lines().filter(|line| line.starts_with("usb:") && line.contains("simulated bench (serial SIM-"));
        let answers = answers.count();
        if answers >= count || start.elapsed() > PATIENCE {
            return list;
        }
        sleep(Duration::from_millis(100));
    }
}

pub(super) fn named() {
    let benches = [
        emulated(1, &["--usb-serial", "DH-1"]),
        emulated(2, &["--usb-serial", "TWIN", "--speed", "super"]),
        emulated(3, &["--usb-serial", "TWIN", "--speed", "full"]),
        emulated(4, &["--usb-flaw", "no-serial"]),
    ];
    disc_hal(&["benches", "--require", "5"]).expect(0, &[]);
    let list = answered(4);
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

/// A bench of another machine's, here of this one, by the handshake of USB/IP: what
/// `usbip attach` does.
pub(super) fn imported() {
    gone();
    let bench = Running::start(&["emulate", "--usbip", "127.0.0.1", "--usb-serial", "DH-TCP", "--quiet"]);
    let mut stream = None;
    wait_for("the server", || {
        stream = TcpStream::connect(("127.0.0.1", PORT)).ok();
        stream.is_some()
    });
    let mut stream = stream.expect("a connection");
    stream.set_nodelay(true).expect("a TCP connection");
    stream.set_read_timeout(Some(PATIENCE)).expect("a TCP connection");
    // OP_REQ_IMPORT, and the device's name in 32 bytes (usbip_protocol.rst of the kernel).
    let mut request = vec![1, 0x11, 0x80, 3, 0, 0, 0, 0];
    request.extend(BUS_ID.bytes());
    request.resize(40, 0);
    stream.write_all(&request).expect("to ask for it");
    let mut reply = [0; 320];
    stream.read_exact(&mut reply).expect("an answer");
    let word = |at: usize| reply[at..].first_chunk().map_or(0, |four| u32::from_be_bytes(*four));
    assert_eq!((&reply[..4], word(4)), (&[1, 0x11, 0, 3][..], 0), "the device isn't handed over");
    assert!(reply[8 + 256..].starts_with(BUS_ID.as_bytes()), "another device");
    let (bus, device, speed) = (word(8 + 288), word(8 + 292), word(8 + 296));
    assert_eq!(speed, 3, "USB_SPEED_HIGH of the kernel");
    stream.set_read_timeout(None).expect("a TCP connection");
    // The first free port for this speed: state 4, VDEV_ST_NULL.
    let status = fs::read_to_string(format!("{CONTROLLER}/status")).expect("the controller's ports");
    let port = status.lines().find_map(|line| match line.split_whitespace().collect::<Vec<_>>()[..] {
        ["hs", port, "004", ..] => port.parse::<u32>().ok(),
        _ => None,
    });
    let port = port.unwrap_or_else(|| panic!("no free port: {status}"));
    let attach = format!("{port} {} {} {speed}", stream.as_raw_fd(), bus << 16 | device);
    fs::write(format!("{CONTROLLER}/attach"), attach).expect("the kernel to take it");
    // It has a handle of its own now.
    drop(stream);
    wait_for("the bench", || disc_hal_usb::candidates().candidates.len() == 1);
    let list = answered(1);
    let line = list.out.lines().find(|line| line.starts_with("usb:DH-TCP "));
    let line = line.unwrap_or_else(|| panic!("not in the list: {}", list.out));
    for words in ["high speed", "simulated bench (serial SIM-"] {
        assert!(line.contains(words), "no `{words}` in: {line}");
    }
    // Two machines can't have it.
    let mut second = TcpStream::connect(("127.0.0.1", PORT)).expect("a second connection");
    second.write_all(&request).expect("to ask for it");
    let mut refused = [0; 8];
    second.read_exact(&mut refused).expect("an answer");
    assert_eq!(refused[7], 2, "ST_DEV_BUSY: {refused:?}");
    fs::write(format!("{CONTROLLER}/detach"), port.to_string()).expect("to detach it");
    gone();
    drop(bench);
}

pub(super) fn busy() {
    let bench = emulated(1, &["--usb-serial", "DH-1"]);
    let held = UsbPipe::open(&Selector::Only).expect("a bench that is free");
    let holder = format!("process {}, disc-hal-vm-gue", std::process::id());
    disc_hal(&["info", "--bench", "usb:DH-1"]).expect(3, &["in use by another program", &holder]);
    let list = disc_hal(&["benches", "--probe"]);
    assert!(list.out.contains(&holder), "{}", list.out);
    drop(held);
    let list = answered(1);
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
