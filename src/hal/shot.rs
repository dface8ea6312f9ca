//! Shots: what is written, when, and what became of it.

use super::few::Few;
use super::laser::Source;
use super::trigger::Trigger;
use super::units::{Hertz, Nanojoules, Picoseconds};

/// A shot, as numbered by the bench; never used again after a restart of either side.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct ShotId(pub u64);

/// Where the channel clock of a shot comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ShotClock {
    /// A fixed oscillator.
    Fixed(Hertz),
    /// Locked to the wobble of the groove, so that a channel bit has the same
    /// length everywhere though the speed wavers. The frequency is the nominal one.
    /// (The simulated bench takes the place of its spot on the track for this clock, as of a
    /// loop without error that has found the wobble; it needs no wobble in the medium.)
    Groove(Hertz),
}

impl ShotClock {
    /// The nominal channel clock.
    pub const fn nominal(self) -> Hertz {
        match self {
            Self::Fixed(f) | Self::Groove(f) => f,
        }
    }
}

/// One spot of a shot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct ShotSpot {
    /// The source that makes it.
    pub source: Source,
    /// Its start relative to the common trigger.
    pub delay: Picoseconds,
}

/// What a shot will be. All spots share one clock and one trigger.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ShotPlan {
    /// The spots, at least one.
    pub spots: Few<ShotSpot, 8>,
    /// What starts it.
    pub trigger: Trigger,
    /// Its channel clock.
    pub clock: ShotClock,
    /// Its length in channel bits: the sum of all run lengths that will be fed
    /// for each source. The light goes out here whatever is fed.
    pub length: u64,
    /// The greatest energy it may take, over all sources.
    pub energy_max: Nanojoules,
}

impl ShotPlan {
    /// A shot of one source without delay.
    pub fn single(source: Source, trigger: Trigger, clock: ShotClock, length: u64, energy_max: Nanojoules) -> Self {
        let mut spots = Few::new();
        let _fits = spots.push(ShotSpot { source, delay: Picoseconds::ZERO });
        Self { spots, trigger, clock, length, energy_max }
    }

    /// A number that changes with every field (FNV-1a, 64 bits): an arm token is
    /// bound to it.
    pub fn hash(&self) -> u64 {
        let mut hash = Fnv::new();
        for spot in self.spots.iter() {
            hash.add(u64::from(spot.source.0));
            hash.add(spot.delay.0.cast_unsigned());
        }
        let (kind, address) = match self.trigger {
            Trigger::Now => (0, 0),
            Trigger::Index => (1, 0),
            Trigger::Address(a) => (2, u64::from(a.0)),
        };
        let clock = match self.clock {
            ShotClock::Fixed(_) => 0,
            ShotClock::Groove(_) => 1,
        };
        for word in [kind, address, clock, u64::from(self.clock.nominal().0), self.length, self.energy_max.0] {
            hash.add(word);
        }
        hash.0
    }
}

struct Fnv(u64);

impl Fnv {
    const fn new() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }

    fn add(&mut self, word: u64) {
        for byte in word.to_le_bytes() {
            self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }
}

/// Leave to fire one shot once. Given out by the bench, not to be copied.
#[derive(Debug, PartialEq, Eq)]
#[must_use = "an armed shot that isn't fired stays dark; the token runs out"]
pub struct ArmToken {
    shot: ShotId,
    plan: u64,
    nonce: u64,
}

impl ArmToken {
    /// For driver authors: a token for `shot`, bound to [`ShotPlan::hash`] and a
    /// number that the bench never gives out twice.
    pub const fn new(shot: ShotId, plan: u64, nonce: u64) -> Self {
        Self { shot, plan, nonce }
    }

    /// The shot that it fires.
    pub const fn shot(&self) -> ShotId {
        self.shot
    }

    /// The hash of the plan that was armed.
    pub const fn plan(&self) -> u64 {
        self.plan
    }

    /// The number that makes it unique.
    pub const fn nonce(&self) -> u64 {
        self.nonce
    }
}

/// Why a shot ended before its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum AbortCause {
    /// Focus was lost.
    Focus,
    /// Tracking was lost.
    Tracking,
    /// An interlock opened.
    Interlock,
    /// A limit of power, energy or duration was met.
    Limit,
    /// The lease ran out.
    Lease,
    /// `off` was called.
    Off,
    /// The spindle left its speed.
    Spindle,
}

impl core::fmt::Display for AbortCause {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::Focus => "focus was lost",
            Self::Tracking => "tracking was lost",
            Self::Interlock => "an interlock opened",
            Self::Limit => "a limit was met",
            Self::Lease => "the lease ran out",
            Self::Off => "the lasers were switched off",
            Self::Spindle => "the spindle left its speed",
        })
    }
}

/// What became of a shot. Places are in channel bits from its start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Outcome {
    /// Begun, perhaps fired, but nothing has been emitted yet.
    Pending,
    /// Emitting; so much is done.
    Running {
        /// Channel bits written.
        at: u64,
    },
    /// It happened, whole.
    Done,
    /// It did not happen and never will.
    NotDone,
    /// The bench can't tell whether it happened: treat the place as written and as bad.
    Unknown,
    /// The buffer ran empty; the light went out.
    Underrun {
        /// Channel bits written.
        at: u64,
    },
    /// Ended early; the light went out.
    Aborted {
        /// Channel bits written.
        at: u64,
        /// Why.
        cause: AbortCause,
    },
}

impl Outcome {
    /// Whether it can still change.
    pub const fn is_open(self) -> bool {
        matches!(self, Self::Pending | Self::Running { .. })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hal::Address;

    #[test]
    fn the_hash_of_a_plan_sees_every_field() {
        let base = ShotPlan::single(Source(0), Trigger::Now, ShotClock::Fixed(Hertz(5)), 9, Nanojoules(1));
        let mut others = [base; 7];
        others[0].trigger = Trigger::Index;
        others[1].trigger = Trigger::Address(Address(1));
        others[2].clock = ShotClock::Groove(Hertz(5));
        others[3].clock = ShotClock::Fixed(Hertz(6));
        others[4].length = 10;
        others[5].energy_max = Nanojoules(2);
        others[6].spots[0].delay = Picoseconds(1);
        assert!(others.iter().all(|o| o.hash() != base.hash()));
    }
}
