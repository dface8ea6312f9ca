//! Bytes from the device: several transfers always wait for them.

use core::task::Waker;
use core::time::Duration;
use std::sync::Arc;
use std::time::Instant;

use nusb::transfer::{Buffer, Completion, TransferError};

use crate::endpoint::{Bell, Endpoint, drain};
use crate::failure::Failure;

/// Transfers that wait. With [`LONGEST`], 10 ms of a high-speed bus: what a host may be
/// late before the device has to hold its samples back.
const DEPTH: usize = 16;
/// Packets in a transfer: 4 KiB at full speed, which fill in 4 ms, so that a flood of
/// samples keeps no reply waiting.
const PACKETS: usize = 64;
/// Longest transfer in bytes: above 16 KiB the kernel scatters it where it can, and above
/// this finds a place for it less and less often where it can't.
const LONGEST: usize = 32 << 10;
/// How long nothing may complete before the transfers are looked into: a device that
/// ends on a packet border and sends no empty packet leaves its bytes in one of them.
const LINGER: Duration = Duration::from_millis(20);
/// The same while nothing is found.
const LINGER_LONGEST: Duration = Duration::from_millis(320);
/// How long transfers that are taken back may take to come.
const DRAIN: Duration = Duration::from_secs(2);
/// The same, when the pipe ends.
const CLOSE: Duration = Duration::from_secs(1);

/// The IN endpoint.
pub(crate) struct Input {
    endpoint: Box<dyn Endpoint>,
    bell: Arc<Bell>,
    waker: Waker,
    /// What has come and isn't read yet, and how far it is read.
    front: Option<(Buffer, usize)>,
    spare: Vec<Buffer>,
    failure: Option<Failure>,
    /// The transfers have been asked back.
    draining: bool,
    /// For how long a reader has waited since the last bytes, or since the transfers
    /// were asked back.
    quiet: Duration,
    linger: Duration,
}

/// Bytes in a transfer, a multiple of the packet's.
pub(crate) fn length(packet: usize) -> usize {
    let packet = packet.max(1);
    packet * (LONGEST / packet).clamp(1, PACKETS)
}

impl Input {
    pub(crate) fn new(endpoint: Box<dyn Endpoint>) -> Self {
        let (bell, waker) = Bell::new();
        let length = length(endpoint.packet());
        let spare = (0..DEPTH).map(|_| Buffer::new(length)).collect();
        let (front, failure) = (None, None);
        let mut input = Self {
            endpoint,
            bell,
            waker,
            front,
            spare,
            failure,
            draining: false,
            quiet: Duration::ZERO,
            linger: LINGER,
        };
        input.submit();
        input
    }

    fn submit(&mut self) {
        while let Some(buffer) = self.spare.pop() {
            self.endpoint.submit(buffer);
        }
    }

    /// Something was asked: an answer is expected soon.
    pub(crate) fn expect(&mut self) {
        self.linger = LINGER;
        if !self.draining {
            self.quiet = Duration::ZERO;
        }
    }

    /// Reads what has come, at least a byte; 0 if nothing comes within `wait`.
    pub(crate) fn read(&mut self, into: &mut [u8], wait: Duration) -> Result<usize, Failure> {
        let start = Instant::now();
        let mut filled = 0;
        loop {
            filled += self.take(into.get_mut(filled..).unwrap_or_default());
            if filled == into.len() {
                return Ok(filled);
            }
            // Here nothing is left in front.
            if let Some(failure) = &self.failure {
                return if filled > 0 { Ok(filled) } else { Err(failure.clone()) };
            }
            if self.endpoint.pending() == 0 {
                self.draining = false;
                self.submit();
            } else if !self.draining {
                self.submit();
            }
            if let Some(completion) = self.endpoint.poll(&self.waker) {
                self.completed(completion);
                continue;
            }
            if filled > 0 {
                return Ok(filled);
            }
            let left = wait.saturating_sub(start.elapsed());
            if left.is_zero() {
                return Ok(0);
            }
            self.sleep(left);
        }
    }

    /// Copies from what has come.
    fn take(&mut self, into: &mut [u8]) -> usize {
        let Some((buffer, from)) = &mut self.front else { return 0 };
        let rest = buffer.get(*from..).unwrap_or(&[]);
        let count = rest.len().min(into.len());
        if let (Some(to), Some(from)) = (into.get_mut(..count), rest.get(..count)) {
            to.copy_from_slice(from);
        }
        *from += count;
        if *from == buffer.len()
            && let Some((buffer, _)) = self.front.take()
        {
            self.spare.push(buffer);
        }
        count
    }

    fn completed(&mut self, completion: Completion) {
        let Completion { buffer, actual_len, status } = completion;
        match status {
            Ok(()) => {}
            Err(TransferError::Cancelled) if self.draining => {}
            Err(error) => self.failure = Some(error.into()),
        }
        // A transfer that failed has its bytes nevertheless; an empty one has none.
        if actual_len > 0 && !buffer.is_empty() {
            self.expect();
            self.front = Some((buffer, 0));
        } else {
            self.spare.push(buffer);
        }
    }

    fn sleep(&mut self, wait: Duration) {
        let limit = if self.draining { DRAIN } else { self.linger };
        let slept = self.bell.wait(wait.min(limit.saturating_sub(self.quiet)));
        self.quiet += slept;
        if self.quiet < limit {
            return;
        }
        self.quiet = Duration::ZERO;
        if self.draining {
            self.failure = Some(Failure::failed("the system doesn't give transfers back; unplug the device"));
        } else {
            // One that completed in this moment is none the worse for it.
            self.draining = true;
            self.linger = (self.linger * 2).min(LINGER_LONGEST);
            self.endpoint.cancel();
        }
    }
}

impl Drop for Input {
    fn drop(&mut self) {
        drain(&mut *self.endpoint, &self.bell, &self.waker, CLOSE);
    }
}
