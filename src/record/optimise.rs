//! Write-strategy optimisation by measured edge shifts.
//!
//! Pieces of random data are written in the test area with a strategy and read back. The
//! mean shift of the leading edges by (space before, mark) and of the trailing edges by
//! (mark, space after) corrects the entry of the table that wrote them, until no entry
//! moves by more than its step or the jitter no longer falls. The power follows: where the
//! table changed the asymmetry, it goes back to its goal on the slope that the calibration
//! found. Then the widths of the pulses are tried, of which the shifts say nothing: a width
//! is kept if less jitter is left within the classes. Source: disc-testing practice of
//! adaptive strategy tables (US8159919, US8154968, US8879373).

use super::edges::{Corrector, GROUPS, difference, probe, rms_shift_t, shifts, table, with_table};
use super::error::{RecordError, Stage};
use super::held::Hold;
use super::optimised::{Ended, OptimiseOptions, StrategyIteration, StrategyResult};
use super::pieces::{PARTITION, Partition, Piece, Reading};
use super::problem::{Problem, StrategyFault};
use super::session::Session;
use crate::hal::{Microwatts, WriteStrategy};
use crate::media::Area;
use crate::signal::SignalQuality;

/// Fewest pieces that an optimisation makes sense with.
const LEAST_PIECES: u32 = 32;
/// Partitions that calibration and pieces need at the least.
const LEAST_PARTITIONS: u32 = 6;
/// Partitions kept back for the calibration of the result.
const LAST_PARTITIONS: u32 = 3;
/// Largest share of runs with a wrong length: half the sum of the differences between the
/// histograms of what was written and what was read.
const WRONG_RUNS: f64 = 0.2;
/// Iterations without a gain after which one more is in vain.
const PATIENCE: u32 = 3;
/// Jitter by which a strategy must be better to be kept, percent of T: the noise of a
/// piece's jitter.
pub(super) const GAIN: f64 = 0.03;
/// Asymmetry off its goal from which on the power follows, and from which on the slope is
/// no longer trusted.
pub(super) const BETA_OFF: (f64, f64) = (0.01, 0.15);
/// Asymmetry off its goal up to which a strategy can be the best: with another power its
/// jitter isn't the one that it will have.
const BETA_NEAR: f64 = 0.015;
/// Jitter by which the result may be worse at its calibrated power than it was before, percent of T,
/// and iterations that put it right.
const WORSE: f64 = 0.2;
const LAST_ITERATIONS: u32 = 3;
/// Share of the start's jitter below which the sensitivities are probed once more.
const FAR: f64 = 0.7;
/// Steps by which a probe moves the entries of a group.
pub(super) const PROBE: f64 = 3.0;
/// The groups, for people.
pub(super) const GROUP_NAMES: [&str; GROUPS] =
    ["starts of 3T", "starts of 4T", "starts of 5T and longer", "ends of 3T", "ends of 4T", "ends of 5T and longer"];

/// An optimisation under way.
pub(super) struct Run {
    pub(super) layer: usize,
    pub(super) area: Area,
    pub(super) options: OptimiseOptions,
    pub(super) partition: Option<Partition>,
    pub(super) hold: Option<Hold>,
    pub(super) corrector: Corrector,
    pub(super) result: StrategyResult,
    pub(super) best: usize,
}

impl Session<'_> {
    /// Finds a write strategy for a layer by measuring on its test area, starting from the
    /// layer's own or another one. It isn't put to use: put it into
    /// [`Options::strategies`](super::Options::strategies) or call
    /// [`use_strategy`](Self::use_strategy).
    ///
    /// # Errors
    /// [`Problem::Strategy`] where the signal is too bad to begin with, the test area too
    /// small, or the start beyond the limits of the lasers; those of
    /// [`calibrate`](Self::calibrate).
    pub fn optimise_strategy(
        &mut self,
        layer: usize,
        options: &OptimiseOptions,
    ) -> Result<StrategyResult, RecordError> {
        self.layer = Some(layer);
        self.address = None;
        self.written = None;
        let result =
            self.step(Stage::Optimise, u64::from(options.most_pieces), |s| s.do_optimise(layer, options.clone()));
        // Test pieces are nobody's data.
        self.written = None;
        result
    }

    /// Writes a layer with this strategy from now on, instead of the medium's.
    pub fn use_strategy(&mut self, layer: usize, strategy: WriteStrategy) {
        self.options.strategies.insert(layer, strategy);
    }

    /// Writes a piece of four sectors in the test area with each strategy and measures it;
    /// for searches of one's own. Where a piece can't be measured, its place says why. A
    /// piece with the layer's own strategy goes before each fifteen.
    ///
    /// # Errors
    /// [`Problem::Strategy`] for one that is beyond the limits of the lasers,
    /// [`Problem::TestAreaFull`], those of writing and reading, or the bench's own.
    pub fn try_strategies(
        &mut self,
        layer: usize,
        strategies: &[WriteStrategy],
    ) -> Result<Vec<Result<StrategyIteration, String>>, RecordError> {
        self.layer = Some(layer);
        self.written = None;
        let found = self.step(Stage::Optimise, strategies.len() as u64, |s| {
            strategies.iter().try_for_each(|one| s.writable(one))?;
            let own = s.strategy(layer)?;
            let mut found = Vec::new();
            let mut rest = strategies;
            while !rest.is_empty() {
                let mut partition = s.partition(layer)?;
                // What leaves no marks would hide that the partition is used.
                s.write_piece(layer, &mut partition, &own)?;
                let (now, later) = rest.split_at(rest.len().min(partition.left() as usize));
                rest = later;
                for strategy in now {
                    let piece = s.write_piece(layer, &mut partition, strategy)?;
                    found.push(s.measured(*strategy, &piece, "trial".into())?);
                    s.observer.progress(Stage::Optimise, found.len() as u64);
                }
            }
            Ok(found)
        });
        self.written = None;
        found
    }

    fn do_optimise(&mut self, layer: usize, options: OptimiseOptions) -> Result<StrategyResult, Problem> {
        let mut start = match options.from {
            Some(strategy) => strategy,
            None => self.strategy(layer)?,
        };
        start.peak = Microwatts(self.applicable(f64::from(start.peak.0)));
        self.writable(&start)?;
        let mut run = self.begin_run(layer, options, start)?;
        if let Err(fault) = self.hold_power(&mut run, &mut start)? {
            self.observer.note(&format!("the start strategy gives no power yet ({fault}); going on at its own"));
        }
        self.attempt(&mut run, start, "start".into())?
            .map_err(|why| StrategyFault::Hopeless { why: format!("{why} at {}", start.peak) })?;
        self.probe_groups(&mut run, 0)?;
        let best = run.best;
        let most = run.options.most_iterations;
        let mut ended = self.align(&mut run, best, most)?;
        if matches!(ended, Ended::Converged | Ended::NoGain)
            && run.best().jitter_percent < FAR * run.result.iterations[0].jitter_percent
        {
            // Pulses that ran together may stand apart by now, and S with them.
            let best = run.best;
            self.probe_groups(&mut run, best)?;
            let best = run.best;
            ended = self.align(&mut run, best, most)?;
        }
        if run.hold.is_none() {
            ended = self.find_power(&mut run, ended)?;
        }
        if run.options.widths && matches!(ended, Ended::Converged | Ended::NoGain) {
            ended = self.widths(&mut run)?.unwrap_or(ended);
        }
        self.conclude(run, ended)
    }

    /// Looks whether the test area is large enough.
    fn begin_run(&mut self, layer: usize, mut options: OptimiseOptions, start: WriteStrategy) -> Result<Run, Problem> {
        let area = self.layout(layer)?.test;
        options.most_pieces = options.most_pieces.max(LEAST_PIECES);
        let first = self.free_block(layer, area, PARTITION)?;
        let left = (area.last + 1).saturating_sub(first) / PARTITION;
        let needed = LEAST_PARTITIONS + options.keep_partitions;
        if left < needed {
            return Err(StrategyFault::TestArea { area, left, needed, kept: options.keep_partitions }.into());
        }
        let result = StrategyResult {
            layer,
            before: start,
            strategy: start,
            jitter_before_percent: f64::NAN,
            jitter_percent: f64::NAN,
            shifts: crate::signal::ClassShifts::default(),
            sensitivity: [1.0; GROUPS],
            iterations: Vec::new(),
            calibrations: Vec::new(),
            pieces: 0,
            first,
            last: first,
            ended: Ended::NoGain,
        };
        let corrector = Corrector::new(table(&start));
        Ok(Run { layer, area, options, partition: None, hold: None, corrector, result, best: 0 })
    }

    /// Whether the lasers can write with a strategy.
    fn writable(&self, strategy: &WriteStrategy) -> Result<(), Problem> {
        let spec = self.bench.lasers.spec();
        let Some(source) = spec.sources.get(usize::from(self.source.0)) else {
            return Err(Problem::Unsupported("it has no laser to write with".into()));
        };
        let most = source.write_max.min(spec.total_max);
        let wrong = if strategy.peak > most {
            format!("its peak is {}, and the source gives {most}", strategy.peak)
        } else if strategy.bias > source.read_max {
            format!("its bias is {}, and the source gives {} between pulses", strategy.bias, source.read_max)
        } else if strategy.peak <= strategy.bias {
            format!("its peak of {} is not above its bias of {}", strategy.peak, strategy.bias)
        } else if strategy.top.contains(&0) {
            format!("its first pulses {:?} have one of no width", strategy.top)
        } else {
            return Ok(());
        };
        Err(StrategyFault::Limits { wrong }.into())
    }

    /// Writes and measures a strategy; `Err` inside where its signal is too bad.
    pub(super) fn attempt(
        &mut self,
        run: &mut Run,
        strategy: WriteStrategy,
        change: String,
    ) -> Result<Result<(), String>, Problem> {
        let mut partition = match run.partition.take() {
            Some(partition) if partition.left() > 0 => partition,
            _ => self.partition(run.layer)?,
        };
        run.result.last = run.result.last.max(partition.last());
        let piece = self.write_piece(run.layer, &mut partition, &strategy)?;
        run.partition = Some(partition);
        run.result.pieces += 1;
        let measured = self.measured(strategy, &piece, change)?;
        self.observer.progress(Stage::Optimise, u64::from(run.result.pieces));
        match measured {
            Ok(iteration) => {
                self.observer.note(&format!(
                    "{}: jitter {:.2} %, {:.2} % within the classes, {:.2} mW",
                    iteration.change,
                    iteration.jitter_percent,
                    iteration.within_percent,
                    f64::from(iteration.strategy.peak.0) * 1e-3
                ));
                run.result.iterations.push(iteration);
                run.keep_better();
                Ok(Ok(()))
            }
            Err(why) => {
                self.observer.note(&why);
                Ok(Err(why))
            }
        }
    }

    fn measured(
        &mut self,
        strategy: WriteStrategy,
        piece: &Piece,
        change: String,
    ) -> Result<Result<StrategyIteration, String>, Problem> {
        let rf = self.rf()?;
        let quality = match self.read_piece(&rf, piece.first)? {
            Reading::Signal(quality) => quality,
            Reading::Nothing(why) => return Ok(Err(why)),
        };
        let wrong = wrong_runs(&quality, &piece.runs);
        if wrong > WRONG_RUNS {
            return Ok(Err(format!("{:.0} % of the runs come back with another length", 100.0 * wrong)));
        }
        let Some(jitter_percent) = quality.timing.jitter.total_percent else {
            return Ok(Err("too few edges for a jitter".into()));
        };
        let classes = quality.timing.classes;
        let rms = rms_shift_t(&classes);
        Ok(Ok(StrategyIteration {
            change,
            strategy,
            first: piece.first.0,
            jitter_percent,
            within_percent: (jitter_percent.powi(2) - (100.0 * rms).powi(2)).max(0.0).sqrt(),
            rms_shift_t: rms,
            beta: quality.levels.beta,
            shifts: classes,
            kept: false,
        }))
    }

    /// Finds how the edges follow the table, around an iteration that was measured.
    fn probe_groups(&mut self, run: &mut Run, from: usize) -> Result<(), Problem> {
        let base = run.result.iterations[from].clone();
        let before = shifts(&base.shifts);
        for group in 0..GROUPS {
            if self.spent(run).is_some() {
                return Ok(());
            }
            // The way in which the group has to go, so that the probe may be a gain itself.
            let late: f64 = before[3 * group..3 * group + 3].iter().filter_map(|s| s.0).sum();
            let by = if late > 0.0 { -PROBE } else { PROBE };
            let trial = with_table(base.strategy, &probe(&table(&base.strategy), group, by));
            if self.attempt(run, trial, format!("probe of {}", GROUP_NAMES[group]))?.is_ok() {
                let after = run.result.iterations.last().map(|i| shifts(&i.shifts));
                run.corrector.probed(group, by, &before, &after.unwrap_or(before));
            }
        }
        Ok(())
    }

    /// Corrects the table, beginning with an iteration that was measured. A correction that
    /// made it worse is taken back, and half of it is tried.
    pub(super) fn align(&mut self, run: &mut Run, from: usize, most: u32) -> Result<Ended, Problem> {
        let (mut at, mut failed) = (from, None);
        let (mut damping, mut stale) = (run.options.damping.clamp(0.1, 1.0), 0);
        for _ in 0..most.max(1) {
            let now = run.result.iterations[at].clone();
            let before = shifts(&now.shifts);
            let next = run.corrector.next(&table(&now.strategy), &before, damping);
            let peak = self.followed(run.hold, &now);
            if next.is_none() && peak == now.strategy.peak {
                return Ok(Ended::Converged);
            }
            if stale >= PATIENCE {
                return Ok(Ended::NoGain);
            }
            if let Some(stop) = self.spent(run) {
                return Ok(stop);
            }
            let changed = if next.is_some() { "edges" } else { "power" };
            let mut trial = next.map_or(now.strategy, |n| with_table(now.strategy, &n)).with_peak(peak);
            if failed == Some(trial) {
                return Ok(Ended::Converged);
            }
            failed = Some(trial);
            let off = now.beta.zip(run.hold).is_some_and(|(beta, hold)| (beta - hold.beta).abs() > BETA_OFF.1);
            if off {
                // The old power stays where there is no better one.
                let _kept = self.hold_power(run, &mut trial)?;
            }
            let tried = self.attempt(run, trial, changed.into())?;
            let newest = run.result.iterations.len() - 1;
            if tried.is_err() {
                (damping, stale) = (0.5 * damping, stale + 1);
                continue;
            }
            let after = &run.result.iterations[newest];
            run.corrector.followed(&difference(&table(&trial), &table(&now.strategy)), &before, &shifts(&after.shifts));
            if after.jitter_percent < now.jitter_percent - GAIN {
                (at, stale) = (newest, 0);
            } else {
                (damping, stale) = (0.5 * damping, stale + 1);
            }
        }
        Ok(Ended::NoGain)
    }

    /// Why no further piece is to be written.
    pub(super) fn spent(&self, run: &Run) -> Option<Ended> {
        let steps = self.options.calibration_steps as u32;
        if run.result.pieces + steps + 2 >= run.options.most_pieces {
            return Some(Ended::Pieces);
        }
        let left = (run.area.last + 1).saturating_sub(run.result.last + 1) / PARTITION;
        (left <= run.options.keep_partitions + LAST_PARTITIONS).then_some(Ended::TestArea)
    }

    /// Calibrates the best strategy and measures it on a piece of its own.
    fn conclude(&mut self, mut run: Run, mut ended: Ended) -> Result<StrategyResult, Problem> {
        let (first, mut strategy) = (run.result.iterations[0].clone(), run.best().strategy);
        if strategy != first.strategy {
            // It has a power already, at the right beta: what it was measured with.
            if let Err(fault) = self.hold_power(&mut run, &mut strategy)? {
                self.observer.note(&format!("the result keeps its power of {}: {fault}", strategy.peak));
            }
        }
        self.attempt(&mut run, strategy, "result".into())?.map_err(|why| StrategyFault::Hopeless { why })?;
        let result = run.result.iterations.len() - 1;
        if run.result.iterations[result].jitter_percent > run.best().jitter_percent + WORSE {
            // The table was right at another power than this one.
            run.best = result;
            self.align(&mut run, result, LAST_ITERATIONS)?;
        }
        let after = &run.result.iterations[result..];
        let last = after.iter().min_by(|a, b| a.jitter_percent.total_cmp(&b.jitter_percent));
        let last = last.cloned().unwrap_or_else(|| first.clone());
        run.result.jitter_before_percent = first.jitter_percent;
        run.result.before = first.strategy;
        let better = last.jitter_percent <= first.jitter_percent;
        if !better {
            ended = Ended::NoGain;
        }
        let chosen = if better { last } else { first };
        run.result.strategy = chosen.strategy;
        run.result.jitter_percent = chosen.jitter_percent;
        run.result.shifts = chosen.shifts;
        run.result.ended = ended;
        run.result.sensitivity = run.corrector.sensitivity();
        Ok(run.result)
    }
}

impl Run {
    pub(super) fn best(&self) -> &StrategyIteration {
        &self.result.iterations[self.best]
    }

    /// Makes the last iteration the best one if it is.
    fn keep_better(&mut self) {
        let last = self.result.iterations.len() - 1;
        let best = self.best().jitter_percent;
        let newest = &mut self.result.iterations[last];
        let near = newest.beta.zip(self.hold).is_none_or(|(beta, hold)| (beta - hold.beta).abs() < BETA_NEAR);
        newest.kept = last == 0 || (near && newest.jitter_percent < best - GAIN);
        if newest.kept {
            self.best = last;
        }
    }
}

/// Share of the runs that came back with another length.
fn wrong_runs(quality: &SignalQuality, written: &[u64; 16]) -> f64 {
    let mut read = [0u64; 16];
    let (marks, spaces) = (&quality.timing.marks, &quality.timing.spaces);
    for line in marks.lines.iter().chain(&spaces.lines) {
        if let Some(count) = read.get_mut(usize::from(line.length)) {
            *count += line.count;
        }
    }
    // Whatever is outside of 3T to 14T was never written.
    read[0] += marks.outside + spaces.outside;
    let share = |counts: &[u64; 16]| {
        let all = counts.iter().sum::<u64>().max(1) as f64;
        counts.map(|n| n as f64 / all)
    };
    0.5 * share(written).iter().zip(share(&read)).map(|(a, b)| (a - b).abs()).sum::<f64>()
}
