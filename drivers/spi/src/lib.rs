//! Lasers, electrodes and detector of disc-hal on embedded-hal 1.0: drivers of DACs and
//! ADCs on an SPI bus, and the contract's parts built of them. No std, no allocator.
#![no_std]

pub mod chip;
mod detector;
mod electrodes;
mod lasers;
mod lines;
pub mod modulator;
pub mod sampler;
mod time;

pub use detector::Detector;
pub use electrodes::{Electrodes, ElectrodesConfig, NoRelays, OutputConfig, RelayPins, Relays};
pub use lasers::{Lasers, LasersConfig, MonitorScale, SourceConfig};
pub use lines::{InterlockOnly, Lines, Pins};
pub use time::{Clock, Events, NowOnly};

#[cfg(feature = "models")]
pub mod models;
