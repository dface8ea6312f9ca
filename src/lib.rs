//! A hardware abstraction layer for optical disc testers, and the recording
//! algorithms that run on it.
//!
//! The same algorithm records on a real tester, on a simulated one and on mocks,
//! because it only sees a [`hal::Bench`]: a plain struct of parts, each behind one
//! small trait.
//!
//! ```text
//!            your script        the disc-hal command
//!                  \              /
//!                   record: focus search, power calibration, write, read, verify
//!                  /        |           \
//!   format: bytes <-> runs  |    signal: samples -> runs, jitter, levels
//!                           |
//!                hal: Bench { lasers, focus, tracking, detector, spindle, ... }
//!                  /        |         \            \
//!         simulator       mocks     your driver    wire: host half
//!                                                     |  a pipe: serial, ...
//!                                                  wire: device half (firmware)
//!                                                     |  safety: may it?
//!                                                  hal: the tester's own parts
//! ```
//!
//! | module | what it is | needs |
//! |---|---|---|
//! | [`hal`] | the contract between algorithms and testers | nothing: no std, no allocator |
//! | [`safety`] | the device's state machine: arm, fire, lease, trip | nothing: no std, no allocator |
//! | [`wire`] | the protocol between host and tester, and both ends of it | the device half: nothing; the host half: `std` |
//! | `media` | what a disc is: films, grooves, layout; medium files | `std` |
//! | `format` | sectors, error correction, the recording code, and back | `std` |
//! | `signal` | read chain, quality measures, named limits | `std` |
//! | `record` | the algorithms | `std` |
//! | `conformance` | the promises of the contract, one named check each | `conformance` |
//!
//! To write a driver for a tester, start with the guide, [`drivers`].
//!
//! The simulated bench is the crate `disc-hal-sim`, benches on a serial line are
//! `disc-hal-serial`, the simulated bench behind a pseudo-terminal or as a USB device is
//! `disc-hal-emulator`, and the command `disc-hal-cli`.
//!
//! # Recording a file on a simulated disc
//!
//! ```
//! # #[cfg(feature = "std")] {
//! use disc_hal::hal::Rig;
//! use disc_hal::media::Medium;
//! use disc_hal::record::{Job, Options, Silent, record};
//! use disc_hal_sim::SimRig;
//!
//! let medium = Medium::load("dual-layer")?;
//! let mut rig = SimRig::blank(medium.clone(), 1)?;
//! let jobs = [Job { name: "greeting", data: b"hello, disc", layer: 1, address: None }];
//! let result = record(rig.bench(), &medium, &jobs, Options::default(), &mut Silent)?;
//! assert!(result.layers[0].passed());
//! # }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Features
//!
//! - `std` (default): everything above the contract.
//! - `mock`: [mockall](https://docs.rs/mockall) mocks of every part and a ready
//!   `MockBench`.
//! - `conformance`: the suite that judges a driver.
//!
//! # Safety of people
//!
//! This crate is not a certified safety function. Interlock, key, shutter, current
//! clamp and watchdog are hardware in the tester; software mirrors them, refuses to
//! act against them, and must never be the only thing between a laser and an eye.
#![cfg_attr(not(feature = "std"), no_std)]

#[doc = include_str!("../docs/drivers.md")]
pub mod drivers {}
pub mod hal;
pub mod safety;
pub mod wire;

#[cfg(feature = "conformance")]
pub mod conformance;
#[cfg(feature = "std")]
pub mod format;
#[cfg(feature = "std")]
pub mod media;
#[cfg(feature = "std")]
pub mod record;
#[cfg(feature = "std")]
pub mod signal;
#[cfg(feature = "std")]
mod vectors;

#[cfg(all(doctest, feature = "std"))]
#[doc = include_str!("../README.md")]
struct Readme;
