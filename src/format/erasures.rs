//! Bytes known to be bad.

use super::ecc::{ROW_BYTES, ROWS};

/// Bytes of a block known to be unreliable, by block row and column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Erasures {
    rows: Box<[[u64; 3]; ROWS]>,
}

impl Default for Erasures {
    fn default() -> Self {
        Self {
            rows: Box::new([[0; 3]; ROWS]),
        }
    }
}

impl Erasures {
    /// No byte is marked.
    pub fn new() -> Self {
        Self::default()
    }

    /// Marks one byte: row 0..208 in block order, column 0..182.
    ///
    /// # Panics
    /// If row or column is out of range.
    pub fn mark(&mut self, row: usize, column: usize) {
        assert!(
            column < ROW_BYTES,
            "column {column} is not below {ROW_BYTES}"
        );
        self.rows[row][column / 64] |= 1 << (column % 64);
    }

    /// Marks a whole row.
    ///
    /// # Panics
    /// If the row is not below 208.
    pub fn mark_row(&mut self, row: usize) {
        self.rows[row] = [u64::MAX, u64::MAX, (1 << (ROW_BYTES - 128)) - 1];
    }

    /// Whether a byte is marked; false outside the block.
    pub fn is_marked(&self, row: usize, column: usize) -> bool {
        self.rows
            .get(row)
            .and_then(|r| r.get(column / 64))
            .is_some_and(|w| w >> (column % 64) & 1 != 0)
    }

    /// Marked bytes in a row, 0..=182.
    pub fn count(&self, row: usize) -> usize {
        self.rows[row].iter().map(|w| w.count_ones() as usize).sum()
    }

    /// Whether any byte in a row is marked.
    pub(crate) fn any(&self, row: usize) -> bool {
        self.rows[row] != [0; 3]
    }

    /// The marked columns of a row.
    pub(crate) fn columns(&self, row: usize, into: &mut Vec<u8>) {
        into.clear();
        for (w, &word) in self.rows[row].iter().enumerate() {
            let mut rest = word;
            while rest != 0 {
                into.push((64 * w) as u8 + rest.trailing_zeros() as u8);
                rest &= rest - 1;
            }
        }
    }
}
