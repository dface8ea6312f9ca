//! The protocol between a host and a bench: frames, messages, and both ends.

#[cfg(feature = "std")]
mod pipe;
#[cfg(feature = "std")]
pub mod wrappers;

#[cfg(feature = "std")]
pub use pipe::{Bypass, Clock, Pipe, PipeError};
