//! Pieces of random data in the test area: written with one strategy each, and measured.
//!
//! The test area is used from low addresses to high ones in partitions. The first piece
//! of a partition must leave marks, so that a used partition can always be told from a
//! blank one.

use super::capture::{RECORDED_SWING, Rf};
use super::problem::Problem;
use super::session::{SECTOR_BITS, Session};
use super::shots::{RunStream, ShotRuns};
use super::summary::CalibrationPoint;
use super::write::sector_id;
use crate::format::{BLOCK_BYTES, SectorId};
use crate::hal::{Address, Microwatts, WriteStrategy};
use crate::signal::{SignalError, SignalQuality, analyse};

/// Sectors of a piece: enough edges for a jitter to half a per cent of itself.
pub(super) const PIECE: u32 = 4;
/// Sectors of a partition: four ECC blocks, sixteen pieces.
pub(super) const PARTITION: u32 = 64;
/// Samples at the start of a piece that aren't measured: the seam to the piece before
/// lies in the filter's memory.
const SEAM: usize = 1000;

/// Blocks with what their sectors say of themselves.
type Blocks = Box<dyn Iterator<Item = (SectorId, Box<[u8; BLOCK_BYTES]>)>>;

/// A partition, filled piece by piece.
pub(super) struct Partition {
    /// Its first sector.
    pub(super) first: u32,
    /// Pieces written.
    used: u32,
    stream: RunStream<Blocks>,
}

impl Partition {
    /// Pieces that still fit, less a gap to the next partition.
    pub(super) fn left(&self) -> u32 {
        (PARTITION / PIECE - 1).saturating_sub(self.used)
    }

    /// The last sector.
    pub(super) fn last(&self) -> u32 {
        self.first + PARTITION - 1
    }

    /// The runs of the next piece; none at the end of the partition.
    fn next(&mut self) -> Option<ShotRuns> {
        let border = u64::from(self.used) * u64::from(PIECE) * SECTOR_BITS;
        let end = border + u64::from(PIECE) * SECTOR_BITS;
        let mut shot = self.stream.shot(border, Some(end))?;
        // The shot counts from the piece's own first sector.
        shot.border = 0;
        Some(shot)
    }
}

/// A piece that was written.
#[derive(Debug, Clone)]
pub(super) struct Piece {
    /// Its first sector.
    pub(super) first: Address,
    /// Runs of each length from 0T to 15T, marks and spaces, that were written.
    pub(super) runs: [u64; 16],
}

/// What reading a piece gave.
pub(super) enum Reading {
    /// A signal that can be measured.
    Signal(Box<SignalQuality>),
    /// None, and why.
    Nothing(String),
}

impl Session<'_> {
    /// The next blank partition of a layer's test area.
    ///
    /// # Errors
    /// [`Problem::TestAreaFull`], those of seeking and reading, or the bench's own.
    pub(super) fn partition(&mut self, layer: usize) -> Result<Partition, Problem> {
        let area = self.layout(layer)?.test;
        let first = self.free_block(layer, area, PARTITION)?;
        if first + PARTITION > area.last + 1 {
            return Err(Problem::TestAreaFull { area });
        }
        let seed = self.options.seed ^ u64::from(first);
        let blocks = (0..).map(move |i: u32| {
            let id = sector_id(Address(first + 16 * i), layer);
            (id, random_block(seed.wrapping_add(u64::from(i) << 32)))
        });
        Ok(Partition { first, used: 0, stream: RunStream::new(Box::new(blocks)) })
    }

    /// Writes the next piece of a partition.
    ///
    /// # Errors
    /// Those of writing; [`Problem::TestAreaFull`] behind the last piece.
    pub(super) fn write_piece(
        &mut self,
        layer: usize,
        partition: &mut Partition,
        strategy: &WriteStrategy,
    ) -> Result<Piece, Problem> {
        let first = Address(partition.first + partition.used * PIECE);
        let mut shot = partition.next();
        let Some(runs) = shot.as_ref().filter(|_| partition.left() > 0) else {
            return Err(Problem::TestAreaFull { area: self.layout(layer)?.test });
        };
        let mut piece = Piece { first, runs: [0; 16] };
        for &run in &runs.runs {
            if let Some(count) = piece.runs.get_mut(usize::from(run)) {
                *count += 1;
            }
        }
        partition.used += 1;
        self.shoot(first, strategy, &mut || shot.take())?;
        Ok(piece)
    }

    /// Reads a piece back and measures it.
    ///
    /// # Errors
    /// Those of reading; that there is nothing to measure is none.
    pub(super) fn read_piece(&mut self, rf: &Rf, first: Address) -> Result<Reading, Problem> {
        self.address = Some(first);
        let samples = self.grab(rf, first, rf.samples(u64::from(PIECE) * SECTOR_BITS))?;
        let samples = samples.get(SEAM..).unwrap_or_default();
        if rf.swing(samples) < RECORDED_SWING {
            return Ok(Reading::Nothing("not modulated".into()));
        }
        let mut config = rf.quality();
        config.eye_runs = 0;
        match analyse(samples, &config) {
            Ok(quality) => Ok(Reading::Signal(Box::new(quality))),
            Err(error @ (SignalError::Unmodulated { .. } | SignalError::NoClock { .. })) => {
                Ok(Reading::Nothing(error.to_string()))
            }
            Err(error) => Err(error.into()),
        }
    }
}

impl CalibrationPoint {
    /// What reading a piece at a power gave; used if `value` is defined.
    pub(super) fn of(
        power: Microwatts,
        first: Address,
        reading: Reading,
        value: impl FnOnce(&Self) -> Option<f64>,
    ) -> Self {
        let mut point = Self {
            power_uw: power.0,
            first: first.0,
            beta: None,
            asymmetry: None,
            jitter_percent: None,
            modulation: None,
            used: false,
            note: String::new(),
        };
        match reading {
            Reading::Nothing(why) => point.note = why,
            Reading::Signal(quality) => {
                point.beta = quality.levels.beta;
                point.asymmetry = quality.levels.asymmetry;
                point.modulation = quality.levels.modulation;
                point.jitter_percent = quality.timing.jitter.total_percent;
                point.used = value(&point).is_some();
                if !point.used {
                    point.note = "not defined: too few long runs, or no reference for the level of zero light".into();
                }
            }
        }
        point
    }
}

/// Random user data (splitmix64): every run length and neighbourhood occurs.
fn random_block(seed: u64) -> Box<[u8; BLOCK_BYTES]> {
    let mut state = seed;
    let mut block = Box::new([0; BLOCK_BYTES]);
    for chunk in block.as_chunks_mut::<8>().0 {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        *chunk = (z ^ (z >> 31)).to_le_bytes();
    }
    block
}
