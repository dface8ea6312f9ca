//! Where an instrument is: our selectors, and the resource strings of VISA.

use core::fmt;
use core::str::FromStr;
use std::path::PathBuf;

/// Port of raw SCPI sockets, where a selector names none (IANA: `scpi-raw`).
pub const SOCKET_PORT: u16 = 5025;
/// Bits a second of a serial instrument, where a selector names no rate: what most
/// instruments with an RS-232 port come with.
pub const BAUD: u32 = 9600;

/// Where an instrument is.
///
/// | ours | VISA |
/// |---|---|
/// | `tcp:HOST`, `tcp:HOST:PORT` | `TCPIP0::HOST::PORT::SOCKET` |
/// | `serial:PORT`, `serial:PORT@BAUD` | `ASRL/dev/ttyUSB0::INSTR`, `ASRL3::INSTR` (COM3) |
/// | `usb:VVVV:PPPP`, `usb:VVVV:PPPP:SERIAL` | `USB0::0xVVVV::0xPPPP::SERIAL::INSTR` |
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Resource {
    /// A raw socket.
    Socket {
        /// Name or address of the host.
        host: String,
        /// Port.
        port: u16,
    },
    /// A serial line.
    Serial {
        /// The device file, or the name that the system has for it.
        path: PathBuf,
        /// Bits a second.
        baud: u32,
    },
    /// A USBTMC interface.
    Usb {
        /// Number of the vendor.
        vid: u16,
        /// Number of the product.
        pid: u16,
        /// Serial number; without it, the only one of its kind.
        serial: Option<String>,
        /// Number of the interface; without it, the first one of its class.
        interface: Option<u8>,
    },
}

/// Why a text names no instrument.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` names no instrument: {why}")]
pub struct ParseResourceError {
    text: String,
    why: String,
}

const FORMS: &str = "give tcp:HOST:PORT, serial:PORT@BAUD, usb:VID:PID:SERIAL, or a VISA resource such as \
                     TCPIP0::host::5025::SOCKET, ASRL/dev/ttyUSB0::INSTR, USB0::0x1AB1::0x0E11::DP8A1::INSTR";

impl FromStr for Resource {
    type Err = ParseResourceError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let trimmed = text.trim();
        let parsed = match trimmed.split_once(':') {
            Some((_, rest)) if rest.starts_with(':') => visa(trimmed),
            _ if trimmed.get(..4).is_some_and(|head| head.eq_ignore_ascii_case("ASRL")) => visa(trimmed),
            Some(("tcp", rest)) => socket(rest),
            Some(("serial", rest)) => serial(rest),
            Some(("usb", rest)) => usb(&rest.split(':').collect::<Vec<_>>()),
            _ if trimmed.contains("usbtmc") => {
                Err("the kernel's usbtmc files have no deadline that can be set; name the instrument itself as \
                 usb:VID:PID:SERIAL (`lsusb` prints the numbers)"
                    .into())
            }
            _ => Err(FORMS.into()),
        };
        parsed.map_err(|why| ParseResourceError { text: text.into(), why })
    }
}

/// `HOST`, `HOST:PORT`, `[V6]`, `[V6]:PORT`.
fn socket(text: &str) -> Result<Resource, String> {
    let (host, port) = match text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((host, rest)) => (host, rest.strip_prefix(':')),
        None => match text.rsplit_once(':') {
            Some((host, _)) if host.contains(':') => {
                return Err(format!("an IPv6 address belongs in brackets: tcp:[{host}]:PORT"));
            }
            Some((host, port)) => (host, Some(port)),
            None => (text, None),
        },
    };
    let port = port.map_or(Ok(SOCKET_PORT), tcp_port)?;
    if host.is_empty() {
        Err("the name of the host is missing".into())
    } else {
        Ok(Resource::Socket { host: host.into(), port })
    }
}

fn tcp_port(text: &str) -> Result<u16, String> {
    let port = text.parse().ok().filter(|port| *port > 0);
    port.ok_or_else(|| format!("`{text}` is no port; most instruments take raw SCPI at {SOCKET_PORT}"))
}

/// `PATH`, `PATH@BAUD`.
fn serial(text: &str) -> Result<Resource, String> {
    // A path may have an @ of its own: only digits after the last one are a rate.
    let (path, baud) = match text.rsplit_once('@') {
        Some((path, digits)) if !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()) => {
            let baud = digits.parse().ok().filter(|baud| *baud > 0);
            (path, baud.ok_or_else(|| format!("{digits} is no baud rate; {BAUD} is one"))?)
        }
        _ => (text, BAUD),
    };
    if path.is_empty() {
        return Err("a port belongs after it, such as /dev/ttyUSB0".into());
    }
    Ok(Resource::Serial { path: path.into(), baud })
}

/// Vendor, product, serial number, interface.
fn usb(parts: &[&str]) -> Result<Resource, String> {
    let number = |text: &str, what: &str| {
        let digits = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")).unwrap_or(text);
        u16::from_str_radix(digits, 16).map_err(|_| format!("`{text}` is no {what} number of four hexadecimal digits"))
    };
    let (vid, pid, rest) = match parts {
        [vid, pid, rest @ ..] => (number(vid, "vendor")?, number(pid, "product")?, rest),
        _ => return Err("vendor and product number are missing".into()),
    };
    let (serial, interface) = match rest {
        [] => (None, None),
        [serial] => (Some(*serial), None),
        [serial, interface] => {
            let number = interface.parse().map_err(|_| format!("`{interface}` is no number of an interface"))?;
            (Some(*serial), Some(number))
        }
        _ => return Err("there is too much after the serial number".into()),
    };
    let serial = serial.filter(|serial| !serial.is_empty()).map(Into::into);
    Ok(Resource::Usb { vid, pid, serial, interface })
}

/// A VISA resource string (VPP-4.3, section 4.3.1.1).
fn visa(text: &str) -> Result<Resource, String> {
    // An IPv6 address has double colons of its own.
    let (text, v6) = match (text.find('['), text.find(']')) {
        (Some(from), Some(to)) if from < to => {
            (format!("{}v6{}", &text[..from], &text[to + 1..]), Some(&text[from + 1..to]))
        }
        _ => (text.to_owned(), None),
    };
    let parts: Vec<&str> = text.split("::").collect();
    let [first, rest @ ..] = parts.as_slice() else { return Err(FORMS.into()) };
    let kind = first.to_ascii_uppercase();
    let is = |part: &str, word: &str| part.eq_ignore_ascii_case(word);
    let board = |kind: &str, name: &str| kind.strip_prefix(name).is_some_and(|n| n.bytes().all(|b| b.is_ascii_digit()));
    match rest {
        [host, port, class] if board(&kind, "TCPIP") && is(class, "SOCKET") => {
            let host = if *host == "v6" { v6.unwrap_or(host) } else { host };
            if host.is_empty() {
                return Err("the name of the host is missing".into());
            }
            Ok(Resource::Socket { host: host.into(), port: tcp_port(port)? })
        }
        _ if board(&kind, "TCPIP") => Err(format!(
            "VXI-11 and HiSLIP aren't spoken here: name the instrument's raw socket, TCPIP0::host::{SOCKET_PORT}::SOCKET"
        )),
        [] | [_] if kind.starts_with("ASRL") && rest.first().is_none_or(|class| is(class, "INSTR")) => {
            match &first[4..] {
                "" => Err("the port is missing, such as ASRL/dev/ttyUSB0::INSTR".into()),
                digits if digits.bytes().all(|b| b.is_ascii_digit()) && cfg!(windows) => {
                    Ok(Resource::Serial { path: format!("COM{digits}").into(), baud: BAUD })
                }
                digits if digits.bytes().all(|b| b.is_ascii_digit()) => Err(format!(
                    "port number {digits} has a name here: ASRL/dev/ttyUSB0::INSTR, or serial:/dev/ttyUSB0@{BAUD}"
                )),
                path => serial(path),
            }
        }
        [parts @ .., class] if board(&kind, "USB") && is(class, "INSTR") => usb(parts),
        _ if board(&kind, "USB") => Err("only USBTMC instruments (`::INSTR`) are spoken to".into()),
        _ if board(&kind, "GPIB") => {
            Err("there is no driver for GPIB: use the instrument's LAN, USB or serial port".into())
        }
        _ => Err(FORMS.into()),
    }
}

impl fmt::Display for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Socket { host, port } if host.contains(':') => write!(f, "tcp:[{host}]:{port}"),
            Self::Socket { host, port } => write!(f, "tcp:{host}:{port}"),
            Self::Serial { path, baud } => write!(f, "serial:{}@{baud}", path.display()),
            Self::Usb { vid, pid, serial, interface } => {
                write!(f, "usb:{vid:04x}:{pid:04x}")?;
                match (serial, interface) {
                    (None, None) => Ok(()),
                    (serial, None) => write!(f, ":{}", serial.as_deref().unwrap_or("")),
                    (serial, Some(number)) => write!(f, ":{}:{number}", serial.as_deref().unwrap_or("")),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn socket(host: &str, port: u16) -> Resource {
        Resource::Socket { host: host.into(), port }
    }

    fn usb(serial: Option<&str>, interface: Option<u8>) -> Resource {
        Resource::Usb { vid: 0x1ab1, pid: 0x0e11, serial: serial.map(Into::into), interface }
    }

    /// The VISA forms are those of VPP-4.3, table 4.3.1 and its examples.
    #[test]
    fn selectors_and_visa_resources_mean_the_same() {
        let line = |path: &str, baud| Resource::Serial { path: path.into(), baud };
        for (text, meant) in [
            ("tcp:192.168.1.5", socket("192.168.1.5", 5025)),
            ("tcp:psu.lab:9221", socket("psu.lab", 9221)),
            ("tcp:[fe80::1]:5025", socket("fe80::1", 5025)),
            ("TCPIP0::1.2.3.4::999::SOCKET", socket("1.2.3.4", 999)),
            ("TCPIP::dev.company.com::5025::socket", socket("dev.company.com", 5025)),
            ("TCPIP0::[fe80::218:e7ff:fe70:3471]::5025::SOCKET", socket("fe80::218:e7ff:fe70:3471", 5025)),
            ("serial:/dev/ttyUSB0", line("/dev/ttyUSB0", 9600)),
            ("serial:/dev/ttyUSB0@57600", line("/dev/ttyUSB0", 57_600)),
            ("ASRL/dev/ttyACM0::INSTR", line("/dev/ttyACM0", 9600)),
            ("usb:1ab1:0e11", usb(None, None)),
            ("usb:1AB1:0E11:DP8A1", usb(Some("DP8A1"), None)),
            ("USB0::0x1AB1::0x0E11::DP8A1::INSTR", usb(Some("DP8A1"), None)),
            ("USB::0x1AB1::0x0E11::DP8A1::0::INSTR", usb(Some("DP8A1"), Some(0))),
        ] {
            let resource: Resource = text.parse().unwrap();
            assert_eq!(resource, meant, "{text}");
            assert_eq!(resource.to_string().parse(), Ok(meant), "{resource}");
        }
    }

    #[test]
    fn what_names_none_is_told_what_would() {
        for (text, said) in [
            ("", "give tcp:"),
            ("psu", "give tcp:"),
            ("tcp:", "host is missing"),
            ("tcp:h:0", "no port"),
            ("tcp:h:70000", "no port"),
            ("tcp:fe80::1", "in brackets"),
            ("TCPIP0::h::INSTR", "VXI-11"),
            ("TCPIP0::h::hislip0::INSTR", "HiSLIP"),
            ("TCPIP0::::5025::SOCKET", "host is missing"),
            ("GPIB0::5::INSTR", "no driver for GPIB"),
            ("USB0::0x1AB1::0x0E11::DP8A1::RAW", "INSTR"),
            ("usb:1ab1", "product number are missing"),
            ("usb:xyz:0e11", "no vendor number"),
            ("usb:1ab1:0e11:S:9:9", "too much"),
            ("serial:", "a port belongs"),
            ("serial:/dev/x@0", "no baud rate"),
            ("ASRL::INSTR", "port is missing"),
            ("/dev/usbtmc0", "no deadline"),
            ("PXI0::1::INSTR", "give tcp:"),
        ] {
            let message = text.parse::<Resource>().unwrap_err().to_string();
            assert!(message.contains(said) && message.contains(text), "{text}: {message}");
        }
        #[cfg(unix)]
        assert!("ASRL1::INSTR".parse::<Resource>().unwrap_err().to_string().contains("ASRL/dev/ttyUSB0"));
    }
}
