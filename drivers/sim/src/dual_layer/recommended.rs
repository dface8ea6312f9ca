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
            Strategy {
                start: [[39, 39, 38], [40, 39, 38], [42, 41, 40]],
                first: [28, 21, 23],
                middle: 10,
                last: 12,
                end: [[-39, -39, -39], [-32, -32, -32], [-37, -37, -36]],
            },
            WritePower { peak: 12.28e-3, bias: 0.7e-3 },
        )
    } else {
        (
            Strategy {
                start: [[39, 39, 39], [39, 39, 38], [43, 43, 43]],
                first: [28, 17, 22],
                middle: 10,
                last: 12,
                end: [[-42, -42, -42], [-35, -35, -35], [-41, -41, -40]],
            },
            WritePower { peak: 22.76e-3, bias: 1.0e-3 },
        )
    }
}

/// Strategy and powers for a layer of [`super::DualLayer::matched`]: its first layer is that of the
/// standard medium.
#[must_use]
pub const fn recommended_matched(layer: usize) -> (Strategy, WritePower) {
    if layer == 0 {
        return recommended(0);
    }
    (
        Strategy {
            start: [[41, 41, 41], [40, 39, 39], [42, 41, 41]],
            first: [26, 18, 20],
            middle: 10,
            last: 12,
            end: [[-39, -39, -39], [-31, -31, -31], [-34, -34, -34]],
        },
        WritePower { peak: 13.45e-3, bias: 1.0e-3 },
    )
}
