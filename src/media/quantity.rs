//! Quantities of medium files: a number with its unit, as text.

use core::fmt;
use core::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// Why a text is not the quantity asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a {what}: write a number and a unit, for instance \"{example}\"")]
pub struct QuantityError {
    text: String,
    what: &'static str,
    example: &'static str,
}

macro_rules! quantity {
    ($(#[$doc:meta])* $name:ident, $what:literal, $example:literal, [$(($unit:literal, $factor:expr)),+]) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Default)]
        pub struct $name(pub f64);

        impl FromStr for $name {
            type Err = QuantityError;

            fn from_str(text: &str) -> Result<Self, QuantityError> {
                let error = || QuantityError { text: text.into(), what: $what, example: $example };
                let (number, unit) = text.trim().split_once(' ').ok_or_else(error)?;
                let factor: f64 = match unit.trim() { $($unit => $factor,)+ _ => return Err(error()) };
                let number: f64 = number.parse().map_err(|_| error())?;
                if number.is_finite() { Ok(Self(number * factor)) } else { Err(error()) }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let (unit, factor) = [$(($unit, $factor)),+][0];
                // Twelve digits: what was typed comes back as it was typed.
                let value: f64 = format!("{:.12e}", self.0 / factor).parse().map_err(|_| fmt::Error)?;
                write!(f, "{value} {unit}")
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
            }
        }
    };
}

quantity!(
    /// A length in metres.
    Length, "length", "80 nm", [("nm", 1e-9), ("um", 1e-6), ("mm", 1e-3)]
);
quantity!(
    /// A thermal conductivity in W/(m K).
    Conductivity, "thermal conductivity", "0.2 W/mK", [("W/mK", 1.0)]
);
quantity!(
    /// A heat capacity by volume in J/(m3 K).
    HeatCapacity, "heat capacity by volume", "1.6 MJ/m3K", [("MJ/m3K", 1e6), ("J/m3K", 1.0)]
);
quantity!(
    /// A temperature in degrees Celsius.
    Celsius, "temperature", "270 C", [("C", 1.0)]
);

macro_rules! serde_as_text {
    ($($name:ident),+) => {$(
        impl Serialize for crate::hal::$name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for crate::hal::$name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
            }
        }
    )+};
}

serde_as_text!(Microwatts, Nanometres, MicrometresPerSecond, Hertz);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_comes_back_as_it_was() {
        for text in ["80 nm", "0.1 nm", "600000 nm", "-3.25 nm"] {
            assert_eq!(text.parse::<Length>().map(|l| l.to_string()), Ok(text.to_string()));
        }
        assert_eq!("1.6 MJ/m3K".parse(), Ok(HeatCapacity(1.6e6)));
    }

    #[test]
    fn a_missing_or_wrong_unit_is_refused() {
        for text in ["80", "80nm", "80 ps", "x nm", "NaN nm", "inf nm", ""] {
            assert!(text.parse::<Length>().is_err(), "{text}");
        }
    }
}
