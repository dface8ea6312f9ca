//! The AD7380 and AD7380-4: two or four differential inputs converted at one instant.

use embedded_hal::delay::DelayNs;
use embedded_hal::spi::SpiDevice;

use super::{Cause, Chip, Fault, FrameAdc};

const WRITE: u16 = 1 << 15;
const CONFIGURATION_1: u16 = 1 << 12;
const CONFIGURATION_2: u16 = 2 << 12;
/// The reference pin is an input.
const EXTERNAL_REFERENCE: u16 = 1 << 1;
/// All results on SDOA, one converter after the other.
const ONE_WIRE: u16 = 1 << 8;
const HARD_RESET: u16 = 0xFF;
/// From supply or reset to the first conversion: 5 ms.
const POWER_UP_US: u32 = 5_000;

/// Which chip of the family.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Converters {
    /// AD7380, own reference of 2.5 V.
    #[default]
    Two,
    /// AD7380, reference at the pin.
    TwoExternalReference,
    /// AD7380-4, which always has its reference at the pin.
    Four,
}

impl Converters {
    const fn count(self) -> u8 {
        match self {
            Self::Two | Self::TwoExternalReference => 2,
            Self::Four => 4,
        }
    }
}

/// Driver of the AD7380 and AD7380-4 (data sheets AD7380/AD7381 and AD7380-4; sections
/// Registers and Serial Interface). The numbers are those of Linux's
/// `drivers/iio/adc/ad7380.c`, the SPI mode that of its binding `adi,ad7380.yaml`.
///
/// - Frames of 16 bits: a write bit, three address bits, twelve data bits; what is read
///   comes with the next frame. SPI mode 3, up to 80 MHz.
/// - The falling edge of CS is the instant of the conversion; the results, twos
///   complement, come with the frame after it, converter A first. So a sample takes two
///   frames: the first one starts it, the second one fetches it (and starts another
///   one that nobody fetches).
/// - One step is twice the reference over 65 536: 76.3 uV at 2.5 V.
#[derive(Debug)]
pub struct Ad7380<S> {
    spi: S,
    converters: Converters,
}

impl<S: SpiDevice> Ad7380<S> {
    /// Resets the chip, asks for all results on one wire, and reads that back.
    ///
    /// # Errors
    /// [`Cause::ReadBack`] if the chip says otherwise; what the bus reports.
    pub fn new(spi: S, converters: Converters, delay: &mut impl DelayNs) -> Result<Self, Fault> {
        let mut adc = Self { spi, converters };
        adc.frame(WRITE | CONFIGURATION_2 | HARD_RESET)?;
        delay.delay_us(POWER_UP_US);
        if converters == Converters::TwoExternalReference {
            adc.frame(WRITE | CONFIGURATION_1 | EXTERNAL_REFERENCE)?;
        }
        adc.frame(WRITE | CONFIGURATION_2 | ONE_WIRE)?;
        adc.frame(CONFIGURATION_2)?;
        if adc.frame(0)? & 0xFFF != ONE_WIRE {
            return Err(Fault::new(Chip::Ad7380, Cause::ReadBack));
        }
        Ok(adc)
    }

    /// The bus, to be used otherwise.
    pub fn release(self) -> S {
        self.spi
    }

    fn frame(&mut self, word: u16) -> Result<u16, Fault> {
        let mut bytes = word.to_be_bytes();
        self.spi.transfer_in_place(&mut bytes).map_err(|e| Fault::bus(Chip::Ad7380, e))?;
        Ok(u16::from_be_bytes(bytes))
    }
}

impl<S: SpiDevice> FrameAdc for Ad7380<S> {
    fn channels(&self) -> u8 {
        self.converters.count()
    }

    fn convert(&mut self, counts: &mut [i16; 16]) -> Result<(), Fault> {
        self.frame(0)?;
        let mut bytes = [0; 8];
        let length = 2 * usize::from(self.converters.count());
        let used = bytes.get_mut(..length).unwrap_or(&mut []);
        self.spi.transfer_in_place(used).map_err(|e| Fault::bus(Chip::Ad7380, e))?;
        for (count, pair) in counts.iter_mut().zip(used.chunks_exact(2)) {
            if let [high, low] = *pair {
                *count = i16::from_be_bytes([high, low]);
            }
        }
        Ok(())
    }
}
