//! Places on a disc: addresses as people write them, what is recorded, what is free.

use disc_hal::format::BLOCK_BYTES;
use disc_hal::hal::Address;
use disc_hal::media::{Area, Medium};
use disc_hal_sim::Written;
use serde::Serialize;

use crate::exit::{Code, Failure};

/// Sectors of an ECC block.
pub(crate) const BLOCK: u32 = 16;

/// An address: `030000h`, `0x30000`, or decimal.
pub(crate) fn parse_address(text: &str) -> Result<u32, String> {
    let lower = text.trim().to_ascii_lowercase();
    let number = if let Some(hex) = lower.strip_prefix("0x").or_else(|| lower.strip_suffix('h')) {
        u32::from_str_radix(hex, 16).ok()
    } else {
        lower.parse().ok()
    };
    let number = number.ok_or_else(|| {
        let hex = !lower.is_empty() && lower.chars().all(|c| c.is_ascii_hexdigit());
        let hint = if hex { format!("; did you mean {text}h?") } else { String::new() };
        format!("not a sector number such as 030000h, 0x30000 or 196608{hint}")
    })?;
    if number > 0xFF_FFFF {
        return Err("sector numbers have 24 bits, up to FFFFFFh".into());
    }
    if number % BLOCK != 0 {
        let below = number - number % BLOCK;
        return Err(format!(
            "data begin at multiples of 16; the nearest are {} and {}",
            Address(below),
            Address(below + BLOCK)
        ));
    }
    Ok(number)
}

/// A stretch of a data area that is recorded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Recorded {
    /// The layer.
    pub(crate) layer: usize,
    /// First sector of the data, behind the run-in block.
    pub(crate) first: u32,
    /// Whole ECC blocks of data.
    pub(crate) blocks: u32,
}

/// The recordings in the data areas of a disc.
pub(crate) fn recordings(medium: &Medium, written: &[Written]) -> Vec<Recorded> {
    let in_data = |w: &&Written| {
        let area = medium.layers.get(w.layer).map(|l| l.layout.data);
        // The first run-in lies before the area.
        area.is_some_and(|a| w.last >= a.first && w.first <= a.last)
    };
    written
        .iter()
        .filter(in_data)
        .map(|w| {
            let first = w.first - w.first % BLOCK + BLOCK;
            Recorded { layer: w.layer, first, blocks: w.last.saturating_sub(first) / BLOCK }
        })
        .collect()
}

/// Free space at the end of a data area.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(crate) struct Free {
    /// Where data could begin.
    pub(crate) next: u32,
    /// ECC blocks from there on.
    pub(crate) blocks: u32,
}

impl Free {
    /// Bytes that fit.
    pub(crate) fn bytes(&self) -> u64 {
        u64::from(self.blocks) * BLOCK_BYTES as u64
    }

    fn from(area: Area, next: u32) -> Self {
        Self { next, blocks: (u64::from(area.last) + 1).saturating_sub(u64::from(next)) as u32 / BLOCK }
    }

    /// What is left behind a file of so many blocks, its run-out and the next run-in.
    pub(crate) fn after(self, blocks: u32) -> Self {
        let used = blocks.saturating_add(2);
        Self { next: self.next.saturating_add(used * BLOCK), blocks: self.blocks.saturating_sub(used) }
    }
}

/// What is free on a layer.
pub(crate) fn free(medium: &Medium, layer: usize, written: &[Written]) -> Result<Free, Failure> {
    let area = area(medium, layer)?;
    let last = written
        .iter()
        .filter(|w| w.layer == layer && w.last >= area.first && w.first <= area.last)
        .map(|w| w.last)
        .max();
    Ok(match last {
        None => Free::from(area, area.first),
        Some(last) => Free::from(area, (last / BLOCK + 2).saturating_mul(BLOCK)),
    })
}

/// What is free from an address on, if it is in a blank part of the data area.
/// Also where the next recording behind it begins.
pub(crate) fn free_at(
    medium: &Medium,
    layer: usize,
    address: u32,
    written: &[Written],
) -> Result<(Free, Option<u32>), Failure> {
    let area = area(medium, layer)?;
    if !area.contains(Address(address)) {
        return Err(Failure::new(
            Code::Data,
            format!("{} does not lie in the data area of layer {layer}, {area}", Address(address)),
        )
        .next("`disc-hal info` shows the areas of all layers"));
    }
    let next = free(medium, layer, written)?;
    if let Some(w) = written
        .iter()
        .find(|w| w.layer == layer && w.last + BLOCK >= address && w.first <= address && w.last >= area.first)
    {
        return Err(Failure::new(
            Code::Data,
            format!(
                "the place at {} on layer {layer} is recorded already ({} to {}); a disc can't be recorded twice",
                Address(address),
                Address(w.first),
                Address(w.last)
            ),
        )
        .next(format!("leave --address out, or give the next free place: --address {}", Address(next.next))));
    }
    let behind = written.iter().filter(|w| w.layer == layer && w.first > address).map(|w| w.first).min();
    let behind = behind.filter(|&first| first <= area.last);
    // The run-out needs the start of a block.
    let end = behind.map_or(area.last, |first| (first - first % BLOCK).saturating_sub(BLOCK + 1));
    Ok((Free::from(Area { first: area.first, last: end }, address), behind))
}

/// The data area of a layer.
pub(crate) fn area(medium: &Medium, layer: usize) -> Result<Area, Failure> {
    medium.layers.get(layer).map(|l| l.layout.data).ok_or_else(|| {
        Failure::new(
            Code::Data,
            format!("the medium `{}` has no layer {layer}: it has {}", medium.name, layers(medium)),
        )
        .next("give --layer one of these numbers")
    })
}

fn layers(medium: &Medium) -> String {
    match medium.layers.len() {
        1 => "layer 0 only".into(),
        n => format!("layers 0 to {}", n - 1),
    }
}

/// The layer and the first sector that `--layer` and `--address` mean.
pub(crate) fn locate(medium: &Medium, layer: Option<usize>, address: Option<u32>) -> Result<(usize, u32), Failure> {
    let Some(address) = address else {
        let layer = layer.unwrap_or(0);
        return Ok((layer, area(medium, layer)?.first));
    };
    let holder = medium.layers.iter().position(|l| l.layout.data.contains(Address(address)));
    match (holder, layer) {
        (Some(holder), None) => Ok((holder, address)),
        (Some(holder), Some(layer)) if holder == layer => Ok((layer, address)),
        (Some(holder), Some(layer)) => {
            area(medium, layer)?;
            Err(Failure::new(Code::Usage, format!("{} lies on layer {holder}, not on {layer}", Address(address)))
                .next("leave --layer out"))
        }
        (None, _) => Err(Failure::new(
            Code::Data,
            format!("{} lies in the data area of no layer of the medium `{}`", Address(address), medium.name),
        )
        .next("`disc-hal info` shows the areas of all layers")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_as_people_write_them() {
        for text in ["030000h", "0x30000", "196608", "30000H", " 0X030000 "] {
            assert_eq!(parse_address(text), Ok(0x3_0000), "{text}");
        }
        assert!(parse_address("03000A").unwrap_err().contains("03000Ah?"));
        assert!(parse_address("030001h").unwrap_err().contains("030000h and 030010h"));
        assert!(parse_address("1000000h").unwrap_err().contains("24 bits"));
        for text in ["", "h", "0x", "-16", "0x-10", "banana", "99999999999999999999h"] {
            assert!(parse_address(text).is_err(), "{text}");
        }
    }

    #[test]
    fn the_free_place_follows_what_is_recorded() {
        let medium = Medium::load("dual-layer").unwrap();
        let start = medium.layers[0].layout.data.first;
        assert_eq!(free(&medium, 0, &[]).unwrap().next, start);
        // Run-in, eight blocks, a run-out into the block behind.
        let written = [Written { layer: 0, first: start - 16, last: start + 128 }];
        assert_eq!(free(&medium, 0, &written).unwrap().next, start + 128 + 32);
        assert_eq!(free(&medium, 1, &written).unwrap().next, medium.layers[1].layout.data.first);
        assert_eq!(recordings(&medium, &written), [Recorded { layer: 0, first: start, blocks: 8 }]);
        assert!(free_at(&medium, 0, start, &written).is_err());
        assert!(free_at(&medium, 0, start + 128 + 32, &written).is_ok());
        assert_eq!(Free { next: 0, blocks: 100 }.after(8), Free { next: 160, blocks: 90 });
    }
}
