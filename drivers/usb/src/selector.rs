//! How a device is named.

use core::fmt;
use core::str::FromStr;

/// Which USB device is meant. As text: `SERIAL`, `@PATH`, or nothing for the only one.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Selector {
    /// The only one there is.
    Only,
    /// The one with this serial number.
    Serial(String),
    /// The one at this port: bus, and the ports down to it, as in `3-1.4`. For devices
    /// without a serial number, or with the same one.
    Path(String),
}

impl FromStr for Selector {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.strip_prefix('@') {
            Some(path) => {
                let fits = path.split_once('-').is_some_and(|(bus, ports)| {
                    !bus.is_empty() && ports.split('.').all(|port| port.parse::<u8>().is_ok())
                });
                let wrong = || format!("`{path}` is no port path; bus and ports are one, such as 3-1.4");
                fits.then(|| Self::Path(path.into())).ok_or_else(wrong)
            }
            None if text.is_empty() => Ok(Self::Only),
            None => Ok(Self::Serial(text.into())),
        }
    }
}

impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Only => Ok(()),
            Self::Serial(serial) => f.write_str(serial),
            Self::Path(path) => write!(f, "@{path}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn selectors_are_read_as_they_are_written() {
        for (text, selector) in [
            ("", Selector::Only),
            ("DH-0001", Selector::Serial("DH-0001".into())),
            ("a@1-2", Selector::Serial("a@1-2".into())),
            ("@3-1.4", Selector::Path("3-1.4".into())),
            ("@12-7", Selector::Path("12-7".into())),
        ] {
            assert_eq!(text.parse(), Ok(selector.clone()));
            assert_eq!(selector.to_string(), text);
        }
        for text in ["@", "@3", "@3-", "@-1", "@3-1.", "@3-x", "@3-300"] {
            let message = text.parse::<Selector>().unwrap_err();
            assert!(message.contains("no port path") && message.contains("3-1.4"), "{message}");
        }
    }
}
