//! The pipe over a pair of bulk endpoints.

use core::fmt;
use core::time::Duration;
use std::sync::Arc;

use disc_hal::wire::{Bypass, Clock, Pipe, PipeError};

use crate::alarms::{Alarms, Line};
use crate::endpoint::Endpoint;
use crate::failure::Failure;
use crate::input::Input;
use crate::output::Output;

/// A bulk IN and a bulk OUT endpoint as a pipe, the only user of their interface for as
/// long as it lives.
///
/// Transfers to the device are at most 4 KiB, and at most 16 KiB of them under way;
/// what ends on a packet border is followed by an empty packet. Up to sixteen transfers
/// of 64 packets (at most 32 KiB) wait for what the device sends. Where it leaves bytes
/// in one of them, because it ended on a packet border without an empty packet, they are
/// found there: after 20 ms, or up to 320 ms when nothing had been asked for.
///
/// No byte is lost by waiting, whatever is taken back and submitted again meanwhile.
/// Every error ends the pipe: open the device again. Dropping it waits up to 200 ms for
/// bytes still under way, takes back the other transfers and frees the interface.
///
/// # The bypass
///
/// Its bytes stand behind those under way, at most 16 KiB, and it returns at once. After the
/// pipe is dropped it does nothing, and doesn't keep the device open.
pub struct UsbPipe {
    input: Input,
    output: Arc<Output>,
    alarms: Option<Arc<Line>>,
    place: String,
    clock: Clock,
    dead: Option<Failure>,
}

impl UsbPipe {
    /// A pipe over endpoints whose device is called `place` in errors.
    pub(crate) fn over(
        place: String,
        input: Box<dyn Endpoint>,
        output: Box<dyn Endpoint>,
        alarms: Option<Box<dyn Endpoint>>,
    ) -> Self {
        let alarms = alarms.map(|endpoint| Arc::new(Line::new(place.clone(), endpoint)));
        let (input, output) = (Input::new(input), Arc::new(Output::new(output)));
        Self { input, output, alarms, place, clock: Clock::start(), dead: None }
    }

    /// Where the device is: its port, and its serial number where it has one.
    pub fn place(&self) -> &str {
        &self.place
    }

    /// What the device tells without being asked, where it has an endpoint for it. Lives
    /// in a thread of its own, past this pipe's being handed to somebody; each record is
    /// handed out once, whoever asks.
    pub fn alarms(&self) -> Option<Alarms> {
        self.alarms.as_ref().map(|line| Alarms::new(Arc::clone(line)))
    }

    fn alive(&self) -> Result<(), PipeError> {
        self.dead.as_ref().map_or(Ok(()), |why| Err(why.at(&self.place)))
    }

    fn lost(&mut self, why: Failure) -> PipeError {
        self.dead.insert(why).at(&self.place)
    }
}

impl Pipe for UsbPipe {
    fn read(&mut self, buffer: &mut [u8], wait: Duration) -> Result<usize, PipeError> {
        self.alive()?;
        if buffer.is_empty() {
            return Ok(0);
        }
        self.input.read(buffer, wait).map_err(|why| self.lost(why))
    }

    fn write(&mut self, bytes: &[u8], wait: Duration) -> Result<usize, PipeError> {
        self.alive()?;
        if bytes.is_empty() {
            return Ok(0);
        }
        self.input.expect();
        self.output.write(bytes, wait).map_err(|why| self.lost(why))
    }

    fn now(&self) -> Duration {
        self.clock.now()
    }

    fn bypass(&self) -> Option<Bypass> {
        // Weak: a handle kept for Ctrl-C mustn't keep the interface claimed.
        let output = Arc::downgrade(&self.output);
        Some(Bypass::new(move |bytes| {
            if let Some(output) = output.upgrade() {
                output.push(bytes);
            }
        }))
    }
}

impl Drop for UsbPipe {
    fn drop(&mut self) {
        self.output.close();
        if let Some(alarms) = &self.alarms {
            alarms.close();
        }
    }
}

impl fmt::Debug for UsbPipe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UsbPipe").field("place", &self.place).field("dead", &self.dead).finish_non_exhaustive()
    }
}
