//! Ways to an instrument: program messages there, response messages back.

mod lines;
mod socket;
mod usb;
mod usbtmc;

use core::sync::atomic::{AtomicBool, Ordering};
use core::time::Duration;
use std::io;
use std::sync::Arc;
use std::time::Instant;

use disc_hal::wire::PipeError;
use disc_hal_serial::SerialPipe;

pub use lines::Lines;
pub use socket::SocketPipe;
pub use usb::UDEV_RULE;
pub use usbtmc::{Bulk, Control, Usbtmc};

use crate::resource::Resource;

/// Longest response message that is taken; SCPI supplies answer in less than 200 bytes.
pub const LONGEST: usize = 4096;
/// Longest single wait, after which the stop flag is looked at.
const SLICE: Duration = Duration::from_millis(20);
/// Longest that opening a socket may take.
const CONNECT: Duration = Duration::from_secs(2);

/// Why nothing comes from, or goes to, an instrument.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LinkError {
    /// No whole answer in time.
    #[error("no answer within {ms} ms{}", partial(.got))]
    Timeout {
        /// The time.
        ms: u64,
        /// What had come of it, made printable.
        got: String,
    },
    /// An answer without an end.
    #[error("an answer of more than {LONGEST} bytes")]
    Overlong,
    /// Bytes that no instrument of this class sends.
    #[error("a transfer that breaks the USBTMC protocol: {0}")]
    Protocol(String),
    /// The link is gone.
    #[error(transparent)]
    Pipe(#[from] PipeError),
    /// Somebody has asked for everything to be switched off.
    #[error("interrupted, to switch the outputs off")]
    Stopped,
}

impl LinkError {
    /// Whether the link has to be opened again.
    pub fn is_lost(&self) -> bool {
        matches!(self, Self::Pipe(_))
    }
}

fn partial(got: &str) -> String {
    if got.is_empty() { String::new() } else { format!(" but a part of one, `{got}`") }
}

/// Why an instrument's link can't be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenLinkError {
    /// The serial port.
    #[error(transparent)]
    Serial(#[from] disc_hal_serial::OpenError),
    /// The socket.
    #[error(
        "{resource}: can't be reached ({source}): check the address, and that the instrument's LAN and its \
             raw SCPI socket are on"
    )]
    Socket {
        /// Where.
        resource: Resource,
        /// What the operating system answered.
        source: io::Error,
    },
    /// The USB interface.
    #[error("{resource}: {what}")]
    Usb {
        /// Where.
        resource: Resource,
        /// What is wrong, and what to do.
        what: String,
    },
}

/// A wait with an end, and a flag that ends it earlier.
#[derive(Debug, Clone)]
pub struct Wait {
    whole: Duration,
    end: Instant,
    stop: Option<Arc<AtomicBool>>,
}

impl Wait {
    /// At most so long from now on.
    pub fn new(whole: Duration) -> Self {
        Self { whole, end: Instant::now() + whole, stop: None }
    }

    /// The same, and no longer than `stop` is false.
    #[must_use]
    pub fn unless(mut self, stop: Option<&Arc<AtomicBool>>) -> Self {
        self.stop = stop.cloned();
        self
    }

    /// What may be waited at once; `None` when the time is up.
    ///
    /// # Errors
    /// [`LinkError::Stopped`].
    pub fn slice(&self) -> Result<Option<Duration>, LinkError> {
        if self.stop.as_ref().is_some_and(|stop| stop.load(Ordering::Acquire)) {
            return Err(LinkError::Stopped);
        }
        let left = self.end.saturating_duration_since(Instant::now());
        Ok((!left.is_zero()).then(|| left.min(SLICE)))
    }

    /// The error when it is over, with what had come.
    pub fn over(&self, got: &[u8]) -> LinkError {
        LinkError::Timeout { ms: self.whole.as_millis() as u64, got: crate::message::shown(got) }
    }
}

/// A way to an instrument.
///
/// # For driver authors
///
/// Every call returns within its wait. After a time-out, what comes late belongs to
/// nobody: [`clear`](Self::clear) throws away what it can reach of it.
pub trait Link: Send {
    /// Sends a program message, without its end.
    ///
    /// # Errors
    /// [`LinkError`].
    fn send(&mut self, message: &str, wait: &Wait) -> Result<(), LinkError>;

    /// One response message, without its end.
    ///
    /// # Errors
    /// [`LinkError`].
    fn receive(&mut self, wait: &Wait) -> Result<Vec<u8>, LinkError>;

    /// Throws away what has come and wasn't asked for, without waiting; how many bytes.
    ///
    /// # Errors
    /// [`LinkError`] when the link is gone.
    fn drain(&mut self) -> Result<usize, LinkError>;

    /// Ends whatever is under way, as far as the link has a means for it.
    ///
    /// # Errors
    /// [`LinkError`].
    fn clear(&mut self, wait: &Wait) -> Result<(), LinkError>;
}

/// Opens the way to an instrument. A serial port is locked, a USB interface claimed (on
/// Linux, away from the kernel's driver) for as long as the link lives.
///
/// # Errors
/// [`OpenLinkError`], with what to do.
pub fn open(resource: &Resource) -> Result<Box<dyn Link>, OpenLinkError> {
    match resource {
        Resource::Socket { host, port } => {
            let pipe = SocketPipe::connect(host, *port, CONNECT)
                .map_err(|source| OpenLinkError::Socket { resource: resource.clone(), source })?;
            Ok(Box::new(Lines::new(pipe)))
        }
        Resource::Serial { path, baud } => Ok(Box::new(Lines::new(SerialPipe::open(path, *baud)?))),
        Resource::Usb { vid, pid, serial, interface } => {
            let named = |what| OpenLinkError::Usb { resource: resource.clone(), what };
            let bulk = usb::NusbBulk::open(*vid, *pid, serial.as_deref(), *interface).map_err(named)?;
            Ok(Box::new(Usbtmc::new(bulk)))
        }
    }
}
