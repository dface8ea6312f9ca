//! Sync codes and their order in a sector (ECMA-267 clause 21).

use std::sync::LazyLock;

use super::efmplus::Code;

/// Sync frames in a sector.
pub(crate) const SECTOR_FRAMES: usize = 26;
/// Channel bits in a sync frame: 32 of sync code and 91 words of 16.
pub(crate) const FRAME_BITS: usize = 1488;
/// Channel bits in a sync code.
pub(crate) const SYNC_BITS: usize = 32;
/// The last 16 bits of every sync code.
pub(crate) const TAIL: u16 = 0x0011;

/// The sync codes of a sector in their order.
pub(crate) const ORDER: [u8; SECTOR_FRAMES] = [
    0, 5, 1, 5, 2, 5, 3, 5, 4, 5, 1, 6, 2, 6, 3, 6, 4, 6, 1, 7, 2, 7, 3, 7, 4, 7,
];

/// `[sync][states 3-4][secondary]`, each as two words.
type Table = [[[[Code; 2]; 2]; 2]; 8];

static CODES: LazyLock<Table> = LazyLock::new(|| {
    let mut table = Table::default();
    for line in include_str!("data/sync_codes.csv").lines().skip(1) {
        let fields: Vec<&str> = line.split(',').collect();
        let number: usize = fields[0][2..]
            .parse()
            .expect("the table is part of the crate");
        let bits = u32::from_str_radix(fields[3], 2).expect("the table is part of the crate");
        let high = usize::from(fields[1] == "3-4");
        let secondary = usize::from(fields[2] == "secondary");
        // The data after a sync code starts in state 1.
        table[number][high][secondary] =
            [Code::new((bits >> 16) as u16, 0), Code::new(bits as u16, 0)];
    }
    table
});

/// Primary and secondary form of sync code `code` after states 1-2 or 3-4.
#[inline]
pub(crate) fn codes(code: u8, high: bool) -> [[Code; 2]; 2] {
    CODES[usize::from(code)][usize::from(high)]
}

/// Which sync code the 32 channel bits are, if any.
pub(crate) fn recognise(bits: u32) -> Option<u8> {
    if bits as u16 != TAIL {
        return None;
    }
    (0..8u8).find(|&code| {
        CODES[usize::from(code)]
            .iter()
            .flatten()
            .any(|form| u32::from(form[0].word) == bits >> 16)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sync_codes_are_32_and_different() {
        let mut seen = std::collections::HashSet::new();
        for code in 0..8 {
            for high in [false, true] {
                let [primary, secondary] = codes(code, high);
                // The two forms differ in the level after them: that is their use.
                let odd = |form: [Code; 2]| (form[0].word.count_ones() + 2) % 2;
                assert_ne!(odd(primary), odd(secondary));
                for form in [primary, secondary] {
                    assert_eq!(form[1].word, TAIL);
                    let bits = u32::from(form[0].word) << 16 | u32::from(form[1].word);
                    assert_eq!(recognise(bits), Some(code));
                    assert!(seen.insert(bits));
                    // One run of 14T, which ends at bit 27.
                    assert_eq!(
                        form[0].word.trailing_zeros() + form[1].word.leading_zeros(),
                        13
                    );
                    assert_eq!(form[1].word.leading_zeros() + 16, 27);
                }
            }
        }
        assert_eq!(seen.len(), 32);
    }
}
