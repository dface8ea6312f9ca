//! A stream of run lengths, cut into shots.
//!
//! Shots end at sector borders, where the next one is triggered; a shot begins
//! with a space. Where a border lies inside a mark, the mark is written whole by
//! the shot before, and the next one starts so many channel bits late: the
//! stream on the disc is the same as from one shot.

use crate::format::{BLOCK_BYTES, Encoder, SectorId};

/// Sync frames of filler after the last block: clock recovery and filters run
/// on while the last sector is decoded.
pub(super) const RUN_OUT_FRAMES: usize = 16;

/// One shot's worth of runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ShotRuns {
    /// Channel bits from the start of the stream to the border it belongs to.
    pub(super) border: u64,
    /// Channel bits after the border at which it begins.
    pub(super) delay: u64,
    /// Runs, the first a space.
    pub(super) runs: Vec<u8>,
    /// Their sum.
    pub(super) length: u64,
}

/// Encodes blocks as they are needed and cuts the runs.
pub(super) struct RunStream<I> {
    blocks: I,
    encoder: Encoder,
    runs: Vec<u8>,
    /// Channel bits taken so far.
    at: u64,
    ended: bool,
}

impl<I: Iterator<Item = (SectorId, Box<[u8; BLOCK_BYTES]>)>> RunStream<I> {
    pub(super) fn new(blocks: I) -> Self {
        Self { blocks, encoder: Encoder::new(), runs: Vec::new(), at: 0, ended: false }
    }

    /// The runs up to `end` channel bits from the start of the stream, or all
    /// that are left; `None` at the end of the stream.
    pub(super) fn shot(&mut self, border: u64, end: Option<u64>) -> Option<ShotRuns> {
        let end = end.unwrap_or(u64::MAX);
        let delay = self.at.saturating_sub(border);
        let mut shot = ShotRuns { border, delay, runs: Vec::new(), length: 0 };
        let mut used = 0;
        loop {
            if used == self.runs.len() {
                self.runs.clear();
                used = 0;
                if !self.encode() {
                    break;
                }
                continue;
            }
            let mark = shot.runs.len() % 2 == 1;
            if self.at >= end && !mark {
                break;
            }
            let run = self.runs[used];
            let next = self.at + u64::from(run);
            if !mark && next > end {
                // The space goes on in the next shot.
                let part = (end - self.at) as u8;
                shot.runs.push(part);
                self.runs[used] = run - part;
                self.at = end;
                break;
            }
            shot.runs.push(run);
            self.at = next;
            used += 1;
        }
        self.runs.drain(..used);
        shot.length = shot.runs.iter().map(|&r| u64::from(r)).sum();
        (!shot.runs.is_empty()).then_some(shot)
    }

    fn encode(&mut self) -> bool {
        match self.blocks.next() {
            Some((id, data)) => self.encoder.block(id, &data, &mut self.runs),
            None if self.ended => return false,
            None => {
                self.encoder.run_out(RUN_OUT_FRAMES, &mut self.runs);
                self.encoder.finish(&mut self.runs);
                self.ended = true;
            }
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::Psn;

    fn blocks(n: u32) -> impl Iterator<Item = (SectorId, Box<[u8; BLOCK_BYTES]>)> {
        (0..n).map(|i| {
            let id = SectorId::new(Psn::new(0x3_0000 + 16 * i));
            (id, Box::new(core::array::from_fn(|k| (k as u32).wrapping_mul(2_654_435_761).rotate_left(i) as u8)))
        })
    }

    /// The levels of the channel bits: true for a mark.
    fn levels(shots: &[ShotRuns]) -> Vec<bool> {
        let mut bits = Vec::new();
        for shot in shots {
            assert_eq!(bits.len() as u64, shot.border + shot.delay, "a gap or an overlap");
            for (i, &run) in shot.runs.iter().enumerate() {
                assert!(run > 0);
                bits.extend(core::iter::repeat_n(i % 2 == 1, usize::from(run)));
            }
        }
        bits
    }

    #[test]
    fn cut_anywhere_the_disc_gets_the_same_bits() {
        let whole = RunStream::new(blocks(2)).shot(0, None).into_iter().collect::<Vec<_>>();
        let expected = levels(&whole);
        // The last run is closed after at least 3T.
        assert!(expected.len().abs_diff(2 * 619_008 + RUN_OUT_FRAMES * 1488) <= 3, "{}", expected.len());
        // Borders at sectors, and at steps that meet every place in a run.
        for step in [38_688u64, 619_008, 100_003] {
            let mut stream = RunStream::new(blocks(2));
            let mut shots = Vec::new();
            let mut border = 0;
            while let Some(shot) = stream.shot(border, Some(border + step)) {
                assert!(shot.delay < 15);
                shots.push(shot);
                border += step;
            }
            assert!(levels(&shots) == expected, "step {step}");
        }
    }
}
