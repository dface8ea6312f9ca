//! What an operating system's answer means for the link.

use std::io::ErrorKind;

/// Whose error codes these are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum System {
    /// `errno`.
    Unix,
    /// `GetLastError`.
    Windows,
}

impl System {
    /// The one this program runs on.
    pub const HERE: Self = if cfg!(windows) { Self::Windows } else { Self::Unix };
}

/// What to do about a read or write that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// Nothing happened: go on waiting.
    Again,
    /// The device is no longer there, for this reason.
    Gone(&'static str),
    /// The link failed in some other way.
    Failed,
}

/// Sorts a failed read or write on an open port. The code, where there is one,
/// says more than the kind: the same unplugged cable is EIO with one driver, ENODEV
/// with another, "access denied" or "bad command" on Windows.
///
/// Something that isn't known to be harmless is never [`Answer::Again`].
pub fn classify(system: System, kind: ErrorKind, code: Option<i32>) -> Answer {
    match kind {
        ErrorKind::WouldBlock | ErrorKind::Interrupted | ErrorKind::TimedOut => return Answer::Again,
        _ => {}
    }
    let known = match (system, code) {
        (System::Unix, Some(5)) => Some("input/output error: unplugged or switched off"), // EIO
        (System::Unix, Some(6)) => Some("no such device or address"),                     // ENXIO
        (System::Unix, Some(9)) => Some("the port was closed"),                           // EBADF
        (System::Unix, Some(19)) => Some("no such device: unplugged"),                    // ENODEV
        (System::Unix, Some(32)) => Some("broken pipe"),                                  // EPIPE
        // ESHUTDOWN, EPROTO, EREMOTEIO of Linux: USB adapters on their way out.
        (System::Unix, Some(108)) if cfg!(target_os = "linux") => Some("the USB adapter is shut down"),
        (System::Unix, Some(71)) if cfg!(target_os = "linux") => Some("the USB adapter doesn't answer"),
        (System::Unix, Some(121)) if cfg!(target_os = "linux") => Some("the USB adapter doesn't answer"),
        (System::Windows, Some(2 | 3)) => Some("no such port"), // FILE_NOT_FOUND, PATH_NOT_FOUND
        (System::Windows, Some(5)) => Some("access denied to an open port: unplugged"), // ACCESS_DENIED
        (System::Windows, Some(6)) => Some("the port was closed"), // INVALID_HANDLE
        (System::Windows, Some(21)) => Some("the device isn't ready"), // NOT_READY
        (System::Windows, Some(22)) => Some("the device doesn't know the command: unplugged"), // BAD_COMMAND
        (System::Windows, Some(31)) => Some("the device doesn't function: unplugged"), // GEN_FAILURE
        (System::Windows, Some(55)) => Some("the device is no longer available"), // DEV_NOT_EXIST
        (System::Windows, Some(109 | 232 | 233)) => Some("broken pipe"), // BROKEN_PIPE, NO_DATA, PIPE_NOT_CONNECTED
        (System::Windows, Some(433)) => Some("no such device: unplugged"), // NO_SUCH_DEVICE
        (System::Windows, Some(995)) => Some("the transfer was aborted: unplugged or reset"), // OPERATION_ABORTED
        (System::Windows, Some(1167)) => Some("the device isn't connected"), // DEVICE_NOT_CONNECTED
        (System::Windows, Some(1617)) => Some("the device was removed"), // DEVICE_REMOVED
        // SEM_TIMEOUT, WAIT_TIMEOUT, OPERATION_IN_PROGRESS's elder brother IO_PENDING.
        (System::Windows, Some(121 | 258 | 997)) => return Answer::Again,
        _ => None,
    };
    if let Some(words) = known {
        return Answer::Gone(words);
    }
    match kind {
        ErrorKind::UnexpectedEof => Answer::Gone("end of the stream: unplugged or switched off"),
        ErrorKind::WriteZero => Answer::Gone("nothing can be written any more"),
        ErrorKind::BrokenPipe => Answer::Gone("broken pipe"),
        ErrorKind::NotFound => Answer::Gone("no such port"),
        ErrorKind::NotConnected => Answer::Gone("not connected"),
        ErrorKind::ConnectionReset | ErrorKind::ConnectionAborted => Answer::Gone("the connection was reset"),
        _ => Answer::Failed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Error;

    fn here(system: System, code: i32, kind: ErrorKind) -> Answer {
        classify(system, kind, Some(code))
    }

    #[test]
    fn every_answer_of_linux() {
        for code in [5, 6, 9, 19, 32, 71, 108, 121] {
            // Whatever kind the standard library gives it, now or later.
            for kind in [ErrorKind::Other, Error::from_raw_os_error(code).kind()] {
                assert!(matches!(here(System::Unix, code, kind), Answer::Gone(_)), "{code} {kind:?}");
            }
        }
        for (code, kind) in [(4, ErrorKind::Interrupted), (11, ErrorKind::WouldBlock), (110, ErrorKind::TimedOut)] {
            assert_eq!(here(System::Unix, code, kind), Answer::Again, "{code}");
        }
        // EPERM, ENOMEM, EACCES, EFAULT, EINVAL, ENOSPC, EOVERFLOW: not the cable's fault.
        for code in [1, 12, 13, 14, 22, 28, 75] {
            assert_eq!(here(System::Unix, code, ErrorKind::Other), Answer::Failed, "{code}");
        }
    }

    #[test]
    fn every_answer_of_windows() {
        for code in [2, 3, 5, 6, 21, 22, 31, 55, 109, 232, 233, 433, 995, 1167, 1617] {
            for kind in [ErrorKind::Other, ErrorKind::PermissionDenied] {
                assert!(matches!(here(System::Windows, code, kind), Answer::Gone(_)), "{code}");
            }
        }
        for code in [121, 258, 997] {
            assert_eq!(here(System::Windows, code, ErrorKind::Other), Answer::Again, "{code}");
        }
        // NOT_ENOUGH_MEMORY, WRITE_PROTECT, INVALID_PARAMETER, NO_SYSTEM_RESOURCES.
        for code in [8, 19, 87, 1450] {
            assert_eq!(here(System::Windows, code, ErrorKind::Other), Answer::Failed, "{code}");
        }
    }

    #[test]
    fn every_kind_without_a_code() {
        use ErrorKind as K;
        for system in [System::Unix, System::Windows] {
            for kind in [K::WouldBlock, K::Interrupted, K::TimedOut] {
                assert_eq!(classify(system, kind, None), Answer::Again, "{kind:?}");
            }
            for kind in [
                K::UnexpectedEof,
                K::WriteZero,
                K::BrokenPipe,
                K::NotFound,
                K::NotConnected,
                K::ConnectionReset,
                K::ConnectionAborted,
            ] {
                assert!(matches!(classify(system, kind, None), Answer::Gone(_)), "{kind:?}");
            }
            for kind in [K::Other, K::InvalidInput, K::PermissionDenied, K::OutOfMemory, K::Unsupported] {
                assert_eq!(classify(system, kind, None), Answer::Failed, "{kind:?}");
            }
        }
    }

    #[test]
    fn no_code_makes_it_spin() {
        for system in [System::Unix, System::Windows] {
            let harmless = (-1..=20_000).filter(|&code| here(system, code, ErrorKind::Other) == Answer::Again);
            let expected: &[i32] = if system == System::Windows { &[121, 258, 997] } else { &[] };
            assert_eq!(harmless.collect::<Vec<_>>(), expected);
        }
    }
}
