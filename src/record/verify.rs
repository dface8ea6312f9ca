//! Verifying: every block is looked at, and what can't be read ends nothing.

use super::blank::BLOCK;
use super::capture::{RECORDED_SWING, recorded};
use super::defect_map::{BlockClass, BlockHealth, DefectMap, Spiral, recorded_rows};
use super::error::{RecordError, Stage};
use super::jobs::limits;
use super::problem::Problem;
use super::read::{JitterSums, LEAD, PATIENCE, TAIL_BITS};
use super::session::{SECTOR_BITS, Session};
use super::write::Extent;
use crate::format::{BLOCK_BYTES, BLOCK_SECTORS, BlockReader, DecodedBlock, Decoder, SECTOR_BYTES};
use crate::hal::Address;
use crate::signal::{ReadChain, Runs};

/// Takes each reading of a block that found something: number of the block, the reading.
type Look<'k> = dyn FnMut(u32, &DecodedBlock) -> Result<(), Problem> + 'k;

/// How a sweep ended.
struct Sweep {
    /// Blocks behind its start that it came past.
    reached: u32,
    /// Whether it broke off for samples that were lost on the way.
    lost_samples: bool,
}

impl Session<'_> {
    /// Reads a file back, compares every byte that can be read, padding included, and says what
    /// every block is worth. Blocks that can't be read don't end it: they are in the map, with
    /// the bytes of the file that are lost.
    ///
    /// # Errors
    /// [`Problem::Mismatch`] with the first byte that came back as another one although its
    /// sector checks out, [`Problem::NotRecorded`], or the bench's own.
    pub fn verify(&mut self, place: &Extent, data: &[u8], min_blocks: u32) -> Result<DefectMap, RecordError> {
        self.layer = Some(self.layer_of(place.first));
        self.address = Some(place.first);
        self.step(Stage::Verify, u64::from(place.blocks), |s| {
            let min_blocks = u64::from(min_blocks);
            let mut expected = BlockReader::recording(data, min_blocks).enumerate();
            let mut map = s.look_at(place.first, Some(place.blocks), &mut |index, block| {
                let next = expected.by_ref().find(|(i, _)| *i as u32 >= index).filter(|(i, _)| *i as u32 == index);
                // Another reading of a block that has been passed: from the start again.
                let next = next.or_else(|| BlockReader::recording(data, min_blocks).enumerate().nth(index as usize));
                // Reading from a slice doesn't fail, and there are as many blocks.
                let written = next.and_then(|(_, b)| b.ok()).unwrap_or_else(|| Box::new([0; BLOCK_BYTES]));
                compare(place.first, index, block, &written)
            })?;
            map.set_length(Some(data.len() as u64));
            Ok(map)
        })
    }

    /// What every block of a recording is worth: of `blocks` ECC blocks from `first` on (a
    /// multiple of 16), or up to where nothing more is recorded. `sink` gets the data of each
    /// block that could be read, in no certain order.
    ///
    /// # Errors
    /// [`Problem::NotRecorded`], or the bench's own.
    pub fn inspect(
        &mut self,
        first: Address,
        blocks: Option<u32>,
        mut sink: impl FnMut(Address, &[u8; BLOCK_BYTES]),
    ) -> Result<DefectMap, RecordError> {
        self.layer = Some(self.layer_of(first));
        self.address = Some(first);
        self.step(Stage::Verify, u64::from(blocks.unwrap_or(0)), |s| {
            s.look_at(first, blocks, &mut |index, block| {
                if block.is_good() {
                    sink(Address(first.0 + index * BLOCK), &block.data);
                }
                Ok(())
            })
        })
    }

    fn look_at(&mut self, first: Address, blocks: Option<u32>, look: &mut Look<'_>) -> Result<DefectMap, Problem> {
        let layer = self.layer_of(first);
        let area = self.layout(layer)?.data;
        let most = (area.last.saturating_add(1).saturating_sub(first.0)) / BLOCK;
        if !first.0.is_multiple_of(BLOCK) || !area.contains(first) || blocks.is_some_and(|b| b == 0 || b > most) {
            return Err(Problem::InvalidJob(format!(
                "can't verify there: blocks begin at multiples of 16 and the data area of layer {layer} is {area}"
            )));
        }
        recorded(self.probe(first)?)?;
        let jitter_limit = limits(self.medium.limits).iter().find(|l| l.name == "jitter").and_then(|l| l.max);
        let mut map = DefectMap { layer, first: first.0, jitter_limit, ..DefectMap::default() };
        self.look_over(&mut map, 0, blocks.unwrap_or(most), blocks.is_none(), look)?;
        // What wasn't had the first time.
        for _ in 0..self.options.retries {
            let unread: Vec<u32> = (0..).zip(&map.blocks).filter(|(_, b)| !b.lost.is_empty()).map(|(i, _)| i).collect();
            for run in unread.chunk_by(|a, b| a + 1 == *b) {
                let (from, to) = (run[0], run[0] + run.len() as u32);
                self.observer.note(&format!("reading block {} again", Address(first.0 + from * BLOCK)));
                self.look_over(&mut map, from, to, false, look)?;
            }
        }
        for block in &mut map.blocks {
            block.judge(jitter_limit);
        }
        map.add_up(Spiral::new(self.medium, layer), None);
        Ok(map)
    }

    /// Looks at the blocks from number `from` to before `to`, behind each that gives nothing anew.
    fn look_over(
        &mut self,
        map: &mut DefectMap,
        from: u32,
        to: u32,
        open: bool,
        look: &mut Look<'_>,
    ) -> Result<(), Problem> {
        let mut at = from;
        let mut lost = 0;
        while at < to {
            let place = Address(map.first + at * BLOCK);
            self.address = Some(place);
            let sweep = match self.look_along(map, at, to, look) {
                // Damage may be as wide as to hide the way there.
                Err(Problem::SeekFailed { .. } | Problem::TimedOut { .. } | Problem::ServoLost { .. }) => {
                    Sweep { reached: 0, lost_samples: false }
                }
                other => other?,
            };
            at += sweep.reached;
            if at >= to {
                break;
            }
            self.address = Some(Address(map.first + at * BLOCK));
            if sweep.lost_samples && lost < self.options.retries {
                lost += 1;
                continue;
            }
            // In the middle of a block: the run-out is shorter.
            if open && self.probe(Address(map.first + at * BLOCK + BLOCK / 2))? < RECORDED_SWING {
                break;
            }
            self.observer.note(&format!("nothing of block {} could be read", Address(map.first + at * BLOCK)));
            missed(map, at);
            at += 1;
        }
        Ok(())
    }

    /// One stretch of samples from block `from` on, as long as blocks come.
    fn look_along(&mut self, map: &mut DefectMap, from: u32, to: u32, look: &mut Look<'_>) -> Result<Sweep, Problem> {
        let rf = self.rf()?;
        let first = Address(map.first + from * BLOCK);
        let bits = (u64::from(LEAD) + u64::from(to - from) * u64::from(BLOCK)) * SECTOR_BITS + TAIL_BITS;
        let mut chain = ReadChain::new(rf.chain())?;
        let mut decoder = Decoder::new();
        let mut runs = Runs::new();
        let mut jitter = JitterSums::default();
        let patience = rf.samples(u64::from(PATIENCE) * SECTOR_BITS);
        let (mut reached, mut had, mut since) = (0, 0, 0);
        let mut take = |map: &mut DefectMap, blocks: Vec<DecodedBlock>, jitter: &mut JitterSums| {
            for block in blocks {
                let jitter = jitter.take();
                let Some(behind) = block.first.value().checked_sub(first.0) else { continue };
                let index = from + behind / BLOCK;
                if !behind.is_multiple_of(BLOCK) || index >= to {
                    continue;
                }
                // Blocks that it came past without a trace.
                for gone in from + reached..index {
                    missed(map, gone);
                }
                reached = reached.max(index + 1 - from);
                look(index, &block)?;
                seen(map, index, &block, jitter);
            }
            Ok::<u32, Problem>(reached)
        };
        let result = self.stream(&rf, Address(first.0 - LEAD), rf.samples(bits), &mut |observer, fresh| {
            runs.clear();
            chain.push(fresh, &mut runs);
            jitter.add(&runs);
            let now = take(map, decoder.push(runs.lengths()), &mut jitter)?;
            observer.progress(Stage::Verify, u64::from(from + now));
            since = if now > had { 0 } else { since + fresh.len() as u64 };
            had = now;
            Ok(now < to - from && since < patience)
        });
        match result {
            Ok(()) => {}
            Err(Problem::SamplesLost { lost }) => {
                map.lost_samples += lost;
                let reached = take(map, Vec::new(), &mut jitter)?;
                return Ok(Sweep { reached, lost_samples: true });
            }
            Err(problem) => return Err(problem),
        }
        let mut reached = take(map, Vec::new(), &mut jitter)?;
        if reached < to - from {
            runs.clear();
            chain.finish(&mut runs);
            let mut rest = decoder.push(runs.lengths());
            rest.extend(decoder.finish());
            reached = take(map, rest, &mut jitter)?;
        }
        Ok(Sweep { reached, lost_samples: false })
    }
}

/// Compares the sectors of a reading that check out.
fn compare(first: Address, index: u32, block: &DecodedBlock, written: &[u8; BLOCK_BYTES]) -> Result<(), Problem> {
    for sector in 0..BLOCK_SECTORS {
        let Ok(read) = block.sector(sector) else { continue };
        let start = sector * SECTOR_BYTES;
        if let Some(i) = (0..SECTOR_BYTES).find(|&i| read[i] != written[start + i]) {
            return Err(Problem::Mismatch {
                offset: u64::from(index) * BLOCK_BYTES as u64 + (start + i) as u64,
                psn: Address(first.0 + index * BLOCK + sector as u32),
                read: read[i],
                written: written[start + i],
            });
        }
    }
    Ok(())
}

/// Notes a reading of a block, if it is the best so far.
fn seen(map: &mut DefectMap, index: u32, block: &DecodedBlock, jitter: Option<f64>) {
    let psn = map.first + index * BLOCK;
    let lost: Vec<u32> = (psn..).zip(&block.report.sectors).filter(|(_, s)| s.is_err()).map(|(p, _)| p).collect();
    let health = BlockHealth {
        psn,
        class: BlockClass::Good,
        pi_errors: block.report.pi_error_rows() as u32,
        pi_failures: block.report.pi_failures() as u32,
        po_corrections: block.report.po_corrections,
        jitter_percent: jitter,
        attempts: 1,
        margin: 0.0,
        rows: recorded_rows(&block.report.pi_failed),
        lost,
        turn: 0.0,
    };
    put(map, index, health);
}

/// Notes that nothing came of a block.
fn missed(map: &mut DefectMap, index: u32) {
    let psn = map.first + index * BLOCK;
    let rows = BLOCK_SECTORS as u32 * 13;
    let health = BlockHealth {
        psn,
        class: BlockClass::Unreadable,
        pi_errors: rows,
        pi_failures: rows,
        po_corrections: 0,
        jitter_percent: None,
        attempts: 1,
        margin: 0.0,
        rows: None,
        lost: (psn..psn + BLOCK).collect(),
        turn: 0.0,
    };
    put(map, index, health);
}

fn put(map: &mut DefectMap, index: u32, mut health: BlockHealth) {
    // Blocks come in order, and those left out were missed before.
    if index as usize == map.blocks.len() {
        map.blocks.push(health);
    } else if let Some(old) = map.blocks.get_mut(index as usize) {
        health.attempts += old.attempts;
        if health.lost.len() < old.lost.len() {
            *old = health;
        } else {
            old.attempts = health.attempts;
        }
    }
}
