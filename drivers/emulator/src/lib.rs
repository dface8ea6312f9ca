//! The simulated bench behind a real link.
//!
//! An [`Emulator`] is the device half of the protocol with a rig's parts behind
//! it; a [`Pty`] is a serial port without hardware. Together they are a tester
//! that any host program can open, on a real kernel interface:
//!
//! ```no_run
//! use disc_hal::media::Medium;
//! use disc_hal::safety::Config;
//! use disc_hal_emulator::{Clock, Emulator, Pty};
//! use disc_hal_sim::SimRig;
//!
//! let rig = SimRig::blank(Medium::load("dual-layer")?, 1)?;
//! let now = rig.clock();
//! let emulator = Emulator::new(rig, now, 1, Clock::Host, Config::default(), |event| eprintln!("{event:?}"));
//! let (mut pty, path) = Pty::open()?;
//! println!("serial:{}", path.display());
//! emulator.serve(&mut pty)?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! [`usbip`] makes a USB device of it instead.

mod emulator;
#[cfg(unix)]
mod pty;
pub mod usbip;

pub use emulator::{Clock, Emulator, Event};
#[cfg(unix)]
pub use pty::{Pty, PtyError};
