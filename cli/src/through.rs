//! What the light for the second layer passed, as text.

use disc_hal::record::{Above, StateAbove};

use crate::view::sector;

/// Power errors that are worth a word, percent.
const WORTH: f64 = 1.0;

/// Parts of a file that another power would have suited better.
pub(crate) fn warnings(state: &StateAbove) -> Vec<String> {
    let off = state.parts.iter().filter(|p| p.power_error_percent.abs() > WORTH);
    off.map(|part| {
        let under = match part.above {
            Above::Blank => "a blank",
            Above::Partly => "a partly recorded",
            Above::Recorded => "a recorded",
        };
        let (first, last) = (sector(part.first), sector(part.last));
        format!(
            "{first} to {last} lie under {under} layer 0, where this power is {:+.1} % off",
            part.power_error_percent
        )
    })
    .collect()
}
