//! A small generator of random numbers, so that a seed means the same for ever.

use core::time::Duration;

/// SplitMix64 (Steele, Lea, Flood 2014).
#[derive(Debug, Clone)]
pub(super) struct Random(u64);

impl Random {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `end`, 0 for 0.
    pub(super) fn below(&mut self, end: usize) -> usize {
        // The slight unevenness of the product is far below what any count here shows.
        ((u128::from(self.next()) * end as u128) >> 64) as usize
    }

    pub(super) fn happens(&mut self, probability: f64) -> bool {
        // One number a question, whatever the answer: mixes differ in one place only.
        ((self.next() >> 11) as f64) < probability * (1u64 << 53) as f64
    }

    /// A time from 0 up to `longest`.
    pub(super) fn time(&mut self, longest: Duration) -> Duration {
        let nanos = u64::try_from(longest.as_nanos()).unwrap_or(u64::MAX);
        Duration::from_nanos(((u128::from(self.next()) * u128::from(nanos)) >> 64) as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_published_numbers() {
        // First outputs for seed 1234567, of the authors' reference program.
        let mut random = Random::new(1_234_567);
        let expected = [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423];
        assert_eq!([random.next(), random.next(), random.next()], expected);
    }

    #[test]
    fn chances_are_what_they_say() {
        let mut random = Random::new(1);
        assert!((0..1000).all(|_| !random.happens(0.0) && random.happens(1.0)));
        let hits = (0..100_000).filter(|_| random.happens(0.2)).count();
        assert!((19_400..20_600).contains(&hits), "{hits}: more than 4.5 sigma off");
        assert!((0..1000).all(|_| random.below(3) < 3));
        assert_eq!(random.below(0), 0);
        assert!(random.time(Duration::from_secs(1)) < Duration::from_secs(1));
    }
}
