//! Blocks being put together from sync frames.

use super::decoder::DecodedBlock;
use super::ecc::{BLOCK_SECTORS, EccBlock, row_at};
use super::efmplus::FRAME_DATA;
use super::erasures::Erasures;
use super::framer::{ALL_BAD, Frame};
use super::report::{Corrected, DecodeOptions};
use super::sector::{Psn, SectorError, SectorId, read_id};
use super::sync::SECTOR_FRAMES;

/// Sync frames in a block.
pub(crate) const BLOCK_FRAMES: usize = BLOCK_SECTORS * SECTOR_FRAMES;

/// The ID in the first frame of a sector, if it is beyond doubt.
pub(crate) fn frame_id(frame: &Frame) -> Option<SectorId> {
    if frame.bad & 0x3f != 0 {
        return None;
    }
    let (id, corrected) = read_id(*frame.data.first_chunk()?)?;
    (!corrected && id.psn.value() != 0).then_some(id)
}

/// A block that is being put together.
#[derive(Debug, Clone)]
pub(crate) struct OpenBlock {
    pub(crate) count: u64,
    block: EccBlock,
    bad: Box<[u128; BLOCK_FRAMES]>,
    seen: Box<[bool; BLOCK_FRAMES]>,
    /// What each sector's ID says the number of the first sector is.
    numbers: [Option<Psn>; BLOCK_SECTORS],
}

impl OpenBlock {
    pub(crate) fn new(count: u64) -> Self {
        Self {
            count,
            block: EccBlock::default(),
            bad: Box::new([ALL_BAD; BLOCK_FRAMES]),
            seen: Box::new([false; BLOCK_FRAMES]),
            numbers: [None; BLOCK_SECTORS],
        }
    }

    pub(crate) fn put(&mut self, place: usize, frame: &Frame) {
        let row = &mut self.block.rows_mut()[row_at(place / 2)];
        let half = &mut row[place % 2 * FRAME_DATA..][..FRAME_DATA];
        let news = self.bad[place] & !frame.bad;
        if news == ALL_BAD {
            half.copy_from_slice(&frame.data);
        } else {
            for (n, (byte, new)) in half.iter_mut().zip(&frame.data).enumerate() {
                if news >> n & 1 != 0 {
                    *byte = *new;
                }
            }
        }
        self.bad[place] &= frame.bad;
        self.seen[place] = true;
        if place.is_multiple_of(SECTOR_FRAMES)
            && let Some(id) = frame_id(frame)
        {
            let sector = place / SECTOR_FRAMES;
            self.numbers[sector] = Some(id.psn.minus(sector as u32));
        }
    }

    pub(crate) fn frames(&self) -> usize {
        self.seen.iter().filter(|&&s| s).count()
    }

    /// Number of the first sector by the IDs.
    pub(crate) fn first(&self) -> Option<Psn> {
        let votes = |psn: Psn| self.numbers.iter().filter(|n| **n == Some(psn)).count();
        let fitting = self.numbers.iter().flatten().filter(|psn| psn.place() == 0);
        fitting.copied().max_by_key(|&psn| votes(psn))
    }

    pub(crate) fn decode(
        mut self,
        fallback: Psn,
        mut number_read: bool,
        options: &DecodeOptions,
    ) -> DecodedBlock {
        let mut erasures = Erasures::new();
        let mut erased = 0;
        for (place, &bad) in self.bad.iter().enumerate().filter(|(_, b)| **b != 0) {
            erased += bad.count_ones();
            for n in (0..FRAME_DATA).filter(|n| bad >> n & 1 != 0) {
                erasures.mark(row_at(place / 2), place % 2 * FRAME_DATA + n);
            }
        }
        let frames = self.frames() as u16;
        let Corrected { data, mut report } = self.block.decode(&erasures, options);
        let good = report.sectors.iter().position(Result::is_ok);
        let first = match report.first {
            Some(first) if good.is_some() => {
                number_read = true;
                first
            }
            _ => fallback,
        };
        // Sectors which are lost are named by what is known now.
        for (i, sector) in report.sectors.iter_mut().enumerate() {
            let psn = first.plus(i as u32);
            match sector {
                Err(SectorError::Id(p) | SectorError::Edc(p)) => *p = psn,
                Ok(_) => {}
            }
        }
        report.first = Some(first);
        let id = good
            .and_then(|i| report.sectors[i].ok())
            .map(|id| id.at(first));
        DecodedBlock {
            first,
            number_read,
            id,
            data,
            report,
            frames,
            erased,
        }
    }
}
