//! From a port to the bench behind it.

use core::fmt;
use core::time::Duration;
use std::path::{Path, PathBuf};

use disc_hal::hal::{Identity, Name, Rig as _};
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

/// Who answers at a port.
#[derive(Debug)]
#[non_exhaustive]
pub enum Probe {
    /// A bench that can be used.
    Bench(Identity),
    /// A bench that speaks another version of the protocol.
    OtherVersion {
        /// Who it is.
        identity: Identity,
        /// Its version.
        version: u8,
    },
    /// A bench that somebody holds.
    Held {
        /// Who.
        owner: Name,
        /// For how many milliseconds.
        since_ms: u64,
    },
    /// No bench, or none that can be used: this came instead.
    NotABench(wire::OpenError),
}

impl fmt::Display for Probe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bench(identity) => write!(f, "{identity}"),
            Self::OtherVersion { identity, version } => {
                let ours = wire::VERSION;
                write!(
                    f,
                    "{identity}, which speaks version {version} of the protocol and not {ours}: update one of both"
                )
            }
            Self::Held { owner, since_ms } => {
                // One wording for the error and the list.
                wire::OpenError::Busy { owner: *owner, since_ms: *since_ms }.fmt(f)
            }
            Self::NotABench(why) => why.fmt(f),
        }
    }
}

/// Asks who is at a port: greets for at most `within` and, where a bench answers,
/// reads its specs and leaves it. Nothing is lit; a bench that is held isn't disturbed.
///
/// Opening the port resets some devices: see [the crate's page](crate).
///
/// # Errors
/// [`OpenError`] when the port can't be opened.
pub fn probe(path: impl AsRef<Path>, baud: u32, within: Duration) -> Result<Probe, OpenError> {
    let options = OpenOptions::default().within(within).patience(within);
    match open(path, baud, &options) {
        Ok(mut bench) => {
            let identity = *bench.identity();
            // It has answered; whether it also heard the goodbye, its lease settles.
            let _left = bench.close();
            Ok(match bench.other_version() {
                Some(version) => Probe::OtherVersion { identity, version },
                None => Probe::Bench(identity),
            })
        }
        Err(OpenBenchError::Bench { source: wire::OpenError::Busy { owner, since_ms }, .. }) => {
            Ok(Probe::Held { owner, since_ms })
        }
        Err(OpenBenchError::Bench { source, .. }) => Ok(Probe::NotABench(source)),
        Err(OpenBenchError::Port(error)) => Err(error),
    }
}
