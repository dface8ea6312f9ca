//! Bytes through the driver and through a bare loop on the same endpoint of the same
//! device, in turn, each way. The ratio is printed, never asserted: an emulated machine is
//! no bus. What comes in is a counter's, and looked at byte by byte.

use core::time::Duration;
use std::time::Instant;

use disc_hal::wire::Pipe as _;
use disc_hal::wire::usb::Speed;
use disc_hal_emulator::usbip::Flaw;
use disc_hal_usb::{Selector, UsbPipe};
use nusb::transfer::{Buffer, Bulk, Direction, In, Out};
use nusb::{Interface, MaybeFuture as _};

use super::{HOLD, SERIAL, Scene};
use crate::program::PATIENCE;

/// Bytes in a round, and rounds of each kind.
const BYTES: usize = 4 << 20;
const ROUNDS: usize = 7;
/// Transfers under way, and their length: those of the pipe.
const DEPTH: usize = 4;
const LENGTH: usize = 4 << 10;
const DEPTH_IN: usize = 16;
const LENGTH_IN: usize = 32 << 10;
const LONG: Duration = Duration::from_secs(120);

pub(super) fn compared(scene: &mut Scene) {
    scene.tester.for_usb("host", HOLD);
    let plugged = scene.plug(Speed::High);
    in_turn("to the bench", bare, through_pipe);
    scene.unplug(plugged);
}

/// What the device counts is what comes, both ways to fetch it.
pub(super) fn captured(scene: &mut Scene) {
    scene.tester.for_usb("host", HOLD);
    for speed in [Speed::High, Speed::Super] {
        let plugged = scene.plug_with(speed, Some(Flaw::Flood));
        let what = format!("from the bench at {speed:?} speed, every byte as it was sent");
        let mut bytes = vec![0; BYTES];
        let mut other = vec![0; BYTES];
        in_turn(&what, || counted(bare_in, &mut bytes), || counted(pipe_in, &mut other));
        scene.unplug(plugged);
    }
}

/// Rounds of both kinds, one after the other.
fn in_turn(what: &str, mut bare: impl FnMut() -> Duration, mut pipe: impl FnMut() -> Duration) {
    let (mut ratios, mut best) = (Vec::new(), 0.0_f64);
    for _ in 0..ROUNDS {
        let (bare, pipe) = (bare(), pipe());
        ratios.push(bare.as_secs_f64() / pipe.as_secs_f64());
        best = best.max(BYTES as f64 / pipe.as_secs_f64() / f64::from(1 << 20));
    }
    ratios.sort_by(f64::total_cmp);
    println!(
        "   {what}: {:.0} % of a bare loop (median of {ROUNDS}; {:.0} to {:.0} %), {best:.1} MiB/s at most",
        100.0 * ratios[ROUNDS / 2],
        100.0 * ratios[0],
        100.0 * ratios[ROUNDS - 1],
    );
}

/// Fetches bytes, and looks at them when the time has been taken.
fn counted(fetch: impl Fn(&mut [u8]) -> Duration, bytes: &mut [u8]) -> Duration {
    bytes.fill(0);
    let took = fetch(bytes);
    // The counter goes on from one user of the device to the next.
    let first = bytes.first_chunk().map_or(0, |word| u32::from_le_bytes(*word));
    for (n, word) in (0..).zip(bytes.chunks_exact(4)) {
        let sent = first.wrapping_add(n).to_le_bytes();
        assert!(word == sent, "bytes {} to {} came as {word:02x?} and not as {sent:02x?}", 4 * n, 4 * n + 3);
    }
    took
}

fn pipe_in(bytes: &mut [u8]) -> Duration {
    let mut pipe = UsbPipe::open(&Selector::Serial(SERIAL.into())).expect("the bench");
    let start = Instant::now();
    let mut came = 0;
    while came < bytes.len() {
        let count = pipe.read(&mut bytes[came..], LONG).expect("the link");
        assert!(count > 0, "nothing came within {LONG:?}");
        came += count;
    }
    start.elapsed()
}

fn bare_in(bytes: &mut [u8]) -> Duration {
    let interface = claimed();
    let mut endpoint = interface.endpoint::<Bulk, In>(address(&interface, Direction::In)).expect("the endpoint");
    for _ in 0..DEPTH_IN {
        let buffer = endpoint.allocate(LENGTH_IN);
        endpoint.submit(buffer);
    }
    let start = Instant::now();
    let mut came = 0;
    while came < bytes.len() {
        let done = endpoint.wait_next_complete(LONG).expect("a transfer within its time");
        done.status.expect("a transfer");
        let count = done.buffer.len().min(bytes.len() - came);
        bytes[came..came + count].copy_from_slice(&done.buffer[..count]);
        came += count;
        let mut buffer = done.buffer;
        buffer.clear();
        endpoint.submit(buffer);
    }
    let took = start.elapsed();
    endpoint.cancel_all();
    while endpoint.pending() > 0 {
        endpoint.wait_next_complete(LONG).expect("a transfer to be given back");
    }
    took
}

/// The bench's interface. The program before has just let go of it.
fn claimed() -> Interface {
    let start = Instant::now();
    loop {
        let info = nusb::list_devices().wait().expect("devices").find(|info| info.serial_number() == Some(SERIAL));
        let device = info.expect("the bench").open().wait().expect("to open it");
        match device.claim_interface(0).wait() {
            Ok(interface) => return interface,
            Err(error) => assert!(start.elapsed() < PATIENCE, "the interface can't be claimed: {error}"),
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn address(interface: &Interface, direction: Direction) -> u8 {
    interface
        .descriptors()
        .flat_map(|setting| setting.endpoints().collect::<Vec<_>>())
        .find(|endpoint| {
            endpoint.direction() == direction && endpoint.transfer_type() == nusb::descriptors::TransferType::Bulk
        })
        .map(|endpoint| endpoint.address())
        .expect("a bulk endpoint")
}

/// Zeros between frames mean nothing: a device takes them and drops them.
fn through_pipe() -> Duration {
    let mut pipe = UsbPipe::open(&Selector::Serial(SERIAL.into())).expect("the bench");
    let zeros = [0; LENGTH];
    let start = Instant::now();
    let mut sent = 0;
    while sent < BYTES {
        let taken = pipe.write(&zeros, LONG).expect("the link");
        assert!(taken > 0, "nothing taken within {LONG:?}");
        sent += taken;
    }
    start.elapsed()
}

fn bare() -> Duration {
    let interface = claimed();
    let mut endpoint = interface.endpoint::<Bulk, Out>(address(&interface, Direction::Out)).expect("the endpoint");
    let mut spare: Vec<Buffer> = (0..DEPTH).map(|_| endpoint.allocate(LENGTH)).collect();
    let zeros = [0; LENGTH];
    let start = Instant::now();
    let mut sent = 0;
    while sent < BYTES {
        let mut buffer = spare.pop().unwrap_or_else(|| {
            let done = endpoint.wait_next_complete(LONG).expect("a transfer within its time");
            done.status.expect("a transfer");
            done.buffer
        });
        buffer.clear();
        buffer.extend_from_slice(&zeros);
        endpoint.submit(buffer);
        sent += LENGTH;
    }
    let took = start.elapsed();
    while endpoint.pending() > 0 {
        endpoint.wait_next_complete(LONG).expect("a transfer within its time");
    }
    took
}
