//! STEP 5, in the tester: the parts behind the device half of the protocol, on a
//! microcontroller. No allocator, no std; `step` is the body of the main loop.

use disc_hal::hal::Identity;
use disc_hal::safety::{Config, Inputs};
use disc_hal::wire::{DeviceConfig, SmallDevice};
use embedded_hal::delay::DelayNs;

use crate::board::Board;
use crate::parts::Parts;

/// All of the program but its hardware: a [`Board`] that does the commands, a serial
/// line or USB endpoints, and a clock.
#[derive(Debug)]
pub struct Firmware<B, D> {
    device: SmallDevice,
    parts: Parts<B>,
    delay: D,
}

impl<B: Board, D: DelayNs> Firmware<B, D> {
    /// A device that has just started, everything off. `boot` comes from a counter in
    /// memory that outlives the power.
    pub fn new(board: &B, delay: D, identity: Identity, boot: u32) -> Self {
        let safety = Config::default();
        let config = DeviceConfig { identity, boot, host_clock: false, safety, samples: 64 };
        Self::with_config(board, delay, config)
    }

    /// The same with leases of its own, or on the host's clock (for simulations).
    pub fn with_config(board: &B, delay: D, config: DeviceConfig) -> Self {
        Self { device: SmallDevice::new(config), parts: Parts::new(board, config.boot), delay }
    }

    /// Takes what has come in, looks at inputs and shots, and returns how many bytes of
    /// `send` are to be sent. Call it at least every millisecond. `now` is the time since
    /// the start, in microseconds.
    pub fn step(&mut self, received: &[u8], inputs: Inputs, now: &mut dyn FnMut() -> u64, send: &mut [u8]) -> usize {
        let mut bench = self.parts.bench(&mut self.delay);
        self.device.receive(received, &mut bench, now);
        self.device.tick(inputs, &mut bench, now);
        self.device.transmit(send, &mut bench, now)
    }

    /// The line has gone (USB unplugged): ends the session and makes safe.
    pub fn unplug(&mut self, now: &mut dyn FnMut() -> u64) {
        self.device.unplug(&mut self.parts.bench(&mut self.delay), now);
    }
}
