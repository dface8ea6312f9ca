//! The disc of the scripted bench: edges on tracks.

use disc_hal::hal::Microwatts;
use disc_hal::media::Medium;

/// Channel bits of a sector.
pub const SECTOR_BITS: f64 = 38_688.0;
/// Half the width of an edge, channel bits.
const HALF: f64 = 1.5;
/// How much a mark grows at each end when the power grows by 100 %.
const GROWTH: f64 = 0.6;
/// Power, over the recommended one, at which marks have the right length.
pub const RIGHT: f64 = 1.02;
/// Reflectance of space and of a long mark.
const LEVELS: (f64, f64) = (0.18, 0.06);

#[derive(Debug, Clone, Copy)]
struct Edge {
    at: f32,
    /// Added in double precision: a track has 10^12 channel bits.
    base: u64,
    mark: bool,
    /// How dark the mark is, 1 for a full one.
    depth: f32,
}

impl Edge {
    fn place(&self) -> f64 {
        self.base as f64 + f64::from(self.at)
    }

    /// Darkness behind it.
    fn level(&self) -> f64 {
        if self.mark { self.depth.into() } else { 0.0 }
    }
}

/// What is recorded, by layer.
#[derive(Debug, Clone)]
pub struct Disc {
    nominal: Vec<f64>,
    /// Power, over the recommended one, below which there are no marks; they darken as
    /// m P = m_max (P - P_thr). Without it, they are as dark at every power.
    pub threshold: Option<f64>,
    tracks: Vec<Vec<Edge>>,
}

impl Disc {
    pub fn blank(medium: &Medium) -> Self {
        let nominal = medium.layers.iter().map(|l| f64::from(l.write.strategy.peak.0)).collect();
        Self { nominal, threshold: None, tracks: vec![Vec::new(); medium.layers.len()] }
    }

    /// Writes the first `upto` channel bits of `runs` from a place on.
    pub fn write(&mut self, layer: usize, from: f64, runs: &[u8], upto: u64, peak: Microwatts) {
        let power = f64::from(peak.0) / self.nominal[layer];
        let grow = GROWTH * (power - RIGHT);
        let depth = self.threshold.map_or(1.0, |threshold| (1.0 - threshold / power).max(0.0)) as f32;
        let mut edges = Vec::new();
        let mut at = 0u64;
        for (i, &run) in runs.iter().enumerate() {
            if at + u64::from(run) > upto {
                break;
            }
            at += u64::from(run);
            // A space ends where a mark begins. The last one may be cut.
            let mark = i % 2 == 0;
            if mark && i + 1 == runs.len() {
                break;
            }
            let base = from as u64 + at;
            let wander = (noise(base) - 0.5) * 0.12;
            edges.push(Edge { at: (wander + if mark { -grow } else { grow }) as f32, base, mark, depth });
        }
        // A mark that was cut off ends there.
        if edges.last().is_some_and(|e| e.mark) {
            edges.push(Edge { at: 0.0, base: from as u64 + upto, mark: false, depth });
        }
        let track = &mut self.tracks[layer];
        let (a, b) = (from as u64, from as u64 + upto);
        let (low, high) = (track.partition_point(|e| e.base < a), track.partition_point(|e| e.base <= b));
        track.splice(low..high, edges);
    }

    /// Flips the edges between two places, as a defect would.
    pub fn damage(&mut self, layer: usize, from: f64, to: f64) {
        self.tracks[layer].retain(|e| e.place() < from || e.place() > to || e.base % 3 != 0);
    }

    pub fn is_blank(&self, layer: usize) -> bool {
        self.tracks[layer].is_empty()
    }

    /// First and last place with a mark.
    pub fn recorded(&self, layer: usize) -> Option<(f64, f64)> {
        let track = &self.tracks[layer];
        Some((track.first()?.place(), track.last()?.place()))
    }

    /// Reflectance at `count` places from `from` on, `step` apart.
    pub fn reflectance(&self, layer: usize, from: f64, step: f64, count: usize, mut give: impl FnMut(f64)) {
        let track = &self.tracks[layer];
        let mut low = track.partition_point(|e| e.place() < from - 4.0);
        let mut before: f64 = low.checked_sub(1).map_or(0.0, |i| track[i].level());
        for i in 0..count {
            let at = from + i as f64 * step;
            while track.get(low).is_some_and(|e| e.place() < at - HALF) {
                before = track[low].level();
                low += 1;
            }
            let mut mark = before;
            for edge in track[low..].iter().take_while(|e| e.place() < at + HALF + 1.0) {
                let x = ((at - edge.place()) / (2.0 * HALF) + 0.5).clamp(0.0, 1.0);
                let step = x * x * (3.0 - 2.0 * x);
                mark += f64::from(edge.depth) * if edge.mark { step } else { -step };
            }
            let hiss = (noise((at * 16.0) as u64) - 0.5) * 0.002;
            give(LEVELS.0 - (LEVELS.0 - LEVELS.1) * mark + hiss);
        }
    }
}

/// A number from 0 to 1 that depends on the place alone.
pub fn noise(place: u64) -> f64 {
    let mut z = place.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    (z >> 11) as f64 / (1u64 << 53) as f64
}
