//! An open port where there is only `serialport`: Windows.

use core::time::Duration;
use std::io;
use std::path::Path;
use std::sync::Mutex;
use std::time::Instant;

use serialport::{ClearBuffer, ErrorKind, SerialPort};

use crate::classify::{Answer, System, classify};
use crate::error::{OpenError, near_enough};

/// Windows lets one transfer of a port's handles through at a time: the pipe waits in
/// slices, and the bypass gets in between two of them.
const SLICE: Duration = Duration::from_millis(20);

pub(crate) struct Line {
    pipe: Mutex<Box<dyn SerialPort>>,
    bypass: Mutex<Box<dyn SerialPort>>,
}

impl Line {
    pub(crate) fn open(path: &Path, baud: u32) -> Result<Self, OpenError> {
        let name = path.to_string_lossy();
        let port = serialport::new(name.as_ref(), baud).timeout(SLICE).open().map_err(|error| {
            let path = path.to_path_buf();
            match error.kind {
                // Missing and taken ports get the same answer there.
                ErrorKind::NoDevice if is_listed(&name) => OpenError::Busy { path, owner: None },
                ErrorKind::NoDevice | ErrorKind::Io(io::ErrorKind::NotFound) => OpenError::NotFound { path },
                ErrorKind::Io(io::ErrorKind::PermissionDenied) => OpenError::PermissionDenied { path },
                ErrorKind::InvalidInput => OpenError::NotATerminal { path, what: "something else" },
                _ => OpenError::Io { path, source: error.into() },
            }
        })?;
        let failed = |error: serialport::Error| OpenError::Io { path: path.into(), source: error.into() };
        if let Ok(applied) = port.baud_rate()
            && !near_enough(baud, applied)
        {
            return Err(OpenError::Unsupported { path: path.into(), baud, applied: Some(applied) });
        }
        port.clear(ClearBuffer::All).map_err(failed)?;
        let bypass = port.try_clone().map_err(failed)?;
        Ok(Self { pipe: Mutex::new(port), bypass: Mutex::new(bypass) })
    }

    pub(crate) fn read(&self, buffer: &mut [u8], wait: Duration) -> io::Result<usize> {
        until(&self.pipe, wait, |port| port.read(buffer))
    }

    pub(crate) fn write(&self, bytes: &[u8], wait: Duration) -> io::Result<usize> {
        until(&self.pipe, wait, |port| port.write(bytes))
    }

    /// Writes all of `bytes` ahead of whatever is queued, or gives up in time.
    pub(crate) fn push(&self, bytes: &[u8]) {
        let Ok(mut port) = self.bypass.try_lock() else { return };
        if port.write(bytes).is_ok_and(|taken| taken == bytes.len()) {
            return;
        }
        // A part of a frame is worth nothing: make room and write it again.
        let _ = port.clear(ClearBuffer::Output);
        let _ = port.write(bytes);
    }
}

/// Calls `once` in slices until it gets somewhere; 0 if it doesn't in time. Nothing
/// taken is a time-out there and no end of the stream.
fn until(
    port: &Mutex<Box<dyn SerialPort>>,
    wait: Duration,
    mut once: impl FnMut(&mut dyn SerialPort) -> io::Result<usize>,
) -> io::Result<usize> {
    let mut port = port.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let end = Instant::now().checked_add(wait);
    loop {
        let left = end.map_or(SLICE, |end| end.saturating_duration_since(Instant::now()));
        // A time-out of 0 means "at once" to a read but "never" to a write.
        port.set_timeout(left.clamp(Duration::from_millis(1), SLICE))?;
        match once(port.as_mut()) {
            Ok(0) => {}
            Ok(count) => return Ok(count),
            Err(error) => {
                if classify(System::HERE, error.kind(), error.raw_os_error()) != Answer::Again {
                    return Err(error);
                }
            }
        }
        if end.is_some_and(|end| Instant::now() >= end) {
            return Ok(0);
        }
    }
}

fn is_listed(name: &str) -> bool {
    serialport::available_ports().is_ok_and(|ports| ports.iter().any(|port| port.port_name.eq_ignore_ascii_case(name)))
}
