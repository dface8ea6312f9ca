//! Random numbers that depend only on the seed and on what they are for.
//!
//! A stream is addressed by its purpose and two numbers (an acquisition and a
//! place in it, say), so that results don't depend on threads, on the size of
//! buffers, or on what was asked before. A deviate takes exactly one random word:
//! a stream can be entered at any place.

use std::sync::LazyLock;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

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
    /// Defects of a disc drawn at random.
    Defects = 6,
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
    /// The next standard normal deviate; none is beyond 6.2.
    #[inline]
    pub(crate) fn normal(&mut self) -> f32 {
        deviates(&QUANTILES, &[self.0.next_u32()])[0]
    }

    /// The next number, evenly from 0 to 1.
    pub(crate) fn uniform(&mut self) -> f64 {
        f64::from(self.0.next_u32()) / f64::from(u32::MAX)
    }

    /// Fills `out` with the deviates from number `place` of the stream on.
    #[inline(always)]
    pub(crate) fn fill(&mut self, place: u64, out: &mut [f32]) {
        // To go anywhere costs some blocks of the generator.
        if self.0.get_word_pos() != u128::from(place) {
            self.0.set_word_pos(place.into());
        }
        let segments: &Segments = &QUANTILES;
        let mut bytes = [0; 4 * TOGETHER];
        for part in out.chunks_mut(TOGETHER) {
            let bytes = &mut bytes[..4 * part.len()];
            self.0.fill_bytes(bytes);
            let mut words = [0; TOGETHER];
            for (word, bytes) in words.iter_mut().zip(bytes.as_chunks().0) {
                *word = u32::from_le_bytes(*bytes);
            }
            part.copy_from_slice(&deviates(segments, &words)[..part.len()]);
        }
    }
}

/// Words that are made deviates together: a block of the generator.
const TOGETHER: usize = 64;

/// Segments of each octave of the tail's probability, as a power of two.
const OCTAVE_BITS: u32 = 5;

/// Bits of a number's place in its segment.
const REST: u32 = f32::MANTISSA_DIGITS - 1 - OCTAVE_BITS;

/// Octaves from the probability 1/2 down to 2^-32.
const OCTAVES: usize = 31;

/// Segments of all octaves, and room up to a power of two.
const SEGMENTS: usize = (OCTAVES + 1) << OCTAVE_BITS;

/// Value at the start of each segment, and its slope.
type Segments = [[f32; 2]; SEGMENTS];

/// The quantiles of the normal distribution, linear between places that lie the
/// closer the farther out in the tail: off by less than 1e-4 everywhere.
static QUANTILES: LazyLock<Box<Segments>> = LazyLock::new(|| {
    let parts = 1 << OCTAVE_BITS;
    let mut segments = Box::new([[0.0; 2]; SEGMENTS]);
    let mut after = 0.0;
    // From the middle outwards, each quantile found from the one before.
    for place in (0..OCTAVES * parts).rev() {
        let part = 1.0 + (place % parts) as f64 / parts as f64;
        let value = quantile(part * 2f64.powi((place / parts) as i32 - 32), after);
        segments[place] = [value as f32, ((after - value) / f64::from(1 << REST)) as f32];
        after = value;
    }
    segments
});

/// The deviates of random words: of each one bit for the sign, the others for how far out.
#[inline(always)]
fn deviates<const N: usize>(segments: &Segments, words: &[u32; N]) -> [f32; N] {
    // Each loop does one thing, so that all but the look-up take many at once.
    let mut tails = [0; N];
    for (tail, word) in tails.iter_mut().zip(words) {
        // As a float, a number says its octave and its place in it.
        *tail = ((word >> 1).max(1).cast_signed() as f32).to_bits() - 1f32.to_bits();
    }
    let mut found = [[0.0; 2]; N];
    for (found, tail) in found.iter_mut().zip(&tails) {
        *found = segments[(tail >> REST) as usize % SEGMENTS];
    }
    let mut out = [0.0; N];
    for (((out, [value, slope]), tail), word) in out.iter_mut().zip(&found).zip(&tails).zip(words) {
        let distance: f32 = value + slope * (tail & ((1 << REST) - 1)).cast_signed() as f32;
        *out = f32::from_bits(distance.to_bits() ^ (word << 31));
    }
    out
}

/// The place beyond which lies the probability `p`, searched from `from` on (Newton
/// on the logarithm, which is nearly a parabola).
fn quantile(p: f64, from: f64) -> f64 {
    (0..8).fold(from, |x, _| {
        let (density, tail) = tail(x);
        x + (tail / p).ln() * tail / density
    })
}

/// Density of the normal distribution at `x >= 0`, and the probability beyond it.
fn tail(x: f64) -> (f64, f64) {
    let density = (-0.5 * x * x).exp() / (2.0 * core::f64::consts::PI).sqrt();
    if x < 3.0 {
        // x + x^3/3 + x^5/(3 5) + ...
        let mut term = x;
        let mut sum = x;
        for n in 1..60 {
            term *= x * x / f64::from(2 * n + 1);
            sum += term;
        }
        (density, 0.5 - density * sum)
    } else {
        // The continued fraction of Mills' ratio.
        (density, density / (1..60).rev().fold(x, |f, n| x + f64::from(n) / f))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn deviate(word: u32) -> f32 {
        deviates(&QUANTILES, &[word])[0]
    }

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
    fn a_stream_is_the_same_wherever_it_is_entered() {
        let mut stream = Noise::new(3).stream(Purpose::Samples, 1, 1);
        let one_by_one: Vec<f32> = (0..2000).map(|_| stream.normal()).collect();
        for (place, length) in [(0, 2000), (1, 700), (701, 299), (63, 2), (300, 1)] {
            let mut part = vec![0.0; length];
            stream.fill(place as u64, &mut part);
            assert!(part == one_by_one[place..place + length], "{length} from {place} on");
        }
    }

    #[test]
    fn quantiles_are_those_of_the_normal_distribution() {
        // Probability beyond, and the place (tables of the normal distribution).
        for (p, x) in [(0.25, 0.674_489_8), (0.05, 1.644_853_6), (1e-3, 3.090_232_3), (1e-6, 4.753_424_3)] {
            let word = ((p * f64::from(1u32 << 31) * 2.0) as u32) << 1;
            let found = deviate(word);
            assert!((f64::from(found) - x).abs() < 1e-4, "{found} instead of {x}");
            assert_eq!(deviate(word | 1), -found);
        }
        assert!(deviate(u32::MAX).abs() < 1e-6);
        assert!((6.0..6.4).contains(&deviate(0)));
        // The Kolmogorov-Smirnov distance, at words spread over all.
        let words = 1 << 16;
        let worst = (1..words).map(|i| {
            let word = (u32::MAX / words * i) & !1;
            let p = f64::from(word >> 1) / f64::from(u32::MAX);
            (tail(f64::from(deviate(word))).1 - p).abs()
        });
        assert!(worst.fold(0.0, f64::max) < 2e-5);
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
