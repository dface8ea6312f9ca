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
    /// Edge minus nearest clock edge, T, -0.5 to 0.5; positive is late.
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
            return bad(
                "unity_gain_hz",
                config.unity_gain_hz,
                "up to 1/1000 of the clock",
            );
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
        let whole = nearest(x).max(1.0);
        let error = x - whole;
        // A glitch shorter than any run of the code says little about the clock.
        let weight = if whole < 2.0 { 0.0 } else { whole };
        self.phase = error - self.gain.0 * weight * error;
        self.clock -= self.nominal * self.gain.1 * weight * error;
        self.error2 += ERROR_WEIGHT * (error * error - self.error2);
        self.left = self.left.wrapping_sub(1);
        if self.left == 0 {
            self.check();
        }
        Some(ClockedEdge {
            length: whole as u8,
            error: error as f32,
            width: width as f32,
        })
    }

    /// Every few hundred edges: next gear, range and lock.
    #[cold]
    fn check(&mut self) {
        self.left = 64;
        if (self.clock / self.nominal - 1.0).abs() > self.range
            || self.error2 > UNLOCK_RMS_T * UNLOCK_RMS_T
        {
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
        self.state = if factor > 1.0 {
            PllState::Settling
        } else {
            PllState::Locked
        };
        self.gain = (self.base.0 * factor, self.base.1 * factor * factor);
        self.left = edges;
    }

    /// After a gap the frequency is still good, but not the phase.
    #[cold]
    fn gap(&mut self) -> ClockedEdge {
        self.phase = 0.0;
        self.lost += 1;
        self.gear = 0;
        self.shift();
        ClockedEdge {
            length: 0,
            error: 0.0,
            width: 0.0,
        }
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
        Some(ClockedEdge {
            length: 0,
            error: 0.0,
            width: 0.0,
        })
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
        if bits < 50.0 {
            return None;
        }
        clock = bits / time;
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
        if kp * kp * x2 + 2.0 * ki * ki < (ki - x2) * (ki - x2) {
            low = z
        } else {
            high = z
        }
    }
    gains(0.5 * (low + high))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;
    use rand_distr::{Distribution, Normal};

    const FS: f64 = 104.625e6;
    const CLOCK: f64 = 26.15625e6;

    fn pll() -> Pll {
        Pll::new(&PllConfig::new(FS, CLOCK)).unwrap()
    }

    #[test]
    fn zero_position() {
        let (kp, ki) = loop_gains();
        assert!((kp.hypot(ki) - 1.0).abs() < 1e-12);
        let x2: f64 = 1.274 * 1.274;
        let h2 = (kp * kp * x2 + ki * ki) / ((ki - x2).powi(2) + kp * kp * x2);
        assert!((h2 - 0.5).abs() < 1e-6);
        assert!((0.33..0.38).contains(&(ki / kp)), "{}", ki / kp);
    }

    /// Amplitude of the clock phase over that of a sine-modulated signal phase at `f`.
    fn transfer(f: f64, mean_run: u32) -> f64 {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let (mut pll, mut bits, amplitude) = (pll(), 0.0, 0.05);
        let (mut re, mut im, mut n) = (0.0, 0.0, 0.0);
        let start = 200_000.0;
        let periods = (f / CLOCK * 4e6).ceil();
        while bits < start + periods * CLOCK / f {
            let run = if mean_run == 3 {
                3
            } else {
                rng.random_range(3..=2 * mean_run - 3)
            };
            bits += f64::from(run);
            let w = TAU * f / CLOCK * bits;
            let Some(edge) = pll.edge((bits + amplitude * w.sin()) * 4.0) else {
                continue;
            };
            if bits >= start {
                // Weighted with the run, as the loop is: the clock is the edge minus the error.
                let clock = amplitude * w.sin() - f64::from(edge.error);
                re += clock * w.sin() * f64::from(run);
                im += clock * w.cos() * f64::from(run);
                n += f64::from(run);
            }
        }
        assert_eq!((pll.state(), pll.lost()), (PllState::Locked, 0));
        re.hypot(im) * 2.0 / n / amplitude
    }

    #[test]
    fn jitter_transfer_is_3_db_down_at_1_274_times_9_khz() {
        for mean_run in [3, 5, 7] {
            let h = 20.0 * transfer(1.274 * 9e3, mean_run).log10();
            assert!((h + 3.01).abs() < 0.15, "{mean_run}: {h} dB");
            let (kp, ki) = loop_gains();
            for f in [2e3, 5e3, 9e3, 25e3, 60e3] {
                let x2: f64 = (f / 9e3f64).powi(2);
                let ideal = ((kp * kp * x2 + ki * ki) / ((ki - x2).powi(2) + kp * kp * x2)).sqrt();
                let h = transfer(f, mean_run);
                assert!(
                    (h / ideal - 1.0).abs() < 0.03,
                    "{mean_run} {f}: {h} {ideal}"
                );
            }
        }
    }

    #[test]
    fn locks_to_clocks_off_by_one_percent_within_200_us() {
        let jitter = Normal::new(0.0, 0.10).unwrap();
        for offset in [-0.018, -0.01, -0.001, 0.0, 0.001, 0.01, 0.018] {
            let mut rng = ChaCha8Rng::seed_from_u64(2);
            let (mut pll, mut bits, mut locked) = (pll(), 0.0, None);
            let mut wrong = 0;
            while bits < 40_000.0 {
                let run = *[3, 3, 4, 4, 5, 6, 7, 8, 11, 14]
                    .get(rng.random_range(0..10))
                    .unwrap();
                bits += f64::from(run);
                let edge = pll.edge((bits + jitter.sample(&mut rng)) * 4.0 / (1.0 + offset));
                if pll.state() == PllState::Locked {
                    locked.get_or_insert(bits / CLOCK);
                }
                wrong += usize::from(edge.is_some_and(|e| ![0, run].contains(&e.length)));
            }
            let locked = locked.unwrap();
            assert!(locked < 200e-6, "{offset}: {locked} s");
            assert!((pll.clock() * 4.0 / (1.0 + offset) - 1.0).abs() < 1e-4);
            assert_eq!((wrong, pll.lost()), (0, 0), "{offset}");
        }
    }

    #[test]
    fn random_edges_do_not_lock() {
        let mut rng = ChaCha8Rng::seed_from_u64(3);
        let (mut pll, mut t, mut given) = (pll(), 0.0, 0);
        for _ in 0..50_000 {
            t += rng.random_range(8.0..45.0);
            given += usize::from(pll.edge(t).is_some());
        }
        assert!(given < 2_500, "{given}");
    }

    #[test]
    fn a_gap_gives_a_zero_and_the_lengths_go_on() {
        let (mut pll, mut lengths) = (pll(), Vec::new());
        for i in 0..2000 {
            let gap = if i >= 1000 { 403.3 * 4.0 } else { 0.0 };
            lengths.extend(pll.edge(f64::from(i) * 20.0 + gap).map(|e| e.length));
        }
        assert_eq!(lengths.iter().filter(|&&l| l == 0).count(), 2);
        assert_eq!(lengths[0], 0);
        assert_eq!(
            lengths.iter().filter(|&&l| l == 5).count(),
            lengths.len() - 2
        );
        assert_eq!(pll.lost(), 1);
    }

    #[test]
    fn refuses_what_cannot_work() {
        let config = PllConfig::new(FS, CLOCK);
        assert!(
            Pll::new(&PllConfig {
                range: 0.2,
                ..config.clone()
            })
            .is_err()
        );
        assert!(
            Pll::new(&PllConfig {
                unity_gain_hz: f64::NAN,
                ..config.clone()
            })
            .is_err()
        );
        assert!(
            Pll::new(&PllConfig {
                max_run: 11,
                ..config
            })
            .is_err()
        );
    }
}
