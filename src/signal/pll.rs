//! Clock recovery: a second-order loop that runs once per edge.
//!
//! Open loop K (s + z) / s^2 with unity gain at 9 kHz (1x); the zero z sits where the closed loop
//! is 3 dB down at 1.274 times the unity-gain frequency. The gain applied at an edge is
//! proportional to the time since the last edge, so the bandwidth does not depend on the mean run
//! length: it is that of a loop in continuous time with the phase error held.
//!
//! Start: [`PRESET_EDGES`] runs give the clock frequency and phase directly, then the loop runs
//! with a wider bandwidth for [`GEARS`] edges each. The phase error of a lost clock is spread
//! evenly over one period (rms 0.289 T); a running rms above [`UNLOCK_RMS_T`] starts it again.

use core::f64::consts::TAU;

use super::{SignalError, check_rates};

/// Unity-gain frequency of the open loop at the 1x channel clock, Hz.
pub const PLL_UNITY_HZ_1X: f64 = 9e3;
/// Closed-loop -3 dB frequency over unity-gain frequency.
pub const PLL_CLOSED_LOOP_RATIO: f64 = 1.274;
/// Runs collected for the frequency preset.
pub const PRESET_EDGES: usize = 64;
/// Bandwidth factor and number of edges of each gear after the preset.
pub const GEARS: [(f64, u32); 2] = [(6.0, 300), (2.5, 400)];
/// Running rms phase error at which the clock counts as lost, T.
pub const UNLOCK_RMS_T: f64 = 0.245;

/// Rms deviation from whole T that the preset accepts: clean runs with 12 % jitter give 0.17.
const PRESET_RMS_T: f64 = 0.24;
/// Weight of one edge in the running phase error.
const ERROR_WEIGHT: f64 = 1.0 / 128.0;

/// Settings of the clock recovery.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct PllConfig {
    /// Samples per second of the time axis of the edges.
    pub sample_rate_hz: f64,
    /// Nominal channel clock, Hz.
    pub channel_clock_hz: f64,
    /// Unity-gain frequency of the open loop, Hz.
    pub unity_gain_hz: f64,
    /// Largest relative deviation from the nominal clock, acquired and held. 0.02 is the default,
    /// 0.04 the maximum (an 11T run must still be told from a 12T run).
    pub range: f64,
    /// Longest run that is not a gap, T.
    pub max_run: u8,
}

impl PllConfig {
    /// The loop of the standard, with its bandwidth scaled to the channel clock.
    #[must_use]
    pub fn new(sample_rate_hz: f64, channel_clock_hz: f64) -> Self {
        Self {
            sample_rate_hz,
            channel_clock_hz,
            unity_gain_hz: PLL_UNITY_HZ_1X * channel_clock_hz / CLOCK_1X,
            range: 0.02,
            max_run: 64,
        }
    }
}

const CLOCK_1X: f64 = super::CHANNEL_CLOCK_HZ_1X;

/// An edge with its place in the recovered clock.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ClockedEdge {
    /// Length of the run that ends here, T; 0 when the clock was lost in between.
    pub length: u8,
    /// Edge minus nearest clock edge, T, -0.5 to 0.5; positive is late. A run shorter than half a
    /// T counts as 1T, with an error down to -1.5.
    pub error: f32,
    /// Time since the last edge, T (unrounded).
    pub width: f32,
}

/// State of the loop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PllState {
    /// No clock: runs are collected for the preset and not given out.
    Acquiring,
    /// Clock present, loop still in a fast gear.
    Settling,
    /// Standard bandwidth.
    Locked,
}

/// The clock recovery loop.
#[derive(Clone, Debug)]
pub struct Pll {
    nominal: f64,
    /// Clock, T per sample.
    clock: f64,
    range: f64,
    max_run: f64,
    /// Proportional and integral gain per T of run length, standard bandwidth.
    base: (f64, f64),
    /// The same in the present gear, the integral gain in units of `clock`.
    gain: (f64, f64),
    /// Phase of the last edge relative to the clock, after its correction, T.
    phase: f64,
    last: f64,
    gear: usize,
    left: u32,
    /// Running mean of the squared phase error, T^2.
    error2: f64,
    state: PllState,
    collected: Vec<f64>,
    lost: usize,
}

impl Pll {
    /// A loop that has not seen an edge yet.
    ///
    /// # Errors
    /// [`SignalError::Rate`] and [`SignalError::Parameter`] for values that cannot work.
    pub fn new(config: &PllConfig) -> Result<Self, SignalError> {
        check_rates(config.sample_rate_hz, config.channel_clock_hz)?;
        let bad = |name, value, range| Err(SignalError::Parameter { name, value, range });
        let unity = config.unity_gain_hz / config.channel_clock_hz;
        if !(unity > 0.0 && unity <= 1e-3) {
            return bad("unity_gain_hz", config.unity_gain_hz, "up to 1/1000 of the clock");
        }
        if !(config.range > 0.0 && config.range <= 0.04) {
            return bad("range", config.range, "above 0, up to 0.04");
        }
        if config.max_run < 14 {
            return bad("max_run", config.max_run.into(), "14 or more");
        }
        let (kp, ki) = loop_gains();
        let unity = TAU * unity;
        let clock = config.channel_clock_hz / config.sample_rate_hz;
        Ok(Self {
            nominal: clock,
            clock,
            range: config.range,
            max_run: f64::from(config.max_run) + 0.5,
            base: (kp * unity, ki * unity * unity),
            gain: (0.0, 0.0),
            phase: 0.0,
            last: f64::NAN,
            gear: 0,
            left: 0,
            error2: 0.0,
            state: PllState::Acquiring,
            collected: Vec::with_capacity(PRESET_EDGES),
            lost: 0,
        })
    }

    /// Recovered channel clock over the sample rate, T per sample.
    #[must_use]
    pub fn clock(&self) -> f64 {
        self.clock
    }

    /// State of the loop.
    #[must_use]
    pub fn state(&self) -> PllState {
        self.state
    }

    /// Running rms of the phase error, T.
    #[must_use]
    pub fn error_rms(&self) -> f64 {
        self.error2.sqrt()
    }

    /// How often the clock was lost after it had been found, gaps in the signal included.
    #[must_use]
    pub fn lost(&self) -> usize {
        self.lost
    }

    /// Takes the next edge at `time` (samples, any origin, increasing).
    ///
    /// The first edge with a clock has length 0, and so has the first one after each loss.
    #[inline]
    pub fn edge(&mut self, time: f64) -> Option<ClockedEdge> {
        if self.state == PllState::Acquiring {
            return self.acquire(time);
        }
        let width = (time - self.last) * self.clock;
        self.last = time;
        if width > self.max_run {
            return Some(self.gap());
        }
        let x = self.phase + width;
        let whole = nearest(x);
        if whole < 2.0 {
            return Some(self.glitch(x, width));
        }
        let error = x - whole;
        self.phase = error - (self.gain.0 * whole) * error;
        self.clock -= (self.gain.1 * whole) * error;
        self.error2 += ERROR_WEIGHT * (error * error - self.error2);
        self.left = self.left.wrapping_sub(1);
        if self.left == 0 {
            self.check();
        }
        Some(ClockedEdge { length: whole as u8, error: error as f32, width: width as f32 })
    }

    /// A run shorter than any of the code counts for the lock, but says little about the clock.
    #[cold]
    fn glitch(&mut self, x: f64, width: f64) -> ClockedEdge {
        let error = x - 1.0;
        self.phase = error;
        self.error2 += ERROR_WEIGHT * (error * error - self.error2);
        self.left = self.left.wrapping_sub(1);
        if self.left == 0 {
            self.check();
        }
        let (error, width) = (error as f32, width as f32);
        ClockedEdge { length: 1, error, width }
    }

    /// Every few hundred edges: next gear, range and lock.
    #[cold]
    fn check(&mut self) {
        self.left = 64;
        if (self.clock / self.nominal - 1.0).abs() > self.range || self.error2 > UNLOCK_RMS_T * UNLOCK_RMS_T {
            self.state = PllState::Acquiring;
            self.clock = self.nominal;
            self.collected.clear();
            self.lost += 1;
        } else if self.state == PllState::Settling {
            self.gear += 1;
            self.shift();
        }
    }

    fn shift(&mut self) {
        let (factor, edges) = GEARS.get(self.gear).copied().unwrap_or((1.0, 64));
        self.state = if factor > 1.0 { PllState::Settling } else { PllState::Locked };
        self.gain = (self.base.0 * factor, self.base.1 * factor * factor * self.nominal);
        self.left = edges;
    }

    /// After a gap the frequency is still good, but not the phase.
    #[cold]
    fn gap(&mut self) -> ClockedEdge {
        self.phase = 0.0;
        self.lost += 1;
        self.gear = 0;
        self.shift();
        ClockedEdge { length: 0, error: 0.0, width: 0.0 }
    }

    #[cold]
    fn acquire(&mut self, time: f64) -> Option<ClockedEdge> {
        let width = time - self.last;
        self.last = time;
        if width.is_nan() || width * self.nominal > self.max_run {
            self.collected.clear();
            return None;
        }
        self.collected.push(width);
        if self.collected.len() < PRESET_EDGES {
            return None;
        }
        let found = preset(&self.collected, self.nominal, self.range);
        self.collected.clear();
        let (clock, phase, rms) = found?;
        self.clock = clock;
        self.phase = phase;
        self.error2 = rms * rms;
        self.gear = 0;
        self.shift();
        Some(ClockedEdge { length: 0, error: 0.0, width: 0.0 })
    }
}

/// Clock, phase of the last edge and rms phase error from consecutive run widths in samples.
fn preset(widths: &[f64], nominal: f64, range: f64) -> Option<(f64, f64, f64)> {
    let mut clock = nominal;
    // Short runs first: their length is right even with the nominal clock far off.
    for longest in [6.5, 11.5, 20.5] {
        let (mut time, mut bits) = (0.0, 0.0);
        for w in widths.iter().filter(|&w| w * clock < longest) {
            time += w;
            bits += nearest(w * clock).max(1.0);
        }
        if bits >= 50.0 {
            clock = bits / time;
        }
    }
    if (clock / nominal - 1.0).abs() > range {
        return None;
    }
    // Runs add up, so each edge has a place in one grid: its mean offset is the phase.
    let mut offset = 0.0;
    let offsets: Vec<f64> = widths
        .iter()
        .map(|w| {
            let x = w * clock;
            offset += x - nearest(x);
            offset
        })
        .collect();
    let count = offsets.len() as f64;
    let mean = offsets.iter().sum::<f64>() / count;
    let rms = (offsets.iter().map(|o| (o - mean).powi(2)).sum::<f64>() / count).sqrt();
    (rms < PRESET_RMS_T).then_some((clock, offset - mean, rms))
}

/// Round to nearest; the libm call of `f64::round` would cost as much as the loop.
#[inline(always)]
fn nearest(x: f64) -> f64 {
    const MAGIC: f64 = 6_755_399_441_055_744.0; // 1.5 * 2^52
    (x + MAGIC) - MAGIC
}

/// kp and ki for unity gain at 1 rad/s and -3 dB at [`PLL_CLOSED_LOOP_RATIO`].
///
/// With zero z: kp = 1 / sqrt(1 + z^2), ki = z kp, and |H|^2 = 1/2 at x where
/// 2 (kp^2 x^2 + ki^2) = (ki - x^2)^2 + kp^2 x^2; the zero is found by bisection (0.35).
fn loop_gains() -> (f64, f64) {
    let x2 = PLL_CLOSED_LOOP_RATIO * PLL_CLOSED_LOOP_RATIO;
    let gains = |z: f64| {
        let kp = 1.0 / (1.0 + z * z).sqrt();
        (kp, z * kp)
    };
    let (mut low, mut high) = (0.0, 1.0);
    for _ in 0..50 {
        let z = 0.5 * (low + high);
        let (kp, ki) = gains(z);
        if kp * kp * x2 + 2.0 * ki * ki < (ki - x2) * (ki - x2) { low = z } else { high = z }
    }
    gains(0.5 * (low + high))
}

#[cfg(test)]
#[path = "pll_tests.rs"]
mod tests;
