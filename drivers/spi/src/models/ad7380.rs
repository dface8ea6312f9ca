//! The AD7380 and AD7380-4 as their data sheets describe them.

use super::{Analog, Slave};

/// An AD7380 (two converters) or AD7380-4 with its inputs.
#[derive(Debug, Clone)]
pub struct Ad7380Model<V> {
    inputs: V,
    converters: u8,
    reference_uv: i64,
    configuration: [u16; 2],
    /// The results that go out with the next frame.
    results: [i16; 4],
    /// The register that goes out instead.
    reading: Option<u16>,
    /// Takes nothing and says nothing: no supply.
    pub dead: bool,
}

impl<V: Analog> Ad7380Model<V> {
    /// A chip with 2 or 4 converters that has just been powered up; its reference in
    /// microvolts (2 500 000 for the AD7380's own).
    pub const fn new(inputs: V, converters: u8, reference_uv: u32) -> Self {
        Self {
            inputs,
            converters,
            reference_uv: reference_uv as i64,
            configuration: [0; 2],
            results: [0; 4],
            reading: None,
            dead: false,
        }
    }

    fn convert(&self, channel: u8) -> i16 {
        let counts = i64::from(self.inputs.microvolts(channel)) * 32_768 / self.reference_uv.max(1);
        i16::try_from(counts.clamp(-32_768, 32_767)).unwrap_or(0)
    }
}

impl<V: Analog> Slave for Ad7380Model<V> {
    fn frame(&mut self, mosi: &[u8], miso: &mut [u8]) {
        if self.dead {
            return miso.fill(0xFF);
        }
        // One wire: all results on SDOA. Otherwise only converter A's comes out there.
        let one_wire = self.configuration[1] & 0x300 == 0x100;
        let wired = if one_wire { self.converters } else { 1 };
        match self.reading.take() {
            Some(register) => {
                for (to, from) in miso.iter_mut().zip(register.to_be_bytes()) {
                    *to = from;
                }
            }
            None => {
                let shown = self.results.iter().take(wired.into()).flat_map(|r| r.to_be_bytes());
                for (to, from) in miso.iter_mut().zip(shown) {
                    *to = from;
                }
            }
        }
        // Chip select fell: that was the instant of this conversion.
        let mut results = [0; 4];
        for (channel, result) in (0..self.converters).zip(&mut results) {
            *result = self.convert(channel);
        }
        self.results = results;
        let &[high, low, ..] = mosi else { return };
        let word = u16::from_be_bytes([high, low]);
        let (address, data) = (usize::from(word >> 12 & 7), word & 0xFFF);
        let Some(slot) = address.checked_sub(1).and_then(|i| self.configuration.get_mut(i)) else { return };
        if word & 0x8000 == 0 {
            self.reading = Some(*slot);
            return;
        }
        // The reset bits of the second one read as 0.
        *slot = if address == 2 { data & 0xF00 } else { data };
        if address == 2 && data & 0xFF == 0xFF {
            (self.configuration, self.results) = ([0; 2], [0; 4]);
        }
    }
}
