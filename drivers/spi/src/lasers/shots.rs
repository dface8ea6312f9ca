//! Shots: what has been begun, and what became of the last ones.

use disc_hal::hal::{AbortCause, ArmToken, Few, Microwatts, Outcome, ShotId, ShotPlan, Source};

use crate::modulator::{JobSpot, Progress, SLOTS};

/// Outcomes that are kept.
const KEPT: usize = 16;

/// Where an open shot stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// Begun; perhaps armed, with the number of its token.
    Begun { nonce: Option<u64> },
    /// Fired, but its levels differ from those of the shot ahead, which still has the DAC.
    Held,
    /// The modulator has it.
    Started,
}

/// An open shot.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shot {
    pub(super) id: ShotId,
    pub(super) plan: ShotPlan,
    pub(super) spots: Few<JobSpot, 8>,
    /// Channel bits fed for each spot.
    pub(super) fed: [u64; 8],
    pub(super) phase: Phase,
    /// As the modulator said last.
    pub(super) progress: Progress,
}

impl Shot {
    pub(super) fn is_fired(&self) -> bool {
        matches!(self.phase, Phase::Held | Phase::Started)
    }

    pub(super) fn is_armed(&self) -> bool {
        matches!(self.phase, Phase::Begun { nonce: Some(_) })
    }

    /// Sum of its peak powers, in microwatts.
    pub(super) fn peak(&self) -> u64 {
        self.spots.iter().map(|s| u64::from(s.strategy.peak.0)).sum()
    }

    pub(super) fn spot(&self, source: Source) -> Option<(u8, &JobSpot)> {
        (0..).zip(self.spots.iter()).find(|(_, spot)| spot.source == source)
    }

    /// Whether the same levels serve both: the same sources with the same powers.
    pub(super) fn shares_levels(&self, other: &Self) -> bool {
        let level = |spot: &JobSpot| (spot.source, spot.strategy.peak, spot.strategy.bias);
        self.spots.iter().all(|a| other.spots.iter().filter(|b| b.source == a.source).all(|b| level(a) == level(b)))
    }

    fn outcome(&self) -> Outcome {
        match self.progress {
            Progress::Writing { at } => Outcome::Running { at },
            _ => Outcome::Pending,
        }
    }

    /// How it ends if it ends now for `cause`.
    fn ended(&self, cause: AbortCause, progress: Option<Progress>) -> Outcome {
        match progress {
            // The modulator can't tell.
            None if self.is_fired() => Outcome::Unknown,
            None => Outcome::NotDone,
            Some(Progress::Done) => Outcome::Done,
            Some(Progress::Underrun { at }) => Outcome::Underrun { at },
            Some(Progress::Spent { at }) => Outcome::Aborted { at, cause: AbortCause::Limit },
            Some(Progress::Writing { at } | Progress::Stopped { at: Some(at) }) => Outcome::Aborted { at, cause },
            Some(Progress::Waiting | Progress::Stopped { at: None }) => Outcome::NotDone,
        }
    }
}

/// The shots of an array; the modulator's slots are the places of `open`.
#[derive(Debug)]
pub(super) struct Shots {
    pub(super) open: [Option<Shot>; SLOTS as usize],
    over: [Option<(ShotId, Outcome)>; KEPT],
    /// Where the next outcome goes: the oldest makes room.
    oldest: usize,
    first: u64,
    next: u64,
    nonce: u64,
}

/// What is known of a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Known {
    /// An open shot, by its slot.
    Open(u8),
    /// One that is over.
    Over(Outcome),
    /// It was given out, and more isn't known.
    Forgotten,
    /// It never was.
    Never,
}

impl Shots {
    pub(super) fn new(first: u64) -> Self {
        Self { open: [None; SLOTS as usize], over: [None; KEPT], oldest: 0, first, next: first, nonce: first }
    }

    pub(super) fn find(&self, id: ShotId) -> Known {
        let open = (0..).zip(&self.open).find(|(_, shot)| shot.is_some_and(|s| s.id == id));
        if let Some((slot, _)) = open {
            return Known::Open(slot);
        }
        match self.over.iter().flatten().find(|(other, _)| *other == id) {
            Some((_, outcome)) => Known::Over(*outcome),
            None if (self.first..self.next).contains(&id.0) => Known::Forgotten,
            None => Known::Never,
        }
    }

    pub(super) fn get(&self, slot: u8) -> Option<&Shot> {
        self.open.get(usize::from(slot))?.as_ref()
    }

    pub(super) fn get_mut(&mut self, slot: u8) -> Option<&mut Shot> {
        self.open.get_mut(usize::from(slot))?.as_mut()
    }

    pub(super) fn fired(&self) -> impl Iterator<Item = &Shot> {
        self.open.iter().flatten().filter(|s| s.is_fired())
    }

    pub(super) fn is_hot(&self) -> bool {
        self.open.iter().flatten().any(|s| s.is_fired() || s.is_armed())
    }

    pub(super) fn free_slot(&self) -> Option<u8> {
        (0..).zip(&self.open).find(|(_, shot)| shot.is_none()).map(|(slot, _)| slot)
    }

    /// A new shot in a free slot; `None` if there are no numbers any more.
    pub(super) fn add(&mut self, slot: u8, plan: &ShotPlan, spots: Few<JobSpot, 8>) -> Option<ShotId> {
        let id = ShotId(self.next);
        self.next = self.next.checked_add(1)?;
        let phase = Phase::Begun { nonce: None };
        let shot = Shot { id, plan: *plan, spots, fed: [0; 8], phase, progress: Progress::Waiting };
        *self.open.get_mut(usize::from(slot))? = Some(shot);
        Some(id)
    }

    /// A token for a shot.
    pub(super) fn arm(&mut self, slot: u8) -> Option<ArmToken> {
        let nonce = self.nonce;
        self.nonce = self.nonce.checked_add(1)?;
        let shot = self.get_mut(slot)?;
        shot.phase = Phase::Begun { nonce: Some(nonce) };
        Some(ArmToken::new(shot.id, shot.plan.hash(), nonce))
    }

    pub(super) fn outcome(&self, id: ShotId) -> Option<Outcome> {
        match self.find(id) {
            Known::Open(slot) => self.get(slot).map(Shot::outcome),
            Known::Over(outcome) => Some(outcome),
            Known::Forgotten => Some(Outcome::Unknown),
            Known::Never => None,
        }
    }

    /// Ends the shot of a slot: because of `cause`, unless the modulator says that it had
    /// ended by itself. Without a word of the modulator, nobody knows.
    pub(super) fn end(&mut self, slot: u8, cause: AbortCause, progress: Option<Progress>) {
        let Some(shot) = self.open.get_mut(usize::from(slot)).and_then(Option::take) else { return };
        let entry = (shot.id, shot.ended(cause, progress));
        if let Some(place) = self.over.get_mut(self.oldest) {
            *place = Some(entry);
        }
        self.oldest = (self.oldest + 1) % KEPT;
    }

    /// The greatest power that each source may have in shots that were fired.
    pub(super) fn peaks(&self) -> [Option<Microwatts>; 8] {
        let mut peaks = [None; 8];
        for spot in self.fired().flat_map(|shot| shot.spots.iter()) {
            if let Some(peak) = peaks.get_mut(usize::from(spot.source.0)) {
                *peak = Some(spot.strategy.peak.max(peak.unwrap_or_default()));
            }
        }
        peaks
    }
}
