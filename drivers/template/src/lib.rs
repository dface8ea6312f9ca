//! A driver to copy: the tester of a vendor, with a command language of its own, behind
//! the traits of `disc-hal`.
//!
//! The tester, an "Acme DT-1", doesn't exist. It reads a line of text and answers with
//! one (`FOC:SWE -500000 500000 10000`, `OK`); all that this crate wants of a tester is
//! in [`board`]. The parts are written once, on the [`Board`], and used in both ways in
//! which a vendor can join:
//!
//! - [`native`]: a program on the host speaks the tester's language. [`Tester`] is what
//!   scripts and the suite open.
//! - [`firmware`]: the parts run inside the tester, behind the device half of the
//!   protocol. Hosts need no driver of yours at all.
//!
//! Keep one of them, or both.
//!
//! # Seven steps
//!
//! Search for `STEP` in this folder:
//!
//! 1. `board.rs`: the commands of your tester.
//! 2. `board.rs`: its error codes.
//! 3. `specs.rs`: its limits, as numbers.
//! 4. `parts.rs` and `lasers.rs`: which command does what. Most of it may stand.
//! 5. `native.rs`: how commands travel, or `firmware.rs`: how the chip does them.
//! 6. `tests/support/mod.rs`: a simulated tester that speaks your language.
//! 7. `cargo test`: the whole conformance suite on it. Then `cargo run --example judge`
//!    on the bench.
//!
//! The guide is `disc_hal::drivers`.
#![cfg_attr(not(feature = "std"), no_std)]

pub mod board;
pub mod firmware;
mod lasers;
#[cfg(feature = "std")]
pub mod native;
mod parts;
pub mod specs;

pub use board::Board;
pub use lasers::Lasers;
#[cfg(feature = "std")]
pub use native::Tester;
pub use parts::{Detector, Focus, Parts, Spindle, Tracking};
