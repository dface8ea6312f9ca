//! The encoder of the 8-to-16 recording code, with d.c. control (ECMA-267 clause 20).
//!
//! Two streams are kept, which differ at every choice; before the next choice the one
//! with the smaller |DSV| (digital sum value) is taken for both.

use core::hint::select_unpredictable;
use std::sync::LazyLock;

use super::efmplus::{Code, FRAME_DATA, FRAME_WORDS, TABLES};
use super::sync;

/// A code word packed for the modulator: trailing zeros in bits 0-3, next state 8-9,
/// word 16-31, inverting 32, digital sum (signed) from 33 on.
type Packed = u64;

fn pack(code: Code) -> Packed {
    u64::from(code.trail.min(15))
        | u64::from(code.next) << 8
        | u64::from(code.word) << 16
        | u64::from(code.odd) << 32
        | (i64::from(code.sum) << 33) as u64
}

/// What the modulator looks up, by state * 256 + byte.
struct Choices {
    /// The word of the prescribed state.
    main: [Packed; 1024],
    /// The other word of choice (b) or (c).
    other: [Packed; 1024],
    /// Bit t: the other word may follow a word with t trailing zeros.
    allowed: [u16; 1024],
}

static CHOICES: LazyLock<Box<Choices>> = LazyLock::new(|| {
    let tables = &*TABLES;
    let mut choices = Box::new(Choices {
        main: [0; 1024],
        other: [0; 1024],
        allowed: [0; 1024],
    });
    for state in 0..4 {
        for byte in 0..256 {
            let at = state << 8 | byte;
            choices.main[at] = pack(tables.main[state][byte]);
            if let Some(&second) = tables.substitution[state].get(byte) {
                // Choice (b): a second word in every state.
                choices.other[at] = pack(second);
                choices.allowed[at] = u16::MAX;
            } else if state == 0 || state == 3 {
                // Choice (c): the word of state 4 for that of state 1 or the reverse,
                // if the run across the boundary stays 2 to 10 zeros.
                let second = tables.main[3 - state][byte];
                choices.other[at] = pack(second);
                choices.allowed[at] = (0..16u8)
                    .filter(|trail| (2..=10).contains(&(trail + second.lead)))
                    .fold(0, |mask, trail| mask | 1 << trail);
            }
        }
    }
    choices
});

/// One of the two streams the d.c. control compares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stream {
    dsv: i32,
    /// Level of the signal: 0 if high, -1 if low.
    low: i32,
    /// The last word.
    last: Packed,
}

impl Stream {
    #[inline(always)]
    fn put(self, code: Packed) -> Self {
        let sum = (code as i64 >> 33) as i32;
        Self {
            dsv: self.dsv + ((sum ^ self.low) - self.low),
            low: self.low ^ -((code >> 32) as i32 & 1),
            last: code,
        }
    }

    /// `a` if the condition holds, else `b`; without a branch, for what is chosen here is
    /// as good as random.
    #[inline(always)]
    fn select(condition: bool, a: Self, b: Self) -> Self {
        Self {
            dsv: select_unpredictable(condition, a.dsv, b.dsv),
            low: select_unpredictable(condition, a.low, b.low),
            last: select_unpredictable(condition, a.last, b.last),
        }
    }

    /// State, 0..4.
    #[inline(always)]
    fn state(self) -> u64 {
        self.last >> 8 & 3
    }
}

/// The encoder of sync frames: keeps state and digital sum value (DSV) from frame to
/// frame.
#[derive(Debug, Clone)]
pub(crate) struct Modulator {
    now: Stream,
}

impl Modulator {
    pub(crate) fn new() -> Self {
        Self {
            now: Stream {
                dsv: 0,
                low: 0,
                last: 0,
            },
        }
    }

    /// Encodes one sync frame: sync code `code` (0..8), then 91 bytes.
    pub(crate) fn frame(
        &mut self,
        code: u8,
        bytes: &[u8; FRAME_DATA],
        out: &mut [u16; FRAME_WORDS],
    ) {
        let choices = &**CHOICES;
        let start = self.now;
        let syncs = sync::codes(code, start.state() >= 2).map(|form| form.map(pack));
        let after = |s: usize| {
            syncs[s]
                .iter()
                .fold(start, |stream, &code| stream.put(code))
        };
        // Choice (a): stream 1 has the primary sync code, stream 2 the secondary.
        let (mut one, mut two) = (after(0), after(1));
        // The words of the first stream, low, and of the second, high; and where there was
        // a choice (bit 0), the stream it was made from (bit 1).
        let mut words = [0u32; FRAME_DATA];
        let mut forks = [0u8; FRAME_DATA];
        for ((pair, fork), &byte) in words.iter_mut().zip(&mut forks).zip(bytes) {
            // Look everything up for both, so that it is there when the choice is made.
            let look_up = |stream: Stream| {
                let at = (stream.last as u32 & 0x300 | u32::from(byte)) as usize;
                let choice = u32::from(choices.allowed[at]) >> (stream.last as u32 & 31) & 1 != 0;
                (choices.main[at], choices.other[at], choice)
            };
            let (main_one, other_one, choice_one) = look_up(one);
            let (main_two, other_two, choice_two) = look_up(two);
            let second_better = two.dsv.abs() < one.dsv.abs();
            let main = select_unpredictable(second_better, main_two, main_one);
            let other = select_unpredictable(second_better, other_two, other_one);
            let choice = select_unpredictable(second_better, choice_two, choice_one);
            let better = Stream::select(second_better, two, one);
            // With a choice both go on from the better stream, without each for itself.
            let first = select_unpredictable(choice, main, main_one);
            let second = select_unpredictable(choice, other, main_two);
            one = Stream::select(choice, better, one).put(first);
            two = Stream::select(choice, better, two).put(second);
            *pair = first as u32 >> 16 | second as u32 & 0xffff_0000;
            *fork = u8::from(choice) | u8::from(second_better) << 1;
        }
        let mut stream = usize::from(two.dsv.abs() < one.dsv.abs());
        self.now = if stream == 1 { two } else { one };
        for ((out, pair), &fork) in out[2..].iter_mut().zip(&words).zip(&forks).rev() {
            *out = (pair >> (16 * stream)) as u16;
            stream = select_unpredictable(fork & 1 != 0, usize::from(fork >> 1), stream);
        }
        if !(-64..=63).contains(&self.now.dsv) {
            // The extension of choice (a): the other sync code inverts what follows it.
            let (with, without) = (after(1 - stream), after(stream));
            let rest = self.now.dsv - without.dsv;
            let inverts = with.low != without.low;
            let swapped = with.dsv + if inverts { -rest } else { rest };
            if swapped.abs() < self.now.dsv.abs() {
                self.now.dsv = swapped;
                self.now.low ^= with.low ^ without.low;
                stream = 1 - stream;
            }
        }
        out[0] = (syncs[stream][0] >> 16) as u16;
        out[1] = (syncs[stream][1] >> 16) as u16;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// DSV and level after words, counted bit by bit.
    fn dsv_of(words: &[u16], mut dsv: i32, mut level: i32) -> (i32, i32) {
        for word in words {
            for bit in (0..16).rev() {
                if word >> bit & 1 != 0 {
                    level = -level;
                }
                dsv += level;
            }
        }
        (dsv, level)
    }

    #[test]
    fn the_dsv_is_carried_and_brought_back_by_the_sync_code() {
        let mut swaps = 0;
        for start in (-900..=900).step_by(60) {
            let mut modulator = Modulator::new();
            modulator.now.dsv = start;
            let mut level = 1;
            let mut dsv = start;
            for n in 0..40u32 {
                // 0xff has no second word in states 2 and 3.
                let bytes = core::array::from_fn(|i| {
                    if i % 3 == 0 {
                        0xff
                    } else {
                        (i as u32 * n) as u8
                    }
                });
                let mut words = [0; FRAME_WORDS];
                modulator.frame((n % 8) as u8, &bytes, &mut words);
                let before = (dsv, level);
                (dsv, level) = dsv_of(&words, dsv, level);
                assert_eq!(
                    (modulator.now.dsv, modulator.now.low),
                    (dsv, (level - 1) / 2)
                );
                if !(-64..=63).contains(&dsv) {
                    // The other sync code would not have been better.
                    let other = sync::codes((n % 8) as u8, words[0] >> 15 != 0)
                        .map(|form| form[0].word)
                        .into_iter()
                        .find(|&word| word != words[0])
                        .unwrap();
                    let mut swapped = words;
                    swapped[0] = other;
                    assert!(dsv_of(&swapped, before.0, before.1).0.abs() >= dsv.abs());
                    swaps += 1;
                }
            }
            assert!(dsv.abs() < 64, "{start} became {dsv}");
        }
        assert!(swaps > 0);
    }

    #[test]
    fn choices_are_used_in_both_ways() {
        // With bytes of 88 and more only choice (c) is left inside a frame.
        let mut modulator = Modulator::new();
        let tables = &*TABLES;
        let mut departures = 0;
        for n in 0..200u32 {
            let bytes = core::array::from_fn(|i| 88 + ((i as u32 * 7 + n * 13) % 168) as u8);
            let mut words = [0; FRAME_WORDS];
            modulator.frame(0, &bytes, &mut words);
            let mut state = 0;
            for (&word, &byte) in words[2..].iter().zip(&bytes) {
                let prescribed = tables.main[state][usize::from(byte)];
                let code = if word == prescribed.word {
                    prescribed
                } else {
                    departures += 1;
                    assert!(state == 0 || state == 3);
                    let other = tables.main[3 - state][usize::from(byte)];
                    assert_eq!(other.word, word);
                    other
                };
                state = usize::from(code.next);
            }
        }
        assert!(departures > 100, "{departures}");
    }
}
