//! Why a port can't be opened.

use std::io;
use std::path::PathBuf;

use crate::process::by;

pub(crate) const PERMISSION: &str = if cfg!(target_os = "linux") {
    "add yourself to the group that owns it (`sudo usermod -aG dialout $USER`, then log in again), or ship a udev rule"
} else {
    "ask for the right to use it"
};

/// Why a port can't be opened. Each says what to do next.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// There's nothing of this name.
    #[error("{path}: no such port: check the cable and the name; the list of ports shows what is there")]
    NotFound {
        /// The port.
        path: PathBuf,
    },
    /// There's a port but no device behind it.
    #[error("{path}: no device behind this port ({source}): check the cable and the power")]
    NoDevice {
        /// The port.
        path: PathBuf,
        /// What the operating system answered.
        source: io::Error,
    },
    /// This user may not open it.
    #[error("{path}: permission denied: {}", PERMISSION)]
    PermissionDenied {
        /// The port.
        path: PathBuf,
    },
    /// Another program has it.
    #[error("{path}: in use by another program: close it, or wait until it is done{}", by(*.owner))]
    Busy {
        /// The port.
        path: PathBuf,
        /// Process id of the program, where it is known.
        owner: Option<u32>,
    },
    /// It is something else than a terminal.
    #[error("{path}: not a serial port but {what}: give the name of a port")]
    NotATerminal {
        /// What was named.
        path: PathBuf,
        /// What it is.
        what: &'static str,
    },
    /// The port can't run at this rate.
    #[error("{path}: can't run at {baud} baud{}: choose another rate, on the bench too", instead(*.applied))]
    Unsupported {
        /// The port.
        path: PathBuf,
        /// The rate asked for.
        baud: u32,
        /// The rate that the port took, where it is known.
        applied: Option<u32>,
    },
    /// The operating system failed.
    #[error("{path}: can't be opened ({source})")]
    Io {
        /// The port.
        path: PathBuf,
        /// What the operating system answered.
        source: io::Error,
    },
}

fn instead(rate: Option<u32>) -> String {
    rate.map(|rate| format!(" (it runs at {rate} instead)")).unwrap_or_default()
}

/// Whether a port that runs at `applied` can talk to one that runs at `asked`: a
/// byte is ten bits and the last must be sampled inside itself, which leaves 5 %
/// to both ends together.
pub(crate) fn near_enough(asked: u32, applied: u32) -> bool {
    u64::from(asked.abs_diff(applied)) * 40 <= u64::from(asked)
}

#[cfg(test)]
mod tests {
    use super::near_enough;

    #[test]
    fn a_rate_may_be_off_by_a_fortieth() {
        assert!(near_enough(115_200, 115_200));
        assert!(near_enough(115_200, 117_647)); // 2.1 %, of a 16 MHz AVR
        assert!(!near_enough(115_200, 111_111)); // 3.5 %
        assert!(!near_enough(115_200, 9600));
        assert!(near_enough(u32::MAX, u32::MAX));
    }
}
