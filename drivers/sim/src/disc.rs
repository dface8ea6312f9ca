//! The state of a disc: which marks are where.

use std::collections::BTreeMap;

/// Parts of a channel bit in which marks are placed.
pub(crate) const CELLS: f64 = 256.0;

/// Marks of a chunk at most, so that a read finds its place quickly.
pub(crate) const CHUNK_MARKS: usize = 4096;

/// A mark, in cells from the start of its chunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Mark {
    pub(crate) start: u32,
    pub(crate) length: u16,
    /// How far the light falls on it, as a part of the light beside it, in 1/255.
    pub(crate) depth: u8,
}

/// Neighbouring marks, and the stretch of track that was written with them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Chunk {
    /// Cells from sector 0 of the layer to the start of the stretch.
    pub(crate) start: u64,
    /// Length of the stretch in cells.
    pub(crate) length: u32,
    pub(crate) marks: Vec<Mark>,
}

impl Chunk {
    fn end(&self) -> u64 {
        self.start + u64::from(self.length)
    }
}

/// What is written on one layer, in order and without overlap.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct LayerState {
    chunks: BTreeMap<u64, Chunk>,
}

impl LayerState {
    /// The chunks from the start of the layer on.
    pub(crate) fn chunks(&self) -> impl Iterator<Item = &Chunk> {
        self.chunks.values()
    }

    /// Adds what has been written. Where something was there before, both stay:
    /// a dye that has decomposed doesn't come back.
    pub(crate) fn add(&mut self, chunk: Chunk) {
        let overlapping: Vec<u64> = self.overlapping(chunk.start, chunk.end()).map(|c| c.start).collect();
        let mut merged = chunk;
        for key in overlapping {
            if let Some(old) = self.chunks.remove(&key) {
                merged = merge(&old, &merged);
            }
        }
        self.chunks.insert(merged.start, merged);
    }

    /// Chunks that share some place with `start..end` (cells).
    pub(crate) fn overlapping(&self, start: u64, end: u64) -> impl Iterator<Item = &Chunk> {
        // Chunks don't overlap, so only one that starts before can reach in.
        let first = self.chunks.range(..=start).next_back().filter(|(_, c)| c.end() > start).map_or(start, |(k, _)| *k);
        self.chunks.range(first..end.max(first)).map(|(_, c)| c).filter(move |c| c.end() > start)
    }

    /// Part of `start..end` (cells) that has been written, 0 to 1.
    pub(crate) fn coverage(&self, start: u64, end: u64) -> f64 {
        if end <= start {
            return 0.0;
        }
        let written: u64 =
            self.overlapping(start, end).map(|c| c.end().min(end).saturating_sub(c.start.max(start))).sum();
        written as f64 / (end - start) as f64
    }

    /// Stretches that have been written, as `start..end` in cells, joined where they touch.
    pub(crate) fn stretches(&self) -> Vec<core::ops::Range<u64>> {
        let mut stretches: Vec<core::ops::Range<u64>> = Vec::new();
        for chunk in self.chunks.values() {
            match stretches.last_mut() {
                // A chunk ends with its last mark: a space may lie between.
                Some(last) if chunk.start <= last.end + 64 * 256 => last.end = chunk.end(),
                _ => stretches.push(chunk.start..chunk.end()),
            }
        }
        stretches
    }

    /// Calls `each` with start and end (cells) and depth of all marks that touch `start..end`.
    #[inline]
    pub(crate) fn marks_in(&self, start: u64, end: u64, mut each: impl FnMut(u64, u64, u8)) {
        for chunk in self.overlapping(start, end) {
            let relative = start.saturating_sub(chunk.start);
            let first = chunk.marks.partition_point(|m| u64::from(m.start) + u64::from(m.length) <= relative);
            for mark in chunk.marks.get(first..).unwrap_or(&[]) {
                let a = chunk.start + u64::from(mark.start);
                if a >= end {
                    return;
                }
                each(a, a + u64::from(mark.length), mark.depth);
            }
        }
    }
}

/// Both chunks as one: the union of their marks.
fn merge(a: &Chunk, b: &Chunk) -> Chunk {
    let start = a.start.min(b.start);
    let end = a.end().max(b.end());
    let mut marks: Vec<(u64, u64, u8)> = [a, b]
        .iter()
        .flat_map(|c| {
            c.marks.iter().map(|m| {
                let from = c.start + u64::from(m.start) - start;
                (from, from + u64::from(m.length), m.depth)
            })
        })
        .collect();
    marks.sort_unstable();
    let mut joined: Vec<(u64, u64, u8)> = Vec::new();
    for (from, to, depth) in marks {
        let last = joined.last().copied();
        match (joined.last_mut(), last) {
            (Some(slot), Some((start, end, other))) if from <= end && to.max(end) - start <= u64::from(u16::MAX) => {
                *slot = (start, end.max(to), other.max(depth));
            }
            // Too long for one mark: the rest follows as another.
            (_, Some((_, end, _))) if from < end => joined.push((end, to.max(end), depth)),
            _ => joined.push((from, to, depth)),
        }
    }
    let marks = joined
        .into_iter()
        .filter_map(|(from, to, depth)| {
            Some(Mark { start: u32::try_from(from).ok()?, length: u16::try_from(to - from).ok()?, depth })
        })
        .collect();
    // Chunks are some thousand marks long, far from the limit of u32.
    Chunk { start, length: u32::try_from(end - start).unwrap_or(u32::MAX), marks }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chunk(start: u64, marks: &[(u32, u16)]) -> Chunk {
        let marks: Vec<Mark> = marks.iter().map(|&(start, length)| Mark { start, length, depth: 100 }).collect();
        let length = marks.last().map_or(0, |m| m.start + u32::from(m.length));
        Chunk { start, length, marks }
    }

    fn seen(layer: &LayerState, start: u64, end: u64) -> Vec<(u64, u64)> {
        let mut marks = Vec::new();
        layer.marks_in(start, end, |a, b, _| marks.push((a, b)));
        marks
    }

    #[test]
    fn marks_are_found_wherever_one_begins_to_look() {
        let mut layer = LayerState::default();
        layer.add(chunk(1000, &[(0, 100), (200, 100), (500, 50)]));
        layer.add(chunk(2000, &[(10, 20)]));
        assert_eq!(seen(&layer, 0, 9999), [(1000, 1100), (1200, 1300), (1500, 1550), (2010, 2030)]);
        assert_eq!(seen(&layer, 1100, 1201), [(1200, 1300)]);
        assert_eq!(seen(&layer, 1299, 1500), [(1200, 1300)]);
        assert_eq!(seen(&layer, 1300, 1500), []);
        assert_eq!(seen(&layer, 1549, 2011), [(1500, 1550), (2010, 2030)]);
        assert!((layer.coverage(1000, 2000) - 0.55).abs() < 1e-12);
    }

    #[test]
    fn writing_again_adds_marks_and_removes_none() {
        let mut layer = LayerState::default();
        layer.add(chunk(1000, &[(0, 100), (300, 100)]));
        layer.add(chunk(1050, &[(0, 100), (150, 20)]));
        assert_eq!(seen(&layer, 0, 9999), [(1000, 1150), (1200, 1220), (1300, 1400)]);
        assert_eq!(layer.stretches(), vec![core::ops::Range { start: 1000, end: 1400 }]);
    }
}
