//! Timing measures: jitter, run-length tables, edge shifts.
//!
//! Sources: data-to-clock jitter is sigma(edge - PLL clock edge)/T over both edges; the
//! per-run-length measures are those of the usual optical recording analysis: run w belongs to
//! length n when (n - 0.5)T <= w < (n + 0.5)T, edge shift is the mean of (w - nT)/T, timing
//! jitter the sigma of w/T.

use serde::Serialize;

use super::Runs;

/// Shortest run length with a table entry, T.
pub const SHORTEST: usize = 3;
/// Longest run length with a table entry, T.
pub const LONGEST: usize = 14;
const LENGTHS: usize = LONGEST - SHORTEST + 1;
/// Bins per T of the interval histogram.
pub const INTERVAL_BINS_PER_T: usize = 16;
/// Upper end of the interval histogram, T.
pub const INTERVAL_END_T: usize = 18;
/// Edges after the clock was found (or found again) that are not measured: both fast gears and
/// five time constants of the loop.
pub const SETTLE_EDGES: usize = 1200;

/// Count, mean and sample standard deviation in one pass.
///
/// Sums relative to the first value: as exact as needed for values that are close together, and
/// without a division for each.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Moments {
    pub(super) count: u64,
    first: f64,
    sum: f64,
    squares: f64,
}

impl Moments {
    #[inline]
    pub(super) fn add(&mut self, x: f64) {
        if self.count == 0 {
            self.first = x;
        }
        self.count += 1;
        let x = x - self.first;
        self.sum += x;
        self.squares += x * x;
    }
    pub(super) fn mean(&self) -> Option<f64> {
        (self.count > 0).then(|| self.first + self.sum / self.count as f64)
    }
    pub(super) fn sigma(&self) -> Option<f64> {
        (self.count > 1).then(|| {
            let n = self.count as f64;
            let squares = self.squares - self.sum * self.sum / n;
            (squares.max(0.0) / (n - 1.0)).sqrt()
        })
    }
}

/// Overall timing jitter of several run lengths from (count, sigma) of each:
/// sqrt(sum (N - 1) s^2 / (sum N - 1)).
///
/// ```
/// let overall = disc_hal::signal::pooled_sigma(&[(3, 1.389), (2, 6.109)]).unwrap();
/// assert!((overall - 3.208).abs() < 0.001);
/// ```
#[must_use]
pub fn pooled_sigma(groups: &[(u64, f64)]) -> Option<f64> {
    let count: u64 = groups.iter().map(|g| g.0).sum();
    let sum: f64 = groups.iter().map(|&(n, s)| n.saturating_sub(1) as f64 * s * s).sum();
    (count > 1).then(|| (sum / (count - 1) as f64).sqrt())
}

/// Data-to-clock jitter.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Jitter {
    /// Both edges, percent of T.
    pub total_percent: Option<f64>,
    /// Leading edges of marks (high to low), about their own mean, percent of T.
    pub leading_percent: Option<f64>,
    /// Trailing edges of marks (low to high), about their own mean, percent of T.
    pub trailing_percent: Option<f64>,
    /// Mean of the leading edges relative to the clock, T; positive is late.
    pub leading_offset_t: Option<f64>,
    /// Mean of the trailing edges relative to the clock, T; positive is late.
    pub trailing_offset_t: Option<f64>,
    /// Edges measured.
    pub edges: usize,
}

/// Jitter of one stretch of the capture.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct JitterWindow {
    /// Index of the run that ends at the window's first edge.
    pub first_run: usize,
    /// Both edges, percent of T.
    pub jitter_percent: f64,
}

/// One line of a run-length table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
#[non_exhaustive]
pub struct RunLine {
    /// Run length, T.
    pub length: u8,
    /// Runs that the clock recovery gave this length.
    pub count: u64,
    /// Mean of (w - nT)/T over the runs whose width lies within half a T of this length.
    pub shift_t: Option<f64>,
    /// Sigma of w over the same runs, percent of T.
    pub jitter_percent: Option<f64>,
}

/// Statistics of the runs of one polarity.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[non_exhaustive]
pub struct RunTable {
    /// One line for each of 3T to 14T.
    pub lines: [RunLine; LENGTHS],
    /// Runs shorter than 3T or longer than 14T.
    pub outside: u64,
    /// Sigma of all lengths pooled, percent of T; see [`pooled_sigma`].
    pub overall_jitter_percent: Option<f64>,
    /// Runs per 1/16 T of width from 0 to 18T, for a plot.
    pub intervals: Vec<u32>,
}

/// Edge shifts by the class of the runs on both sides; classes are 3T, 4T and 5T or longer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
#[non_exhaustive]
pub struct ClassShifts {
    /// Mean error of leading edges, T: `[space before][mark after]`.
    pub leading_t: [[Option<f64>; 3]; 3],
    /// Mean error of trailing edges, T: `[mark before][space after]`.
    pub trailing_t: [[Option<f64>; 3]; 3],
    /// Edges behind each value of `leading_t`.
    pub leading_count: [[u64; 3]; 3],
    /// Edges behind each value of `trailing_t`.
    pub trailing_count: [[u64; 3]; 3],
}

/// All timing measures of a capture.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Timing {
    /// Data-to-clock jitter.
    pub jitter: Jitter,
    /// Jitter along the track.
    pub along: Vec<JitterWindow>,
    /// Marks (low runs).
    pub marks: RunTable,
    /// Spaces (high runs).
    pub spaces: RunTable,
    /// Shifts by class, for write-strategy work.
    pub classes: ClassShifts,
}

/// Indices of the runs that follow a settled clock, with length and polarity.
pub(super) fn settled(runs: &Runs) -> impl Iterator<Item = (usize, u8, bool)> + '_ {
    let mut since = 0usize;
    runs.iter().filter(move |&(_, length, _)| {
        since = if length == 0 { 0 } else { since + 1 };
        since > SETTLE_EDGES
    })
}

/// Measures the timing of `runs`, which need detail; windows of `window` edges along the track.
#[must_use]
pub fn timing(runs: &Runs, window: usize) -> Timing {
    let mut tables = [TableSums::default(), TableSums::default()];
    let (mut total, mut edges) = (Moments::default(), [Moments::default(); 2]);
    let mut classes = [[[Moments::default(); 3]; 3]; 2];
    let (mut along, mut part, mut first) = (Vec::new(), Moments::default(), 0);
    let lengths = runs.lengths();
    for (i, length, high) in settled(runs) {
        let error = f64::from(runs.errors()[i]);
        total.add(error);
        edges[usize::from(high)].add(error);
        if part.count == 0 {
            first = i;
        }
        part.add(error);
        if part.count >= window.max(2) as u64 {
            let jitter_percent = 100.0 * part.sigma().unwrap_or_default();
            along.push(JitterWindow { first_run: first, jitter_percent });
            part = Moments::default();
        }
        if let Some(width) = runs.widths().get(i) {
            tables[usize::from(high)].add(length, *width);
        }
        let next = lengths.get(i + 1).copied().and_then(class);
        if let (Some(this), Some(next)) = (class(length), next) {
            classes[usize::from(high)][this][next].add(error);
        }
    }
    let percent = |m: &Moments| m.sigma().map(|s| 100.0 * s);
    let [trailing, leading] = &edges;
    let [marks, spaces] = tables.map(TableSums::finish);
    let table = |m: &[[Moments; 3]; 3]| m.map(|row| row.map(|m| m.mean()));
    let count = |m: &[[Moments; 3]; 3]| m.map(|row| row.map(|m| m.count));
    Timing {
        jitter: Jitter {
            total_percent: percent(&total),
            leading_percent: percent(leading),
            trailing_percent: percent(trailing),
            leading_offset_t: leading.mean(),
            trailing_offset_t: trailing.mean(),
            edges: total.count as usize,
        },
        along,
        marks,
        spaces,
        classes: ClassShifts {
            leading_t: table(&classes[1]),
            trailing_t: table(&classes[0]),
            leading_count: count(&classes[1]),
            trailing_count: count(&classes[0]),
        },
    }
}

fn class(length: u8) -> Option<usize> {
    usize::from(length).checked_sub(SHORTEST).map(|c| c.min(2))
}

#[derive(Clone, Debug)]
struct TableSums {
    counts: [u64; LENGTHS],
    outside: u64,
    widths: [Moments; LENGTHS],
    intervals: Vec<u32>,
}

impl Default for TableSums {
    fn default() -> Self {
        Self {
            counts: [0; LENGTHS],
            outside: 0,
            widths: [Moments::default(); LENGTHS],
            intervals: vec![0; INTERVAL_BINS_PER_T * INTERVAL_END_T],
        }
    }
}

impl TableSums {
    #[inline]
    fn add(&mut self, length: u8, width: f32) {
        match self.counts.get_mut(usize::from(length).wrapping_sub(SHORTEST)) {
            Some(count) => *count += 1,
            None => self.outside += 1,
        }
        let bin = (width * INTERVAL_BINS_PER_T as f32) as usize;
        if let Some(count) = self.intervals.get_mut(bin) {
            *count += 1;
        }
        let nearest = (width + 0.5) as usize;
        if let Some(line) = self.widths.get_mut(nearest.wrapping_sub(SHORTEST)) {
            line.add(f64::from(width) - nearest as f64);
        }
    }

    fn finish(self) -> RunTable {
        let groups: Vec<(u64, f64)> = self.widths.iter().filter_map(|w| Some((w.count, w.sigma()?))).collect();
        let lines = core::array::from_fn(|i| RunLine {
            length: (i + SHORTEST) as u8,
            count: self.counts[i],
            shift_t: self.widths[i].mean(),
            jitter_percent: self.widths[i].sigma().map(|s| 100.0 * s),
        });
        RunTable {
            lines,
            outside: self.outside,
            overall_jitter_percent: pooled_sigma(&groups).map(|s| 100.0 * s),
            intervals: self.intervals,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signal::testing::{CLOCK, FS, displace, edge_times, efm_like_runs};
    use crate::signal::{Pll, PllConfig};
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    fn clocked(edges: &[f64]) -> Runs {
        let mut pll = Pll::new(&PllConfig::new(FS, CLOCK)).unwrap();
        let mut runs = Runs::with_detail();
        for (i, edge) in edges.iter().enumerate() {
            if let Some(e) = pll.edge(edge * 4.0) {
                runs.push(e, edge * 4.0, i % 2 == 0);
            }
        }
        assert_eq!(pll.lost(), 0);
        runs
    }

    #[test]
    fn gaussian_displacement_is_the_jitter() {
        for sigma in [0.0, 0.02, 0.05, 0.08] {
            let mut rng = ChaCha8Rng::seed_from_u64(4);
            let truth = efm_like_runs(&mut rng, 100_000);
            let mut edges = edge_times(&truth, 0.0);
            displace(&mut edges, sigma, &mut rng);
            let t = timing(&clocked(&edges), 10_000);
            // Sampling error of sigma: 1/sqrt(2N) = 0.22 %, and half a percent for the clock.
            let within = |x: Option<f64>, y: f64| (x.unwrap() - y).abs() < 0.012 * y + 1e-3;
            let percent = 100.0 * sigma;
            assert!(within(t.jitter.total_percent, percent), "{:?}", t.jitter);
            assert!(within(t.jitter.leading_percent, percent), "{:?}", t.jitter);
            assert!(within(t.jitter.trailing_percent, percent), "{:?}", t.jitter);
            // Both ends of a run move: sqrt(2) more.
            let width = percent * core::f64::consts::SQRT_2;
            assert!(within(t.marks.overall_jitter_percent, width));
            assert!(within(t.spaces.overall_jitter_percent, width));
            assert_eq!(t.along.len(), t.jitter.edges / 10_000);
        }
    }

    #[test]
    fn mark_length_bias_shows_as_edge_shifts() {
        // Marks 0.06 T too long, 3T marks 0.10 T: half of it at each end.
        let mut rng = ChaCha8Rng::seed_from_u64(5);
        let truth = efm_like_runs(&mut rng, 60_000);
        let mut edges = edge_times(&truth, 0.0);
        // Run i lies between edges i and i + 1; the first edge rises, so odd runs are marks.
        for i in (1..truth.len()).step_by(2) {
            let bias = if truth[i] == 3 { 0.10 } else { 0.06 };
            edges[i] -= 0.5 * bias;
            edges[i + 1] += 0.5 * bias;
        }
        let t = timing(&clocked(&edges), 10_000);
        let near = |x: Option<f64>, y: f64| (x.unwrap() - y).abs() < 0.003;
        for line in t.marks.lines.iter().filter(|l| l.count > 0) {
            let bias = if line.length == 3 { 0.10 } else { 0.06 };
            assert!(near(line.shift_t, bias), "{line:?}");
        }
        // Clock edges sit in the middle: leading edges early, trailing edges late.
        let difference = t.jitter.trailing_offset_t.unwrap() - t.jitter.leading_offset_t.unwrap();
        assert!((difference - 0.06 - 0.04 * 0.32).abs() < 0.003, "{difference}");
        for other in 0..3 {
            let leading = t.classes.leading_t[other];
            assert!(near(leading[0], -0.05) && near(leading[1], -0.03), "{leading:?}");
            assert!(near(t.classes.trailing_t[0][other], 0.05));
            assert!(near(t.classes.trailing_t[2][other], 0.03));
        }
    }

    #[test]
    fn histogram_is_exact_for_a_known_sequence() {
        let mut rng = ChaCha8Rng::seed_from_u64(6);
        let truth = efm_like_runs(&mut rng, 30_000);
        let mut edges = edge_times(&truth, 0.0);
        displace(&mut edges, 0.06, &mut rng);
        let runs = clocked(&edges);
        // Entry k ends at edge k + (edges before the clock was found).
        let skipped = edges.len() - runs.len();
        let mut expected = [[0u64; 15]; 2];
        for k in 1..runs.len() {
            let run = skipped + k - 1;
            assert_eq!(runs.lengths()[k], truth[run]);
            assert_eq!(runs.is_high(k), run.is_multiple_of(2));
            if k > SETTLE_EDGES {
                expected[run % 2][usize::from(truth[run])] += 1;
            }
        }
        let t = timing(&runs, 1000);
        for (table, expected) in [(&t.spaces, expected[0]), (&t.marks, expected[1])] {
            for line in &table.lines {
                assert_eq!(line.count, expected[usize::from(line.length)]);
            }
            assert_eq!(table.outside, 0);
            let total: u64 = table.intervals.iter().map(|&c| u64::from(c)).sum();
            assert_eq!(total, table.lines.iter().map(|l| l.count).sum::<u64>());
        }
        assert!(t.marks.lines[9].shift_t.is_none(), "no 12T runs");
    }

    #[test]
    fn nothing_measured_is_nothing_stated() {
        let t = timing(&Runs::with_detail(), 100);
        assert_eq!(t.jitter, Jitter::default());
        assert!(t.jitter.total_percent.is_none() && t.marks.overall_jitter_percent.is_none());
        assert_eq!(pooled_sigma(&[]), None);
    }
}
