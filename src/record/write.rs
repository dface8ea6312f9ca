//! Writing: shots that follow each other on the channel clock of the groove.

use std::collections::VecDeque;

use super::blank::BLOCK;
use super::error::{RecordError, Stage, Written};
use super::problem::Problem;
use super::session::{SECTOR_BITS, Session};
use super::shots::{RunStream, ShotRuns};
use super::walk::Walker;
use crate::format::{BLOCK_BYTES, BlockReader, Psn, SectorId, recorded_blocks};
use crate::hal::{
    Address, ArmToken, ErrorKind, Hertz, Nanojoules, Outcome, Picoseconds, ShotClock, ShotId, ShotPlan, Trigger,
    WriteStrategy,
};
use crate::media::Area;

/// Longest until the trigger of a shot comes.
const TRIGGER_MS: u64 = 3_000;
/// Channel bits of an ECC block.
const BLOCK_BITS: u64 = SECTOR_BITS * BLOCK as u64;

/// Where a file is on a layer: a run-in block, the data, a short run-out in
/// the block after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Extent {
    /// First sector of the data.
    pub first: Address,
    /// ECC blocks of data.
    pub blocks: u32,
}

impl Extent {
    /// First sector of the run-in.
    pub fn run_in(&self) -> Address {
        Address(self.first.0.saturating_sub(BLOCK))
    }

    /// Sectors of data.
    pub fn sectors(&self) -> u32 {
        self.blocks.saturating_mul(BLOCK)
    }

    /// Last sector of the data.
    pub fn last(&self) -> Address {
        Address(self.first.0.saturating_add(self.sectors()).saturating_sub(1))
    }
}

/// A shot on the bench.
struct Flying {
    id: ShotId,
    runs: Vec<u8>,
    fed: usize,
    /// Whether it was fired, and where its trigger is.
    fired: bool,
    border: Address,
    /// Channel bits from the start of the write to its start, and its length.
    start: u64,
    length: u64,
}

impl Session<'_> {
    /// Writes `data`, padded to whole blocks and at least `min_blocks` with a
    /// [mark of its end](crate::format::EndMark), with a strategy. `address` is
    /// where the data begin (a multiple of 16); `None` takes the next free place.
    ///
    /// # Errors
    /// [`Problem::AlreadyRecorded`], [`Problem::LayerFull`],
    /// [`Problem::ShotEnded`], [`Problem::ShotUnknown`], ...;
    /// [`RecordError::written`] says what is on the disc.
    pub fn write_file(
        &mut self,
        layer: usize,
        address: Option<Address>,
        data: &[u8],
        min_blocks: u32,
        strategy: &WriteStrategy,
    ) -> Result<Extent, RecordError> {
        let place = self.find_place(layer, address, data, min_blocks)?;
        self.write_parts(&place, data, min_blocks, strategy, None)?;
        Ok(place)
    }

    /// Where a file goes.
    pub(super) fn find_place(
        &mut self,
        layer: usize,
        address: Option<Address>,
        data: &[u8],
        min_blocks: u32,
    ) -> Result<Extent, RecordError> {
        self.layer = Some(layer);
        self.address = address;
        self.written = None;
        let blocks = padded_blocks(data, min_blocks);
        self.step(Stage::FindFree, 0, |s| s.place_for(layer, address, blocks))
    }

    /// Writes a file to its place, with the pauses of a walking calibration if there is one.
    pub(super) fn write_parts(
        &mut self,
        place: &Extent,
        data: &[u8],
        min_blocks: u32,
        strategy: &WriteStrategy,
        mut walker: Option<&mut Walker>,
    ) -> Result<(), RecordError> {
        let layer = self.layer_of(place.first);
        let sectors = u64::from(place.sectors()) + u64::from(BLOCK);
        self.step(Stage::Write, sectors, |s| {
            let run_in = (sector_id(place.run_in(), layer), Box::new([0; BLOCK_BYTES]));
            let file = BlockReader::recording(data, u64::from(min_blocks));
            // Reading from a slice doesn't fail.
            let file = file
                .flatten()
                .enumerate()
                .map(|(i, block)| (sector_id(Address(place.first.0 + i as u32 * BLOCK), layer), block));
            let mut stream = RunStream::new(core::iter::once(run_in).chain(file));
            let total = BLOCK_BITS * (u64::from(place.blocks) + 1);
            let (mut border, mut strategy) = (0, *strategy);
            loop {
                let pause = match &walker {
                    // The run-in comes with the first part.
                    Some(w) => border.max(BLOCK_BITS) + u64::from(w.blocks) * BLOCK_BITS,
                    None => total,
                };
                let upto = pause.min(total);
                // By the energy of the power at hand.
                let most = s.blocks_per_shot(&strategy)?;
                s.shoot_on(place.run_in(), border, &strategy, &mut || {
                    if border >= upto {
                        return None;
                    }
                    let end = (border + BLOCK_BITS * u64::from(most)).min(upto);
                    // The run-out goes with the last blocks.
                    let shot = stream.shot(border, (end < total).then_some(end));
                    border = end;
                    shot
                })?;
                match &mut walker {
                    Some(walker) if border < total => {
                        let end = place.run_in().0 + (border / SECTOR_BITS) as u32;
                        strategy = strategy.with_peak(s.pause(walker, place, end, strategy.peak)?);
                    }
                    _ => return Ok(()),
                }
            }
        })
    }

    /// Where a file of so many blocks goes, and that the place is blank.
    fn place_for(&mut self, layer: usize, address: Option<Address>, blocks: u32) -> Result<Extent, Problem> {
        let area = self.layout(layer)?.data;
        if let Some(address) = address
            && (!area.contains(address) || !address.0.is_multiple_of(BLOCK))
        {
            return Err(Problem::InvalidJob(format!(
                "data can't begin at {address}: it needs a multiple of 16 in the data area {area} of layer {layer}"
            )));
        }
        let mut next = match address {
            Some(address) => address.0,
            // At the start of the area the run-in lies before it.
            None => match self.free_block(layer, area, BLOCK)? {
                free if free == area.first => free,
                free => free.saturating_add(BLOCK),
            },
        };
        loop {
            let place = Extent { first: Address(next), blocks };
            self.address = Some(place.first);
            let left = (u64::from(area.last) + 1).saturating_sub(u64::from(next));
            let needed = u64::from(blocks) * u64::from(BLOCK);
            if needed > left {
                return Err(Problem::LayerFull { needed, free: left, area });
            }
            // The run-out may lie in the lead-out, which nobody has written yet.
            let end = (place.last().0 + 1).min(area.last);
            let found = self.recorded_within(layer, place.run_in().0, end)?;
            self.address = Some(place.first);
            let Some(found) = found else { return Ok(place) };
            // Somebody chose this place, or an earlier write was stopped in its run-in.
            let blank = self.free_block(layer, Area { first: found, last: area.last }, BLOCK)?;
            self.address = Some(place.first);
            next = blank.saturating_add(BLOCK);
            if address.is_some() {
                return Err(Problem::AlreadyRecorded {
                    first: place.run_in(),
                    last: place.last(),
                    recorded: Address(blank - 1),
                    next_free: Address(next),
                });
            }
        }
    }

    /// Blocks that one shot may have by its energy.
    fn blocks_per_shot(&self, strategy: &WriteStrategy) -> Result<u32, Problem> {
        let spec = self.bench.lasers.spec();
        let block = energy(strategy, BLOCK_BITS, self.medium.channel_clock);
        // One block less: the run-out and the mark at the border go with the last.
        let fit = (spec.energy_max.0 / block.0.max(1)).saturating_sub(1);
        if fit == 0 {
            return Err(Problem::Unsupported(format!(
                "an ECC block takes {block} and a shot may take {}, which has to hold two",
                spec.energy_max
            )));
        }
        Ok(u32::try_from(fit).unwrap_or(u32::MAX).min(self.options.shot_blocks.max(1)))
    }

    /// Writes shots one after the other, the first from `first` on, each border
    /// a sector's start.
    pub(super) fn shoot(
        &mut self,
        first: Address,
        strategy: &WriteStrategy,
        next: &mut dyn FnMut() -> Option<ShotRuns>,
    ) -> Result<(), Problem> {
        self.shoot_on(first, 0, strategy, next)
    }

    /// The same, `done` channel bits from `first` on having been written before.
    fn shoot_on(
        &mut self,
        first: Address,
        mut done: u64,
        strategy: &WriteStrategy,
        next: &mut dyn FnMut() -> Option<ShotRuns>,
    ) -> Result<(), Problem> {
        let layer = self.layer_of(first);
        self.address = Some(first);
        self.note_done(first, done, false);
        self.ensure_on(layer)?;
        let spec = self.bench.lasers.spec();
        let clock = self.medium.channel_clock;
        if !(spec.clock_min..=spec.clock_max).contains(&clock) {
            return Err(Problem::Unsupported(format!(
                "the medium needs a channel clock of {clock} and the lasers do {} to {}",
                spec.clock_min, spec.clock_max
            )));
        }
        self.bench.lasers.load(self.source, strategy)?;
        let mut flying = VecDeque::new();
        let result = self.fly(first, strategy, next, &mut flying, &mut done);
        if result.is_err() {
            self.take_stock(first, &mut flying, done);
        }
        result
    }

    fn fly(
        &mut self,
        first: Address,
        strategy: &WriteStrategy,
        next: &mut dyn FnMut() -> Option<ShotRuns>,
        flying: &mut VecDeque<Flying>,
        done: &mut u64,
    ) -> Result<(), Problem> {
        let depth = usize::from(self.bench.lasers.spec().queue).clamp(1, 2);
        let mut more = true;
        loop {
            while more && flying.len() < depth {
                match next() {
                    Some(runs) => self.launch(first, strategy, runs, flying)?,
                    None => more = false,
                }
            }
            let Some(front) = flying.front() else { return Ok(()) };
            let (start, length) = (front.start, front.length);
            // Twice its length: the disc may turn a little slow, never half as fast.
            let budget_ms = TRIGGER_MS + 2000 * length / u64::from(self.medium.channel_clock.0.max(1));
            let outcome = self.wait("the end of the shot", budget_ms, 500, |s| {
                s.feed(flying)?;
                s.fire(flying)?;
                let Some(front) = flying.front() else { return Ok(None) };
                let outcome = s.bench.lasers.outcome(front.id)?;
                if let Outcome::Running { at } = outcome {
                    s.observer.progress(Stage::Write, (start + at) / SECTOR_BITS);
                }
                Ok((!outcome.is_open()).then_some(outcome))
            })?;
            match outcome {
                Outcome::Done => {
                    *done = start + length;
                    flying.pop_front();
                    self.note_done(first, *done, false);
                    self.observer.progress(Stage::Write, *done / SECTOR_BITS);
                }
                Outcome::Unknown => return Err(Problem::ShotUnknown),
                ended => return Err(Problem::ShotEnded(ended)),
            }
        }
    }

    /// Begins one shot, feeds it what its buffer takes, arms and fires it.
    fn launch(
        &mut self,
        first: Address,
        strategy: &WriteStrategy,
        shot: ShotRuns,
        flying: &mut VecDeque<Flying>,
    ) -> Result<(), Problem> {
        let clock = self.medium.channel_clock;
        let border = Address(first.0 + (shot.border / SECTOR_BITS) as u32);
        let energy_max = energy(strategy, shot.length, clock);
        let mut plan = ShotPlan::single(
            self.source,
            Trigger::Address(border),
            ShotClock::Groove(clock),
            shot.length,
            energy_max.min(self.bench.lasers.spec().energy_max),
        );
        // At most a mark's length, over which the groove's clock is the nominal one.
        // Rounded up: never before the end of the shot in front.
        let delay = (u128::from(shot.delay) * 1_000_000_000_000).div_ceil(u128::from(clock.0.max(1)));
        if let Some(spot) = plan.spots.first_mut() {
            spot.delay = Picoseconds(delay as i64);
        }
        let id = self.bench.lasers.begin(&plan)?;
        let start = shot.border + shot.delay;
        flying.push_back(Flying { id, runs: shot.runs, fed: 0, fired: false, border, start, length: shot.length });
        self.feed(flying)?;
        self.fire(flying)
    }

    /// Feeds what the buffers take.
    fn feed(&mut self, flying: &mut VecDeque<Flying>) -> Result<(), Problem> {
        // A bench looks at all that is handed over, however little it takes, and is
        // asked again and again while its buffer is full.
        let most = match self.bench.lasers.spec().buffer_runs {
            // Not told.
            0 => usize::MAX,
            runs => runs as usize,
        };
        for shot in flying {
            while let Some(rest) = shot.runs.get(shot.fed..).filter(|r| !r.is_empty()) {
                let piece = &rest[..rest.len().min(most)];
                match self.bench.lasers.feed(shot.id, self.source, piece) {
                    Ok(0) => break,
                    Ok(taken) => shot.fed += taken.min(piece.len()),
                    // It has ended by itself. How, says its outcome when its turn comes.
                    Err(error) if error.kind == ErrorKind::WrongState && self.is_over(shot.id)? => break,
                    Err(error) => return Err(error.into()),
                }
            }
        }
        Ok(())
    }

    fn is_over(&mut self, shot: ShotId) -> Result<bool, Problem> {
        Ok(!self.bench.lasers.outcome(shot)?.is_open())
    }

    /// Arms and fires what has been fed and wasn't fired yet.
    fn fire(&mut self, flying: &mut VecDeque<Flying>) -> Result<(), Problem> {
        for (behind, shot) in flying.iter_mut().enumerate() {
            if shot.fired || shot.fed == 0 {
                continue;
            }
            // A shot behind another one has its address ahead.
            let token = if behind == 0 { self.arm_before(shot)? } else { self.bench.lasers.arm(shot.id)? };
            self.bench.lasers.fire(token)?;
            shot.fired = true;
        }
        Ok(())
    }

    /// Seeks the place of a shot and arms it. The spot moves on while we talk, and a
    /// shot fired behind its address would wait in vain: where the link or the machine
    /// paused, once more from the seek on.
    fn arm_before(&mut self, shot: &Flying) -> Result<ArmToken, Problem> {
        let attempts = self.options.retries + 1;
        for _ in 0..attempts {
            let seen = self.seek(shot.border)?;
            let token = self.bench.lasers.arm(shot.id)?;
            if self.is_ahead(shot.border, seen)? {
                return Ok(token);
            }
            self.observer.note("the place to write at passed by before the shot was armed; seeking it again");
        }
        Err(Problem::SeekFailed { found: self.bench.tracking.address()?, attempts })
    }

    /// After a failure: lasers dark first, then what is on the disc. The first
    /// failure is what gets reported, whatever fails in here.
    fn take_stock(&mut self, first: Address, flying: &mut VecDeque<Flying>, done: u64) {
        let off = self.bench.lasers.off();
        if let Err(error) = off {
            self.observer.note(&format!("switching the lasers off: {error}"));
        }
        self.note_done(first, done, false);
        for shot in flying.drain(..) {
            match self.bench.lasers.outcome(shot.id) {
                Ok(Outcome::Done) => self.note_done(first, shot.start + shot.length, false),
                Ok(Outcome::Running { at } | Outcome::Underrun { at } | Outcome::Aborted { at, .. }) => {
                    if at > 0 {
                        self.note_done(first, shot.start + at, true);
                    }
                    self.address = self.written.map(|w| Address(w.first.0 + w.whole)).or(self.address);
                }
                Ok(Outcome::NotDone | Outcome::Pending) => {}
                Ok(Outcome::Unknown) | Err(_) => {
                    let end = (shot.start + shot.length).div_ceil(SECTOR_BITS) as u32;
                    if let Some(written) = &mut self.written {
                        written.doubtful_to = Some(Address(first.0 + end.max(1) - 1));
                    }
                }
            }
        }
    }

    fn note_done(&mut self, first: Address, bits: u64, early: bool) {
        let whole = (bits / SECTOR_BITS) as u32;
        let damaged = early && !bits.is_multiple_of(SECTOR_BITS);
        self.written = Some(Written { first, whole, damaged, doubtful_to: None });
    }
}

/// What a sector says of itself.
pub(super) fn sector_id(first: Address, layer: usize) -> SectorId {
    SectorId {
        // The format has one bit for it; of more layers, the address tells which.
        layer: (layer & 1) as u8,
        writable: true,
        groove: true,
        low_reflectivity: true,
        ..SectorId::new(Psn::new(first.0))
    }
}

/// Blocks that data take after padding.
fn padded_blocks(data: &[u8], min_blocks: u32) -> u32 {
    u32::try_from(recorded_blocks(data.len() as u64, u64::from(min_blocks))).unwrap_or(u32::MAX)
}

/// Energy at peak power all the time: more than any strategy takes.
fn energy(strategy: &WriteStrategy, bits: u64, clock: Hertz) -> Nanojoules {
    let peak = u128::from(strategy.peak.max(strategy.bias).0);
    // Microwatts times seconds are 1000 nanojoules.
    let nanojoules = (peak * u128::from(bits) * 1000).div_ceil(u128::from(clock.0.max(1)));
    Nanojoules(u64::try_from(nanojoules).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hal::Microwatts;

    #[test]
    fn energy_is_power_times_time() {
        let strategy = WriteStrategy {
            peak: Microwatts(20_000),
            bias: Microwatts(700),
            top: [32; 3],
            multi: 20,
            last: 20,
            lead: [[0; 3]; 3],
            trail: [[0; 3]; 3],
        };
        // 20 mW for a second are 20 mJ.
        assert_eq!(energy(&strategy, 26_156_250, Hertz(26_156_250)), Nanojoules(20_000_000));
    }

    #[test]
    fn an_extent_says_where_its_parts_are() {
        let extent = Extent { first: Address(0x3_0000), blocks: 8 };
        assert_eq!((extent.run_in(), extent.last()), (Address(0x2_FFF0), Address(0x3_007F)));
    }
}
