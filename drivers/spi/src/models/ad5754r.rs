//! The AD5754R as its data sheet describes it.

use super::Slave;

/// An AD5754R at +-15 V. LDAC is low: data registers are put out at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ad5754rModel {
    /// BIN/2sCOMP low: codes are twos complement.
    twos_complement: bool,
    data: [u16; 4],
    range: [u8; 4],
    control: u16,
    power: u16,
    /// What goes out with the next frame.
    reading: Option<u16>,
    /// Channels that are overloaded, a bit each.
    pub overload: u8,
    /// Thermal shutdown.
    pub hot: bool,
    /// Takes nothing and says nothing: no supply.
    pub dead: bool,
}

impl Ad5754rModel {
    /// A chip that has just been powered up: all off, 0 to 5 V.
    pub const fn new(twos_complement: bool) -> Self {
        Self {
            twos_complement,
            data: [0; 4],
            range: [0; 4],
            control: 0,
            power: 0,
            reading: None,
            overload: 0,
            hot: false,
            dead: false,
        }
    }

    /// Microvolts at an output, not loaded; `None` for one that is off and pulled to ground.
    pub fn output(&self, channel: u8) -> Option<i32> {
        let index = usize::from(channel);
        let (&code, &range) = (self.data.get(index)?, self.range.get(index)?);
        // Its channel and the reference have to be on.
        let on = self.power >> channel & 1 != 0 && self.power & 1 << 4 != 0 && !self.hot && !self.dead;
        // Microvolts from end to end: the gains of the range table at 2.5 V.
        let (lowest, span) = match range {
            0 => (0, 5_000_000),
            1 => (0, 10_000_000),
            2 => (0, 10_800_000),
            3 => (-5_000_000, 10_000_000),
            4 => (-10_000_000, 20_000_000),
            5 => (-10_800_000, 21_600_000),
            _ => return None,
        };
        let code = if self.twos_complement && range > 2 { code ^ 0x8000 } else { code };
        i32::try_from(lowest + i64::from(code) * span / 65_536).ok().filter(|_| on)
    }

    fn register(&self, register: u8, address: u8) -> u16 {
        let index = usize::from(address & 3);
        match register {
            0 => self.data.get(index).copied().unwrap_or(0),
            1 => self.range.get(index).copied().unwrap_or(0).into(),
            2 => self.power | u16::from(self.overload & 0xF) << 7 | u16::from(self.hot) << 5,
            _ if address == 1 => self.control,
            _ => 0,
        }
    }

    fn write(&mut self, register: u8, address: u8, value: u16) {
        let chosen = |index: usize| address == 4 || usize::from(address) == index;
        match (register, address) {
            (0, _) => {
                let data = self.data.iter_mut().enumerate().filter(|(i, _)| chosen(*i));
                data.for_each(|(_, d)| *d = value);
            }
            (1, _) => {
                let ranges = self.range.iter_mut().enumerate().filter(|(i, _)| chosen(*i));
                ranges.for_each(|(_, r)| *r = value.to_le_bytes()[0] & 7);
            }
            (2, _) => self.power = value & 0b1_1111,
            (3, 1) => self.control = value & 0xF,
            // Clear: 0 V, or mid-scale.
            (3, 4) => {
                let middle = self.control & 2 != 0 || !self.twos_complement;
                for (data, range) in self.data.iter_mut().zip(self.range) {
                    *data = if middle && range > 2 { 0x8000 } else { 0 };
                }
            }
            _ => {}
        }
    }
}

impl Slave for Ad5754rModel {
    fn frame(&mut self, mosi: &[u8], miso: &mut [u8]) {
        if self.dead {
            return miso.fill(0xFF);
        }
        if let (Some(value), [_, high, low]) = (self.reading.take(), &mut *miso) {
            [*high, *low] = value.to_be_bytes();
        }
        // A frame of 24 bits; the bit behind R/W has to be 0.
        let &[head, high, low] = mosi else { return };
        if head & 0x40 != 0 {
            return;
        }
        let (register, address) = (head >> 3 & 7, head & 7);
        if head & 0x80 != 0 {
            self.reading = Some(self.register(register, address));
        } else {
            self.write(register, address, u16::from_be_bytes([high, low]));
        }
    }
}
