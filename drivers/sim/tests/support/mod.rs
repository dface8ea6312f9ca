//! What several tests of the simulated bench need.

/// Bytes without any pattern (a multiplicative hash of their number).
pub(crate) fn noise(length: u32) -> Vec<u8> {
    (0..length).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8).collect()
}
