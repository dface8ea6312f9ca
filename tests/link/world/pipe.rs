//! The host's end of the link.

use core::time::Duration;
use std::sync::Arc;

use disc_hal::wire::{Bypass, Pipe, PipeError};

use super::super::line::{Label, label};
use super::{Shared, lock};

/// The host's end of the link.
pub struct SimLink {
    pub(super) world: Shared,
    pub(super) host: u64,
}

/// What the host's clock shows when the simulation begins.
const HOST_CLOCK: u64 = 77_000_000;

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_nanos().div_ceil(1000)).unwrap_or(u64::MAX)
}

impl Pipe for SimLink {
    fn read(&mut self, buffer: &mut [u8], wait: Duration) -> Result<usize, PipeError> {
        let w = &mut *lock(&self.world);
        w.enter(self.host)?;
        if w.inbox.is_empty() {
            w.go(w.now + micros(wait), true);
        }
        if w.ghost.violation.is_some() {
            return Err(PipeError::Gone("violation".into()));
        }
        let mut count = w.inbox.len().min(buffer.len());
        if count > 1 && w.settings.mix.split > 0 && w.random.once_in(8) {
            count = w.random.between(1, count as u64) as usize;
        }
        buffer[..count].copy_from_slice(&w.inbox[..count]);
        w.inbox.drain(..count);
        // Nothing is for nothing: no loop without time.
        // What is due by then happens first: a tick isn't put off by a host that is busy.
        let then = w.now + 1;
        w.go(then, false);
        Ok(count)
    }

    fn write(&mut self, bytes: &[u8], wait: Duration) -> Result<usize, PipeError> {
        let w = &mut *lock(&self.world);
        w.enter(self.host)?;
        w.counts.host_frames += 1;
        let mut count = bytes.len();
        // The rest of a frame that was written in part proves what its beginning says.
        let mut label = label(bytes).unwrap_or(Label { whole: false, ..w.written });
        w.written = label;
        if w.random.chance(w.settings.mix.partial) && count > 1 {
            w.counts.partial += 1;
            if w.random.once_in(8) {
                w.go(w.now + micros(wait), false);
                return Ok(0);
            }
            count = w.random.between(1, count as u64 - 1) as usize;
            label.whole = false;
        }
        w.ghost.asked(&label);
        w.put_part(&bytes[..count], label);
        let until = w.now + 1 + w.random.below(10);
        w.go(until, false);
        Ok(count)
    }

    fn now(&self) -> Duration {
        Duration::from_micros(lock(&self.world).now + HOST_CLOCK)
    }

    fn bypass(&self) -> Option<Bypass> {
        if !lock(&self.world).settings.bypass {
            return None;
        }
        let (world, host) = (Arc::clone(&self.world), self.host);
        Some(Bypass::new(move |bytes| {
            let w = &mut *lock(&world);
            if w.host == host && !w.killed {
                w.put(bytes);
            }
        }))
    }
}
