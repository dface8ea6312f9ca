//! Quantities of medium files: a number with its unit, as text.

use core::fmt;
use core::marker::PhantomData;
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

/// A decimal number times a power of ten, rounded once: "55 um" and "55000 nm" are
/// the same length to the last bit.
fn shifted(number: &str, exponent: i32) -> Option<f64> {
    let (digits, own) = number.split_once(['e', 'E']).unwrap_or((number, "0"));
    if !digits.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'.' | b'-' | b'+')) {
        return None;
    }
    let exponent = own.parse::<i32>().ok()?.checked_add(exponent)?;
    format!("{digits}e{exponent}").parse().ok().filter(|value: &f64| value.is_finite())
}

/// Takes a quantity as text. A bare number is taken up as well, to be refused by the words for a
/// text without a unit, which say what is missing.
struct WithUnit<T> {
    what: &'static str,
    example: &'static str,
    quantity: PhantomData<T>,
}

impl<T> WithUnit<T> {
    const fn new(what: &'static str, example: &'static str) -> Self {
        Self { what, example, quantity: PhantomData }
    }
}

impl<T: FromStr<Err: fmt::Display>> de::Visitor<'_> for WithUnit<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a {} with its unit, as text such as \"{}\"", self.what, self.example)
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<T, E> {
        text.parse().map_err(E::custom)
    }

    fn visit_bool<E: de::Error>(self, value: bool) -> Result<T, E> {
        self.visit_str(&value.to_string())
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<T, E> {
        self.visit_str(&value.to_string())
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<T, E> {
        self.visit_str(&value.to_string())
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<T, E> {
        self.visit_str(&value.to_string())
    }
}

/// Text that becomes a unit of the contract, whose errors don't repeat it.
struct Named<T>(T);

impl<T: FromStr<Err: fmt::Display>> FromStr for Named<T> {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        text.parse().map(Self).map_err(|error: T::Err| format!("`{text}`: {error}"))
    }
}

macro_rules! quantity {
    ($(#[$doc:meta])* $name:ident, $what:literal, $example:literal, [$(($unit:literal, $exponent:expr)),+]) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Default)]
        pub struct $name(pub f64);

        impl FromStr for $name {
            type Err = QuantityError;

            fn from_str(text: &str) -> Result<Self, QuantityError> {
                let error = || QuantityError { text: text.into(), what: $what, example: $example };
                let (number, unit) = text.trim().split_once(' ').ok_or_else(error)?;
                let exponent: i32 = match unit.trim() { $($unit => $exponent,)+ _ => return Err(error()) };
                shifted(number, exponent).map(Self).ok_or_else(error)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let (unit, exponent): (_, i32) = [$(($unit, $exponent)),+][0];
                // What isn't finite is written as it is: an error message must be able to name it.
                let value = shifted(&format!("{:e}", self.0), -exponent).unwrap_or(self.0);
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
                deserializer.deserialize_str(WithUnit::new($what, $example))
            }
        }

        #[cfg(feature = "schema")]
        impl schemars::JsonSchema for $name {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                number_with_unit(concat!("Number and unit (", $what, ")."), &[$($unit),+], $example)
            }
        }
    };
}

/// The schema of a text such as `80 nm`.
#[cfg(feature = "schema")]
fn number_with_unit(description: &str, units: &[&str], example: &str) -> schemars::Schema {
    let pattern = format!(r"^\s*[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][-+]?[0-9]+)? \s*({})\s*$", units.join("|"));
    schemars::json_schema!({
        "type": "string",
        "description": description,
        "pattern": pattern,
        "examples": [example],
    })
}

quantity!(
    /// A length in metres.
    Length, "length", "80 nm", [("nm", -9), ("um", -6), ("mm", -3)]
);
quantity!(
    /// A thermal conductivity in W/(m K).
    Conductivity, "thermal conductivity", "0.2 W/mK", [("W/mK", 0)]
);
quantity!(
    /// A heat capacity by volume in J/(m3 K).
    HeatCapacity, "heat capacity by volume", "1.6 MJ/m3K", [("MJ/m3K", 6), ("J/m3K", 0)]
);
quantity!(
    /// A temperature in degrees Celsius.
    Celsius, "temperature", "270 C", [("C", 0)]
);
quantity!(
    /// An angle in degrees.
    Angle, "angle", "180 deg", [("deg", 0)]
);

quantity!(
    /// A length along the track in channel bits.
    ChannelBits, "length along the track in channel bits", "186 T", [("T", 0)]
);
quantity!(
    /// A voltage in volts.
    Voltage, "voltage", "1.2 V", [("V", 0), ("mV", -3)]
);
quantity!(
    /// A current in amperes.
    Current, "current", "500 mA", [("mA", -3), ("A", 0), ("uA", -6)]
);
quantity!(
    /// A time in seconds.
    Duration, "time", "0.3 s", [("s", 0), ("ms", -3), ("us", -6)]
);
quantity!(
    /// An energy for each particle, in electronvolts.
    Activation, "energy", "0.8 eV", [("eV", 0)]
);
quantity!(
    /// A resistance in ohms.
    Resistance, "resistance", "2 ohm", [("ohm", 0), ("kohm", 3)]
);
quantity!(
    /// A resistance times its area, in ohm m2.
    AreaResistance, "resistance times area", "5 ohm cm2", [("ohm cm2", -4), ("kohm cm2", -1)]
);
quantity!(
    /// An intensity of light in W/m2.
    Intensity, "intensity", "1 nW/um2", [("nW/um2", 3), ("uW/um2", 6), ("mW/um2", 9)]
);
quantity!(
    /// An area in square metres.
    Surface, "area", "90 cm2", [("cm2", -4), ("mm2", -6)]
);
quantity!(
    /// A charge for each area in C/m2.
    ChargeDensity, "charge by area", "3.3 mC/cm2", [("mC/cm2", 1)]
);
quantity!(
    /// An optical density for each charge by area, in m2/C.
    ColorationEfficiency, "coloration efficiency", "300 cm2/C", [("cm2/C", -4)]
);

macro_rules! serde_as_text {
    ($($name:ident, $what:literal, $example:literal;)+) => {$(
        impl Serialize for crate::hal::$name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for crate::hal::$name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let visitor = WithUnit::<Named<Self>>::new($what, $example);
                deserializer.deserialize_str(visitor).map(|named| named.0)
            }
        }

        #[cfg(feature = "schema")]
        impl schemars::JsonSchema for crate::hal::$name {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                let units = Self::UNITS;
                number_with_unit("Number and unit, a whole number of the smallest.", units, &format!("1 {}", units[0]))
            }
        }
    )+};
}

serde_as_text! {
    Microwatts, "power", "12 mW";
    Nanometres, "length", "650 nm";
    MicrometresPerSecond, "velocity", "3.84 m/s";
    Hertz, "frequency", "26.16 MHz";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_of_the_same_length_give_the_same_bits() {
        for (a, b) in [("55 um", "55000 nm"), ("0.575 mm", "575 um"), ("0.3 um", "3e2 nm")] {
            let length: Length = a.parse().unwrap();
            assert_eq!(Ok(length), b.parse());
            assert_eq!(Ok(length), length.to_string().parse());
        }
    }

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
