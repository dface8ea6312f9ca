//! The pulse generator: runs in, marks out; and the marks are read back from its memory.
//!
//! What a slot has written stays in its buffer until the slot gets another job. A place
//! that was written and whose slot has been used again is blank: this is a loop, no disc.

use disc_hal::hal::{Error, ErrorKind, Hertz, Part, Result, Trigger};
use disc_hal_spi::modulator::{Gate, Job, Modulator, Progress, SLOTS};

use crate::disc;
use crate::world::World;

/// Runs that a slot holds: four sectors of 8T, as the conformance suite wants them, and
/// some more. Two slots of it are two thirds of a small microcontroller's memory.
pub const RUNS: usize = 19_456;
/// The memory of the generator: a buffer for each slot.
pub type Memory = [[u8; RUNS]; SLOTS as usize];
/// Peak power from which a pulse leaves a mark, microwatts.
const MARKING_UW: u32 = 6_000;
/// Lowest channel clock.
const CLOCK_MIN: Hertz = Hertz(disc::CLOCK_HZ / 2);
/// Half the width of the edge of a mark, nanometres: the spot is that large.
const HALF_EDGE_NM: u64 = disc::BIT_NM;

/// A run, and the channel bit at which it begins.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Mark {
    index: u64,
    bits: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Phase {
    #[default]
    Empty,
    Loaded,
    /// Started as so many-th; the place of its first bit once the trigger has come.
    Waiting {
        turn: u64,
        begins: Option<u64>,
    },
    Writing,
    Over(Progress),
}

#[derive(Debug)]
struct Slot {
    phase: Phase,
    trigger: Trigger,
    delay_nm: u64,
    bit_nm: u64,
    length: u64,
    energy_ends: u64,
    /// Whether its pulses are strong enough.
    marks: bool,
    /// Place of its first bit, and how far it has come.
    start: u64,
    gone: u64,
    runs: &'static mut [u8],
    /// Runs and channel bits fed.
    fed: Mark,
    /// The oldest run that is still in memory.
    oldest: Mark,
    /// The first run that hasn't begun to be written.
    next: Mark,
    /// Where reading was last.
    cursor: Mark,
}

impl Slot {
    fn new(runs: &'static mut [u8]) -> Self {
        Self {
            phase: Phase::Empty,
            trigger: Trigger::Now,
            delay_nm: 0,
            bit_nm: disc::BIT_NM,
            length: 0,
            energy_ends: 0,
            marks: false,
            start: 0,
            gone: 0,
            runs,
            fed: Mark::default(),
            oldest: Mark::default(),
            next: Mark::default(),
            cursor: Mark::default(),
        }
    }

    fn run(&self, index: u64) -> u64 {
        let at = usize::try_from(index % RUNS as u64).unwrap_or(0);
        u64::from(self.runs[at])
    }

    /// Channel bits written.
    const fn at(&self) -> u64 {
        self.gone / self.bit_nm
    }

    /// Where its light ends by itself: bits, and how.
    fn end(&self) -> (u64, Progress) {
        let ends = [
            (self.length, Progress::Done),
            (self.energy_ends, Progress::Spent { at: self.energy_ends }),
            (self.fed.bits, Progress::Underrun { at: self.fed.bits }),
        ];
        // Of equal ones the first: what is whole isn't short of anything.
        let first = ends.iter().min_by_key(|(at, _)| *at);
        first.copied().unwrap_or((0, Progress::Done))
    }

    fn feed(&mut self, runs: &[u8]) -> usize {
        let waiting = usize::try_from(self.fed.index - self.next.index).unwrap_or(RUNS);
        let taken = runs.len().min(RUNS - waiting);
        for &run in &runs[..taken] {
            if self.fed.index - self.oldest.index == RUNS as u64 {
                self.oldest =
                    Mark { index: self.oldest.index + 1, bits: self.oldest.bits + self.run(self.oldest.index) };
            }
            let at = usize::try_from(self.fed.index % RUNS as u64).unwrap_or(0);
            self.runs[at] = run;
            self.fed = Mark { index: self.fed.index + 1, bits: self.fed.bits + u64::from(run) };
        }
        taken
    }

    /// How much of the spot lies on a mark at a place, of 256; `None` where it hasn't written.
    fn mark(&mut self, place: u64) -> Option<u16> {
        let written = match self.phase {
            Phase::Writing => self.gone,
            Phase::Over(Progress::Stopped { at }) => at? * self.bit_nm,
            Phase::Over(Progress::Underrun { at } | Progress::Spent { at }) => at * self.bit_nm,
            Phase::Over(Progress::Done) => self.length * self.bit_nm,
            _ => return None,
        };
        let along = place.checked_sub(self.start).filter(|&a| a < written && self.marks)?;
        let bit = along / self.bit_nm;
        if bit < self.oldest.bits {
            return None;
        }
        if bit < self.cursor.bits || self.cursor.index < self.oldest.index {
            self.cursor = self.oldest;
        }
        while self.cursor.index < self.fed.index && bit >= self.cursor.bits + self.run(self.cursor.index) {
            let run = self.run(self.cursor.index);
            self.cursor = Mark { index: self.cursor.index + 1, bits: self.cursor.bits + run };
        }
        let run = self.run(self.cursor.index);
        let begin = self.cursor.bits * self.bit_nm;
        let (left, right) = (along - begin, (begin + run * self.bit_nm).saturating_sub(along));
        let is_mark = self.cursor.index % 2 == 1;
        // Before its first run there is nothing of its own.
        let left = if self.cursor.index == 0 { u64::MAX } else { left };
        let near = left.min(right).min(HALF_EDGE_NM);
        let inside = u16::try_from(128 + near * 128 / HALF_EDGE_NM).unwrap_or(256);
        Some(if is_mark { inside } else { 256 - inside })
    }
}

/// All of the generator.
#[derive(Debug)]
pub(crate) struct Generator {
    slots: [Slot; SLOTS as usize],
    /// Jobs started.
    started: u64,
}

impl Generator {
    pub(crate) fn new(memory: &'static mut Memory) -> Self {
        let [first, second] = memory;
        Self { slots: [Slot::new(first), Slot::new(second)], started: 0 }
    }

    pub(crate) fn is_writing(&self) -> bool {
        self.slots.iter().any(|s| s.phase == Phase::Writing)
    }

    pub(crate) fn is_waiting(&self) -> bool {
        self.slots.iter().any(|s| matches!(s.phase, Phase::Waiting { .. }))
    }

    /// What the drivers of the source are switched to.
    pub(crate) fn gate(&self) -> Gate {
        match self.slots.iter().find(|s| s.phase == Phase::Writing) {
            // The run that is being written is the one before the next.
            Some(slot) if slot.next.index % 2 == 0 => Gate::Peak,
            Some(_) => Gate::Bias,
            None => Gate::Read,
        }
    }

    /// How much of the spot lies on a mark at a place, of 256.
    pub(crate) fn mark(&mut self, place: u64) -> u16 {
        self.slots.iter_mut().find_map(|s| s.mark(place)).unwrap_or(0)
    }

    /// An index mark, with the spot at a place.
    pub(crate) fn index(&mut self, place: u64) {
        self.triggered(Trigger::Index, place);
    }

    fn triggered(&mut self, what: Trigger, place: u64) {
        let busy = self.slots.iter().find(|s| s.phase == Phase::Writing).map(|s| s.start + s.length * s.bit_nm);
        for slot in &mut self.slots {
            let begins = place + slot.delay_nm;
            if let Phase::Waiting { begins: none @ None, .. } = &mut slot.phase
                && slot.trigger == what
                && busy.is_none_or(|end| begins >= end)
            {
                *none = Some(begins);
            }
        }
    }

    /// The spot has gone from a place to another on the track.
    pub(crate) fn pass(&mut self, from: u64, upto: u64) {
        for index in 0..self.slots.len() {
            if let (Phase::Waiting { begins: None, .. }, Trigger::Address(address)) =
                (self.slots[index].phase, self.slots[index].trigger)
            {
                let place = u64::from(address.0) * disc::SECTOR_NM;
                if (from..upto).contains(&place) {
                    self.triggered(Trigger::Address(address), place);
                }
            }
        }
        // One may end and the next one begin on the same stretch.
        for _ in 0..=self.slots.len() {
            if !self.write(upto) && !self.begin(from, upto) {
                break;
            }
        }
    }

    /// The one that writes goes on to a place; whether it ended before.
    fn write(&mut self, upto: u64) -> bool {
        let Some(slot) = self.slots.iter_mut().find(|s| s.phase == Phase::Writing) else { return false };
        slot.gone = upto.saturating_sub(slot.start);
        let (bits, how) = slot.end();
        let at = slot.at();
        if at >= bits {
            slot.gone = bits * slot.bit_nm;
            slot.phase = Phase::Over(how);
        }
        while slot.next.index < slot.fed.index && slot.next.bits <= at {
            let run = slot.run(slot.next.index);
            slot.next = Mark { index: slot.next.index + 1, bits: slot.next.bits + run };
        }
        at >= bits
    }

    /// The first that waits begins if its place has come; whether one did.
    fn begin(&mut self, from: u64, upto: u64) -> bool {
        if self.is_writing() {
            return false;
        }
        let free = self.slots.iter().filter_map(|s| match s.phase {
            Phase::Over(_) => Some(s.start + s.gone),
            _ => None,
        });
        // Now is the end of the one ahead, if that was on this stretch.
        let now = free.filter(|end| (from..=upto).contains(end)).max().unwrap_or(upto);
        let order = |s: &Slot| match s.phase {
            Phase::Waiting { turn, .. } => turn,
            _ => u64::MAX,
        };
        let Some(slot) = self.slots.iter_mut().min_by_key(|s| order(s)) else { return false };
        let Phase::Waiting { turn, begins } = slot.phase else { return false };
        let begins = match begins {
            None if slot.trigger == Trigger::Now => now + slot.delay_nm,
            None => return false,
            Some(place) => place,
        };
        slot.phase = Phase::Waiting { turn, begins: Some(begins) };
        if begins > upto {
            return false;
        }
        (slot.start, slot.gone, slot.phase) = (begins, 0, Phase::Writing);
        true
    }

    /// Everything ends here.
    fn stop(&mut self) {
        for slot in &mut self.slots {
            slot.phase = match slot.phase {
                Phase::Waiting { .. } => Phase::Over(Progress::Stopped { at: None }),
                Phase::Writing => Phase::Over(Progress::Stopped { at: Some(slot.at()) }),
                other => other,
            };
        }
    }
}

/// The generator of the world, as the lasers see it.
#[derive(Debug, Clone, Copy)]
pub struct Pulses<'w>(&'w World);

impl<'w> Pulses<'w> {
    /// That of `world`.
    pub const fn new(world: &'w World) -> Self {
        Self(world)
    }
}

const fn error(kind: ErrorKind) -> Error {
    Error::new(Part::Laser, kind)
}

impl Modulator for Pulses<'_> {
    fn buffer_runs(&self) -> u32 {
        RUNS as u32
    }

    fn spots(&self) -> u8 {
        1
    }

    fn clocks(&self) -> (Hertz, Hertz) {
        (CLOCK_MIN, Hertz(disc::CLOCK_HZ))
    }

    fn load(&mut self, slot: u8, job: &Job) -> Result<()> {
        let mut state = self.0.state();
        let slot = state.pulses.slots.get_mut(usize::from(slot)).ok_or(error(ErrorKind::InvalidArgument))?;
        if matches!(slot.phase, Phase::Writing | Phase::Waiting { .. }) {
            return Err(error(ErrorKind::Busy));
        }
        let [spot] = &*job.spots else { return Err(error(ErrorKind::NotSupported)) };
        let clock = u64::from(job.clock.0.max(1));
        let delay_ps = u64::try_from(spot.delay.0).map_err(|_| error(ErrorKind::NotSupported))?;
        // A groove's clock keeps the length of a bit; a fixed one does at the nominal speed.
        slot.bit_nm = disc::BIT_NM * u64::from(disc::CLOCK_HZ) / clock;
        let delay = u128::from(delay_ps) * u128::from(clock) / 1_000_000_000_000;
        slot.delay_nm = u64::try_from(delay).unwrap_or(u64::MAX / 2).saturating_mul(slot.bit_nm);
        (slot.trigger, slot.length, slot.energy_ends) = (job.trigger, job.length, job.energy_ends);
        slot.marks = spot.strategy.peak.0 >= MARKING_UW;
        (slot.fed, slot.oldest, slot.next, slot.cursor) = Default::default();
        (slot.start, slot.gone, slot.phase) = (0, 0, Phase::Loaded);
        Ok(())
    }

    fn feed(&mut self, slot: u8, spot: u8, runs: &[u8]) -> Result<usize> {
        let mut state = self.0.state();
        let slot = state.pulses.slots.get_mut(usize::from(slot)).ok_or(error(ErrorKind::InvalidArgument))?;
        match slot.phase {
            Phase::Empty => Err(error(ErrorKind::InvalidArgument)),
            Phase::Over(_) => Err(error(ErrorKind::WrongState)),
            _ if spot != 0 => Err(error(ErrorKind::InvalidArgument)),
            _ => Ok(slot.feed(runs)),
        }
    }

    fn start(&mut self, slot: u8) -> Result<()> {
        let mut state = self.0.state();
        let pulses = &mut state.pulses;
        let turn = pulses.started;
        let slot = pulses.slots.get_mut(usize::from(slot)).ok_or(error(ErrorKind::InvalidArgument))?;
        match slot.phase {
            Phase::Loaded => slot.phase = Phase::Waiting { turn, begins: None },
            Phase::Empty => return Err(error(ErrorKind::InvalidArgument)),
            _ => return Err(error(ErrorKind::WrongState)),
        }
        pulses.started += 1;
        Ok(())
    }

    fn progress(&mut self, slot: u8) -> Result<Progress> {
        let state = self.0.state();
        let slot = state.pulses.slots.get(usize::from(slot)).ok_or(error(ErrorKind::InvalidArgument))?;
        Ok(match slot.phase {
            Phase::Empty => return Err(error(ErrorKind::InvalidArgument)),
            Phase::Loaded | Phase::Waiting { .. } => Progress::Waiting,
            Phase::Writing => Progress::Writing { at: slot.at() },
            Phase::Over(how) => how,
        })
    }

    fn stop(&mut self) -> Result<()> {
        let mut state = self.0.state();
        state.pulses.stop();
        state.settle();
        Ok(())
    }
}
