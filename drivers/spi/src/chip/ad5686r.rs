//! The AD5686R: four voltages of 16 bits, here the currents of laser drivers.

use embedded_hal::spi::SpiDevice;

use super::{Cause, Chip, Dac, Fault};

/// Command bits DB23 to DB20 (Table 7 of the data sheet).
mod command {
    pub(super) const NO_OPERATION: u8 = 0x0;
    pub(super) const WRITE_AND_UPDATE: u8 = 0x3;
    pub(super) const POWER: u8 = 0x4;
    pub(super) const RESET: u8 = 0x6;
    pub(super) const REFERENCE: u8 = 0x7;
    pub(super) const READ_BACK: u8 = 0x9;
}

/// Address bits DB19 to DB16 of all channels at once (Table 8).
const ALL: u8 = 0xF;
const CHANNELS: u8 = 4;

/// Where the reference voltage comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Reference {
    /// The chip's own 2.5 V.
    #[default]
    Internal,
    /// A voltage at the reference pin.
    External,
}

/// Driver of the AD5686R (data sheet AD5686R/AD5685R/AD5684R, Rev. B).
///
/// - Commands: Table 7; channel addresses, one bit each: Table 8. 24 bits, the most
///   significant first, taken on falling edges of the clock: SPI mode 1 or 2. They
///   are those of Linux's `drivers/iio/dac/ad5686.h` and `ad5686-spi.c`.
/// - Read-back (command 1001): the register's code comes with the next frame.
/// - Wiring: LDAC to GND (every write is put out at once), RESET to the supply,
///   **RSTSEL to GND: the outputs power up at zero scale**. Wired to the supply they
///   power up at half of full scale, with whatever light that is; [`new`](Self::new)
///   finds it and refuses.
#[derive(Debug)]
pub struct Ad5686r<S> {
    spi: S,
}

impl<S: SpiDevice> Ad5686r<S> {
    /// Resets the chip and checks that all four outputs are at zero then.
    ///
    /// # Errors
    /// [`Cause::ResetLevel`] if they aren't: RSTSEL is wired high, or nobody answers and
    /// the line floats; what the bus reports. All channels have been set to zero then, if
    /// the chip takes commands.
    pub fn new(spi: S, reference: Reference) -> Result<Self, Fault> {
        let mut dac = Self { spi };
        dac.send(command::RESET, 0, 0)?;
        let found = (0..CHANNELS).try_for_each(|channel| match dac.read_back(channel)? {
            0 => Ok(()),
            _ => Err(Fault::new(Chip::Ad5686r, Cause::ResetLevel)),
        });
        // Whatever was found: from here on it is dark.
        let zeroed = dac.zero();
        found.and(zeroed)?;
        dac.send(command::REFERENCE, 0, u16::from(reference == Reference::External))?;
        // Two bits a channel: normal operation.
        dac.send(command::POWER, 0, 0)?;
        Ok(dac)
    }

    /// The bus, to be used otherwise.
    pub fn release(self) -> S {
        self.spi
    }

    fn send(&mut self, command: u8, address: u8, data: u16) -> Result<(), Fault> {
        let [high, low] = data.to_be_bytes();
        self.spi.write(&[command << 4 | address, high, low]).map_err(|e| Fault::bus(Chip::Ad5686r, e))
    }

    fn address(channel: u8) -> Result<u8, Fault> {
        if channel < CHANNELS { Ok(1 << channel) } else { Err(Fault::new(Chip::Ad5686r, Cause::Channel)) }
    }
}

impl<S: SpiDevice> Dac for Ad5686r<S> {
    fn channels(&self) -> u8 {
        CHANNELS
    }

    fn set(&mut self, channel: u8, code: u16) -> Result<(), Fault> {
        self.send(command::WRITE_AND_UPDATE, Self::address(channel)?, code)
    }

    fn read_back(&mut self, channel: u8) -> Result<u16, Fault> {
        self.send(command::READ_BACK, Self::address(channel)?, 0)?;
        let mut frame = [command::NO_OPERATION << 4, 0, 0];
        self.spi.transfer_in_place(&mut frame).map_err(|e| Fault::bus(Chip::Ad5686r, e))?;
        let [_, high, low] = frame;
        Ok(u16::from_be_bytes([high, low]))
    }

    fn zero(&mut self) -> Result<(), Fault> {
        self.send(command::WRITE_AND_UPDATE, ALL, 0)
    }
}
