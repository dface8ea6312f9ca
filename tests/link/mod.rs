//! The link simulation: the real host half, the real device half, and a faulty link
//! between them, in one thread, in virtual time. A seed decides all that happens.
//!
//! - [`world`]: the clock, the queue of what will happen, the device and its ticks;
//! - [`line`]: the link and its faults;
//! - [`ghost`]: what really happens at the bench, and the invariants; it never asks
//!   the code under test;
//! - [`parts`]: the fake bench;
//! - [`script`]: what a host does, and what it may believe.
// The test and the example each use their part of it.
#![allow(dead_code, unreachable_pub, missing_debug_implementations)]

pub mod counts;
pub mod ghost;
pub mod line;
pub mod parts;
pub mod random;
pub mod script;
pub mod settings;
pub mod trace;
pub mod world;

pub use counts::Counts;
pub use settings::Settings;

/// What one seed came to.
pub struct Run {
    pub counts: Counts,
    /// A number that changes with everything that happened.
    pub print: u64,
    /// An invariant that was broken, told in words.
    pub violation: Option<String>,
}

/// Runs a seed to its end, or to the first broken invariant.
pub fn run(seed: u64) -> Run {
    run_with(Settings::of(seed))
}

/// The same with settings of one's own.
pub fn run_with(settings: Settings) -> Run {
    let world = world::World::shared(settings);
    script::play(&world);
    let mut world = world.lock().expect("the simulation has one thread");
    world.finish()
}
