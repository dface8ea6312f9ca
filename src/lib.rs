//! A hardware abstraction layer for optical disc testers.
#![cfg_attr(not(feature = "std"), no_std)]

pub mod hal;

#[cfg(feature = "std")]
pub mod format;
#[cfg(feature = "std")]
pub mod media;
#[cfg(feature = "std")]
pub mod record;
#[cfg(feature = "std")]
pub mod signal;
