//! The device's safety core: who may make light, when, and what became of it.
//!
//! One pure state machine, [`step`]: a state, the device's clock and an event go
//! in; the next state, a [`Verdict`] and the [`Effects`] that must follow come
//! out. It knows nothing of bytes, has no allocator, no float and no panic, so the
//! same code is the core of a firmware, stands behind a simulated bench, and is
//! explored exhaustively by its tests.
//!
//! # For authors of a driver
//!
//! A driver that speaks a tester's own language puts [`Guarded`] around what fires its
//! lasers: numbers, tokens, outcomes and limits are kept by it. The rest of this page is
//! for those who drive the core themselves.
//!
//! # For authors of a device
//!
//! - Ask first, act after: hand over the event, then carry out `effects`, and only
//!   then what the verdict allows. The core counts an allowed output as lit.
//! - Send [`Event::Inputs`] at every tick, with the levels as they stand. Set
//!   `FOCUS_LOST`, `TRACKING_LOST` and `SPINDLE_OFF_SPEED` only while a shot would
//!   be spoilt by them.
//! - At every tick, and at once after `LASERS_OFF`, ask the part about each of
//!   [`State::open_shots`] and send [`Event::Observed`]; a part that answers with an
//!   error is [`Outcome::Unknown`]. What a part refuses after the core allowed it is
//!   undone by [`Event::Disarm`], or by `Observed` with `NotDone`.
//! - Parts may latch trips of their own: clear those too where the core allows
//!   [`Event::ClearTrip`].
//! - Before whatever event, a step does what the clock asks for: leases, tokens and
//!   shots that last too long. A tick that comes late lets nothing through.
//!
//! # What it promises
//!
//! - Above its read power a source emits only inside a shot that was armed and fired
//!   in the present session; the token of a shot fires once.
//! - Shots end when the *write lease* has run out, everything else when the *hold
//!   lease* has. Both count from the issue of the challenge that the host echoes,
//!   never from the arrival of a frame: a stalled link keeps no dead host alive.
//! - After a trip nothing is lit until the trip is cleared, and no shot is written
//!   until another one is armed.
//! - [`Event::Off`] works in every state, for everybody.
//! - Session, shot and token numbers are never used again; where a counter ends,
//!   the core refuses.
//!
//! # Decisions
//!
//! - An open interlock (or the key) blocks light and arming. It latches a trip only
//!   if something was lit, armed or fired: opening the door of a dark bench needs
//!   no clearing. A monitor that sees what wasn't commanded always latches.
//! - A trip makes the lasers dark. Electrodes and servos are left alone, except by
//!   the hold lease, the end of a session, and `Off`.
//! - Tokens die with the write lease, without a trip as long as nothing was fired.
//! - The energy of a shot is counted at its peak power all the time, more than any
//!   strategy takes: a plan declares it so.
//! - Light of a shot whose trigger is `Now` counts from `Fire`, or from the end of
//!   the shot before it.
//!
//! This is not a certified safety function: interlock, key, current clamp and
//! watchdog are hardware.
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects,
        clippy::as_conversions,
        clippy::panic
    )
)]

#[cfg(feature = "std")]
mod boot;
mod checks;
mod event;
#[cfg(test)]
mod explore;
#[cfg(test)]
mod explore_ghost;
mod guarded;
#[cfg(test)]
mod guarded_tests;
mod ring;
#[cfg(not(feature = "broken-rules"))]
pub(crate) mod rules;
#[cfg(feature = "broken-rules")]
pub mod rules;
mod session;
mod shots;
mod state;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod tests_bench;

#[cfg(feature = "std")]
pub use boot::boot;
pub use event::{Class, Config, Effects, Event, Inputs, Limits, Refusal, Step, Verdict};
pub use guarded::{Guarded, LaserHardware};
pub use state::State;

#[cfg(doc)]
use crate::hal::Outcome;

/// One step: the state after `event` at `now`, and what follows from it.
///
/// `now` is the device's clock in microseconds; it doesn't run backwards (if it
/// does, the latest time holds). [`State::apply`] is the same in place.
#[must_use = "the effects have to be carried out"]
pub fn step(state: &State, now: u64, event: Event<'_>, limits: &Limits<'_>) -> (State, Step) {
    let mut next = state.clone();
    let step = next.apply(now, event, limits);
    (next, step)
}
