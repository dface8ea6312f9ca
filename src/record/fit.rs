//! A least-squares parabola through a calibration's points, and where it meets
//! the target.

use super::problem::CalibrationFault;
use super::summary::Fit;

/// Fewest points for three coefficients and a residual that means something.
pub(super) const LEAST_POINTS: usize = 5;

/// The parabola through (power in microwatts, value) by least squares; `None`
/// for fewer than three different powers.
pub(super) fn parabola(points: &[(f64, f64)]) -> Option<Fit> {
    let (low, high) = range(points)?;
    let (centre_uw, scale_uw) = (0.5 * (low + high), 0.5 * (high - low));
    if scale_uw <= 0.0 {
        return None;
    }
    // Centred and scaled to -1..1, the normal equations are well conditioned.
    let mut moments = [0.0; 5];
    let mut right = [0.0; 3];
    for (power, value) in points {
        let x = (power - centre_uw) / scale_uw;
        let mut power_of_x = 1.0;
        for (k, moment) in moments.iter_mut().enumerate() {
            *moment += power_of_x;
            if let Some(r) = right.get_mut(k) {
                *r += power_of_x * value;
            }
            power_of_x *= x;
        }
    }
    let [m0, m1, m2, m3, m4] = moments;
    let coefficients = solve([[m0, m1, m2], [m1, m2, m3], [m2, m3, m4]], right)?;
    Some(with_residuals(Fit { coefficients, centre_uw, scale_uw, residuals: Vec::new(), rms: 0.0 }, points))
}

/// The straight line through (power in microwatts, value) by least squares; `None` for
/// fewer than two different powers.
pub(super) fn line(points: &[(f64, f64)]) -> Option<Fit> {
    let (low, high) = range(points)?;
    let (centre_uw, scale_uw) = (0.5 * (low + high), 0.5 * (high - low));
    if scale_uw <= 0.0 {
        return None;
    }
    let n = points.len() as f64;
    let (mut x1, mut x2, mut y, mut xy) = (0.0, 0.0, 0.0, 0.0);
    for (power, value) in points {
        let x = (power - centre_uw) / scale_uw;
        (x1, x2, y, xy) = (x1 + x, x2 + x * x, y + value, xy + x * value);
    }
    let slope = (n * xy - x1 * y) / (n * x2 - x1 * x1);
    let coefficients = [(y - slope * x1) / n, slope, 0.0];
    Some(with_residuals(Fit { coefficients, centre_uw, scale_uw, residuals: Vec::new(), rms: 0.0 }, points))
}

fn with_residuals(mut fit: Fit, points: &[(f64, f64)]) -> Fit {
    fit.residuals = points.iter().map(|(power, value)| value - fit.at(*power)).collect();
    fit.rms = (fit.residuals.iter().map(|r| r * r).sum::<f64>() / points.len().max(1) as f64).sqrt();
    fit
}

/// Cramer's rule; `None` where the columns depend on each other.
fn solve(a: [[f64; 3]; 3], b: [f64; 3]) -> Option<[f64; 3]> {
    let det = |m: [[f64; 3]; 3]| {
        m[0][0] * (m[1][1] * m[2][2] - m[1][2] * m[2][1]) - m[0][1] * (m[1][0] * m[2][2] - m[1][2] * m[2][0])
            + m[0][2] * (m[1][0] * m[2][1] - m[1][1] * m[2][0])
    };
    let d = det(a);
    if d.abs() < 1e-9 {
        return None;
    }
    let mut x = [0.0; 3];
    for (column, value) in x.iter_mut().enumerate() {
        let mut replaced = a;
        for (row, b) in replaced.iter_mut().zip(b) {
            row[column] = b;
        }
        *value = det(replaced) / d;
    }
    Some(x)
}

fn range(points: &[(f64, f64)]) -> Option<(f64, f64)> {
    let powers = points.iter().map(|p| p.0);
    Some((powers.clone().reduce(f64::min)?, powers.reduce(f64::max)?))
}

/// The power at which the curve meets `target`.
///
/// # Errors
/// When the curve turns round within the points, they scatter by more than
/// `rms`, or the target lies outside.
pub(super) fn optimum(fit: &Fit, points: &[(f64, f64)], target: f64, rms: f64) -> Result<f64, CalibrationFault> {
    let (from, to) = range(points).unwrap_or_default();
    let [c0, c1, c2] = fit.coefficients;
    // Its slope at both ends; in between it is a straight line.
    let (first, last) = (c1 - 2.0 * c2, c1 + 2.0 * c2);
    if first * last <= 0.0 {
        let turn = if c2 == 0.0 { 0.0 } else { -0.5 * c1 / c2 };
        return Err(CalibrationFault::NotMonotone { what: "beta", at_uw: fit.centre_uw + fit.scale_uw * turn });
    }
    if fit.rms > rms {
        return Err(CalibrationFault::Scatter { rms: fit.rms, limit: rms });
    }
    let ends = (fit.at(from), fit.at(to));
    let (low, high) = (ends.0.min(ends.1), ends.0.max(ends.1));
    let outside =
        CalibrationFault::OutsideRange { what: "beta", target, from_uw: from as u32, to_uw: to as u32, low, high };
    if !(low..=high).contains(&target) {
        return Err(outside);
    }
    // The root on the branch that rises (or falls) through the points, in the
    // form that also holds for a straight line.
    let c = c0 - target;
    let root = (c1 * c1 - 4.0 * c2 * c).max(0.0).sqrt();
    let x = -2.0 * c / (c1 + c1.signum() * root);
    if x.is_finite() { Ok(fit.centre_uw + fit.scale_uw * x.clamp(-1.0, 1.0)) } else { Err(outside) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn points(f: impl Fn(f64) -> f64) -> Vec<(f64, f64)> {
        (0..11).map(|i| 12_000.0 + 800.0 * f64::from(i)).map(|p| (p, f(p))).collect()
    }

    #[test]
    fn a_parabola_is_found_and_solved_exactly() {
        let beta = |p: f64| -0.02 + 4e-5 * (p - 16_000.0) - 1e-9 * (p - 16_000.0).powi(2);
        let points = points(beta);
        let fit = parabola(&points).unwrap();
        assert!(fit.rms < 1e-12, "{fit:?}");
        let power = optimum(&fit, &points, 0.03, 0.01).unwrap();
        assert!((beta(power) - 0.03).abs() < 1e-12, "{power}");
    }

    #[test]
    fn a_straight_line_either_way_is_solved() {
        for slope in [3e-5, -3e-5] {
            let points = points(|p| slope * (p - 15_500.0));
            let fit = parabola(&points).unwrap();
            let power = optimum(&fit, &points, 0.0, 0.01).unwrap();
            assert!((power - 15_500.0).abs() < 1e-6, "{power}");
        }
    }

    #[test]
    fn residuals_are_those_of_least_squares() {
        // Alternating errors of e on a line: a parabola can't follow them.
        let noisy: Vec<(f64, f64)> = points(|p| 1e-5 * p)
            .into_iter()
            .enumerate()
            .map(|(i, (p, v))| (p, v + if i % 2 == 0 { 0.01 } else { -0.01 }))
            .collect();
        let fit = parabola(&noisy).unwrap();
        assert!((0.009..0.0101).contains(&fit.rms), "{}", fit.rms);
        let sum: f64 = fit.residuals.iter().sum();
        assert!(sum.abs() < 1e-12);
        assert!(matches!(optimum(&fit, &noisy, 0.16, 0.005), Err(CalibrationFault::Scatter { .. })));
    }

    #[test]
    fn a_curve_that_turns_or_misses_the_target_gives_no_power() {
        let turning = points(|p| -1e-9 * (p - 16_000.0).powi(2));
        let fit = parabola(&turning).unwrap();
        match optimum(&fit, &turning, -0.001, 0.01) {
            Err(CalibrationFault::NotMonotone { at_uw, .. }) => assert!((at_uw - 16_000.0).abs() < 1.0),
            other => panic!("{other:?}"),
        }
        let line = points(|p| 1e-5 * (p - 16_000.0));
        let fit = parabola(&line).unwrap();
        assert!(matches!(optimum(&fit, &line, 0.2, 0.01), Err(CalibrationFault::OutsideRange { .. })));
        assert!(parabola(&[(1.0, 1.0), (1.0, 2.0), (1.0, 3.0)]).is_none());
    }
}
