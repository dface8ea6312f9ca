//! What instruments say: numbers, booleans, error entries, identities.

use core::fmt;

/// What SCPI sends for "more than can be measured" (SCPI-99, 7.2.1.4).
const INFINITY: f64 = 9.9e37;
/// What it sends for "not a number" (SCPI-99, 7.2.1.5).
const NOT_A_NUMBER: f64 = 9.91e37;
/// Characters of an answer that a message shows.
const SHOWN: usize = 60;

/// Why an answer can't be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AnswerError {
    /// It isn't what the query asks for.
    #[error("`{got}` came instead of {wanted}")]
    Malformed {
        /// What was asked for.
        wanted: &'static str,
        /// What came, made printable.
        got: String,
    },
    /// A comma where a point belongs.
    #[error("`{got}` has a decimal comma, and could as well be two numbers: set the instrument to decimal points")]
    Comma {
        /// What came.
        got: String,
    },
    /// Beyond what the instrument can measure (9.9E37).
    #[error("the instrument says overload (`{got}`): choose a greater range, or check the wiring")]
    Overload {
        /// What came.
        got: String,
    },
    /// The instrument has no value (9.91E37).
    #[error("the instrument has no value (`{got}`): is the function that it measures switched on?")]
    NoValue {
        /// What came.
        got: String,
    },
}

/// Text for a message: printable, and not longer than a line.
pub(crate) fn shown(bytes: &[u8]) -> String {
    let mut text: String = bytes.iter().take(SHOWN).flat_map(|b| b.escape_ascii()).map(char::from).collect();
    if bytes.len() > SHOWN {
        text.push_str("...");
    }
    text
}

fn malformed(wanted: &'static str, got: &str) -> AnswerError {
    AnswerError::Malformed { wanted, got: shown(got.as_bytes()) }
}

/// A number in any of the forms of IEEE 488.2 (NR1, NR2, NR3): `1`, `+1.0`, `-1.0E+00`.
///
/// # Errors
/// [`AnswerError`]; infinity and "not a number" are errors of their own.
pub fn number(text: &str) -> Result<f64, AnswerError> {
    let text = text.trim();
    let got = || shown(text.as_bytes());
    // Rust's own parser takes `inf` and `nan` as well.
    let plain = text.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'+' | b'-' | b'.' | b'e' | b'E'));
    let value = match text.parse::<f64>() {
        Ok(value) if plain && value.is_finite() => value,
        _ if text.split_once(',').is_some_and(|(a, b)| [a, b].iter().all(|s| number(s).is_ok())) => {
            return Err(AnswerError::Comma { got: got() });
        }
        _ => return Err(malformed("a number", text)),
    };
    let size = value.abs();
    if (size - NOT_A_NUMBER).abs() < 1e34 {
        Err(AnswerError::NoValue { got: got() })
    } else if size > INFINITY * 0.999 {
        Err(AnswerError::Overload { got: got() })
    } else {
        Ok(value)
    }
}

/// So many numbers with commas between them.
///
/// # Errors
/// [`AnswerError`], also for more or fewer of them.
pub fn numbers(text: &str, count: usize) -> Result<Vec<f64>, AnswerError> {
    if count == 1 {
        return Ok(vec![number(text)?]);
    }
    let values = text.split(',').map(number).collect::<Result<Vec<_>, _>>()?;
    if values.len() == count { Ok(values) } else { Err(malformed("as many numbers as were asked for", text)) }
}

/// `0`, `1`, `OFF` or `ON`.
///
/// # Errors
/// [`AnswerError::Malformed`].
pub fn boolean(text: &str) -> Result<bool, AnswerError> {
    match text.trim() {
        on if on.eq_ignore_ascii_case("ON") => Ok(true),
        off if off.eq_ignore_ascii_case("OFF") => Ok(false),
        other => match number(other) {
            Ok(0.0) => Ok(false),
            Ok(1.0) => Ok(true),
            _ => Err(malformed("0, 1, OFF or ON", other)),
        },
    }
}

/// An entry of the error queue: `-222,"Data out of range"`.
///
/// # Errors
/// [`AnswerError::Malformed`].
pub fn error_entry(text: &str) -> Result<(i32, String), AnswerError> {
    let wanted = || malformed("an entry of the error queue", text);
    let (code, words) = text.trim().split_once(',').ok_or_else(wanted)?;
    let words = words.trim();
    let words = words.strip_prefix('"').and_then(|w| w.strip_suffix('"')).ok_or_else(wanted)?;
    Ok((code.trim().parse().map_err(|_| wanted())?, shown(words.as_bytes())))
}

/// Who an instrument says it is, word for word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Idn {
    /// The whole answer to `*IDN?`.
    pub text: String,
    /// Manufacturer.
    pub manufacturer: String,
    /// Model.
    pub model: String,
    /// Serial number; `0` where it has none.
    pub serial: String,
    /// Version of its firmware.
    pub firmware: String,
}

impl fmt::Display for Idn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// The answer to `*IDN?`: four fields with commas between them (IEEE 488.2, 10.14).
///
/// # Errors
/// [`AnswerError::Malformed`].
pub fn idn(text: &str) -> Result<Idn, AnswerError> {
    let mut fields = text.trim().splitn(4, ',').map(|field| field.trim().to_owned());
    let mut field = || fields.next().filter(|_| text.is_ascii() && !text.bytes().any(|b| b.is_ascii_control()));
    match (field(), field(), field(), field()) {
        (Some(manufacturer), Some(model), Some(serial), Some(firmware)) if !model.is_empty() => {
            Ok(Idn { text: text.trim().into(), manufacturer, model, serial, firmware })
        }
        _ => Err(malformed("manufacturer, model, serial number and firmware", text)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Forms of IEEE 488.2, 8.7.2 to 8.7.4, and the special values of SCPI-99, 7.2.1.
    #[test]
    fn numbers_are_read_in_all_their_forms() {
        for (text, value) in [
            ("1", 1.0),
            ("+1.0E+00", 1.0),
            ("-1.25e-3", -0.00125),
            (" 0.500000 ", 0.5),
            ("+5.000000E-01", 0.5),
            (".5", 0.5),
            ("5.", 5.0),
        ] {
            assert_eq!(number(text), Ok(value), "{text}");
        }
        for text in ["9.9E37", "+9.900000E+37", "-9.9E+37", "9.95e37"] {
            assert!(matches!(number(text), Err(AnswerError::Overload { .. })), "{text}");
        }
        for text in ["9.91E37", "+9.910000E+37"] {
            assert!(matches!(number(text), Err(AnswerError::NoValue { .. })), "{text}");
        }
        for text in ["1,5", "+1,250E+00"] {
            assert!(matches!(number(text), Err(AnswerError::Comma { .. })), "{text}");
        }
        for text in
            ["", "inf", "nan", "infinity", "1.0.0", "1 000", "0x10", "1V", "\u{1}\u{2}", "1e999", "--1", "1,2,x"]
        {
            assert!(matches!(number(text), Err(AnswerError::Malformed { .. })), "{text:?}: {:?}", number(text));
        }
    }

    #[test]
    fn the_number_of_numbers_counts() {
        assert_eq!(numbers("+1.0E+00,-2.0E-03", 2), Ok(vec![1.0, -0.002]));
        assert!(numbers("1.0", 2).is_err() && numbers("1,2,3", 2).is_err() && numbers("1,2", 1).is_err());
        // The Keithley 2400 puts "not a number" for what it doesn't measure.
        assert!(matches!(numbers("1.0,+9.91E+37", 2), Err(AnswerError::NoValue { .. })));
    }

    #[test]
    fn entries_and_booleans_and_nothing_like_them() {
        assert_eq!(error_entry("0,\"No error\""), Ok((0, "No error".into())));
        assert_eq!(error_entry("-222,\"Data out of range;x, y\"").unwrap(), (-222, "Data out of range;x, y".into()));
        assert_eq!(error_entry("+803,\"Not permitted with OUTPUT off\"").unwrap().0, 803);
        for text in ["1.234", "0", "a,\"b\"", "0,No error", "", "0,\""] {
            assert!(error_entry(text).is_err(), "{text}");
        }
        for (text, value) in [("1", true), ("+1", true), ("ON", true), ("on", true), ("0", false), ("OFF", false)] {
            assert_eq!(boolean(text), Ok(value), "{text}");
        }
        for text in ["2", "", "O", "0.5", "0,\"No error\""] {
            assert!(boolean(text).is_err(), "{text}");
        }
    }

    #[test]
    fn identities_stay_as_they_are() {
        // Series 2400 manual, section 15, *IDN?.
        let text = "KEITHLEY INSTRUMENTS INC., MODEL 2400, 1234567, A01 Jul 29 1998 14:10:21/A02  /K/J";
        let who = idn(text).unwrap();
        assert_eq!((who.model.as_str(), who.serial.as_str(), who.text.as_str()), ("MODEL 2400", "1234567", text));
        for text in ["", "1.0", "a,b,c", "a,,c,d", "a,\u{7},c,d", "\u{e9},b,c,d"] {
            assert!(idn(text).is_err(), "{text:?}");
        }
        assert_eq!(shown(b"a\x1b[2J\xff"), "a\\x1b[2J\\xff");
        assert_eq!(shown(&[b'x'; 100]).len(), SHOWN + 3);
    }
}
