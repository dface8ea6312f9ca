//! The power of a strategy that is being optimised: found by calibration, held by beta.

use super::edges::{table, with_table};
use super::error::Stage;
use super::fit::parabola;
use super::optimise::{BETA_OFF, Run};
use super::optimised::{Ended, StrategyIteration};
use super::pieces::PARTITION;
use super::problem::{CalibrationFault, Problem, StrategyFault};
use super::session::Session;
use super::summary::Calibration;
use crate::hal::{Microwatts, WriteStrategy};

/// Most that the power follows at a time.
const POWER_STEP: f64 = 0.08;
/// How often the pulses are made longer or shorter for want of a power.
const APPROACHES: u32 = 2;
/// Asymmetry that it makes if all marks end a step later: a share of 1/32 T in a run of 4.5 T, twice because the
/// space beside it is as much shorter.
const BETA_PER_STEP: f64 = 2.0 / (32.0 * 4.5);
/// Most steps by which marks become longer or shorter at a time.
const LONGER: f64 = 8.0;

/// Where the power is held: beta at the calibrated power, and its slope.
#[derive(Debug, Clone, Copy)]
pub(super) struct Hold {
    pub(super) beta: f64,
    per_uw: f64,
}

impl Session<'_> {
    /// Calibrates a strategy, gives it its power, and remembers what holds it there.
    pub(super) fn hold_power(
        &mut self,
        run: &mut Run,
        strategy: &mut WriteStrategy,
    ) -> Result<Result<(), CalibrationFault>, Problem> {
        run.partition = None;
        let calibration = match self.do_calibrate(run.layer, strategy) {
            Ok(calibration) => calibration,
            // What more pieces or a better table can't change.
            Err(
                fault @ Problem::Calibration(
                    CalibrationFault::NoTarget { .. }
                    | CalibrationFault::NotApplicable { .. }
                    | CalibrationFault::Power { .. },
                ),
            ) => return Err(fault),
            Err(Problem::Calibration(fault)) => {
                let after = self.free_block(run.layer, run.area, PARTITION)?;
                run.result.pieces += 2 * self.options.calibration_steps as u32;
                run.result.last = run.result.last.max(after.saturating_sub(1));
                return Ok(Err(fault));
            }
            Err(problem) => return Err(problem),
        };
        strategy.peak = Microwatts(calibration.optimum_uw);
        run.hold = hold(&calibration);
        run.result.pieces += calibration.points.len() as u32;
        run.result.last = run.result.last.max(calibration.last);
        run.result.calibrations.push(calibration);
        self.observer.progress(Stage::Optimise, u64::from(run.result.pieces));
        Ok(Ok(()))
    }

    /// Gives a power to what had none to begin with, once its table is right. Where the target is
    /// beyond the powers that can be read, the pulses are as much too long or too short: power makes
    /// marks longer as well, but what writes 3T marks at all isn't free to be less.
    pub(super) fn find_power(&mut self, run: &mut Run, mut ended: Ended) -> Result<Ended, Problem> {
        let most = run.options.most_iterations;
        for approach in 0..=APPROACHES {
            if let Some(stop) = self.spent(run) {
                return Ok(stop);
            }
            let best = run.best().clone();
            let mut strategy = best.strategy;
            let found = match self.hold_power(run, &mut strategy)? {
                Ok(()) => true,
                Err(CalibrationFault::OutsideRange { what: "beta", target, .. }) if approach < APPROACHES => {
                    let off = (target - best.beta.unwrap_or(target)) / BETA_PER_STEP;
                    let entries = run.corrector.later_ends(&table(&strategy), off.clamp(-LONGER, LONGER));
                    strategy = with_table(strategy, &entries);
                    false
                }
                Err(fault) => return Err(StrategyFault::Hopeless { why: fault.to_string() }.into()),
            };
            if self.attempt(run, strategy, if found { "power" } else { "lengths" }.into())?.is_ok() {
                run.best = run.result.iterations.len() - 1;
                let best = run.best;
                ended = self.align(run, best, most)?;
            }
            if found {
                break;
            }
        }
        Ok(ended)
    }

    /// The power that brings beta back to where it is held.
    pub(super) fn followed(&self, hold: Option<Hold>, now: &StrategyIteration) -> Microwatts {
        let peak = now.strategy.peak;
        let Some((hold, beta)) = hold.zip(now.beta) else { return peak };
        let off = beta - hold.beta;
        if off.abs() < BETA_OFF.0 {
            return peak;
        }
        let most = POWER_STEP * f64::from(peak.0);
        let change = (-off / hold.per_uw).clamp(-most, most);
        let followed = Microwatts(self.applicable(f64::from(peak.0) + change));
        if followed > now.strategy.bias { followed } else { peak }
    }
}

/// Where a calibration holds beta.
fn hold(calibration: &Calibration) -> Option<Hold> {
    let points: Vec<(f64, f64)> =
        calibration.points.iter().filter(|p| p.used).filter_map(|p| Some((p.power_uw.into(), p.beta?))).collect();
    let fit = parabola(&points)?;
    let power = f64::from(calibration.optimum_uw);
    let per_uw = (fit.at(power * 1.01) - fit.at(power * 0.99)) / (0.02 * power);
    // A power that beta hardly follows is held by no beta.
    (per_uw.abs() * power > 0.05).then(|| Hold { beta: fit.at(power), per_uw })
}
