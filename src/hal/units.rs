//! Integer newtypes, one per physical quantity.

use core::fmt;
use core::str::FromStr;

/// Why a text is not a quantity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ParseUnitError {
    /// No digits where a number should stand.
    #[error("expected a decimal number followed by a unit such as {0}")]
    Number(&'static str),
    /// The unit is missing or unknown.
    #[error("expected a unit such as {0} after the number")]
    Unit(&'static str),
    /// Too large, or finer than one step of the type.
    #[error("the value cannot be held as a whole number of {0}")]
    Range(&'static str),
}

/// `text` as `number * factor`, exactly, or why not.
fn parse_scaled(text: &str, units: &[(&str, i64)], example: &'static str) -> core::result::Result<i64, ParseUnitError> {
    let text = text.trim();
    let split = text.find(|c: char| !(c.is_ascii_digit() || matches!(c, '.' | '-' | '+'))).unwrap_or(text.len());
    let (number, unit) = text.split_at(split);
    let unit = unit.trim();
    let &(_, factor) = units.iter().find(|(name, _)| *name == unit).ok_or(ParseUnitError::Unit(example))?;
    let (negative, digits) = match number.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, number.strip_prefix('+').unwrap_or(number)),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let all_digits = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
    if (whole.is_empty() && fraction.is_empty()) || !all_digits(whole) || !all_digits(fraction) {
        return Err(ParseUnitError::Number(example));
    }
    let range = ParseUnitError::Range(example);
    let mut value: i64 = 0;
    for b in whole.bytes() {
        value = value.checked_mul(10).and_then(|v| v.checked_add(i64::from(b - b'0'))).ok_or(range)?;
    }
    value = value.checked_mul(factor).ok_or(range)?;
    let mut step = factor;
    for b in fraction.bytes() {
        let digit = i64::from(b - b'0');
        if step % 10 != 0 {
            if digit != 0 {
                return Err(range);
            }
            continue;
        }
        step /= 10;
        value = value.checked_add(digit * step).ok_or(range)?;
    }
    Ok(if negative { -value } else { value })
}

macro_rules! unit {
    ($(#[$doc:meta])* $name:ident($int:ty), $symbol:literal, [$(($text:literal, $factor:expr)),+]) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
        pub struct $name(pub $int);

        impl $name {
            /// Nothing of it.
            pub const ZERO: Self = Self(0);

            /// The units that its text may have.
            pub const UNITS: &'static [&'static str] = &[$($text),+];

            /// The bare number.
            pub const fn get(self) -> $int {
                self.0
            }

            /// Sum, or `None` where it doesn't fit.
            pub const fn checked_add(self, other: Self) -> Option<Self> {
                match self.0.checked_add(other.0) {
                    Some(v) => Some(Self(v)),
                    None => None,
                }
            }

            /// Difference, or `None` where it doesn't fit.
            pub const fn checked_sub(self, other: Self) -> Option<Self> {
                match self.0.checked_sub(other.0) {
                    Some(v) => Some(Self(v)),
                    None => None,
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!("{} ", $symbol), self.0)
            }
        }

        impl FromStr for $name {
            type Err = ParseUnitError;

            #[doc = concat!("Reads a decimal number with its unit, exactly: one of", $(" `", $text, "`",)+ ".")]
            fn from_str(text: &str) -> core::result::Result<Self, ParseUnitError> {
                let value = parse_scaled(text, &[$(($text, $factor)),+], $symbol)?;
                <$int>::try_from(value).map(Self).map_err(|_| ParseUnitError::Range($symbol))
            }
        }
    };
}

unit!(
    /// Optical power in microwatts, on the disc surface unless said otherwise.
    Microwatts(u32), "uW", [("uW", 1), ("mW", 1_000), ("W", 1_000_000)]
);
unit!(
    /// Energy in nanojoules.
    Nanojoules(u64), "nJ", [("nJ", 1), ("uJ", 1_000), ("mJ", 1_000_000), ("J", 1_000_000_000)]
);
unit!(
    /// Length in nanometres: wavelengths, lens positions, radii (a disc has 58 000 000 nm).
    Nanometres(i32), "nm", [("nm", 1), ("um", 1_000), ("mm", 1_000_000)]
);
unit!(
    /// Speed in micrometres per second (DVD at 1x: 3 490 000 or 3 840 000).
    MicrometresPerSecond(u32), "um/s", [("um/s", 1), ("mm/s", 1_000), ("m/s", 1_000_000)]
);
unit!(
    /// Time in picoseconds.
    Picoseconds(i64), "ps", [("ps", 1), ("ns", 1_000), ("us", 1_000_000), ("ms", 1_000_000_000), ("s", 1_000_000_000_000)]
);
unit!(
    /// Frequency or sample rate in hertz.
    Hertz(u32), "Hz", [("Hz", 1), ("kHz", 1_000), ("MHz", 1_000_000)]
);
unit!(
    /// Electrode voltage in millivolts.
    Millivolts(i32), "mV", [("mV", 1), ("V", 1_000)]
);
unit!(
    /// Rate of change of a voltage in millivolts per second.
    MillivoltsPerSecond(u32), "mV/s", [("mV/s", 1), ("V/s", 1_000)]
);
unit!(
    /// Electrode current in microamperes.
    Microamperes(i32), "uA", [("uA", 1), ("mA", 1_000), ("A", 1_000_000)]
);
unit!(
    /// Charge in microcoulombs.
    Microcoulombs(i64), "uC", [("uC", 1), ("mC", 1_000), ("C", 1_000_000)]
);

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use std::string::ToString;

    #[test]
    fn text_needs_a_unit_and_is_read_exactly() {
        assert_eq!("12.5mW".parse(), Ok(Microwatts(12_500)));
        assert_eq!(" 0.7 mW ".parse(), Ok(Microwatts(700)));
        assert_eq!("-1.2V".parse(), Ok(Millivolts(-1_200)));
        assert_eq!("3.84m/s".parse(), Ok(MicrometresPerSecond(3_840_000)));
        assert_eq!("12".parse::<Microwatts>(), Err(ParseUnitError::Unit("uW")));
        assert_eq!("mW".parse::<Microwatts>(), Err(ParseUnitError::Number("uW")));
        assert_eq!("-1mW".parse::<Microwatts>(), Err(ParseUnitError::Range("uW")));
        assert_eq!("0.0001mW".parse::<Microwatts>(), Err(ParseUnitError::Range("uW")));
        assert_eq!("1e308W".parse::<Microwatts>(), Err(ParseUnitError::Unit("uW")));
        assert_eq!("NaNmW".parse::<Microwatts>(), Err(ParseUnitError::Unit("uW")));
        assert_eq!("99999999999999999999W".parse::<Microwatts>(), Err(ParseUnitError::Range("uW")));
        assert_eq!("1.2.3mW".parse::<Microwatts>(), Err(ParseUnitError::Number("uW")));
        assert_eq!("--1V".parse::<Millivolts>(), Err(ParseUnitError::Number("mV")));
    }

    #[test]
    fn display_shows_the_unit() {
        assert_eq!(Microwatts(15_000).to_string(), "15000 uW");
        assert_eq!(Microwatts(15_000).to_string().parse(), Ok(Microwatts(15_000)));
    }

    #[test]
    fn sums_are_checked() {
        assert_eq!(Microwatts(u32::MAX).checked_add(Microwatts(1)), None);
        assert_eq!(Microwatts(1).checked_sub(Microwatts(2)), None);
        assert_eq!(Nanometres(1).checked_sub(Nanometres(2)), Some(Nanometres(-1)));
    }
}
