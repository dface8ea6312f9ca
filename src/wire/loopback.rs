//! A pipe with a bench behind it, in the same thread.

use core::fmt;
use core::time::Duration;
use std::boxed::Box;

use super::device::{Device, DeviceConfig, LargeDevice};
use super::pipe::{Bypass, Pipe, PipeError};
use crate::hal::Rig;
use crate::safety::Inputs;

/// A bench behind the protocol, without a link: what is written goes through the
/// device half into the bench, and its answers are read back. Its clock is the
/// bench's; time without an answer passes at once.
///
/// For tests: a script gives the same results on the bench and on this.
pub struct Loopback<R: Rig> {
    rig: R,
    device: LargeDevice,
    clock: Box<dyn FnMut() -> u64 + Send>,
    now: Duration,
}

impl<R: Rig> Loopback<R> {
    /// `rig` behind the device half. `clock` gives the bench's own time in
    /// microseconds; with [`DeviceConfig::host_clock`] it has to follow the rig's delays.
    pub fn new(rig: R, config: DeviceConfig, clock: impl FnMut() -> u64 + Send + 'static) -> Self {
        Self { rig, device: Device::new(config), clock: Box::new(clock), now: Duration::ZERO }
    }

    /// The bench behind it.
    pub const fn rig(&self) -> &R {
        &self.rig
    }
}

impl<R: Rig> fmt::Debug for Loopback<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Loopback").finish_non_exhaustive()
    }
}

impl<R: Rig> Pipe for Loopback<R> {
    fn read(&mut self, buffer: &mut [u8], wait: Duration) -> Result<usize, PipeError> {
        let count = self.device.transmit(buffer, &mut self.rig.bench(), &mut self.clock);
        if count == 0 {
            self.now += wait;
            self.device.tick(Inputs::empty(), &mut self.rig.bench(), &mut self.clock);
        }
        Ok(count)
    }

    fn write(&mut self, bytes: &[u8], _wait: Duration) -> Result<usize, PipeError> {
        self.device.receive(bytes, &mut self.rig.bench(), &mut self.clock);
        Ok(bytes.len())
    }

    fn now(&self) -> Duration {
        self.now
    }

    fn bypass(&self) -> Option<Bypass> {
        let off = self.rig.off_handle();
        Some(Bypass::new(move |_| off.off()))
    }
}

impl<R: Rig> Drop for Loopback<R> {
    fn drop(&mut self) {
        // The host has gone; what the rig keeps has to be stored. There is nobody to tell an error.
        let _stored = self.rig.close();
    }
}
