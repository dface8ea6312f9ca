//! The fast model: edges of marks per pattern of neighbours.
//!
//! For each pattern, and at a few places around the nominal edge, the table keeps the highest rise
//! per watt of the pulses, `m(x)`, and the rise per watt of bias at that moment, `b(x)`. For any
//! powers the edge is where `(peak - bias) m(x) + bias b(x)` passes the threshold: the moment of
//! the maximum moves with the powers only in second order, so one table serves all of them.

use super::kernel::{Kernel, SIDE_STEP, SIDES};
use super::strategy::{SLOTS, Strategy, class};
use super::{MarkOutline, RUNS, WritePower, crossing};
use rayon::prelude::*;

/// Places per edge, one each eighth of a period.
const PLACES: usize = 34;
const PLACE_STEP: i32 = SLOTS / 8;
/// Places on the side of the mark: a little more than half of a 3T.
const INSIDE: i32 = 14;
/// Bias over peak for which the moment of the maximum is taken.
const TYPICAL_BIAS: f64 = 0.06;
/// Where the mean heat of unknown earlier marks ends, periods before the first known mark.
const MEAN_ENDS: i32 = 2;

const N: usize = RUNS.len();
/// Classes of the space after a mark: its last pulse depends on them, and with it, for short marks,
/// the leading edge.
const CLASSES: usize = 3;

/// Rises per watt at the places around one edge.
#[derive(Debug, Clone, Copy)]
struct Profile {
    pulses: [f32; PLACES],
    bias: [f32; PLACES],
}

/// Edge positions of all patterns, for any power.
#[derive(Debug, Clone)]
pub struct EdgeTable {
    lead: Vec<Profile>,
    trail: Vec<Profile>,
    /// Beside the track in the middle of each mark.
    width: Vec<[(f32, f32); SIDES]>,
}

/// An edge of a mark.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Edge {
    /// Offset from the nominal edge in channel periods, positive later.
    At(f32),
    /// The power does not suffice for this mark.
    NoMark,
    /// The space is gone: the mark runs into its neighbour.
    Merged,
}

/// Runs around an edge, in order, and which of them is the mark.
struct Pattern {
    runs: [u8; 6],
    /// Start of each run in slots; the nominal edge is at zero.
    starts: [i32; 6],
}

impl Pattern {
    /// Runs mark, space, mark, space, mark, space; zero at the start of run `origin`.
    fn new(runs: [u8; 6], origin: usize) -> Self {
        let mut starts = [0; 6];
        for i in 1..6 {
            starts[i] = starts[i - 1] + i32::from(runs[i - 1]) * SLOTS;
        }
        let zero = starts[origin];
        Self { runs, starts: starts.map(|s| s - zero) }
    }

    fn pulses(&self, strategy: &Strategy) -> Vec<(i32, i32)> {
        let mut all = Vec::with_capacity(36);
        for i in [0, 2, 4] {
            let before = if i == 0 { 5 } else { self.runs[i - 1] };
            let p = strategy.pulses(before, self.runs[i], self.runs[i + 1]);
            all.extend(p.spans().iter().map(|&(s, e)| (s + self.starts[i], e + self.starts[i])));
        }
        all
    }
}

/// Highest rise per watt of pulses at a place, and that of the bias at the same moment. `mean` is
/// the duty of the unknown earlier marks, and where they end.
fn highest(kernel: &Kernel, pulses: &[(i32, i32)], mean: (f32, i32), place: i32, side: usize) -> (f32, f32) {
    let both = |lag: i32| {
        let now = place + lag;
        let last = pulses.partition_point(|p| p.0 < now);
        let near = pulses[..last].iter().map(|&(s, e)| (now - s, now - e));
        let far = core::iter::once((kernel.memory(), now - mean.1));
        (kernel.rise(side, lag, near) + mean.0 * kernel.rise(side, lag, far), kernel.steady(side, lag))
    };
    let value = |lag: i32| {
        let (m, b) = both(lag);
        f64::from(m) + TYPICAL_BIAS * f64::from(b)
    };
    let (lag, _) = Kernel::hottest(pulses.iter().map(|p| p.1 - place), value);
    both(lag)
}

impl EdgeTable {
    /// Superimposes the response for every pattern of neighbours of a strategy.
    #[must_use]
    pub fn new(kernel: &Kernel, strategy: &Strategy) -> Self {
        let duty = strategy.duty() as f32;
        let profile = |pattern: &Pattern, inward: i32| {
            let pulses = pattern.pulses(strategy);
            let mean = (duty, pattern.starts[0] - MEAN_ENDS * SLOTS);
            let mut p = Profile { pulses: [0.0; PLACES], bias: [0.0; PLACES] };
            for i in 0..PLACES {
                // Place 0 is the innermost.
                let place = inward * (INSIDE - i as i32) * PLACE_STEP;
                (p.pulses[i], p.bias[i]) = highest(kernel, &pulses, mean, place, 0);
            }
            p
        };
        let run = |i: usize| RUNS[i % N];
        let lead = (0..N * N * N * CLASSES)
            .into_par_iter()
            .map(|i| {
                let (after, i) = ([3, 4, 5][i % CLASSES], i / CLASSES);
                let (pm, ps, m) = (run(i / (N * N)), run(i / N), run(i));
                profile(&Pattern::new([pm, ps, m, after, 5, 5], 2), 1)
            })
            .collect();
        let trail = (0..N * N * N)
            .into_par_iter()
            .map(|i| {
                let (ps, m, ns) = (run(i / (N * N)), run(i / N), run(i));
                profile(&Pattern::new([4, ps, m, ns, 5, 5], 3), -1)
            })
            .collect();
        let width = RUNS
            .par_iter()
            .map(|&m| {
                let pattern = Pattern::new([5, 5, m, 5, 5, 5], 2);
                let pulses = pattern.pulses(strategy);
                let mean = (duty, pattern.starts[0] - MEAN_ENDS * SLOTS);
                let mid = i32::from(m) * SLOTS / 2;
                core::array::from_fn(|s| highest(kernel, &pulses, mean, mid, s))
            })
            .collect();
        Self { lead, trail, width }
    }

    /// Edges for given powers and a threshold rise in K (decomposition less ambient temperature).
    #[must_use]
    pub fn solve(&self, power: WritePower, threshold: f64) -> SolvedEdges {
        let pulse = power.peak - power.bias;
        let excess = |m: f32, b: f32| pulse * f64::from(m) + power.bias * f64::from(b) - threshold;
        let edge = |p: &Profile, outward: f64| {
            let y: [f64; PLACES] = core::array::from_fn(|i| excess(p.pulses[i], p.bias[i]));
            // Start from the hottest place inside the mark.
            let top = (0..=INSIDE as usize).max_by(|&a, &b| y[a].total_cmp(&y[b])).unwrap_or(0);
            if y[top] <= 0.0 {
                return f32::NAN;
            }
            match crossing(&y, top, 1) {
                Some(i) => (outward * (i - f64::from(INSIDE)) * f64::from(PLACE_STEP) / f64::from(SLOTS)) as f32,
                None => f32::INFINITY,
            }
        };
        let mut out = SolvedEdges {
            lead: vec![f32::NAN; 4 * 4096],
            trail: vec![f32::NAN; 4096],
            half_width: [f32::NAN; 16],
            peak_rise: [0.0; 16],
        };
        let solved = |table: &[Profile], outward: f64| -> Vec<f32> { table.iter().map(|p| edge(p, outward)).collect() };
        let (lead, trail) = (solved(&self.lead, -1.0), solved(&self.trail, 1.0));
        for a in 0..16 {
            let ra = nearest(a);
            for b in 0..16 {
                let rb = nearest(b);
                for c in 0..16 {
                    let from = (ra * N + rb) * N + nearest(c);
                    let to = (a << 8) | (b << 4) | c;
                    out.trail[to] = trail[from];
                    for k in 0..4 {
                        out.lead[(to << 2) | k] = lead[from * CLASSES + k.min(2)];
                    }
                }
            }
            let y: [f64; SIDES] = core::array::from_fn(|s| excess(self.width[ra][s].0, self.width[ra][s].1));
            out.peak_rise[a] = (y[0] + threshold) as f32;
            if y[0] > 0.0 {
                let w = crossing(&y, 0, 1).unwrap_or(SIDES as f64 - 1.0);
                out.half_width[a] = (w * SIDE_STEP) as f32;
            }
        }
        out
    }
}

/// Index in [`RUNS`] of the run length nearest to `run`.
fn nearest(run: usize) -> usize {
    match run {
        0..=3 => 0,
        4..=11 => run - 3,
        12 => 8,
        _ => 9,
    }
}

/// Edges at one power: look-up by run lengths.
#[derive(Debug, Clone, PartialEq)]
pub struct SolvedEdges {
    lead: Vec<f32>,
    trail: Vec<f32>,
    half_width: [f32; 16],
    peak_rise: [f32; 16],
}

#[inline]
fn index(a: u8, b: u8, c: u8) -> usize {
    (usize::from(a & 15) << 8) | (usize::from(b & 15) << 4) | usize::from(c & 15)
}

#[inline]
fn lead_index(pm: u8, ps: u8, m: u8, ns: u8) -> usize {
    (index(pm, ps, m) << 2) | class(ns)
}

fn edge(v: f32) -> Edge {
    if v.is_nan() {
        Edge::NoMark
    } else if v.is_infinite() {
        Edge::Merged
    } else {
        Edge::At(v)
    }
}

impl SolvedEdges {
    /// Offset of the leading edge of `mark` from its nominal place, in channel periods (positive
    /// later), for the mark and the space before it and the space after it. `None` if there is no
    /// such edge: see [`SolvedEdges::lead_edge`]. Runs outside 3..=14 count as the nearest legal
    /// one.
    #[inline]
    #[must_use]
    pub fn lead(&self, previous_mark: u8, previous_space: u8, mark: u8, next_space: u8) -> Option<f32> {
        let v = self.lead[lead_index(previous_mark, previous_space, mark, next_space)];
        v.is_finite().then_some(v)
    }

    /// Offset of the trailing edge of `mark`, as [`SolvedEdges::lead`], for the space before the
    /// mark and the space after it.
    #[inline]
    #[must_use]
    pub fn trail(&self, previous_space: u8, mark: u8, next_space: u8) -> Option<f32> {
        let v = self.trail[index(previous_space, mark, next_space)];
        v.is_finite().then_some(v)
    }

    /// The leading edge, with the reason if there is none.
    #[must_use]
    pub fn lead_edge(&self, previous_mark: u8, previous_space: u8, mark: u8, next_space: u8) -> Edge {
        edge(self.lead[lead_index(previous_mark, previous_space, mark, next_space)])
    }

    /// The trailing edge, with the reason if there is none.
    #[must_use]
    pub fn trail_edge(&self, previous_space: u8, mark: u8, next_space: u8) -> Edge {
        edge(self.trail[index(previous_space, mark, next_space)])
    }

    /// The marks of a run sequence, spaces at even and marks at odd positions, in order. A mark that
    /// did not form or ran into a neighbour is `None`. The first mark is taken to follow a 5T mark,
    /// the last to precede a 5T space.
    pub fn marks(&self, runs: &[u8]) -> impl Iterator<Item = Option<MarkOutline>> {
        let mut at = 0u64;
        runs.chunks(2).enumerate().filter_map(move |(i, pair)| {
            let &[ps, m] = pair else { return None };
            let start = at + u64::from(ps);
            at = start + u64::from(m);
            let pm = if i == 0 { 5 } else { runs[2 * i - 1] };
            let ns = runs.get(2 * i + 2).copied().unwrap_or(5);
            let lead = self.lead[lead_index(pm, ps, m, ns)];
            let trail = self.trail[index(ps, m, ns)];
            // One test for both: a missing edge is not finite.
            Some((lead + trail).is_finite().then(|| MarkOutline {
                lead: start as f64 + f64::from(lead),
                trail: at as f64 + f64::from(trail),
                half_width: f64::from(self.half_width[usize::from(m & 15)]),
            }))
        })
    }

    /// Half width in metres in the middle of a mark; `None` if it does not form there.
    #[inline]
    #[must_use]
    pub fn half_width(&self, mark: u8) -> Option<f32> {
        let v = self.half_width[usize::from(mark & 15)];
        v.is_finite().then_some(v)
    }

    /// Highest rise of temperature in K in the middle of a mark, on the track.
    #[must_use]
    pub fn peak_rise(&self, mark: u8) -> f32 {
        self.peak_rise[usize::from(mark & 15)]
    }
}
