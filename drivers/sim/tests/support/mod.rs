//! What several tests of the simulated bench need.

use disc_hal::hal::{Acquisition, Address, Channels, Hertz, TrackingFlags, Trigger};
use disc_hal::record::Session;

/// Bytes without any pattern (a multiplicative hash of their number).
pub(crate) fn noise(length: u32) -> Vec<u8> {
    (0..length).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8).collect()
}

/// The HF signal of some sectors, 4 samples for each channel bit.
pub(crate) fn capture(session: &mut Session<'_>, first: Address, sectors: u32) -> Vec<i16> {
    let rate = Hertz(4 * session.medium().channel_clock.0);
    let bench = session.bench();
    bench.tracking.seek(first).unwrap();
    while bench.tracking.status().unwrap().flags.contains(TrackingFlags::MOVING) {
        bench.delay.delay_ms(1);
    }
    let length = u64::from(sectors) * 38_688 * 4;
    let plan = Acquisition { channels: Channels::one(0), rate, length, trigger: Trigger::Address(first) };
    bench.detector.arm(&plan).unwrap();
    let mut samples = vec![0; usize::try_from(length).unwrap()];
    let mut have = 0;
    while have < samples.len() {
        bench.delay.delay_ms(5);
        have += bench.detector.read(&mut samples[have..]).unwrap().length;
    }
    samples
}
