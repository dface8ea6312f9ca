//! The state, and what time and inputs do to it.

use super::event::{Effects, Event, Inputs, Limits, Step, Verdict};
use super::ring::Ring;
use super::rules::{Rule, holds};
use super::session::Session;
use super::shots::{Phase, Shot};
use crate::hal::{AbortCause, Error, ErrorKind, LaserStatus, Microwatts, Outcome, Outputs, Part, ShotId, Source};

/// Shots that the core can hold.
pub(super) const SHOTS: usize = 4;

/// All that the core knows. Compare, hash and clone it as you like; only
/// [`step`](super::step) changes it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct State {
    pub(super) boot: u32,
    /// The latest time seen.
    pub(super) now: u64,
    /// Sessions given out; the last one is the present one, if any.
    pub(super) sessions: u32,
    pub(super) session: Option<Session>,
    pub(super) shots: [Option<Shot>; SHOTS],
    /// Shots begun.
    pub(super) begun: u32,
    /// Tokens given out.
    pub(super) armed: u32,
    pub(super) ring: Ring,
    /// Constant power of each source, in microwatts.
    pub(super) constant: [u32; 8],
    /// Greatest power of each source's strategy, in microwatts.
    pub(super) loaded: [Option<u32>; 8],
    pub(super) trips: LaserStatus,
    pub(super) inputs: Inputs,
    /// Whether an electrode may be driven.
    pub(super) driven: bool,
    /// Bad frames since `bad_since`.
    pub(super) bad: u16,
    pub(super) bad_since: u64,
}

/// `boot` and a counter within it as one number.
pub(super) fn joined(boot: u32, counter: u32) -> u64 {
    (u64::from(boot) << 32) | u64::from(counter)
}

/// The flag of a trip's cause.
pub(super) const fn flag(cause: AbortCause) -> LaserStatus {
    match cause {
        AbortCause::Focus => LaserStatus::TRIP_FOCUS,
        AbortCause::Tracking => LaserStatus::TRIP_TRACKING,
        AbortCause::Interlock => LaserStatus::TRIP_INTERLOCK,
        AbortCause::Lease => LaserStatus::TRIP_LEASE,
        AbortCause::Spindle => LaserStatus::TRIP_SPINDLE,
        AbortCause::Limit | AbortCause::Off => LaserStatus::TRIP_LIMIT,
    }
}

impl State {
    /// A device that has just started, for the `boot`th time: everything is off.
    pub fn new(boot: u32) -> Self {
        Self {
            boot,
            now: 0,
            sessions: 0,
            session: None,
            shots: [const { None }; SHOTS],
            begun: 0,
            armed: 0,
            ring: Ring::default(),
            constant: [0; 8],
            loaded: [None; 8],
            trips: LaserStatus::empty(),
            inputs: Inputs::empty(),
            driven: false,
            bad: 0,
            bad_since: 0,
        }
    }

    /// One step in place; see [`step`](super::step).
    pub fn apply(&mut self, now: u64, event: Event<'_>, limits: &Limits<'_>) -> Step {
        self.now = self.now.max(now);
        let over = match event {
            Event::Observed { shot, outcome } if !outcome.is_open() => Some(shot),
            _ => None,
        };
        // A lease that runs out in the same step doesn't hide what the interlock has put out.
        let lit = self.may_emit();
        let mut effects = self.pass_time(limits, over);
        let verdict = self.take(event, lit, limits, &mut effects);
        Step { verdict, effects }
    }

    /// The present session's number.
    pub fn session(&self) -> Option<u64> {
        self.session.as_ref().map(|_| joined(self.boot, self.sessions))
    }

    /// The shots whose outcome the part is to be asked for.
    pub fn open_shots(&self) -> impl Iterator<Item = ShotId> + '_ {
        self.shots.iter().flatten().map(|shot| ShotId(self.shot_id(shot.number)))
    }

    /// State of the lasers as far as the core knows it; whether light is emitted
    /// (`EMITTING`) is for the part to say.
    pub fn status(&self) -> LaserStatus {
        let mut status = self.trips;
        status.set(LaserStatus::ARMED, self.shots.iter().flatten().any(|s| matches!(s.phase, Phase::Armed { .. })));
        status.set(LaserStatus::FIRING, self.is_fired());
        status.set(LaserStatus::INTERLOCK_OPEN, self.is_interlock_open());
        status
    }

    /// The constant power with which a source counts.
    pub fn power(&self, source: Source) -> Microwatts {
        Microwatts(self.constant.get(usize::from(source.0)).copied().unwrap_or(0))
    }

    /// Whether some source may emit.
    pub fn may_emit(&self) -> bool {
        self.constant.iter().any(|&p| p > 0) || self.is_fired()
    }

    /// Whether a shot waits for its trigger or writes.
    pub(super) fn is_fired(&self) -> bool {
        self.shots.iter().flatten().any(|s| matches!(s.phase, Phase::Waiting { .. } | Phase::Writing { .. }))
    }

    /// Whether a shot is armed, waits or writes.
    pub(super) fn is_hot(&self) -> bool {
        self.shots.iter().flatten().any(Shot::is_hot)
    }

    pub(super) fn is_interlock_open(&self) -> bool {
        self.inputs.intersects(Inputs::INTERLOCK_OPEN.union(Inputs::KEY_OFF))
    }

    /// Time since `then`.
    pub(super) fn since(&self, then: u64) -> u64 {
        self.now.saturating_sub(then)
    }

    /// An error of `part` that says what is known of the outputs.
    pub(super) fn error(&self, part: Part, kind: ErrorKind) -> Verdict {
        let latched = matches!(kind, ErrorKind::Tripped | ErrorKind::Interlock);
        let off = latched && !self.may_emit() && !self.driven;
        let outputs = if off { Outputs::Off } else { Outputs::Unchanged };
        Verdict::Error(Error::new(part, kind).with_outputs(outputs))
    }

    /// What the clock asks for. The part says that `over` has ended: it can't last too long.
    fn pass_time(&mut self, limits: &Limits<'_>, over: Option<ShotId>) -> Effects {
        let mut effects = Effects::empty();
        let config = limits.config;
        if let Some(age) = self.proof_age() {
            let lease = u64::from(config.write_lease);
            let by_next_step = age.saturating_add(u64::from(config.tick));
            if self.is_fired() && by_next_step > lease && holds(Rule::WriteLease) {
                effects |= self.trip(AbortCause::Lease, flag(AbortCause::Lease));
            }
            if age > lease && holds(Rule::WriteLease) {
                self.void_tokens(|_| true);
            }
            if age > u64::from(config.hold_lease) && holds(Rule::HoldLease) {
                effects |= self.lapse();
            }
        }
        let (now, life) = (self.now, u64::from(config.token_life));
        self.void_tokens(|since| now.saturating_sub(since) > life);
        if self.lasts_too_long(limits, over) {
            effects |= self.trip(AbortCause::Limit, flag(AbortCause::Limit));
        }
        effects | self.forget_silent(limits)
    }

    /// The hold lease has run out: everything safe, once.
    fn lapse(&mut self) -> Effects {
        match &mut self.session {
            Some(session) if !session.lapsed => session.lapsed = true,
            _ => return Effects::empty(),
        }
        let mut effects = Effects::all();
        if self.may_emit() || self.driven {
            effects |= self.trip(AbortCause::Lease, flag(AbortCause::Lease));
        }
        self.make_safe(AbortCause::Lease);
        effects
    }

    /// Dark until it is cleared.
    pub(super) fn trip(&mut self, cause: AbortCause, flag: LaserStatus) -> Effects {
        self.go_dark(cause);
        if holds(Rule::TripLatch) {
            self.trips |= LaserStatus::TRIPPED.union(flag);
        }
        Effects::LASERS_OFF
    }

    /// No source is lit and no token is left. Fired shots end when the part has
    /// said where; the others never happened.
    pub(super) fn go_dark(&mut self, cause: AbortCause) {
        self.constant = [0; 8];
        let now = self.now;
        let Self { shots, ring, .. } = self;
        for slot in shots {
            let Some(shot) = slot else { continue };
            let seen = match shot.phase {
                Phase::Begun | Phase::Armed { .. } => {
                    ring.push(shot.number, Outcome::NotDone);
                    *slot = None;
                    continue;
                }
                Phase::Waiting { .. } => false,
                Phase::Writing { seen, .. } => seen,
                Phase::Closing { .. } => continue,
            };
            shot.phase = Phase::Closing { since: now, cause, seen };
        }
    }

    /// Everything off and safe.
    pub(super) fn make_safe(&mut self, cause: AbortCause) -> Effects {
        self.go_dark(cause);
        self.driven = false;
        Effects::all()
    }

    fn void_tokens(&mut self, is_void: impl Fn(u64) -> bool) {
        for shot in self.shots.iter_mut().flatten() {
            if let Phase::Armed { since, .. } = shot.phase
                && is_void(since)
            {
                shot.phase = Phase::Begun;
            }
        }
    }

    /// `lit`: whether some source could emit up to now.
    fn take(&mut self, event: Event<'_>, lit: bool, limits: &Limits<'_>, effects: &mut Effects) -> Verdict {
        match event {
            Event::Tick => Verdict::Quiet,
            Event::Hello { nonce, ends } => self.hello(nonce, ends, limits, effects),
            Event::Request { session, sequence, stamp, class } => self.request(session, sequence, stamp, class, limits),
            Event::Bye { session } => self.bye(session, effects),
            Event::SetPower { source, power } => self.set_power(source, power, limits),
            Event::Load { source, peak, bias } => self.load(source, peak, bias, false, limits),
            Event::Loaded { source, peak, bias } => self.load(source, peak, bias, true, limits),
            Event::Begin { plan } => self.begin(plan, limits),
            Event::Feed { source, .. } if usize::from(source.0) >= limits.lasers.sources.len() => {
                self.error(Part::Laser, ErrorKind::InvalidArgument)
            }
            Event::Feed { shot, source, bits } => self.feed(shot, source, bits, false),
            Event::Fed { shot, source, bits } => self.feed(shot, source, bits, true),
            Event::Arm { shot } => self.arm(shot, limits),
            Event::Disarm { shot } => self.disarm(shot),
            Event::Fire { shot, plan, nonce } => self.fire(shot, plan, nonce, limits),
            Event::Observed { shot, outcome } => self.observe(shot, outcome, effects),
            Event::OutcomeOf { shot } => self.outcome_of(shot),
            Event::ClearTrip => self.clear_trip(),
            Event::LasersOff => {
                self.go_dark(AbortCause::Off);
                *effects |= Effects::LASERS_OFF;
                Verdict::Allowed
            }
            Event::Off => {
                *effects |= self.make_safe(AbortCause::Off);
                Verdict::Allowed
            }
            Event::Voltage { electrode, voltage, slew } => self.set_voltage(electrode, voltage, slew, limits),
            Event::ElectrodesSafe => {
                self.driven = false;
                *effects |= Effects::ELECTRODES_SAFE;
                Verdict::Allowed
            }
            Event::Inputs(inputs) => {
                *effects |= self.sample(inputs, lit);
                Verdict::Quiet
            }
            Event::BadFrame => {
                *effects |= self.bad_frame(limits);
                Verdict::Drop
            }
        }
    }

    /// New levels at the inputs.
    fn sample(&mut self, inputs: Inputs, lit: bool) -> Effects {
        self.inputs = inputs;
        let mut effects = Effects::empty();
        // Causes are judged together: each of them is latched.
        let (lit, hot) = (lit || self.may_emit() || self.is_hot(), self.is_hot());
        if inputs.contains(Inputs::MONITOR_FAULT) && !self.trips.contains(LaserStatus::TRIP_MONITOR) {
            effects |= self.trip(AbortCause::Limit, LaserStatus::TRIP_MONITOR);
        }
        if self.is_interlock_open() && lit {
            effects |= self.trip(AbortCause::Interlock, LaserStatus::TRIP_INTERLOCK);
        }
        let servos = [
            (Inputs::FOCUS_LOST, AbortCause::Focus),
            (Inputs::TRACKING_LOST, AbortCause::Tracking),
            (Inputs::SPINDLE_OFF_SPEED, AbortCause::Spindle),
        ];
        for (input, cause) in servos {
            if hot && inputs.contains(input) {
                effects |= self.trip(cause, flag(cause));
            }
        }
        effects
    }

    /// Noise that lasts guesses a checksum in the end: it isn't borne while armed.
    fn bad_frame(&mut self, limits: &Limits<'_>) -> Effects {
        if self.bad == 0 || self.since(self.bad_since) > u64::from(limits.config.bad_window) {
            self.bad = 0;
            self.bad_since = self.now;
        }
        self.bad = self.bad.saturating_add(1);
        if self.bad > u16::from(limits.config.bad_frames) && self.is_hot() && holds(Rule::BadFrames) {
            return self.trip(AbortCause::Limit, flag(AbortCause::Limit));
        }
        Effects::empty()
    }

    fn clear_trip(&mut self) -> Verdict {
        if self.is_interlock_open() {
            return self.error(Part::Laser, ErrorKind::Interlock);
        }
        if self.inputs.contains(Inputs::MONITOR_FAULT) {
            return self.error(Part::Laser, ErrorKind::Tripped);
        }
        self.trips = LaserStatus::empty();
        Verdict::Allowed
    }
}
