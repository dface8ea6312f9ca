//! What must hold, told by a model that sees events, verdicts and effects only.
extern crate std;

use super::*;
use crate::hal::{AbortCause, LaserStatus, Microwatts, Outcome, ShotId};
use std::format;
use std::string::String;
use std::vec::Vec;

/// A token that was given out.
#[derive(Debug, Clone)]
pub(super) struct Token {
    pub(super) shot: ShotId,
    pub(super) plan: u64,
    pub(super) nonce: u64,
    issued: u64,
    pub(super) alive: bool,
}

/// A shot that was begun.
#[derive(Debug, Clone)]
pub(super) struct Known {
    pub(super) id: ShotId,
    fired: bool,
    /// It may emit, for all that was commanded.
    lit: bool,
    /// It emits since then, if that is known.
    light: Option<u64>,
    seen: bool,
    /// The core made it dark, for another reason than being told to.
    tripped: bool,
    last: Option<Outcome>,
}

/// The bench as its events tell.
#[derive(Debug)]
pub(super) struct Ghost {
    pub(super) session: Option<u64>,
    pub(super) nonce: u64,
    start: u64,
    held: bool,
    pub(super) proof: u64,
    pub(super) sequence: u32,
    highest: u64,
    pub(super) tokens: Vec<Token>,
    pub(super) shots: Vec<Known>,
    constant: bool,
    driven: bool,
    tripped: bool,
    inputs: Inputs,
}

/// The longest that a shot may emit in the small world, in ticks.
pub(super) const LIGHT_MAX: u64 = 3;

impl Clone for Ghost {
    fn clone(&self) -> Self {
        let mut ghost = Self::new();
        ghost.clone_from(self);
        ghost
    }

    /// Most of them are thrown away: the lists stay where they are.
    fn clone_from(&mut self, from: &Self) {
        let (mut tokens, mut shots) = (core::mem::take(&mut self.tokens), core::mem::take(&mut self.shots));
        tokens.clone_from(&from.tokens);
        shots.clone_from(&from.shots);
        *self = Self { tokens, shots, ..*from };
    }
}

fn ensure(holds: bool, what: &str) -> Result<(), String> {
    if holds { Ok(()) } else { Err(String::from(what)) }
}

impl Ghost {
    pub(super) fn new() -> Self {
        Self {
            session: None,
            nonce: 0,
            start: 0,
            held: false,
            proof: 0,
            sequence: 0,
            highest: 0,
            tokens: Vec::new(),
            shots: Vec::new(),
            constant: false,
            driven: false,
            tripped: false,
            inputs: Inputs::empty(),
        }
    }

    fn shot(&mut self, id: ShotId) -> Option<&mut Known> {
        self.shots.iter_mut().find(|s| s.id == id)
    }

    fn closed(&self) -> bool {
        !self.inputs.intersects(Inputs::INTERLOCK_OPEN | Inputs::KEY_OFF)
    }

    fn may_light(&self, now: u64, limits: &Limits<'_>) -> bool {
        let lives = self.held && now - self.proof <= u64::from(limits.config.hold_lease);
        lives && self.closed() && !self.tripped
    }

    fn may_write(&self, now: u64, limits: &Limits<'_>) -> bool {
        let servos = Inputs::FOCUS_LOST | Inputs::TRACKING_LOST | Inputs::SPINDLE_OFF_SPEED;
        let fresh = now - self.proof <= u64::from(limits.config.write_lease);
        self.may_light(now, limits) && fresh && !self.inputs.intersects(servos | Inputs::MONITOR_FAULT)
    }

    fn go_dark(&mut self, told: bool) {
        self.constant = false;
        for shot in &mut self.shots {
            shot.tripped |= shot.lit && !told;
            shot.lit = false;
            shot.light = None;
        }
        for token in &mut self.tokens {
            token.alive = false;
        }
    }

    /// Follows one transition, or says what is wrong with it.
    pub(super) fn follow(
        &mut self,
        now: u64,
        event: Event<'_>,
        step: Step,
        after: &State,
        limits: &Limits<'_>,
    ) -> Result<(), String> {
        let config = limits.config;
        let status = after.status();
        if let Event::Inputs(inputs) = event {
            self.inputs = inputs;
        }
        if matches!(event, Event::Off) {
            ensure(step.effects == Effects::all() && step.verdict == Verdict::Allowed, "off must work always")?;
        }
        let trips_now = status.contains(LaserStatus::TRIPPED) && !self.tripped;
        if step.effects.contains(Effects::LASERS_OFF) {
            self.go_dark(!trips_now);
        }
        if step.effects.contains(Effects::ELECTRODES_SAFE) {
            self.driven = false;
        }
        // Tokens die of age and of the lease, whatever the core says.
        let leased = self.held && now - self.proof <= u64::from(config.write_lease);
        for token in &mut self.tokens {
            token.alive &= leased && now - token.issued <= u64::from(config.token_life);
        }
        if trips_now {
            self.tripped = true;
        }
        self.follow_session(now, event, step, limits)?;
        self.follow_light(now, event, step, limits)?;
        self.follow_outcomes(event, step, after)?;
        if self.tripped && !status.contains(LaserStatus::TRIPPED) {
            let cleared = event == Event::ClearTrip && step.verdict == Verdict::Allowed;
            let renewed = matches!(step.verdict, Verdict::Welcome { .. }) || matches!(event, Event::Bye { .. });
            ensure(cleared || renewed, "a trip went away by itself")?;
            if cleared {
                ensure(self.closed() && !self.inputs.contains(Inputs::MONITOR_FAULT), "cleared against its cause")?;
            }
            self.tripped = false;
        }
        ensure(after.session() == self.session, "who holds the bench?")?;
        ensure(
            !status.contains(LaserStatus::ARMED) || self.tokens.iter().any(|t| t.alive),
            "armed without a token that lives",
        )?;
        self.check_light(now, limits)
    }

    fn follow_session(&mut self, now: u64, event: Event<'_>, step: Step, limits: &Limits<'_>) -> Result<(), String> {
        let config = limits.config;
        let age = now - self.proof;
        match (event, step.verdict) {
            (Event::Hello { nonce, ends }, Verdict::Welcome { session }) => {
                if self.session == Some(session) {
                    return ensure(!self.held && nonce == self.nonce, "a session was given out twice");
                }
                ensure(session > self.highest, "a session was revived")?;
                ensure(step.effects == Effects::all(), "a new session makes everything safe")?;
                let taken = self.held && age <= u64::from(config.hold_lease) && self.session != Some(ends);
                ensure(!taken, "a session was taken from its holder")?;
                self.go_dark(true);
                (self.session, self.highest, self.nonce) = (Some(session), session, nonce);
                (self.held, self.start, self.proof, self.sequence) = (false, now, now, 0);
            }
            (Event::Hello { .. }, Verdict::Busy { .. }) => {
                ensure(self.held && age <= u64::from(config.hold_lease), "busy, but nobody holds it")?;
            }
            (Event::Request { session, sequence, stamp, class }, verdict) => {
                let lease = if class == Class::Shot { config.write_lease } else { config.hold_lease };
                let fresh = (self.start..=now).contains(&stamp) && now - stamp <= u64::from(lease);
                let current = self.session == Some(session);
                let expected = if !current {
                    Verdict::Refuse(Refusal::NoSession)
                } else if sequence == self.sequence && self.held {
                    Verdict::Repeat
                } else if sequence != self.sequence + 1 {
                    Verdict::Refuse(Refusal::Sequence)
                } else if fresh {
                    Verdict::Execute
                } else {
                    Verdict::Refuse(Refusal::Stale { age_us: now.saturating_sub(stamp) })
                };
                ensure(verdict == expected, "a request was judged otherwise than the rules say")?;
                if matches!(verdict, Verdict::Execute | Verdict::Repeat) && fresh {
                    self.proof = self.proof.max(stamp);
                }
                if verdict == Verdict::Execute {
                    self.held = true;
                    self.sequence = sequence;
                }
            }
            (Event::Bye { session }, Verdict::Allowed) => {
                ensure(self.session == Some(session), "somebody else ended the session")?;
                ensure(step.effects == Effects::all(), "bye makes everything safe")?;
                (self.session, self.held) = (None, false);
            }
            _ => {}
        }
        Ok(())
    }

    fn follow_light(&mut self, now: u64, event: Event<'_>, step: Step, limits: &Limits<'_>) -> Result<(), String> {
        let config = limits.config;
        match (event, step.verdict) {
            (Event::SetPower { power, .. }, Verdict::Allowed) if power > Microwatts::ZERO => {
                ensure(self.may_light(now, limits), "light that isn't allowed")?;
                ensure(power <= limits.lasers.sources[0].read_max, "more than read power without a shot")?;
                self.constant = true;
            }
            (Event::SetPower { .. }, Verdict::Allowed) => self.constant = false,
            (Event::Voltage { .. }, Verdict::Allowed) => self.driven = true,
            (Event::Begin { .. }, Verdict::Shot(id)) => {
                ensure(self.shots.iter().all(|s| s.id.0 < id.0), "a shot's number came twice")?;
                let (fired, lit, light, seen, tripped, last) = (false, false, None, false, false, None);
                self.shots.push(Known { id, fired, lit, light, seen, tripped, last });
            }
            (Event::Arm { .. }, Verdict::Token { shot, plan, nonce }) => {
                ensure(self.may_write(now, limits), "armed, but light isn't allowed")?;
                ensure(self.tokens.iter().all(|t| t.nonce != nonce), "a token came twice")?;
                let known = self.shot(shot).ok_or_else(|| String::from("armed an unknown shot"))?;
                ensure(!known.fired && known.last.is_none(), "armed a shot again")?;
                for token in self.tokens.iter_mut().filter(|t| t.shot == shot) {
                    token.alive = false;
                }
                self.tokens.push(Token { shot, plan, nonce, issued: now, alive: true });
            }
            (Event::Disarm { shot }, _) => {
                for token in self.tokens.iter_mut().filter(|t| t.shot == shot) {
                    token.alive = false;
                }
            }
            (Event::Fire { shot, plan, nonce }, verdict) => {
                let fits = |t: &&mut Token| t.alive && t.shot == shot && t.plan == plan && t.nonce == nonce;
                let may_write = self.may_write(now, limits);
                let token = self.tokens.iter_mut().find(fits);
                let good = may_write && token.is_some();
                let early = token.as_ref().is_some_and(|t| now - t.issued < u64::from(config.emission_delay));
                ensure(
                    (verdict == Verdict::Allowed) == (good && !early),
                    "fired though not allowed, or not though allowed",
                )?;
                if let Some(token) = token
                    && good
                    && !early
                {
                    token.alive = false;
                    let alone = self.shots.iter().all(|s| !s.lit);
                    let known = self.shot(shot).ok_or_else(|| String::from("fired an unknown shot"))?;
                    ensure(!known.fired && known.last.is_none(), "a shot was fired twice")?;
                    (known.fired, known.lit) = (true, true);
                    known.light = (alone && plan == super::explore::now_plan().hash()).then_some(now);
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn follow_outcomes(&mut self, event: Event<'_>, step: Step, after: &State) -> Result<(), String> {
        if let (Event::Observed { shot, outcome: said }, Verdict::Outcome(told)) = (event, step.verdict)
            && let Some(known) = self.shot(shot)
            && known.last.is_none()
        {
            if matches!(said, Outcome::Running { .. }) && known.lit {
                known.seen = true;
                known.light = known.light.or(Some(after.now));
            }
            if !told.is_open() {
                let cause = AbortCause::Off;
                ensure(told != Outcome::Done || (known.fired && said == told), "done, but it wasn't")?;
                ensure(told != Outcome::NotDone || !known.seen, "not done, but it was seen")?;
                ensure(!matches!(told, Outcome::Aborted { .. }) || known.fired, "aborted, but never fired")?;
                ensure(said != Outcome::Unknown || told == said || !known.fired, "the part can't tell, the core can")?;
                let blamed = matches!(told, Outcome::Aborted { cause: c, .. } if c == cause);
                ensure(!(blamed && known.tripped), "a trip that is called off")?;
                known.last = Some(told);
                (known.lit, known.light) = (false, None);
                let id = known.id;
                for token in self.tokens.iter_mut().filter(|t| t.shot == id) {
                    token.alive = false;
                }
            }
        }
        for known in &mut self.shots {
            let number = known.id.0 & u64::from(u32::MAX);
            let recorded = after.ring.iter().find(|(n, _)| u64::from(*n) == number).map(|(_, outcome)| outcome);
            let Some(recorded) = recorded else { continue };
            match known.last {
                Some(last) => ensure(recorded == last, "an outcome has changed")?,
                None => {
                    let open = known.lit;
                    let fits = if known.fired { Outcome::Unknown } else { Outcome::NotDone };
                    ensure(recorded == fits && !open, "the core made up an outcome")?;
                    known.last = Some(recorded);
                }
            }
        }
        if let (Event::OutcomeOf { shot }, verdict) = (event, step.verdict) {
            match (self.shots.iter().find(|s| s.id == shot), verdict) {
                (Some(Known { last: Some(last), .. }), Verdict::Outcome(told)) => {
                    ensure(told == *last || told == Outcome::Unknown, "another outcome was told")?;
                }
                (Some(Known { last: None, .. }), Verdict::Ask) => {}
                (None, Verdict::Outcome(Outcome::Unknown) | Verdict::Error(_)) => {}
                (known, verdict) => return Err(format!("{known:?} told as {verdict:?}")),
            }
        }
        // Old ones take time and prove nothing more.
        while self.shots.len() > 3 && self.shots[0].last.is_some() {
            self.shots.remove(0);
        }
        while self.tokens.len() > 4 && !self.tokens[0].alive {
            self.tokens.remove(0);
        }
        Ok(())
    }

    /// What may be lit now.
    fn check_light(&self, now: u64, limits: &Limits<'_>) -> Result<(), String> {
        if self.constant {
            ensure(self.may_light(now, limits), "light stays on that isn't allowed")?;
            ensure(!self.inputs.contains(Inputs::MONITOR_FAULT), "light against the monitor")?;
        }
        if self.driven {
            let lives = self.held && now - self.proof <= u64::from(limits.config.hold_lease);
            ensure(lives, "an electrode is driven for nobody")?;
        }
        for shot in self.shots.iter().filter(|s| s.lit) {
            ensure(self.may_write(now, limits), "a shot goes on that isn't allowed")?;
            ensure(shot.light.is_none_or(|since| now - since <= LIGHT_MAX), "a shot lasts too long")?;
        }
        Ok(())
    }

    /// Whether a dead token for this shot is known.
    pub(super) fn has_dead_token(&self, id: ShotId) -> bool {
        self.tokens.iter().any(|t| !t.alive && t.shot == id)
    }

    /// What the model knows beside the core: if both are right it adds nothing to
    /// the key, if the core is wrong it keeps the difference in sight.
    pub(super) fn key(&self, now: u64) -> [u8; 3] {
        let lit = self.shots.iter().filter(|s| s.lit).count() as u8;
        let alive = self.tokens.iter().filter(|t| t.alive).count() as u8;
        let flags = [self.constant, self.driven, self.tripped, self.held];
        let flags = flags.iter().fold(0, |bits, &flag| bits << 1 | u8::from(flag));
        let age = if self.held { (now - self.proof).min(5) as u8 } else { 0 };
        [flags, lit << 4 | alive, age]
    }
}
