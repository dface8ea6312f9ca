//! Optimum power control.
//!
//! Pieces of random data are written in the test area, each at another peak
//! power, and read back. What is measured on them (the asymmetry beta, or the
//! modulation) goes into a least-squares fit, which meets the medium's target at
//! the optimum: see [`CalibrationMethod`](super::CalibrationMethod). The first piece
//! of a partition is written at the nominal power, so that it leaves marks.

use super::error::{RecordError, Stage};
use super::fit::LEAST_POINTS;
use super::methods::Goal;
use super::pieces::Partition;
use super::problem::{CalibrationFault, Problem};
use super::session::Session;
use super::summary::{Calibration, CalibrationPoint};
use crate::hal::{Microwatts, WriteStrategy};

/// Most pieces in a partition that are used; the rest is a gap to the next.
const MOST_STEPS: usize = 13;
/// Partitions that one calibration may use: the second where the first didn't
/// reach the target.
const ROUNDS: u32 = 2;

impl Session<'_> {
    /// Finds the peak power of a layer by the method of the
    /// [`Options`](super::Options), with the layer's strategy.
    ///
    /// # Errors
    /// [`Problem::TestAreaFull`], [`Problem::Calibration`], those of writing
    /// and reading, or the bench's own.
    pub fn calibrate(&mut self, layer: usize) -> Result<Calibration, RecordError> {
        self.layer = Some(layer);
        self.address = None;
        self.written = None;
        let steps = self.steps() as u64;
        let result = self.step(Stage::Calibrate, 2 * steps, |s| {
            let strategy = s.strategy(layer)?;
            s.do_calibrate(layer, &strategy)
        });
        // Test pieces are nobody's data.
        self.written = None;
        result
    }

    /// How a layer is written: the strategy of the [`Options`](super::Options), else
    /// that of the medium.
    pub(super) fn strategy(&self, layer: usize) -> Result<WriteStrategy, Problem> {
        self.layout(layer)?;
        Ok(self.options.strategies.get(&layer).copied().unwrap_or(self.medium.layers[layer].write.strategy))
    }

    fn steps(&self) -> usize {
        self.options.calibration_steps.clamp(LEAST_POINTS, MOST_STEPS)
    }

    /// Calibrates a strategy, around its own peak power.
    pub(super) fn do_calibrate(&mut self, layer: usize, strategy: &WriteStrategy) -> Result<Calibration, Problem> {
        let area = self.layout(layer)?.test;
        let options = &self.options;
        let write = self.medium.layers[layer].write;
        let goal = Goal::new(options.calibration, &write, layer, options.calibration_rms)?;
        let mut centre = goal.centre(f64::from(strategy.peak.0));
        let mut points: Vec<CalibrationPoint> = Vec::new();
        let mut used = (u32::MAX, 0);
        for round in 1..=ROUNDS {
            let powers = self.powers(centre)?;
            let mut partition = self.partition(layer)?;
            used = (used.0.min(partition.first), partition.last());
            points.extend(self.calibration_points(layer, &mut partition, strategy, &goal, &powers)?);
            points.sort_by_key(|p| p.power_uw);
            let solved = goal.solve(&mut points);
            if solved.is_err()
                && let Some(fault) = goal.saturated(&points)
            {
                return Err(fault.into());
            }
            match solved {
                Ok(solved) => {
                    let optimum_uw = self.applicable(solved.power_uw);
                    let (first, last) = used;
                    let (method, target, reference_uw) = (goal.method(), goal.target(), solved.reference_uw);
                    let fit = solved.fit;
                    return Ok(Calibration {
                        layer,
                        first,
                        last,
                        points,
                        fit,
                        method,
                        target,
                        reference_uw,
                        optimum_uw,
                    });
                }
                Err(CalibrationFault::OutsideRange { what, target, from_uw, to_uw, low, high }) if round < ROUNDS => {
                    // Beta rises with power as a rule; gamma falls, and P/P_thr rises.
                    let rising = match what {
                        "gamma" => false,
                        "beta" => points.iter().rfind(|p| p.used).and_then(|p| p.beta) >= Some(0.5 * (low + high)),
                        _ => true,
                    };
                    let up = (target > high) == rising;
                    centre = f64::from(if up { to_uw } else { from_uw });
                    self.observer.note(&format!(
                        "{what} {target:.3} is not between {low:.3} and {high:.3}; trying powers around {centre:.0} uW"
                    ));
                }
                Err(fault) => return Err(fault.into()),
            }
        }
        Err(Problem::TestAreaFull { area })
    }

    /// Steps around a power, the one nearest to it first, the others rising.
    fn powers(&self, centre: f64) -> Result<Vec<Microwatts>, Problem> {
        let steps = self.steps();
        let span = self.options.calibration_span.clamp(0.02, 0.9);
        let most = self.bench.lasers.spec().sources.get(usize::from(self.source.0)).map_or(0, |s| s.write_max.0);
        let mut powers: Vec<u32> = (0..steps)
            .map(|i| centre * (1.0 - span + 2.0 * span * i as f64 / (steps - 1) as f64))
            .map(|p| self.applicable(p))
            .filter(|&p| p > 0)
            .collect();
        powers.dedup();
        if powers.len() < LEAST_POINTS {
            return Err(CalibrationFault::Power { wanted_uw: centre as u32, max_uw: most }.into());
        }
        let nominal = (0..powers.len()).min_by_key(|&i| powers[i].abs_diff(centre as u32)).unwrap_or(0);
        let nominal = powers.remove(nominal);
        powers.insert(0, nominal);
        Ok(powers.into_iter().map(Microwatts).collect())
    }

    /// The nearest power that the source can give.
    pub(super) fn applicable(&self, power: f64) -> u32 {
        let spec = self.bench.lasers.spec();
        let Some(source) = spec.sources.get(usize::from(self.source.0)) else { return 0 };
        let (step, most) = (f64::from(source.step.0.max(1)), source.write_max.min(spec.total_max).0);
        let stepped = (power.max(0.0) / step).round() * step;
        if stepped > f64::from(most) { most - most % source.step.0.max(1) } else { stepped as u32 }
    }

    /// Writes a piece at each power, then reads them.
    fn calibration_points(
        &mut self,
        layer: usize,
        partition: &mut Partition,
        strategy: &WriteStrategy,
        goal: &Goal,
        powers: &[Microwatts],
    ) -> Result<Vec<CalibrationPoint>, Problem> {
        let mut pieces = Vec::new();
        for (i, &power) in powers.iter().enumerate() {
            pieces.push((power, self.write_piece(layer, partition, &strategy.with_peak(power))?.first));
            self.observer.progress(Stage::Calibrate, i as u64 + 1);
        }
        let rf = self.rf()?;
        let mut points = Vec::new();
        for (i, (power, first)) in pieces.into_iter().enumerate() {
            let reading = self.read_piece(&rf, first)?;
            points.push(CalibrationPoint::of(power, first, reading, |p| goal.value(p)));
            self.observer.progress(Stage::Calibrate, (powers.len() + i) as u64 + 1);
        }
        Ok(points)
    }
}
