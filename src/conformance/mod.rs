//! The promises of the contract, one named check each.
