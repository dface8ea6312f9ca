//! The tables of the 8-to-16 recording code (ECMA-267 clause 20 and annex G).
//!
//! Channel bits are held as 16-bit words, first bit in the highest place; a 1 is a
//! transition (NRZI). The tables are those of the standard, read from the data files.

use std::sync::LazyLock;

/// Bytes between two sync codes.
pub(crate) const FRAME_DATA: usize = 91;
/// Code words in a sync frame: two of the sync code, then the data.
pub(crate) const FRAME_WORDS: usize = FRAME_DATA + 2;
/// Bytes below this have a second code word in every state.
const SUBSTITUTES: usize = 88;
/// What the decoder looks at in the next word: bits 15 and 3.
const LOOK_AHEAD: u16 = 0x8008;
/// [`Decoding::byte`] answer for a word which is not in the code.
pub(crate) const ILLEGAL: u16 = 0x100;

/// A code word and what it does.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Code {
    pub(crate) word: u16,
    /// Next state, 0..4 for the standard's 1..4.
    pub(crate) next: u8,
    /// Digital sum over the word if the level before it was high.
    pub(crate) sum: i8,
    /// Whether the level after the word is the inverted one.
    pub(crate) odd: bool,
    /// Zeros before the first and after the last 1.
    pub(crate) lead: u8,
    pub(crate) trail: u8,
}

impl Code {
    /// The word with its sums; two words of a sync code are `Code`s too.
    pub(crate) fn new(word: u16, next: u8) -> Self {
        let mut level = 1i8;
        let mut sum = 0;
        for bit in (0..16).rev() {
            if word >> bit & 1 != 0 {
                level = -level;
            }
            sum += level;
        }
        Self {
            word,
            next,
            sum,
            odd: level < 0,
            lead: word.leading_zeros() as u8,
            trail: word.trailing_zeros() as u8,
        }
    }
}

/// The tables of the standard: `main[state][byte]`, `substitution[state][byte]`.
#[derive(Debug)]
pub(crate) struct Tables {
    pub(crate) main: [[Code; 256]; 4],
    pub(crate) substitution: [[Code; SUBSTITUTES]; 4],
}

pub(crate) static TABLES: LazyLock<Tables> = LazyLock::new(|| {
    let mut tables = Tables {
        main: [[Code::default(); 256]; 4],
        substitution: [[Code::default(); SUBSTITUTES]; 4],
    };
    for line in include_str!("data/efmplus.csv").lines().skip(1) {
        let fields: Vec<&str> = line.split(',').collect();
        let number = |n: usize| {
            fields[n]
                .parse::<usize>()
                .expect("the table is part of the crate")
        };
        let word = u16::from_str_radix(fields[3], 2).expect("the table is part of the crate");
        let (byte, state) = (number(1), number(2) - 1);
        let code = Code::new(word, number(4) as u8 - 1);
        match fields[0] {
            "main" => tables.main[state][byte] = code,
            _ => tables.substitution[state][byte] = code,
        }
    }
    tables
});

/// From a word and the look-ahead bits of the next to the byte.
pub(crate) struct Decoding {
    table: Box<[[u16; 2]]>,
}

pub(crate) static DECODING: LazyLock<Decoding> = LazyLock::new(|| {
    let mut table = vec![[ILLEGAL; 2]; 1 << 16].into_boxed_slice();
    let tables = &*TABLES;
    let states = tables.main.iter().map(|s| &s[..]);
    for codes in states.chain(tables.substitution.iter().map(|s| &s[..])) {
        for (byte, code) in codes.iter().enumerate() {
            let entry = &mut table[usize::from(code.word)];
            // Words that lead to state 2 (no look-ahead bit) or 3 (some) may stand for
            // two bytes; the others for one.
            match code.next {
                1 => entry[0] = byte as u16,
                2 => entry[1] = byte as u16,
                _ => *entry = [byte as u16; 2],
            }
        }
    }
    Decoding { table }
});

impl Decoding {
    /// The byte of `word` when `next` follows, or [`ILLEGAL`].
    #[inline(always)]
    pub(crate) fn byte(&self, word: u16, next: u16) -> u16 {
        self.table[usize::from(word)][usize::from(next & LOOK_AHEAD != 0)]
    }
}

#[cfg(test)]
mod tests {
    use super::super::sync;
    use super::*;
    use sha2::{Digest, Sha256};
    use std::collections::HashSet;

    fn all() -> impl Iterator<Item = (usize, usize, Code)> {
        let tables = &*TABLES;
        let main = (0..4).flat_map(move |s| (0..256).map(move |b| (s, b, tables.main[s][b])));
        let rest =
            (0..4).flat_map(move |s| (0..88).map(move |b| (s, b, tables.substitution[s][b])));
        main.chain(rest)
    }

    #[test]
    fn the_table_has_the_published_counts() {
        assert_eq!(all().count(), 1376);
        let words: HashSet<u16> = all().map(|(_, _, c)| c.word).collect();
        assert_eq!(words.len(), 543);
        let keys: HashSet<(u16, u8)> = all().map(|(_, _, c)| (c.word, c.next)).collect();
        assert_eq!(keys.len(), 749);
        // Hash of main, then substitution table, by byte and state: word, next state.
        let tables = &*TABLES;
        let main = (0..256).flat_map(|b| tables.main.iter().map(move |s| s[b]));
        let rest = (0..88).flat_map(|b| tables.substitution.iter().map(move |s| s[b]));
        let mut hash = Sha256::new();
        for code in main.chain(rest) {
            hash.update(code.word.to_be_bytes());
            hash.update([code.next + 1]);
        }
        let hex: String = hash.finalize().iter().map(|b| format!("{b:02x}")).collect();
        assert_eq!(
            hex,
            "e6b36e97723f1c6b7e95045c58f2c864da941f3565c5e7fc5da5046ae82c15b7"
        );
    }

    #[test]
    fn every_concatenation_keeps_the_run_length_limits_and_decodes() {
        let decoding = &*DECODING;
        for (_, byte, code) in all() {
            let followers = all().filter(|(s, _, _)| *s == usize::from(code.next));
            for (_, _, next) in followers {
                assert!((2..=10).contains(&(code.trail + next.lead)));
                assert_eq!(usize::from(decoding.byte(code.word, next.word)), byte);
            }
            for sync in 0..8 {
                for choice in sync::codes(sync, code.next >= 2) {
                    let run = code.trail + choice[0].lead;
                    assert!((2..=10).contains(&run));
                    assert_eq!(usize::from(decoding.byte(code.word, choice[0].word)), byte);
                }
            }
        }
    }

    #[test]
    fn the_next_state_follows_from_the_trailing_zeros() {
        for (_, _, code) in all() {
            match code.trail {
                0 | 1 => assert_eq!(code.next, 0),
                2..=5 => assert!(code.next == 1 || code.next == 2),
                _ => assert_eq!(code.next, 3),
            }
        }
    }
}
