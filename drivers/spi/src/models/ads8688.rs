//! The ADS8688 as its data sheet describes it (SBAS582C).

use super::{Analog, Slave};

/// An ADS8688 with its inputs.
#[derive(Debug, Clone)]
pub struct Ads8688Model<V> {
    inputs: V,
    /// The channel that is converted when chip select falls; none before the first command.
    channel: Option<u8>,
    ranges: [u8; 8],
    /// Down, until a channel is selected.
    down: bool,
    /// Takes nothing and says nothing: no supply.
    pub dead: bool,
}

impl<V: Analog> Ads8688Model<V> {
    /// A chip that has just been powered up.
    pub const fn new(inputs: V) -> Self {
        Self { inputs, channel: None, ranges: [0; 8], down: false, dead: false }
    }

    fn convert(&self) -> u16 {
        let Some(channel) = self.channel.filter(|_| !self.down) else { return 0 };
        let range = self.ranges.get(usize::from(channel)).copied().unwrap_or(0);
        let (lowest, span) = match range {
            0 => (-10_240_000, 20_480_000),
            1 => (-5_120_000, 10_240_000),
            2 => (-2_560_000, 5_120_000),
            5 => (0, 10_240_000),
            _ => (0, 5_120_000),
        };
        let above = i64::from(self.inputs.microvolts(channel)) - lowest;
        u16::try_from((above * 65_536 / span).clamp(0, 65_535)).unwrap_or(0)
    }
}

impl<V: Analog> Slave for Ads8688Model<V> {
    fn frame(&mut self, mosi: &[u8], miso: &mut [u8]) {
        if self.dead {
            return miso.fill(0xFF);
        }
        // The input is held when chip select falls, by what was selected before.
        let result = self.convert();
        let &[head, second, ..] = mosi else { return };
        let register = head >> 1;
        if head & 0x80 == 0 && head > 1 {
            // A program register; those beside the ranges aren't modelled.
            let index = usize::from(register).wrapping_sub(5);
            let slot = self.ranges.get_mut(index);
            if let Some(slot) = slot {
                if head & 1 != 0 {
                    *slot = second & 0xF;
                }
                // Out from the 16th falling edge on; 24 clocks are a whole access.
                if let Some(out) = miso.get_mut(2) {
                    *out = *slot;
                }
            }
            return;
        }
        if let [_, _, high, low] = &mut *miso {
            [*high, *low] = result.to_be_bytes();
        }
        match head {
            0x82 | 0x83 => self.down = true,
            0x85 => (self.ranges, self.channel) = ([0; 8], None),
            0xC0..=0xDC if head & 3 == 0 => (self.channel, self.down) = (Some((head >> 2) & 7), false),
            _ => {}
        }
    }
}
