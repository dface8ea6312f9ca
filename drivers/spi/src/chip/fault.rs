//! What went wrong with a chip or a pin, as a number that fits into an error's code.

use core::fmt;

use disc_hal::hal::{Error, ErrorKind, Outputs, Part};
use embedded_hal::spi;

/// A chip or a line. The number is the upper byte of [`Fault::code`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
#[non_exhaustive]
pub enum Chip {
    /// The laser-current DAC.
    Ad5686r = 1,
    /// The electrode DAC.
    Ad5754r = 2,
    /// The ADC for slow signals.
    Ads8688 = 3,
    /// The photodiodes' ADC.
    Ad7380 = 4,
    /// The shutter's pin.
    Shutter = 5,
    /// A relay's pin.
    Relay = 6,
    /// The modulator.
    Modulator = 7,
    /// The monitor photodiode.
    Monitor = 8,
    /// The DAC of the laser currents, whichever it is.
    Currents = 9,
    /// The DAC of the electrodes, whichever it is.
    Voltages = 10,
    /// A chip of somebody else.
    Other = 15,
}

macro_rules! causes {
    ($($(#[$doc:meta])* $name:ident = $number:literal, $text:literal;)+) => {
        /// What is wrong. The number is the lower byte of [`Fault::code`].
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[repr(u8)]
        #[non_exhaustive]
        pub enum Cause {
            $($(#[$doc])* $name = $number,)+
        }

        impl Cause {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            const fn text(self) -> &'static str {
                match self { $(Self::$name => $text,)+ }
            }
        }
    };
}

causes! {
    /// The bus reports an overrun.
    Overrun = 0x10, "SPI overrun";
    /// The bus reports more than one master.
    ModeFault = 0x11, "SPI mode fault";
    /// The bus reports a wrong frame.
    FrameFormat = 0x12, "SPI frame format";
    /// The chip-select line can't be driven.
    ChipSelect = 0x13, "chip select fault";
    /// The bus reports something else.
    Bus = 0x1F, "SPI error";
    /// What is read back isn't what was written: wiring, supply, or a chip that isn't there.
    ReadBack = 0x20, "read-back differs from what was written; check supply, wiring and SPI mode";
    /// The chip's outputs don't start at zero: its reset level is wired for mid-scale.
    ResetLevel = 0x21, "the outputs don't power up at zero; wire RSTSEL to GND";
    /// The chip has no such channel.
    Channel = 0x22, "no such channel; correct the part's configuration";
    /// Somebody else is using the chip.
    Busy = 0x23, "the chip is in use";
    /// The pin can't be driven or read.
    Pin = 0x24, "the pin can't be driven";
    /// The chip has switched off because it is too hot.
    Hot = 0x25, "thermal shutdown";
    /// An output limits its current by itself.
    Overcurrent = 0x26, "an output is short-circuited";
    /// The voltage at an electrode isn't the one that the DAC was told.
    Voltage = 0x27, "the measured voltage differs from the set one; check BIN/2sCOMP, range and scales";
    /// Light passes a shutter that is closed, or with no current at all.
    LightWhenDark = 0x30, "light where there must be none: the shutter is stuck open, or a laser driver is";
    /// No light, or too little, though the shutter is open and the current is set.
    NoLight = 0x31, "too little light for the current: the shutter is stuck closed, or the laser or its monitor is gone";
    /// Much more light than the current should give.
    TooMuchLight = 0x32, "too much light for the current: the laser driver or its calibration is wrong";
}

/// A chip or a line, and what is wrong with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fault {
    /// Where.
    pub chip: Chip,
    /// What.
    pub cause: Cause,
}

impl Fault {
    /// A fault.
    pub const fn new(chip: Chip, cause: Cause) -> Self {
        Self { chip, cause }
    }

    /// What a bus reports in a transaction with `chip`.
    pub fn bus(chip: Chip, error: impl spi::Error) -> Self {
        let cause = match error.kind() {
            spi::ErrorKind::Overrun => Cause::Overrun,
            spi::ErrorKind::ModeFault => Cause::ModeFault,
            spi::ErrorKind::FrameFormat => Cause::FrameFormat,
            spi::ErrorKind::ChipSelectFault => Cause::ChipSelect,
            _ => Cause::Bus,
        };
        Self { chip, cause }
    }

    /// The code of the contract's [`Error`]: the chip's number in the second byte, the
    /// cause in the first (`0x0120`: read-back of the AD5686R).
    pub const fn code(self) -> u32 {
        // The numbers of two variants.
        ((self.chip as u32) << 8) | self.cause as u32
    }

    /// The fault with this code.
    pub fn from_code(code: u32) -> Option<Self> {
        let chips = [
            Chip::Ad5686r,
            Chip::Ad5754r,
            Chip::Ads8688,
            Chip::Ad7380,
            Chip::Shutter,
            Chip::Relay,
            Chip::Modulator,
            Chip::Monitor,
            Chip::Currents,
            Chip::Voltages,
            Chip::Other,
        ];
        let all = chips.iter().flat_map(|&chip| Cause::ALL.iter().map(move |&cause| Self { chip, cause }));
        all.into_iter().find(|fault| fault.code() == code)
    }

    /// The kind of the contract's error.
    pub const fn kind(self) -> ErrorKind {
        match self.cause {
            Cause::Channel => ErrorKind::InvalidArgument,
            Cause::Busy => ErrorKind::Busy,
            _ => ErrorKind::Fault,
        }
    }

    /// As an error of `part`.
    pub const fn error(self, part: Part, outputs: Outputs) -> Error {
        Error::new(part, self.kind()).with_code(self.code()).with_outputs(outputs)
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let chip = match self.chip {
            Chip::Ad5686r => "AD5686R",
            Chip::Ad5754r => "AD5754R",
            Chip::Ads8688 => "ADS8688",
            Chip::Ad7380 => "AD7380",
            Chip::Shutter => "shutter",
            Chip::Relay => "relay",
            Chip::Modulator => "modulator",
            Chip::Monitor => "monitor photodiode",
            Chip::Currents => "DAC of the laser currents",
            Chip::Voltages => "DAC of the electrodes",
            Chip::Other => "chip",
        };
        write!(f, "{chip}: {}", self.cause.text())
    }
}

impl core::error::Error for Fault {}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use std::string::ToString;

    #[test]
    fn every_code_leads_back_to_its_fault() {
        for &cause in Cause::ALL {
            for chip in [Chip::Ad5686r, Chip::Ad7380, Chip::Monitor, Chip::Currents, Chip::Voltages, Chip::Other] {
                let fault = Fault::new(chip, cause);
                assert_eq!(Fault::from_code(fault.code()), Some(fault));
            }
        }
        assert_eq!(Fault::new(Chip::Ad5686r, Cause::ReadBack).code(), 0x0120);
        assert_eq!(Fault::from_code(0), None);
        assert!(Fault::new(Chip::Shutter, Cause::Pin).to_string().starts_with("shutter: "));
    }
}
