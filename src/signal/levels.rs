//! Level measures of the HF signal before AC coupling and before the equaliser.
//!
//! The level of an nT run is the extreme of the low-passed HF at the run's centre. It is taken
//! from a parabola fitted by least squares to the samples within +-n/6 T of the centre: its
//! vertex for runs up to 5T (neighbours of unequal length move the extreme off the centre), its
//! value at the centre for longer ones. The fit does not have the bias of "largest sample", which
//! grows with the noise, and is within 0.03 % for a sine. Levels are averaged over
//! all runs from 11T and over one in four of the shorter ones.

use serde::Serialize;

use super::timing::{Moments, settled};
use super::{Fir, Runs, SignalError};

/// Of the runs up to 10T one in this many is measured: there are thousands of them in a capture
/// that has a few 14T runs.
const SHORT_RUN_STEP: u32 = 4;
/// Runs needed for a level.
pub const LEVEL_RUNS: u64 = 3;
/// Length of the longest run with a level, T.
const LONGEST: usize = 14;
/// Low-passed samples computed together.
const CHUNK: usize = 8192;

/// How counts become light.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Calibration {
    /// Counts without light.
    pub dark_counts: f64,
    /// Counts above dark for reflectance 1 at the read power used.
    pub counts_per_reflectance: f64,
}

/// Levels of the runs of one length.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
#[non_exhaustive]
pub struct LengthLevel {
    /// Run length, T.
    pub length: u8,
    /// Mean level of high runs, counts.
    pub high: Option<f64>,
    /// Mean level of low runs, counts.
    pub low: Option<f64>,
    /// High runs measured.
    pub high_count: u64,
    /// Low runs measured.
    pub low_count: u64,
}

/// Mean 14T high level of one stretch of the capture, where it has enough 14T runs.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct LevelWindow {
    /// Index of the run at the start of the window.
    pub first_run: usize,
    /// I14H above dark, counts.
    pub i14h: f64,
}

impl LevelWindow {
    fn of(first_run: usize, part: &Moments) -> Option<Self> {
        let i14h = part.mean().filter(|_| part.count >= LEVEL_RUNS)?;
        Some(Self { first_run, i14h })
    }
}

/// Level measures. Ratios to zero light need a [`Calibration`].
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Levels {
    /// Raw levels of 3T to 14T, counts, dark level included.
    pub lengths: Vec<LengthLevel>,
    /// Mean of the HF, counts.
    pub mean: Option<f64>,
    /// (I14H - I14L) / I14H.
    pub modulation: Option<f64>,
    /// (I3H - I3L) / (I14H - I14L).
    pub i3_i14: Option<f64>,
    /// (I11H - I11L) / (I14H - I14L).
    pub i11_i14: Option<f64>,
    /// [(I14H + I14L)/2 - (I3H + I3L)/2] / (I14H - I14L).
    pub asymmetry: Option<f64>,
    /// (A1 + A2)/(A1 - A2), A1 and A2 the peak levels relative to the mean; from 14T runs, or 11T
    /// runs where there are none.
    pub beta: Option<f64>,
    /// I14H as reflectance, 0 to 1.
    pub r14h: Option<f64>,
    /// (max - min)/max of I14H over `along`.
    pub i14h_variation: Option<f64>,
    /// I14H along the track.
    pub along: Vec<LevelWindow>,
}

/// Least-squares parabola over 2h + 1 samples as dot products.
#[derive(Clone, Debug)]
struct Parabola {
    half: usize,
    /// Weights of value, slope and half the curvature at the middle sample, and a zero: four
    /// lanes make one vector.
    weights: Vec<[f32; 4]>,
}

impl Parabola {
    fn new(half: usize) -> Self {
        let h = half as f64;
        let n = 2.0 * h + 1.0;
        let s2 = h * (h + 1.0) * n / 3.0;
        let s4 = s2 * (3.0 * h * h + 3.0 * h - 1.0) / 5.0;
        let d = n * s4 - s2 * s2;
        let weights = (0..=2 * half)
            .map(|i| {
                let u = i as f64 - h;
                let (c0, c2) = ((s4 - s2 * u * u) / d, (n * u * u - s2) / d);
                [c0 as f32, (u / s2) as f32, c2 as f32, 0.0]
            })
            .collect();
        Self { half, weights }
    }

    /// Level at `offset` from the middle of `samples`; with `extreme` that of the vertex.
    fn level(&self, samples: &[f32], offset: f32, extreme: bool, high: bool) -> f64 {
        let mut c = [0.0f32; 4];
        for (x, w) in samples.iter().zip(&self.weights) {
            for (c, w) in c.iter_mut().zip(w) {
                *c += w * x;
            }
        }
        let vertex = -0.5 * c[1] / c[2];
        let inside = vertex.abs() <= self.half as f32 && high == (c[2] < 0.0);
        let u = if extreme && inside { vertex } else { offset };
        f64::from(c[0] + u * (c[1] + u * c[2]))
    }
}

/// Measures the levels of the settled runs in `samples`.
///
/// `runs` must be those of the same samples and have detail; `window` is the number of runs in
/// each entry of [`Levels::along`].
///
/// # Errors
/// [`SignalError::Rate`] when the rates do not fit.
pub fn levels(
    samples: &[i16],
    runs: &Runs,
    sample_rate_hz: f64,
    channel_clock_hz: f64,
    calibration: Option<Calibration>,
    window: usize,
) -> Result<Levels, SignalError> {
    let fir = Fir::low_pass(sample_rate_hz, channel_clock_hz)?;
    let per_t = sample_rate_hz / channel_clock_hz;
    let fits: Vec<Parabola> =
        (0..=LONGEST).map(|n| Parabola::new(((n as f64 * per_t / 6.0).round() as usize).max(1))).collect();
    let margin = fits[LONGEST].half + 2;
    let mut sums = [[Moments::default(); 2]; LONGEST + 1];
    let mut seen = [[0u32; 2]; LONGEST + 1];
    let (mut along, mut part, mut first) = (Vec::new(), Moments::default(), 0);
    let mut filtered = LowPassed::new(samples, &fir, margin);
    for (i, length, high) in settled(runs) {
        if i >= first + window.max(1) {
            along.extend(LevelWindow::of(first, &part));
            (part, first) = (Moments::default(), i);
        }
        let Some(fit) = fits.get(usize::from(length)).filter(|_| length >= 3) else {
            continue;
        };
        let seen = &mut seen[usize::from(length)][usize::from(high)];
        *seen = seen.wrapping_add(1);
        if length <= 10 && !seen.is_multiple_of(SHORT_RUN_STEP) {
            continue;
        }
        let (end, width) = (runs.positions()[i], f64::from(runs.widths()[i]) * per_t);
        let centre = end - 0.5 * width + fir.delay_samples();
        let middle = (centre + 0.5) as usize;
        let Some(around) = filtered.around(middle, fit.half) else {
            continue;
        };
        let offset = (centre - middle as f64) as f32;
        let level = fit.level(around, offset, length <= 5, high);
        sums[usize::from(length)][usize::from(high)].add(level);
        if length == 14 && high {
            part.add(level);
        }
    }
    along.extend(LevelWindow::of(first, &part));
    let mean = filtered.finish();
    Ok(summarise(&sums, mean, calibration, along))
}

fn summarise(
    sums: &[[Moments; 2]; LONGEST + 1],
    mean: Option<f64>,
    calibration: Option<Calibration>,
    mut along: Vec<LevelWindow>,
) -> Levels {
    let level = |n: usize, high: bool| {
        let m = &sums[n][usize::from(high)];
        m.mean().filter(|_| m.count >= LEVEL_RUNS)
    };
    let pair = |n| Some((level(n, true)?, level(n, false)?));
    let i14 = pair(14).filter(|(h, l)| h > l);
    let ratio = |n| {
        let ((h, l), (h14, l14)) = (pair(n)?, i14?);
        Some((h - l) / (h14 - l14))
    };
    let asymmetry = || {
        let ((h, l), (h14, l14)) = (pair(3)?, i14?);
        Some(0.5 * ((h14 + l14) - (h + l)) / (h14 - l14))
    };
    let beta = || {
        let (h, l) = i14.or_else(|| pair(11).filter(|(h, l)| h > l))?;
        Some((h + l - 2.0 * mean?) / (h - l))
    };
    let dark = calibration.map(|c| c.dark_counts);
    let light = || Some(i14?.0 - dark?).filter(|&i| i > 0.0);
    along.iter_mut().for_each(|w| w.i14h -= dark.unwrap_or_default());
    let max = along.iter().map(|w| w.i14h).fold(f64::MIN, f64::max);
    let min = along.iter().map(|w| w.i14h).fold(f64::MAX, f64::min);
    let variation = (dark.is_some() && along.len() > 1 && max > 0.0).then(|| (max - min) / max);
    Levels {
        lengths: (3..=LONGEST)
            .map(|n| LengthLevel {
                length: n as u8,
                high: level(n, true),
                low: level(n, false),
                high_count: sums[n][1].count,
                low_count: sums[n][0].count,
            })
            .collect(),
        mean,
        modulation: light().and_then(|h| Some((i14?.0 - i14?.1) / h)),
        i3_i14: ratio(3),
        i11_i14: ratio(11),
        asymmetry: asymmetry(),
        beta: beta(),
        r14h: calibration
            .filter(|c| c.counts_per_reflectance > 0.0)
            .and_then(|c| Some(light()? / c.counts_per_reflectance)),
        i14h_variation: variation,
        along,
    }
}

/// The low-passed capture, a chunk at a time: a capture of seconds does not fit in memory twice.
struct LowPassed<'a> {
    samples: &'a [i16],
    fir: &'a Fir,
    input: Vec<f32>,
    output: Vec<f32>,
    /// Index of `output[0]`, and of the next sample to filter.
    start: usize,
    next: usize,
    keep: usize,
    sum: f64,
}

impl<'a> LowPassed<'a> {
    fn new(samples: &'a [i16], fir: &'a Fir, margin: usize) -> Self {
        let first = samples.first().copied().unwrap_or_default().into();
        let (input, output) = (vec![first; fir.len() - 1], Vec::new());
        let (start, next, sum) = (0, 0, 0.0);
        Self { samples, fir, input, output, start, next, keep: 2 * margin + 64, sum }
    }

    fn advance(&mut self) {
        let history = self.fir.len() - 1;
        let count = CHUNK.min(self.samples.len() - self.next);
        let keep = self.keep.min(self.output.len());
        self.output.drain(..self.output.len() - keep);
        self.start = self.next - keep;
        self.input.drain(..self.input.len() - history);
        let fresh = &self.samples[self.next..self.next + count];
        self.input.extend(fresh.iter().map(|&s| f32::from(s)));
        self.output.resize(keep + count, 0.0);
        self.fir.run(&self.input, &mut self.output[keep..]);
        self.sum += total(fresh);
        self.next += count;
    }

    /// Samples `middle - half` to `middle + half`; `None` outside of the capture.
    fn around(&mut self, middle: usize, half: usize) -> Option<&[f32]> {
        while middle + half >= self.next && self.next < self.samples.len() {
            self.advance();
        }
        let first = middle.checked_sub(half)?.checked_sub(self.start)?;
        self.output.get(first..first + 2 * half + 1)
    }

    /// Mean of the capture. The low-pass has DC gain 1, so the samples themselves give it.
    fn finish(self) -> Option<f64> {
        let rest = total(&self.samples[self.next..]);
        let count = self.samples.len() as f64;
        (count > 0.0).then(|| (self.sum + rest) / count)
    }
}

/// Sum of samples; 32 bits hold that of 4096.
fn total(samples: &[i16]) -> f64 {
    let part = |part: &[i16]| f64::from(part.iter().map(|&s| i32::from(s)).sum::<i32>());
    samples.chunks(4096).map(part).sum()
}
