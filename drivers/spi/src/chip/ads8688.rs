//! The ADS8688: eight bipolar inputs of 16 bits behind one multiplexer.

use embedded_hal::spi::SpiDevice;

use super::{Adc, Cause, Chip, Fault};

/// Upper bytes of the command register (Table 6).
mod command {
    pub(super) const NO_OPERATION: u8 = 0x00;
    pub(super) const RESET: u8 = 0x85;
    /// Channel 0; 4 more for each channel.
    pub(super) const MANUAL: u8 = 0xC0;
}

/// Program register of channel 0's range (section 8.5.2: 05h to 0Ch).
const RANGE: u8 = 0x05;
const WRITE: u8 = 1;
const CHANNELS: u8 = 8;

/// A range of an input; the codes are those of the range select registers, at the
/// reference of 4.096 V.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[repr(u8)]
pub enum InputRange {
    /// +-10.24 V, 312.5 uV a step.
    #[default]
    TenVolts = 0,
    /// +-5.12 V, 156.25 uV a step.
    FiveVolts = 1,
    /// +-2.56 V, 78.125 uV a step.
    TwoAndAHalfVolts = 2,
    /// 0 to 10.24 V.
    PositiveTenVolts = 5,
    /// 0 to 5.12 V.
    PositiveFiveVolts = 6,
}

impl InputRange {
    /// Microvolts of code 0, and from there to beyond the last code.
    const fn scale(self) -> (i64, i64) {
        match self {
            Self::TenVolts => (-10_240_000, 20_480_000),
            Self::FiveVolts => (-5_120_000, 10_240_000),
            Self::TwoAndAHalfVolts => (-2_560_000, 5_120_000),
            Self::PositiveTenVolts => (0, 10_240_000),
            Self::PositiveFiveVolts => (0, 5_120_000),
        }
    }

    fn microvolts(self, code: u16) -> i32 {
        let (lowest, span) = self.scale();
        i32::try_from(lowest + i64::from(code) * span / 65_536).unwrap_or(i32::MAX)
    }
}

/// Driver of the ADS8688 (data sheet ADS8684/ADS8688, SBAS582C; commands: Table 6,
/// program registers: section 8.5.2). The numbers are those of Linux's
/// `drivers/iio/adc/ti-ads8688.c`.
///
/// - SPI mode 1, up to 17 MHz. A command of 16 bits; the result of the channel that the
///   frame *before* selected comes in the 16 bits behind it: one conversion takes two
///   frames of 32 bits, 4 us at 17 MHz.
/// - Registers: seven address bits, a write bit, eight data bits; the register's value
///   comes in the third byte.
/// - Wiring: RST/PD to the supply, DAISY to GND, REFSEL to GND (own reference).
/// - Power-up: it converts nothing until it gets a command; all ranges +-10.24 V.
#[derive(Debug)]
pub struct Ads8688<S> {
    spi: S,
    ranges: [InputRange; CHANNELS as usize],
}

impl<S: SpiDevice> Ads8688<S> {
    /// Resets the chip, sets the ranges and reads them back.
    ///
    /// # Errors
    /// [`Cause::ReadBack`] if the chip says otherwise; what the bus reports.
    pub fn new(spi: S, ranges: [InputRange; CHANNELS as usize]) -> Result<Self, Fault> {
        let mut adc = Self { spi, ranges };
        adc.command(command::RESET)?;
        for (register, range) in (RANGE..).zip(ranges) {
            // The number of a variant.
            let code = range as u8;
            adc.frame([register << 1 | WRITE, code, 0])?;
            let [.., found] = adc.frame([register << 1, 0, 0])?;
            if found & 0xF != code {
                return Err(Fault::new(Chip::Ads8688, Cause::ReadBack));
            }
        }
        Ok(adc)
    }

    /// The bus, to be used otherwise.
    pub fn release(self) -> S {
        self.spi
    }

    fn frame<const N: usize>(&mut self, mut bytes: [u8; N]) -> Result<[u8; N], Fault> {
        self.spi.transfer_in_place(&mut bytes).map_err(|e| Fault::bus(Chip::Ads8688, e))?;
        Ok(bytes)
    }

    fn command(&mut self, command: u8) -> Result<u16, Fault> {
        let [.., high, low] = self.frame([command, 0, 0, 0])?;
        Ok(u16::from_be_bytes([high, low]))
    }
}

impl<S: SpiDevice> Adc for Ads8688<S> {
    fn microvolts(&mut self, channel: u8) -> Result<i32, Fault> {
        let range = self.ranges.get(usize::from(channel)).copied();
        let range = range.ok_or(Fault::new(Chip::Ads8688, Cause::Channel))?;
        self.command(command::MANUAL + 4 * channel)?;
        let code = self.command(command::NO_OPERATION)?;
        Ok(range.microvolts(code))
    }
}
