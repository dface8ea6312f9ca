//! A number for each start.

use core::hash::BuildHasher as _;
use std::hash::RandomState;

/// A number for this start of a driver on a host: random, so that two starts share one
/// once in 2^32. A device with memory that outlives its power counts instead.
pub fn boot() -> u32 {
    // The keys of the hash are the standard library's own randomness.
    let [a, b, c, d, ..] = RandomState::new().hash_one(0).to_le_bytes();
    u32::from_le_bytes([a, b, c, d])
}

#[cfg(test)]
mod tests {
    #[test]
    fn starts_have_numbers_of_their_own() {
        let numbers: std::collections::BTreeSet<u32> = (0..100).map(|_| super::boot()).collect();
        // That two of 100 are equal happens once in a million runs; that three are, never.
        assert!(numbers.len() >= 99, "{numbers:?}");
    }
}
