//! Write strategies: how a run length becomes laser pulses.

use super::units::Microwatts;

/// The class of a run length in the tables of a strategy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RunClass {
    /// 3T.
    Three = 0,
    /// 4T.
    Four = 1,
    /// 5T and longer.
    FiveOrMore = 2,
}

impl RunClass {
    /// The class of a run of `t` channel bits.
    pub const fn of(t: u8) -> Self {
        match t {
            0..=3 => Self::Three,
            4 => Self::Four,
            _ => Self::FiveOrMore,
        }
    }
}

/// A multi-pulse write strategy with tables for neighbouring runs.
///
/// Times are in 1/32 of a channel bit T. A mark of `n` T that nominally begins at
/// 0 is written by
///
/// - a first pulse that starts at `lead[mark][space before]` and lasts `top[mark]`;
/// - from 5T on, `n - 4` middle pulses of width `multi` that end at 3T, 4T, ...
///   `(n - 2)`T;
/// - from 4T on, a last pulse of width `last` that ends at `n`T +
///   `trail[mark][space after]`.
///
/// A 3T mark has the first pulse only; `trail` moves its end by the excess over
/// -1T, so that one table serves all marks. A spot is as large as a 3T mark, so
/// pulses begin about 1T after a mark and end about 1T before its end: `lead` is
/// near +32 and `trail` near -32. Between and outside pulses the source emits
/// `bias`. A pulse that would begin before the end of the one before it begins there.
/// (`Ttop`, `Tmp`, `Tlp`, `dTtop`, `dTle`, `Pp`, `Pb` of DVD recorders.)
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "std", derive(serde::Serialize, serde::Deserialize), serde(deny_unknown_fields))]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct WriteStrategy {
    /// Power of the pulses.
    pub peak: Microwatts,
    /// Power between them.
    pub bias: Microwatts,
    /// Width of the first pulse, by class of the mark.
    pub top: [u8; 3],
    /// Width of each middle pulse; 32 fills them up to one block.
    pub multi: u8,
    /// Width of the last pulse.
    pub last: u8,
    /// Start of the first pulse, `[mark class][class of the space before]`.
    pub lead: [[i8; 3]; 3],
    /// Shift of the end of the last pulse, `[mark class][class of the space after]`.
    pub trail: [[i8; 3]; 3],
}

impl WriteStrategy {
    /// Parts of a channel bit in which times are given.
    pub const STEPS_PER_BIT: u8 = 32;

    /// The same shape at another peak power.
    pub const fn with_peak(mut self, peak: Microwatts) -> Self {
        self.peak = peak;
        self
    }
}
