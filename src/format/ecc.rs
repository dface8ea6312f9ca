//! The ECC block: 16 data frames under a product code, interleaved into 16 recording
//! frames (ECMA-267 clauses 18 and 19).

use std::sync::LazyLock;

use super::columns::{self, PO};
use super::rs::ReedSolomon;
use super::sector::{FRAME_BYTES, Psn, SECTOR_BYTES, SectorId, data_frame, scramble_frame};

/// Bytes in a row: 172 of data and 10 of inner parity (PI).
pub const ROW_BYTES: usize = columns::ROW;
/// Rows in a block: 192 of data and 16 of outer parity (PO).
pub const ROWS: usize = 208;
/// Data rows in a block.
pub const DATA_ROWS: usize = 192;
/// Data bytes in a row.
pub const ROW_DATA: usize = 172;
/// Sectors in a block.
pub const BLOCK_SECTORS: usize = 16;
/// User bytes in a block: 32 KiB.
pub const BLOCK_BYTES: usize = BLOCK_SECTORS * SECTOR_BYTES;
/// Bytes of a block as recorded.
pub const RECORDED_BYTES: usize = ROWS * ROW_BYTES;
/// Rows in a recording frame: 12 of data and 1 of outer parity.
const FRAME_ROWS: usize = 13;

pub(crate) type Pi = ReedSolomon<ROW_BYTES, 10>;
pub(crate) type PoCode = ReedSolomon<ROWS, PO>;

pub(crate) static PI_CODE: LazyLock<Pi> = LazyLock::new(Pi::new);
pub(crate) static PO_CODE: LazyLock<PoCode> = LazyLock::new(PoCode::new);

/// An ECC block: 208 rows of 182 bytes, rows 0-191 data, 192-207 outer parity.
#[derive(Clone, PartialEq, Eq)]
pub struct EccBlock {
    rows: Box<[[u8; ROW_BYTES]; ROWS]>,
}

impl core::fmt::Debug for EccBlock {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("EccBlock")
            .field("id", &&self.rows[0][..4])
            .finish_non_exhaustive()
    }
}

impl Default for EccBlock {
    fn default() -> Self {
        Self {
            rows: Box::new([[0; ROW_BYTES]; ROWS]),
        }
    }
}

impl EccBlock {
    /// The block of the 16 sectors that start at `first` with the user data `main`.
    pub fn encode(first: SectorId, main: &[u8; BLOCK_BYTES]) -> Self {
        let mut block = Self::default();
        block.fill(first, main);
        block
    }

    /// Overwrites this block, see [`EccBlock::encode`].
    pub fn fill(&mut self, first: SectorId, main: &[u8; BLOCK_BYTES]) {
        for (i, data) in main.as_chunks::<SECTOR_BYTES>().0.iter().enumerate() {
            let psn = first.psn.plus(i as u32);
            let mut frame = data_frame(first.at(psn), data);
            scramble_frame(psn, &mut frame);
            self.put_frame(i, &frame);
        }
        self.add_parity();
    }

    /// Places the (scrambled) data frame `i`, 0..16, without touching any parity.
    pub fn put_frame(&mut self, i: usize, frame: &[u8; FRAME_BYTES]) {
        let rows = &mut self.rows[12 * i..12 * i + 12];
        for (row, data) in rows.iter_mut().zip(frame.as_chunks::<ROW_DATA>().0) {
            row[..ROW_DATA].copy_from_slice(data);
        }
    }

    /// The data frame `i`, 0..16, scrambled as it is in the block.
    pub fn frame(&self, i: usize) -> [u8; FRAME_BYTES] {
        let mut frame = [0; FRAME_BYTES];
        let rows = &self.rows[12 * i..12 * i + 12];
        for (row, data) in rows.iter().zip(frame.as_chunks_mut::<ROW_DATA>().0) {
            data.copy_from_slice(&row[..ROW_DATA]);
        }
        frame
    }

    /// Computes inner and outer parity from the data bytes.
    pub fn add_parity(&mut self) {
        let (data, parity) = self.rows.split_at_mut(DATA_ROWS);
        let mut inner = [[0; ROWS]; columns::PI];
        columns::inner_parity(data, &mut inner);
        for (r, row) in data.iter_mut().enumerate() {
            for (byte, column) in row[ROW_DATA..].iter_mut().zip(&inner) {
                *byte = column[r];
            }
        }
        // The codes commute: PO over all 182 columns gives the PI of the PO rows too.
        if let Some(parity) = parity.first_chunk_mut() {
            columns::outer_parity(data, parity);
        }
    }

    /// Whether all 208 rows and all 182 columns are codewords.
    pub fn is_clean(&self) -> bool {
        let zero = |bytes: &[u8]| bytes.iter().fold(0, |acc, b| acc | b) == 0;
        zero(self.row_remainders().as_flattened()) && zero(self.column_remainders().as_flattened())
    }

    /// Remainder of every row, the symbols of x^9 of all rows first; all zero if all are
    /// codewords.
    pub(crate) fn row_remainders(&self) -> [[u8; ROWS]; columns::PI] {
        let mut rests = [[0; ROWS]; columns::PI];
        columns::inner_parity(&self.rows[..], &mut rests);
        for (r, row) in self.rows.iter().enumerate() {
            for (rest, byte) in rests.iter_mut().zip(&row[ROW_DATA..]) {
                rest[r] ^= byte;
            }
        }
        rests
    }

    /// Remainder of every column, the symbol of x^15 first; all zero if all are codewords.
    pub(crate) fn column_remainders(&self) -> [[u8; ROW_BYTES]; PO] {
        let mut rests = [[0; ROW_BYTES]; PO];
        columns::outer_parity(&self.rows[..DATA_ROWS], &mut rests);
        for (rest, row) in rests.iter_mut().zip(&self.rows[DATA_ROWS..]) {
            for (r, b) in rest.iter_mut().zip(row) {
                *r ^= b;
            }
        }
        rests
    }

    /// The rows in block order.
    pub fn rows(&self) -> &[[u8; ROW_BYTES]; ROWS] {
        &self.rows
    }

    /// The rows in block order, to damage or to fill in.
    pub fn rows_mut(&mut self) -> &mut [[u8; ROW_BYTES]; ROWS] {
        &mut self.rows
    }

    /// The rows in the order they are recorded: 12 data rows, then one of outer parity.
    pub fn recorded(&self) -> impl Iterator<Item = &[u8; ROW_BYTES]> {
        (0..ROWS).map(|r| &self.rows[row_at(r)])
    }
}

/// Remainder number `n` out of those of all rows or columns.
pub(crate) fn gather<const W: usize>(rests: &[[u8; W]], n: usize) -> u128 {
    rests
        .iter()
        .fold(0, |acc, rest| acc << 8 | u128::from(rest[n]))
}

/// The block row which is recorded in place `r`, 0..208.
pub(crate) const fn row_at(r: usize) -> usize {
    let (frame, k) = (r / FRAME_ROWS, r % FRAME_ROWS);
    if k < 12 {
        12 * frame + k
    } else {
        DATA_ROWS + frame
    }
}

/// The sector number of sector `i` in a block.
pub(crate) const fn sector_psn(first: Psn, i: usize) -> Psn {
    first.plus(i as u32)
}
