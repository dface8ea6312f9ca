//! Reading: RF to runs to sectors, in bounded memory.

use super::blank::BLOCK;
use super::capture::{RECORDED_SWING, recorded};
use super::error::{RecordError, Stage};
use super::problem::Problem;
use super::session::{SECTOR_BITS, Session};
use super::summary::{BlockErrors, ReadBack};
use crate::format::{BLOCK_BYTES, DecodedBlock, Decoder, Psn};
use crate::hal::Address;
use crate::signal::{ReadChain, Runs, SETTLE_EDGES};

/// Sectors before the first wanted one in which clock recovery settles.
pub(super) const LEAD: u32 = 2;
/// Channel bits after the last wanted sector: most of the run-out.
pub(super) const TAIL_BITS: u64 = 12 * 1488;
/// Sectors without a new block after which a pass ends: a block, the one being
/// put together, and some.
pub(super) const PATIENCE: u32 = 3 * BLOCK;

/// Takes the user data of one ECC block: number of its first sector, 32 KiB.
pub(super) type DataSink<'k> = dyn FnMut(Address, &[u8; BLOCK_BYTES]) -> Result<(), Problem> + 'k;

/// Why a pass over a stretch ended.
enum Pass {
    /// All that was wanted came.
    Complete,
    /// This block did not come whole.
    Stopped(Problem),
}

impl Session<'_> {
    /// Reads `blocks` ECC blocks from `first` (a multiple of 16) on and hands
    /// them to `sink` in order. A block that can't be corrected is read again
    /// before it is an error; nothing wrong is ever handed out.
    ///
    /// # Errors
    /// [`Problem::NotRecorded`], [`Problem::Uncorrectable`] and
    /// [`Problem::NotReadable`], which name the sector,
    /// [`Problem::SamplesLost`], or the bench's own.
    pub fn read(
        &mut self,
        first: Address,
        blocks: u32,
        mut sink: impl FnMut(Address, &[u8; BLOCK_BYTES]),
    ) -> Result<ReadBack, RecordError> {
        self.place_at(first);
        self.step(Stage::Read, u64::from(blocks), |s| {
            s.do_read(first, Some(blocks), &mut |psn, data| {
                sink(psn, data);
                Ok(())
            })
        })
    }

    /// Reads from `first` on until nothing more is recorded: a whole file, its
    /// padding included. The last bytes tell how long the file is, and whether
    /// this was a whole recording: see [`EndMark`](crate::format::EndMark).
    ///
    /// # Errors
    /// As [`read`](Self::read); what was handed out before is right.
    pub fn read_to_end(
        &mut self,
        first: Address,
        mut sink: impl FnMut(Address, &[u8; BLOCK_BYTES]),
    ) -> Result<ReadBack, RecordError> {
        self.place_at(first);
        self.step(Stage::Read, 0, |s| {
            s.do_read(first, None, &mut |psn, data| {
                sink(psn, data);
                Ok(())
            })
        })
    }

    fn place_at(&mut self, first: Address) {
        self.layer = Some(self.layer_of(first));
        self.address = Some(first);
    }

    pub(super) fn do_read(
        &mut self,
        first: Address,
        blocks: Option<u32>,
        sink: &mut DataSink<'_>,
    ) -> Result<ReadBack, Problem> {
        let layer = self.layer_of(first);
        let area = self.layout(layer)?.data;
        let most = (area.last.saturating_add(1).saturating_sub(first.0)) / BLOCK;
        if !first.0.is_multiple_of(BLOCK) || !area.contains(first) || blocks.is_some_and(|b| b == 0 || b > most) {
            return Err(Problem::InvalidJob(format!(
                "can't read there: blocks begin at multiples of 16 and the data area of layer {layer} is {area}"
            )));
        }
        recorded(self.probe(first)?)?;
        let count = blocks.unwrap_or(most);
        let mut back = ReadBack { first: first.0, ..ReadBack::default() };
        let mut attempts = 1;
        while (back.blocks.len() as u32) < count {
            let had = back.blocks.len();
            let next = Address(first.0 + had as u32 * BLOCK);
            self.address = Some(next);
            let problem = match self.pass(next, count - had as u32, attempts, &mut back, sink)? {
                Pass::Complete => break,
                Pass::Stopped(problem) => problem,
            };
            let next = Address(first.0 + back.blocks.len() as u32 * BLOCK);
            self.address = Some(next);
            // In the middle of a block: the run-out is shorter.
            if blocks.is_none() && self.probe(Address(next.0 + BLOCK / 2))? < RECORDED_SWING {
                if back.blocks.is_empty() {
                    // Writing was stopped in the first block.
                    return Err(problem);
                }
                break;
            }
            attempts = if back.blocks.len() > had { 2 } else { attempts + 1 };
            if attempts > self.options.retries.max(1) + 1 {
                return Err(match problem {
                    Problem::Uncorrectable { psn, .. } => Problem::Uncorrectable { psn, attempts: attempts - 1 },
                    other => other,
                });
            }
            self.observer.note(&format!("reading again from {next}: {problem}"));
        }
        back.sectors = back.blocks.len() as u32 * BLOCK;
        back.add_up();
        Ok(back)
    }

    /// One stretch of samples, as far as it gives whole blocks in order.
    fn pass(
        &mut self,
        first: Address,
        count: u32,
        attempts: u32,
        back: &mut ReadBack,
        sink: &mut DataSink<'_>,
    ) -> Result<Pass, Problem> {
        let rf = self.rf()?;
        let bits = (u64::from(LEAD) + u64::from(count) * u64::from(BLOCK)) * SECTOR_BITS + TAIL_BITS;
        let mut taker = Taker { first, count, attempts, given: 0, jitter: JitterSums::default(), stopped: None };
        let mut chain = ReadChain::new(rf.chain())?;
        let mut decoder = Decoder::new();
        let mut runs = Runs::new();
        let start = Address(first.0 - LEAD);
        let patience = rf.samples(u64::from(PATIENCE) * SECTOR_BITS);
        let mut since = 0;
        let result = self.stream(&rf, start, rf.samples(bits), &mut |observer, fresh| {
            let given = taker.given;
            runs.clear();
            chain.push(fresh, &mut runs);
            taker.jitter.add(&runs);
            let going = taker.take(decoder.push(runs.lengths()), back, sink)?;
            observer.progress(Stage::Read, back.blocks.len() as u64);
            since = if taker.given > given { 0 } else { since + fresh.len() as u64 };
            Ok(going && since < patience)
        });
        match result {
            Ok(()) => {}
            Err(Problem::SamplesLost { lost }) => {
                back.lost_samples += lost;
                return Ok(Pass::Stopped(Problem::SamplesLost { lost }));
            }
            Err(problem) => return Err(problem),
        }
        if taker.stopped.is_none() && taker.given < count {
            runs.clear();
            chain.finish(&mut runs);
            let mut rest = decoder.push(runs.lengths());
            rest.extend(decoder.finish());
            taker.take(rest, back, sink)?;
        }
        if taker.given >= count {
            return Ok(Pass::Complete);
        }
        let at = Address(first.0 + taker.given * BLOCK);
        Ok(Pass::Stopped(taker.stopped.unwrap_or(Problem::NotReadable(at))))
    }
}

/// Takes the blocks of a pass in order.
struct Taker {
    first: Address,
    count: u32,
    attempts: u32,
    given: u32,
    jitter: JitterSums,
    stopped: Option<Problem>,
}

impl Taker {
    /// Whether more is wanted.
    fn take(
        &mut self,
        blocks: Vec<DecodedBlock>,
        back: &mut ReadBack,
        sink: &mut DataSink<'_>,
    ) -> Result<bool, Problem> {
        for block in blocks {
            let jitter = self.jitter.take();
            let expected = Address(self.first.0 + self.given * BLOCK);
            let found = block.first;
            if self.given == self.count || found < Psn::new(expected.0) {
                continue;
            }
            if found != Psn::new(expected.0) {
                self.stopped = Some(Problem::NotReadable(expected));
                return Ok(false);
            }
            if let Some(bad) = block.report.sectors.iter().find_map(|s| s.as_ref().err()) {
                let psn = Address(bad.psn().value());
                self.stopped = Some(Problem::Uncorrectable { psn, attempts: self.attempts });
                return Ok(false);
            }
            sink(expected, &block.data)?;
            back.blocks.push(BlockErrors {
                psn: expected.0,
                pi_errors: block.report.pi_error_rows() as u32,
                pi_failures: block.report.pi_failures() as u32,
                po_corrections: block.report.po_corrections,
                attempts: if self.given == 0 { self.attempts } else { 1 },
            });
            back.jitter_percent.push(jitter);
            self.given += 1;
        }
        Ok(self.given < self.count)
    }
}

/// Sums over the timing errors of settled edges since the last block.
#[derive(Debug, Default)]
pub(super) struct JitterSums {
    settled: usize,
    count: f64,
    sum: f64,
    squares: f64,
}

impl JitterSums {
    pub(super) fn add(&mut self, runs: &Runs) {
        for (&length, &error) in runs.lengths().iter().zip(runs.errors()) {
            self.settled = if length == 0 { 0 } else { self.settled + 1 };
            if self.settled > SETTLE_EDGES {
                let error = f64::from(error);
                self.count += 1.0;
                self.sum += error;
                self.squares += error * error;
            }
        }
    }

    /// Jitter in percent of T; starts anew.
    pub(super) fn take(&mut self) -> Option<f64> {
        let mean = self.sum / self.count;
        let variance = self.squares / self.count - mean * mean;
        let jitter = (self.count > 100.0).then(|| 100.0 * variance.max(0.0).sqrt());
        *self = Self { settled: self.settled, ..Self::default() };
        jitter
    }
}
