//! The three ways from measured pieces to a write power.
//!
//! - Beta: the power at which the asymmetry has its target, on a parabola through beta.
//! - Gamma: with m(P) = I14/I14H and gamma = (P/m) dm/dP, which falls as the modulation
//!   saturates, P_target is where gamma has its target on a parabola through m P (which
//!   holds the straight line of kappa as a special case), and the write power is
//!   rho P_target.
//! - Kappa: m P against P is the straight line m_max (P - P_thr), and the write power is
//!   kappa rho P_thr.
//!
//! Gamma and kappa know nothing of the length of marks: they suit media whose targets
//! were set at the same optimum as beta. Sources: the disc information of the DVD+R and
//! DVD+RW families for gamma and rho, that of BD for kappa; US6560190 and US8472293 for
//! the shapes of m(P).

use core::fmt;

use serde::Serialize;

use super::fit::{LEAST_POINTS, line, optimum, parabola};
use super::problem::CalibrationFault;
use super::summary::{CalibrationPoint, Fit};
use crate::media::{GammaTarget, KappaTarget, Medium, Recommendation};

/// Greatest r.m.s. residual of m P from its curve, as a share of its mean.
const MODULATION_RMS: f64 = 0.01;

/// By which measure a write power is found; see [`Options`](super::Options).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum CalibrationMethod {
    /// Asymmetry of the a.c. coupled signal.
    #[default]
    Beta,
    /// Logarithmic slope of the modulation.
    Gamma,
    /// Threshold of the straight line through modulation times power.
    Kappa,
}

impl fmt::Display for CalibrationMethod {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Beta => "beta",
            Self::Gamma => "gamma",
            Self::Kappa => "kappa",
        })
    }
}

impl CalibrationMethod {
    /// Whether a medium has what the method aims at on a layer: to be asked before there is light.
    ///
    /// # Errors
    /// [`CalibrationFault::NoTarget`]; a layer that isn't there has no target to miss.
    pub fn check_target(self, medium: &Medium, layer: usize) -> Result<(), CalibrationFault> {
        match medium.layers.get(layer) {
            // The scatter that is allowed has no part in this.
            Some(l) => Goal::new(self, &l.write, layer, 0.0).map(|_| ()),
            None => Ok(()),
        }
    }
}

/// A method with its target.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Goal {
    Beta { target: f64, rms: f64 },
    Gamma(GammaTarget),
    Kappa(KappaTarget),
}

/// What a calibration found.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Solved {
    pub(super) fit: Fit,
    /// P_target of gamma, P_thr of kappa, microwatts.
    pub(super) reference_uw: Option<f64>,
    pub(super) power_uw: f64,
}

impl Goal {
    /// The goal of a method on a layer.
    ///
    /// # Errors
    /// [`CalibrationFault::NoTarget`].
    pub(super) fn new(
        method: CalibrationMethod,
        write: &Recommendation,
        layer: usize,
        rms: f64,
    ) -> Result<Self, CalibrationFault> {
        let missing = |key| CalibrationFault::NoTarget { method, layer, key };
        Ok(match method {
            CalibrationMethod::Beta => Self::Beta { target: write.beta, rms },
            CalibrationMethod::Gamma => {
                Self::Gamma(write.gamma.ok_or_else(|| missing("gamma = { target = 0.8, rho = 1.2 }"))?)
            }
            CalibrationMethod::Kappa => {
                Self::Kappa(write.kappa.ok_or_else(|| missing("kappa = { kappa = 1.5, rho = 1.1 }"))?)
            }
        })
    }

    pub(super) fn method(&self) -> CalibrationMethod {
        match self {
            Self::Beta { .. } => CalibrationMethod::Beta,
            Self::Gamma(_) => CalibrationMethod::Gamma,
            Self::Kappa(_) => CalibrationMethod::Kappa,
        }
    }

    /// The value aimed at.
    pub(super) fn target(&self) -> f64 {
        match self {
            Self::Beta { target, .. } => *target,
            Self::Gamma(g) => g.target,
            Self::Kappa(k) => k.kappa,
        }
    }

    /// Around which power to write: gamma and kappa look below the write power.
    pub(super) fn centre(&self, nominal_uw: f64) -> f64 {
        match self {
            Self::Beta { .. } => nominal_uw,
            Self::Gamma(GammaTarget { rho, .. }) | Self::Kappa(KappaTarget { rho, .. }) => nominal_uw / rho,
        }
    }

    /// What of a piece goes into the fit: beta, or m P in milliwatts.
    pub(super) fn value(&self, point: &CalibrationPoint) -> Option<f64> {
        match self {
            Self::Beta { .. } => point.beta,
            Self::Gamma(_) | Self::Kappa(_) => point.modulation.map(|m| m * f64::from(point.power_uw) * 1e-3),
        }
    }

    /// Fits the points and solves for the target. Where the curve turns round or fits
    /// badly, points at the ends go, one by one: far from the target no method needs one
    /// curve.
    pub(super) fn solve(&self, points: &mut [CalibrationPoint]) -> Result<Solved, CalibrationFault> {
        loop {
            let used: Vec<(f64, f64)> = points
                .iter()
                .filter(|p| p.used)
                .filter_map(|p| Some((f64::from(p.power_uw), self.value(p)?)))
                .collect();
            let too_few =
                CalibrationFault::TooFewPoints { usable: used.len(), written: points.len(), needed: LEAST_POINTS };
            if used.len() < LEAST_POINTS {
                return Err(too_few);
            }
            let fault = match self.solve_once(&used).ok_or(too_few)? {
                Ok(solved) => return Ok(solved),
                Err(fault) if used.len() == LEAST_POINTS => return Err(self.fits_not(fault)),
                Err(fault) => fault,
            };
            if !matches!(fault, CalibrationFault::NotMonotone { .. } | CalibrationFault::Scatter { .. }) {
                return Err(fault);
            }
            let ends = [points.iter().position(|p| p.used), points.iter().rposition(|p| p.used)];
            let jitter = |end: usize| ends.get(end).copied().flatten().and_then(|i| points.get(i)?.jitter_percent);
            let worse = match (self, jitter(0), jitter(1)) {
                // Far from its optimum a recording is a bad one, whatever its beta.
                (Self::Beta { .. }, Some(first), Some(last)) => usize::from(last >= first),
                _ => usize::from(self.last_is_worse(&used)),
            };
            if let Some(point) = ends.get(worse).copied().flatten().and_then(|i| points.get_mut(i)) {
                point.used = false;
                point.note = "left out: too far from the target for one curve".into();
            }
        }
    }

    /// Whether the modulation hardly rises any more over the points, so that no power has
    /// the gamma that is looked for: a dye whose marks are as wide as they get.
    pub(super) fn saturated(&self, points: &[CalibrationPoint]) -> Option<CalibrationFault> {
        let wanted = match self {
            Self::Beta { .. } => return None,
            Self::Gamma(goal) => goal.target,
            // On the straight line gamma is P_thr / (P - P_thr).
            Self::Kappa(goal) => 1.0 / (goal.kappa - 1.0),
        };
        let mut readable = points.iter().filter_map(|p| Some((f64::from(p.power_uw), p.modulation?)));
        let (first, last) = (readable.next()?, readable.next_back()?);
        let gamma = (last.1 / first.1).ln() / (last.0 / first.0).ln();
        (gamma < (0.4 * wanted).min(0.25)).then(|| CalibrationFault::NotApplicable {
            method: self.method(),
            why: format!(
                "its modulation is saturated, {:.3} at {:.0} uW and {:.3} at {:.0} uW, a mean gamma of {gamma:.2} where \
                 {wanted:.2} is looked for",
                first.1, first.0, last.1, last.0
            ),
        })
    }

    /// None where the points determine no curve.
    fn solve_once(&self, used: &[(f64, f64)]) -> Option<Result<Solved, CalibrationFault>> {
        match *self {
            Self::Beta { target, rms } => {
                let fit = parabola(used)?;
                let found = optimum(&fit, used, target, rms);
                Some(found.map(|power_uw| Solved { fit, reference_uw: None, power_uw }))
            }
            Self::Gamma(goal) => {
                let fit = parabola(used)?;
                Some(gamma(&fit, used, goal.target).map(|p| Solved {
                    fit,
                    reference_uw: Some(p),
                    power_uw: goal.rho * p,
                }))
            }
            Self::Kappa(goal) => {
                let fit = line(used)?;
                Some(threshold(&fit, used, goal).map(|p| Solved {
                    fit,
                    reference_uw: Some(p),
                    power_uw: goal.kappa * goal.rho * p,
                }))
            }
        }
    }

    /// Which end to leave out.
    fn last_is_worse(&self, used: &[(f64, f64)]) -> bool {
        let (Some((first, rest)), Some((last, front))) = (used.split_first(), used.split_last()) else { return true };
        let (without_first, without_last) = match self {
            // Far from the target beta needs no parabola.
            Self::Beta { target, .. } => return (last.1 - target).abs() >= (first.1 - target).abs(),
            Self::Gamma(_) => (parabola(rest), parabola(front)),
            Self::Kappa(_) => (line(rest), line(front)),
        };
        let rms = |fit: Option<Fit>| fit.map_or(f64::INFINITY, |f| f.rms);
        rms(without_last) <= rms(without_first)
    }

    /// What a fault that no choice of points removes says of the medium.
    fn fits_not(&self, fault: CalibrationFault) -> CalibrationFault {
        match (self, fault) {
            (Self::Gamma(_) | Self::Kappa(_), CalibrationFault::NotMonotone { at_uw, .. }) => {
                CalibrationFault::NotApplicable {
                    method: self.method(),
                    why: format!("its modulation no longer rises as this method supposes, from {at_uw:.0} uW on"),
                }
            }
            (Self::Kappa(_), CalibrationFault::Scatter { rms, limit }) => CalibrationFault::NotApplicable {
                method: self.method(),
                why: format!(
                    "modulation times power is no straight line ({:.1} % r.m.s. off, {:.1} % allowed)",
                    100.0 * rms,
                    100.0 * limit
                ),
            },
            (_, fault) => fault,
        }
    }
}

/// Residuals as a share of the mean value.
fn relative(fit: &Fit, used: &[(f64, f64)]) -> f64 {
    let mean = used.iter().map(|p| p.1).sum::<f64>() / used.len().max(1) as f64;
    if mean > 0.0 { fit.rms / mean } else { f64::INFINITY }
}

/// The power at which the fitted modulation has that gamma.
fn gamma(fit: &Fit, used: &[(f64, f64)], target: f64) -> Result<f64, CalibrationFault> {
    let [c0, c1, c2] = fit.coefficients;
    let rms = relative(fit, used);
    if rms > MODULATION_RMS {
        return Err(CalibrationFault::Scatter { rms, limit: MODULATION_RMS });
    }
    let at = |x: f64| {
        let power = fit.centre_uw + fit.scale_uw * x;
        // With y = m P, (P/m) dm/dP = P y'/y - 1.
        power / fit.scale_uw * (c1 + 2.0 * c2 * x) / (c0 + x * (c1 + x * c2)) - 1.0
    };
    let power = |x: f64| fit.centre_uw + fit.scale_uw * x;
    let (low, high) = (at(-1.0), at(1.0));
    if low.is_nan() || high.is_nan() || low <= high {
        return Err(CalibrationFault::NotMonotone { what: "gamma", at_uw: fit.centre_uw });
    }
    if !(high..=low).contains(&target) {
        return Err(CalibrationFault::OutsideRange {
            what: "gamma",
            target,
            from_uw: power(-1.0) as u32,
            to_uw: power(1.0) as u32,
            low: high,
            high: low,
        });
    }
    // Gamma falls between the ends, and bisection needs no formula for where.
    let (mut from, mut to) = (-1.0, 1.0);
    for _ in 0..60 {
        let middle = 0.5 * (from + to);
        if at(middle) > target {
            from = middle;
        } else {
            to = middle;
        }
    }
    Ok(power(0.5 * (from + to)))
}

/// The power at which the line through m P is zero.
fn threshold(fit: &Fit, used: &[(f64, f64)], goal: KappaTarget) -> Result<f64, CalibrationFault> {
    let [c0, c1, _] = fit.coefficients;
    let rms = relative(fit, used);
    if rms > MODULATION_RMS {
        return Err(CalibrationFault::Scatter { rms, limit: MODULATION_RMS });
    }
    let zero = fit.centre_uw - fit.scale_uw * c0 / c1;
    let (from, to) = (fit.centre_uw - fit.scale_uw, fit.centre_uw + fit.scale_uw);
    if c1 <= 0.0 || !zero.is_finite() || zero <= 0.0 {
        return Err(CalibrationFault::NotMonotone { what: "modulation", at_uw: from });
    }
    // The line holds around the powers that it was fitted to.
    let aim = goal.kappa * zero;
    if !(from..=to).contains(&aim) {
        return Err(CalibrationFault::OutsideRange {
            what: "P/P_thr",
            target: goal.kappa,
            from_uw: from as u32,
            to_uw: to as u32,
            low: from / zero,
            high: to / zero,
        });
    }
    Ok(zero)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn points(m: impl Fn(f64) -> f64, beta: impl Fn(f64) -> Option<f64>) -> Vec<CalibrationPoint> {
        (0..11)
            .map(|i| 12_000 + 800 * i)
            .map(|power_uw| CalibrationPoint {
                power_uw,
                first: 0,
                beta: beta(power_uw.into()),
                asymmetry: None,
                jitter_percent: None,
                modulation: Some(m(power_uw.into())),
                used: true,
                note: String::new(),
            })
            .collect()
    }

    /// m P = 0.9 (P - 8 mW).
    fn hyperbola(p: f64) -> f64 {
        0.9 * (1.0 - 8_000.0 / p)
    }

    #[test]
    fn kappa_finds_the_threshold_of_a_straight_line() {
        let goal = Goal::Kappa(KappaTarget { kappa: 1.9, rho: 1.1 });
        let solved = goal.solve(&mut points(hyperbola, |_| None)).unwrap();
        assert!((solved.reference_uw.unwrap() - 8_000.0).abs() < 1e-3, "{solved:?}");
        assert!((solved.power_uw - 1.9 * 1.1 * 8_000.0).abs() < 1e-2);
    }

    #[test]
    fn gamma_of_that_line_is_its_textbook_value() {
        // gamma = P_thr / (P - P_thr): 1 at twice the threshold.
        let goal = Goal::Gamma(GammaTarget { target: 1.0, rho: 1.05 });
        let solved = goal.solve(&mut points(hyperbola, |_| None)).unwrap();
        assert!((solved.reference_uw.unwrap() / 16_000.0 - 1.0).abs() < 1e-6, "{solved:?}");
        assert!((solved.power_uw / solved.reference_uw.unwrap() - 1.05).abs() < 1e-9);
    }

    #[test]
    fn a_point_that_lies_off_at_an_end_is_left_out() {
        let outlier = |p: f64| if p < 12_100.0 { 0.02 } else { hyperbola(p) };
        for goal in
            [Goal::Kappa(KappaTarget { kappa: 1.9, rho: 1.0 }), Goal::Gamma(GammaTarget { target: 1.0, rho: 1.0 })]
        {
            let mut points = points(outlier, |_| None);
            let solved = goal.solve(&mut points).unwrap();
            let expected = if matches!(goal, Goal::Kappa(_)) { 8_000.0 } else { 16_000.0 };
            assert!((solved.reference_uw.unwrap() / expected - 1.0).abs() < 0.02, "{solved:?}");
            assert!(!points[0].used && points[5].used && !points[0].note.is_empty());
        }
    }

    #[test]
    fn a_saturated_modulation_is_refused_with_what_to_use() {
        let flat = |p: f64| 0.7 - 1e-6 * (p - 12_000.0);
        let error = Goal::Kappa(KappaTarget { kappa: 1.4, rho: 1.1 }).solve(&mut points(flat, |_| None)).unwrap_err();
        let text = error.to_string();
        assert!(text.contains("kappa") && text.contains("calibrate by beta"), "{text}");
        let gamma = Goal::Gamma(GammaTarget { target: 0.8, rho: 1.1 });
        let error = gamma.solve(&mut points(flat, |_| None)).unwrap_err();
        assert!(matches!(error, CalibrationFault::OutsideRange { what: "gamma", .. }), "{error}");
        let text = error.to_string();
        assert!(text.contains("target gamma 0.800") && text.contains("`gamma = { target, rho }`"), "{text}");
        assert!(!text.contains("recommended power"), "{text}");
        let text = gamma.saturated(&points(flat, |_| None)).unwrap().to_string();
        assert!(text.contains("0.700 at 12000 uW") && text.contains("calibrate by beta"), "{text}");
        assert_eq!(gamma.saturated(&points(hyperbola, |_| None)), None);
    }

    #[test]
    fn points_that_bend_the_curve_the_other_way_are_left_out() {
        // A weak end where beta rises again towards low power.
        let beta = |p: f64| {
            let x = (p - 16_000.0) / 4_000.0;
            Some(if x < -0.7 { 0.4 - 0.1 * x } else { 0.15 * x })
        };
        let mut points = points(hyperbola, beta);
        let solved = Goal::Beta { target: 0.0, rms: 0.03 }.solve(&mut points).unwrap();
        assert!((solved.power_uw - 16_000.0).abs() < 50.0, "{solved:?}");
        assert!(!points[0].used && !points[0].note.is_empty() && points[5].used);
    }

    #[test]
    fn beta_of_bad_pieces_near_the_target_is_left_out_for_their_jitter() {
        // Marks that run together at high power give a beta that is near the target again.
        let beta = |p: f64| Some(if p > 17_000.0 { 0.01 } else { 3e-5 * (p - 15_000.0) });
        let mut points = points(hyperbola, beta);
        for p in &mut points {
            p.jitter_percent = Some(6.0 + (f64::from(p.power_uw) - 15_000.0).abs() * 4e-3);
        }
        let solved = Goal::Beta { target: 0.0, rms: 0.005 }.solve(&mut points).unwrap();
        assert!((solved.power_uw - 15_000.0).abs() < 60.0, "{solved:?}");
        assert!(!points[10].used && points[5].used, "{points:?}");
    }

    #[test]
    fn too_few_points_are_an_error_that_counts_them() {
        let mut points = points(hyperbola, |p| (p > 17_600.0).then_some(0.1));
        for p in &mut points {
            p.used = p.beta.is_some();
        }
        let fault = Goal::Beta { target: 0.0, rms: 0.03 }.solve(&mut points).unwrap_err();
        assert_eq!(fault, CalibrationFault::TooFewPoints { usable: 3, written: 11, needed: LEAST_POINTS });
    }
}
