//! The emulated bench as a USB device, as a user has it: in a process of its own.
#![cfg(unix)]

mod support;

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Command, Stdio};

use support::*;

/// The list of devices, as the document of USB/IP has it.
fn list(port: u16) -> Vec<u8> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.write_all(&[1, 0x11, 0x80, 5, 0, 0, 0, 0]).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    answer
}

#[test]
fn the_device_is_there_until_ctrl_c() {
    let dir = folder();
    let mut child = Command::new(env!("CARGO_BIN_EXE_disc-hal"))
        .args(["emulate", "--usbip", "127.0.0.1:0", "--speed", "super", "--usb-serial", "B7", "--disc", "x.dhd"])
        .current_dir(dir.path())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(fs::File::create(dir.path().join("events")).unwrap())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let words: Vec<&str> = line.split_whitespace().collect();
    let ["usbip", "--tcp-port", port, "attach", "-r", "127.0.0.1", "-b", bus_id] = words[..] else {
        panic!("{line:?}")
    };
    let port = port.parse().unwrap();
    let answer = list(port);
    assert_eq!(answer.len(), 328);
    assert_eq!(answer[12 + 256..][..4], [bus_id.as_bytes(), &[0]].concat());
    assert_eq!(answer[12 + 256 + 32..][8..12], [0, 0, 0, 5], "super speed");
    // Attached: the host is told, and keeps the device from others.
    let mut host = TcpStream::connect(("127.0.0.1", port)).unwrap();
    let mut request = vec![1, 0x11, 0x80, 3, 0, 0, 0, 0];
    request.extend(bus_id.bytes());
    request.resize(40, 0);
    host.write_all(&request).unwrap();
    let mut device = [0; 320];
    host.read_exact(&mut device).unwrap();
    assert_eq!(list(port).len(), 12);
    // Ctrl-C detaches, and ends.
    signal(&child, "-INT");
    assert_eq!(host.read(&mut device).unwrap_or(0), 0);
    assert!(child.wait().unwrap().success());
    let seen = fs::read_to_string(dir.path().join("events")).unwrap();
    for words in ["there the bench is usb:B7", "attached by 127.0.0.1:", "stopping: ", "detached from 127.0.0.1:"] {
        assert!(seen.contains(words), "no `{words}` in {seen}");
    }
}

#[test]
fn what_can_t_be_is_said() {
    let dir = folder();
    let d = dir.path();
    fails(d, &["emulate", "--usbip", "--serial"], 2, &["cannot be used with"]);
    fails(d, &["emulate", "--serial", "--speed", "full"], 2, &["--speed", "cannot be used with"]);
    fails(d, &["emulate", "--usbip", "--link", "x"], 2, &["--link", "cannot be used with"]);
    fails(d, &["emulate", "--usbip", "--speed", "warp"], 2, &["full, high, super"]);
    fails(d, &["emulate", "--usbip", "--usb-serial", "a b"], 2, &["`a b` is no serial number", "printable"]);
    fails(d, &["emulate", "--usbip", "--usb-flaw", "rust"], 2, &["no flaw `rust`", "zero-length"]);
    fails(d, &["emulate", "--usbip", "127.0.0.1", "--attach"], 2, &["takes no address", "next: "]);
    // An address of the documents (RFC 5737): nobody's.
    fails(d, &["emulate", "--usbip", "203.0.113.9"], 3, &["203.0.113.9:3240", "is the port free?"]);
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    fails(d, &["emulate", "--usbip", &address], 3, &[&address, "is the port free?"]);
    if !std::path::Path::new("/sys/devices/platform/vhci_hcd.0").exists() {
        fails(d, &["emulate", "--usbip", "--attach"], 3, &["`modprobe vhci-hcd`"]);
    }
}
