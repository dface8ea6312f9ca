//! The delay of a real bench.

use core::time::Duration;

use embedded_hal::delay::DelayNs;

/// Time that passes by itself: a delay sleeps. For drivers of real testers.
#[derive(Debug, Clone, Copy, Default)]
pub struct Sleep;

impl DelayNs for Sleep {
    fn delay_ns(&mut self, ns: u32) {
        std::thread::sleep(Duration::from_nanos(ns.into()));
    }

    // In one sleep each: every sleep is somewhat too long.
    fn delay_us(&mut self, us: u32) {
        std::thread::sleep(Duration::from_micros(us.into()));
    }

    fn delay_ms(&mut self, ms: u32) {
        std::thread::sleep(Duration::from_millis(ms.into()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Instant;

    #[test]
    fn at_least_what_was_asked_for_passes() {
        let start = Instant::now();
        Sleep.delay_ns(1_000_000);
        Sleep.delay_us(1_000);
        Sleep.delay_ms(1);
        assert!(start.elapsed() >= Duration::from_millis(3));
    }
}
