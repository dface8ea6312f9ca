//! Random numbers that depend only on the seed and on what they are for.
//!
//! A stream is addressed by its purpose and two numbers (an acquisition and a
//! place in it, say), so that results don't depend on threads, on the size of
//! buffers, or on what was asked before.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use rand_distr::{Distribution, StandardNormal};

/// What a stream is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub(crate) enum Purpose {
    /// Electronics, laser and shot noise of one stretch of samples.
    Samples = 1,
    /// Noise of the medium itself: the same at every reading.
    Medium = 2,
    /// Deviations of mark edges when they are written.
    Edges = 3,
    /// Where seeks land, start phases of runout.
    Mechanics = 4,
    /// The monitor diode.
    Monitor = 5,
}

/// The root of all streams of one disc and bench.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Noise {
    seed: u64,
}

impl Noise {
    pub(crate) const fn new(seed: u64) -> Self {
        Self { seed }
    }

    /// The stream for a purpose and two numbers.
    pub(crate) fn stream(self, purpose: Purpose, a: u64, b: u64) -> Stream {
        let mut key = [0; 32];
        key[..8].copy_from_slice(&self.seed.to_le_bytes());
        key[8..12].copy_from_slice(&(purpose as u32).to_le_bytes());
        key[16..24].copy_from_slice(&a.to_le_bytes());
        key[24..32].copy_from_slice(&b.to_le_bytes());
        Stream(ChaCha8Rng::from_seed(key))
    }
}

/// One stream of normal deviates.
#[derive(Debug)]
pub(crate) struct Stream(ChaCha8Rng);

impl Stream {
    /// A standard normal deviate (ziggurat: tails as far as f32 goes).
    #[inline]
    pub(crate) fn normal(&mut self) -> f32 {
        StandardNormal.sample(&mut self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_repeat_and_differ() {
        let noise = Noise::new(7);
        let take = |p, a, b| {
            let mut s = noise.stream(p, a, b);
            [s.normal(), s.normal(), s.normal()]
        };
        let base = take(Purpose::Samples, 1, 2);
        assert_eq!(base, take(Purpose::Samples, 1, 2));
        assert_ne!(base, take(Purpose::Samples, 2, 2));
        assert_ne!(base, take(Purpose::Samples, 1, 3));
        assert_ne!(base, take(Purpose::Medium, 1, 2));
        assert_ne!(base, {
            let mut s = Noise::new(8).stream(Purpose::Samples, 1, 2);
            [s.normal(), s.normal(), s.normal()]
        });
    }

    #[test]
    fn deviates_are_normal_out_to_four_and_a_half_sigma() {
        let mut stream = Noise::new(1).stream(Purpose::Samples, 0, 0);
        let n = 4_000_000;
        let (mut sum, mut squares, mut tail3, mut tail45) = (0.0, 0.0, 0, 0);
        for _ in 0..n {
            let x = f64::from(stream.normal());
            sum += x;
            squares += x * x;
            tail3 += usize::from(x.abs() > 3.0);
            tail45 += usize::from(x.abs() > 4.5);
        }
        let n = f64::from(n);
        assert!((sum / n).abs() < 0.003 && (squares / n - 1.0).abs() < 0.005);
        // P(|x| > 3) = 2.700e-3, P(|x| > 4.5) = 6.80e-6.
        assert!((f64::from(u32::try_from(tail3).unwrap()) / n / 2.700e-3 - 1.0).abs() < 0.05);
        assert!((10..=50).contains(&tail45), "{tail45} where 27 are expected");
    }
}
