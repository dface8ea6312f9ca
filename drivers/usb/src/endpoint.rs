//! What the pipe needs of an endpoint: nusb's has it, and so has one in this process.

use core::task::{Context, Poll, Waker};
use core::time::Duration;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::task::Wake;
use std::time::Instant;

use nusb::transfer::{Buffer, BulkOrInterrupt, Completion, EndpointDirection};

/// A bulk or interrupt endpoint with a queue of transfers, which complete in order.
pub(crate) trait Endpoint: Send {
    /// Bytes in its longest packet.
    fn packet(&self) -> usize;
    /// Transfers submitted and not taken back yet.
    fn pending(&self) -> usize;
    /// Hands a transfer to the endpoint; never blocks. What is wrong with it is said
    /// when it completes. The length of an IN transfer is a multiple of the packet's.
    fn submit(&mut self, buffer: Buffer);
    /// Takes back the oldest transfer if it has completed; else `waker` is woken when
    /// one does.
    fn poll(&mut self, waker: &Waker) -> Option<Completion>;
    /// Asks for all transfers back, whatever they have come to: they complete soon.
    fn cancel(&mut self);
}

impl<T: BulkOrInterrupt, D: EndpointDirection> Endpoint for nusb::Endpoint<T, D> {
    fn packet(&self) -> usize {
        self.max_packet_size()
    }

    fn pending(&self) -> usize {
        Self::pending(self)
    }

    fn submit(&mut self, buffer: Buffer) {
        Self::submit(self, buffer);
    }

    fn poll(&mut self, waker: &Waker) -> Option<Completion> {
        // nusb panics where nothing is pending.
        if Self::pending(self) == 0 {
            return None;
        }
        match self.poll_next_complete(&mut Context::from_waker(waker)) {
            Poll::Ready(completion) => Some(completion),
            Poll::Pending => None,
        }
    }

    fn cancel(&mut self) {
        self.cancel_all();
    }
}

/// What a thread sleeps by until a transfer completes. One that rang while nobody
/// slept is heard by the next one who wants to.
#[derive(Debug, Default)]
pub(crate) struct Bell {
    rung: Mutex<bool>,
    heard: Condvar,
}

impl Bell {
    /// A bell, and the waker that rings it.
    pub(crate) fn new() -> (Arc<Self>, Waker) {
        let bell = Arc::<Self>::default();
        let waker = Waker::from(Arc::clone(&bell));
        (bell, waker)
    }

    pub(crate) fn ring(&self) {
        *self.rung.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.heard.notify_all();
    }

    /// Sleeps until it rings, for at most `wait`, and returns for how long.
    pub(crate) fn wait(&self, wait: Duration) -> Duration {
        let start = Instant::now();
        let rung = self.rung.lock().unwrap_or_else(PoisonError::into_inner);
        let (mut rung, _) =
            self.heard.wait_timeout_while(rung, wait, |rung| !*rung).unwrap_or_else(PoisonError::into_inner);
        *rung = false;
        start.elapsed()
    }
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.ring();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.ring();
    }
}

/// Takes all transfers back and throws them away: the interface is free only when the
/// last one has returned. Gives up after `within`.
pub(crate) fn drain(endpoint: &mut dyn Endpoint, bell: &Bell, waker: &Waker, within: Duration) {
    let start = Instant::now();
    endpoint.cancel();
    while endpoint.pending() > 0 {
        if endpoint.poll(waker).is_none() {
            let left = within.saturating_sub(start.elapsed());
            if left.is_zero() {
                return;
            }
            bell.wait(left);
        }
    }
}
