//! Bytes to the device: several transfers under way, not many bytes.

use core::task::Waker;
use core::time::Duration;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use nusb::transfer::Buffer;

use crate::endpoint::{Bell, Endpoint};
use crate::failure::Failure;

/// Bytes that may be under way: an Off of the bypass stands behind them. At full speed
/// (about 1 MB/s) this is 16 ms.
const BYTES: usize = 16 << 10;
/// Longest transfer in bytes: while one goes, the next ones wait behind it.
const LONGEST: usize = BYTES / 4;
/// Transfers that may be under way.
const DEPTH: usize = 16;
/// Of the bypass too: nobody may fill the memory by calling for darkness.
const DEPTH_BYPASS: usize = 4 * DEPTH;
/// How long bytes still under way are waited for at the end.
const SETTLE: Duration = Duration::from_millis(200);
const DRAIN: Duration = Duration::from_secs(1);

/// The OUT endpoint. The pipe and its bypass share it; nobody sleeps with its lock.
pub(crate) struct Output {
    state: Mutex<State>,
    bell: Arc<Bell>,
    waker: Waker,
}

struct State {
    endpoint: Box<dyn Endpoint>,
    /// Lengths of the transfers under way.
    lengths: VecDeque<usize>,
    bytes: usize,
    spare: Vec<Buffer>,
    failure: Option<Failure>,
    closed: bool,
}

impl State {
    /// Takes back what has completed.
    fn reap(&mut self, waker: &Waker) -> Result<(), Failure> {
        while self.failure.is_none() && self.endpoint.pending() > 0 {
            let Some(completion) = self.endpoint.poll(waker) else { break };
            let length = self.lengths.pop_front().unwrap_or(0);
            self.bytes = self.bytes.saturating_sub(length);
            match completion.status {
                Ok(()) if completion.actual_len == length => self.spare.push(completion.buffer),
                // No system is known to do so; what was left out is a hole in the stream.
                Ok(()) => self.failure = Some(Failure::failed("a transfer to the device ended early; open it again")),
                Err(error) => self.failure = Some(error.into()),
            }
        }
        self.failure.clone().map_or(Ok(()), Err)
    }

    fn submit(&mut self, bytes: &[u8]) {
        let mut buffer = match self.spare.pop() {
            Some(buffer) if buffer.capacity() >= bytes.len() => buffer,
            _ => Buffer::new(bytes.len().max(1024)),
        };
        buffer.clear();
        buffer.extend_from_slice(bytes);
        self.endpoint.submit(buffer);
        self.lengths.push_back(bytes.len());
        self.bytes += bytes.len();
    }

    /// The same, as the end of what there is for now: a device that waits for a short
    /// packet gets one, if need be an empty one.
    fn submit_last(&mut self, bytes: &[u8]) {
        self.submit(bytes);
        if bytes.len().is_multiple_of(self.endpoint.packet().max(1)) {
            self.submit(&[]);
        }
    }
}

impl Output {
    pub(crate) fn new(endpoint: Box<dyn Endpoint>) -> Self {
        let (bell, waker) = Bell::new();
        let (lengths, spare) = (VecDeque::new(), Vec::new());
        let state = State { endpoint, lengths, bytes: 0, spare, failure: None, closed: false };
        Self { state: Mutex::new(state), bell, waker }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes from the front of `bytes` what there is room for, and returns how many;
    /// 0 if there is none within `wait`.
    pub(crate) fn write(&self, bytes: &[u8], wait: Duration) -> Result<usize, Failure> {
        let start = Instant::now();
        loop {
            let mut state = self.lock();
            state.reap(&self.waker)?;
            let room = BYTES.saturating_sub(state.bytes).min(LONGEST);
            if state.lengths.len() < DEPTH && room > 0 {
                // Only the last packet of all may be short.
                let packet = state.endpoint.packet().max(1);
                let whole = if bytes.len() <= room { bytes.len() } else { room - room % packet };
                if let Some(taken @ [_, ..]) = bytes.get(..whole) {
                    if whole == bytes.len() {
                        state.submit_last(taken);
                    } else {
                        state.submit(taken);
                    }
                    return Ok(whole);
                }
            }
            drop(state);
            let left = wait.saturating_sub(start.elapsed());
            if left.is_zero() {
                return Ok(0);
            }
            self.bell.wait(left);
        }
    }

    /// Puts all of `bytes` behind what is under way, at once.
    pub(crate) fn push(&self, bytes: &[u8]) {
        let mut state = self.lock();
        if !state.closed && state.reap(&self.waker).is_ok() && state.lengths.len() < DEPTH_BYPASS && !bytes.is_empty() {
            state.submit_last(bytes);
        }
    }

    /// Lets what is under way get there, in bounded time, and takes back the rest.
    pub(crate) fn close(&self) {
        self.lock().closed = true;
        self.settle(SETTLE);
        self.lock().endpoint.cancel();
        self.settle(DRAIN);
    }

    /// Waits until nothing is under way any more, for at most `within`.
    fn settle(&self, within: Duration) {
        let start = Instant::now();
        loop {
            let mut state = self.lock();
            while state.endpoint.poll(&self.waker).is_some() {}
            let left = within.saturating_sub(start.elapsed());
            if state.endpoint.pending() == 0 || left.is_zero() {
                return;
            }
            drop(state);
            self.bell.wait(left);
        }
    }
}
