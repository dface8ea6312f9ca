//! Checks on a track: places, shots, and what they left on the disc.

use super::context::{Context, fail, skip};
use super::{Verdict, context::ensure, context::mean};
use crate::hal::{
    Address, ChannelKind, ErrorKind, Hertz, Microwatts, Nanojoules, Outcome, ShotClock, ShotId, ShotPlan,
    TrackingFlags, Trigger, WriteStrategy,
};

/// Channel bits of a sector.
pub(super) const SECTOR: u64 = 38_688;

/// Length of the usual shot on an instant bench: four sectors, 6 ms at 1x.
pub(super) const LENGTH: u64 = 4 * SECTOR;

/// Longest shot that slow calls are given, in sectors.
const MOST_SECTORS: u32 = 48;

/// Run length of the usual shot, well resolved by every lens.
pub(super) const RUN: u8 = 8;

/// Swing over level from which a place is recorded.
const RECORDED: f64 = 0.2;

/// Channel bits that are looked at together.
const WINDOW: f64 = 200.0;

/// Longest that a seek over the disc may take.
const SEEK_MS: u32 = 20_000;

/// Samples from the start of a sector on, above dark.
pub(super) struct Signal {
    values: Vec<f64>,
    per_bit: f64,
    level: f64,
}

impl Signal {
    /// The samples of some channel bits, counted from its start.
    pub(super) fn bits(&self, from: f64, upto: f64) -> &[f64] {
        let index = |bits: f64| ((bits * self.per_bit).max(0.0) as usize).min(self.values.len());
        self.values.get(index(from)..index(upto)).unwrap_or(&[])
    }

    fn swing(&self, from: f64, upto: f64) -> f64 {
        // Two channel bits together: long runs stay, most of the noise goes.
        let together = (2.0 * self.per_bit).round().max(1.0) as usize;
        let mut means: Vec<f64> = self.bits(from, upto).chunks_exact(together).map(mean).collect();
        means.sort_by(f64::total_cmp);
        let at = |part: f64| means.get((part * means.len() as f64) as usize).copied().unwrap_or(0.0);
        if self.level > 0.0 { (at(0.96) - at(0.04)) / self.level } else { 0.0 }
    }

    /// From where to where it is recorded, in channel bits (to [`WINDOW`]).
    pub(super) fn recorded(&self) -> Option<(f64, f64)> {
        let windows = (self.values.len() as f64 / self.per_bit / WINDOW) as usize;
        let is = |&w: &usize| self.swing(w as f64 * WINDOW, (w + 1) as f64 * WINDOW) >= RECORDED;
        let first = (0..windows).find(is)?;
        let last = (0..windows).rfind(is)?;
        Some((first as f64 * WINDOW, (last + 1) as f64 * WINDOW))
    }

    /// How often the signal passes the middle between `from` and `upto`, over their distance.
    pub(super) fn crossings(&self, from: f64, upto: f64) -> f64 {
        let together = (2.0 * self.per_bit).round().max(1.0) as usize;
        let means: Vec<f64> = self.bits(from, upto).chunks_exact(together).map(mean).collect();
        let (low, high) = means.iter().fold((f64::MAX, f64::MIN), |(l, h), &v| (l.min(v), h.max(v)));
        let middle = 0.5 * (low + high);
        means.windows(2).filter(|p| (p[0] > middle) != (p[1] > middle)).count() as f64 / (upto - from)
    }
}

/// Where a shot goes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    pub(super) first: u32,
}

impl Context<'_> {
    /// The strategy of the medium for the first layer.
    pub(super) fn strategy(&self) -> Result<WriteStrategy, Verdict> {
        match self.medium.and_then(|m| m.layers.first()) {
            Some(layer) => Ok(layer.write.strategy),
            None => skip("no medium was named"),
        }
    }

    pub(super) fn load(&mut self, strategy: &WriteStrategy) -> Result<(), Verdict> {
        self.loaded = true;
        let source = self.source;
        Ok(self.bench().lasers.load(source, strategy)?)
    }

    /// The channel clock of the medium, or one that the bench has.
    pub(super) fn clock(&self) -> Hertz {
        let spec = &self.specs.lasers;
        self.medium.map_or(spec.clock_min, |m| m.channel_clock).clamp(spec.clock_min, spec.clock_max)
    }

    /// A strategy that the bench has to take, within the operator's power.
    pub(super) fn any_strategy(&self) -> Result<WriteStrategy, Verdict> {
        let step = self.source_spec().step.0.max(1);
        let most = self.source_spec().write_max.min(self.limits.max_power).0;
        if most < 4 * step {
            return skip("needs a write strategy, and the operator's greatest power is below any pulse");
        }
        let mut strategy = self.strategy().unwrap_or(WriteStrategy {
            peak: Microwatts(most),
            bias: Microwatts(step),
            top: [40; 3],
            multi: 20,
            last: 24,
            lead: [[32; 3]; 3],
            trail: [[-32; 3]; 3],
        });
        strategy.peak = strategy.peak.min(Microwatts(most / step * step));
        strategy.bias = strategy.bias.min(Microwatts(strategy.peak.0 / 2 / step * step));
        Ok(strategy)
    }

    /// A plan of the usual kind.
    pub(super) fn plan(&self, trigger: Trigger, length: u64) -> ShotPlan {
        let clock = self.clock();
        let peak = self.any_strategy().map_or(0, |s| s.peak.0);
        // Peak power all the time: more than any strategy takes.
        let energy = u128::from(peak) * u128::from(length) * 1_000 / u128::from(clock.0.max(1)) + 1;
        let energy = Nanojoules(energy as u64).min(self.specs.lasers.energy_max);
        ShotPlan::single(self.source, trigger, ShotClock::Groove(clock), length, energy)
    }

    /// Sectors of the usual shot: as long as it takes to be met while it writes.
    pub(super) fn sectors(&self) -> u32 {
        let room = u64::from(self.specs.lasers.buffer_runs) * u64::from(RUN) / SECTOR;
        let most = room.clamp(4, u64::from(MOST_SECTORS)) as u32;
        // Hosts are late now and then by more than calls take.
        let least = if self.known_pace().is_instant() { 4 } else { 16 };
        self.sectors_in(12).max(least).min(most)
    }

    /// Length of the usual shot.
    pub(super) fn length(&self) -> u64 {
        u64::from(self.sectors()) * SECTOR
    }

    /// Begins a shot that will never be fired.
    pub(super) fn begin_any(&mut self) -> Result<ShotId, Verdict> {
        if !self.loaded {
            let strategy = self.any_strategy()?;
            self.load(&strategy)?;
        }
        let plan = self.plan(Trigger::Now, LENGTH);
        Ok(self.bench().lasers.begin(&plan)?)
    }

    /// Feeds all of `runs`, or what fits.
    pub(super) fn feed(&mut self, shot: ShotId, runs: &[u8]) -> Result<usize, Verdict> {
        let source = self.source;
        let mut fed = 0;
        while fed < runs.len() {
            let taken = match self.bench().lasers.feed(shot, source, &runs[fed..]) {
                Err(error) if error.kind == ErrorKind::WrongState && !self.known_pace().is_instant() => {
                    // Its buffer ran empty before a host that is late came with more.
                    self.missed = matches!(self.bench().lasers.outcome(shot), Ok(Outcome::Underrun { .. }));
                    return Err(error.into());
                }
                taken => taken?,
            };
            ensure(taken <= runs.len() - fed, || format!("of {} runs {taken} were taken", runs.len() - fed))?;
            if taken == 0 {
                break;
            }
            fed += taken;
        }
        Ok(fed)
    }

    /// Focus and tracking on the first layer, the strategy loaded, and so many
    /// blank sectors that nobody else gets.
    pub(super) fn ready(&mut self, sectors: u32) -> Result<Place, Verdict> {
        let strategy = self.strategy()?;
        self.on_layer(0)?;
        self.load(&strategy)?;
        let Some(area) = self.medium.and_then(|m| m.layers.first()).map(|l| l.layout.test) else {
            return skip("no medium was named");
        };
        // A sector of margin at both ends, and whole ECC blocks.
        let size = (sectors + 2).div_ceil(16) * 16;
        let mut end = self.given.unwrap_or(area.last + 1);
        while end >= area.first + size {
            let first = end - size;
            end = first;
            let blank = self.signal_at(first, u64::from(size) * SECTOR, 0.25)?.recorded().is_none();
            if blank {
                self.given = Some(first);
                let last = self.used.map_or(first + size - 1, |(_, last)| last);
                self.used = Some((first, last));
                return Ok(Place { first: first + 1 });
            }
        }
        self.given = Some(end);
        skip(format!("the test area has no blank stretch of {size} sectors left"))
    }

    /// Goes to shortly before an address.
    pub(super) fn seek(&mut self, address: u32) -> Result<(), Verdict> {
        for _ in 0..3 {
            self.light()?;
            self.bench().tracking.seek(Address(address))?;
            if self.tracking_settles(SEEK_MS)?.contains(TrackingFlags::LOCKED) {
                return Ok(());
            }
            self.on_layer(0)?;
        }
        fail(format!("the seek to {} failed three times", Address(address)))
    }

    /// The same so far before it that some calls can be made until it comes.
    pub(super) fn seek_ahead(&mut self, address: u32) -> Result<(), Verdict> {
        let first = self.medium.and_then(|m| m.layers.first()).map_or(0, |l| l.layout.test.first);
        let ahead = address.saturating_sub(self.sectors_in(10));
        self.seek(ahead.max(first.min(address)))
    }

    /// The signal of so many channel bits from the start of a sector on.
    pub(super) fn signal(&mut self, address: u32, bits: u64) -> Result<Signal, Verdict> {
        self.signal_at(address, bits, 4.0)
    }

    /// The same with so many samples for each channel bit, or at least two where
    /// the detector can't; fewer tell recorded from blank and nothing else.
    fn signal_at(&mut self, address: u32, bits: u64, wanted: f64) -> Result<Signal, Verdict> {
        let clock = self.clock();
        let rate = Hertz((f64::from(clock.0) * wanted) as u32).min(self.channel(ChannelKind::Sum)?.1.rate_max);
        let per_bit = f64::from(rate.0) / f64::from(clock.0);
        if per_bit < wanted.min(2.0) - 1e-6 {
            return skip(format!("the detector samples at {rate}, too slow for a channel clock of {clock}"));
        }
        let length = (bits as f64 * per_bit) as u64;
        self.seek_ahead(address)?;
        let values = self.sample(&[ChannelKind::Sum], rate, length, Trigger::Address(Address(address)))?.remove(0);
        let level = mean(&values);
        Ok(Signal { values, per_bit, level })
    }

    /// The signal from the sector before a place to the one after so many sectors.
    pub(super) fn around(&mut self, place: Place, sectors: u64) -> Result<Signal, Verdict> {
        self.signal(place.first - 1, (sectors + 2) * SECTOR)
    }

    /// Where a place is recorded, in channel bits from its start.
    pub(super) fn extent(&mut self, place: Place, sectors: u64) -> Result<Option<(f64, f64)>, Verdict> {
        let shift = SECTOR as f64;
        Ok(self.around(place, sectors)?.recorded().map(|(a, b)| (a - shift, b - shift)))
    }

    /// Fails unless a place is recorded from `from` to `upto` and nowhere else around.
    pub(super) fn ensure_extent(&mut self, place: Place, from: f64, upto: f64) -> Result<String, Verdict> {
        let sectors = (upto / SECTOR as f64).ceil() as u64 + 1;
        let Some((a, b)) = self.extent(place, sectors)? else {
            return fail(format!("nothing is recorded where bits {from:.0} to {upto:.0} should be"));
        };
        // Windows, and what the speed may waver.
        let slack = 2.0 * WINDOW + 0.005 * upto;
        ensure((a - from).abs() < slack && (b - upto).abs() < slack, || {
            format!("recorded from bit {a:.0} to {b:.0} instead of {from:.0} to {upto:.0}")
        })?;
        Ok(format!("recorded from bit {a:.0} to {b:.0}, planned {from:.0} to {upto:.0}"))
    }

    /// Begins the usual shot at a place and feeds it whole; the spot is then
    /// shortly before the place.
    pub(super) fn begun(&mut self, place: Place, length: u64) -> Result<ShotId, Verdict> {
        let plan = self.plan(Trigger::Address(Address(place.first)), length);
        let runs = vec![RUN; (length / u64::from(RUN)) as usize];
        let shot = self.bench().lasers.begin(&plan)?;
        self.feed(shot, &runs)?;
        self.seek_ahead(place.first)?;
        Ok(shot)
    }

    pub(super) fn fire(&mut self, shot: ShotId) -> Result<(), Verdict> {
        let token = self.bench().lasers.arm(shot)?;
        Ok(self.bench().lasers.fire(token)?)
    }

    /// The usual shot, fired.
    pub(super) fn fired(&mut self, place: Place, length: u64) -> Result<ShotId, Verdict> {
        let shot = self.begun(place, length)?;
        self.fire(shot)?;
        Ok(shot)
    }

    /// Waits until so many channel bits are written.
    pub(super) fn running(&mut self, shot: ShotId, bits: u64) -> Result<u64, Verdict> {
        let at = self.until(2_000, 100, |c| match c.bench().lasers.outcome(shot)? {
            Outcome::Running { at } if at >= bits => Ok(Some(at)),
            Outcome::Pending | Outcome::Running { .. } => Ok(None),
            ended => {
                c.missed = ended == Outcome::Done && !c.known_pace().is_instant();
                fail(format!("the shot was to run and is {ended:?}"))
            }
        })?;
        at.map_or_else(|| fail("the shot did not get that far within 2 s"), Ok)
    }

    /// Waits for the end of a shot.
    pub(super) fn ended(&mut self, shot: ShotId) -> Result<Outcome, Verdict> {
        let outcome = self.until(3_000, 200, |c| {
            let outcome = c.bench().lasers.outcome(shot)?;
            Ok((!outcome.is_open()).then_some(outcome))
        })?;
        match outcome {
            Some(outcome) => Ok(outcome),
            None => fail("the shot did not end within 3 s"),
        }
    }

    pub(super) fn ensure_done(&mut self, shot: ShotId) -> Result<(), Verdict> {
        let outcome = self.ended(shot)?;
        ensure(outcome == Outcome::Done, || format!("the shot ended as {outcome:?}"))
    }
}
