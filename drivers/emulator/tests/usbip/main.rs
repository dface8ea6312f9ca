//! The emulated bench as a USB device, by a USB/IP client of the tests' own.
#![cfg(unix)]

mod bench;
mod descriptors;
mod host;
mod hostile;
mod transfers;

use core::time::Duration;
use std::os::unix::net::UnixStream;
use std::thread;

use disc_hal::hal::Rig as _;
use disc_hal::media::Medium;
use disc_hal::safety::{Config, Inputs};
use disc_hal::wire::usb::{Alarm, Speed};
use disc_hal::wire::{OpenOptions, Remote};
use disc_hal_emulator::usbip::{BUS_ID, Cable, Detached, DeviceOptions, Server, Unplug, serve_stream};
use disc_hal_emulator::{Clock, Emulator};
use disc_hal_sim::SimRig;
use host::*;

const SECOND: Duration = Duration::from_secs(1);

fn emulator(clock: Clock) -> Emulator<SimRig> {
    let rig = SimRig::blank(Medium::load("dual-layer").unwrap(), 3).unwrap();
    let now = rig.clock();
    Emulator::new(rig, now, 7, clock, Config::default(), |_| ())
}

struct Stop<F: Fn()>(F);

impl<F: Fn()> Drop for Stop<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}

/// A host that has the device, and what became of it in the end.
fn attached(options: &DeviceOptions, test: impl FnOnce(Host, &Emulator<SimRig>, &Unplug)) -> Detached {
    let (emulator, unplug) = (emulator(Clock::Host), Unplug::default());
    let (ours, theirs) = UnixStream::pair().unwrap();
    thread::scope(|scope| {
        let _stop = Stop(emulator.stopper());
        let serving = scope.spawn(|| serve_stream(&emulator, theirs, options, &unplug).unwrap());
        test(Host::unix(ours), &emulator, &unplug);
        serving.join().unwrap()
    })
}

/// The kernel's own example: a transfer of an interrupt endpoint each way.
#[test]
fn the_example_of_the_kernel_s_document_holds() {
    let words = |text: &str| -> Vec<u8> {
        text.split_whitespace().flat_map(|w| u32::from_str_radix(w, 16).unwrap().to_be_bytes()).collect()
    };
    let cmd_in = words(
        "00000001 00000d05 0001000f 00000001 00000001 00000200 00000040 ffffffff 00000000 00000004 00000000 00000000",
    );
    let cmd_out = words(
        "00000001 00000d06 0001000f 00000000 00000001 00000000 00000040 ffffffff 00000000 00000004 00000000 00000000",
    );
    let ret_out = words(
        "00000003 00000d06 00000000 00000000 00000000 00000000 00000040 ffffffff 00000000 00000000 00000000 00000000",
    );
    // Its own client differs from the document's table: start_frame is ffffffff there, and
    // number_of_packets 0. Both are of no meaning for these endpoints.
    let same = |bytes: &[u8]| [&bytes[..28], &[0; 8], &bytes[36..]].concat();
    let ours = cmd_submit(0xd06, false, 1, 0, 0x40, [0; 8]);
    let devid = |bytes: Vec<u8>| [&bytes[..8], &[0; 4], &bytes[12..36], &[0; 4], &bytes[40..]].concat();
    assert_eq!(same(&devid(ours)), same(&devid(cmd_out.clone())));
    // To the server they are transfers of the bulk endpoints, which have this number here.
    let emulator = emulator(Clock::Host);
    let (mut ours, theirs) = UnixStream::pair().unwrap();
    thread::scope(|scope| {
        use std::io::{Read as _, Write as _};
        let _stop = Stop(emulator.stopper());
        let serving = scope.spawn(|| serve_stream(&emulator, theirs, &DeviceOptions::default(), &Unplug::default()));
        ours.set_read_timeout(Some(LONG)).unwrap();
        ours.write_all(&cmd_submit(1, false, 0, 0, 0, setup(0, 9, 1, 0, 0))).unwrap();
        let mut answer = [0; 48];
        ours.read_exact(&mut answer).unwrap();
        assert_eq!((word(&answer, 0), word(&answer, 4), word(&answer, 20)), (3, 1, 0));
        ours.write_all(&cmd_in).unwrap();
        ours.write_all(&cmd_out).unwrap();
        // Nothing that a bench would answer.
        ours.write_all(&[0; 64]).unwrap();
        ours.read_exact(&mut answer).unwrap();
        assert_eq!(same(&answer), same(&ret_out));
        // The other one waits.
        ours.write_all(&cmd_unlink(0xd07, 0xd05)).unwrap();
        ours.read_exact(&mut answer).unwrap();
        assert_eq!((word(&answer, 0), word(&answer, 4), word(&answer, 20).cast_signed()), (4, 0xd07, ECONNRESET));
        drop(ours);
        assert_eq!(serving.join().unwrap().unwrap(), Detached::Gone("the host has let go".to_owned()));
    });
}

#[test]
fn the_handshake_lists_and_imports_one_device() {
    let emulator = emulator(Clock::Host);
    let server = Server::bind("127.0.0.1:0", DeviceOptions::new(Speed::Super).with_serial("S1")).unwrap();
    let address = server.address();
    thread::scope(|scope| {
        let stop = Stop(emulator.stopper());
        let (tell, told) = std::sync::mpsc::channel();
        let serving = scope.spawn(|| {
            server.serve(&emulator, move |cable| {
                tell.send(cable).unwrap();
            })
        });
        let list = devlist(address);
        assert_eq!(list.len(), 12 + 312 + 4);
        assert_eq!((word(&list, 0), word(&list, 4), word(&list, 8)), (0x0111_0005, 0, 1));
        assert_eq!(import(address, "1-2").err(), Some(4));
        let (stream, device) = import(address, BUS_ID).unwrap();
        assert_eq!(device, list[12..12 + 312]);
        // Offsets of the document, less those of what stands before.
        let text = |from: usize, length: usize| {
            let end = device[from..from + length].iter().position(|b| *b == 0).unwrap();
            assert_eq!(device[from + end..from + length], vec![0; length - end]);
            String::from_utf8(device[from..from + end].to_vec()).unwrap()
        };
        assert!(text(0, 256).ends_with(BUS_ID));
        assert_eq!(text(0x108 - 8, 32), BUS_ID);
        assert_eq!([0x128, 0x12C, 0x130].map(|at| word(&device, at - 8)), [1, 2, 5]);
        assert_eq!(device[0x134 - 8..], [0x12, 0x09, 0, 1, 1, 0, 0, 0, 0, 1, 1, 1]);
        assert_eq!(list[12 + 312..], [0xFF, 0x44, 0x48, 0]);
        assert!(matches!(told.recv_timeout(LONG).unwrap(), Cable::Attached { .. }));
        // One host at a time.
        assert_eq!(import(address, BUS_ID).err(), Some(2));
        assert_eq!(word(&devlist(address), 8), 0);
        let mut host = Host::tcp(stream);
        assert_eq!(host.text(3).unwrap(), "S1");
        drop(host);
        assert!(matches!(told.recv_timeout(LONG).unwrap(), Cable::Detached { why: Detached::Gone(_), .. }));
        // Then the next one; the cable is pulled.
        let (stream, _) = import(address, BUS_ID).unwrap();
        assert!(matches!(told.recv_timeout(LONG).unwrap(), Cable::Attached { .. }));
        let mut host = Host::tcp(stream);
        host.configure();
        let asked = host.ask(1, 0, 1024);
        server.unplug().pull();
        assert!(host.is_gone(LONG));
        assert_eq!(host.wait_for(asked, SECOND), None);
        let why = Detached::Gone("the cable was pulled".to_owned());
        assert!(matches!(told.recv_timeout(LONG).unwrap(), Cable::Detached { why: w, .. } if w == why));
        // Clients that say nothing, or nonsense, are in nobody's way.
        let silent = std::net::TcpStream::connect(address).unwrap();
        let mut odd = std::net::TcpStream::connect(address).unwrap();
        std::io::Write::write_all(&mut odd, b"GET / HTTP/1.1\r\n\r\n").unwrap();
        let answer = std::io::Read::read(&mut odd, &mut [0; 8]);
        assert!(matches!(answer, Ok(0) | Err(_)), "{answer:?}");
        assert_eq!(word(&devlist(address), 8), 1);
        drop(stop);
        serving.join().unwrap().unwrap();
        drop(silent);
    });
}

#[test]
fn a_bench_opens_through_the_endpoints() {
    for speed in Speed::ALL {
        let why = attached(&DeviceOptions::new(speed), |mut host, _, _| {
            host.configure();
            let options = OpenOptions::default().within(LONG);
            let mut rig = Remote::open(HostPipe::new(host), &options).unwrap();
            assert_eq!(rig.identity().model.as_str(), "simulated bench");
            rig.bench().spindle.status().unwrap();
        });
        assert_eq!(why, Detached::Gone("the host has let go".to_owned()));
    }
}

#[test]
fn alarms_come_when_something_changes() {
    attached(&DeviceOptions::default(), |mut host, emulator, _| {
        host.configure();
        let first = host.ask(2, 0, 16);
        let rest = Alarm::decode(&host.wait(first).data).unwrap();
        assert_eq!((rest.inputs, rest.changes), (Inputs::empty(), 0));
        let next = host.ask(2, 0, 16);
        assert_eq!(host.wait_for(next, Duration::from_millis(100)), None);
        emulator.set_inputs(Inputs::INTERLOCK_OPEN);
        let opened = Alarm::decode(&host.wait(next).data).unwrap();
        assert_eq!((opened.inputs, opened.changes), (Inputs::INTERLOCK_OPEN, 1));
        // A new configuration is a new link: how things stand, again.
        host.configure();
        let anew = host.ask(2, 0, 16);
        let done = host.wait(anew);
        assert_eq!(Alarm::decode(&done.data).unwrap().changes, 1);
    });
}
