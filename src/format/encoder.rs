//! From user data to runs.

use super::ecc::{BLOCK_BYTES, EccBlock, ROWS, row_at};
use super::efmplus::{FRAME_DATA, FRAME_WORDS};
use super::modulator::Modulator;
use super::runs::words_to_runs;
use super::sector::{Psn, SectorId, scramble};
use super::sync::{ORDER, SECTOR_FRAMES};

/// Turns ECC blocks into one continuous stream of run lengths.
///
/// Runs are in channel bits (T): 3..=11, and one 14 in every sync code. Code state,
/// digital sum value and the run that is still open are carried from block to block;
/// [`Encoder::finish`] closes the last run.
///
/// ```
/// use disc_hal::format::{Encoder, Psn, SectorId};
/// let mut encoder = Encoder::new();
/// let mut runs = Vec::new();
/// encoder.run_in(8, &mut runs);
/// encoder.block(SectorId::new(Psn::DATA_START), &[0; 32768], &mut runs);
/// encoder.run_out(8, &mut runs);
/// encoder.finish(&mut runs);
/// assert!(runs.iter().all(|r| (3..=11).contains(r) || *r == 14));
/// ```
#[derive(Debug, Clone)]
pub struct Encoder {
    modulator: Modulator,
    pending: u8,
    block: EccBlock,
}

impl Default for Encoder {
    fn default() -> Self {
        Self::new()
    }
}

impl Encoder {
    /// An encoder at the start of a stream: DSV 0, state 1, right after a transition.
    pub fn new() -> Self {
        Self {
            modulator: Modulator::new(),
            pending: 0,
            block: EccBlock::default(),
        }
    }

    /// Appends the runs of the block of the 16 sectors from `first` on.
    ///
    /// # Panics
    /// If the number of `first` is not a multiple of 16, where blocks start.
    pub fn block(&mut self, first: SectorId, main: &[u8; BLOCK_BYTES], runs: &mut Vec<u8>) {
        assert_eq!(
            first.psn.place(),
            0,
            "an ECC block does not start at sector {}",
            first.psn
        );
        let mut block = core::mem::take(&mut self.block);
        block.fill(first, main);
        self.ecc_block(&block, runs);
        self.block = block;
    }

    /// Appends the runs of an ECC block as it is, right or not.
    pub fn ecc_block(&mut self, block: &EccBlock, runs: &mut Vec<u8>) {
        runs.reserve(140_000);
        for r in 0..ROWS {
            let row = &block.rows()[row_at(r)];
            for (half, bytes) in row.as_chunks::<FRAME_DATA>().0.iter().enumerate() {
                self.frame((2 * r + half) % SECTOR_FRAMES, bytes, runs);
            }
        }
    }

    /// Appends `frames` sync frames that carry no sector, and end where a block starts:
    /// sync codes in the order of the end of a sector, filler data.
    pub fn run_in(&mut self, frames: usize, runs: &mut Vec<u8>) {
        for n in (1..=frames).rev() {
            let place = (SECTOR_FRAMES - n % SECTOR_FRAMES) % SECTOR_FRAMES;
            self.filler(place, n, runs);
        }
    }

    /// Appends `frames` sync frames that carry no sector, as if a block started.
    pub fn run_out(&mut self, frames: usize, runs: &mut Vec<u8>) {
        for n in 0..frames {
            self.filler(n % SECTOR_FRAMES, n, runs);
        }
    }

    /// Closes the open run with a transition and starts a new stream: the next block
    /// begins as after [`Encoder::new`].
    pub fn finish(&mut self, runs: &mut Vec<u8>) {
        if self.pending > 0 {
            runs.push((self.pending + 1).max(3));
        }
        self.pending = 0;
        self.modulator = Modulator::new();
    }

    fn frame(&mut self, place: usize, bytes: &[u8; FRAME_DATA], runs: &mut Vec<u8>) {
        let mut words = [0; FRAME_WORDS];
        self.modulator.frame(ORDER[place], bytes, &mut words);
        words_to_runs(&words, &mut self.pending, runs);
    }

    fn filler(&mut self, place: usize, salt: usize, runs: &mut Vec<u8>) {
        let mut sequence = [0x5a; 2048];
        scramble(Psn::new(((salt % 16) << 4) as u32), &mut sequence);
        let mut bytes = [0; FRAME_DATA];
        bytes.copy_from_slice(&sequence[salt % 64..][..FRAME_DATA]);
        // Never an ID: one whose check bytes agree would be taken for a sector.
        bytes[..6].copy_from_slice(&[0xff, 0, 0xa5, 0, 0x5a, 0]);
        self.frame(place, &bytes, runs);
    }
}
