//! Serial optical disc testers: finding their ports, and the pipe that carries the
//! protocol of `disc-hal`.
//!
//! ```no_run
//! use disc_hal_serial::{Access, SerialPipe, candidates};
//!
//! for found in candidates(&[]) {
//!     println!("{found}");
//!     if found.access == Access::Ok {
//!         let pipe = SerialPipe::open(&found.path, 115_200)?;
//!         // Whether a bench answers here is asked through the host half of `disc_hal::wire`.
//!     }
//! }
//! # Ok::<(), disc_hal_serial::OpenError>(())
//! ```
//!
//! # What opening does to a device
//!
//! Opening raises DTR and RTS (the operating system does, before any program can
//! say otherwise), and closing the last handle drops them. Boards wired in the
//! Arduino way take a falling DTR for a reset button: they start anew at every open.
//! The protocol notices (the boot counter in its greeting), but a shot in flight is
//! lost: don't open the port of a working bench to look who's there.
//! [`candidates`] opens nothing.
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

mod classify;
mod discover;
mod error;
mod pipe;

#[cfg(unix)]
#[path = "unix.rs"]
mod line;
#[cfg(not(unix))]
#[path = "portable.rs"]
mod line;

pub use classify::{Answer, System, classify};
pub use discover::{Access, Candidate, Usb, candidates};
pub use error::OpenError;
pub use pipe::SerialPipe;
