//! From a port to the bench behind it.

use core::time::Duration;
use std::path::{Path, PathBuf};

pub use disc_hal::wire::Probe;
use disc_hal::wire::{self, OpenOptions, Remote};

use crate::error::OpenError;
use crate::pipe::SerialPipe;

/// Why a bench on a serial line can't be opened. Every message names the port.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenBenchError {
    /// The port can't be opened.
    #[error(transparent)]
    Port(#[from] OpenError),
    /// It can, but there is no bench behind it that lets itself be opened.
    #[error("{path}: {source}")]
    Bench {
        /// The port.
        path: PathBuf,
        /// What came instead.
        source: wire::OpenError,
    },
}

/// Opens the bench at a port.
///
/// Opening the port resets some devices: see [the crate's page](crate).
///
/// # Errors
/// [`OpenBenchError`] says whether it is the port or what answers there.
pub fn open(path: impl AsRef<Path>, baud: u32, options: &OpenOptions) -> Result<Remote, OpenBenchError> {
    let path = path.as_ref();
    let pipe = SerialPipe::open(path, baud)?;
    Remote::open(pipe, options).map_err(|source| OpenBenchError::Bench { path: path.into(), source })
}

/// Asks who is at a port: greets for at most `within` and, where a bench answers,
/// reads its specs and leaves it. Nothing is lit; a bench that is held isn't disturbed.
///
/// Opening the port resets some devices: see [the crate's page](crate).
///
/// # Errors
/// [`OpenError`] when the port can't be opened.
pub fn probe(path: impl AsRef<Path>, baud: u32, within: Duration) -> Result<Probe, OpenError> {
    Ok(wire::probe(SerialPipe::open(path, baud)?, within))
}
