//! S-curves in a focus sweep.
//!
//! The focus error of an astigmatic detector swings to one side, through zero
//! and to the other side as the lens passes focus; the sum signal peaks there.
//! A crossing counts when both swings exceed a threshold, lie within
//! [`WIDTH_NM`] of each other, turn the same way as the strongest pair, and the
//! sum is up (FOK in the manuals of drives). The surface reflects some 4 % and
//! lies the cover's thickness away from the layers.

use super::summary::{CurveKind, FocusSurvey, SCurve};

/// Farthest apart that the two peaks of an S-curve may lie.
const WIDTH_NM: f64 = 20_000.0;
/// A first curve weaker than this share of the strongest sum may be the surface.
const SURFACE_SHARE: f64 = 0.6;
/// A surface lies at least so far before the first layer.
const SURFACE_GAP_NM: f64 = 100_000.0;
/// How far, as a part of it, the distance of surface and first curve may be from what the cover
/// makes it.
const COVER_TOLERANCE: f64 = 0.1;
/// A lone curve that reflects less than this is the surface.
const SURFACE_REFLECTANCE: f64 = 0.08;
/// Peaks below this share of the greatest are no curves.
const LEAST_SHARE: f64 = 0.04;
/// Peaks below so many standard deviations of the smoothed noise are no curves.
const LEAST_SIGMA: f64 = 6.0;
/// Pieces into which the sweep is cut to follow a drifting baseline.
const BASELINE_PIECES: usize = 16;
/// Points of the plot.
const PLOT_POINTS: usize = 1024;

/// One sweep: lens position (nm), focus error and sum (counts above dark) of
/// every sample.
pub(super) struct Sweep {
    pub(super) positions: Vec<f64>,
    pub(super) focus_error: Vec<f64>,
    pub(super) sum: Vec<f64>,
}

impl Sweep {
    /// The curves of the sweep. `mirror` is the sum in counts that a perfect
    /// mirror would give, 0 if nobody knows; `cover` how far in nm the lens moves from the surface to
    /// the first layer and to the last one, which may be the only one that reflects.
    pub(super) fn survey(&self, mirror: f64, cover: Option<(f64, f64)>) -> FocusSurvey {
        let n = self.positions.len().min(self.focus_error.len()).min(self.sum.len());
        if n < 64 {
            return FocusSurvey::default();
        }
        let raw = flattened(&self.focus_error[..n]);
        let span = (self.positions[n - 1] - self.positions[0]).abs();
        // About a micrometre: a fifth of an S-curve.
        let half = ((500.0 * n as f64 / span.max(1.0)) as usize).min(n / 64);
        let (fe, sum) = (smoothed(&raw, half), smoothed(&self.sum[..n], half));
        let noise = sigma_of_differences(&raw);
        let smooth_noise = noise / ((2 * half + 1) as f64).sqrt();
        let peak = fe.iter().fold(0.0f64, |m, v| m.max(v.abs()));
        let threshold = (LEAST_SIGMA * smooth_noise).max(LEAST_SHARE * peak).max(1.0);
        let mut curves = self.crossings(&fe, &sum, threshold, mirror);
        classify(&mut curves, mirror, cover);
        let (positions_um, focus_error, plot_sum) = self.thinned(&raw, n);
        FocusSurvey { positions_um, focus_error, sum: plot_sum, noise, threshold, curves, attempts: 1 }
    }

    fn crossings(&self, fe: &[f64], sum: &[f64], threshold: f64, mirror: f64) -> Vec<SCurve> {
        let swings = swings(fe, threshold);
        let pairs: Vec<(usize, usize)> = swings
            .windows(2)
            .filter(|w| (fe[w[0]] > 0.0) != (fe[w[1]] > 0.0))
            .map(|w| (w[0], w[1]))
            .filter(|&(a, b)| (self.positions[b] - self.positions[a]).abs() <= WIDTH_NM)
            .collect();
        let amplitude = |&(a, b): &(usize, usize)| 0.5 * (fe[a] - fe[b]).abs();
        let Some(strongest) = pairs.iter().max_by(|x, y| amplitude(x).total_cmp(&amplitude(y))) else {
            return Vec::new();
        };
        let positive_first = fe[strongest.0] > 0.0;
        let floor = quantile(sum, 0.1);
        let gate = 3.0 * sigma_of_differences(sum);
        let mut curves: Vec<SCurve> = pairs
            .iter()
            .filter(|&&(a, _)| (fe[a] > 0.0) == positive_first)
            .filter_map(|&(a, b)| {
                let cross = (a..b).find(|&i| (fe[i] > 0.0) != (fe[i + 1] > 0.0))?;
                let share = fe[cross] / (fe[cross] - fe[cross + 1]);
                let step = self.positions[cross + 1] - self.positions[cross];
                let top = sum[a..=b].iter().fold(f64::MIN, |m, &v| m.max(v));
                // Two unlike swings of stray light have no light in focus between them.
                (top - floor > gate && top > 0.0).then(|| SCurve {
                    kind: CurveKind::Layer(0),
                    position_nm: (self.positions[cross] + share * step).round() as i32,
                    half_amplitude: amplitude(&(a, b)),
                    sum: top,
                    reflectance: if mirror > 0.0 { top / mirror } else { 0.0 },
                })
            })
            .collect();
        curves.sort_by_key(|c| c.position_nm);
        curves
    }

    /// Least and greatest value of each of so many pieces: peaks stay visible.
    fn thinned(&self, fe: &[f64], n: usize) -> (Vec<f64>, Vec<f64>, Vec<f64>) {
        let piece = n.div_ceil(PLOT_POINTS);
        let (mut positions, mut errors, mut sums) = (Vec::new(), Vec::new(), Vec::new());
        let mut add = |i: usize| {
            positions.push(self.positions[i] * 1e-3);
            errors.push(fe[i]);
            sums.push(self.sum[i]);
        };
        for start in (0..n).step_by(piece) {
            let end = (start + piece).min(n);
            let low = (start..end).min_by(|&a, &b| fe[a].total_cmp(&fe[b])).unwrap_or(start);
            let high = (start..end).max_by(|&a, &b| fe[a].total_cmp(&fe[b])).unwrap_or(start);
            add(low.min(high));
            if low != high {
                add(low.max(high));
            }
        }
        (positions, errors, sums)
    }
}

/// Indices of the peaks of the swings beyond the threshold, one for each.
fn swings(fe: &[f64], threshold: f64) -> Vec<usize> {
    let mut peaks: Vec<usize> = Vec::new();
    let mut beyond = false;
    for (i, &v) in fe.iter().enumerate() {
        if v.abs() < threshold {
            // Noise at the threshold doesn't end a swing; half of it does.
            beyond = beyond && v.abs() > 0.5 * threshold;
            continue;
        }
        match peaks.last_mut() {
            Some(last) if beyond && (fe[*last] > 0.0) == (v > 0.0) => {
                if v.abs() > fe[*last].abs() {
                    *last = i;
                }
            }
            _ => peaks.push(i),
        }
        beyond = true;
    }
    peaks
}

fn classify(curves: &mut [SCurve], mirror: f64, cover: Option<(f64, f64)>) {
    let strongest = curves.iter().fold(0.0f64, |m, c| m.max(c.sum));
    let surface = match curves {
        [only] => mirror > 0.0 && only.reflectance < SURFACE_REFLECTANCE,
        [first, second, ..] => {
            let gap = f64::from(second.position_nm) - f64::from(first.position_nm);
            // A layer may reflect as little as the surface; their distance tells them apart.
            let a_cover = |(first, last): (f64, f64)| {
                first > SURFACE_GAP_NM
                    && ((1.0 - COVER_TOLERANCE) * first..=(1.0 + COVER_TOLERANCE) * last).contains(&gap)
            };
            cover.is_some_and(a_cover) || (first.sum < SURFACE_SHARE * strongest && gap > SURFACE_GAP_NM)
        }
        [] => false,
    };
    let mut layer = 0;
    for (index, curve) in curves.iter_mut().enumerate() {
        if index == 0 && surface {
            curve.kind = CurveKind::Surface;
        } else {
            curve.kind = CurveKind::Layer(layer);
            layer = layer.saturating_add(1);
        }
    }
}

/// The values less a baseline through the medians of pieces.
fn flattened(values: &[f64]) -> Vec<f64> {
    let piece = values.len().div_ceil(BASELINE_PIECES);
    let knots: Vec<f64> = values.chunks(piece).map(|c| quantile(c, 0.5)).collect();
    let last = knots.len() - 1;
    let level = |i: usize| {
        let x = (i as f64 / piece as f64 - 0.5).clamp(0.0, last as f64);
        let k = (x as usize).min(last.saturating_sub(1));
        let next = knots[(k + 1).min(last)];
        knots[k] + (x - k as f64) * (next - knots[k])
    };
    values.iter().enumerate().map(|(i, v)| v - level(i)).collect()
}

/// Mean over `half` neighbours on each side.
fn smoothed(values: &[f64], half: usize) -> Vec<f64> {
    let mut sums = Vec::with_capacity(values.len() + 1);
    sums.push(0.0);
    let mut total = 0.0;
    for v in values {
        total += v;
        sums.push(total);
    }
    (0..values.len())
        .map(|i| {
            let (a, b) = (i.saturating_sub(half), (i + half + 1).min(values.len()));
            (sums[b] - sums[a]) / (b - a) as f64
        })
        .collect()
}

/// Standard deviation of white noise, from the median step between neighbours:
/// curves are few among the samples and don't count.
fn sigma_of_differences(values: &[f64]) -> f64 {
    let steps: Vec<f64> = values.windows(2).map(|w| (w[1] - w[0]).abs()).collect();
    // 0.6745 sigma is the median of |x|, and a step has twice the variance.
    quantile(&steps, 0.5) / (0.6745 * core::f64::consts::SQRT_2)
}

/// A quantile; 0 for no values.
pub(super) fn quantile(values: &[f64], q: f64) -> f64 {
    let mut sorted = values.to_vec();
    let Some(last) = sorted.len().checked_sub(1) else { return 0.0 };
    *sorted.select_nth_unstable_by((q * last as f64).round() as usize, f64::total_cmp).1
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    /// S-curves at (position um, amplitude, sum), on a tilted baseline, with noise.
    fn sweep(curves: &[(f64, f64, f64)], noise: f64, tilt: f64, seed: u64) -> Sweep {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let positions: Vec<f64> = (0..20_000).map(|i| f64::from(i) * 50.0 - 500_000.0).collect();
        let mut gauss = || (0..12).map(|_| rng.random::<f64>()).sum::<f64>() - 6.0;
        let (mut focus_error, mut sum) = (Vec::new(), Vec::new());
        for p in &positions {
            let (mut fe, mut s) = (tilt * p * 1e-6, 30.0);
            for (at, amplitude, level) in curves {
                let z = p * 1e-3 - at;
                fe += amplitude * 2.0 * (z / 2.5) / (1.0 + (z / 2.5).powi(2));
                s += level / (1.0 + (z / 10.0).powi(2));
            }
            focus_error.push(fe + noise * gauss());
            sum.push(s + noise * gauss());
        }
        Sweep { positions, focus_error, sum }
    }

    const DISC: [(f64, f64, f64); 3] = [(-310.0, 230.0, 400.0), (55.0, 1000.0, 1700.0), (90.0, 980.0, 1650.0)];

    #[test]
    fn surface_and_two_layers_are_found_in_noise_and_tilt() {
        for seed in 0..20 {
            let survey = sweep(&DISC, 20.0, 400.0, seed).survey(10_000.0, None);
            let kinds: Vec<CurveKind> = survey.curves.iter().map(|c| c.kind).collect();
            assert_eq!(kinds, [CurveKind::Surface, CurveKind::Layer(0), CurveKind::Layer(1)], "seed {seed}");
            for (curve, (at, ..)) in survey.curves.iter().zip(DISC) {
                let error = f64::from(curve.position_nm) * 1e-3 - at;
                assert!(error.abs() < 1.0, "seed {seed}: {at} um found {error} um off");
            }
            assert!((survey.curves[1].reflectance - 0.17).abs() < 0.03, "{:?}", survey.curves[1]);
        }
    }

    #[test]
    fn a_layer_as_dark_as_the_surface_is_told_by_its_distance() {
        let dark = [(-310.0, 230.0, 400.0), (61.0, 260.0, 440.0)];
        let layers = |cover| sweep(&dark, 5.0, 0.0, 1).survey(10_000.0, cover).layers().count();
        assert_eq!((layers(Some((371_000.0, 411_000.0))), layers(None)), (1, 2));
    }

    #[test]
    fn the_way_in_which_curves_turn_does_not_matter() {
        let flipped = DISC.map(|(at, a, s)| (at, -a, s));
        assert_eq!(sweep(&flipped, 20.0, 0.0, 1).survey(0.0, None).layers().count(), 2);
    }

    #[test]
    fn noise_alone_is_no_layer() {
        for seed in 0..20 {
            let survey = sweep(&[], 20.0, 400.0, seed).survey(10_000.0, None);
            assert!(survey.curves.is_empty(), "seed {seed}: {:?}", survey.curves);
        }
    }

    #[test]
    fn a_lone_weak_curve_is_the_surface() {
        let survey = sweep(&[(0.0, 230.0, 400.0)], 5.0, 0.0, 1).survey(10_000.0, None);
        assert_eq!((survey.curves.len(), survey.layers().count()), (1, 0));
    }

    #[test]
    fn the_plot_is_small_and_keeps_the_peaks() {
        let survey = sweep(&DISC, 0.0, 0.0, 1).survey(0.0, None);
        assert!(survey.positions_um.len() <= 2048);
        let peak = survey.focus_error.iter().fold(0.0f64, |m, v| m.max(v.abs()));
        assert!(peak > 950.0, "{peak}");
    }
}
