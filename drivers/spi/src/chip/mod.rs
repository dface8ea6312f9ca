//! Chips on an SPI bus: drivers from data sheets, and what the parts ask of a chip.
//!
//! | chip | what | data sheet | SPI |
//! |---|---|---|---|
//! | [`Ad5686r`] | four laser currents | Analog Devices AD5686R/AD5685R/AD5684R, Rev. B | mode 1 or 2, up to 50 MHz (read-back slower) |
//! | [`Ad5754r`] | four bipolar voltages | Analog Devices AD5724R/AD5734R/AD5754R | mode 1 or 2, up to 30 MHz |
//! | [`Ads8688`] | eight bipolar inputs | Texas Instruments ADS8684/ADS8688, SBAS582C | mode 1, up to 17 MHz |
//! | [`Ad7380`] | two or four photodiodes at one instant | Analog Devices AD7380/AD7381 and AD7380-4 | mode 3, up to 80 MHz |
//!
//! A part takes whatever implements [`Dac`], [`VoltageDac`], [`Adc`] or [`FrameAdc`]:
//! another chip is another implementation of one of these.

mod ad5686r;
mod ad5754r;
mod ad7380;
mod ads8688;
mod fault;

use core::cell::RefCell;

pub use ad5686r::{Ad5686r, Reference};
pub use ad5754r::{Ad5754r, VoltageRange};
pub use ad7380::{Ad7380, Converters};
pub use ads8688::{Ads8688, InputRange};
pub use fault::{Cause, Chip, Fault};

/// A DAC of several channels, 16 bits each, whose zero is dark.
pub trait Dac {
    /// How many channels it has.
    fn channels(&self) -> u8;

    /// Puts a code out, now.
    ///
    /// # Errors
    /// What the bus or the chip reports; the output may be the old or the new one then.
    fn set(&mut self, channel: u8, code: u16) -> Result<(), Fault>;

    /// The code that the chip says it puts out.
    ///
    /// # Errors
    /// What the bus or the chip reports.
    fn read_back(&mut self, channel: u8) -> Result<u16, Fault>;

    /// Every channel to zero, in one command if the chip has one.
    ///
    /// # Errors
    /// What the bus or the chip reports; every channel has been tried then.
    fn zero(&mut self) -> Result<(), Fault>;
}

/// What a voltage DAC reports of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Health {
    /// Channels that limit their current, a bit each.
    pub overcurrent: u8,
    /// It has switched itself off because it is too hot.
    pub hot: bool,
}

/// A DAC of several bipolar voltages.
pub trait VoltageDac {
    /// How many channels it has.
    fn channels(&self) -> u8;

    /// Lowest and highest voltage, in microvolts.
    fn range(&self) -> (i32, i32);

    /// Puts a voltage out, rounded to the nearest code and clamped to the range;
    /// returns that of the code, in microvolts.
    ///
    /// # Errors
    /// What the bus or the chip reports; the output may be the old or the new one then.
    fn set(&mut self, channel: u8, microvolts: i32) -> Result<i32, Fault>;

    /// The voltage of the code that the chip says it puts out, in microvolts.
    ///
    /// # Errors
    /// What the bus or the chip reports.
    fn read_back(&mut self, channel: u8) -> Result<i32, Fault>;

    /// Switches outputs on, a bit each; the others are off. Off is what the chip's data
    /// sheet says, seldom an open circuit.
    ///
    /// # Errors
    /// What the bus or the chip reports.
    fn power(&mut self, channels: u8) -> Result<(), Fault>;

    /// What the chip says of itself.
    ///
    /// # Errors
    /// What the bus reports.
    fn health(&mut self) -> Result<Health, Fault>;
}

/// A slow ADC of several channels.
pub trait Adc {
    /// Converts one channel, in microvolts.
    ///
    /// # Errors
    /// What the bus or the chip reports.
    fn microvolts(&mut self, channel: u8) -> Result<i32, Fault>;
}

/// A fast ADC that converts all its channels at one instant.
pub trait FrameAdc {
    /// How many channels it has, at most 16.
    fn channels(&self) -> u8;

    /// Converts all channels now, into the first [`channels`](Self::channels) of `counts`.
    ///
    /// # Errors
    /// What the bus or the chip reports.
    fn convert(&mut self, counts: &mut [i16; 16]) -> Result<(), Fault>;
}

/// A chip that several parts use: the monitor diodes of the lasers on the free inputs of
/// the ADC of the electrodes, say.
impl<A: Adc> Adc for &RefCell<A> {
    fn microvolts(&mut self, channel: u8) -> Result<i32, Fault> {
        match self.try_borrow_mut() {
            Ok(mut adc) => adc.microvolts(channel),
            Err(_) => Err(Fault::new(Chip::Other, Cause::Busy)),
        }
    }
}

/// Two DACs as one: the channels of the second follow those of the first.
impl<A: Dac, B: Dac> Dac for (A, B) {
    fn channels(&self) -> u8 {
        self.0.channels().saturating_add(self.1.channels())
    }

    fn set(&mut self, channel: u8, code: u16) -> Result<(), Fault> {
        match channel.checked_sub(self.0.channels()) {
            None => self.0.set(channel, code),
            Some(second) => self.1.set(second, code),
        }
    }

    fn read_back(&mut self, channel: u8) -> Result<u16, Fault> {
        match channel.checked_sub(self.0.channels()) {
            None => self.0.read_back(channel),
            Some(second) => self.1.read_back(second),
        }
    }

    fn zero(&mut self) -> Result<(), Fault> {
        // Both, whatever the first one says.
        let zeroed = [self.0.zero(), self.1.zero()];
        zeroed.into_iter().collect()
    }
}
