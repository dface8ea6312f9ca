//! How a bench is named on the command line.

use core::fmt;
use core::str::FromStr;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

/// A bench as `--bench` names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Selector {
    /// A simulated bench with a new disc.
    Sim,
    /// A simulated bench with the disc of a file.
    SimFile(PathBuf),
    /// A bench at the other end of a link.
    Link(Link),
}

/// Where a bench at the other end of a link is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Link {
    /// On a serial line.
    Serial(Port),
    /// On the USB.
    Usb(disc_hal_usb::Selector),
}

impl Link {
    /// The file that outputs mustn't overwrite.
    pub(crate) fn file(&self) -> Option<&Path> {
        match self {
            Self::Serial(port) => Some(&port.path),
            Self::Usb(_) => None,
        }
    }

    /// What a reader of the results needs to know of it.
    pub(crate) fn settings(&self) -> String {
        match self {
            Self::Serial(port) => format!("{}, {} baud", port.path.display(), port.baud),
            Self::Usb(_) => self.to_string(),
        }
    }
}

impl fmt::Display for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Serial(port) => port.fmt(f),
            Self::Usb(device) => write!(f, "usb:{device}"),
        }
    }
}

/// Bits a second where the selector doesn't say.
pub(crate) const BAUD: u32 = 115_200;

/// A serial port and its speed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Port {
    /// The device file, or the name that the system has for it.
    pub(crate) path: PathBuf,
    /// Bits a second.
    pub(crate) baud: u32,
}

impl FromStr for Port {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        // A path may have an @ of its own: only digits after the last one are a rate.
        let (path, baud) = match text.rsplit_once('@') {
            Some((path, digits)) if !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()) => {
                let baud = digits.parse().ok().filter(|baud| *baud > 0);
                (path, baud.ok_or_else(|| format!("{digits} is no baud rate; 115200 is one"))?)
            }
            _ => (text, BAUD),
        };
        match path {
            "" => Err("a port belongs after `serial:`, such as /dev/ttyUSB0; `disc-hal benches` lists them".into()),
            path => Ok(Self { path: path.into(), baud }),
        }
    }
}

impl fmt::Display for Port {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "serial:{}", self.path.display())?;
        // A port called x@9600 would be taken for another one.
        let ambiguous = self.path.to_str().is_some_and(|path| path.parse() != Ok(Self { baud: BAUD, ..self.clone() }));
        if self.baud != BAUD || ambiguous { write!(f, "@{}", self.baud) } else { Ok(()) }
    }
}

/// The kinds that exist.
const KINDS: [&str; 3] = ["sim", "serial", "usb"];

impl FromStr for Selector {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (kind, rest) = match text.split_once(':') {
            Some((kind, rest)) => (kind, Some(rest)),
            None => (text, None),
        };
        match (kind, rest) {
            ("sim", None) => Ok(Self::Sim),
            ("sim", Some("")) => Err("a disc file belongs after `sim:`".into()),
            ("sim", Some(path)) => Ok(Self::SimFile(path.into())),
            ("serial", port) => port.unwrap_or_default().parse().map(|port| Self::Link(Link::Serial(port))),
            ("usb", device) => device.unwrap_or_default().parse().map(|device| Self::Link(Link::Usb(device))),
            _ => Err(match nearest(kind) {
                Some(meant) => {
                    let meant = rest.map_or_else(|| meant.to_owned(), |rest| format!("{meant}:{rest}"));
                    format!("there is no such bench; did you mean `{meant}`?")
                }
                None if Path::new(text).extension() == Some(OsStr::new("dhd")) => {
                    format!("there is no such bench; did you mean `sim:{text}`?")
                }
                None => "there is no such bench; `disc-hal benches` lists them".into(),
            }),
        }
    }
}

impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sim => f.write_str("sim"),
            Self::SimFile(path) => write!(f, "sim:{}", path.display()),
            Self::Link(link) => link.fmt(f),
        }
    }
}

/// The kind of bench that is at most two letters off.
fn nearest(kind: &str) -> Option<&'static str> {
    let kind = kind.to_ascii_lowercase();
    let close = KINDS.iter().map(|k| (distance(&kind, k), *k)).min()?;
    (close.0 <= 2 && close.0 < close.1.len()).then_some(close.1)
}

/// Letters to insert, remove or replace.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut corner = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let next = (corner + usize::from(x != *y)).min(row[j] + 1).min(row[j + 1] + 1);
            corner = core::mem::replace(&mut row[j + 1], next);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn selectors_are_read_and_corrected() {
        let parse = |s: &str| s.parse::<Selector>();
        assert_eq!(parse("sim"), Ok(Selector::Sim));
        assert_eq!(parse("sim:a:b.dhd"), Ok(Selector::SimFile("a:b.dhd".into())));
        for (text, shown) in [("usb", "usb:"), ("usb:", "usb:"), ("usb:DH:1", "usb:DH:1"), ("usb:@3-1.4", "usb:@3-1.4")]
        {
            let selector = parse(text).unwrap();
            assert!(matches!(selector, Selector::Link(Link::Usb(_))), "{selector:?}");
            assert_eq!(selector.to_string(), shown);
        }
        for (wrong, meant) in [
            ("smi", "`sim`"),
            ("Sim", "`sim`"),
            ("simm:x.dhd", "`sim:x.dhd`"),
            ("seral:/dev/x", "`serial:/dev/x`"),
            ("usv:1", "`usb:1`"),
            ("usb:@3", "such as 3-1.4"),
            ("disc-1.dhd", "`sim:disc-1.dhd`"),
            ("banana", "`disc-hal benches`"),
            ("", "`disc-hal benches`"),
            ("sim:", "after `sim:`"),
            ("serial", "after `serial:`"),
            ("serial:", "after `serial:`"),
            ("serial:@9600", "after `serial:`"),
            ("serial:/dev/x@0", "no baud rate"),
            ("serial:/dev/x@99999999999", "no baud rate"),
        ] {
            let message = parse(wrong).unwrap_err();
            assert!(message.contains(meant), "{wrong}: {message}");
        }
    }
    #[test]
    fn only_digits_after_the_last_at_are_a_baud_rate() {
        for (text, path, baud) in [
            ("/dev/ttyACM0", "/dev/ttyACM0", BAUD),
            ("/dev/ttyACM0@9600", "/dev/ttyACM0", 9600),
            ("/dev/by-id/a@b", "/dev/by-id/a@b", BAUD),
            ("/dev/by-id/a@b@9600", "/dev/by-id/a@b", 9600),
            ("/dev/x@", "/dev/x@", BAUD),
            ("/dev/x@9@115200", "/dev/x@9", BAUD),
            ("COM3@1000000", "COM3", 1_000_000),
        ] {
            let port = Port { path: path.into(), baud };
            assert_eq!(text.parse(), Ok(port.clone()), "{text}");
            let selector = Selector::Link(Link::Serial(port));
            let shown = selector.to_string();
            assert_eq!(shown.parse(), Ok(selector), "{shown}");
        }
        assert_eq!(Link::Serial("/dev/x@115200".parse().unwrap()).to_string(), "serial:/dev/x");
    }
}
