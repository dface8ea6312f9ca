//! Serial optical disc testers: finding their ports, opening them, and the pipe that
//! carries the protocol of `disc-hal`.
//!
//! ```no_run
//! use std::time::Duration;
//!
//! use disc_hal::wire::OpenOptions;
//! use disc_hal_serial::{Access, Probe, candidates, open, probe};
//!
//! for found in candidates(&[]) {
//!     println!("{found}");
//!     if found.access == Access::Ok
//!         && let Probe::Bench(identity) = probe(&found.path, 115_200, Duration::from_secs(1))?
//!     {
//!         let bench = open(&found.path, 115_200, &OpenOptions::default())?;
//!         // `bench` is a Rig: see `disc_hal::record`.
//!     }
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What opening does to a device
//!
//! Opening raises DTR and RTS (the operating system does, before any program can
//! say otherwise), and closing the last handle drops them. Boards wired in the
//! Arduino way take a falling DTR for a reset button: they start anew at every open.
//! The protocol notices (the boot counter in its greeting), but a shot in flight is
//! lost: don't open the port of a working bench to look who's there.
//! [`candidates`] opens nothing; [`probe`] does.
//!
//! Opening never makes the port the controlling terminal, takes 8 data bits, no
//! parity, one stop bit, no flow control, and throws away what came before.
//!
//! # Locking
//!
//! A port has one user. The lock is both the terminal's exclusive flag (keeps
//! everybody else out, but not root) and an advisory `flock` (keeps out everybody
//! who asks, root included). It lasts as long as the [`SerialPipe`].
//!
//! On Linux, ModemManager opens new ports and talks to them: tell it not to, with
//! `ENV{ID_MM_DEVICE_IGNORE}="1"` in a udev rule.

mod bench;
mod classify;
mod discover;
mod error;
mod pipe;
mod process;

#[cfg(unix)]
#[path = "unix.rs"]
mod line;
#[cfg(not(unix))]
#[path = "portable.rs"]
mod line;

pub use bench::{OpenBenchError, Probe, open, probe};
pub use classify::{Answer, System, classify};
pub use discover::{Access, Candidate, Usb, candidates};
pub use error::OpenError;
pub use pipe::SerialPipe;
