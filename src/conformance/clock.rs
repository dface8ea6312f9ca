//! Time as the bench itself tells it.
//!
//! The contract has no clock, and a delay is only the least that has passed: on a
//! real bench every call takes time as well. But samples come at their rate, so
//! those that an acquisition has made tell how long it has been running.

use super::context::{Context, fail, skip};
use super::track::SECTOR;
use super::{Verdict, context::ensure};
use crate::hal::{ChannelKind, Hertz, Trigger};

/// Slow enough for every link, and 50 us is finer than any call.
const RATE: Hertz = Hertz(20_000);
/// For short waits.
const FINE_RATE: Hertz = Hertz(200_000);
/// Delay between two looks while the pace is taken.
const LOOK_US: u32 = 20;
/// Turns after which a turn is known as well as it ever will be.
const MOST_TURNS: f64 = 64.0;

/// What calls take on this bench.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Pace {
    /// A call with the least delay, on average, in microseconds.
    pub(super) call_us: f64,
    /// Steps in which the bench's samples are seen to grow: its blocks, or what a
    /// slow call takes.
    pub(super) grain_us: f64,
}

impl Pace {
    /// Calls that take no time worth counting: a bench that lives by the delays.
    pub(super) fn is_instant(self) -> bool {
        self.call_us < 10.0
    }
}

/// An acquisition that serves as a clock; arming another one ends it.
#[derive(Debug)]
pub(super) struct Stopwatch {
    rate: Hertz,
    samples: u64,
    buffer: Vec<i16>,
}

impl Stopwatch {
    /// Microseconds since the trigger, of which at least so many have passed: the
    /// newest may still be on the bench. 0 until the trigger.
    pub(super) fn read(&mut self, c: &mut Context<'_>) -> Result<f64, Verdict> {
        for _ in 0..100 {
            let chunk = c.bench().detector.read(&mut self.buffer)?;
            self.samples += chunk.length as u64 + chunk.gap;
            ensure(!chunk.last, || format!("the acquisition ended after {} samples", self.samples))?;
            if chunk.length < self.buffer.len() {
                break;
            }
        }
        Ok(self.samples as f64 * self.sample_us())
    }

    fn sample_us(&self) -> f64 {
        1e6 / f64::from(self.rate.0)
    }
}

/// Time between two index marks.
#[derive(Debug, Clone, Copy)]
pub(super) struct Marks {
    pub(super) us: f64,
    /// What it may be off by.
    pub(super) error_us: f64,
}

impl Context<'_> {
    /// Begins to count.
    pub(super) fn stopwatch(&mut self, trigger: Trigger) -> Result<Stopwatch, Verdict> {
        self.stopwatch_at(RATE, trigger)
    }

    fn stopwatch_at(&mut self, rate: Hertz, trigger: Trigger) -> Result<Stopwatch, Verdict> {
        let kinds = [ChannelKind::Sum];
        let rate = rate.min(self.rate(&kinds)?);
        let plan = self.acquisition(&kinds, rate, 1 << 40, trigger)?;
        self.bench().detector.arm(&plan)?;
        Ok(Stopwatch { rate, samples: 0, buffer: vec![0; 8_192] })
    }

    /// Lets time pass on the bench, by its own samples where it has any. Ends an
    /// acquisition that runs.
    pub(super) fn pass_us(&mut self, us: u32) -> Result<(), Verdict> {
        let Ok(mut watch) = self.stopwatch_at(FINE_RATE, Trigger::Now) else {
            self.wait_us(us);
            return Ok(());
        };
        self.wait_us(us);
        let passed = self.until(us / 1_000 + 1_000, LOOK_US, |c| {
            let seen = watch.read(c)? + watch.sample_us();
            Ok((seen >= f64::from(us)).then_some(()))
        })?;
        self.bench().detector.stop()?;
        ensure(passed.is_some(), || format!("{us} us did not pass by the detector's samples within a second"))
    }

    /// What calls take. Looked at once; ends an acquisition that runs.
    pub(super) fn pace(&mut self) -> Pace {
        if let Some(pace) = self.pace {
            return pace;
        }
        // A detector that can't tell is found by its own checks.
        let pace = self.take_pace().unwrap_or_default();
        self.pace = Some(pace);
        pace
    }

    fn take_pace(&mut self) -> Result<Pace, Verdict> {
        let mut watch = self.stopwatch(Trigger::Now)?;
        let start = watch.read(self)?;
        let (mut last, mut looks) = (start, 0);
        let mut steps = Vec::new();
        while looks < 400 && (looks < 20 || last - start < 40_000.0) {
            self.wait_us(LOOK_US);
            let now = watch.read(self)?;
            steps.push(now - last);
            last = now;
            looks += 1;
        }
        self.bench().detector.stop()?;
        steps.sort_by(f64::total_cmp);
        // The greatest may be a hiccup of the host.
        let grain_us = steps.iter().rev().nth(1).copied().unwrap_or(0.0);
        let call_us = ((last - start) / f64::from(looks) - f64::from(LOOK_US)).max(0.0);
        Ok(Pace { call_us, grain_us })
    }

    /// The pace as far as it is known: for sizes.
    pub(super) fn known_pace(&self) -> Pace {
        self.pace.unwrap_or_default()
    }

    /// Sectors that pass in so many calls at least; 0 on an instant bench.
    pub(super) fn sectors_in(&self, calls: u32) -> u32 {
        let pace = self.known_pace();
        if pace.is_instant() {
            return 0;
        }
        let us = f64::from(calls) * pace.call_us + 2.0 * pace.grain_us;
        (us * 1e-6 * f64::from(self.clock().0) / SECTOR as f64).ceil().min(1_000.0) as u32
    }

    /// From an index mark to the first one after at least `phase_us`.
    pub(super) fn marks(&mut self, phase_us: f64) -> Result<Marks, Verdict> {
        const BUDGET_MS: u32 = 2_000;
        let pace = self.pace();
        let every = if pace.is_instant() { 20 } else { 500 };
        let none = || format!("no index mark came within {BUDGET_MS} ms");
        let mut watch = self.stopwatch(Trigger::Index)?;
        let began = self.until(BUDGET_MS, every, |c| Ok((watch.read(c)? > 0.0).then_some(())))?;
        ensure(began.is_some(), none)?;
        let seen = self.until(BUDGET_MS + (phase_us * 2e-3) as u32, every, |c| {
            let us = watch.read(c)?;
            Ok((us >= phase_us).then_some(us))
        })?;
        let Some(seen) = seen else { return fail("the samples after the index mark cease to come") };
        let mut watch = self.stopwatch(Trigger::Index)?;
        let before = self.elapsed_ns();
        // Arming is a call as well.
        let mut calls = 1.0;
        let after = self.until(BUDGET_MS, every, |c| {
            calls += 1.0;
            let us = watch.read(c)?;
            Ok((us > 0.0).then_some(us))
        })?;
        let Some(after) = after else { return fail(none()) };
        let waited = (self.elapsed_ns() - before) as f64 * 1e-3;
        self.bench().detector.stop()?;
        let us = seen + waited + calls * pace.call_us - after;
        let error_us = 2.0 * pace.grain_us.max(watch.sample_us()) + 0.25 * calls * pace.call_us;
        Ok(Marks { us, error_us })
    }

    /// A turn, in microseconds, from one that is expected; and what it may be off
    /// by. More and more turns are taken together, until what isn't known of the
    /// calls between no longer matters.
    pub(super) fn turn_us(&mut self, expected: f64) -> Result<(f64, f64), Verdict> {
        let (mut turn, mut turns) = (expected, 1.0);
        loop {
            let found = self.marks((turns - 0.4) * turn)?;
            let count = (found.us / turn).round().max(1.0);
            let (us, error) = (found.us / count, found.error_us / count);
            if error < 0.01 * us || turns >= MOST_TURNS {
                return Ok((us, error));
            }
            if found.error_us > us / 3.0 {
                return skip(format!(
                    "calls take too long here to tell one turn from the next: times are known to {:.1} ms",
                    found.error_us * 1e-3
                ));
            }
            (turn, turns) = (us, turns * 2.0);
        }
    }

    /// A turn by what the spindle says of itself, in microseconds.
    pub(super) fn said_turn_us(&mut self) -> Result<f64, Verdict> {
        let status = self.bench().spindle.status()?;
        let metres = 2e-9 * core::f64::consts::PI * f64::from(status.radius.0);
        Ok(metres / (f64::from(status.velocity.0.max(1)) * 1e-6) * 1e6)
    }
}
