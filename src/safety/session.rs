//! Sessions: who holds the bench, and whether he is still alive.

use super::event::{Class, Effects, Limits, Refusal, Verdict};
use super::rules::{Rule, holds};
use super::state::{State, joined};
use crate::hal::{AbortCause, LaserStatus};

/// A session. Its number is in [`State::sessions`].
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Session {
    /// Of the Hello that made it.
    pub(super) nonce: u64,
    /// When it began.
    pub(super) start: u64,
    /// Issue of the latest challenge that was echoed.
    pub(super) proof: u64,
    /// Of the last executed request.
    pub(super) sequence: u32,
    /// Whether a request has been executed: before, it is only offered.
    pub(super) held: bool,
    /// Whether everything was made safe since the last proof of life.
    pub(super) lapsed: bool,
}

impl State {
    /// Age of the proof of life of who holds the bench.
    pub(super) fn proof_age(&self) -> Option<u64> {
        self.session.as_ref().filter(|s| s.held).map(|s| self.since(s.proof))
    }

    /// Whether somebody holds the bench and lived not longer ago than `lease`.
    pub(super) fn is_held_within(&self, lease: u32) -> bool {
        self.proof_age().is_some_and(|age| age <= u64::from(lease))
    }

    /// The number that the next request must have; `None` without a session, or
    /// behind its last request.
    pub fn next_sequence(&self) -> Option<u32> {
        self.session.as_ref()?.sequence.checked_add(1)
    }

    pub(super) fn hello(&mut self, nonce: u64, ends: u64, limits: &Limits<'_>, effects: &mut Effects) -> Verdict {
        let id = joined(self.boot, self.sessions);
        if let Some(session) = &self.session {
            if session.nonce == nonce && holds(Rule::FreshSession) {
                // The welcome may have been lost; once the session is in use, it wasn't.
                return if session.held { Verdict::Drop } else { Verdict::Welcome { session: id } };
            }
            let lives = self.is_held_within(limits.config.hold_lease);
            if lives && ends != id && holds(Rule::Held) {
                return Verdict::Busy { since: session.start };
            }
        }
        let Some(sessions) = self.sessions.checked_add(1) else { return Verdict::Refuse(Refusal::Exhausted) };
        let sessions =
            if holds(Rule::FreshSession) { sessions } else { u32::try_from(nonce >> 32).unwrap_or(sessions) };
        *effects |= self.end_session();
        self.sessions = sessions;
        let now = self.now;
        self.session = Some(Session { nonce, start: now, proof: now, sequence: 0, held: false, lapsed: false });
        Verdict::Welcome { session: joined(self.boot, sessions) }
    }

    pub(super) fn bye(&mut self, session: u64, effects: &mut Effects) -> Verdict {
        if self.session() != Some(session) {
            return Verdict::Refuse(Refusal::NoSession);
        }
        *effects |= self.end_session();
        Verdict::Allowed
    }

    fn end_session(&mut self) -> Effects {
        // The next host knows nothing of what was loaded, and isn't to blame for the lease.
        self.loaded = [None; 8];
        self.session = None;
        if !holds(Rule::CleanSession) {
            return Effects::empty();
        }
        let effects = self.make_safe(AbortCause::Off);
        self.trips.remove(LaserStatus::TRIP_LEASE);
        if self.trips == LaserStatus::TRIPPED {
            self.trips = LaserStatus::empty();
        }
        effects
    }

    pub(super) fn request(&mut self, id: u64, sequence: u32, stamp: u64, class: Class, limits: &Limits<'_>) -> Verdict {
        let (now, current) = (self.now, self.session());
        let Some(session) = self.session.as_mut().filter(|_| current == Some(id) || !holds(Rule::Session)) else {
            return Verdict::Refuse(Refusal::NoSession);
        };
        let age = now.checked_sub(stamp).filter(|_| stamp >= session.start || !holds(Rule::StampOfSession));
        let config = limits.config;
        let lease = match class {
            Class::Shot => config.write_lease.min(config.hold_lease),
            Class::Read | Class::Set => config.hold_lease,
        };
        let is_fresh = age.is_some_and(|age| age <= u64::from(lease)) || !holds(Rule::Freshness);
        let is_next = session.sequence.checked_add(1) == Some(sequence);
        let is_last = session.held && session.sequence == sequence;
        if !is_next && !is_last {
            return Verdict::Refuse(Refusal::Sequence);
        }
        if is_fresh {
            session.proof = session.proof.max(if holds(Rule::LeaseFromIssue) { stamp } else { now });
            session.lapsed = false;
        }
        if is_last && holds(Rule::Duplicate) {
            return Verdict::Repeat;
        }
        if !is_fresh {
            return Verdict::Refuse(Refusal::Stale { age_us: now.saturating_sub(stamp) });
        }
        session.held = true;
        session.sequence = sequence;
        Verdict::Execute
    }
}
