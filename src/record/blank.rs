//! Where a layer is recorded.
//!
//! A layer is recorded from low addresses to high ones, so the border is found
//! by bisection: some twenty short captures for a whole layer. Nobody has to keep
//! to that order, so a place that is about to be written is looked at block by block.

use super::capture::RECORDED_SWING;
use super::error::{RecordError, Stage};
use super::problem::Problem;
use super::session::Session;
use crate::format::BLOCK_SECTORS;
use crate::hal::Address;
use crate::media::Area;

/// Sectors of an ECC block.
pub(super) const BLOCK: u32 = BLOCK_SECTORS as u32;

impl Session<'_> {
    /// The first sector of the first blank ECC block of a layer's data area;
    /// `None` when all of it is recorded. Data can begin there if it is the
    /// start of the area, else one block later: a run-in comes before.
    ///
    /// # Errors
    /// Those of closing the loops, of seeking and of the bench.
    pub fn next_free(&mut self, layer: usize) -> Result<Option<Address>, RecordError> {
        self.layer = Some(layer);
        self.step(Stage::FindFree, 0, |s| {
            let area = s.layout(layer)?.data;
            let free = s.free_block(layer, area, BLOCK)?;
            Ok((free <= area.last).then_some(Address(free)))
        })
    }

    /// The first sector of the first unit of `unit` sectors in an area that
    /// is blank at its start; the sector after the last unit when none is.
    pub(super) fn free_block(&mut self, layer: usize, area: Area, unit: u32) -> Result<u32, Problem> {
        self.ensure_on(layer)?;
        let units = area.sectors() / unit;
        let index = first_false(units, |i| {
            let at = Address(area.first + i * unit);
            self.address = Some(at);
            Ok::<_, Problem>(self.probe(at)? >= RECORDED_SWING)
        })?;
        Ok(area.first + index * unit)
    }

    /// The first block from `first` to `last` that is recorded. Every block is
    /// looked at, at its start, where whatever touched it began: the border of
    /// what is recorded isn't enough, for somebody may have chosen an address
    /// beyond it. On a bench this takes as long as passing over the place, so
    /// about as long as writing it.
    pub(super) fn recorded_within(&mut self, layer: usize, first: u32, last: u32) -> Result<Option<u32>, Problem> {
        self.ensure_on(layer)?;
        for at in (first..=last).step_by(BLOCK as usize) {
            self.go_on()?;
            self.address = Some(Address(at));
            if self.probe(Address(at))? >= RECORDED_SWING {
                return Ok(Some(at));
            }
        }
        Ok(None)
    }
}

/// The first index below `n` for which `test` is false, given that it is true
/// before and false after; `n` if it is true everywhere. Doubling steps come
/// first: most discs are nearly empty.
pub(super) fn first_false<E>(n: u32, mut test: impl FnMut(u32) -> Result<bool, E>) -> Result<u32, E> {
    // All below `low` are true, `high` and all above are false (or the end).
    let (mut low, mut high) = (0, n);
    let mut step = 1u32;
    while low < high {
        let at = if high == n { (low + step - 1).min(n - 1) } else { low + (high - low) / 2 };
        if test(at)? {
            low = at + 1;
            step = step.saturating_mul(2).min(n);
        } else {
            high = at;
        }
    }
    Ok(low)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_border_is_found_everywhere_in_few_steps() {
        for n in [0u32, 1, 2, 3, 17, 100, 130_000] {
            let borders: Vec<u32> = if n <= 100 { (0..=n).collect() } else { vec![0, 1, 2, 4097, n / 2, n - 1, n] };
            for border in borders {
                let mut calls = 0;
                let found = first_false(n, |i| {
                    calls += 1;
                    assert!(i < n);
                    Ok::<_, ()>(i < border)
                });
                assert_eq!(found, Ok(border), "{n}");
                assert!(calls <= 36, "{calls} calls for {border} of {n}");
            }
        }
    }

    #[test]
    fn an_empty_layer_takes_one_probe() {
        let mut calls = 0;
        let found = first_false(130_000, |_| {
            calls += 1;
            Ok::<_, ()>(false)
        });
        assert_eq!((found, calls), (Ok(0), 1));
    }
}
