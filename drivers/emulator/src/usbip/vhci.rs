//! The virtual host controller of this very machine: Linux with the module `vhci-hcd`.

use std::fs;
use std::io;
use std::os::fd::AsRawFd as _;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use disc_hal::wire::usb::Speed;

use super::message::{DEVID, speed_number};

/// Where the controller is in sysfs.
pub const CONTROLLER: &str = "/sys/devices/platform/vhci_hcd.0";

/// Tries for a port that somebody else may take at the same moment.
const TRIES: usize = 5;

/// Why the bench can't be attached to this machine.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum VhciError {
    /// There is no controller.
    #[error(
        "this machine has no virtual USB host controller ({path} isn't there): load it with `modprobe vhci-hcd`; \
         where the kernel has no such module, attach the bench to another machine (--usbip)"
    )]
    NoController {
        /// Where it would be.
        path: PathBuf,
    },
    /// It may not be used.
    #[error("no permission for {path}: attaching a USB device takes root (sudo)")]
    Permission {
        /// The file.
        path: PathBuf,
    },
    /// All ports are taken.
    #[error(
        "all {count} ports for this speed at {path} are taken: detach something (`usbip port`, `usbip detach -p PORT`)"
    )]
    NoFreePort {
        /// The controller.
        path: PathBuf,
        /// How many there are.
        count: usize,
    },
    /// The kernel refuses, or the file can't be used.
    #[error("can't attach the bench at {path} ({source}): `dmesg` may say why")]
    Refused {
        /// The file.
        path: PathBuf,
        /// What the operating system answered.
        source: io::Error,
    },
}

fn failed(path: &Path, source: io::Error) -> VhciError {
    let path = path.to_owned();
    match source.kind() {
        io::ErrorKind::PermissionDenied => VhciError::Permission { path },
        _ => VhciError::Refused { path, source },
    }
}

/// Attaches a device of this speed to the controller: the kernel gets one end of a
/// pair of sockets. Returns the other end, and the port. The device is detached
/// when that end is shut.
///
/// # Errors
/// [`VhciError`] says what is missing.
pub fn attach(controller: &Path, speed: Speed) -> Result<(UnixStream, u32), VhciError> {
    let status = controller.join("status");
    if !status.exists() {
        return Err(VhciError::NoController { path: controller.to_owned() });
    }
    let path = controller.join("attach");
    let (ours, kernels) = UnixStream::pair().map_err(|source| failed(&path, source))?;
    let mut refused = None;
    for _ in 0..TRIES {
        let ports = ports(controller, speed)?;
        let Some(port) = ports.iter().find(|port| port.is_free).map(|port| port.number) else {
            return Err(VhciError::NoFreePort { path: controller.to_owned(), count: ports.len() });
        };
        let line = format!("{port} {} {DEVID} {}", kernels.as_raw_fd(), speed_number(speed));
        match fs::write(&path, line) {
            // The kernel has a handle of its own now.
            Ok(()) => return Ok((ours, port)),
            // The port has been taken meanwhile, perhaps.
            Err(source) if matches!(source.raw_os_error(), Some(16 | 22)) => refused = Some(source),
            Err(source) => return Err(failed(&path, source)),
        }
    }
    Err(failed(&path, refused.unwrap_or_else(|| io::ErrorKind::InvalidInput.into())))
}

/// A port of the controller.
#[derive(Debug, PartialEq, Eq)]
struct Port {
    number: u32,
    is_free: bool,
}

/// `VDEV_ST_NULL` of the kernel: nothing is attached.
const FREE: &str = "004";

/// The ports for a speed, of all controllers: `status`, `status.1`, ...
fn ports(controller: &Path, speed: Speed) -> Result<Vec<Port>, VhciError> {
    let mut all = Vec::new();
    for number in 0_u32.. {
        let name = if number == 0 { "status".to_owned() } else { format!("status.{number}") };
        let path = controller.join(name);
        match fs::read_to_string(&path) {
            Ok(text) => all.extend(parse(&text, speed)),
            Err(error) if number > 0 && error.kind() == io::ErrorKind::NotFound => break,
            Err(source) => return Err(failed(&path, source)),
        }
    }
    Ok(all)
}

/// Lines such as `hs  0000 004 000 00000000 000000 0-0`, under a line of titles. Before
/// Linux 4.13 there was no first column, and no port for super speed.
fn parse(text: &str, speed: Speed) -> Vec<Port> {
    let wanted = if speed == Speed::Super { "ss" } else { "hs" };
    let line = |line: &str| {
        let mut words = line.split_whitespace();
        let first = words.next()?;
        let (hub, port) =
            if first.starts_with(|c: char| c.is_ascii_digit()) { ("hs", first) } else { (first, words.next()?) };
        let is_free = words.next()? == FREE;
        (hub == wanted).then_some(())?;
        Some(Port { number: port.parse().ok()?, is_free })
    };
    text.lines().filter_map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As Linux 6.1 prints it (`drivers/usb/usbip/vhci_sysfs.c`), one port in use.
    const STATUS: &str = "\
hub port sta spd dev      sockfd local_busid
hs  0000 006 003 00010002 000005 1-1
hs  0001 004 000 00000000 000000 0-0
ss  0008 004 000 00000000 000000 0-0
";

    fn numbers(ports: &[Port]) -> Vec<(u32, bool)> {
        ports.iter().map(|port| (port.number, port.is_free)).collect()
    }

    #[test]
    fn ports_are_found_by_speed() {
        for speed in [Speed::Full, Speed::High] {
            assert_eq!(numbers(&parse(STATUS, speed)), [(0, false), (1, true)]);
        }
        assert_eq!(numbers(&parse(STATUS, Speed::Super)), [(8, true)]);
        let old = "prt sta spd bus dev socket           local_busid\n0000 004 000 000 000 0000000000000000 0-0\n";
        assert_eq!(numbers(&parse(old, Speed::High)), [(0, true)]);
        assert_eq!(numbers(&parse(old, Speed::Super)), []);
        assert_eq!(numbers(&parse("hs\nhs x\nhs 0003\n\u{0}", Speed::High)), []);
    }

    #[test]
    fn the_kernel_gets_what_it_asks_for() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("status"), STATUS).unwrap();
        fs::write(folder.path().join("status.1"), "hs  0016 004 000 00000000 000000 0-0\n").unwrap();
        for (speed, port, number) in [(Speed::Full, 1, 2), (Speed::High, 1, 3), (Speed::Super, 8, 5)] {
            let (_ours, at) = attach(folder.path(), speed).unwrap();
            let line = fs::read_to_string(folder.path().join("attach")).unwrap();
            let words: Vec<u32> = line.split(' ').map(|word| word.parse().unwrap()).collect();
            assert_eq!((at, words.len(), words[0]), (port, 4, port));
            assert_eq!((words[2], words[3]), (0x10002, number));
        }
        assert_eq!(ports(folder.path(), Speed::High).unwrap().len(), 3);
    }

    #[test]
    fn what_is_missing_is_said() {
        let folder = tempfile::tempdir().unwrap();
        let said = |speed| attach(folder.path(), speed).unwrap_err().to_string();
        assert!(said(Speed::High).contains("`modprobe vhci-hcd`"));
        fs::write(folder.path().join("status"), STATUS.replace("004", "006")).unwrap();
        assert!(said(Speed::High).contains("all 2 ports"), "{}", said(Speed::High));
        fs::write(folder.path().join("status"), STATUS).unwrap();
        fs::create_dir(folder.path().join("attach")).unwrap();
        assert!(said(Speed::High).contains("can't attach the bench at "), "{}", said(Speed::High));
    }
}
