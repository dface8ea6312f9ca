//! The protocol between a host and a bench: frames, messages, and both ends.
//!
//! What goes over the line, and what it means, is on a page of its own: [`protocol`].

mod codec;
#[cfg(feature = "std")]
mod describe;
pub mod device;
mod frame;
#[cfg(feature = "std")]
pub mod host;
mod kind;
#[cfg(feature = "std")]
mod loopback;
#[cfg(feature = "std")]
mod pipe;
#[doc = include_str!("../../docs/protocol.md")]
pub mod protocol {}
mod reply;
mod request;
mod spec;
pub mod usb;
#[cfg(feature = "std")]
pub mod wrappers;

pub use codec::Malformed;
#[cfg(feature = "std")]
pub use describe::describe;
pub use device::{Device, DeviceConfig, LargeDevice, Now, SmallDevice};
pub use frame::{
    CONTROL_MAX, Decoder, Frame, FrameError, HEADER, Header, OVERHEAD, SAMPLES_MAX, SAMPLES_PER_FRAME, VERSION,
    buffer_for, build, encoded_max, parse,
};
#[cfg(feature = "std")]
pub use host::{LinkStats, OpenError, OpenOptions, Probe, Remote, code, probe};
pub use kind::{Class, Kind};
#[cfg(feature = "std")]
pub use loopback::Loopback;
#[cfg(feature = "std")]
pub use pipe::{Bypass, Clock, Pipe, PipeError};
pub use reply::{Abilities, BUSY, REFUSED, REPLY, Refusal, Reply, SAMPLES, Welcome};
pub use request::{MAGIC, RUNS_PER_FRAME, Request, Runs, WHOLE};
pub use spec::{RECORD, Record};
