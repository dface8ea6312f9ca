//! What goes into a step and what comes out.

use crate::hal::{
    Electrode, Error, LaserArraySpec, Microwatts, Millivolts, MillivoltsPerSecond, Outcome, ShotId, ShotPlan, Source,
    SupplySpec,
};

/// Times and counts of the core. Times are in microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Config {
    /// How old the proof of life may be while a shot waits or writes.
    pub write_lease: u32,
    /// How old it may be before everything goes to its safe state.
    pub hold_lease: u32,
    /// How long a token can be fired.
    pub token_life: u32,
    /// From arm to the first moment at which a token is accepted: the time that the
    /// emission indicator must precede the light (IEC 60825-1, classes 3B and 4).
    pub emission_delay: u32,
    /// Bad frames that are borne within [`bad_window`](Self::bad_window) while armed.
    pub bad_frames: u8,
    /// The window in which bad frames are counted, from the first of them on.
    pub bad_window: u32,
    /// The longest wait for a trigger, and the longest delay of a spot.
    pub wait_max: u32,
    /// By how much a shot may last longer than planned, in percent: the clock of a
    /// groove may be slower than its nominal one.
    pub overrun: u8,
    /// The longest time between two looks at the part: the core learns so much too
    /// late that a shot has ended by itself.
    pub poll: u32,
    /// The longest time between two steps: a fired shot is ended by so much before
    /// its lease runs out, since the next step would be too late.
    pub tick: u32,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            write_lease: 100_000,
            hold_lease: 5_000_000,
            token_life: 10_000_000,
            emission_delay: 0,
            bad_frames: 8,
            bad_window: 1_000_000,
            wait_max: 10_000_000,
            overrun: 25,
            poll: 5_000,
            tick: 1_000,
        }
    }
}

/// What the steps of a bench are judged by. The same at every step.
#[derive(Debug, Clone, Copy)]
pub struct Limits<'a> {
    /// Times and counts.
    pub config: &'a Config,
    /// The lasers.
    pub lasers: &'a LaserArraySpec,
    /// The electrode supply, if there is one.
    pub supply: Option<&'a SupplySpec>,
}

bitflags::bitflags! {
    /// Levels at the device's inputs.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
    pub struct Inputs: u8 {
        /// The remote interlock or a housing interlock is open.
        const INTERLOCK_OPEN = 1 << 0;
        /// The key is off.
        const KEY_OFF = 1 << 1;
        /// Focus isn't locked.
        const FOCUS_LOST = 1 << 2;
        /// Tracking isn't locked.
        const TRACKING_LOST = 1 << 3;
        /// The disc doesn't turn at its speed.
        const SPINDLE_OFF_SPEED = 1 << 4;
        /// The monitor sees what wasn't commanded.
        const MONITOR_FAULT = 1 << 5;
    }
}

bitflags::bitflags! {
    /// What the device does at once, before anything else.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
    pub struct Effects: u8 {
        /// Every source dark; running shots end.
        const LASERS_OFF = 1 << 0;
        /// Every electrode to its declared safe state.
        const ELECTRODES_SAFE = 1 << 1;
        /// Focus and tracking released.
        const SERVOS_RELEASE = 1 << 2;
    }
}

/// What a request may do, and so how fresh it must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Class {
    /// Changes nothing.
    Read,
    /// Sets something to an absolute value.
    Set,
    /// Happens at most once; as fresh as the write lease.
    Shot,
}

/// Something that happens to the device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event<'e> {
    /// Time has passed.
    Tick,
    /// A host asks for a session. Answered by `Welcome`, `Busy` or `Drop`.
    Hello {
        /// Picked by the host, another one for each session that it wants.
        nonce: u64,
        /// The session that this host holds and gives up; 0 for none.
        ends: u64,
    },
    /// A host's request, before it is looked into. Answered by `Execute`, `Repeat`
    /// or `Refuse`; the event of the request itself follows `Execute`.
    Request {
        /// The session that it is for.
        session: u64,
        /// Its number, one more than that of the last.
        sequence: u32,
        /// The device's own time as it was when the echoed challenge was issued.
        stamp: u64,
        /// What it may do.
        class: Class,
    },
    /// The host leaves; everything is made safe.
    Bye {
        /// Its session.
        session: u64,
    },
    /// A constant power. Zero is always allowed.
    SetPower {
        /// The source.
        source: Source,
        /// Its power.
        power: Microwatts,
    },
    /// May a strategy with these powers be handed to the part?
    Load {
        /// The source that it is for.
        source: Source,
        /// Power of the pulses.
        peak: Microwatts,
        /// Power between them.
        bias: Microwatts,
    },
    /// The part took this strategy.
    Loaded {
        /// The source that it is for.
        source: Source,
        /// Power of the pulses.
        peak: Microwatts,
        /// Power between them.
        bias: Microwatts,
    },
    /// A shot is announced. Answered by `Shot`.
    Begin {
        /// What it will be.
        plan: &'e ShotPlan,
    },
    /// May these run lengths be handed to the part?
    Feed {
        /// The shot.
        shot: ShotId,
        /// The source that they are for.
        source: Source,
        /// Sum of the run lengths, in channel bits.
        bits: u64,
    },
    /// The part took these run lengths.
    Fed {
        /// The shot.
        shot: ShotId,
        /// The source that they are for.
        source: Source,
        /// Sum of the run lengths, in channel bits.
        bits: u64,
    },
    /// Answered by `Token`.
    Arm {
        /// The shot.
        shot: ShotId,
    },
    /// The part refused to arm, or the host thinks better: the token is void.
    Disarm {
        /// The shot.
        shot: ShotId,
    },
    /// The token comes back: the shot starts at its trigger.
    Fire {
        /// The shot.
        shot: ShotId,
        /// The hash of the plan that was armed.
        plan: u64,
        /// The number of the token.
        nonce: u64,
    },
    /// What the part says of a shot. Answered by `Outcome`.
    Observed {
        /// The shot.
        shot: ShotId,
        /// What the part says; `Unknown` if it can't.
        outcome: Outcome,
    },
    /// What became of a shot? Answered by `Outcome`, or by `Ask` while it is open.
    OutcomeOf {
        /// The shot.
        shot: ShotId,
    },
    /// Clears the trips whose cause is gone. Nothing comes back by itself.
    ClearTrip,
    /// All sources dark; open shots end.
    LasersOff,
    /// Everything safe, from anybody, without a session.
    Off,
    /// A voltage of an electrode.
    Voltage {
        /// The electrode.
        electrode: Electrode,
        /// Its voltage.
        voltage: Millivolts,
        /// Its rate of change; zero only for an output that declares no rate (`slew_max` of zero).
        slew: MillivoltsPerSecond,
    },
    /// Every electrode to its declared safe state.
    ElectrodesSafe,
    /// The inputs as they stand.
    Inputs(Inputs),
    /// A frame came that is none.
    BadFrame,
}

/// Why a request isn't executed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Refusal {
    /// There is no such session (any more).
    NoSession,
    /// Neither the next sequence number nor the last one.
    Sequence,
    /// The echoed challenge is too old.
    Stale {
        /// Its age; 0 if it is from the future.
        age_us: u64,
    },
    /// All session numbers of this boot are used up: restart the device.
    Exhausted,
}

/// The core's answer to an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Verdict {
    /// Nothing to answer.
    Quiet,
    /// Don't answer at all.
    Drop,
    /// The session that the host is given.
    Welcome {
        /// Its number.
        session: u64,
    },
    /// Another host holds the bench.
    Busy {
        /// Since when, by the device's clock.
        since: u64,
    },
    /// Execute the request.
    Execute,
    /// Send the last reply once more; execute nothing.
    Repeat,
    /// Execute nothing.
    Refuse(Refusal),
    /// Do it.
    Allowed,
    /// The shot has begun.
    Shot(ShotId),
    /// The shot is armed.
    Token {
        /// The shot.
        shot: ShotId,
        /// The hash of its plan.
        plan: u64,
        /// The number of the token.
        nonce: u64,
    },
    /// Ask the part and send [`Event::Observed`].
    Ask,
    /// How the shot stands, for the host.
    Outcome(Outcome),
    /// Not allowed; nothing has changed.
    Error(Error),
}

/// What follows from an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use = "the effects have to be carried out"]
pub struct Step {
    /// The answer.
    pub verdict: Verdict,
    /// What the device does first.
    pub effects: Effects,
}
