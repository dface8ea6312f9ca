//! Time on the board, and what happens at which.

use disc_hal::hal::Trigger;

/// A clock that doesn't run backwards: a hardware timer.
pub trait Clock {
    /// Nanoseconds since some moment; a timer that counts coarser ones is good enough
    /// where its steps are shorter than a sample or a channel bit.
    fn now_ns(&self) -> u64;
}

impl<C: Clock + ?Sized> Clock for &C {
    fn now_ns(&self) -> u64 {
        (**self).now_ns()
    }
}

/// What triggers shots and acquisitions, by the same clock.
///
/// A board takes the time of the index mark with a capture timer, and that of an address
/// with its decoder. It only has to remember the last few of each.
pub trait Events {
    /// When `trigger` came for the first time not before `since`, if it has come by `now`.
    /// Nanoseconds of the [`Clock`]. [`Trigger::Now`] comes at `since`.
    fn came(&self, trigger: Trigger, since: u64, now: u64) -> Option<u64>;
}

impl<E: Events + ?Sized> Events for &E {
    fn came(&self, trigger: Trigger, since: u64, now: u64) -> Option<u64> {
        (**self).came(trigger, since, now)
    }
}

/// A board without index and addresses: shots and acquisitions begin at once or never.
#[derive(Debug, Clone, Copy, Default)]
pub struct NowOnly;

impl Events for NowOnly {
    fn came(&self, trigger: Trigger, since: u64, now: u64) -> Option<u64> {
        (trigger == Trigger::Now && since <= now).then_some(since)
    }
}

/// `count` periods of `rate` in nanoseconds, rounded up: the time of event number `count`.
pub(crate) fn at_ns(count: u64, rate: u32) -> u64 {
    let rate = u64::from(rate.max(1));
    let whole = (count / rate).saturating_mul(1_000_000_000);
    whole.saturating_add((count % rate * 1_000_000_000).div_ceil(rate))
}

/// How many whole periods of `rate` have passed after `ns`.
pub(crate) fn count_in(ns: u64, rate: u32) -> u64 {
    let rate = u64::from(rate);
    let whole = (ns / 1_000_000_000).saturating_mul(rate);
    whole.saturating_add(ns % 1_000_000_000 * rate / 1_000_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_has_happened_exactly_at_its_time() {
        for rate in [1, 3, 20_000, 44_100, 26_156_250] {
            for count in [0, 1, 2, 3, 1_000_003, 1 << 33] {
                let at = at_ns(count, rate);
                assert_eq!(count_in(at, rate), count, "{count} at {rate} Hz");
                assert!(at == 0 || count_in(at - 1, rate) < count.max(1), "{count} at {rate} Hz");
            }
        }
    }
}
