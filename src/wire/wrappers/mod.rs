//! Pipes around pipes, and pipes without a device: for looking at a link, for
//! repeating a run, for spoiling a link on purpose.
//!
//! | pipe | what it does |
//! |---|---|
//! | [`Traced`] | writes down what passes, to be read by people |
//! | [`Recorded`] | writes down what passes, to be repeated |
//! | [`Replay`] | repeats a recorded run in virtual time, and checks what is written |
//! | [`Faulty`] | flips, drops, doubles, delays, cuts: by seed |
//! | [`WrongBaud`] | what arrives when the two ends run at different rates |
//! | [`loopback()`] | two pipes joined to each other, in memory |

mod baud;
mod faulty;
mod loopback;
mod random;
mod recorded;
mod recording;
mod replay;
mod traced;

#[cfg(test)]
mod faulty_tests;
#[cfg(test)]
mod recording_tests;

pub use baud::{Framing, WrongBaud, resample};
pub use faulty::{Faults, Faulty, Injected};
pub use loopback::{LoopbackEnd, loopback, loopback_with_capacity};
pub use recorded::Recorded;
pub use recording::RecordingError;
pub use replay::Replay;
pub use traced::{Describe, Traced};
