//! The outcomes of the last shots.

use crate::hal::Outcome;

/// Outcomes that are remembered.
pub(super) const DEPTH: usize = 16;

/// The final outcomes of the last [`DEPTH`] shots, by their number within the boot.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub(super) struct Ring([Option<(u32, Outcome)>; DEPTH]);

impl Ring {
    pub(super) fn get(&self, number: u32) -> Option<Outcome> {
        self.0.iter().flatten().find(|(n, _)| *n == number).map(|(_, outcome)| *outcome)
    }

    /// Remembers an outcome; the oldest one makes room. What is final stays as it is.
    pub(super) fn push(&mut self, number: u32, outcome: Outcome) {
        if self.get(number).is_some() {
            return;
        }
        self.0.rotate_right(1);
        if let Some(newest) = self.0.first_mut() {
            *newest = Some((number, outcome));
        }
    }

    #[cfg(test)]
    pub(super) fn iter(&self) -> impl Iterator<Item = (u32, Outcome)> {
        self.0.iter().flatten().copied()
    }
}
