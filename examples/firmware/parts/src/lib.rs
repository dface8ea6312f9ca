//! Parts of the reference firmware: small deterministic models of what a tester has
//! beside its electronics, so that the firmware runs, and can be judged, without one.
//!
//! - [`World`] is one clock and what moves with it: disc, sled, lens, spot.
//! - [`Focus`], [`Tracking`] and [`Motor`] are the servos and the spindle on it.
//! - [`Pulses`] is the pulse generator that writes.
//! - [`Digitiser`] samples what the spot sees.
//!
//! There is no disc. What is written is remembered as runs, as many as the memory of
//! the pulse generator holds, and read back from there: a loop, not a medium. On a real
//! board all of these are replaced by parts that speak to hardware.
//!
//! No std, no allocator, no float: the same code runs on the microcontroller and in
//! the tests of this crate.
#![no_std]

pub mod chips;
mod digitiser;
pub mod disc;
mod motor;
mod pulses;
mod servo;
mod signal;
mod station;
mod track;
mod world;

pub use chips::Chips;
pub use digitiser::Digitiser;
pub use motor::Motor;
pub use pulses::{Memory, Pulses, RUNS};
pub use servo::Focus;
pub use station::{Array, Converter, Station, Supply, array, converter, supply};
pub use track::Tracking;
pub use world::World;
