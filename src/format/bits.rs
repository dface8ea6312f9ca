//! A moving window of channel bits, filled from runs and read at any place.

/// Channel bits by absolute position; positions of the past can be dropped.
#[derive(Debug, Clone)]
pub(crate) struct BitWindow {
    words: Vec<u64>,
    /// Absolute position of the first bit held, a multiple of 64.
    base: u64,
    /// Absolute position after the last run.
    end: u64,
}

impl BitWindow {
    /// An empty window which starts at position `start` (a multiple of 64).
    pub(crate) fn new(start: u64) -> Self {
        debug_assert_eq!(start % 64, 0);
        Self { words: vec![0; 2], base: start, end: start }
    }

    pub(crate) fn end(&self) -> u64 {
        self.end
    }

    /// Appends runs, none of them 0; calls `mark` with the position after each pair of
    /// runs 14, 4 (with `last` the run before the first), and gives the last run.
    pub(crate) fn push(&mut self, runs: &[u8], last: u8, mut mark: impl FnMut(u64)) -> u8 {
        let total: u64 = runs.iter().map(|&r| u64::from(r)).sum();
        // Two spare words: reading may run over the end.
        self.words.resize(((self.end - self.base + total) / 64) as usize + 3, 0);
        let mut at = self.end - self.base;
        let mut word = (at / 64) as usize;
        let mut held = self.words[word];
        let mut before = last;
        for &run in runs {
            at += u64::from(run);
            let bit = at - 1;
            let now = (bit / 64) as usize;
            held = if now == word { held } else { 0 };
            held |= 1 << (63 - bit % 64);
            self.words[now] = held;
            word = now;
            if run == 4 && before == 14 {
                mark(self.base + at);
            }
            before = run;
        }
        self.end = self.base + at;
        before
    }

    /// 64 bits from position `at` on; zeros outside the window.
    #[inline(always)]
    pub(crate) fn get(&self, at: u64) -> u64 {
        let Some(place) = at.checked_sub(self.base) else {
            return 0;
        };
        let (word, shift) = ((place / 64) as usize, place % 64);
        match self.words.get(word..word + 2) {
            Some(&[a, b]) => a << shift | b >> 1 >> (63 - shift),
            _ => 0,
        }
    }

    /// Gives up the bits before `at`.
    pub(crate) fn forget(&mut self, at: u64) {
        let words = (at.min(self.end).saturating_sub(self.base) / 64) as usize;
        if words > 2048 {
            self.words.drain(..words);
            self.base += 64 * words as u64;
        }
    }
}
