//! Write strategy: from run lengths to pulses.

use disc_hal::hal::WriteStrategy;

/// Units of a strategy per channel period: pulse edges lie on a grid of T/32.
pub const SLOTS: i32 = 32;

/// Class of a run length in the tables of a strategy: 3T, 4T, 5T and longer.
#[inline]
#[must_use]
pub const fn class(run: u8) -> usize {
    match run {
        0..=3 => 0,
        4 => 1,
        _ => 2,
    }
}

/// Multi-pulse write strategy with tables for the neighbours. All times in units of T/32.
///
/// A mark of n T that begins (nominally) at time 0 is written by
/// - a first pulse that starts at `start[class of mark][class of the space before]` and lasts
///   `first[class of mark]`;
/// - for n >= 5, n - 4 middle pulses of width `middle` that end at 3T, 4T, ... (n - 2)T;
/// - for n >= 4, a last pulse of width `last` that ends at n T + `end[class of mark][class of the
///   space after]`.
///
/// A 3T mark has the first pulse only; `end` moves its end by the excess over -1T, so that the same
/// table serves all marks. Because the spot is as large as a 3T mark, pulses begin about 1T after
/// the mark and end about 1T before its end: `start` is near +32 and `end` near -32.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Strategy {
    /// Start of the first pulse.
    pub start: [[i16; 3]; 3],
    /// Width of the first pulse.
    pub first: [i16; 3],
    /// Width of the middle pulses.
    pub middle: i16,
    /// Width of the last pulse.
    pub last: i16,
    /// Shift of the end of the last pulse.
    pub end: [[i16; 3]; 3],
}

/// Most pulses that one mark has: first, ten middle, last.
pub const MAX_PULSES: usize = 12;

/// The pulses of one mark: (start, end) in T/32 after the nominal start of the mark.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Pulses {
    spans: [(i32, i32); MAX_PULSES],
    count: usize,
}

impl Pulses {
    /// The spans, in order, without overlap.
    #[must_use]
    pub fn spans(&self) -> &[(i32, i32)] {
        &self.spans[..self.count]
    }

    fn push(&mut self, start: i32, end: i32) {
        let start = match self.spans().last() {
            Some(&(_, before)) => start.max(before),
            None => start,
        };
        if end > start && self.count < MAX_PULSES {
            self.spans[self.count] = (start, end);
            self.count += 1;
        }
    }
}

impl From<&WriteStrategy> for Strategy {
    fn from(s: &WriteStrategy) -> Self {
        let wide = |table: [[i8; 3]; 3]| table.map(|row| row.map(i16::from));
        Self {
            start: wide(s.lead),
            first: s.top.map(i16::from),
            middle: i16::from(s.multi),
            last: i16::from(s.last),
            end: wide(s.trail),
        }
    }
}

impl Strategy {
    /// The pulses of a mark of `mark` periods between spaces of `before` and `after` periods.
    #[must_use]
    pub fn pulses(&self, before: u8, mark: u8, after: u8) -> Pulses {
        let m = class(mark);
        let n = i32::from(mark.min(14));
        let start = i32::from(self.start[m][class(before)]);
        let shift = i32::from(self.end[m][class(after)]);
        let first = i32::from(self.first[m]);
        let mut p = Pulses::default();
        if n <= 3 {
            p.push(start, start + first + shift + SLOTS);
        } else {
            p.push(start, start + first);
            for end in 3..n - 1 {
                p.push(end * SLOTS - i32::from(self.middle), end * SLOTS);
            }
            let end = n * SLOTS + shift;
            p.push(end - i32::from(self.last), end);
        }
        p
    }

    /// Fraction of the time at the peak level while writing random data.
    #[must_use]
    pub fn duty(&self) -> f64 {
        let (mut on, mut all) = (0.0, 0.0);
        for (&run, &p) in super::RUNS.iter().zip(&super::RUN_SHARES) {
            let spans: i32 = self.pulses(5, run, 5).spans().iter().map(|s| s.1 - s.0).sum();
            on += p * f64::from(spans);
            all += 2.0 * p * f64::from(run) * f64::from(SLOTS);
        }
        on / all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: Strategy = Strategy { start: [[20; 3]; 3], first: [40; 3], middle: 16, last: 18, end: [[-32; 3]; 3] };

    #[test]
    fn pulses_of_the_runs() {
        assert_eq!(PLAIN.pulses(5, 3, 5).spans(), &[(20, 60)]);
        assert_eq!(PLAIN.pulses(5, 4, 5).spans(), &[(20, 60), (78, 96)]);
        assert_eq!(PLAIN.pulses(5, 6, 5).spans(), &[(20, 60), (80, 96), (112, 128), (142, 160)]);
        assert_eq!(PLAIN.pulses(5, 14, 5).spans().len(), MAX_PULSES);
    }

    #[test]
    fn pulses_never_overlap() {
        let wide = Strategy { first: [100; 3], middle: 40, ..PLAIN };
        for n in [3, 4, 5, 9, 14] {
            let p = wide.pulses(3, n, 3);
            assert!(p.spans().windows(2).all(|w| w[0].1 <= w[1].0));
        }
    }

    #[test]
    fn duty_is_plausible() {
        assert!((0.1..0.4).contains(&PLAIN.duty()), "{}", PLAIN.duty());
    }
}
