//! Channel bits and run lengths.
//!
//! A run is the distance in channel bits (T) between two transitions. Packed channel
//! bits hold 8 bits a byte, first bit in the highest place, 1 = transition. A run of r
//! is r - 1 zeros and a one, so a stream of runs starts right after a transition.

use std::sync::LazyLock;

/// Packed channel bits of `runs`; the last byte is filled up with zeros. A run of 0
/// (clock lost) adds nothing.
///
/// ```
/// use disc_hal::format::{bits_to_runs, runs_to_bits};
/// assert_eq!(runs_to_bits(&[3, 5, 8]), [0b0010_0001, 0b0000_0001]);
/// assert_eq!(bits_to_runs(&[0b0010_0001, 0b0000_0001]), [3, 5, 8]);
/// ```
pub fn runs_to_bits(runs: &[u8]) -> Vec<u8> {
    let total: usize = runs.iter().map(|&r| usize::from(r)).sum();
    let mut bits = vec![0u8; total.div_ceil(8)];
    let mut at = 0;
    for &run in runs {
        at += usize::from(run);
        if run != 0 {
            bits[(at - 1) / 8] |= 0x80 >> ((at - 1) % 8);
        }
    }
    bits
}

/// The runs of packed channel bits; zeros after the last one are dropped, runs longer
/// than 255 are cut into pieces as if there were a transition.
pub fn bits_to_runs(bits: &[u8]) -> Vec<u8> {
    let mut runs = Vec::with_capacity(2 * bits.len());
    let mut pending = 0u32;
    for &byte in bits {
        let mut rest = u32::from(byte) << 24;
        let mut used = 0;
        while rest != 0 {
            let zeros = rest.leading_zeros();
            pending += zeros + 1;
            used += zeros + 1;
            rest = rest.wrapping_shl(zeros).wrapping_shl(1);
            push_long(&mut runs, &mut pending);
            runs.push(pending as u8);
            pending = 0;
        }
        pending += 8 - used;
        push_long(&mut runs, &mut pending);
    }
    runs
}

fn push_long(runs: &mut Vec<u8>, pending: &mut u32) {
    while *pending > 255 {
        runs.push(255);
        *pending -= 255;
    }
}

/// The runs that end in a word, and the zeros after the last one.
#[derive(Debug, Clone, Copy, Default)]
struct WordRuns {
    runs: [u8; 8],
    count: u8,
    trail: u8,
}

/// Runs of every 16-bit word with at most 8 ones (so of every word of the code).
static WORD_RUNS: LazyLock<Box<[WordRuns]>> = LazyLock::new(|| {
    (0..=u16::MAX)
        .map(|word| {
            let mut entry = WordRuns {
                trail: 16,
                ..WordRuns::default()
            };
            let mut length = 0;
            for bit in (0..16).rev() {
                length += 1;
                if word >> bit & 1 != 0 && entry.count < 8 {
                    entry.runs[usize::from(entry.count)] = length;
                    entry.count += 1;
                    entry.trail = bit;
                    length = 0;
                }
            }
            entry
        })
        .collect()
});

/// Appends the runs of code words; `pending` is the distance since the last transition.
pub(crate) fn words_to_runs(words: &[u16], pending: &mut u8, runs: &mut Vec<u8>) {
    let table = &*WORD_RUNS;
    let start = runs.len();
    // Eight bytes are written at a time, of which some are overwritten by the next.
    runs.resize(start + 8 * words.len() + 8, 0);
    let out = &mut runs[start..];
    let mut at = 0;
    for &word in words {
        let entry = &table[usize::from(word)];
        let first = u64::from_le_bytes(entry.runs) + u64::from(*pending);
        out[at..at + 8].copy_from_slice(&first.to_le_bytes());
        at += usize::from(entry.count);
        *pending = if entry.count == 0 {
            *pending + 16
        } else {
            entry.trail
        };
    }
    runs.truncate(start + at);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_and_runs_agree() {
        let runs: Vec<u8> = (0..10_000u32).map(|i| 3 + (i * 7 % 12) as u8).collect();
        assert_eq!(bits_to_runs(&runs_to_bits(&runs)), runs);
    }

    #[test]
    fn words_and_bits_agree() {
        let words = [0x2009u16, 0x4120, 0x2009, 0x1244, 0x0011, 0x8008];
        let bytes: Vec<u8> = words.iter().flat_map(|w| w.to_be_bytes()).collect();
        let (mut pending, mut runs) = (0, Vec::new());
        words_to_runs(&words, &mut pending, &mut runs);
        assert_eq!(runs, bits_to_runs(&bytes));
        assert_eq!(pending, 3);
    }
}
