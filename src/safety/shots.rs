//! Shots, from the plan to the outcome.

use super::checks::{Measure, bit};
use super::event::{Effects, Inputs, Limits, Verdict};
use super::rules::{Rule, holds};
use super::state::{SHOTS, State, flag, joined};
use crate::hal::{AbortCause, ErrorKind, LaserStatus, Outcome, Part, ShotId, ShotPlan, Source, Trigger};

/// Where a shot stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Phase {
    Begun,
    /// A token is out.
    Armed {
        nonce: u64,
        since: u64,
    },
    /// Fired; the trigger, or the shot before it, isn't there yet.
    Waiting {
        since: u64,
    },
    /// Fired; emits since then at the earliest. `seen`: the part said so.
    Writing {
        since: u64,
        seen: bool,
    },
    /// Ended by the core; the part hasn't said where.
    Closing {
        since: u64,
        cause: AbortCause,
        seen: bool,
    },
}

/// A shot that isn't over.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Shot {
    /// Its number within the boot.
    pub(super) number: u32,
    pub(super) phase: Phase,
    /// Hash of its plan.
    pub(super) plan: u64,
    /// Whether it waits for a trigger.
    pub(super) waits: bool,
    /// Length in channel bits.
    pub(super) length: u64,
    /// Its sources, a bit each.
    pub(super) sources: u8,
    /// Sum of their greatest powers, in microwatts.
    pub(super) power: u32,
    /// The longest time that it may emit, in microseconds.
    pub(super) light_max: u64,
    /// Channel bits fed, by source.
    pub(super) fed: [u64; 8],
}

impl Shot {
    /// Whether it is armed, waits or writes.
    pub(super) const fn is_hot(&self) -> bool {
        matches!(self.phase, Phase::Armed { .. } | Phase::Waiting { .. } | Phase::Writing { .. })
    }

    const fn is_open(&self) -> bool {
        !matches!(self.phase, Phase::Closing { .. })
    }

    /// Whether each of its sources has been fed.
    fn is_fed(&self) -> bool {
        (0u8..).zip(&self.fed).all(|(i, &fed)| fed > 0 || self.sources & bit(Source(i)) == 0)
    }
}

/// The number of the `counter`th token: a bijection, so that none comes twice, which
/// shows nothing of the counter (the finaliser of Steele, Lea and Flood's SplitMix).
const fn scrambled(counter: u64) -> u64 {
    let x = counter.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

impl State {
    /// The number of a shot of this boot.
    fn number(&self, shot: ShotId) -> Option<u32> {
        u32::try_from(shot.0 ^ self.shot_id(0)).ok()
    }

    /// A number within the boot as one for all times.
    pub(super) fn shot_id(&self, number: u32) -> u64 {
        joined(if holds(Rule::ShotBoot) { self.boot } else { 0 }, number)
    }

    fn shot(&self, id: ShotId) -> Option<&Shot> {
        let number = self.number(id)?;
        self.shots.iter().flatten().find(|s| s.number == number)
    }

    fn shot_mut(&mut self, id: ShotId) -> Option<&mut Shot> {
        let number = self.number(id)?;
        self.shots.iter_mut().flatten().find(|s| s.number == number)
    }

    fn remembered(&self, id: ShotId) -> Option<Outcome> {
        self.number(id).and_then(|number| self.ring.get(number))
    }

    /// Why a shot can't be fed or armed: over, or never heard of.
    fn gone(&self, id: ShotId) -> ErrorKind {
        let over = self.shot(id).is_some() || self.remembered(id).is_some();
        if over { ErrorKind::WrongState } else { ErrorKind::InvalidArgument }
    }

    pub(super) fn begin(&mut self, plan: &ShotPlan, limits: &Limits<'_>) -> Verdict {
        let laser = |kind| self.error(Part::Laser, kind);
        if !self.is_held_within(limits.config.hold_lease) {
            return laser(ErrorKind::WrongState);
        }
        let measure = match self.measure(plan, limits) {
            Ok(measure) => measure,
            Err(kind) => return laser(kind),
        };
        let open = self.shots.iter().flatten().filter(|s| s.is_open()).count();
        if open >= SHOTS.min(usize::from(limits.lasers.queue)) || self.shots.iter().all(Option::is_some) {
            return laser(ErrorKind::Full);
        }
        let Some(number) = self.begun.checked_add(1) else { return laser(ErrorKind::Fault) };
        let Some(slot) = self.shots.iter_mut().find(|s| s.is_none()) else {
            return self.error(Part::Laser, ErrorKind::Full);
        };
        *slot = Some(Shot {
            number,
            phase: Phase::Begun,
            plan: plan.hash(),
            waits: plan.trigger != Trigger::Now,
            length: plan.length,
            sources: measure.sources,
            power: measure.power,
            light_max: measure.light_max,
            fed: [0; 8],
        });
        self.begun = number;
        Verdict::Shot(ShotId(self.shot_id(number)))
    }

    pub(super) fn feed(&mut self, id: ShotId, source: Source, bits: u64, taken: bool) -> Verdict {
        let gone = self.gone(id);
        let Some(shot) = self.shot_mut(id).filter(|s| s.is_open()) else { return self.error(Part::Laser, gone) };
        let sources = shot.sources;
        let length = shot.length;
        let Some(fed) = shot.fed.get_mut(usize::from(source.0)).filter(|_| sources & bit(source) != 0) else {
            return self.error(Part::Laser, ErrorKind::InvalidArgument);
        };
        match fed.checked_add(bits).filter(|&sum| sum <= length) {
            Some(sum) if taken => *fed = sum,
            Some(_) => {}
            None => return self.error(Part::Laser, ErrorKind::OutOfRange),
        }
        Verdict::Allowed
    }

    /// Whether a shot may be armed now: as the parts check it, and in their order.
    fn may_arm(&self, limits: &Limits<'_>) -> Result<(), ErrorKind> {
        if !self.is_held_within(limits.config.write_lease) {
            return Err(ErrorKind::WrongState);
        }
        if self.is_interlock_open() {
            return Err(ErrorKind::Interlock);
        }
        let lost = [
            (Inputs::FOCUS_LOST, ErrorKind::FocusLost),
            (Inputs::TRACKING_LOST, ErrorKind::TrackingLost),
            (Inputs::SPINDLE_OFF_SPEED, ErrorKind::WrongState),
            (Inputs::MONITOR_FAULT, ErrorKind::Tripped),
        ];
        match lost.iter().find(|(input, _)| self.inputs.contains(*input)) {
            Some((_, kind)) => Err(*kind),
            None => self.may_be_lit(limits),
        }
    }

    pub(super) fn arm(&mut self, id: ShotId, limits: &Limits<'_>) -> Verdict {
        let laser = |kind| self.error(Part::Laser, kind);
        if let Err(kind) = self.may_arm(limits) {
            return laser(kind);
        }
        let Some(shot) = self.shot(id) else { return laser(self.gone(id)) };
        if !matches!(shot.phase, Phase::Begun | Phase::Armed { .. }) || !shot.is_fed() {
            return laser(ErrorKind::WrongState);
        }
        // What was made dark has to be over before anything else is armed.
        if !self.shots.iter().flatten().all(Shot::is_open) {
            return laser(ErrorKind::Busy);
        }
        let measure = Measure { sources: shot.sources, power: shot.power, light_max: shot.light_max };
        if !self.fits_beside(measure, limits) {
            return laser(ErrorKind::OutOfRange);
        }
        let Some(armed) = self.armed.checked_add(1) else { return laser(ErrorKind::Fault) };
        self.armed = armed;
        let (nonce, since) = (scrambled(joined(self.boot, armed)), self.now);
        let Some(shot) = self.shot_mut(id) else { return Verdict::Quiet };
        shot.phase = Phase::Armed { nonce, since };
        Verdict::Token { shot: id, plan: shot.plan, nonce }
    }

    pub(super) fn disarm(&mut self, id: ShotId) -> Verdict {
        if let Some(shot) = self.shot_mut(id)
            && matches!(shot.phase, Phase::Armed { .. })
        {
            shot.phase = Phase::Begun;
        }
        Verdict::Allowed
    }

    pub(super) fn fire(&mut self, id: ShotId, plan: u64, nonce: u64, limits: &Limits<'_>) -> Verdict {
        if let Err(kind) = self.may_be_lit(limits) {
            return self.error(Part::Laser, kind);
        }
        let stale = ErrorKind::StaleToken;
        // Tokens die with the write lease; this says so once more.
        if !self.is_held_within(limits.config.write_lease) {
            return self.error(Part::Laser, stale);
        }
        let (now, first) = (self.now, !self.is_fired());
        let Some(shot) = self.shot_mut(id) else { return self.error(Part::Laser, stale) };
        match shot.phase {
            Phase::Armed { nonce: own, since } if own == nonce && shot.plan == plan => {
                if now.saturating_sub(since) < u64::from(limits.config.emission_delay) {
                    return self.error(Part::Laser, ErrorKind::Busy);
                }
            }
            Phase::Waiting { .. } | Phase::Writing { .. } if !holds(Rule::TokenConsumed) => {}
            _ => return self.error(Part::Laser, stale),
        }
        // Here the token is gone, before any light.
        shot.phase = if first && !shot.waits {
            Phase::Writing { since: now, seen: false }
        } else {
            Phase::Waiting { since: now }
        };
        Verdict::Allowed
    }

    /// A fired shot is over: those behind it come nearer.
    fn follow(&mut self) {
        if self.shots.iter().flatten().any(|s| matches!(s.phase, Phase::Writing { .. })) {
            return;
        }
        let now = self.now;
        let waiting = self.shots.iter_mut().flatten().filter(|s| matches!(s.phase, Phase::Waiting { .. }));
        let mut first: Option<&mut Shot> = None;
        for shot in waiting {
            shot.phase = Phase::Waiting { since: now };
            if first.as_ref().is_none_or(|f| shot.number < f.number) {
                first = Some(shot);
            }
        }
        if let Some(shot) = first.filter(|s| !s.waits) {
            shot.phase = Phase::Writing { since: now, seen: false };
        }
    }

    /// Whether a shot waits or emits longer than it may. `over` has ended.
    pub(super) fn lasts_too_long(&self, limits: &Limits<'_>, over: Option<ShotId>) -> bool {
        let wait_max = u64::from(limits.config.wait_max).saturating_add(u64::from(limits.config.poll));
        let writing = self.shots.iter().flatten().any(|s| matches!(s.phase, Phase::Writing { .. }));
        let over = over.and_then(|id| self.number(id));
        self.shots.iter().flatten().filter(|s| Some(s.number) != over).any(|shot| match shot.phase {
            // While another one writes it isn't the trigger that is waited for.
            Phase::Waiting { since } => !writing && self.since(since) > wait_max,
            Phase::Writing { since, .. } => self.since(since) > shot.light_max,
            _ => false,
        })
    }

    /// Nobody can tell what became of a shot whose part keeps silent after its end,
    /// nor whether it is dark.
    pub(super) fn forget_silent(&mut self, limits: &Limits<'_>) -> Effects {
        let (now, patience) = (self.now, u64::from(limits.config.write_lease));
        let mut silent = false;
        let Self { shots, ring, .. } = self;
        for slot in shots {
            if let Some(Shot { number, phase: Phase::Closing { since, .. }, .. }) = slot
                && now.saturating_sub(*since) > patience
            {
                ring.push(*number, Outcome::Unknown);
                *slot = None;
                silent = true;
            }
        }
        if silent { self.trip(AbortCause::Limit, LaserStatus::TRIP_MONITOR) } else { Effects::empty() }
    }

    pub(super) fn observe(&mut self, id: ShotId, said: Outcome, effects: &mut Effects) -> Verdict {
        let now = self.now;
        let Some(shot) = self.shot_mut(id) else {
            return self.remembered(id).map_or(Verdict::Quiet, Verdict::Outcome);
        };
        let (number, phase) = (shot.number, shot.phase);
        let outcome = match (phase, said) {
            (Phase::Begun | Phase::Armed { .. }, Outcome::Pending | Outcome::NotDone | Outcome::Unknown) => said,
            (Phase::Begun | Phase::Armed { .. }, _) => {
                // Light that nobody asked for.
                *effects |= self.trip_with(number, Outcome::Unknown, AbortCause::Limit, LaserStatus::TRIP_MONITOR);
                return Verdict::Outcome(Outcome::Unknown);
            }
            (_, Outcome::Pending) => said,
            (Phase::Waiting { .. } | Phase::Writing { .. }, Outcome::Unknown) => {
                // It may emit, and nobody watches it.
                *effects |= self.trip_with(number, said, AbortCause::Limit, LaserStatus::TRIP_MONITOR);
                return Verdict::Outcome(said);
            }
            (_, Outcome::Running { .. }) => {
                shot.phase = match phase {
                    Phase::Waiting { .. } => Phase::Writing { since: now, seen: true },
                    Phase::Writing { since, .. } => Phase::Writing { since, seen: true },
                    Phase::Closing { since, cause, .. } => Phase::Closing { since, cause, seen: true },
                    other => other,
                };
                said
            }
            (Phase::Writing { seen: true, .. } | Phase::Closing { seen: true, .. }, Outcome::NotDone) => {
                Outcome::Unknown
            }
            (Phase::Closing { cause, .. }, Outcome::Aborted { at, cause: AbortCause::Off }) => {
                Outcome::Aborted { at, cause }
            }
            (Phase::Waiting { .. } | Phase::Writing { .. }, Outcome::Aborted { cause, .. })
                if cause != AbortCause::Off =>
            {
                // The part trips by itself, sooner than the core can.
                *effects |= self.trip_with(number, said, cause, flag(cause));
                return Verdict::Outcome(said);
            }
            _ => said,
        };
        if !outcome.is_open() {
            self.end(number, outcome);
            self.follow();
        }
        Verdict::Outcome(outcome)
    }

    fn end(&mut self, number: u32, outcome: Outcome) {
        for slot in &mut self.shots {
            if slot.as_ref().is_some_and(|s| s.number == number) {
                *slot = None;
            }
        }
        self.ring.push(number, outcome);
    }

    fn trip_with(&mut self, number: u32, outcome: Outcome, cause: AbortCause, flag: LaserStatus) -> Effects {
        self.end(number, outcome);
        self.trip(cause, flag)
    }

    pub(super) fn outcome_of(&self, id: ShotId) -> Verdict {
        if self.shot(id).is_some() {
            return Verdict::Ask;
        }
        if let Some(outcome) = self.remembered(id) {
            return Verdict::Outcome(outcome);
        }
        // A number that has not been given out isn't a shot that was forgotten. Of
        // other boots, whose numbers may be random, nobody can tell.
        let counter = id.0 & u64::from(u32::MAX);
        if counter > 0 && self.number(id).is_none_or(|number| number <= self.begun) {
            Verdict::Outcome(if holds(Rule::Forgotten) { Outcome::Unknown } else { Outcome::NotDone })
        } else {
            self.error(Part::Laser, ErrorKind::InvalidArgument)
        }
    }
}
