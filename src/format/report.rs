//! How a block is to be corrected, and what came of it.

use super::ecc::{BLOCK_BYTES, BLOCK_SECTORS, ROWS};
use super::sector::{Psn, SectorError, SectorId};

/// How hard to try.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct DecodeOptions {
    /// The number of the first sector, if it is known; otherwise the IDs vote.
    pub first: Option<Psn>,
    /// Most turns of columns and rows in one attempt; 0 corrects rows only.
    pub turns: u8,
    /// Try again with suspicious rows counted as bad if sectors fail.
    pub suspect: bool,
}

impl Default for DecodeOptions {
    fn default() -> Self {
        Self {
            first: None,
            turns: 8,
            suspect: true,
        }
    }
}

/// What the correction of a block found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EccReport {
    /// Wrong bytes per row before correction, in block order. For a row that PI could
    /// not correct it is counted from the corrected block, or 182 if that failed too.
    pub pi_errors: [u8; ROWS],
    /// Rows which PI could not correct in the first pass (PI failures, PIF).
    pub pi_failed: [bool; ROWS],
    /// Bytes changed by PO.
    pub po_corrections: u32,
    /// Attempts made: 0 if the rows were enough.
    pub attempts: u32,
    /// The first sector number the block was judged by, if any ID could be read.
    pub first: Option<Psn>,
    /// Each sector: its identification, or why it is not handed out.
    pub sectors: [Result<SectorId, SectorError>; BLOCK_SECTORS],
}

impl EccReport {
    /// Whether every sector is good.
    pub fn is_good(&self) -> bool {
        self.sectors.iter().all(Result::is_ok)
    }

    /// Rows with at least one wrong byte before correction ("PI errors" of this block;
    /// the usual limit is 280 in the sum of 8 blocks).
    pub fn pi_error_rows(&self) -> usize {
        self.pi_errors.iter().filter(|&&n| n != 0).count()
    }

    /// Rows that PI could not correct.
    pub fn pi_failures(&self) -> usize {
        self.pi_failed.iter().filter(|&&f| f).count()
    }
}

/// The user data of a block after correction, and the report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Corrected {
    /// 16 x 2048 bytes; zeros for a sector which is not good.
    pub data: Box<[u8; BLOCK_BYTES]>,
    /// What was found.
    pub report: EccReport,
}
