//! Bytes through the driver and through a bare loop on the same endpoint of the same
//! device, in turn. The ratio is printed, never asserted: an emulated machine is no bus.

use core::time::Duration;
use std::time::Instant;

use disc_hal::wire::Pipe as _;
use disc_hal::wire::usb::Speed;
use disc_hal_usb::{Selector, UsbPipe};
use nusb::MaybeFuture as _;
use nusb::transfer::{Buffer, Bulk, Direction, Out};

use super::{HOLD, SERIAL, Scene};

/// Bytes in a round, and rounds of each kind.
const BYTES: usize = 4 << 20;
const ROUNDS: usize = 7;
/// Transfers under way, and their length: those of the pipe.
const DEPTH: usize = 4;
const LENGTH: usize = 4 << 10;
const LONG: Duration = Duration::from_secs(20);

pub(super) fn compared(scene: &mut Scene) {
    scene.tester.for_usb("host", HOLD);
    let plugged = scene.plug(Speed::High);
    let (mut ratios, mut best) = (Vec::new(), 0.0_f64);
    for _ in 0..ROUNDS {
        let (bare, pipe) = (bare(), through_pipe());
        ratios.push(bare.as_secs_f64() / pipe.as_secs_f64());
        best = best.max(BYTES as f64 / pipe.as_secs_f64() / f64::from(1 << 20));
    }
    ratios.sort_by(f64::total_cmp);
    println!(
        "   to the bench: {:.0} % of a bare loop (median of {ROUNDS}; {:.0} to {:.0} %), {best:.1} MiB/s at most",
        100.0 * ratios[ROUNDS / 2],
        100.0 * ratios[0],
        100.0 * ratios[ROUNDS - 1],
    );
    scene.unplug(plugged);
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
    let info = nusb::list_devices().wait().expect("devices").find(|info| info.serial_number() == Some(SERIAL));
    let device = info.expect("the bench").open().wait().expect("to open it");
    let interface = device.claim_interface(0).wait().expect("its interface");
    let address = interface
        .descriptors()
        .flat_map(|setting| setting.endpoints().collect::<Vec<_>>())
        .find(|endpoint| endpoint.direction() == Direction::Out)
        .map(|endpoint| endpoint.address())
        .expect("an OUT endpoint");
    let mut endpoint = interface.endpoint::<Bulk, Out>(address).expect("the endpoint");
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
