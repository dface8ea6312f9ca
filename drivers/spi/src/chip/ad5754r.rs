//! The AD5754R: four bipolar voltages of 16 bits.

use embedded_hal::spi::SpiDevice;

use super::{Cause, Chip, Fault, Health, VoltageDac};

/// Register bits DB21 to DB19 of the input shift register.
mod register {
    pub(super) const DAC: u8 = 0;
    pub(super) const RANGE: u8 = 1;
    pub(super) const POWER: u8 = 2;
    pub(super) const CONTROL: u8 = 3;
}

const READ: u8 = 0x80;
/// Address bits of all channels at once.
const ALL: u8 = 4;
/// Addresses within the control register.
const NO_OPERATION: u8 = 0;
const SETTINGS: u8 = 1;
/// Thermal shutdown on; an overloaded output is clamped at 20 mA instead of switched off;
/// clear goes to 0 V; SDO on.
const TSD_AND_CLAMP: u16 = 1 << 3 | 1 << 2;
/// The chip's own reference, in the power control register.
const REFERENCE_ON: u16 = 1 << 4;
const MID_SCALE: u16 = 0x8000;
const CHANNELS: u8 = 4;

/// A bipolar output range; the codes are those of the output range select register.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[repr(u8)]
pub enum VoltageRange {
    /// +-5 V.
    FiveVolts = 3,
    /// +-10 V.
    #[default]
    TenVolts = 4,
    /// +-10.8 V.
    TenPointEightVolts = 5,
}

impl VoltageRange {
    /// Microvolts from the lowest to the highest voltage: gains of 4, 8 and 8.64 at 2.5 V.
    const fn span(self) -> i64 {
        match self {
            Self::FiveVolts => 10_000_000,
            Self::TenVolts => 20_000_000,
            Self::TenPointEightVolts => 21_600_000,
        }
    }
}

/// Driver of the AD5754R (data sheet AD5724R/AD5734R/AD5754R; sections Input Shift
/// Register, Output Range Select Register, Control Register, Power Control Register and
/// Readback Operation). The numbers are those of Analog Devices' own driver
/// (`no-OS/drivers/dac/ad5754r`).
///
/// - 24 bits: R/W, 0, three register bits, three address bits, 16 data bits; taken on
///   falling edges: SPI mode 1 or 2. What is read comes with the next frame.
/// - Wiring: LDAC to GND, CLR to the supply, **BIN/2sCOMP to the supply** (offset binary;
///   the other way every voltage has the wrong sign bit, and [`new`](Self::new) can't
///   see it: the [`Electrodes`](crate::Electrodes) do, by their ADC).
/// - Power-up: all outputs off, each held at ground by about 4 kOhm, the same after
///   [`power`](VoltageDac::power) of none. That is no open circuit: it discharges a cell.
#[derive(Debug)]
pub struct Ad5754r<S> {
    spi: S,
    range: VoltageRange,
}

impl<S: SpiDevice> Ad5754r<S> {
    /// Sets range and 0 V on all channels, with the outputs still off, and reads both back.
    ///
    /// # Errors
    /// [`Cause::ReadBack`] if the chip says otherwise; what the bus reports.
    pub fn new(spi: S, range: VoltageRange) -> Result<Self, Fault> {
        let mut dac = Self { spi, range };
        dac.write(register::POWER, 0, 0)?;
        dac.write(register::CONTROL, SETTINGS, TSD_AND_CLAMP)?;
        // The number of a variant.
        dac.write(register::RANGE, ALL, range as u16)?;
        dac.write(register::DAC, ALL, MID_SCALE)?;
        for channel in 0..CHANNELS {
            let found = (dac.read(register::RANGE, channel)? & 7, dac.read(register::DAC, channel)?);
            if found != (range as u16, MID_SCALE) {
                return Err(Fault::new(Chip::Ad5754r, Cause::ReadBack));
            }
        }
        dac.power(0)?;
        Ok(dac)
    }

    /// The bus, to be used otherwise.
    pub fn release(self) -> S {
        self.spi
    }

    fn write(&mut self, register: u8, address: u8, data: u16) -> Result<(), Fault> {
        let [high, low] = data.to_be_bytes();
        self.spi.write(&[register << 3 | address, high, low]).map_err(|e| Fault::bus(Chip::Ad5754r, e))
    }

    fn read(&mut self, register: u8, address: u8) -> Result<u16, Fault> {
        self.spi.write(&[READ | register << 3 | address, 0, 0]).map_err(|e| Fault::bus(Chip::Ad5754r, e))?;
        let mut frame = [register::CONTROL << 3 | NO_OPERATION, 0, 0];
        self.spi.transfer_in_place(&mut frame).map_err(|e| Fault::bus(Chip::Ad5754r, e))?;
        let [_, high, low] = frame;
        Ok(u16::from_be_bytes([high, low]))
    }

    fn check(channel: u8) -> Result<u8, Fault> {
        if channel < CHANNELS { Ok(channel) } else { Err(Fault::new(Chip::Ad5754r, Cause::Channel)) }
    }

    fn voltage(&self, code: u16) -> i32 {
        let microvolts = (i64::from(code) - i64::from(MID_SCALE)) * self.range.span() / 65_536;
        i32::try_from(microvolts).unwrap_or(i32::MAX)
    }
}

impl<S: SpiDevice> VoltageDac for Ad5754r<S> {
    fn channels(&self) -> u8 {
        CHANNELS
    }

    fn range(&self) -> (i32, i32) {
        (self.voltage(0), self.voltage(u16::MAX))
    }

    fn set(&mut self, channel: u8, microvolts: i32) -> Result<i32, Fault> {
        let channel = Self::check(channel)?;
        let span = self.range.span();
        let code = (i64::from(microvolts) * 65_536 + (span / 2) * i64::from(microvolts.signum())) / span;
        let code = (code + i64::from(MID_SCALE)).clamp(0, 65_535);
        let code = u16::try_from(code).unwrap_or(MID_SCALE);
        self.write(register::DAC, channel, code)?;
        Ok(self.voltage(code))
    }

    fn read_back(&mut self, channel: u8) -> Result<i32, Fault> {
        let code = self.read(register::DAC, Self::check(channel)?)?;
        Ok(self.voltage(code))
    }

    fn power(&mut self, channels: u8) -> Result<(), Fault> {
        let wanted = u16::from(channels & 0xF) | REFERENCE_ON;
        self.write(register::POWER, 0, wanted)?;
        // The alerts in between are the chip's.
        if self.read(register::POWER, 0)? & (0xF | REFERENCE_ON) != wanted {
            return Err(Fault::new(Chip::Ad5754r, Cause::ReadBack));
        }
        Ok(())
    }

    fn health(&mut self) -> Result<Health, Fault> {
        let [high, low] = self.read(register::POWER, 0)?.to_be_bytes();
        // OC of channels D to A: bits 10 to 7. TSD: bit 5.
        Ok(Health { overcurrent: (high & 7) << 1 | low >> 7, hot: low & 1 << 5 != 0 })
    }
}
