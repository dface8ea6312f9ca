//! The read filter of the DVD standards as one finite impulse response.
//!
//! The measuring circuit is a 6th-order Bessel low-pass (-3 dB at 8.2 MHz at 1x) and a 3-tap
//! transversal equaliser with taps at 0 and +-2T. Both scale with the channel clock. The filter
//! here is the analogue impulse response in closed form (a sum over the Bessel poles), added to
//! itself shifted by +-2T and then sampled, so that a sample rate that is no multiple of 1/2T
//! needs no fractional-delay approximation.

use super::SignalError;
use crate::vectors::ARCH;
use core::f64::consts::PI;

/// -3 dB frequency of the low-pass at the 1x channel clock, Hz.
pub const LOW_PASS_HZ_1X: f64 = 8.2e6;
/// DVD channel clock at 1x, Hz (T = 38.23 ns).
pub const CHANNEL_CLOCK_HZ_1X: f64 = 26.156_25e6;
/// Side-tap weight k of the equaliser, H(f) = 1 + 2k - 2k cos(2 pi f 2T): +3.2 dB at 5 MHz
/// together with the low-pass.
pub const EQUALISER_K: f64 = 0.184;

/// Coefficients of the 6th-order reverse Bessel polynomial, constant term first.
const BESSEL6: [f64; 7] = [10395.0, 10395.0, 4725.0, 1260.0, 210.0, 21.0, 1.0];
/// Upper half-plane roots of [`BESSEL6`] to four digits; Newton's method does the rest.
const POLES: [(f64, f64); 3] = [(-4.2484, 0.8675), (-3.7357, 2.6263), (-2.5159, 4.4927)];
/// Part of the unit step that may be cut off at the end of the impulse response.
const TAIL: f64 = 2e-3;
/// Outputs of the equaliser computed together.
const PART: usize = 512;
/// 2T at the highest sample rate, 64 samples per T.
const MAX_SPACING: usize = 128;

#[derive(Clone, Copy, Debug, PartialEq)]
struct Complex {
    re: f64,
    im: f64,
}

impl Complex {
    const fn new(re: f64, im: f64) -> Self {
        Self { re, im }
    }
    fn plus(self, o: Self) -> Self {
        Self::new(self.re + o.re, self.im + o.im)
    }
    fn minus(self, o: Self) -> Self {
        Self::new(self.re - o.re, self.im - o.im)
    }
    fn times(self, o: Self) -> Self {
        Self::new(self.re * o.re - self.im * o.im, self.re * o.im + self.im * o.re)
    }
    fn over(self, o: Self) -> Self {
        let d = o.re * o.re + o.im * o.im;
        let n = self.times(Self::new(o.re, -o.im));
        Self::new(n.re / d, n.im / d)
    }
    fn exp(self) -> Self {
        let r = self.re.exp();
        Self::new(r * self.im.cos(), r * self.im.sin())
    }
}

fn polynomial(c: &[f64], s: Complex) -> Complex {
    c.iter().rev().fold(Complex::new(0.0, 0.0), |a, &k| a.times(s).plus(Complex::new(k, 0.0)))
}

/// Magnitude of the 6th-order Bessel low-pass at `f_hz`, -3 dB at `cutoff_hz`; closed form.
#[must_use]
pub fn bessel_gain(f_hz: f64, cutoff_hz: f64) -> f64 {
    let w = bessel_cutoff() * f_hz / cutoff_hz;
    let d = polynomial(&BESSEL6, Complex::new(0.0, w));
    BESSEL6[0] / d.re.hypot(d.im)
}

/// Gain of the ideal equaliser at `f_hz` (it is real: the taps are symmetrical).
#[must_use]
pub fn equaliser_gain(f_hz: f64, channel_clock_hz: f64) -> f64 {
    1.0 + 2.0 * EQUALISER_K * (1.0 - (2.0 * PI * f_hz * 2.0 / channel_clock_hz).cos())
}

/// Angular frequency of -3 dB for the Bessel filter with unit delay at DC (2.7034).
fn bessel_cutoff() -> f64 {
    let (mut low, mut high) = (1.0, 6.0);
    for _ in 0..60 {
        let w = 0.5 * (low + high);
        let d = polynomial(&BESSEL6, Complex::new(0.0, w));
        if d.re.hypot(d.im) < BESSEL6[0] * core::f64::consts::SQRT_2 { low = w } else { high = w }
    }
    0.5 * (low + high)
}

/// The analogue impulse response, in units of the filter's delay at DC.
struct Bessel {
    /// Pole and residue, upper half plane; the conjugates are implied.
    terms: [(Complex, Complex); 3],
}

impl Bessel {
    fn new() -> Self {
        let derivative: Vec<f64> = BESSEL6.iter().enumerate().skip(1).map(|(i, c)| i as f64 * c).collect();
        let terms = POLES.map(|(re, im)| {
            let mut p = Complex::new(re, im);
            for _ in 0..8 {
                p = p.minus(polynomial(&BESSEL6, p).over(polynomial(&derivative, p)));
            }
            (p, Complex::new(BESSEL6[0], 0.0).over(polynomial(&derivative, p)))
        });
        Self { terms }
    }

    fn impulse(&self, u: f64) -> f64 {
        if u < 0.0 {
            return 0.0;
        }
        let value = |&(p, r): &(Complex, Complex)| 2.0 * r.times(Complex::new(p.re * u, p.im * u).exp()).re;
        self.terms.iter().map(value).sum()
    }
}

/// A real FIR filter for blocks of samples, DC gain 1.
///
/// Where 2T is a whole number of samples, low-pass and equaliser are computed one after the
/// other: 15 + 3 products instead of 31 at 4 samples per T, with the same response.
///
/// ```
/// use disc_hal::signal::Fir;
/// let fir = Fir::equalised(104.625e6, 26.15625e6)?;
/// let gain_db = 20.0 * (fir.gain(5.0e6) / fir.gain(0.0)).log10();
/// assert!((gain_db - 3.2).abs() < 0.3);
/// # Ok::<(), disc_hal::signal::SignalError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Fir {
    /// Impulse response of the whole filter, in order of time.
    taps: Vec<f32>,
    /// First stage, oldest input first (reversed in time).
    reversed: Vec<f32>,
    /// Second stage: equaliser taps this many samples apart; 0 when there is no second stage.
    spacing: usize,
    sample_rate_hz: f64,
    delay: f64,
}

impl Fir {
    /// The Bessel low-pass alone; this is the filter for level measurements.
    ///
    /// # Errors
    /// [`SignalError::Rate`] when the sample rate is below two samples per channel bit.
    pub fn low_pass(sample_rate_hz: f64, channel_clock_hz: f64) -> Result<Self, SignalError> {
        Self::build(sample_rate_hz, channel_clock_hz, 0.0)
    }

    /// Low-pass and equaliser in one filter; this is the filter for jitter measurements.
    ///
    /// # Errors
    /// [`SignalError::Rate`] when the sample rate is below two samples per channel bit.
    pub fn equalised(sample_rate_hz: f64, channel_clock_hz: f64) -> Result<Self, SignalError> {
        Self::build(sample_rate_hz, channel_clock_hz, EQUALISER_K)
    }

    /// A filter that does nothing, for signals that went through an analogue read filter.
    #[must_use]
    pub fn through(sample_rate_hz: f64) -> Self {
        Self { taps: vec![1.0], reversed: vec![1.0], spacing: 0, sample_rate_hz, delay: 0.0 }
    }

    fn build(fs: f64, clock: f64, k: f64) -> Result<Self, SignalError> {
        super::check_rates(fs, clock)?;
        let bessel = Bessel::new();
        let cutoff = LOW_PASS_HZ_1X * clock / CHANNEL_CLOCK_HZ_1X;
        // One unit of the normalised time axis is the delay at DC.
        let unit = bessel_cutoff() / (2.0 * PI * cutoff) * fs;
        let low_pass = |t: f64| bessel.impulse(t / unit) / unit;
        let mut span = 1.0;
        while tail(&bessel, span) > TAIL {
            span += 0.05;
        }
        // The response is zero at t = 0: the first tap is that of one sample later.
        let sampled = |length: f64, h: &dyn Fn(f64) -> f64| -> Vec<f64> {
            let taps: Vec<f64> = (1..=length as usize).map(|i| h(i as f64)).collect();
            let sum: f64 = taps.iter().sum();
            taps.iter().map(|t| t / sum).collect()
        };
        let shift = 2.0 * fs / clock;
        let equalised = |t: f64| (1.0 + 2.0 * k) * low_pass(t - shift) - k * (low_pass(t) + low_pass(t - 2.0 * shift));
        let single = sampled(span * unit, &low_pass);
        let (taps, first, spacing) = if k == 0.0 {
            (single.clone(), single, 0)
        } else if (shift - shift.round()).abs() < 1e-6 {
            let spacing = shift.round() as usize;
            let mut taps = vec![0.0; single.len() + 2 * spacing];
            for (i, t) in single.iter().enumerate() {
                taps[i] -= k * t;
                taps[i + spacing] += (1.0 + 2.0 * k) * t;
                taps[i + 2 * spacing] -= k * t;
            }
            (taps, single, spacing)
        } else {
            let taps = sampled(2.0 * shift + span * unit, &equalised);
            (taps.clone(), taps, 0)
        };
        Ok(Self {
            delay: taps.iter().enumerate().map(|(i, t)| i as f64 * t).sum(),
            taps: taps.iter().map(|&t| t as f32).collect(),
            reversed: first.iter().rev().map(|&t| t as f32).collect(),
            spacing,
            sample_rate_hz: fs,
        })
    }

    /// Number of taps; the filter needs `len() - 1` samples of history.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "a filter has at least one tap")]
    pub fn len(&self) -> usize {
        self.taps.len()
    }

    /// Impulse response, one value per sample, in order of time.
    pub fn taps(&self) -> impl Iterator<Item = f32> + '_ {
        self.taps.iter().copied()
    }

    /// Delay at DC, samples.
    #[must_use]
    pub fn delay_samples(&self) -> f64 {
        self.delay
    }

    /// RMS of the output for white noise of RMS 1 at the input.
    #[must_use]
    pub fn noise_gain(&self) -> f64 {
        self.taps.iter().map(|&t| f64::from(t).powi(2)).sum::<f64>().sqrt()
    }

    fn response(&self, f_hz: f64) -> Complex {
        let w = -2.0 * PI * f_hz / self.sample_rate_hz;
        self.taps().enumerate().fold(Complex::new(0.0, 0.0), |a, (i, t)| {
            let z = Complex::new(0.0, w * i as f64).exp();
            a.plus(z.times(Complex::new(f64::from(t), 0.0)))
        })
    }

    /// Magnitude of the frequency response at `f_hz`.
    #[must_use]
    pub fn gain(&self, f_hz: f64) -> f64 {
        let h = self.response(f_hz);
        h.re.hypot(h.im)
    }

    /// Group delay at `f_hz`, seconds: Re(sum i h z / sum h z) samples, exact for a FIR.
    #[must_use]
    pub fn group_delay_s(&self, f_hz: f64) -> f64 {
        let w = -2.0 * PI * f_hz / self.sample_rate_hz;
        let weighted = self.taps().enumerate().fold(Complex::new(0.0, 0.0), |a, (i, t)| {
            let z = Complex::new(0.0, w * i as f64).exp();
            a.plus(z.times(Complex::new(f64::from(t) * i as f64, 0.0)))
        });
        weighted.over(self.response(f_hz)).re / self.sample_rate_hz
    }

    /// Filters a block: `output[i]` from `input[i..i + len()]`, oldest sample first.
    ///
    /// `input` therefore starts with `len() - 1` samples of history. Every output is summed in
    /// the same order, so the result does not depend on how a stream is cut into blocks.
    ///
    /// # Panics
    /// If `input.len() != output.len() + self.len() - 1`.
    pub fn run(&self, input: &[f32], output: &mut [f32]) {
        assert_eq!(input.len() + 1, output.len() + self.len(), "block and history do not match");
        ARCH.dispatch(Run { filter: self, input, output });
    }

    /// Computes `N` outputs together.
    #[inline(always)]
    fn run_by<const N: usize>(&self, input: &[f32], output: &mut [f32]) {
        if self.spacing == 0 {
            convolve::<N>(&self.reversed, input, output);
            return;
        }
        let mut low_passed = [0.0f32; PART + 2 * MAX_SPACING];
        let mut start = 0;
        for part in output.chunks_mut(PART) {
            let low_passed = &mut low_passed[..part.len() + 2 * self.spacing];
            let needed = low_passed.len() + self.reversed.len() - 1;
            convolve::<N>(&self.reversed, &input[start..start + needed], low_passed);
            let middle = &low_passed[self.spacing..];
            for (((y, a), b), c) in part.iter_mut().zip(&*low_passed).zip(middle).zip(&middle[self.spacing..]) {
                *y = b + EQUALISER_K as f32 * ((b - a) + (b - c));
            }
            start += part.len();
        }
    }
}

/// [`Fir::run`], compiled for the vectors of several processors. The sums are the same on all
/// of them, in the same order.
struct Run<'a> {
    filter: &'a Fir,
    input: &'a [f32],
    output: &'a mut [f32],
}

impl pulp::WithSimd for Run<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: pulp::Simd>(self, _: S) {
        let Self { filter, input, output } = self;
        // Accumulators for the registers there are (twelve of 4 lanes fit any x86-64), and
        // few outputs of a part left over.
        match S::F32_LANES {
            16 => filter.run_by::<128>(input, output),
            8 => filter.run_by::<96>(input, output),
            _ => filter.run_by::<48>(input, output),
        }
    }
}

/// `output[i]` = sum of `reversed[j] * input[i + j]`, summed in order of j.
#[inline(always)]
fn convolve<const N: usize>(reversed: &[f32], input: &[f32], output: &mut [f32]) {
    let done = convolve_lanes::<N>(reversed, input, output);
    let (input, output) = (&input[done..], &mut output[done..]);
    let done = convolve_lanes::<16>(reversed, input, output);
    convolve_lanes::<1>(reversed, &input[done..], &mut output[done..]);
}

/// Computes as many outputs as fit in whole groups of `N` and returns their number.
#[inline(always)]
fn convolve_lanes<const N: usize>(reversed: &[f32], input: &[f32], output: &mut [f32]) -> usize {
    let (groups, _) = output.as_chunks_mut::<N>();
    for (i, group) in groups.iter_mut().enumerate() {
        let mut sum = [0.0f32; N];
        for (tap, x) in reversed.iter().zip(input[i * N..].windows(N)) {
            for (s, x) in sum.iter_mut().zip(x) {
                *s = multiply_add(*tap, *x, *s);
            }
        }
        *group = sum;
    }
    groups.len() * N
}

/// Fused where the target has the instruction; elsewhere `mul_add` would be a library call.
#[inline(always)]
fn multiply_add(a: f32, b: f32, c: f32) -> f32 {
    if cfg!(target_feature = "fma") { a.mul_add(b, c) } else { a * b + c }
}

/// Integral of |h| from `u` on, approximated by the envelope of the slowest pole.
fn tail(bessel: &Bessel, u: f64) -> f64 {
    bessel.terms.iter().map(|(p, r)| 2.0 * r.re.hypot(r.im) * (p.re * u).exp() / -p.re).sum()
}

#[cfg(test)]
#[path = "filter_tests.rs"]
mod tests;
