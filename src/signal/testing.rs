//! Synthetic RF signals with known answers, for the tests and the benchmark.

use core::f64::consts::{PI, TAU};

use rand::{Rng, RngExt};
use rand_distr::{Distribution, Normal, StandardNormal};

/// Samples per T of all synthetic signals.
pub(crate) const PER_T: f64 = 4.0;
pub(crate) const CLOCK: f64 = 26.156_25e6;
pub(crate) const FS: f64 = PER_T * CLOCK;

/// Run-length probabilities of EFMPlus data, 3T to 11T.
const PROBABILITY: [f64; 9] = [0.3196, 0.2343, 0.1657, 0.1063, 0.0744, 0.0475, 0.0289, 0.0161, 0.0072];

/// Runs 3..=11 with the probabilities of EFMPlus and a 14T run each 1488T.
///
/// Not quite i.i.d.: the slicer would follow the DC content of independent runs, which shows as
/// jitter. Like the encoder of the real code, it holds the DC content down: it draws eight continuations
/// of twelve runs and takes the one that brings the sum nearest to zero.
pub(crate) fn efm_like_runs(rng: &mut impl Rng, count: usize) -> Vec<u8> {
    let total: f64 = PROBABILITY.iter().sum();
    let draw = |rng: &mut dyn FnMut() -> f64| {
        let mut u = rng() * total;
        for (i, p) in PROBABILITY.iter().enumerate() {
            if u < *p {
                return i as u8 + 3;
            }
            u -= p;
        }
        3
    };
    let (mut runs, mut sum, mut bits) = (Vec::with_capacity(count + 8), 0i64, 0u32);
    while runs.len() < count {
        if bits >= 1488 - 60 {
            runs.push(14);
            sum = -(sum + 14);
            bits = 0;
            continue;
        }
        let mut uniform = || rng.random::<f64>();
        let words: [[u8; 12]; 8] = core::array::from_fn(|_| core::array::from_fn(|_| draw(&mut uniform)));
        let after = |w: &[u8; 12]| w.iter().fold(sum, |s, &r| -(s + i64::from(r)));
        let best = (0..8).min_by_key(|&i| after(&words[i]).abs()).unwrap_or(0);
        sum = after(&words[best]);
        bits += words[best].iter().map(|&r| u32::from(r)).sum::<u32>();
        runs.extend(words[best]);
    }
    runs.truncate(count);
    runs
}

/// Times in T of the edges that end the runs; the first edge is at `start`.
pub(crate) fn edge_times(runs: &[u8], start: f64) -> Vec<f64> {
    let ends = runs.iter().scan(start, |t, &r| {
        *t += f64::from(r);
        Some(*t)
    });
    core::iter::once(start).chain(ends).collect()
}

/// Adds Gaussian displacement of `sigma` T to each edge.
pub(crate) fn displace(edges: &mut [f64], sigma: f64, rng: &mut impl Rng) {
    let normal = Normal::new(0.0, sigma).expect("sigma is finite");
    edges.iter_mut().for_each(|e| *e += normal.sample(rng));
}

/// White Gaussian noise of `rms` counts on each sample.
pub(crate) fn add_noise(signal: &mut [f32], rms: f64, rng: &mut impl Rng) {
    for s in signal {
        let n: f32 = StandardNormal.sample(rng);
        *s += rms as f32 * n;
    }
}

pub(crate) fn to_counts(signal: &[f32]) -> Vec<i16> {
    signal.iter().map(|s| s.round() as i16).collect()
}

/// Response to an edge: 0 before, 1 after, tabulated over +-[`EdgeResponse::SPAN`] T.
pub(crate) struct EdgeResponse {
    table: Vec<f32>,
}

impl EdgeResponse {
    const SPAN: f64 = 32.0;
    const STEPS: f64 = 64.0;

    /// Diffraction-limited spot: m(x) = (2/pi)(acos x - x sqrt(1-x^2)), x = f / cutoff.
    ///
    /// The line spread is the cosine transform of m, tapered between 20 and 32 T: its 1/x^2 tail
    /// only holds frequencies that the code does not use. What is cut off makes the gain of all
    /// other frequencies 1.8 % larger, relative to DC.
    pub(crate) fn diffraction(channel_bit_nm: f64, wavelength_nm: f64, na: f64) -> Self {
        let cutoff = 2.0 * na / wavelength_nm * channel_bit_nm; // cycles per T
        let lines = 4000;
        let mtf: Vec<(f64, f64)> = (0..lines)
            .map(|i| {
                let x = (f64::from(i) + 0.5) / f64::from(lines);
                (x * cutoff, 2.0 / PI * (x.acos() - x * (1.0 - x * x).sqrt()))
            })
            .collect();
        let half = (Self::SPAN * Self::STEPS) as usize;
        let spread: Vec<f64> = (0..half)
            .map(|i| {
                let t = (i as f64 + 0.5) / Self::STEPS;
                let taper = if t < 20.0 { 1.0 } else { (PI * (t - 20.0) / 24.0).cos().powi(2) };
                taper * mtf.iter().map(|(f, m)| m * (TAU * f * t).cos()).sum::<f64>()
            })
            .collect();
        let sum: f64 = spread.iter().sum();
        let mut upper = vec![0.5];
        for s in &spread {
            upper.push(upper[upper.len() - 1] + 0.5 * s / sum);
        }
        let lower = upper[1..].iter().rev().map(|u| 1.0 - u);
        Self { table: lower.chain(upper.iter().copied()).map(|v| v as f32).collect() }
    }

    /// Signal of `samples` samples: `low` to `high` counts, edges in T, the first one rising.
    pub(crate) fn signal(&self, edges: &[f64], samples: usize, low: f64, high: f64) -> Vec<f32> {
        let mut rf = vec![0.0f32; samples];
        // Each edge moves everything after it: sum the steps, add the local part.
        let mut steps = vec![0.0f32; samples + 1];
        for (i, edge) in edges.iter().enumerate() {
            let height = if i % 2 == 0 { 1.0 } else { -1.0 } * (high - low) as f32;
            let first = ((edge - Self::SPAN) * PER_T).ceil().max(0.0) as usize;
            let end = (((edge + Self::SPAN) * PER_T).ceil().max(0.0) as usize).min(samples);
            for (n, y) in rf.iter_mut().enumerate().take(end).skip(first) {
                let x = (n as f64 / PER_T - edge + Self::SPAN) * Self::STEPS;
                let k = x as usize;
                let (a, b) = (self.table[k], self.table[(k + 1).min(self.table.len() - 1)]);
                *y += height * (a + (x - k as f64) as f32 * (b - a));
            }
            steps[end] += height;
        }
        let mut base = low as f32;
        for (y, step) in rf.iter_mut().zip(steps) {
            base += step;
            *y += base;
        }
        rf
    }
}

/// DVD dual layer: 146.7 nm per T, 650 nm, NA 0.60.
pub(crate) fn dual_layer() -> EdgeResponse {
    EdgeResponse::diffraction(146.7, 650.0, 0.60)
}
