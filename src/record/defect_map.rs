//! The defect map: what every ECC block of a recording is worth, and where the bad ones lie.
//!
//! # Classes
//!
//! | class | rule |
//! |---|---|
//! | good | none of the others |
//! | weak | readable, but more than [`WEAK_PI`] rows with errors (a block's share of the usual limit of 280 in eight), or more jitter than the medium's limit |
//! | bad | readable, but more than [`BAD_PIF`] rows that the inner code can't correct (the usual limit of a block), or it took another reading |
//! | unreadable | a sector that no reading gave right |

use core::f64::consts::PI;

use serde::Serialize;

use super::blank::BLOCK;
use super::session::SECTOR_BITS;
use super::summary::{BlockErrors, ReadBack};
use crate::format::SECTOR_BYTES;
use crate::media::{Direction, Medium};

/// Rows with errors above which a block is weak: an eighth of the usual limit of 280 in
/// the sum of eight blocks (ECMA-267).
pub const WEAK_PI: u32 = 35;
/// Rows that the inner code can't correct above which a block is bad (facts of drives: 4).
pub const BAD_PIF: u32 = 4;
/// Such rows that the outer code can still restore: its parity rows.
const PARITY_ROWS: f64 = 16.0;
/// Rows of a block, in the order in which they are recorded, and of a sector.
const ROWS: u32 = 208;
const SECTOR_ROWS: u32 = 13;
/// Radius of sector 030000h (ECMA-267), and its number.
const DATA_RADIUS: f64 = 24.0e-3;
const DATA_START: f64 = 196_608.0;

/// What a block is worth; later ones are worse.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum BlockClass {
    /// Nothing to say.
    Good,
    /// Readable, and near a limit.
    Weak,
    /// Readable, and beyond a limit: a second scratch loses it.
    Bad,
    /// Not to be had.
    Unreadable,
}

/// One ECC block.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct BlockHealth {
    /// Its first sector.
    pub psn: u32,
    /// What it is worth.
    pub class: BlockClass,
    /// Rows with at least one wrong byte before correction; 208 where it wasn't found.
    pub pi_errors: u32,
    /// Rows that the inner code could not correct; 208 likewise.
    pub pi_failures: u32,
    /// Bytes that the outer code corrected.
    pub po_corrections: u32,
    /// Data-to-clock jitter, percent of T; `None` where the clock was not settled.
    pub jitter_percent: Option<f64>,
    /// Readings that were needed, or made in vain.
    pub attempts: u32,
    /// Share of the outer code's parity that is left, 0 to 1; 0 for an unreadable block.
    pub margin: f64,
    /// First and last row that the inner code could not correct, in the order in which they are
    /// recorded (13 in a sector, 208 in all): where in the block the damage is.
    pub rows: Option<[u32; 2]>,
    /// Sectors that no reading gave right.
    pub lost: Vec<u32>,
    /// Where the block begins: turns of the nominal spiral outwards from sector 030000h of the
    /// first layer.
    pub turn: f64,
}

/// Neighbouring blocks that aren't good: no more than a turn of good ones between them.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DefectRange {
    /// First sector of the first block.
    pub first: u32,
    /// Last sector of the last block.
    pub last: u32,
    /// Blocks in it that aren't good.
    pub blocks: u32,
    /// Class of the worst.
    pub worst: BlockClass,
    /// Nominal radius of its inner and its outer end, millimetres.
    pub radius_mm: [f64; 2],
    /// Where on the turn the damage is, mean over its blocks, degrees from where sector
    /// 030000h begins; `None` where it has no angle of its own.
    pub angle_deg: Option<f64>,
}

/// Data that are lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct LostData {
    /// First lost sector.
    pub first: u32,
    /// How many in a row.
    pub sectors: u32,
    /// First lost byte, counted from the start of what was verified: of the file.
    pub offset: u64,
    /// Lost bytes; 0 where it is padding behind the file's end.
    pub bytes: u64,
}

/// Blocks of each class.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct ClassCounts {
    /// Good blocks.
    pub good: u32,
    /// Weak ones.
    pub weak: u32,
    /// Bad ones.
    pub bad: u32,
    /// Unreadable ones.
    pub unreadable: u32,
}

/// What every ECC block of a recording is worth.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct DefectMap {
    /// The layer.
    pub layer: usize,
    /// First sector.
    pub first: u32,
    /// Blocks of each class.
    pub counts: ClassCounts,
    /// Jitter above which a block is weak, percent of T.
    pub jitter_limit: Option<f64>,
    /// The ranges that aren't good, in order.
    pub ranges: Vec<DefectRange>,
    /// What is lost.
    pub lost: Vec<LostData>,
    /// The blocks in order.
    pub blocks: Vec<BlockHealth>,
    /// Samples that were lost and read again.
    pub lost_samples: u64,
}

/// A disc's nominal spiral.
#[derive(Debug, Clone, Copy)]
pub(super) struct Spiral {
    direction: Direction,
    /// Address over sector 0 of the first layer.
    origin: u32,
    pitch: f64,
    bit: f64,
}

impl Spiral {
    pub(super) fn new(medium: &Medium, layer: usize) -> Self {
        let layout = medium.layers.get(layer).map(|l| l.layout);
        let direction = layout.map_or(Direction::Outwards, |l| l.direction);
        Self {
            direction,
            origin: layout.map_or(0, |l| l.origin),
            pitch: f64::from(medium.track_pitch.0) * 1e-9,
            bit: medium.channel_bit(),
        }
    }

    /// Radius in metres, and turns outwards from sector 030000h, so many channel bits behind
    /// the start of a sector: r^2 = (24 mm)^2 + pitch x length / pi.
    pub(super) fn at(&self, psn: u32, bits: f64) -> (f64, f64) {
        let place = f64::from(psn) * SECTOR_BITS as f64 + bits;
        let outwards = match self.direction {
            Direction::Outwards => place - f64::from(self.origin) * SECTOR_BITS as f64,
            // The second layer's sector !n lies over sector n of the first, run through backwards.
            Direction::Inwards => f64::from(1 << 24) * SECTOR_BITS as f64 - place,
        };
        let arc = (outwards - DATA_START * SECTOR_BITS as f64) * self.bit;
        let radius = (DATA_RADIUS * DATA_RADIUS + self.pitch * arc / PI).max(0.0).sqrt();
        (radius, (radius - DATA_RADIUS) / self.pitch)
    }
}

impl BlockHealth {
    /// Puts it into its class.
    pub(super) fn judge(&mut self, jitter_limit: Option<f64>) {
        let jitters = jitter_limit.zip(self.jitter_percent).is_some_and(|(limit, jitter)| jitter > limit);
        self.class = if !self.lost.is_empty() {
            BlockClass::Unreadable
        } else if self.pi_failures > BAD_PIF || self.attempts > 1 {
            BlockClass::Bad
        } else if self.pi_errors > WEAK_PI || jitters {
            BlockClass::Weak
        } else {
            BlockClass::Good
        };
        let left = 1.0 - f64::from(self.pi_failures) / PARITY_ROWS;
        self.margin = if self.lost.is_empty() { left.max(0.0) } else { 0.0 };
    }
}

impl DefectMap {
    /// Whether no block is bad or unreadable.
    pub fn passed(&self) -> bool {
        self.counts.bad == 0 && self.counts.unreadable == 0
    }

    /// The same as the errors of a read.
    pub fn read_back(&self) -> ReadBack {
        let blocks = self.blocks.iter().map(|b| BlockErrors {
            psn: b.psn,
            pi_errors: b.pi_errors,
            pi_failures: b.pi_failures,
            po_corrections: b.po_corrections,
            attempts: b.attempts,
        });
        let mut back = ReadBack {
            first: self.first,
            sectors: self.blocks.len() as u32 * BLOCK,
            blocks: blocks.collect(),
            jitter_percent: self.blocks.iter().map(|b| b.jitter_percent).collect(),
            lost_samples: self.lost_samples,
            ..ReadBack::default()
        };
        back.add_up();
        back
    }

    /// Counts, ranges and losses of the blocks; `length` is that of the file, where it is known.
    pub(super) fn add_up(&mut self, spiral: Spiral, length: Option<u64>) {
        self.counts = ClassCounts::default();
        for block in &mut self.blocks {
            block.turn = spiral.at(block.psn, 0.0).1;
            *match block.class {
                BlockClass::Good => &mut self.counts.good,
                BlockClass::Weak => &mut self.counts.weak,
                BlockClass::Bad => &mut self.counts.bad,
                BlockClass::Unreadable => &mut self.counts.unreadable,
            } += 1;
        }
        self.ranges = ranges(&self.blocks, spiral);
        self.set_length(length);
    }

    /// Names what is lost of a file of `length` bytes; of everything where it isn't known.
    pub fn set_length(&mut self, length: Option<u64>) {
        self.lost.clear();
        for &sector in self.blocks.iter().flat_map(|b| &b.lost) {
            let offset = u64::from(sector - self.first) * SECTOR_BYTES as u64;
            let bytes = length.map_or(u64::MAX, |l| l.saturating_sub(offset)).min(SECTOR_BYTES as u64);
            match self.lost.last_mut() {
                Some(last) if last.first + last.sectors == sector => {
                    last.sectors += 1;
                    last.bytes += bytes;
                }
                _ => self.lost.push(LostData { first: sector, sectors: 1, offset, bytes }),
            }
        }
    }
}

/// Blocks that aren't good, put together where no more than a turn lies between them.
fn ranges(blocks: &[BlockHealth], spiral: Spiral) -> Vec<DefectRange> {
    let mut groups: Vec<Vec<&BlockHealth>> = Vec::new();
    for block in blocks.iter().filter(|b| b.class != BlockClass::Good) {
        let near = |last: &&BlockHealth| {
            let end = spiral.at(last.psn + BLOCK, 0.0).1;
            (block.turn - end).abs() <= 1.0 + 1e-9
        };
        match groups.last_mut() {
            Some(group) if group.last().is_some_and(near) => group.push(block),
            _ => groups.push(vec![block]),
        }
    }
    groups.iter().filter_map(|group| range(group, spiral)).collect()
}

fn range(group: &[&BlockHealth], spiral: Spiral) -> Option<DefectRange> {
    let (first, last) = (group.first()?, group.last()?);
    // Each block's damage on the turn, as a point of the unit circle.
    let place = |block: &&BlockHealth| {
        let [from, to] = block.rows.filter(|_| block.attempts > 0)?;
        let row = f64::from(SECTOR_BITS as u32) / f64::from(SECTOR_ROWS);
        let (_, turn) = spiral.at(block.psn, 0.5 * f64::from(from + to + 1) * row);
        Some((2.0 * PI * turn).sin_cos())
    };
    let places: Vec<(f64, f64)> = group.iter().filter_map(place).collect();
    let sum = places.iter().fold((0.0, 0.0), |sum, p| (sum.0 + p.0, sum.1 + p.1));
    // Places all round have no mean.
    let gathered = !places.is_empty() && f64::hypot(sum.0, sum.1) > 0.5 * places.len() as f64;
    let ends = [spiral.at(first.psn, 0.0).0 * 1e3, spiral.at(last.psn + BLOCK, 0.0).0 * 1e3];
    Some(DefectRange {
        first: first.psn,
        last: last.psn + BLOCK - 1,
        blocks: group.len() as u32,
        worst: group.iter().map(|b| b.class).max()?,
        radius_mm: [ends[0].min(ends[1]), ends[0].max(ends[1])],
        angle_deg: gathered.then(|| sum.0.atan2(sum.1).to_degrees().rem_euclid(360.0)),
    })
}

/// First and last of the rows that failed, in the order in which they are recorded: the
/// outer code's parity rows lie behind each sector's twelve.
pub(super) fn recorded_rows(failed: &[bool; ROWS as usize]) -> Option<[u32; 2]> {
    let recorded = |row: u32| match row.checked_sub(ROWS - 16) {
        Some(sector) => sector * SECTOR_ROWS + SECTOR_ROWS - 1,
        None => row / (SECTOR_ROWS - 1) * SECTOR_ROWS + row % (SECTOR_ROWS - 1),
    };
    let rows = || failed.iter().zip(0..).filter(|(failed, _)| **failed).map(|(_, row)| recorded(row));
    Some([rows().min()?, rows().max()?])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn medium() -> Medium {
        Medium::load("dual-layer").unwrap()
    }

    fn block(i: u32, pi_failures: u32, lost: &[u32]) -> BlockHealth {
        let psn = 0x3_0000 + i * BLOCK;
        let mut block = BlockHealth {
            psn,
            class: BlockClass::Good,
            pi_errors: pi_failures,
            pi_failures,
            po_corrections: 0,
            jitter_percent: Some(7.0),
            attempts: 1,
            margin: 1.0,
            rows: (pi_failures > 0).then_some([100, 100]),
            lost: lost.iter().map(|s| psn + s).collect(),
            turn: 0.0,
        };
        block.judge(Some(8.0));
        block
    }

    #[test]
    fn classes_follow_their_rules() {
        let mut one = block(0, 4, &[]);
        assert_eq!((one.class, one.margin), (BlockClass::Good, 0.75));
        one.jitter_percent = Some(8.01);
        one.judge(Some(8.0));
        assert_eq!(one.class, BlockClass::Weak);
        one.judge(None);
        assert_eq!(one.class, BlockClass::Good);
        one.pi_errors = WEAK_PI + 1;
        one.judge(None);
        assert_eq!(one.class, BlockClass::Weak);
        one.attempts = 2;
        one.judge(None);
        assert_eq!(one.class, BlockClass::Bad);
        assert_eq!(block(0, 5, &[]).class, BlockClass::Bad);
        let lost = block(0, 3, &[7]);
        assert_eq!((lost.class, lost.margin), (BlockClass::Unreadable, 0.0));
    }

    #[test]
    fn neighbours_are_one_range_and_lost_bytes_are_named() {
        // At 24 mm a block is 0.6 of a turn: two good ones are more than a turn.
        let bad = [2, 3, 5, 9];
        let blocks =
            (0..12).map(|i| block(i, if bad.contains(&i) { 6 } else { 0 }, if i == 3 { &[14, 15] } else { &[] }));
        let mut map = DefectMap { first: 0x3_0000, blocks: blocks.collect(), ..DefectMap::default() };
        map.add_up(Spiral::new(&medium(), 0), Some(4 * 32_768 - 100));
        assert_eq!(map.counts, ClassCounts { good: 8, weak: 0, bad: 3, unreadable: 1 });
        assert!(!map.passed());
        let found: Vec<_> = map.ranges.iter().map(|r| (r.first, r.last, r.blocks, r.worst)).collect();
        let psn = |i: u32| 0x3_0000 + i * BLOCK;
        assert_eq!(found, [(psn(2), psn(6) - 1, 3, BlockClass::Unreadable), (psn(9), psn(10) - 1, 1, BlockClass::Bad)]);
        assert_eq!(map.lost, [LostData { first: psn(3) + 14, sectors: 2, offset: 4 * 32_768 - 4096, bytes: 3996 }]);
        // Row 100 of block 9, on the spiral by hand: 9 * 619008 + 100.5 * 2976 bits of 146.8 nm.
        let length = (9.0 * 619_008.0 + 100.5 * 2976.0) * medium().channel_bit();
        let turns = ((24e-3f64.powi(2) + 740e-9 * length / PI).sqrt() - 24e-3) / 740e-9;
        let angle = map.ranges[1].angle_deg.unwrap();
        assert!((angle - 360.0 * turns.fract()).abs() < 0.01, "{angle}");
        assert_eq!(map.read_back().pi_errors, 24);
    }

    #[test]
    fn rows_are_counted_as_they_are_recorded() {
        let failed = |rows: &[usize]| core::array::from_fn(|i| rows.contains(&i));
        assert_eq!(recorded_rows(&failed(&[])), None);
        // Row 12 is the first of the second sector; row 192 the first parity row, behind row 11.
        assert_eq!(recorded_rows(&failed(&[12, 13])), Some([13, 14]));
        assert_eq!(recorded_rows(&failed(&[11, 192])), Some([11, 12]));
        assert_eq!(recorded_rows(&failed(&[207, 191])), Some([206, 207]));
    }

    #[test]
    fn the_second_layer_lies_over_the_first() {
        let medium = medium();
        let (l0, l1) = (Spiral::new(&medium, 0), Spiral::new(&medium, 1));
        let over = |psn: u32| 0xFF_FFFF - psn;
        let (a, b) = (l0.at(0x10_0000, 0.0), l1.at(over(0x10_0000), SECTOR_BITS as f64));
        assert!((a.0 - b.0).abs() < 1e-12 && (a.1 - b.1).abs() < 1e-6, "{a:?} {b:?}");
        // ECMA-267: a full layer ends at 58 mm.
        assert!((l0.at(0x22_D3E0, 0.0).0 - 58e-3).abs() < 0.1e-3);
    }
}
