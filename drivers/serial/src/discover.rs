//! The ports where a tester might be.

use core::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use serialport::SerialPortType;

use crate::error::PERMISSION;
use crate::process::by;

/// A port where a tester might be.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Candidate {
    /// The name to open it by.
    pub path: PathBuf,
    /// What its USB adapter says of itself, if it has one.
    pub usb: Option<Usb>,
    /// Whether it can be opened.
    pub access: Access,
}

/// What a USB adapter says of itself. The texts come from the device: control
/// characters are replaced, and what is longer than 126 characters is cut.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Usb {
    /// Number of the vendor.
    pub vid: u16,
    /// Number of the product.
    pub pid: u16,
    /// Serial number.
    pub serial: Option<String>,
    /// Name of the vendor.
    pub manufacturer: Option<String>,
    /// Name of the product.
    pub product: Option<String>,
}

/// Whether a port can be opened, as far as that can be seen without opening it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Access {
    /// Nothing stands against it.
    Ok,
    /// Not by this user.
    PermissionDenied,
    /// Another program holds its lock.
    Busy {
        /// Process id of the program, where it is known.
        owner: Option<u32>,
    },
    /// There's nothing of this name any more.
    Gone,
    /// It is something else.
    NotASerialPort(&'static str),
}

impl fmt::Display for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ok => f.write_str("can be opened"),
            Self::PermissionDenied => write!(f, "permission denied: {PERMISSION}"),
            Self::Busy { owner } => write!(f, "in use by another program{}: close it", by(*owner)),
            Self::Gone => f.write_str("not there: check the cable and the name"),
            Self::NotASerialPort(what) => write!(f, "not a serial port but {what}"),
        }
    }
}

impl fmt::Display for Candidate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.path.display())?;
        if let Some(usb) = &self.usb {
            write!(f, " [usb {:04x}:{:04x}", usb.vid, usb.pid)?;
            for text in [&usb.manufacturer, &usb.product, &usb.serial].into_iter().flatten() {
                write!(f, " {text}")?;
            }
            f.write_str("]")?;
        }
        write!(f, ": {}", self.access)
    }
}

/// The ports that the operating system lists, and those named in `extra`, sorted by
/// name. A folder in `extra` stands for the devices and links in it: name a folder of
/// links to emulated benches, not `/dev/pts`, whose other terminals belong to people.
///
/// No port is opened, because opening one resets some devices (see the crate's page).
/// Read are, on Linux, `/sys/class/tty`, `/proc/locks` and the rights of the device
/// file. A program that holds a port without locking it isn't seen before
/// [`SerialPipe::open`](crate::SerialPipe::open) says that the port is busy. Without
/// `/sys` there are only the `extra` ports.
pub fn candidates(extra: &[PathBuf]) -> Vec<Candidate> {
    let mut found: Vec<Candidate> = Vec::new();
    // Where this folder is missing (some containers), `serialport` panics.
    if !cfg!(target_os = "linux") || Path::new("/sys/class/tty").is_dir() {
        for port in serialport::available_ports().unwrap_or_default() {
            let usb = match port.port_type {
                SerialPortType::UsbPort(usb) => Some(Usb {
                    vid: usb.vid,
                    pid: usb.pid,
                    serial: usb.serial_number.map(plain),
                    manufacturer: usb.manufacturer.map(plain),
                    product: usb.product.map(plain),
                }),
                _ => None,
            };
            let path = PathBuf::from(port.port_name);
            // COM3 isn't a file: listed is all that can be known.
            let access = if cfg!(windows) { Access::Ok } else { access(&path) };
            found.push(Candidate { path, usb, access });
        }
    }
    for path in extra {
        let inside = path.is_dir().then(|| fs::read_dir(path).into_iter().flatten().flatten());
        match inside {
            Some(entries) => {
                // What else lies in a folder wasn't named by anybody.
                let links = entries.filter(|entry| entry.file_type().is_ok_and(|t| t.is_symlink() || is_device(&t)));
                found.extend(links.map(|entry| candidate(entry.path())));
            }
            None => found.push(candidate(path.clone())),
        }
    }
    found.sort_by(|a, b| a.path.cmp(&b.path));
    found.dedup_by(|later, first| later.path == first.path);
    found
}

fn candidate(path: PathBuf) -> Candidate {
    let access = if cfg!(windows) { Access::Ok } else { access(&path) };
    Candidate { path, usb: None, access }
}

/// Texts of a device can hold anything, escape codes of terminals too.
fn plain(text: String) -> String {
    text.chars().take(126).map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

fn access(path: &Path) -> Access {
    let meta = match fs::metadata(path) {
        Ok(meta) => meta,
        Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => return Access::PermissionDenied,
        Err(_) => return Access::Gone,
    };
    if let Some(what) = other_than_device(&meta.file_type()) {
        return Access::NotASerialPort(what);
    }
    if let Some(what) = other_than_port(&meta) {
        return Access::NotASerialPort(what);
    }
    if !may_open(path) {
        return Access::PermissionDenied;
    }
    match is_locked(&meta) {
        Some(owner) => Access::Busy { owner },
        None => Access::Ok,
    }
}

/// What a file is that isn't a character device.
pub(crate) fn other_than_device(kind: &fs::FileType) -> Option<&'static str> {
    if kind.is_dir() {
        Some("a folder")
    } else if kind.is_file() {
        Some("a file")
    } else if !is_device(kind) {
        Some("neither a device nor a file")
    } else {
        None
    }
}

#[cfg(unix)]
fn is_device(kind: &fs::FileType) -> bool {
    std::os::unix::fs::FileTypeExt::is_char_device(kind)
}

#[cfg(not(unix))]
fn is_device(_: &fs::FileType) -> bool {
    true
}

#[cfg(unix)]
fn may_open(path: &Path) -> bool {
    use rustix::fs::{Access, AtFlags, CWD, accessat};
    // The rights that open will use, not those of who started a set-user-id program.
    let rights = accessat(CWD, path, Access::READ_OK | Access::WRITE_OK, AtFlags::EACCESS);
    !matches!(rights, Err(rustix::io::Errno::ACCESS | rustix::io::Errno::PERM | rustix::io::Errno::ROFS))
}

#[cfg(not(unix))]
fn may_open(_: &Path) -> bool {
    true
}

/// What a character device is that has no serial line behind it.
#[cfg(target_os = "linux")]
fn other_than_port(meta: &fs::Metadata) -> Option<&'static str> {
    use std::os::unix::fs::MetadataExt;
    let (major, minor) = (rustix::fs::major(meta.rdev()), rustix::fs::minor(meta.rdev()));
    // Documentation/admin-guide/devices.txt of the kernel.
    match (major, minor) {
        (136..=143, _) => return None, // ends of pseudo-terminals, unknown to /sys
        (4, 0..=63) => return Some("a virtual console"),
        (5, 0..=2) => return Some("a terminal of the system"),
        _ => {}
    }
    let node = PathBuf::from(format!("/sys/dev/char/{major}:{minor}"));
    match fs::canonicalize(node.join("subsystem")) {
        Ok(subsystem) if !subsystem.ends_with("tty") => return Some("a device of another kind"),
        // Without /sys nothing speaks against it.
        _ => {}
    }
    // The kernel makes nodes for UARTs that a board might have; 0 is PORT_UNKNOWN.
    let uart = fs::read_to_string(node.join("type"));
    uart.is_ok_and(|kind| kind.trim() == "0").then_some("a name without a UART behind it")
}

#[cfg(not(target_os = "linux"))]
fn other_than_port(_: &fs::Metadata) -> Option<&'static str> {
    None
}

/// The process that holds a port's lock, where that can be seen.
#[cfg(unix)]
pub(crate) fn lock_owner(path: &Path) -> Option<u32> {
    is_locked(&fs::metadata(path).ok()?)?
}

/// Whether a lock is held, and by whom.
#[cfg(target_os = "linux")]
fn is_locked(meta: &fs::Metadata) -> Option<Option<u32>> {
    use std::os::unix::fs::MetadataExt;
    let (major, minor) = (rustix::fs::major(meta.dev()), rustix::fs::minor(meta.dev()));
    find_lock(&fs::read_to_string("/proc/locks").ok()?, &format!("{major:02x}:{minor:02x}:{}", meta.ino()))
}

#[cfg(not(target_os = "linux"))]
fn is_locked(_: &fs::Metadata) -> Option<Option<u32>> {
    None
}

/// Looks up a file in `/proc/locks`, whose lines are like
/// `3: FLOCK  ADVISORY  WRITE 4242 00:05:91 0 EOF`.
#[cfg(any(target_os = "linux", test))]
fn find_lock(locks: &str, file: &str) -> Option<Option<u32>> {
    locks.lines().find_map(|line| {
        let mut fields = line.split_whitespace().skip(1);
        // "->" marks those who only wait for the lock.
        if fields.next()? != "FLOCK" {
            return None;
        }
        let owner = fields.nth(2)?.parse().ok().filter(|&id| id > 0);
        (fields.next()? == file).then_some(owner)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_and_its_owner_are_found() {
        let locks = "1: POSIX  ADVISORY  WRITE 11 00:05:91 0 EOF\n\
                     2: FLOCK  ADVISORY  WRITE 4242 00:05:91 0 EOF\n\
                     2: -> FLOCK  ADVISORY  WRITE 77 00:05:92 0 EOF\n\
                     3: FLOCK  ADVISORY  WRITE 0 00:05:93 0 EOF\n\
                     4: FLOCK\n";
        assert_eq!(find_lock(locks, "00:05:91"), Some(Some(4242)));
        assert_eq!(find_lock(locks, "00:05:92"), None);
        assert_eq!(find_lock(locks, "00:05:93"), Some(None), "an owner outside this container");
        assert_eq!(find_lock(locks, "00:05:9"), None);
        assert_eq!(find_lock("", "00:05:91"), None);
    }

    #[test]
    fn texts_of_devices_are_made_plain() {
        assert_eq!(plain("Tester\u{1b}[2J 5\n".into()), "Tester\u{fffd}[2J 5\u{fffd}");
        assert_eq!(plain("ö".repeat(500)).chars().count(), 126);
    }

    #[cfg(unix)]
    #[test]
    fn what_is_no_port_is_told_why() {
        let of = |path: &str| access(Path::new(path));
        assert_eq!(of("/dev/no-such-port"), Access::Gone);
        assert_eq!(of("/"), Access::NotASerialPort("a folder"));
        assert_eq!(of(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml")), Access::NotASerialPort("a file"));
        #[cfg(target_os = "linux")]
        {
            assert_eq!(of("/dev/null"), Access::NotASerialPort("a device of another kind"));
            assert_eq!(of("/dev/tty"), Access::NotASerialPort("a terminal of the system"));
        }
    }
}
