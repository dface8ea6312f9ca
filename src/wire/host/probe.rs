//! Asking who is there.

use core::fmt;
use core::time::Duration;

use super::super::VERSION;
use super::super::pipe::Pipe;
use super::{OpenError, OpenOptions, Remote};
use crate::hal::{Identity, Name, Rig as _};

/// Who answers at the other end of a pipe.
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
    NotABench(OpenError),
}

impl fmt::Display for Probe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bench(identity) => write!(f, "{identity}"),
            Self::OtherVersion { identity, version } => {
                write!(
                    f,
                    "{identity}, which speaks version {version} of the protocol and not {VERSION}: update one of both"
                )
            }
            Self::Held { owner, since_ms } => {
                // One wording for the error and the list.
                OpenError::Busy { owner: *owner, since_ms: *since_ms }.fmt(f)
            }
            Self::NotABench(why) => why.fmt(f),
        }
    }
}

/// Asks who is at the other end of `pipe`: greets for at most `within` and, where a bench
/// answers, reads its specs and leaves it. Nothing is lit; a bench that is held isn't disturbed.
pub fn probe(pipe: impl Pipe + 'static, within: Duration) -> Probe {
    let options = OpenOptions::default().within(within).patience(within);
    match Remote::open(pipe, &options) {
        Ok(mut bench) => {
            let identity = *bench.identity();
            // It has answered; whether it also heard the goodbye, its lease settles.
            let _left = bench.close();
            match bench.other_version() {
                Some(version) => Probe::OtherVersion { identity, version },
                None => Probe::Bench(identity),
            }
        }
        Err(OpenError::Busy { owner, since_ms }) => Probe::Held { owner, since_ms },
        Err(why) => Probe::NotABench(why),
    }
}
