//! `disc-hal emulate --usbip`.

use std::io;
use std::net::SocketAddr;
#[cfg(target_os = "linux")]
use std::os::unix::net::UnixStream;

use disc_hal::hal::{Identity, Rig};
use disc_hal::wire::usb::Speed;
use disc_hal_emulator::Emulator;
use disc_hal_emulator::usbip::{BUS_ID, Cable, Detached, DeviceOptions, Flaw, PORT, Server, Unplug, UsbipError};

use super::serve::say;
use crate::args::{Emulate, UsbSpeed};
use crate::exit::{Code, Failure};
use crate::output;
use crate::progress::Voice;

/// Who is to have the USB device.
pub(super) struct Link {
    serial: String,
    options: DeviceOptions,
    to: To,
}

enum To {
    /// Whoever asks.
    Anyone(Server),
    /// This machine, at this port.
    #[cfg(target_os = "linux")]
    Here(UnixStream, u32),
}

impl Link {
    pub(super) fn open(args: &Emulate, address: Option<&str>, identity: &Identity) -> Result<Self, Failure> {
        let speed = match args.speed {
            UsbSpeed::Full => Speed::Full,
            UsbSpeed::High => Speed::High,
            UsbSpeed::Super => Speed::Super,
        };
        let serial = args.usb_serial.clone().unwrap_or_else(|| identity.serial.to_string());
        let mut options = DeviceOptions::new(speed).with_serial(&serial);
        if let Some(flaw) = &args.usb_flaw {
            let flaw: Flaw = flaw.parse().map_err(|words: String| Failure::new(Code::Usage, words))?;
            options = options.with_flaw(flaw);
        }
        options.check()?;
        if args.attach {
            return match address {
                Some(_) => Err(Failure::new(Code::Usage, "--attach takes no address: the machine is this one")
                    .next("leave out the address, or --attach")),
                None => here(serial, options),
            };
        }
        let address = address.map_or_else(|| format!("127.0.0.1:{PORT}"), with_port);
        let to = To::Anyone(Server::bind(address.as_str(), options.clone())?);
        Ok(Self { serial, options, to })
    }

    /// Serves hosts until the emulator is stopped, or this machine lets the device go.
    pub(super) fn serve<R: Rig + 'static>(self, emulator: &Emulator<R>, voice: Voice) -> Result<(), Failure> {
        let Self { serial, options, to } = self;
        match to {
            To::Anyone(server) => {
                let address = server.address();
                output::stdout(command(address).as_bytes())?;
                say(voice, &format!("there the bench is usb:{serial}"));
                if !address.ip().is_loopback() {
                    say(voice, &format!("whoever reaches {address} can use this bench: there is no password"));
                }
                let told = |cable| match cable {
                    Cable::Attached { host } => say(voice, &format!("attached by {host}")),
                    Cable::Detached { host, why } => say(voice, &format!("detached from {host}: {why}")),
                    _ => {}
                };
                let failed = |e: io::Error| Failure::new(Code::Device, format!("nobody can connect any more: {e}"));
                server.serve(emulator, told).map_err(failed)
            }
            #[cfg(target_os = "linux")]
            To::Here(stream, port) => {
                output::stdout(format!("usb:{serial}\n").as_bytes())?;
                say(voice, &format!("attached to this machine at port {port}"));
                let why = disc_hal_emulator::usbip::serve_stream(emulator, stream, &options, &Unplug::default())?;
                match why {
                    Detached::Stopped => Ok(()),
                    why => Err(Failure::new(Code::Device, format!("the kernel has detached the bench: {why}"))
                        .next("start it again to attach it again; `dmesg` may say more")),
                }
            }
        }
    }
}

#[cfg(target_os = "linux")]
fn here(serial: String, options: DeviceOptions) -> Result<Link, Failure> {
    use disc_hal_emulator::usbip::{CONTROLLER, attach};

    let (stream, port) = attach(CONTROLLER.as_ref(), options.speed)
        .map_err(|error| Failure::new(Code::NoDevice, error.to_string()).because(error))?;
    Ok(Link { serial, options, to: To::Here(stream, port) })
}

#[cfg(not(target_os = "linux"))]
fn here(_: String, _: DeviceOptions) -> Result<Link, Failure> {
    Err(Failure::new(Code::NoDevice, "only Linux can attach an emulated USB device to itself")
        .next("leave out --attach, and attach it to a machine with Linux"))
}

/// With the port of USB/IP, if there is none.
fn with_port(address: &str) -> String {
    let has_port = match address.rsplit_once(':') {
        // The colons of an address of IPv6 without brackets are its own.
        Some((host, port)) => (!host.contains(':') || host.ends_with(']')) && port.parse::<u16>().is_ok(),
        None => false,
    };
    match address {
        _ if has_port => address.to_owned(),
        _ if address.contains(':') && !address.starts_with('[') => format!("[{address}]:{PORT}"),
        _ => format!("{address}:{PORT}"),
    }
}

/// What to type on the machine that is to have the bench.
fn command(address: SocketAddr) -> String {
    let host = if address.ip().is_unspecified() { "HOST".to_owned() } else { address.ip().to_string() };
    match address.port() {
        PORT => format!("usbip attach -r {host} -b {BUS_ID}\n"),
        port => format!("usbip --tcp-port {port} attach -r {host} -b {BUS_ID}\n"),
    }
}

impl From<UsbipError> for Failure {
    fn from(error: UsbipError) -> Self {
        let code = match error {
            UsbipError::Serial { .. } => Code::Usage,
            UsbipError::Bind { .. } => Code::NoDevice,
            _ => Code::Device,
        };
        Self::new(code, error.to_string()).because(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_get_the_port_of_usbip() {
        for (text, full) in [
            ("10.0.0.1", "10.0.0.1:3240"),
            ("10.0.0.1:7", "10.0.0.1:7"),
            ("bench-4", "bench-4:3240"),
            ("bench-4:7", "bench-4:7"),
            ("::1", "[::1]:3240"),
            ("[::1]", "[::1]:3240"),
            ("[::1]:7", "[::1]:7"),
        ] {
            assert_eq!(with_port(text), full);
        }
    }

    #[test]
    fn the_command_names_a_port_of_its_own() {
        let of = |text: &str| command(text.parse().unwrap());
        assert_eq!(of("127.0.0.1:3240"), "usbip attach -r 127.0.0.1 -b 1-1\n");
        assert_eq!(of("0.0.0.0:99"), "usbip --tcp-port 99 attach -r HOST -b 1-1\n");
    }
}
