//! The part of a write-strategy optimisation that edge shifts say nothing of: widths of the
//! pulses, and where the last pulse of 4T marks lies.

use super::edges::{probe, shifts, table, with_table};
use super::optimise::{GAIN, GROUP_NAMES, PROBE, Run};
use super::optimised::Ended;
use super::problem::Problem;
use super::session::Session;
use crate::hal::WriteStrategy;

/// Strides in which widths are tried, steps.
const STRIDES: [i16; 2] = [2, 1];
/// Steps by which the last pulse of 4T marks is tried elsewhere, how often one way, and
/// iterations that each gets to show what it is worth.
const PLACE: f64 = 8.0;
const PLACES: usize = 3;
const PLACE_ITERATIONS: u32 = 5;
/// Jitter by which a place may be worse to go on from, percent of T.
const PLACE_NOISE: f64 = 0.2;
/// Iterations that a width gets to show what it is worth.
const WIDTH_ITERATIONS: u32 = 3;

/// The width of a pulse.
#[derive(Debug, Clone, Copy)]
enum Width {
    Top(usize),
    Multi,
    Last,
}

impl Width {
    const ALL: [(Self, &'static str); 4] = [
        (Self::Top(2), "top of 5T and longer"),
        (Self::Last, "last"),
        (Self::Top(1), "top of 4T"),
        (Self::Multi, "multi"),
    ];

    /// The strategy with another width; `None` where it can't be.
    fn widened(self, mut strategy: WriteStrategy, by: i16) -> Option<WriteStrategy> {
        let longest = 2 * i16::from(WriteStrategy::STEPS_PER_BIT);
        let width = |old: u8, longest: i16| {
            let new = i16::from(old) + by;
            (1..=longest).contains(&new).then_some(new as u8)
        };
        match self {
            Self::Top(m) => {
                strategy.top[m] = width(strategy.top[m], longest)?;
                // Its heat ends where it did.
                for lead in &mut strategy.lead[m] {
                    *lead = i8::try_from(i16::from(*lead) - by).ok()?;
                }
            }
            Self::Multi => strategy.multi = width(strategy.multi, longest / 2)?,
            Self::Last => strategy.last = width(strategy.last, longest)?,
        }
        Some(strategy)
    }
}

/// Steps between the first pulse of 4T marks and the last one, the mean over their classes; negative
/// where they overlap.
fn gap(strategy: &WriteStrategy) -> f64 {
    let mean = |entries: [i8; 3]| entries.iter().map(|&e| f64::from(e)).sum::<f64>() / 3.0;
    let last = 4.0 * f64::from(WriteStrategy::STEPS_PER_BIT) + mean(strategy.trail[1]) - f64::from(strategy.last);
    (last - mean(strategy.lead[1]) - f64::from(strategy.top[1])).round()
}

impl Session<'_> {
    /// Tries the widths of the pulses, as long as one is better.
    pub(super) fn widths(&mut self, run: &mut Run) -> Result<Option<Ended>, Problem> {
        // A last pulse that joins the first one, or parts from it, makes another kind of mark,
        // which no small step finds.
        let gap = gap(&run.best().strategy);
        let mut joined = None;
        if gap > 0.0 && self.spent(run).is_none() {
            // The first pulse later, too: half as far, for the end of the mark is what a short last
            // pulse moves least.
            let start = (gap / 3.0).round();
            joined = self.try_place(run, run.best, start - gap, start)?;
        }
        for by in [-PLACE, PLACE] {
            let mut from = joined.unwrap_or(run.best);
            for _ in 0..PLACES {
                if let Some(stop) = self.spent(run) {
                    return Ok(Some(stop));
                }
                match self.try_place(run, from, by, 0.0)? {
                    Some(next) => from = next,
                    None => break,
                }
            }
        }
        for stride in STRIDES {
            loop {
                let before = run.best().jitter_percent;
                for (width, name) in Width::ALL {
                    for by in [stride, -stride] {
                        // On in a direction that is good.
                        loop {
                            if let Some(stop) = self.spent(run) {
                                return Ok(Some(stop));
                            }
                            if !self.try_width(run, width, name, by)? {
                                break;
                            }
                        }
                    }
                }
                if run.best().jitter_percent > before - 2.0 * GAIN {
                    break;
                }
            }
        }
        Ok(Some(Ended::Converged))
    }

    /// Moves the last pulse of 4T marks by `by`, their first one by `start`, and puts the table
    /// right again. What came of it, if it is worth going on from: better, or no worse than by the
    /// noise of a piece.
    fn try_place(&mut self, run: &mut Run, from: usize, by: f64, start: f64) -> Result<Option<usize>, Problem> {
        const GROUP: usize = 4;
        const START: usize = 1;
        let (best, known) = (run.best, run.corrector.clone());
        let lowest = run.best().jitter_percent;
        let base = run.result.iterations[from].strategy;
        let trial = with_table(base, &probe(&probe(&table(&base), GROUP, by), START, start));
        if self.attempt(run, trial, format!("place of {} {by:+}", GROUP_NAMES[GROUP]))?.is_err() {
            return Ok(None);
        }
        let first = run.result.iterations.len() - 1;
        let before = shifts(&run.result.iterations[first].shifts);
        let further = by.signum() * PROBE;
        let probed = with_table(trial, &probe(&table(&trial), GROUP, further));
        if self.attempt(run, probed, format!("probe of {}", GROUP_NAMES[GROUP]))?.is_ok() {
            let after = run.result.iterations.last().map(|i| shifts(&i.shifts));
            run.corrector.probed(GROUP, further, &before, &after.unwrap_or(before));
        }
        self.align(run, first, PLACE_ITERATIONS)?;
        let tried = run.result.iterations.iter().enumerate().skip(first);
        let reached = tried.min_by(|a, b| a.1.jitter_percent.total_cmp(&b.1.jitter_percent));
        let next = reached.filter(|(_, one)| one.jitter_percent < lowest + PLACE_NOISE).map(|(i, _)| i);
        if run.best == best && next.is_none() {
            run.corrector = known;
        }
        Ok(next)
    }

    /// Whether the best strategy is better with another width.
    fn try_width(&mut self, run: &mut Run, width: Width, name: &str, by: i16) -> Result<bool, Problem> {
        let base = run.best;
        let goal = run.best().within_percent - 2.0 * GAIN;
        let Some(mut trial) = width.widened(run.best().strategy, by) else { return Ok(false) };
        // Twice at most: the first one may show that it needs another power.
        for _ in 0..2 {
            let before = run.result.iterations.len();
            if self.attempt(run, trial, format!("{name} {by:+}"))?.is_err() {
                return Ok(false);
            }
            let peak = self.followed(run.hold, &run.result.iterations[before]);
            if run.result.iterations[before].within_percent < goal {
                self.align(run, before, WIDTH_ITERATIONS)?;
                return Ok(run.best != base);
            }
            // Not worth another piece if the power hardly changes.
            if peak.0.abs_diff(trial.peak.0) * 100 < 2 * trial.peak.0 || self.spent(run).is_some() {
                break;
            }
            trial.peak = peak;
        }
        Ok(run.best != base)
    }
}
