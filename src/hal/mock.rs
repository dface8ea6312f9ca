//! Mocks of every part, for unit tests of algorithms.

use embedded_hal::delay::DelayNs;

use super::bench::Bench;
pub use super::detector::MockPhotodetector;
pub use super::electrode::MockElectrodeSupply;
pub use super::focus::MockFocusServo;
pub use super::laser::MockLaserArray;
pub use super::spindle::MockSpindle;
pub use super::tracking::MockTrackingServo;

/// A delay that only counts, and stops a test that waits for ever.
#[derive(Debug, Clone, Copy)]
pub struct MockDelay {
    /// Nanoseconds waited so far.
    pub elapsed_ns: u64,
    /// Panics beyond this many.
    pub limit_ns: u64,
}

impl Default for MockDelay {
    /// Ten minutes.
    fn default() -> Self {
        Self { elapsed_ns: 0, limit_ns: 600_000_000_000 }
    }
}

impl DelayNs for MockDelay {
    fn delay_ns(&mut self, ns: u32) {
        self.elapsed_ns += u64::from(ns);
        assert!(self.elapsed_ns <= self.limit_ns, "the algorithm waited more than {} ns", self.limit_ns);
    }
}

/// A whole bench of mocks. Set expectations on its parts, then hand out
/// [`bench`](Self::bench). A call that nobody expected panics and says which.
///
/// ```
/// use disc_hal::hal::{LaserArray, MockBench};
///
/// let mut mock = MockBench::default();
/// mock.lasers.expect_off().times(1).returning(|| Ok(()));
/// mock.bench().lasers.off()?;
/// # Ok::<(), disc_hal::hal::Error>(())
/// ```
#[derive(Debug, Default)]
pub struct MockBench {
    /// The laser sources.
    pub lasers: MockLaserArray,
    /// The focus servo.
    pub focus: MockFocusServo,
    /// The tracking servo.
    pub tracking: MockTrackingServo,
    /// The photodetector.
    pub detector: MockPhotodetector,
    /// The spindle and the sled.
    pub spindle: MockSpindle,
    /// The electrode supply; `None` for a bench without one.
    pub electrodes: Option<MockElectrodeSupply>,
    /// Time.
    pub delay: MockDelay,
}

impl MockBench {
    /// The mocks as a bench.
    pub fn bench(&mut self) -> Bench<'_> {
        let bench = Bench::new(
            &mut self.lasers,
            &mut self.focus,
            &mut self.tracking,
            &mut self.detector,
            &mut self.spindle,
            &mut self.delay,
        );
        match &mut self.electrodes {
            Some(electrodes) => bench.with_electrodes(electrodes),
            None => bench,
        }
    }
}
