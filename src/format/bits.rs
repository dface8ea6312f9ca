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
        Self {
            words: vec![0; 2],
            base: start,
            end: start,
        }
    }

    pub(crate) fn end(&self) -> u64 {
        self.end
    }

    /// Appends runs, none of them 0; calls `mark` with the position after each pair of
    /// runs 14, 4 (with `last` the run before the first), and gives the last run.
    pub(crate) fn push(&mut self, runs: &[u8], last: u8, mut mark: impl FnMut(u64)) -> u8 {
        let total: u64 = runs.iter().map(|&r| u64::from(r)).sum();
        // Spare words: writing and reading may run over the end.
        self.words
            .resize(((self.end - self.base + total) / 64) as usize + 3, 0);
        let (fours, rest) = runs.as_chunks::<4>();
        let mut last = last;
        for four in fours {
            let packed = u32::from_le_bytes(*four);
            // Byte n: the distance to the end of run n, if they are not too long.
            let ends = packed.wrapping_mul(0x0101_0101);
            let long = four.iter().any(|&r| r > 15);
            if long {
                four.iter().for_each(|&run| self.put(1, u64::from(run)));
            } else {
                let [a, b, c, d] = ends.to_le_bytes().map(u32::from);
                let pattern = 1u64 << (d - a) | 1 << (d - b) | 1 << (d - c) | 1;
                self.put(pattern, u64::from(d));
            }
            if last == 14 || has_fourteen(packed) {
                let mut at = self.end - four.iter().map(|&r| u64::from(r)).sum::<u64>();
                for &run in four {
                    at += u64::from(run);
                    if run == 4 && last == 14 {
                        mark(at);
                    }
                    last = run;
                }
            }
            last = four[3];
        }
        for &run in rest {
            self.put(1, u64::from(run));
            if run == 4 && last == 14 {
                mark(self.end);
            }
            last = run;
        }
        last
    }

    /// Appends `bits` bits, of which the last (at most 64) are those of `pattern`.
    #[inline(always)]
    fn put(&mut self, pattern: u64, bits: u64) {
        self.end += bits;
        // The last bit of the pattern is bit `last` of its word.
        let last = self.end - self.base - 1;
        let (word, shift) = ((last / 64) as usize, 63 - last % 64);
        self.words[word] |= pattern << shift;
        if let Some(before) = word.checked_sub(1) {
            self.words[before] |= pattern >> 1 >> (63 - shift);
        }
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

/// Whether one of four bytes is 14.
fn has_fourteen(packed: u32) -> bool {
    let zero = packed ^ 0x0e0e_0e0e;
    zero.wrapping_sub(0x0101_0101) & !zero & 0x8080_8080 != 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_of_any_length_become_bits_and_marks() {
        let mut state = 7u32;
        let mut random = |below: u32| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 16) % below
        };
        let mut window = BitWindow::new(2048);
        let (mut at, mut last, mut before) = (2048u64, 0, 0);
        let (mut ones, mut expected, mut marks) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..200 {
            let top = [4, 15, 16, 255][random(4) as usize];
            let runs: Vec<u8> = (0..random(40))
                .map(|_| if random(3) == 0 { 14 - 10 * random(2) } else { 1 + random(top) } as u8)
                .collect();
            for &run in &runs {
                at += u64::from(run);
                ones.push(at - 1);
                if (before, run) == (14, 4) {
                    expected.push(at);
                }
                before = run;
            }
            last = window.push(&runs, last, |m| marks.push(m));
            assert_eq!((window.end(), last), (at, before));
        }
        assert!(expected.len() > 50);
        assert_eq!(marks, expected);
        let found: Vec<u64> = (2048..at).filter(|&p| window.get(p) >> 63 != 0).collect();
        assert_eq!(found, ones);
    }
}
