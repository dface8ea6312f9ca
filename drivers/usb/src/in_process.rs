//! Endpoints in this process: a device's and a host's end of the same queues, without
//! USB in between. For tests, and for measuring what the driver itself costs.
//!
//! Packets are kept: a transfer to the host ends with a packet that isn't full, or when
//! its buffer is. A device that leaves away the empty packet after a full one leaves
//! its bytes in a transfer that doesn't complete, as on a bus.

use core::fmt;
use core::task::Waker;
use core::time::Duration;
use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use disc_hal::wire::{Bypass, Clock, Pipe, PipeError};
pub use nusb::transfer::{Buffer, Completion, TransferError};

use crate::endpoint::{Bell, Endpoint};
use crate::pipe::UsbPipe;

/// Queue of one endpoint.
#[derive(Default)]
struct Queue {
    /// Under way, the oldest first.
    asked: VecDeque<Buffer>,
    /// How much of the oldest one has passed.
    passed: usize,
    done: VecDeque<Completion>,
    waker: Option<Waker>,
    /// Every transfer ends so, from now on.
    failure: Option<TransferError>,
    /// Transfers asked back stay where they are.
    keeps: bool,
    /// Bytes of each transfer that has ended, in order: what a bus analyser would show.
    log: Option<Vec<usize>>,
    host_gone: bool,
}

impl Queue {
    fn complete(&mut self, status: Result<(), TransferError>) {
        let Some(mut buffer) = self.asked.pop_front() else { return };
        let actual_len = core::mem::take(&mut self.passed);
        if actual_len == 0 {
            // Of an earlier use.
            buffer.clear();
        }
        if let Some(log) = &mut self.log {
            log.push(actual_len);
        }
        self.done.push_back(Completion { buffer, actual_len, status });
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }

    fn complete_all(&mut self, status: TransferError) {
        while !self.asked.is_empty() {
            self.complete(Err(status));
        }
    }
}

/// One endpoint, whose two ends share it.
#[derive(Clone)]
struct Lane {
    queue: Arc<Mutex<Queue>>,
    /// The host has done something.
    moved: Arc<Condvar>,
    packet: usize,
}

impl Lane {
    fn new(packet: usize) -> Self {
        Self { queue: Arc::default(), moved: Arc::default(), packet: packet.max(1) }
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does `once` on the queue until it gives something, or time is up.
    fn until<T>(&self, wait: Duration, mut once: impl FnMut(&mut Queue) -> Option<T>) -> Option<T> {
        let start = Instant::now();
        let mut queue = self.lock();
        loop {
            if let Some(found) = once(&mut queue) {
                return Some(found);
            }
            let left = wait.saturating_sub(start.elapsed());
            if left.is_zero() {
                return None;
            }
            queue = self.moved.wait_timeout(queue, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

/// The host's end of an endpoint.
pub struct Host {
    lane: Lane,
    pending: usize,
}

impl Host {
    const fn new(lane: Lane) -> Self {
        Self { lane, pending: 0 }
    }

    /// Hands a transfer to the endpoint.
    pub fn submit(&mut self, buffer: Buffer) {
        self.pending += 1;
        let mut queue = self.lane.lock();
        queue.asked.push_back(buffer);
        if let Some(failure) = queue.failure {
            queue.complete(Err(failure));
        }
        drop(queue);
        self.lane.moved.notify_all();
    }

    /// Takes back the oldest transfer, waited for as long as `wait`.
    pub fn complete(&mut self, wait: Duration) -> Option<Completion> {
        let start = Instant::now();
        let (bell, waker) = Bell::new();
        loop {
            if let Some(completion) = self.poll(&waker) {
                return Some(completion);
            }
            let left = wait.saturating_sub(start.elapsed());
            if self.pending == 0 || left.is_zero() {
                return None;
            }
            bell.wait(left);
        }
    }
}

impl Endpoint for Host {
    fn packet(&self) -> usize {
        self.lane.packet
    }

    fn pending(&self) -> usize {
        self.pending
    }

    fn submit(&mut self, buffer: Buffer) {
        Self::submit(self, buffer);
    }

    fn poll(&mut self, waker: &Waker) -> Option<Completion> {
        let mut queue = self.lane.lock();
        if let Some(completion) = queue.done.pop_front() {
            self.pending -= 1;
            return Some(completion);
        }
        match &mut queue.waker {
            Some(old) => old.clone_from(waker),
            none => *none = Some(waker.clone()),
        }
        None
    }

    fn cancel(&mut self) {
        let mut queue = self.lane.lock();
        if !queue.keeps {
            queue.complete_all(TransferError::Cancelled);
        }
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        self.lane.lock().host_gone = true;
        self.lane.moved.notify_all();
    }
}

impl fmt::Debug for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Host").field("pending", &self.pending).finish_non_exhaustive()
    }
}

/// Which endpoint of a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Which {
    /// To the host.
    In,
    /// From the host.
    Out,
    /// Alarms.
    Interrupt,
}

/// The device's end of its endpoints. As a [`Pipe`] it is what a bench is served at.
///
/// Clones are the same device: one may serve while another spoils the bus.
#[derive(Clone)]
pub struct Device {
    input: Lane,
    output: Lane,
    alarms: Lane,
    /// Whether what ends on a packet border is followed by an empty packet.
    empty_packets: bool,
    clock: Clock,
}

impl Device {
    /// The same, which never sends an empty packet.
    #[must_use]
    pub const fn without_empty_packets(mut self) -> Self {
        self.empty_packets = false;
        self
    }

    const fn lane(&self, which: Which) -> &Lane {
        match which {
            Which::In => &self.input,
            Which::Out => &self.output,
            Which::Interrupt => &self.alarms,
        }
    }

    /// Ends every transfer of an endpoint with an error, from now on.
    pub fn fail(&self, which: Which, error: TransferError) {
        let mut queue = self.lane(which).lock();
        queue.failure = Some(error);
        queue.complete_all(error);
    }

    /// Sends `bytes` in the transfer that ends with an error, as every later one does.
    pub fn fail_after(&self, bytes: &[u8], error: TransferError) {
        let mut queue = self.input.lock();
        if let Some(buffer) = queue.asked.front_mut() {
            buffer.clear();
            buffer.extend_from_slice(bytes);
            queue.passed = bytes.len();
        }
        queue.failure = Some(error);
        queue.complete_all(error);
    }

    /// Pulls the plug.
    pub fn unplug(&self) {
        for which in [Which::In, Which::Out, Which::Interrupt] {
            self.fail(which, TransferError::Disconnected);
        }
    }

    /// Keeps transfers of an endpoint that are asked back, or no longer.
    pub fn keep_cancelled(&self, which: Which, keeps: bool) {
        self.lane(which).lock().keeps = keeps;
    }

    /// Sends an empty packet.
    pub fn send_empty(&self) {
        self.input.lock().complete(Ok(()));
    }

    /// Sends one record on the interrupt endpoint; whether somebody waited for it.
    pub fn alarm(&self, record: &[u8]) -> bool {
        let mut queue = self.alarms.lock();
        let Some(buffer) = queue.asked.front_mut() else { return false };
        buffer.clear();
        buffer.extend_from_slice(record);
        queue.passed = record.len();
        queue.complete(Ok(()));
        true
    }

    /// Writes down the length of every transfer that ends, from now on.
    pub fn record(&self, which: Which) {
        self.lane(which).lock().log = Some(Vec::new());
    }

    /// The lengths written down.
    pub fn recorded(&self, which: Which) -> Vec<usize> {
        self.lane(which).lock().log.clone().unwrap_or_default()
    }

    /// Transfers that wait at an endpoint.
    pub fn waiting(&self, which: Which) -> usize {
        self.lane(which).lock().asked.len()
    }

    /// Whether the host has let go of both bulk endpoints.
    pub fn is_released(&self) -> bool {
        self.input.lock().host_gone && self.output.lock().host_gone
    }
}

impl Pipe for Device {
    fn read(&mut self, buffer: &mut [u8], wait: Duration) -> Result<usize, PipeError> {
        let got = self.output.until(wait, |queue| {
            let mut filled = 0;
            while filled < buffer.len() {
                let from = queue.passed;
                let Some(asked) = queue.asked.front() else { break };
                let rest = asked.get(from..).unwrap_or(&[]);
                let count = rest.len().min(buffer.len() - filled);
                if let (Some(to), Some(from)) = (buffer.get_mut(filled..filled + count), rest.get(..count)) {
                    to.copy_from_slice(from);
                }
                let ended = from + count == asked.len();
                queue.passed += count;
                filled += count;
                if ended {
                    queue.complete(Ok(()));
                }
            }
            let over = queue.host_gone || queue.failure.is_some();
            (filled > 0 || over).then_some((filled, over))
        });
        match got {
            Some((0, true)) => Err(PipeError::Gone("the host has let go of the endpoints".into())),
            Some((count, _)) => Ok(count),
            None => Ok(0),
        }
    }

    /// Sends what the host has asked for; the end of `bytes` is the end of a burst.
    fn write(&mut self, bytes: &[u8], wait: Duration) -> Result<usize, PipeError> {
        let (packet, empty_packets) = (self.input.packet, self.empty_packets);
        let sent = self.input.until(wait, |queue| {
            let mut taken = 0;
            while taken < bytes.len() {
                let passed = queue.passed;
                let Some(asked) = queue.asked.front_mut() else { break };
                if passed == 0 {
                    asked.clear();
                }
                let room = asked.requested_len() - passed;
                let chunk = bytes.get(taken..).unwrap_or(&[]);
                let chunk = chunk.get(..room.min(chunk.len())).unwrap_or(&[]);
                asked.extend_from_slice(chunk);
                let full = chunk.len() == room;
                taken += chunk.len();
                queue.passed += chunk.len();
                if full || chunk.len() % packet != 0 {
                    queue.complete(Ok(()));
                }
            }
            let over = queue.host_gone || queue.failure.is_some();
            if taken == bytes.len() && taken % packet == 0 && empty_packets && !queue.asked.is_empty() {
                queue.complete(Ok(()));
            }
            (taken > 0 || over).then_some((taken, over))
        });
        match sent {
            Some((0, true)) => Err(PipeError::Gone("the host has let go of the endpoints".into())),
            Some((count, _)) => Ok(count),
            None => Ok(0),
        }
    }

    fn now(&self) -> Duration {
        self.clock.now()
    }

    fn bypass(&self) -> Option<Bypass> {
        None
    }
}

impl fmt::Debug for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Device").field("packet", &self.input.packet).finish_non_exhaustive()
    }
}

/// A device with packets of at most `packet` bytes, and the host's bare ends of its bulk
/// endpoints, IN and OUT.
pub fn bare(packet: usize) -> (Host, Host, Device) {
    let (input, output, alarms) = (Lane::new(packet), Lane::new(packet), Lane::new(packet));
    let (host_in, host_out) = (Host::new(input.clone()), Host::new(output.clone()));
    (host_in, host_out, Device { input, output, alarms, empty_packets: true, clock: Clock::start() })
}

/// A pipe to a device with packets of at most `packet` bytes. The device has an
/// interrupt endpoint.
pub fn link(packet: usize) -> (UsbPipe, Device) {
    let (input, output, device) = bare(packet);
    let alarms: Box<dyn Endpoint> = Box::new(Host::new(device.alarms.clone()));
    let pipe = UsbPipe::over("usb in this process".into(), Box::new(input), Box::new(output), Some(alarms));
    (pipe, device)
}
