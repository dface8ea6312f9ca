//! The safety core around the lasers of a driver.

use core::fmt;

use super::event::{Class, Config, Effects, Event, Inputs, Limits, Verdict};
use super::state::{SHOTS, State};
use crate::hal::{
    ArmToken, Error, ErrorKind, LaserArray, LaserArraySpec, LaserStatus, Microwatts, Outcome, Part, Result, ShotId,
    ShotPlan, Source, WriteStrategy,
};

/// What a tester's lasers have to do themselves. [`Guarded`] makes a
/// [`LaserArray`] of it.
///
/// A shot lies in a *slot* of the tester, 0 to one less than
/// [`LaserArraySpec::queue`], from `begin` until [`outcome`](Self::outcome) has said
/// how it ended; then the slot is used again. Every call comes checked against the
/// spec. Errors are those of [`LaserArray`], and say what is true of the tester.
pub trait LaserHardware {
    /// Sets a constant power: a whole number of steps, at most `read_max`. Returns what
    /// was applied.
    ///
    /// # Errors
    /// `Tripped` or `Interlock` when the tester allows no light.
    fn set_power(&mut self, source: Source, power: Microwatts) -> Result<Microwatts>;

    /// What the monitor diode sees now.
    ///
    /// # Errors
    /// Those of the tester.
    fn monitor(&mut self, source: Source) -> Result<Microwatts>;

    /// Takes a strategy for shots begun later.
    ///
    /// # Errors
    /// Those of the tester.
    fn load(&mut self, source: Source, strategy: &WriteStrategy) -> Result<()>;

    /// A shot comes into an empty slot. Nothing is emitted.
    ///
    /// # Errors
    /// Those of the tester; the slot is empty then.
    fn begin(&mut self, slot: usize, plan: &ShotPlan) -> Result<()>;

    /// Takes run lengths, and returns how many.
    ///
    /// # Errors
    /// Those of the tester; nothing was taken then.
    fn feed(&mut self, slot: usize, source: Source, runs: &[u8]) -> Result<usize>;

    /// Whether a shot may be fired now: looks at focus, tracking and spindle.
    ///
    /// # Errors
    /// `FocusLost` or `TrackingLost` where a loop isn't locked, `WrongState` where the
    /// disc isn't at its speed.
    fn arm(&mut self, slot: usize) -> Result<()>;

    /// The shot starts at its trigger. Comes once for each shot.
    ///
    /// # Errors
    /// Those of the tester; `outcome` says then whether it was fired.
    fn fire(&mut self, slot: usize) -> Result<()>;

    /// How the shot in a slot stands: `Pending` before its trigger, `NotDone` after an
    /// `off` that came before it.
    ///
    /// # Errors
    /// Those of the link; they count as [`Outcome::Unknown`] unless the caller asked.
    fn outcome(&mut self, slot: usize) -> Result<Outcome>;

    /// What the tester says of itself: `EMITTING`, `INTERLOCK_OPEN` and the trips that it
    /// latches. `ARMED` and `FIRING` are not asked for.
    ///
    /// # Errors
    /// Those of the link.
    fn status(&mut self) -> Result<LaserStatus>;

    /// Clears what the tester has latched.
    ///
    /// # Errors
    /// `Interlock` or `Tripped` while the cause is there.
    fn clear_trip(&mut self) -> Result<()>;

    /// Every source dark and every slot over, now.
    ///
    /// # Errors
    /// Those of the link; say what is known of the outputs.
    fn off(&mut self) -> Result<()>;
}

/// The safety core around the lasers of a tester: a [`LaserArray`] that keeps the
/// numbers of shots, their tokens, outcomes, strategies and the limits of light.
///
/// For a driver that speaks a tester's own language. Every call asks the [`State`]
/// first and [`LaserHardware`] after, and what the tester says of its shots, its
/// interlock and its monitor is told to the core before each of them. Whatever
/// switches the tester off past this (an [`OffHandle`](crate::hal::OffHandle), a red
/// button) is found out by the next call, which voids the tokens.
///
/// It has no clock and so no leases: a tester that has to go dark when its host is gone
/// needs a watchdog of its own, or the device half of [`wire`](crate::wire) in it.
///
/// Of the queue that a spec declares at most four shots are used.
pub struct Guarded<H> {
    hardware: H,
    spec: LaserArraySpec,
    config: Config,
    state: State,
    slots: [Option<ShotId>; SHOTS],
}

impl<H> fmt::Debug for Guarded<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Guarded").field("state", &self.state).finish_non_exhaustive()
    }
}

fn laser(kind: ErrorKind) -> Error {
    Error::new(Part::Laser, kind)
}

fn bits(runs: &[u8]) -> u64 {
    runs.iter().fold(0, |sum, &run| sum.saturating_add(run.into()))
}

impl<H: LaserHardware> Guarded<H> {
    /// Lasers that are dark. `boot` is a number that differs from one start of the
    /// driver to the next ([`boot`](super::boot) makes one): shots and tokens are
    /// numbered with it.
    pub fn new(hardware: H, spec: &LaserArraySpec, boot: u32) -> Self {
        let queue = spec.queue.min(u8::try_from(SHOTS).unwrap_or(spec.queue));
        let spec = LaserArraySpec { queue, ..*spec };
        let (state, slots) = (State::new(boot), [None; SHOTS]);
        let mut new = Self { hardware, spec, config: Config::default(), state, slots };
        // The driver is the only host of this core, and holds it from the start: a
        // fresh core gives its first session to who asks.
        let _welcome = new.step(Event::Hello { nonce: 1, ends: 0 });
        if let Some(session) = new.state.session() {
            let _held = new.step(Event::Request { session, sequence: 1, stamp: 0, class: Class::Shot });
        }
        new
    }

    /// The tester's side.
    pub const fn hardware(&self) -> &H {
        &self.hardware
    }

    /// The tester's side. What is done here to the lasers is found out by the next call.
    pub const fn hardware_mut(&mut self) -> &mut H {
        &mut self.hardware
    }

    /// One step of the core. Its clock stands still: there is no lease to run out.
    fn step(&mut self, event: Event<'_>) -> (Verdict, Effects) {
        let limits = Limits { config: &self.config, lasers: &self.spec, supply: None };
        let step = self.state.apply(0, event, &limits);
        (step.verdict, step.effects)
    }

    /// Asks the core, and does what it wants done.
    fn ask(&mut self, event: Event<'_>) -> Result<Verdict> {
        let (verdict, effects) = self.step(event);
        if effects.contains(Effects::LASERS_OFF) {
            self.hardware.off()?;
        }
        match verdict {
            Verdict::Error(error) => Err(error),
            verdict => Ok(verdict),
        }
    }

    /// Tells the core how its shots stand.
    fn observe(&mut self) -> Result<()> {
        let mut done = Ok(());
        for slot in 0..SHOTS {
            let Some(shot) = self.slots.get(slot).copied().flatten() else { continue };
            let outcome = self.hardware.outcome(slot).unwrap_or(Outcome::Unknown);
            done = done.and(self.ask(Event::Observed { shot, outcome }).map(|_| ()));
        }
        self.let_go();
        done
    }

    /// Empties the slots of shots that are over.
    fn let_go(&mut self) {
        let Self { state, slots, .. } = self;
        for slot in slots {
            *slot = slot.filter(|shot| state.open_shots().any(|open| open == *shot));
        }
    }

    /// Tells the core how the tester stands.
    fn look(&mut self) -> Result<LaserStatus> {
        // What the interlock has put out is latched as such, before the shots say that they are over.
        let status = self.sample()?;
        self.observe()?;
        Ok(status)
    }

    fn sample(&mut self) -> Result<LaserStatus> {
        let status = self.hardware.status()?;
        let mut inputs = Inputs::empty();
        inputs.set(Inputs::INTERLOCK_OPEN, status.contains(LaserStatus::INTERLOCK_OPEN));
        inputs.set(Inputs::MONITOR_FAULT, status.contains(LaserStatus::TRIP_MONITOR));
        self.ask(Event::Inputs(inputs))?;
        Ok(status)
    }

    /// The slot of an open shot.
    fn slot(&self, shot: ShotId) -> Option<usize> {
        self.slots.iter().position(|s| *s == Some(shot))
    }

    /// The same after the core has let the shot pass.
    fn used(&self, shot: ShotId) -> Result<usize> {
        self.slot(shot).ok_or(laser(ErrorKind::WrongState))
    }
}

impl<H: LaserHardware> LaserArray for Guarded<H> {
    fn spec(&self) -> &LaserArraySpec {
        &self.spec
    }

    fn set_power(&mut self, source: Source, power: Microwatts) -> Result<Microwatts> {
        let power = match *self.spec.source(source, Part::Laser)? {
            spec if power <= spec.read_max => spec.nearest(power),
            _ => return Err(laser(ErrorKind::OutOfRange)),
        };
        self.look()?;
        let before = self.state.power(source);
        self.ask(Event::SetPower { source, power })?;
        let applied = self.hardware.set_power(source, power);
        if applied.is_err() && before > power {
            // It may emit as much as before: the core goes on counting with that.
            self.ask(Event::SetPower { source, power: before })?;
        }
        applied
    }

    fn monitor(&mut self, source: Source) -> Result<Microwatts> {
        self.spec.source(source, Part::Laser)?;
        self.hardware.monitor(source)
    }

    fn load(&mut self, source: Source, strategy: &WriteStrategy) -> Result<()> {
        let spec = *self.spec.source(source, Part::Laser)?;
        spec.check_strategy(strategy)?;
        let (peak, bias) = (spec.nearest(strategy.peak), spec.nearest(strategy.bias));
        self.ask(Event::Load { source, peak, bias })?;
        self.hardware.load(source, &WriteStrategy { peak, bias, ..*strategy })?;
        self.ask(Event::Loaded { source, peak, bias }).map(|_| ())
    }

    fn begin(&mut self, plan: &ShotPlan) -> Result<ShotId> {
        self.look()?;
        // A shot that was made dark keeps its slot until the tester has said how it ended.
        let queue = usize::from(self.spec.queue);
        let free = self.slots.iter().take(queue).position(Option::is_none);
        let Verdict::Shot(shot) = self.ask(Event::Begin { plan })? else { return Err(laser(ErrorKind::Fault)) };
        let begun = match free {
            Some(slot) => self.hardware.begin(slot, plan).map(|()| slot),
            None => Err(laser(ErrorKind::Full)),
        };
        match begun {
            Ok(slot) => {
                if let Some(slot) = self.slots.get_mut(slot) {
                    *slot = Some(shot);
                }
                Ok(shot)
            }
            Err(error) => {
                self.ask(Event::Observed { shot, outcome: Outcome::NotDone })?;
                Err(error)
            }
        }
    }

    fn feed(&mut self, shot: ShotId, source: Source, runs: &[u8]) -> Result<usize> {
        self.spec.source(source, Part::Laser)?;
        if runs.contains(&0) {
            return Err(laser(ErrorKind::InvalidArgument));
        }
        self.observe()?;
        self.ask(Event::Feed { shot, source, bits: bits(runs) })?;
        let slot = self.used(shot)?;
        let taken = self.hardware.feed(slot, source, runs)?;
        let part = runs.get(..taken).ok_or(laser(ErrorKind::Fault))?;
        self.ask(Event::Fed { shot, source, bits: bits(part) })?;
        Ok(taken)
    }

    fn arm(&mut self, shot: ShotId) -> Result<ArmToken> {
        let status = self.look()?;
        if status.contains(LaserStatus::TRIPPED) {
            return Err(laser(ErrorKind::Tripped));
        }
        let Verdict::Token { shot, plan, nonce } = self.ask(Event::Arm { shot })? else {
            return Err(laser(ErrorKind::Fault));
        };
        let armed = self.used(shot).and_then(|slot| self.hardware.arm(slot));
        if let Err(error) = armed {
            self.ask(Event::Disarm { shot })?;
            return Err(error);
        }
        Ok(ArmToken::new(shot, plan, nonce))
    }

    fn fire(&mut self, token: ArmToken) -> Result<()> {
        self.look()?;
        let (shot, plan, nonce) = (token.shot(), token.plan(), token.nonce());
        self.ask(Event::Fire { shot, plan, nonce })?;
        let fired = self.used(shot).and_then(|slot| self.hardware.fire(slot));
        if fired.is_err() {
            // Whether it was is for the tester to say; the token is used up in any case.
            self.observe()?;
        }
        fired
    }

    fn outcome(&mut self, shot: ShotId) -> Result<Outcome> {
        let mut verdict = self.ask(Event::OutcomeOf { shot })?;
        if let Some(slot) = self.slot(shot).filter(|_| verdict == Verdict::Ask) {
            let outcome = self.hardware.outcome(slot)?;
            verdict = self.ask(Event::Observed { shot, outcome })?;
            self.let_go();
        }
        match verdict {
            Verdict::Outcome(outcome) => Ok(outcome),
            _ => Ok(Outcome::Unknown),
        }
    }

    fn status(&mut self) -> Result<LaserStatus> {
        let tester = self.look()?.difference(LaserStatus::ARMED.union(LaserStatus::FIRING));
        Ok(tester.union(self.state.status()))
    }

    fn clear_trip(&mut self) -> Result<()> {
        self.look()?;
        self.hardware.clear_trip()?;
        // The cause as it stands now that the tester has let go of it.
        self.sample()?;
        self.ask(Event::ClearTrip).map(|_| ())
    }

    fn off(&mut self) -> Result<()> {
        // Dark first, and told to the core whether the tester has heard it or not.
        let off = self.ask(Event::LasersOff).map(|_| ());
        let ended = self.observe();
        off.and(ended)
    }
}
