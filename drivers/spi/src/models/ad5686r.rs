//! The AD5686R as its data sheet describes it (Rev. B).

use super::Slave;

/// An AD5686R. LDAC is low: input registers are put out at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ad5686rModel {
    /// RSTSEL high: the outputs power up at half of full scale.
    mid_scale: bool,
    input: [u16; 4],
    dac: [u16; 4],
    /// Two bits each; not 0 is off.
    power_down: u8,
    /// The reference setup register: 1 is off.
    reference_off: bool,
    /// The channel whose code goes out with the next frame.
    reading: Option<usize>,
    /// Takes nothing and says nothing: no supply.
    pub dead: bool,
}

impl Ad5686rModel {
    /// A chip that has just been powered up, with RSTSEL at GND or at the supply.
    pub const fn new(rstsel_high: bool) -> Self {
        let start = if rstsel_high { 0x8000 } else { 0 };
        Self {
            mid_scale: rstsel_high,
            input: [start; 4],
            dac: [start; 4],
            power_down: 0,
            reference_off: false,
            reading: None,
            dead: false,
        }
    }

    /// The code that is put out; 0 for a channel that is off, or isn't there.
    pub fn output(&self, channel: u8) -> u16 {
        let off = self.power_down.checked_shr(u32::from(channel) * 2).unwrap_or(0) & 3 != 0;
        if off || self.dead { 0 } else { self.dac.get(usize::from(channel)).copied().unwrap_or(0) }
    }

    /// Whether the chip's own reference is on.
    pub const fn reference_is_on(&self) -> bool {
        !self.reference_off
    }

    fn each(&mut self, address: u8, mut act: impl FnMut(&mut u16, &mut u16)) {
        for (channel, (input, dac)) in self.input.iter_mut().zip(&mut self.dac).enumerate() {
            if address & 1 << channel != 0 {
                act(input, dac);
            }
        }
    }
}

impl Slave for Ad5686rModel {
    fn frame(&mut self, mosi: &[u8], miso: &mut [u8]) {
        if self.dead {
            return miso.fill(0xFF);
        }
        if let (Some(channel), [_, high, low]) = (self.reading.take(), &mut *miso) {
            [*high, *low] = self.dac.get(channel).copied().unwrap_or(0).to_be_bytes();
        }
        // Fewer or more than 24 falling edges are no write.
        let &[head, high, low] = mosi else { return };
        let (address, data) = (head & 0xF, u16::from_be_bytes([high, low]));
        match head >> 4 {
            // LDAC is low, so writing the input register is putting it out as well.
            1 | 3 => self.each(address, |input, dac| (*input, *dac) = (data, data)),
            2 => self.each(address, |input, dac| *dac = *input),
            4 => self.power_down = low,
            6 => *self = Self::new(self.mid_scale),
            7 => self.reference_off = low & 1 != 0,
            // More than one bit, or none: channel A.
            9 => self.reading = Some(if address.is_power_of_two() { address.trailing_zeros() as usize } else { 0 }),
            _ => {}
        }
    }
}
