//! Which shot of the link is which shot of the part.

use crate::hal::{ArmToken, ShotId};
use crate::safety::rules::{Rule, holds};

/// Shots remembered: those of the core's queue.
pub(super) const SLOTS: usize = 4;

#[derive(Debug)]
struct Slot {
    shot: ShotId,
    own: ShotId,
    token: Option<ArmToken>,
}

/// The open shots, by the number that the host knows.
#[derive(Debug, Default)]
pub(super) struct Slots([Option<Slot>; SLOTS]);

impl Slots {
    pub(super) fn add(&mut self, shot: ShotId, own: ShotId) {
        if let Some(slot) = self.0.iter_mut().find(|s| s.is_none()) {
            *slot = Some(Slot { shot, own, token: None });
        }
    }

    /// Lets go of those that are over.
    pub(super) fn keep(&mut self, is_open: impl Fn(ShotId) -> bool) {
        for slot in &mut self.0 {
            if slot.as_ref().is_some_and(|s| !is_open(s.shot)) {
                *slot = None;
            }
        }
    }

    pub(super) fn at(&self, index: usize) -> Option<(ShotId, ShotId)> {
        self.0.get(index)?.as_ref().map(|s| (s.shot, s.own))
    }

    /// The part's own number.
    pub(super) fn own(&self, shot: ShotId) -> Option<ShotId> {
        self.0.iter().flatten().find(|s| s.shot == shot).map(|s| s.own)
    }

    pub(super) fn arm(&mut self, shot: ShotId, token: ArmToken) {
        if let Some(slot) = self.0.iter_mut().flatten().find(|s| s.shot == shot) {
            slot.token = Some(token);
        }
    }

    /// The part's token, once.
    pub(super) fn token(&mut self, shot: ShotId) -> Option<ArmToken> {
        let token = &mut self.0.iter_mut().flatten().find(|s| s.shot == shot)?.token;
        let copy = token.as_ref().map(|t| ArmToken::new(t.shot(), t.plan(), t.nonce()));
        if holds(Rule::TokenConsumed) {
            *token = None;
        }
        copy
    }
}
