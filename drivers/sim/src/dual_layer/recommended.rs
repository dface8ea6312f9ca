//! Write strategies and powers of the standard medium.
//!
//! Found by `examples/tune_strategy.rs` for 3.84 m/s, a lens of NA 0.65 and a half width of long
//! marks of 210 nm. These are medium data, as a disc carries them in its lead-in.

use crate::writing::{Strategy, WritePower};

/// Strategy and powers on the disc's surface for a layer (0 or 1) of [`super::DualLayer::standard`].
#[must_use]
pub const fn recommended(layer: usize) -> (Strategy, WritePower) {
    if layer == 0 {
        (
            Strategy { start: [[37, 37, 36], [40, 40, 39], [41, 40, 39]], first: [30, 30, 30], middle: 10, last: 12, end: [[-38, -38, -38], [-47, -47, -38], [-28, -28, -28]] },
            WritePower {
                peak: 11.02e-3,
                bias: 0.7e-3,
            },
        )
    } else {
        (
            Strategy { start: [[38, 38, 38], [41, 41, 40], [41, 39, 39]], first: [31, 26, 23], middle: 10, last: 12, end: [[-42, -42, -42], [-41, -41, -41], [-29, -29, -29]] },
            WritePower {
                peak: 21.9e-3,
                bias: 1.0e-3,
            },
        )
    }
}
