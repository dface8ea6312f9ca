//! What a device tells without being asked.

use core::fmt;
use core::task::Waker;
use core::time::Duration;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use disc_hal::wire::PipeError;
use disc_hal::wire::usb::{ALARM, Alarm};
use nusb::transfer::Buffer;

use crate::endpoint::{Bell, Endpoint, drain};
use crate::failure::Failure;

const DEPTH: usize = 4;
const DRAIN: Duration = Duration::from_secs(1);

/// The interrupt endpoint. The pipe and its [`Alarms`] share it; nobody sleeps with its lock.
pub(crate) struct Line {
    place: String,
    /// None once the pipe is dropped.
    state: Mutex<Option<State>>,
    bell: Arc<Bell>,
    waker: Waker,
}

struct State {
    endpoint: Box<dyn Endpoint>,
    failure: Option<Failure>,
}

impl Line {
    pub(crate) fn new(place: String, mut endpoint: Box<dyn Endpoint>) -> Self {
        let (bell, waker) = Bell::new();
        // Where packets are longer than a record, one comes with each record all the same.
        let packet = endpoint.packet().max(1);
        for _ in 0..DEPTH {
            endpoint.submit(Buffer::new(packet * ALARM.div_ceil(packet)));
        }
        Self { place, state: Mutex::new(Some(State { endpoint, failure: None })), bell, waker }
    }

    fn lock(&self) -> MutexGuard<'_, Option<State>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes back the transfers and frees the endpoint.
    pub(crate) fn close(&self) {
        let ended = self.lock().take();
        if let Some(State { mut endpoint, .. }) = ended {
            drain(&mut *endpoint, &self.bell, &self.waker, DRAIN);
        }
        // Whoever waits is told.
        self.bell.ring();
    }

    /// The next record that has come. `Err(None)`: the pipe has ended.
    fn take(&self) -> Result<Option<Alarm>, Option<Failure>> {
        let mut state = self.lock();
        let State { endpoint, failure } = state.as_mut().ok_or(None)?;
        while failure.is_none() {
            let Some(completion) = endpoint.poll(&self.waker) else { return Ok(None) };
            match completion.status {
                Ok(()) => {
                    let alarm = Alarm::decode(&completion.buffer);
                    endpoint.submit(completion.buffer);
                    // What is no record, of a later version perhaps, is left alone.
                    if let Ok(alarm) = alarm {
                        return Ok(Some(alarm));
                    }
                }
                Err(error) => *failure = Some(error.into()),
            }
        }
        Err(failure.clone())
    }
}

/// What a device tells without being asked: that its interlock has opened, that it has
/// tripped. For people to know at once; nothing in the safety of a bench depends on it.
pub struct Alarms {
    line: Arc<Line>,
}

impl Alarms {
    pub(crate) const fn new(line: Arc<Line>) -> Self {
        Self { line }
    }

    /// The next record, waited for as long as `wait`; `None` if none comes.
    ///
    /// # Errors
    /// [`PipeError`] when none can come any more: the device is gone, or the pipe has
    /// been dropped.
    pub fn next(&self, wait: Duration) -> Result<Option<Alarm>, PipeError> {
        let start = Instant::now();
        loop {
            match self.line.take() {
                Ok(Some(alarm)) => return Ok(Some(alarm)),
                Ok(None) => {}
                Err(Some(failure)) => return Err(failure.at(&self.line.place)),
                Err(None) => return Err(PipeError::Gone(format!("{}: closed here", self.line.place))),
            }
            let left = wait.saturating_sub(start.elapsed());
            if left.is_zero() {
                return Ok(None);
            }
            self.line.bell.wait(left);
        }
    }
}

impl fmt::Debug for Alarms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Alarms").field("place", &self.line.place).finish_non_exhaustive()
    }
}
