//! What the end of a transfer means for the link.

use std::io;

use disc_hal::wire::PipeError;
use nusb::transfer::TransferError;

/// Why nothing goes any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failure {
    gone: bool,
    words: String,
}

impl Failure {
    fn gone(words: &str) -> Self {
        Self { gone: true, words: words.into() }
    }

    pub(crate) fn failed(words: impl Into<String>) -> Self {
        Self { gone: false, words: words.into() }
    }

    /// The pipe's error, which names the device.
    pub(crate) fn at(&self, place: &str) -> PipeError {
        let words = format!("{place}: {}", self.words);
        if self.gone { PipeError::Gone(words) } else { PipeError::Io(io::Error::other(words)) }
    }
}

impl From<TransferError> for Failure {
    /// Of a transfer that nobody had cancelled.
    fn from(error: TransferError) -> Self {
        match error {
            TransferError::Disconnected => Self::gone("unplugged or switched off"),
            // What a host controller says of a device on its way out, before anybody
            // says that it is unplugged; and of one that sends more than was asked for.
            TransferError::Fault => Self::gone(
                "the bus failed: unplugged, a bad cable, or more sent than asked for; check the cable, open it again",
            ),
            // Only the system cancels behind our back: a reset, a suspend, a driver that takes over.
            TransferError::Cancelled => Self::gone("the system took the transfers back; open it again"),
            TransferError::Stall => Self::failed("the device has stalled its endpoint; open it again"),
            TransferError::InvalidArgument => {
                Self::failed("the system refuses the transfer: the endpoint isn't what its descriptor says")
            }
            // ENOMEM of Linux: all programs together may have so much under way.
            TransferError::Unknown(12) if cfg!(target_os = "linux") => Self::failed(
                "no memory for transfers; raise /sys/module/usbcore/parameters/usbfs_memory_mb, or close other users of USB",
            ),
            other => Self::failed(format!("{other}; open it again")),
        }
    }
}
