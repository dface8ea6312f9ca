//! The emulated bench as a USB device, for the kernel of another machine or of this one.
//!
//! USB/IP carries the transfers of a USB device over a stream: a host's kernel, with the
//! module `vhci-hcd`, shows the device like one on a cable, and every program that opens
//! USB devices opens it. A [`Server`] waits for such hosts; [`attach`] asks the kernel of this
//! machine; [`serve_stream`] takes any other stream on which a host sends its transfers.
//!
//! ```no_run
//! use disc_hal::media::Medium;
//! use disc_hal::safety::Config;
//! use disc_hal::wire::usb::Speed;
//! use disc_hal_emulator::usbip::{BUS_ID, DeviceOptions, Server};
//! use disc_hal_emulator::{Clock, Emulator};
//! use disc_hal_sim::SimRig;
//!
//! let rig = SimRig::blank(Medium::load("dual-layer")?, 1)?;
//! let now = rig.clock();
//! let emulator = Emulator::new(rig, now, 1, Clock::Host, Config::default(), |event| eprintln!("{event:?}"));
//! let server = Server::bind("127.0.0.1:3240", DeviceOptions::new(Speed::High).with_serial("0042"))?;
//! println!("usbip attach -r {} -b {BUS_ID}", server.address().ip());
//! server.serve(&emulator, |cable| eprintln!("{cable:?}"))?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! The device does what the protocol page says of USB ([`disc_hal::wire::protocol`]), and
//! with a [`Flaw`] something that no device should.
//!
//! Source: the kernel's `Documentation/usb/usbip_protocol.rst`, version 1.1.1.

mod attached;
mod function;
mod message;
mod options;
mod queues;
mod server;
#[cfg(target_os = "linux")]
mod vhci;

use disc_hal::hal::Rig;

pub use attached::{Detached, Stream, Unplug};
pub use options::{DeviceOptions, Flaw, UsbipError};
pub use server::{BUS_ID, Cable, PORT, Server};
#[cfg(target_os = "linux")]
pub use vhci::{CONTROLLER, VhciError, attach};

use crate::Emulator;

/// Serves the host at the other end of `stream`, which has the device already: no
/// handshake, transfers only. Ends when the host lets go, the cable is pulled by
/// `unplug`, or the emulator is stopped; the bench is safe then.
///
/// # Errors
/// [`UsbipError`] if no device can be like that, or the stream can't be used at all.
pub fn serve_stream<R: Rig + 'static, S: Stream>(
    emulator: &Emulator<R>,
    stream: S,
    options: &DeviceOptions,
    unplug: &Unplug,
) -> Result<Detached, UsbipError> {
    options.check()?;
    let function = function::Function::new(options, &emulator.identity());
    attached::serve(emulator, stream, function, unplug).map_err(UsbipError::Stream)
}
