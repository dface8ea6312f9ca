//! USB optical disc testers: finding them, opening them, and the pipe that carries the
//! protocol of `disc-hal` over their bulk endpoints.
//!
//! ```no_run
//! use std::time::Duration;
//!
//! use disc_hal::wire::OpenOptions;
//! use disc_hal_usb::{Access, Probe, Selector, candidates, open, probe};
//!
//! for found in candidates().candidates {
//!     println!("{found}");
//!     if found.access == Access::Ok
//!         && let Probe::Bench(identity) = probe(&found.selector, Duration::from_secs(1))?
//!     {
//!         let bench = open(&Selector::Serial("DH-0001".into()), &OpenOptions::default())?;
//!         // `bench` is a Rig: see `disc_hal::record`.
//!     }
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What is a tester
//!
//! A device with an interface of class FF, subclass 44, protocol 48, whose name begins
//! with `disc-hal`, whoever's vendor number it has: [`disc_hal::wire::usb`]. Its endpoints
//! are those of its descriptors. Where the system doesn't tell the name, the device is
//! listed as unsure, and only its greeting shows what it is.
//!
//! # What opening does to a device
//!
//! The interface is claimed, and a halted endpoint is cleared; the device isn't reset,
//! and a session that it has goes on. An interface has one user, whom the operating
//! system keeps others from; it is free again when the [`UsbPipe`] is dropped.
//!
//! # Rights
//!
//! On Linux the device file belongs to root until a udev rule gives it to whoever sits at
//! the machine: [`udev`]. Windows takes WinUSB by itself for a device with the
//! descriptors of [`disc_hal::wire::usb`]; macOS asks for nothing.

mod access;
mod alarms;
mod discover;
mod endpoint;
mod failure;
#[cfg(feature = "in-process")]
pub mod in_process;
mod input;
mod layout;
mod open;
mod output;
mod pipe;
mod process;
mod selector;
pub mod udev;

pub use access::{Access, Holder};
pub use alarms::Alarms;
pub use discover::{Candidate, Found, candidates};
pub use open::{OpenBenchError, OpenError, Probe, open, probe};
pub use pipe::UsbPipe;
pub use selector::Selector;
