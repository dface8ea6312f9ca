//! Run lengths, the output of the read chain.

use super::ClockedEdge;

/// A sequence of runs without a break: polarity alternates inside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Segment {
    start: usize,
    /// Whether run `start` is high; its closing edge falls then.
    high: bool,
}

/// Edges of a capture as run lengths in T, with the timing error of each.
///
/// Entry i is the run that *ends* at edge i. The first entry of a capture is 0: the time until
/// the clock was found has no length. Another 0 stands wherever the clock was lost in between.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Runs {
    lengths: Vec<u8>,
    errors: Vec<f32>,
    segments: Vec<Segment>,
    detail: bool,
    positions: Vec<f64>,
    widths: Vec<f32>,
}

impl Runs {
    /// Lengths and errors only; this is enough for decoding.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Keeps also position and width of each edge; the quality measures need them.
    #[must_use]
    pub fn with_detail() -> Self {
        Self { detail: true, ..Self::default() }
    }

    /// Forgets all runs and keeps the memory.
    pub fn clear(&mut self) {
        self.lengths.clear();
        self.errors.clear();
        self.segments.clear();
        self.positions.clear();
        self.widths.clear();
    }

    /// Number of entries, gaps included.
    #[must_use]
    pub fn len(&self) -> usize {
        self.lengths.len()
    }

    /// True when no edge was clocked.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.lengths.is_empty()
    }

    /// Run lengths in T, 0 for a gap.
    #[must_use]
    pub fn lengths(&self) -> &[u8] {
        &self.lengths
    }

    /// Edge minus clock edge at the end of each run, T, -0.5 to 0.5.
    #[must_use]
    pub fn errors(&self) -> &[f32] {
        &self.errors
    }

    /// Time of the edge at the end of each run, samples of the input (the delay of the filter is
    /// taken off); empty without detail.
    #[must_use]
    pub fn positions(&self) -> &[f64] {
        &self.positions
    }

    /// Width of each run, T, unrounded; empty without detail.
    #[must_use]
    pub fn widths(&self) -> &[f32] {
        &self.widths
    }

    /// True when run `index` is high (space, land), false when it is low (mark); a gap has the
    /// polarity that its closing edge tells.
    ///
    /// # Panics
    /// If `index` is out of range.
    #[must_use]
    pub fn is_high(&self, index: usize) -> bool {
        assert!(index < self.len(), "run {index} of {}", self.len());
        let segment = self.segments.partition_point(|s| s.start <= index) - 1;
        let Segment { start, high } = self.segments[segment];
        high ^ ((index - start) % 2 == 1)
    }

    /// All runs in order as (index, length, is high).
    pub fn iter(&self) -> impl Iterator<Item = (usize, u8, bool)> + '_ {
        let mut next = 0;
        let mut high = false;
        self.lengths.iter().enumerate().map(move |(i, &length)| {
            high = !high;
            if let Some(segment) = self.segments.get(next).filter(|s| s.start == i) {
                high = segment.high;
                next += 1;
            }
            (i, length, high)
        })
    }

    pub(super) fn reserve(&mut self, edges: usize) {
        self.lengths.reserve(edges);
        self.errors.reserve(edges);
        if self.detail {
            self.positions.reserve(edges);
            self.widths.reserve(edges);
        }
    }

    /// Adds the edge at `position` that ends a run; `rising` ends a low run.
    #[inline]
    pub(super) fn push(&mut self, edge: ClockedEdge, position: f64, rising: bool) {
        if edge.length == 0 {
            self.segments.push(Segment { start: self.lengths.len(), high: !rising });
        }
        self.lengths.push(edge.length);
        self.errors.push(edge.error);
        if self.detail {
            self.positions.push(position);
            self.widths.push(edge.width);
        }
    }
}
