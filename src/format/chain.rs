//! Chains: frames which follow each other without a break, and where they belong.
//!
//! Within a chain the frames count on, so one place fits all of them: the sync codes
//! vote for the place in the sector, the IDs for the place in the block.

use std::collections::VecDeque;

use super::assembly::{BLOCK_FRAMES, frame_id};
use super::decoder::{DOUBTS, JURY, is_right};
use super::ecc::BLOCK_SECTORS;
use super::framer::Frame;
use super::sector::Psn;
use super::sync::{ORDER, SECTOR_FRAMES};

/// Frames which follow each other without a break.
#[derive(Debug, Clone, Default)]
pub(crate) struct Chain {
    /// Frames not placed yet.
    pub(crate) waiting: Vec<Frame>,
    /// Count of the first frame of the chain, once it is known.
    pub(crate) base: Option<u64>,
    /// What the count would be by the distance from the chain before.
    pub(crate) expected: Option<u64>,
    /// Whether that distance is known (no loss of clock in between).
    pub(crate) known: bool,
    /// Frames placed.
    pub(crate) next: u64,
    /// Sync codes that agree with each place in the sector of the first frame.
    pub(crate) votes: [u32; SECTOR_FRAMES],
    /// Placed frames whose sync codes contradict.
    pub(crate) doubtful: VecDeque<(u64, Frame)>,
}

/// Where a chain belongs.
pub(crate) struct Place {
    /// Count of its first frame.
    pub(crate) count: u64,
    /// Number of the first sector of a block in it, and a frame of that block.
    pub(crate) first: Option<(Psn, u64)>,
}

impl Chain {
    pub(crate) fn count(&self) -> u64 {
        self.base.unwrap_or_default() + self.next
    }

    pub(crate) fn add(&mut self, frame: Frame) {
        if let Some(code) = frame.code {
            let n = self.waiting.len();
            for (p, _) in ORDER.iter().enumerate().filter(|(_, c)| **c == code) {
                self.votes[(p + SECTOR_FRAMES - n % SECTOR_FRAMES) % SECTOR_FRAMES] += 1;
            }
        }
        self.waiting.push(frame);
    }

    /// Place in the sector of the first frame, and by how many votes it leads.
    fn phase(&self) -> Option<(usize, u32)> {
        let bonus = |p: usize| match self.expected {
            Some(e) if e as usize % SECTOR_FRAMES == p => {
                if self.known {
                    2
                } else {
                    1
                }
            }
            _ => 0,
        };
        let mut order: Vec<(u32, usize)> = (0..SECTOR_FRAMES)
            .map(|p| (self.votes[p] + bonus(p), p))
            .collect();
        order.sort_unstable();
        let (best, second) = (order[SECTOR_FRAMES - 1], order[SECTOR_FRAMES - 2]);
        (best.0 > second.0).then_some((best.1, best.0 - second.0))
    }

    /// Votes for the place in the block of the sector of the first frame, from the IDs.
    fn sectors(&self, phase: usize) -> ([u32; BLOCK_SECTORS], Vec<(usize, Psn)>) {
        let mut votes = [0; BLOCK_SECTORS];
        let mut ids = Vec::new();
        let start = (SECTOR_FRAMES - phase) % SECTOR_FRAMES;
        for n in (start..self.waiting.len()).step_by(SECTOR_FRAMES) {
            if let Some(id) = frame_id(&self.waiting[n]) {
                let sector = (phase + n) / SECTOR_FRAMES;
                votes[(id.psn.place() + BLOCK_SECTORS - sector % BLOCK_SECTORS) % BLOCK_SECTORS] +=
                    1;
                ids.push((n, id.psn));
            }
        }
        (votes, ids)
    }

    /// The waiting frame from which on the sync codes contradict the place of those
    /// before: frames were lost or gained there.
    pub(crate) fn turning_point(&self) -> Option<usize> {
        let length = self.waiting.len();
        if length < 2 * JURY {
            return None;
        }
        let (phase, lead) = self.phase()?;
        let wrong = |n: &usize| is_right((phase + n) as u64, &self.waiting[*n]) == Some(false);
        let latest = length - JURY..length;
        let doubts = latest.clone().filter(wrong).count();
        if lead < 4 || doubts < DOUBTS {
            return None;
        }
        latest.into_iter().find(wrong)
    }

    /// Takes away the waiting frames from `at` on.
    pub(crate) fn split_off(&mut self, at: usize) -> Vec<Frame> {
        let rest = self.waiting.split_off(at);
        let kept = core::mem::take(&mut self.waiting);
        self.votes = [0; SECTOR_FRAMES];
        kept.into_iter().for_each(|frame| self.add(frame));
        rest
    }

    /// Whether there is no need to wait for more frames.
    pub(crate) fn is_clear(&self) -> bool {
        // Now and then is enough.
        if self.waiting.len() < 8 || !self.waiting.len().is_multiple_of(4) {
            return false;
        }
        let Some((phase, lead)) = self.phase() else {
            return false;
        };
        let (votes, _) = self.sectors(phase);
        let most = votes.iter().max().copied().unwrap_or_default();
        lead >= 4 && most >= 2 && 2 * most > votes.iter().sum()
    }

    pub(crate) fn place(&self) -> Option<Place> {
        let (phase, _) = self.phase()?;
        let (votes, ids) = self.sectors(phase);
        let most = votes.iter().max().copied().unwrap_or_default();
        let sector = votes.iter().position(|&v| v == most && v > 0);
        let (wanted, modulus) = match sector {
            Some(sector) => (sector * SECTOR_FRAMES + phase, BLOCK_FRAMES),
            None => (phase, SECTOR_FRAMES),
        };
        let (wanted, modulus) = (wanted as u64, modulus as u64);
        // The count nearest to what the distance says.
        let about = self.expected.unwrap_or(16 * BLOCK_FRAMES as u64) + modulus / 2;
        let shift = (about + modulus - wanted) % modulus;
        let count = about - shift;
        let first = ids
            .iter()
            .find(|(n, psn)| {
                (count + *n as u64) / SECTOR_FRAMES as u64 % BLOCK_SECTORS as u64
                    == psn.place() as u64
            })
            .map(|&(n, psn)| (psn.block_start(), n as u64));
        // Without any ID and anything before, a few frames are nowhere.
        (sector.is_some() || self.expected.is_some() || self.waiting.len() > BLOCK_FRAMES / 2)
            .then_some(Place { count, first })
    }
}
