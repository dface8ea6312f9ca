//! A modulator in software: gates follow the clock as often as it is looked at.

use disc_hal::hal::{Error, ErrorKind, Few, Hertz, Outputs, Part, Result, Source, Trigger};
use embedded_hal::digital::OutputPin;

use super::{Gate, Job, JobSpot, Modulator, Progress, SLOTS};
use crate::chip::{Cause, Chip, Fault};
use crate::time::{Clock, Events, at_ns, count_in};

/// A trigger may come so many channel bits (a sync frame of DVD) before the end of the
/// shot ahead and still count: two clocks are never quite the same.
const EARLY_BITS: u64 = 1_488;

/// What follows the runs of a [`SoftModulator`]: pins, or a recorder of what is written.
pub trait Gates {
    /// A spot begins, at a time of the [`Clock`]: to [`Gate::Bias`].
    ///
    /// # Errors
    /// If the gate can't be switched; so with the others.
    fn begin(&mut self, spot: &JobSpot, job: &Job, at_ns: u64) -> core::result::Result<(), Fault>;

    /// A run begins: to [`Gate::Peak`] for a mark, to [`Gate::Bias`] for a space.
    fn run(&mut self, source: Source, mark: bool, bits: u8) -> core::result::Result<(), Fault>;

    /// A spot ends after so many channel bits, perhaps within a run: to [`Gate::Read`].
    fn end(&mut self, source: Source, at: u64) -> core::result::Result<(), Fault>;
}

/// Two pins for each source. Both low is [`Gate::Read`].
#[derive(Debug)]
pub struct GatePins<B, P, const N: usize>(
    /// For each source the pin that puts bias in the place of read (high: in a shot), and
    /// the pin that adds the pulse (high: peak).
    pub [(B, P); N],
);

impl<B: OutputPin, P: OutputPin, const N: usize> GatePins<B, P, N> {
    fn set(&mut self, source: Source, gate: Gate) -> core::result::Result<(), Fault> {
        let fault = |cause| Fault::new(Chip::Modulator, cause);
        let (bias, pulse) = self.0.get_mut(usize::from(source.0)).ok_or(fault(Cause::Channel))?;
        // The pulse goes first and comes last; both are tried whatever one says.
        let low = if gate == Gate::Peak { Ok(()) } else { pulse.set_low().map_err(|_| fault(Cause::Pin)) };
        let bias = if gate == Gate::Read { bias.set_low() } else { bias.set_high() };
        low.and(bias.map_err(|_| fault(Cause::Pin)))?;
        if gate == Gate::Peak {
            pulse.set_high().map_err(|_| fault(Cause::Pin))?;
        }
        Ok(())
    }
}

impl<B: OutputPin, P: OutputPin, const N: usize> Gates for GatePins<B, P, N> {
    fn begin(&mut self, spot: &JobSpot, _job: &Job, _at_ns: u64) -> core::result::Result<(), Fault> {
        self.set(spot.source, Gate::Bias)
    }

    fn run(&mut self, source: Source, mark: bool, _bits: u8) -> core::result::Result<(), Fault> {
        self.set(source, if mark { Gate::Peak } else { Gate::Bias })
    }

    fn end(&mut self, source: Source, _at: u64) -> core::result::Result<(), Fault> {
        self.set(source, Gate::Read)
    }
}

/// The runs of one spot.
#[derive(Debug, Clone, Copy)]
struct Spot<const RUNS: usize> {
    runs: [u8; RUNS],
    first: usize,
    count: usize,
    /// Channel bits of the runs that have begun.
    taken: u64,
    /// Whether the next run is a mark.
    mark: bool,
    begun: bool,
    ended: bool,
}

impl<const RUNS: usize> Spot<RUNS> {
    const EMPTY: Self = Self { runs: [0; RUNS], first: 0, count: 0, taken: 0, mark: false, begun: false, ended: false };

    fn feed(&mut self, runs: &[u8]) -> usize {
        let taken = runs.len().min(RUNS - self.count);
        for (offset, &run) in runs.iter().take(taken).enumerate() {
            if let Some(slot) = self.runs.get_mut((self.first + self.count + offset) % RUNS) {
                *slot = run;
            }
        }
        self.count += taken;
        taken
    }

    fn next(&mut self) -> Option<u8> {
        let run = self.runs.get(self.first).copied().filter(|_| self.count > 0)?;
        self.first = (self.first + 1) % RUNS;
        self.count -= 1;
        Some(run)
    }
}

/// Where a slot's job is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Empty,
    Loaded,
    /// Waits for its trigger since a time; the number says in what order it was started.
    Waiting {
        since: u64,
        order: u32,
    },
    /// Emits since a time.
    Writing {
        start: u64,
        order: u32,
    },
    Over(Progress),
}

#[derive(Debug)]
struct Slot<const RUNS: usize, const SPOTS: usize> {
    job: Job,
    state: State,
    spots: [Spot<RUNS>; SPOTS],
}

/// A modulator for boards without one: runs become gate levels whenever it is looked at, so
/// the edges are as exact as [`poll`](Self::poll) is often. Marks are one block of the
/// peak power each: it doesn't shape pulses, and takes no more energy than the lasers count.
///
/// Called from a timer interrupt it serves channel clocks up to a tenth of that timer's
/// rate. For DVD's 26 MHz take hardware. With [`Gates`] that record instead of switching it is
/// exact at every clock, for what is written is known by the time and not by the calls.
#[derive(Debug)]
pub struct SoftModulator<C, E, G, const RUNS: usize, const SPOTS: usize = 1> {
    clock: C,
    events: E,
    gates: G,
    clocks: (Hertz, Hertz),
    slots: [Slot<RUNS, SPOTS>; SLOTS as usize],
    /// Jobs started so far.
    started: u32,
    /// When the last job ended.
    free: u64,
    fault: Option<Fault>,
}

fn error(kind: ErrorKind) -> Error {
    Error::new(Part::Laser, kind)
}

impl<C: Clock, E: Events, G: Gates, const RUNS: usize, const SPOTS: usize> SoftModulator<C, E, G, RUNS, SPOTS> {
    /// A modulator with room for `RUNS` run lengths of each of `SPOTS` spots (1 to 8), for
    /// two jobs, with channel clocks from `clocks.0` to `clocks.1`.
    pub fn new(clock: C, events: E, gates: G, clocks: (Hertz, Hertz)) -> Self {
        const { assert!(RUNS > 0 && SPOTS > 0 && SPOTS <= 8) };
        let job =
            Job { spots: Few::new(), trigger: Trigger::Now, clock: clocks.0, groove: false, length: 0, energy_ends: 0 };
        let slots =
            [const { State::Empty }; SLOTS as usize].map(|state| Slot { job, state, spots: [Spot::EMPTY; SPOTS] });
        Self { clock, events, gates, clocks, slots, started: 0, free: 0, fault: None }
    }

    /// What follows the runs.
    pub const fn gates(&self) -> &G {
        &self.gates
    }

    /// Brings gates and jobs up to now.
    ///
    /// # Errors
    /// `Fault` if a gate can't be switched; all jobs have been stopped then.
    pub fn poll(&mut self) -> Result<()> {
        let now = self.clock.now_ns();
        // One job may end and the next one begin and end between two looks.
        for _ in 0..=SLOTS {
            let Some(index) = self.first() else { break };
            match self.advance(index, now) {
                Ok(true) => {}
                Ok(false) => break,
                Err(fault) => {
                    self.fault = Some(fault);
                    self.end_all(now);
                    break;
                }
            }
        }
        match self.fault {
            Some(fault) => Err(fault.error(Part::Laser, Outputs::Unknown)),
            None => Ok(()),
        }
    }

    /// The job whose turn it is.
    fn first(&self) -> Option<usize> {
        let order = |slot: &Slot<RUNS, SPOTS>| match slot.state {
            State::Waiting { order, .. } | State::Writing { order, .. } => Some(order),
            _ => None,
        };
        let open = self.slots.iter().enumerate().filter_map(|(index, slot)| Some((order(slot)?, index)));
        open.min().map(|(_, index)| index)
    }

    /// When a waiting job begins, if its trigger has come.
    fn trigger(&self, job: &Job, since: u64, now: u64) -> (Option<u64>, u64) {
        let delay = job.spots.iter().map(delay_ns).min().unwrap_or(0);
        let early = at_ns(EARLY_BITS, job.clock.0);
        let mut since = since;
        // Those that come too early don't count; there can't be many at a time.
        for _ in 0..8 {
            let Some(at) = self.events.came(job.trigger, since, now) else { break };
            let first = at.saturating_add(delay);
            if first >= self.free {
                return (Some(at), since);
            }
            if job.trigger == Trigger::Now || self.free - first <= early {
                return (Some(self.free - delay.min(self.free)), since);
            }
            since = at.saturating_add(1);
        }
        (None, since)
    }

    /// Brings one job up to `now`; true if it is over.
    fn advance(&mut self, index: usize, now: u64) -> core::result::Result<bool, Fault> {
        let Some(slot) = self.slots.get(index) else { return Ok(false) };
        let (job, state) = (slot.job, slot.state);
        if let State::Waiting { since, order } = state {
            let (start, since) = self.trigger(&job, since, now);
            let Some(slot) = self.slots.get_mut(index) else { return Ok(false) };
            slot.state = match start {
                Some(start) => State::Writing { start, order },
                None => State::Waiting { since, order },
            };
        }
        let Some(slot) = self.slots.get_mut(index) else { return Ok(false) };
        let State::Writing { start, .. } = slot.state else { return Ok(false) };
        let limit = job.length.min(job.energy_ends);
        let mut ends: Option<(u64, Progress)> = None;
        let mut left = false;
        for (spot, runs) in job.spots.iter().zip(&mut slot.spots) {
            let from = start.saturating_add(delay_ns(spot));
            let Some(passed) = now.checked_sub(from) else {
                left = true;
                continue;
            };
            if !runs.begun {
                runs.begun = true;
                self.gates.begin(spot, &job, from)?;
            }
            let at = count_in(passed, job.clock.0).min(limit);
            while runs.taken <= at && runs.taken < limit {
                let Some(bits) = runs.next() else {
                    let when = from.saturating_add(at_ns(runs.taken, job.clock.0));
                    let sooner = ends.is_none_or(|(other, _)| when < other);
                    if sooner {
                        ends = Some((when, Progress::Underrun { at: runs.taken }));
                    }
                    break;
                };
                self.gates.run(spot.source, runs.mark, bits)?;
                runs.taken += u64::from(bits);
                runs.mark = !runs.mark;
            }
            if at == limit && limit < job.length {
                let when = from.saturating_add(at_ns(limit, job.clock.0));
                if ends.is_none_or(|(other, _)| when < other) {
                    ends = Some((when, Progress::Spent { at: limit }));
                }
            } else if at == limit && runs.taken >= limit && !runs.ended {
                self.gates.end(spot.source, limit)?;
                runs.ended = true;
            }
            left |= !runs.ended;
        }
        if ends.is_none() && !left {
            let last = job.spots.iter().map(delay_ns).max().unwrap_or(0);
            let when = start.saturating_add(last).saturating_add(at_ns(limit, job.clock.0));
            ends = Some((when, Progress::Done));
        }
        let Some((when, progress)) = ends else { return Ok(false) };
        slot.state = State::Over(progress);
        self.free = when;
        close(&mut self.gates, slot, start, when)?;
        Ok(true)
    }

    /// Ends whatever is open, whatever the gates say; what they say first is kept.
    fn end_all(&mut self, now: u64) {
        for slot in &mut self.slots {
            let at = match slot.state {
                State::Empty => continue,
                State::Over(_) => {
                    if let Err(fault) = close(&mut self.gates, slot, 0, now) {
                        self.fault.get_or_insert(fault);
                    }
                    continue;
                }
                State::Loaded | State::Waiting { .. } => None,
                State::Writing { start, .. } => {
                    let from = slot.job.spots.iter().map(delay_ns).min().unwrap_or(0).saturating_add(start);
                    let at = now.checked_sub(from).map(|passed| count_in(passed, slot.job.clock.0));
                    if let Err(fault) = close(&mut self.gates, slot, start, now) {
                        self.fault.get_or_insert(fault);
                    }
                    at.map(|at| at.min(slot.job.length))
                }
            };
            slot.state = State::Over(Progress::Stopped { at });
        }
        self.free = self.free.max(now);
    }

    fn slot(&mut self, slot: u8) -> Result<&mut Slot<RUNS, SPOTS>> {
        self.slots.get_mut(usize::from(slot)).ok_or(error(ErrorKind::InvalidArgument))
    }
}

fn delay_ns(spot: &JobSpot) -> u64 {
    u64::try_from(spot.delay.0).unwrap_or(0) / 1_000
}

/// Puts the gates of the spots that still emit back to read; all are tried.
fn close<G: Gates, const RUNS: usize, const SPOTS: usize>(
    gates: &mut G,
    slot: &mut Slot<RUNS, SPOTS>,
    start: u64,
    when: u64,
) -> core::result::Result<(), Fault> {
    let mut closed = Ok(());
    let job = slot.job;
    for (spot, runs) in job.spots.iter().zip(&mut slot.spots) {
        if runs.begun && !runs.ended {
            let passed = when.saturating_sub(start.saturating_add(delay_ns(spot)));
            let at = count_in(passed, job.clock.0).min(job.length);
            let ended = gates.end(spot.source, at);
            // One that can't be switched is tried again by the next stop.
            runs.ended = ended.is_ok();
            closed = closed.and(ended);
        }
    }
    closed
}

impl<C: Clock, E: Events, G: Gates, const RUNS: usize, const SPOTS: usize> Modulator
    for SoftModulator<C, E, G, RUNS, SPOTS>
{
    fn buffer_runs(&self) -> u32 {
        u32::try_from(RUNS).unwrap_or(u32::MAX)
    }

    fn spots(&self) -> u8 {
        u8::try_from(SPOTS).unwrap_or(8)
    }

    fn clocks(&self) -> (Hertz, Hertz) {
        self.clocks
    }

    fn load(&mut self, slot: u8, job: &Job) -> Result<()> {
        let now = self.poll();
        if job.spots.is_empty() || job.spots.len() > SPOTS {
            return Err(error(ErrorKind::NotSupported));
        }
        let slot = self.slot(slot)?;
        if matches!(slot.state, State::Waiting { .. } | State::Writing { .. }) {
            return Err(error(ErrorKind::Busy));
        }
        now?;
        (slot.job, slot.state) = (*job, State::Loaded);
        for spot in &mut slot.spots {
            // The runs of the job before are not read again: their count is 0.
            (spot.first, spot.count, spot.taken) = (0, 0, 0);
            (spot.mark, spot.begun, spot.ended) = (false, false, false);
        }
        Ok(())
    }

    fn feed(&mut self, slot: u8, spot: u8, runs: &[u8]) -> Result<usize> {
        self.poll()?;
        let slot = self.slot(slot)?;
        if usize::from(spot) >= slot.job.spots.len() || slot.state == State::Empty {
            return Err(error(ErrorKind::InvalidArgument));
        }
        if matches!(slot.state, State::Over(_)) {
            return Err(error(ErrorKind::WrongState));
        }
        let spot = slot.spots.get_mut(usize::from(spot)).ok_or(error(ErrorKind::InvalidArgument))?;
        Ok(spot.feed(runs))
    }

    fn start(&mut self, slot: u8) -> Result<()> {
        self.poll()?;
        let (since, order) = (self.clock.now_ns(), self.started);
        let slot = self.slot(slot)?;
        match slot.state {
            State::Empty => return Err(error(ErrorKind::InvalidArgument)),
            State::Loaded => slot.state = State::Waiting { since, order },
            _ => return Err(error(ErrorKind::WrongState)),
        }
        self.started = self.started.wrapping_add(1);
        self.poll()
    }

    fn progress(&mut self, slot: u8) -> Result<Progress> {
        self.poll()?;
        let now = self.clock.now_ns();
        let slot = self.slot(slot)?;
        Ok(match slot.state {
            State::Empty => return Err(error(ErrorKind::InvalidArgument)),
            State::Loaded | State::Waiting { .. } => Progress::Waiting,
            State::Writing { start, .. } => {
                let from = slot.job.spots.iter().map(delay_ns).min().unwrap_or(0).saturating_add(start);
                match now.checked_sub(from) {
                    Some(passed) => Progress::Writing { at: count_in(passed, slot.job.clock.0).min(slot.job.length) },
                    None => Progress::Waiting,
                }
            }
            State::Over(progress) => progress,
        })
    }

    fn stop(&mut self) -> Result<()> {
        self.fault = None;
        let polled = self.poll();
        let now = self.clock.now_ns();
        self.end_all(now);
        // A gate that couldn't be switched before may be switched now.
        match self.fault.take() {
            Some(fault) => Err(fault.error(Part::Laser, Outputs::Unknown)),
            None => polled,
        }
    }
}
