//! A laser array with a defect.

use core::sync::atomic::{AtomicU32, Ordering};
use std::collections::BTreeMap;

use disc_hal::hal::{
    Address, ArmToken, Error, ErrorKind, Few, Hertz, LaserArray, LaserArraySpec, LaserStatus, Microwatts, Nanojoules,
    Outcome, Part, Picoseconds, Result, ShotClock, ShotId, ShotPlan, ShotSpot, Source, Trigger, WriteStrategy,
};

use super::{Defect, spoiled};
use crate::parts::SimLasers;
use crate::world::lasers::Phase;

/// Light that nobody commanded, in milliwatts.
const STRAY: f64 = 0.9;

/// Channel bits by which a shot is too long: half a sector of marks.
const OVERRUN: u64 = 20_000;

/// What is remembered of a shot.
#[derive(Debug, Clone)]
struct Memory {
    plan: ShotPlan,
    runs: Vec<u8>,
    token: Option<(u64, u64)>,
    fired: bool,
    /// Whether its end has been seen.
    over: bool,
    /// Whether it only seems to happen.
    lost: bool,
}

#[derive(Debug)]
pub(super) struct BadLasers {
    inner: SimLasers,
    spec: LaserArraySpec,
    other: LaserArraySpec,
    asked: AtomicU32,
    defect: Defect,
    /// The power that was asked for last.
    power: Microwatts,
    strategy: Option<WriteStrategy>,
    shots: BTreeMap<u64, Memory>,
    calls: u32,
}

fn error<T>(kind: ErrorKind) -> Result<T> {
    Err(Error::new(Part::Laser, kind))
}

impl BadLasers {
    pub(super) fn new(inner: SimLasers, defect: Defect) -> Self {
        let mut spec = inner.spec;
        match defect {
            Defect::WrongUnits => spec.sources[0].wavelength.0 /= 1_000,
            Defect::LaserSpecContradicts => spec.clock_max = Hertz(spec.clock_min.0 / 2),
            Defect::BufferSmaller => spec.buffer_runs *= 2,
            _ => {}
        }
        let mut other = spec;
        if defect == Defect::SpecChanges {
            other.energy_max.0 += 1;
        }
        let (asked, shots) = (AtomicU32::new(0), BTreeMap::new());
        let power = Microwatts::ZERO;
        Self { inner, spec, other, asked, defect, power, strategy: None, shots, calls: 0 }
    }

    fn which(&self, source: Source) -> Source {
        if self.defect == Defect::AnySourceIsFirst { Source(0) } else { source }
    }

    fn light(&mut self, power: Microwatts) {
        // What a broken bench does it doesn't report.
        let _ignored = self.inner.set_power(Source(0), power);
    }

    fn stray(&mut self, milliwatts: f64) {
        self.inner.world.lock().broken.stray_light = milliwatts;
    }

    fn do_set_power(&mut self, source: Source, power: Microwatts) -> Result<Microwatts> {
        let most = self.spec.sources[0].read_max;
        let source = self.which(source);
        let applied = match self.defect {
            Defect::PowerCoarse => {
                self.inner.set_power(source, Microwatts((power.0 + 200) / 400 * 400))?;
                Ok(power)
            }
            Defect::PowerEchoed => self.inner.set_power(source, power).map(|_| power),
            Defect::PowerLies if power.0 > 0 => {
                self.inner.set_power(source, Microwatts(800 + power.0 / 5))?;
                Ok(power)
            }
            Defect::ShutterClosed => self.inner.set_power(source, power).and_then(|applied| {
                self.inner.set_power(source, Microwatts::ZERO)?;
                Ok(applied)
            }),
            Defect::ZeroGlows if power.0 == 0 => self.inner.set_power(source, Microwatts(100)),
            Defect::IgnoresReadMax if power > most && source == Source(0) => {
                self.inner.world.lock().lasers.power = power;
                Ok(power)
            }
            Defect::RefusalSetsMost => self.inner.set_power(source, power).inspect_err(|e| {
                if e.kind == ErrorKind::OutOfRange {
                    self.light(most);
                }
            }),
            Defect::TripAllowsLight => match self.inner.set_power(source, power) {
                Err(e) if e.kind == ErrorKind::Tripped => Ok(power),
                other => other,
            },
            _ => self.inner.set_power(source, power),
        };
        match self.defect {
            Defect::LitAfterOffInSecret | Defect::LitAfterShotInSecret => self.stray(0.0),
            Defect::ZeroGlowsInSecret => self.stray(if power.0 == 0 { STRAY } else { 0.0 }),
            _ => {}
        }
        if let Ok(applied) = applied {
            self.power = applied;
        }
        self.darkened(applied)
    }

    /// The result of a call; some defect takes the light away with each error.
    fn darkened<T>(&mut self, result: Result<T>) -> Result<T> {
        if self.defect == Defect::ErrorDarkens && result.is_err() {
            self.light(Microwatts::ZERO);
        }
        spoiled(self.defect, result)
    }

    fn do_load(&mut self, source: Source, strategy: &WriteStrategy) -> Result<()> {
        let source = self.which(source);
        let mut used = *strategy;
        if self.defect == Defect::WritesNothing {
            used.peak = Microwatts((used.peak.0 / 6).max(used.bias.0 + 10));
        }
        let result = self.inner.load(source, &used);
        match self.defect {
            Defect::LoadChecksNothing => return result.or(Ok(())),
            Defect::LoadLights if result.is_ok() => self.light(used.bias),
            Defect::StrategyOfFire if result.is_ok() => {
                let mut world = self.inner.world.lock();
                let changed = world.lasers.strategy;
                for shot in &mut world.lasers.shots {
                    shot.strategy = changed.unwrap_or(shot.strategy);
                }
            }
            _ => {}
        }
        result
    }

    fn do_begin(&mut self, plan: &ShotPlan) -> Result<ShotId> {
        let mut used = *plan;
        let open = self.inner.world.lock().lasers.shots.iter().filter(|s| s.is_open()).count();
        match self.defect {
            Defect::NeedsNoStrategy if self.inner.world.lock().lasers.strategy.is_none() => return Ok(ShotId(1 << 40)),
            Defect::AnySourceIsFirst => used.spots.iter_mut().for_each(|s| s.source = Source(0)),
            Defect::BeginChecksNothing => {
                let spot =
                    ShotSpot { source: Source(0), delay: used.spots.first().map_or(Picoseconds(0), |s| s.delay) };
                used.spots = Few::from_slice(&[spot]).unwrap_or_default();
                used.length = used.length.max(1);
                used.energy_max = used.energy_max.min(self.spec.energy_max);
                let clock = used.clock.nominal().clamp(self.spec.clock_min, self.spec.clock_max);
                used.clock = ShotClock::Groove(clock);
            }
            Defect::QueueOfOne if open > 0 => return error(ErrorKind::Full),
            Defect::Overruns => used.length += OVERRUN,
            Defect::BeginsWithMark => used.length += 1,
            Defect::StartsAtOnce => used.trigger = Trigger::Now,
            Defect::NowIsIndex if used.trigger == Trigger::Now => used.trigger = Trigger::Index,
            Defect::IndexIsLost if used.trigger == Trigger::Index => used.trigger = Trigger::Address(Address(1)),
            Defect::SpotDelayIgnored => used.spots.iter_mut().for_each(|s| s.delay = Picoseconds::ZERO),
            Defect::EnergyIgnored => used.energy_max = self.spec.energy_max,
            _ => {}
        }
        if self.defect == Defect::Overruns {
            used.energy_max = Nanojoules(used.energy_max.0 * 2).min(self.spec.energy_max);
        }
        let id = match self.inner.begin(&used) {
            Err(e) if e.kind == ErrorKind::Full && self.defect == Defect::QueueOverflows => ShotId(1 << 40),
            other => other?,
        };
        let lost = self.defect == Defect::SecondShotLost && open > 0;
        let memory = Memory { plan: used, runs: Vec::new(), token: None, fired: false, over: false, lost };
        self.shots.insert(id.0, memory);
        if self.defect == Defect::BeginsWithMark {
            self.inner.feed(id, Source(0), &[1])?;
        }
        if self.defect == Defect::BeginLights {
            self.light(Microwatts(100));
        }
        Ok(self.outer(id))
    }

    /// The number that the caller sees.
    fn outer(&self, id: ShotId) -> ShotId {
        if self.defect == Defect::NumbersReused { ShotId(id.0 % 8) } else { id }
    }

    /// The shot that a caller's number means.
    fn known(&self, id: ShotId) -> ShotId {
        let same = |n: &&u64| self.outer(ShotId(**n)) == id;
        self.shots.keys().rev().find(same).map_or(id, |&n| ShotId(n))
    }

    fn do_feed(&mut self, shot: ShotId, source: Source, runs: &[u8]) -> Result<usize> {
        let (shot, source) = (self.known(shot), self.which(source));
        let fired = self.shots.get(&shot.0).is_some_and(|m| m.fired);
        let result = match self.defect {
            Defect::RunsReversed => {
                let reversed: Vec<u8> = runs.iter().rev().copied().collect();
                self.inner.feed(shot, source, &reversed)
            }
            Defect::FeedTakesMoreThanItSays => self.inner.feed(shot, source, runs).map(|n| n.div_ceil(2)),
            Defect::FeedEndsAtFire if fired => Ok(runs.len()),
            _ => self.inner.feed(shot, source, runs),
        };
        let swallowed = |kind: ErrorKind| match self.defect {
            Defect::FeedTakesAnything => kind == ErrorKind::InvalidArgument,
            Defect::FeedIgnoresThePlan => kind == ErrorKind::OutOfRange,
            Defect::FeedsTheDead => kind == ErrorKind::WrongState,
            _ => false,
        };
        let taken = match result {
            Err(e) if swallowed(e.kind) => return Ok(runs.len()),
            other => other?,
        };
        if let Some(memory) = self.shots.get_mut(&shot.0) {
            memory.runs.extend(&runs[..taken.min(runs.len())]);
            let fed: u64 = memory.runs.iter().map(|&r| u64::from(r)).sum();
            // What follows the plan comes as soon as the plan is full.
            if self.defect == Defect::Overruns && fed + OVERRUN == memory.plan.length {
                self.inner.feed(shot, source, &[8; (OVERRUN / 8) as usize])?;
            }
        }
        Ok(taken)
    }

    fn do_arm(&mut self, shot: ShotId) -> Result<ArmToken> {
        let shot = self.known(shot);
        let unfed = self.shots.get(&shot.0).is_some_and(|m| m.runs.is_empty());
        let over = self.inner.outcome(shot) == Ok(Outcome::Done);
        let token = match self.inner.arm(shot) {
            Err(_) if self.defect == Defect::ArmChecksNothing => ArmToken::new(shot, 1, 1 << 50),
            Err(_) if self.defect == Defect::ArmsUnfed && unfed => ArmToken::new(shot, 1, 1 << 50),
            Err(_) if self.defect == Defect::RearmsWhenDone && over => ArmToken::new(shot, 1, 1 << 50),
            other => other?,
        };
        if let Some(memory) = self.shots.get_mut(&shot.0) {
            memory.token = Some((token.plan(), token.nonce()));
        }
        if self.defect == Defect::FiresWhenArmed {
            let copy = ArmToken::new(token.shot(), token.plan(), token.nonce());
            self.inner.fire(copy)?;
        }
        Ok(ArmToken::new(self.outer(token.shot()), token.plan(), token.nonce()))
    }

    /// Begins, feeds and fires a shot again.
    fn again(&mut self, shot: ShotId) -> Result<()> {
        let Some(memory) = self.shots.get(&shot.0).cloned() else { return Ok(()) };
        let id = self.inner.begin(&memory.plan)?;
        self.inner.feed(id, Source(0), &memory.runs)?;
        let token = self.inner.arm(id)?;
        self.inner.fire(token)
    }

    fn do_fire(&mut self, token: ArmToken) -> Result<()> {
        let shot = self.known(token.shot());
        let (plan, nonce) = (token.plan(), token.nonce());
        let memory = self.shots.get(&shot.0).cloned();
        if let Some(memory) = self.shots.get_mut(&shot.0) {
            memory.fired = true;
        }
        if memory.as_ref().is_some_and(|m| m.lost) {
            return Ok(());
        }
        let owner = self.shots.iter().find(|(_, m)| m.token == Some((plan, nonce))).map(|(&n, _)| ShotId(n));
        let result = self.inner.fire(ArmToken::new(shot, plan, nonce));
        match (result, self.defect, memory) {
            (Err(e), defect, Some(memory)) if e.kind == ErrorKind::StaleToken => match (defect, memory.token) {
                (Defect::FiresWhenArmed, _) => Ok(()),
                (Defect::TokenFiresTwice, Some(right)) if right == (plan, nonce) && memory.fired => Ok(()),
                (Defect::TokenOutlivesShot, Some(right)) if right == (plan, nonce) && memory.over => {
                    // Whether the place is still ahead is the bench's matter.
                    self.again(shot).or(Ok(()))
                }
                (Defect::TokenSurvivesOff, Some(right)) if right == (plan, nonce) => self.again(shot).or(Ok(())),
                (Defect::PlanNotChecked, Some((right, n))) if n == nonce => {
                    self.inner.fire(ArmToken::new(shot, right, nonce))
                }
                (Defect::NonceNotChecked, Some((right, n))) => self.inner.fire(ArmToken::new(shot, right, n)),
                (Defect::ShotNotChecked, _) => match owner {
                    Some(owner) => self.inner.fire(ArmToken::new(owner, plan, nonce)),
                    None => Err(e),
                },
                _ => Err(e),
            },
            (result, ..) => result,
        }
    }

    fn do_outcome(&mut self, shot: ShotId) -> Result<Outcome> {
        let id = self.known(shot);
        let (fired, lost) = self.shots.get(&id.0).map_or((false, false), |m| (m.fired, m.lost));
        let found = match self.inner.outcome(id) {
            Err(e) if self.defect == Defect::OutcomeGuesses && e.kind == ErrorKind::InvalidArgument => {
                Ok(Outcome::NotDone)
            }
            Ok(Outcome::Unknown) if self.defect == Defect::ForgottenIsError => error(ErrorKind::InvalidArgument),
            other => other,
        }?;
        if lost && fired {
            let busy = self.inner.status()?.contains(LaserStatus::FIRING);
            return Ok(if busy { Outcome::Pending } else { Outcome::Done });
        }
        let first = self.shots.get_mut(&id.0).is_some_and(|m| {
            let first = !m.over && !found.is_open();
            m.over |= !found.is_open();
            first
        });
        let brighter = self.spec.sources[0].read_max;
        match (self.defect, found) {
            (Defect::LitAfterShot, Outcome::Done) if first => self.light(brighter),
            (Defect::LitAfterUnderrun, Outcome::Underrun { .. }) if first => self.light(brighter),
            (Defect::LitAfterShotInSecret, Outcome::Done) if first => self.stray(STRAY),
            _ => {}
        }
        let other_runs = self.inner.world.lock().lasers.is_writing();
        Ok(match (self.defect, found) {
            (Defect::PendingIsRunning, Outcome::Pending) => Outcome::Running { at: 0 },
            (Defect::SecondShotEarly, Outcome::Pending) if other_runs => Outcome::Running { at: 1 },
            (Defect::PlaceStuck, Outcome::Running { .. }) => Outcome::Running { at: 10_000 },
            (Defect::AbortPlaceWrong, Outcome::Aborted { at, cause }) => Outcome::Aborted { at: at + 5_000, cause },
            (Defect::OffIsDone, Outcome::Aborted { .. }) | (Defect::UnderrunIsDone, Outcome::Underrun { .. }) => {
                Outcome::Done
            }
            (Defect::UnderrunPlaceWrong, Outcome::Underrun { at }) => Outcome::Underrun { at: at + 5_000 },
            (Defect::NotDoneIsPending, Outcome::NotDone) => Outcome::Pending,
            (_, found) => found,
        })
    }

    fn do_status(&mut self) -> Result<LaserStatus> {
        let mut status = self.inner.status()?;
        self.calls += 1;
        match self.defect {
            Defect::AlwaysEmitting => status.insert(LaserStatus::EMITTING),
            Defect::NeverEmitting => status.remove(LaserStatus::EMITTING),
            Defect::TripFlagSet => status.insert(LaserStatus::TRIP_LIMIT),
            Defect::ArmedNotSaid => status.remove(LaserStatus::ARMED),
            Defect::FiringNotSaid => status.remove(LaserStatus::FIRING),
            Defect::StatusFlagsSwapped => {
                let (armed, firing) = (status.contains(LaserStatus::ARMED), status.contains(LaserStatus::FIRING));
                status.set(LaserStatus::ARMED, firing);
                status.set(LaserStatus::FIRING, armed);
            }
            Defect::RelightsAfterOff if self.power.0 > 0 && self.calls == 2 => self.light(self.power),
            Defect::TripClearsItself if status.contains(LaserStatus::TRIPPED) && self.calls.is_multiple_of(3) => {
                self.inner.clear_trip()?;
            }
            _ => {}
        }
        Ok(status)
    }

    fn do_off(&mut self) -> Result<()> {
        self.calls = 0;
        let before = self.inner.world.lock().lasers.power;
        match self.defect {
            Defect::OffRefused => return error(ErrorKind::Busy),
            Defect::OffKeepsShots => {
                self.light(Microwatts::ZERO);
                return Ok(());
            }
            Defect::TokenSurvivesOff => {
                // The shot is only darkened, and comes back with its token.
                let mut world = self.inner.world.lock();
                let armed = |s: &crate::world::lasers::Shot| matches!(s.phase, Phase::Begun { nonce: Some(_) });
                if world.lasers.shots.iter().any(armed) {
                    world.lasers.power = Microwatts::ZERO;
                    return Ok(());
                }
            }
            _ => {}
        }
        self.inner.off()?;
        match self.defect {
            Defect::LitAfterOff => self.light(before),
            Defect::LitAfterOffInSecret if before.0 > 0 => self.stray(STRAY),
            Defect::LitAfterShotInSecret => self.stray(0.0),
            _ => {}
        }
        Ok(())
    }
}

impl LaserArray for BadLasers {
    fn spec(&self) -> &LaserArraySpec {
        if self.asked.fetch_add(1, Ordering::Relaxed) % 4 == 3 { &self.other } else { &self.spec }
    }

    fn set_power(&mut self, source: Source, power: Microwatts) -> Result<Microwatts> {
        self.do_set_power(source, power)
    }

    fn monitor(&mut self, source: Source) -> Result<Microwatts> {
        let source = self.which(source);
        let result = self.inner.monitor(source);
        let tripped = self.inner.status()?.contains(LaserStatus::TRIPPED);
        let result = result.map(|seen| match self.defect {
            Defect::MonitorOffset => Microwatts(seen.0 + 200),
            Defect::MonitorReadsTwice => Microwatts(seen.0 * 2),
            Defect::MonitorInMilliwatts => Microwatts(seen.0 / 1_000),
            Defect::MonitorBlind => Microwatts::ZERO,
            Defect::PowerLies | Defect::ShutterClosed => self.power,
            Defect::TripStaysLit if tripped => Microwatts(500),
            _ => seen,
        });
        if self.defect == Defect::PowerSags {
            let now = self.inner.world.lock().lasers.power;
            self.light(Microwatts(now.0.saturating_sub(10)));
        }
        self.darkened(result)
    }

    fn load(&mut self, source: Source, strategy: &WriteStrategy) -> Result<()> {
        let result = self.do_load(source, strategy);
        if result.is_ok() {
            self.strategy = Some(*strategy);
        }
        self.darkened(result)
    }

    fn begin(&mut self, plan: &ShotPlan) -> Result<ShotId> {
        let result = self.do_begin(plan);
        self.darkened(result)
    }

    fn feed(&mut self, shot: ShotId, source: Source, runs: &[u8]) -> Result<usize> {
        let result = self.do_feed(shot, source, runs);
        self.darkened(result)
    }

    fn arm(&mut self, shot: ShotId) -> Result<ArmToken> {
        let result = self.do_arm(shot);
        self.darkened(result)
    }

    fn fire(&mut self, token: ArmToken) -> Result<()> {
        let result = self.do_fire(token);
        self.darkened(result)
    }

    fn outcome(&mut self, shot: ShotId) -> Result<Outcome> {
        let result = self.do_outcome(shot);
        self.darkened(result)
    }

    fn status(&mut self) -> Result<LaserStatus> {
        self.do_status()
    }

    fn clear_trip(&mut self) -> Result<()> {
        match self.defect {
            Defect::ClearTripIgnored => return Ok(()),
            Defect::ClearTripLights => {
                self.inner.clear_trip()?;
                self.light(Microwatts(300));
                return Ok(());
            }
            Defect::ClearTripRelights => {
                self.inner.clear_trip()?;
                self.light(self.power);
                return Ok(());
            }
            _ => {}
        }
        self.inner.clear_trip()
    }

    fn off(&mut self) -> Result<()> {
        let result = self.do_off();
        if self.defect != Defect::RelightsAfterOff && self.defect != Defect::ClearTripRelights {
            self.power = if result.is_ok() { Microwatts::ZERO } else { self.power };
        }
        spoiled(self.defect, result)
    }
}
