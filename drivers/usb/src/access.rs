//! Whether a device can be opened, seen without opening it.

use core::fmt;
use std::path::{Path, PathBuf};

use crate::process::by;

/// Who has a device's interface.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Holder {
    /// A program, by its process id where that is known.
    Program(Option<u32>),
    /// A driver of the operating system's kernel, by its name.
    Kernel(String),
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Program(owner) => {
                write!(f, "in use by another program: close it, or wait until it is done{}", by(*owner))
            }
            Self::Kernel(name) => write!(
                f,
                "in use by the kernel's driver {name}: unbind it, and keep it from taking a vendor's interface"
            ),
        }
    }
}

/// Whether a device can be opened, as far as that can be seen without opening it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Access {
    /// Nothing stands against it.
    Ok,
    /// Not by this user.
    NoPermission {
        /// Its device file.
        node: PathBuf,
    },
    /// Its interface is claimed.
    Busy {
        /// Who has it.
        by: Holder,
    },
    /// The operating system has no driver for it that programs can use.
    NoDriver,
    /// It can't be used as it is.
    Broken {
        /// What is wrong with it.
        why: String,
    },
}

/// What lets a user open a device file.
pub(crate) fn no_permission(f: &mut fmt::Formatter<'_>, node: &Path) -> fmt::Result {
    let node = node.display();
    if cfg!(target_os = "linux") {
        let rules = "disc-hal udev print | sudo tee /etc/udev/rules.d/70-disc-hal.rules";
        write!(f, "permission denied: no right to write {node}: install the udev rules (`{rules}`), plug it in again")
    } else {
        write!(f, "permission denied: no right to use {node}: ask for it")
    }
}

pub(crate) const NO_DRIVER: &str = "the system has no driver that programs can use: its firmware should ask for WinUSB \
    (a Microsoft OS 2.0 descriptor); until it does, give it that driver with Zadig";

impl fmt::Display for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ok => f.write_str("can be opened"),
            Self::NoPermission { node } => no_permission(f, node),
            Self::Busy { by } => by.fmt(f),
            Self::NoDriver => f.write_str(NO_DRIVER),
            Self::Broken { why } => write!(f, "can't be used: {why}"),
        }
    }
}

/// Whether this user may open a file to read and write it. What isn't there may be opened:
/// that it is missing is another matter.
#[cfg(unix)]
pub(crate) fn may_open(path: &Path) -> bool {
    use rustix::fs::{Access, AtFlags, CWD, accessat};
    // The rights that open will use, not those of who started a set-user-id program.
    let rights = accessat(CWD, path, Access::READ_OK | Access::WRITE_OK, AtFlags::EACCESS);
    !matches!(rights, Err(rustix::io::Errno::ACCESS | rustix::io::Errno::PERM | rustix::io::Errno::ROFS))
}

#[cfg(not(unix))]
pub(crate) fn may_open(_: &Path) -> bool {
    true
}
