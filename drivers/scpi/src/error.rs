//! What went wrong with a supply, on the host's side: the cause in full, of which the
//! contract's numeric error is a summary.

use core::fmt;
use std::sync::Arc;

use disc_hal::hal::{Error, ErrorKind, Outputs, Part};

use crate::code::Entry;
use crate::link::{LinkError, OpenLinkError};
use crate::message::{AnswerError, Idn};
use crate::resource::Resource;

/// Why an instrument didn't do what it was told.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Cause {
    /// Nothing comes from it, or goes to it.
    #[error(transparent)]
    Link(#[from] LinkError),
    /// The link was lost and can't be opened again.
    #[error("the link can't be opened again: {0}")]
    Open(#[from] OpenLinkError),
    /// Its answer can't be used.
    #[error(transparent)]
    Answer(#[from] AnswerError),
    /// Question and answer went out of step.
    #[error("`{got}` came instead of an entry of the error queue: question and answer are out of step")]
    OutOfStep {
        /// What came, made printable.
        got: String,
    },
    /// The instrument reports errors.
    #[error("the instrument says: {}", list(.0))]
    Refused(Vec<Entry>),
    /// Its error queue doesn't end.
    #[error("the error queue doesn't end: {} and more", list(.0))]
    Flood(Vec<Entry>),
    /// Another instrument answers.
    #[error("another instrument answers: it was `{was}` and is `{is}`")]
    OtherInstrument {
        /// Who it was.
        was: Box<Idn>,
        /// What answers now.
        is: String,
    },
    /// A setting that reads back as something else.
    #[error("{what} was set to {wanted} and reads back as {got}")]
    NotTaken {
        /// What.
        what: &'static str,
        /// What it was set to.
        wanted: String,
        /// What came back.
        got: String,
    },
    /// An output that says it is on after it was switched off.
    #[error("the output says that it is still on")]
    StaysOn,
    /// An output that says it is off while it should be on.
    #[error("the output switched itself off: a protection tripped, or somebody pressed its key")]
    Tripped,
    /// It was switched off because of something else.
    #[error("switched off: {0}")]
    SwitchedOff(String),
    /// The thread that talks to it is stuck in the operating system, or gone.
    #[error("nothing is heard from the thread that talks to it")]
    Stuck,
}

fn list(entries: &[Entry]) -> String {
    entries.iter().take(4).map(Entry::to_string).collect::<Vec<_>>().join("; ")
}

impl Cause {
    /// The same in the words of the contract.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Link(LinkError::Timeout { .. }) | Self::Stuck => ErrorKind::Timeout,
            Self::Link(LinkError::Stopped) | Self::SwitchedOff(_) => ErrorKind::WrongState,
            Self::Link(LinkError::Pipe(_)) | Self::Open(_) | Self::OtherInstrument { .. } => ErrorKind::LinkLost,
            Self::Link(_) | Self::Answer(_) | Self::OutOfStep { .. } => ErrorKind::NotTrusted,
            Self::Refused(entries) | Self::Flood(entries) => {
                entries.first().map_or(ErrorKind::Fault, |entry| entry.code.kind())
            }
            Self::NotTaken { .. } | Self::StaysOn => ErrorKind::Fault,
            Self::Tripped => ErrorKind::Tripped,
        }
    }

    /// The number of the first entry of the error queue; 0 for what has none.
    pub fn code(&self) -> u32 {
        match self {
            Self::Refused(entries) | Self::Flood(entries) => entries.first().map_or(0, |e| e.code.contract()),
            _ => 0,
        }
    }

    /// What to do next.
    fn next_step(&self) -> &'static str {
        match self {
            Self::Link(LinkError::Stopped) | Self::SwitchedOff(_) | Self::Tripped => {
                "find the reason, then make the supply safe before it is used again"
            }
            Self::Refused(entries) if self.kind() == ErrorKind::NotSupported && !entries.is_empty() => {
                "compare the profile's commands with the instrument's manual"
            }
            Self::Answer(_) => {
                "check the instrument's settings; the supply has to be made safe before it is used again"
            }
            Self::StaysOn | Self::Stuck => "switch the output off at the instrument",
            _ => "check cable and instrument; the supply has to be made safe before it is used again",
        }
    }
}

/// What went wrong where: cheap to clone, as it is told to every call until the supply
/// is made safe.
#[derive(Debug, Clone)]
pub struct Trouble {
    pub(crate) resource: Resource,
    pub(crate) doing: String,
    pub(crate) cause: Arc<Cause>,
}

impl Trouble {
    pub(crate) fn new(resource: &Resource, doing: impl Into<String>, cause: impl Into<Cause>) -> Self {
        Self { resource: resource.clone(), doing: doing.into(), cause: Arc::new(cause.into()) }
    }

    /// The instrument.
    pub fn resource(&self) -> &Resource {
        &self.resource
    }

    /// Why.
    pub fn cause(&self) -> &Cause {
        &self.cause
    }

    pub(crate) fn is_stop(&self) -> bool {
        matches!(*self.cause, Cause::Link(LinkError::Stopped))
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}: {}", self.resource, self.doing, self.cause)
    }
}

impl core::error::Error for Trouble {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        Some(&*self.cause)
    }
}

/// Why a call of a supply failed, in full: what
/// [`Supply::last_error`](crate::Supply::last_error) keeps of the contract's error.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct SupplyError {
    /// What went wrong where.
    pub trouble: Trouble,
    /// The outputs of all instruments, after every one was switched off and asked.
    pub outputs: Outputs,
    /// Instruments whose outputs may be on, and why that isn't known.
    pub unsure: Vec<Trouble>,
}

impl SupplyError {
    /// The same for the contract.
    pub fn contract(&self) -> Error {
        let cause = self.trouble.cause();
        Error::new(Part::Electrode, cause.kind()).with_code(cause.code()).with_outputs(self.outputs)
    }
}

impl fmt::Display for SupplyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; ", self.trouble)?;
        match self.unsure.as_slice() {
            [] => f.write_str("every output is off, and says so")?,
            unsure => {
                f.write_str("these outputs may be on:")?;
                for (i, trouble) in unsure.iter().enumerate() {
                    write!(f, "{} {trouble}", if i == 0 { "" } else { "," })?;
                }
                f.write_str("; switch them off by hand")?;
            }
        }
        write!(f, "; {}", self.trouble.cause().next_step())
    }
}

impl core::error::Error for SupplyError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        Some(&self.trouble)
    }
}

/// Why a supply can't be opened. Nothing has been driven then.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The link.
    #[error(transparent)]
    Link(#[from] OpenLinkError),
    /// No instrument answers, or it can't be prepared.
    #[error("{0}")]
    Instrument(#[source] Trouble),
    /// No profile knows it.
    #[error(
        "{resource}: no profile knows the instrument `{idn}`; there are {known}: write a profile for it after one of \
         these, and name its file"
    )]
    UnknownInstrument {
        /// Where.
        resource: Resource,
        /// Who it says it is.
        idn: Box<Idn>,
        /// The names of the profiles.
        known: String,
    },
    /// A channel or a limit that the instrument hasn't.
    #[error("electrode {electrode} ({resource}, channel {channel}): {what}")]
    Wiring {
        /// The electrode.
        electrode: usize,
        /// The instrument.
        resource: Resource,
        /// The channel.
        channel: u8,
        /// What is wrong, and what could be.
        what: String,
    },
    /// None, or more than eight.
    #[error("{0} electrodes are wired: a supply has 1 to 8")]
    Count(usize),
}
