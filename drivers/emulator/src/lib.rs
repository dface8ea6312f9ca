//! The simulated bench behind a real link.

#[cfg(unix)]
mod pty;

#[cfg(unix)]
pub use pty::{Pty, PtyError};
