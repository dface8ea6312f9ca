//! Two pipes joined to each other.

use core::time::Duration;
use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use crate::wire::{Bypass, Clock, Pipe, PipeError};

/// Two pipes joined to each other in memory, on the real clock: what is written to
/// one is read from the other. When one is dropped, the other says that the device
/// is gone, after the last byte.
pub fn loopback() -> (LoopbackEnd, LoopbackEnd) {
    loopback_with_capacity(usize::MAX)
}

/// Like [`loopback`], but each direction holds at most `capacity` bytes and blocks
/// writes beyond (those of the bypass pass).
///
/// # Panics
/// For a capacity of 0.
pub fn loopback_with_capacity(capacity: usize) -> (LoopbackEnd, LoopbackEnd) {
    assert!(capacity > 0, "a loopback without room carries nothing");
    let there = Arc::new(Channel { capacity, state: Mutex::default(), change: Condvar::new() });
    let back = Arc::new(Channel { capacity, state: Mutex::default(), change: Condvar::new() });
    let clock = Clock::start();
    let one = LoopbackEnd { input: Arc::clone(&back), output: Arc::clone(&there), clock };
    let other = LoopbackEnd { input: there, output: back, clock };
    (one, other)
}

/// One end of [`loopback`].
#[derive(Debug)]
pub struct LoopbackEnd {
    input: Arc<Channel>,
    output: Arc<Channel>,
    clock: Clock,
}

#[derive(Debug)]
struct Channel {
    capacity: usize,
    state: Mutex<State>,
    change: Condvar,
}

#[derive(Debug, Default)]
struct State {
    bytes: VecDeque<u8>,
    closed: bool,
}

impl Channel {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tries `once` on the state until it gets somewhere; 0 if it doesn't in time.
    fn until(
        &self,
        wait: Duration,
        mut once: impl FnMut(&mut State) -> Result<usize, PipeError>,
    ) -> Result<usize, PipeError> {
        let end = Instant::now().checked_add(wait);
        let mut state = self.lock();
        loop {
            let count = once(&mut state)?;
            if count > 0 {
                self.change.notify_all();
                return Ok(count);
            }
            let left = end.map_or(Duration::from_secs(60), |end| end.saturating_duration_since(Instant::now()));
            if left.is_zero() {
                return Ok(0);
            }
            state = self.change.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn close(&self) {
        self.lock().closed = true;
        self.change.notify_all();
    }
}

impl Pipe for LoopbackEnd {
    fn read(&mut self, buffer: &mut [u8], wait: Duration) -> Result<usize, PipeError> {
        if buffer.is_empty() {
            return Ok(0);
        }
        self.input.until(wait, |state| {
            let count = buffer.len().min(state.bytes.len());
            for (to, from) in buffer.iter_mut().zip(state.bytes.drain(..count)) {
                *to = from;
            }
            if count == 0 && state.closed { Err(gone()) } else { Ok(count) }
        })
    }

    fn write(&mut self, bytes: &[u8], wait: Duration) -> Result<usize, PipeError> {
        if bytes.is_empty() {
            return Ok(0);
        }
        let capacity = self.output.capacity;
        self.output.until(wait, |state| {
            if state.closed {
                return Err(gone());
            }
            let count = bytes.len().min(capacity.saturating_sub(state.bytes.len()));
            state.bytes.extend(&bytes[..count]);
            Ok(count)
        })
    }

    fn now(&self) -> Duration {
        self.clock.now()
    }

    fn bypass(&self) -> Option<Bypass> {
        // Weak: once both ends are dropped the bytes have nowhere to go.
        let output = Arc::downgrade(&self.output);
        Some(Bypass::new(move |bytes| {
            if let Some(output) = output.upgrade() {
                let mut state = output.lock();
                if !state.closed {
                    state.bytes.extend(bytes);
                    output.change.notify_all();
                }
            }
        }))
    }
}

impl Drop for LoopbackEnd {
    fn drop(&mut self) {
        self.input.close();
        self.output.close();
    }
}

fn gone() -> PipeError {
    PipeError::Gone("the other end of the loopback was dropped".into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::thread;

    const SOON: Duration = Duration::from_millis(20);
    const LONG: Duration = Duration::from_secs(5);

    #[test]
    fn carries_bytes_both_ways() {
        let (mut a, mut b) = loopback();
        let all: Vec<u8> = (0..=255).collect();
        assert_eq!(a.write(&all, Duration::ZERO).unwrap(), 256);
        let mut got = [0; 300];
        assert_eq!(b.read(&mut got, Duration::ZERO).unwrap(), 256);
        assert_eq!(got[..256], all);
        assert_eq!(b.write(b"back", Duration::ZERO).unwrap(), 4);
        assert_eq!(a.read(&mut got[..3], Duration::ZERO).unwrap(), 3);
        assert_eq!(a.read(&mut got, Duration::ZERO).unwrap(), 1);
        let start = Instant::now();
        assert_eq!(a.read(&mut got, SOON).unwrap(), 0);
        assert!(start.elapsed() >= SOON);
        assert_eq!(a.read(&mut [], LONG).unwrap(), 0);
    }

    #[test]
    fn a_full_one_blocks_but_for_the_bypass() {
        let (mut a, mut b) = loopback_with_capacity(4);
        assert_eq!(a.write(b"abcdef", SOON).unwrap(), 4);
        assert_eq!(a.write(b"ef", SOON).unwrap(), 0);
        a.bypass().unwrap().write(b"!");
        let mut got = [0; 8];
        assert_eq!(b.read(&mut got, Duration::ZERO).unwrap(), 5);
        assert_eq!(&got[..5], b"abcd!");
        let reader = thread::spawn(move || {
            thread::sleep(SOON);
            (b.read(&mut [0; 8], LONG).unwrap(), b)
        });
        assert_eq!(a.write(b"1234", LONG).unwrap(), 4);
        assert_eq!(a.write(b"5", LONG).unwrap(), 1, "room comes while it waits");
        assert_eq!(reader.join().unwrap().0, 4);
    }

    #[test]
    fn a_dropped_end_is_gone_after_the_last_byte() {
        let (mut a, mut b) = loopback();
        let bypass = a.bypass().unwrap();
        b.write(b"end", Duration::ZERO).unwrap();
        let dropper = thread::spawn(move || {
            thread::sleep(SOON);
            drop(b);
        });
        let mut got = [0; 8];
        assert_eq!(a.read(&mut got, LONG).unwrap(), 3);
        assert!(matches!(a.read(&mut got, LONG), Err(PipeError::Gone(_))));
        assert!(matches!(a.write(b"x", LONG), Err(PipeError::Gone(_))));
        dropper.join().unwrap();
        drop(a);
        bypass.write(b"nowhere");
    }
}
