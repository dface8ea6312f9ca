//! Slicer: an integrating feedback comparator that holds the duty cycle at one half.
//!
//! The channel code has no DC content, so the level that the signal exceeds half of the time is
//! the decision level. A first-order loop integrates the comparator's output; it is closed at
//! 5 kHz at the 1x channel clock. The loop works on blocks of [`BLOCK`] samples with a constant
//! threshold: comparison gives a bit mask, the set bits of `mask ^ (mask << 1)` the crossings, and
//! the population count, corrected by where the crossings lie between two samples, the duty cycle.
//!
//! How strongly the duty cycle reacts to the threshold depends on the amplitude and the shape of
//! the signal: d(duty)/d(threshold) is minus the density of the signal at the threshold, that is
//! the sum of 1/|slope| over the crossings. The loop gain is divided by this density, so its
//! bandwidth is the nominal one at any amplitude.

use super::SignalError;

/// Samples with a constant threshold.
pub const BLOCK: usize = 64;
/// Closed-loop bandwidth of the slicer at the 1x channel clock, Hz.
pub const SLICER_HZ_1X: f64 = 5e3;

/// Blocks after the start in which the loop runs faster.
const FAST_BLOCKS: u32 = 48;
/// How much faster.
const FAST_GAIN: f32 = 8.0;
/// Part of the long-term amplitude below which the signal counts as absent.
const DROPOUT: f32 = 0.15;
/// The amplitude is estimated on one block of this many.
const AMPLITUDE_EVERY: u32 = 8;
/// Ratio of 1 / (2 density at the middle) to mean |x| for a sine.
const SINE: f32 = (core::f64::consts::PI * core::f64::consts::PI / 4.0) as f32;

/// A transition of the sliced signal.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Edge {
    /// Time in samples relative to the first sample of the block, -1 to 63.
    pub offset: f32,
    /// True for a transition from low to high.
    pub rising: bool,
}

/// The comparator with its feedback loop.
#[derive(Clone, Debug)]
pub struct Slicer {
    threshold: f32,
    /// Threshold of the block after the next: one block late, so that the processor need not wait
    /// for the result of a block before it starts the next one.
    upcoming: f32,
    /// Loop constant per sample, 2 pi f / fs.
    rate: f32,
    min_amplitude: f32,
    previous: f32,
    high: bool,
    /// Density of the signal at the threshold, per count.
    density: f32,
    /// Mean |signal - threshold|, counts.
    amplitude: f32,
    /// The same over a much longer time.
    reference: f32,
    blocks: u32,
}

impl Slicer {
    /// A slicer with closed-loop bandwidth `bandwidth_hz` (first order, -3 dB).
    ///
    /// Below a mean deviation of `min_amplitude` counts from the threshold, or 15 % of the
    /// deviation of the last millisecond, it gives no edges: the threshold of a dead signal would
    /// chatter with the period of the blocks and look like a clean carrier.
    ///
    /// # Errors
    /// [`SignalError::Parameter`] when the bandwidth is not within 0 to 1/2000 of the sample rate
    /// (the loop updates once per block) or `min_amplitude` is negative.
    pub fn new(sample_rate_hz: f64, bandwidth_hz: f64, min_amplitude: f32) -> Result<Self, SignalError> {
        if !(bandwidth_hz > 0.0 && bandwidth_hz * 2000.0 <= sample_rate_hz) {
            let (name, range) = ("slicer_hz", "above 0, up to 1/2000 of the sample rate");
            return Err(SignalError::Parameter { name, value: bandwidth_hz, range });
        }
        if !(min_amplitude >= 0.0 && min_amplitude.is_finite()) {
            let (name, range) = ("min_amplitude", "0 or more");
            return Err(SignalError::Parameter { name, value: min_amplitude.into(), range });
        }
        Ok(Self {
            threshold: 0.0,
            upcoming: 0.0,
            rate: (core::f64::consts::TAU * bandwidth_hz / sample_rate_hz) as f32,
            min_amplitude,
            previous: 0.0,
            high: false,
            density: 0.0,
            amplitude: 0.0,
            reference: 0.0,
            blocks: 0,
        })
    }

    /// Decision level, in units of the samples.
    #[must_use]
    pub fn threshold(&self) -> f32 {
        self.threshold
    }

    /// Running mean of |sample - threshold|, in units of the samples.
    #[must_use]
    pub fn amplitude(&self) -> f32 {
        self.amplitude
    }

    /// False while the signal is too small to be sliced.
    #[must_use]
    pub fn is_present(&self) -> bool {
        self.amplitude > self.min_amplitude.max(DROPOUT * self.reference)
    }

    /// Slices one block of up to [`BLOCK`] samples and passes the edges to `sink`.
    ///
    /// All blocks but the last one of a capture should have [`BLOCK`] samples.
    ///
    /// # Panics
    /// If the block is empty or longer than [`BLOCK`].
    #[inline]
    pub fn slice(&mut self, block: &[f32], mut sink: impl FnMut(Edge)) {
        assert!((1..=BLOCK).contains(&block.len()), "block of {} samples", block.len());
        let len = block.len() as f32;
        if self.blocks == 0 {
            self.threshold = block.iter().sum::<f32>() / len;
            self.upcoming = self.threshold;
            self.previous = block[0];
            self.high = block[0] > self.threshold;
        }
        let s = self.threshold;
        let mask = compare(block, s);
        let fast = self.blocks < FAST_BLOCKS;
        if fast || self.blocks.is_multiple_of(AMPLITUDE_EVERY) {
            let (weight, slow) = if fast { (0.125, 0.125) } else { (0.25, 1.0 / 256.0) };
            self.amplitude += weight * (mean_deviation(block, s) - self.amplitude);
            self.reference += slow * (self.amplitude - self.reference);
        }
        let present = self.is_present();
        let mut changes = mask ^ ((mask << 1) | u64::from(self.high));
        if block.len() < BLOCK {
            changes &= (1 << block.len()) - 1;
        }
        let mut inverse_slopes = 0.0;
        let mut high_time = mask.count_ones() as f32;
        while changes != 0 {
            let i = changes.trailing_zeros() as usize;
            changes &= changes - 1;
            let before = if i == 0 { self.previous } else { block[i - 1] };
            // A threshold that moved between the blocks can leave both samples on one side.
            let step = block[i] - before;
            let inverse = if step == 0.0 { 0.0 } else { 1.0 / step };
            inverse_slopes += inverse.abs();
            let fraction = ((s - before) * inverse).clamp(0.0, 1.0);
            let rising = mask >> i & 1 != 0;
            // Counted samples give the duty to one sample per edge. With a clean signal sampled
            // in step with its clock all edges would sit at the same place between two samples,
            // and the loop would not see a threshold that is off by less.
            high_time += if rising { 0.5 - fraction } else { fraction - 0.5 };
            if present {
                let offset = i as f32 - 1.0 + fraction;
                sink(Edge { offset, rising });
            }
        }
        self.high = mask >> (block.len() - 1) & 1 != 0;
        self.previous = block[block.len() - 1];
        self.feed_back(high_time, len, inverse_slopes, fast);
        self.blocks = self.blocks.saturating_add(1);
    }

    fn feed_back(&mut self, high_time: f32, len: f32, inverse_slopes: f32, fast: bool) {
        let weight = if fast { 1.0 / 16.0 } else { 1.0 / 128.0 };
        self.density += weight * (inverse_slopes / len - self.density);
        // A square wave has no density at the middle: the amplitude limits the gain.
        let by_amplitude = SINE * self.amplitude;
        let gain = if self.density * by_amplitude > 1e-3 {
            (0.5 / self.density).clamp(0.3 * by_amplitude, 3.0 * by_amplitude)
        } else {
            by_amplitude
        };
        let speed = if fast { FAST_GAIN } else { 1.0 };
        self.threshold = self.upcoming;
        self.upcoming += speed * self.rate * gain * (2.0 * high_time - len);
    }
}

/// Bit i is set when sample i is above the threshold.
#[inline]
fn compare(block: &[f32], threshold: f32) -> u64 {
    let mut above = [0u8; BLOCK];
    if let Ok(block) = <&[f32; BLOCK]>::try_from(block) {
        for (a, x) in above.iter_mut().zip(block) {
            *a = u8::from(*x > threshold);
        }
    } else {
        for (a, x) in above.iter_mut().zip(block) {
            *a = u8::from(*x > threshold);
        }
    }
    let mut mask = 0;
    for (i, bytes) in above.as_chunks::<8>().0.iter().enumerate() {
        // Gathers the lowest bit of each byte into the top byte.
        let gathered = u64::from_le_bytes(*bytes).wrapping_mul(0x0102_0408_1020_4080) >> 56;
        mask |= gathered << (8 * i);
    }
    mask
}

/// Mean |x - level| with independent lanes, which vectorises.
#[inline]
fn mean_deviation(block: &[f32], level: f32) -> f32 {
    let mut lanes = [0.0f32; 16];
    for part in block.chunks(16) {
        for (lane, x) in lanes.iter_mut().zip(part) {
            *lane += (x - level).abs();
        }
    }
    lanes.iter().sum::<f32>() / block.len() as f32
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::f64::consts::TAU;

    const FS: f64 = 104.625e6;

    /// 4.5T carrier (a period that never fits the blocks) of amplitude `a` around `dc(time)`.
    fn run(slicer: &mut Slicer, from: usize, blocks: usize, a: f64, dc: impl Fn(f64) -> f64) -> Vec<f32> {
        let mut thresholds = Vec::new();
        for b in from..from + blocks {
            let block: Vec<f32> = (b * BLOCK..(b + 1) * BLOCK)
                .map(|i| (dc(i as f64 / FS) + a * (TAU * i as f64 / 36.37).sin()) as f32)
                .collect();
            slicer.slice(&block, |_| ());
            thresholds.push(slicer.threshold());
        }
        thresholds
    }

    #[test]
    fn step_response_has_a_time_constant_of_5_khz_at_any_amplitude() {
        for amplitude in [200.0, 12_000.0] {
            let mut slicer = Slicer::new(FS, SLICER_HZ_1X, 8.0).unwrap();
            run(&mut slicer, 0, 2000, amplitude, |_| 100.0);
            assert!((f64::from(slicer.threshold()) - 100.0).abs() < 0.005 * amplitude);
            let step = 0.1 * amplitude;
            let response = run(&mut slicer, 2000, 600, amplitude, |_| 100.0 + step);
            // The area above an exponential approach is its time constant; block 1 starts at 0.
            let missing = |t: &f32| 1.0 - (f64::from(*t) - 100.0) / step;
            let blocks = 1.0 + response.iter().map(missing).sum::<f64>();
            let tau = blocks * BLOCK as f64 / FS;
            let bandwidth = 1.0 / (TAU * tau);
            assert!((bandwidth - 5e3).abs() < 200.0, "{amplitude}: {bandwidth} Hz");
        }
    }

    #[test]
    fn follows_a_slow_level_with_3_db_at_5_khz() {
        let mut slicer = Slicer::new(FS, SLICER_HZ_1X, 8.0).unwrap();
        let dc = |t: f64| 300.0 * (TAU * 5e3 * t).sin();
        run(&mut slicer, 0, 3270, 5000.0, dc);
        let t = run(&mut slicer, 3270, 3270, 5000.0, dc);
        let (mut re, mut im) = (0.0, 0.0);
        for (i, &v) in t.iter().enumerate() {
            // The threshold after a block is used in the next one.
            let phase = TAU * 5e3 * ((3270 + i) * BLOCK) as f64 / FS;
            re += f64::from(v) * phase.sin();
            im += f64::from(v) * phase.cos();
        }
        let gain = re.hypot(im) * 2.0 / t.len() as f64 / 300.0;
        assert!((20.0 * gain.log10() + 3.01).abs() < 0.3, "{gain}");
    }

    #[test]
    fn crossings_are_those_of_the_sine() {
        let mut slicer = Slicer::new(FS, SLICER_HZ_1X, 8.0).unwrap();
        run(&mut slicer, 0, 2000, 5000.0, |_| 0.0);
        let mut worst: f64 = 0.0;
        for b in 2000..2100 {
            let block: Vec<f32> =
                (b * BLOCK..(b + 1) * BLOCK).map(|i| (5000.0 * (TAU * i as f64 / 36.37).sin()) as f32).collect();
            slicer.slice(&block, |edge| {
                let t = (b * BLOCK) as f64 + f64::from(edge.offset);
                let half_periods = t / 36.37 * 2.0;
                assert_eq!(edge.rising, half_periods.round() as i64 % 2 == 0);
                worst = worst.max((half_periods - half_periods.round()).abs() * 36.37 / 2.0);
            });
        }
        assert!(worst < 0.04, "{worst} samples");
    }

    #[test]
    fn sees_small_offsets_of_a_signal_sampled_in_step_with_its_clock() {
        let mut slicer = Slicer::new(FS, SLICER_HZ_1X, 8.0).unwrap();
        for b in 0..4000 {
            let block: Vec<f32> = (b * BLOCK..(b + 1) * BLOCK)
                .map(|i| (100.0 + 5000.0 * (TAU * (i as f64 + 0.3) / 40.0).sin()) as f32)
                .collect();
            slicer.slice(&block, |_| ());
        }
        assert!((slicer.threshold() - 100.0).abs() < 40.0, "{}", slicer.threshold());
    }

    #[test]
    fn dead_signals_give_no_edges() {
        for level in [0.0, 1234.0] {
            let mut slicer = Slicer::new(FS, SLICER_HZ_1X, 8.0).unwrap();
            for _ in 0..3000 {
                slicer.slice(&[level; BLOCK], |edge| panic!("{edge:?}"));
            }
        }
    }

    #[test]
    fn comparison_mask() {
        let block: Vec<f32> = (0..64).map(|i| ((i * 37) % 11) as f32).collect();
        for len in [1, 8, 13, 64] {
            let mask = compare(&block[..len], 5.0);
            for (i, x) in block[..len].iter().enumerate() {
                assert_eq!(mask >> i & 1 != 0, *x > 5.0);
            }
        }
    }

    #[test]
    fn refuses_a_loop_faster_than_its_blocks() {
        assert!(Slicer::new(FS, 1e6, 0.0).is_err());
        assert!(Slicer::new(FS, f64::NAN, 0.0).is_err());
    }
}
