//! What a shot leaves on the disc.

use disc_hal::hal::{AbortCause, Outcome, Trigger};

use super::geometry::Spiral;
use super::lasers::{Phase, Shot};
use super::{Spot, World};
use crate::disc::{CELLS, CHUNK_MARKS, Chunk, LayerState, Mark};
use crate::model::{LayerModel, Writer};
use crate::noise::{Purpose, Stream};
use crate::rig::Fired;
use crate::writing::{Edge, SolvedEdges};

/// Fluctuation of what makes a mark, as a part of the power, r.m.s. at each edge:
/// grain of groove and dye, absorption, intensity of the laser. An edge moves by
/// it times its sensitivity to power, so that edges of marks that barely form
/// fluctuate most. (At calibrated power 2 to 3 % of T; facts: the medium's share
/// of a DVD's jitter is 3-4 %.)
const DOSE_NOISE: f32 = 0.011;

/// Deviation of the depth of marks, r.m.s., as a part of it.
const DEPTH_NOISE: f32 = 0.008;

/// Part of the power by which the sensitivity of edges is probed.
const POWER_DIFFERENCE: f32 = 0.02;

/// Rayleigh range of the focused spot in the disc, in metres.
const RAYLEIGH: f64 = 1.1e-6;

/// Marks not yet on the disc.
#[derive(Debug, Default)]
pub(crate) struct Pending {
    layer: usize,
    /// Cells from sector 0: start of the first mark, and what has been written up to.
    start: u64,
    end: u64,
    marks: Vec<Mark>,
}

impl Pending {
    fn push(&mut self, layers: &mut [LayerState], layer: usize, from: f64, to: f64, depth: f32) {
        let cell = |bits: f64| (bits * CELLS).round().max(0.0) as u64;
        let (from, to) = (cell(from), cell(to));
        if to <= from {
            return;
        }
        if self.marks.is_empty() {
            self.start = from;
            self.layer = layer;
        }
        // A mark may begin a little before the last one's end, when they merge.
        let from = from.max(self.end.min(to)).max(self.start);
        let (Ok(offset), Ok(length)) = (u32::try_from(from - self.start), u16::try_from(to - from)) else { return };
        if length > 0 {
            self.marks.push(Mark { start: offset, length, depth: (depth.clamp(0.0, 1.0) * 255.0).round() as u8 });
            self.end = to;
        }
        if self.marks.len() >= CHUNK_MARKS {
            self.flush(layers);
        }
    }

    fn flush(&mut self, layers: &mut [LayerState]) {
        if let (false, Some(layer)) = (self.marks.is_empty(), layers.get_mut(self.layer)) {
            let length = u32::try_from(self.end - self.start).unwrap_or(u32::MAX);
            layer.add(Chunk { start: self.start, length, marks: core::mem::take(&mut self.marks) });
        }
        self.end = 0;
    }
}

impl World {
    /// Puts what has been written on the disc.
    pub(super) fn flush(&mut self) {
        self.pending.flush(&mut self.disc.layers);
    }

    /// One step of the shot in turn, while the spot went from `before` to where it is.
    pub(super) fn write(&mut self, before: Spot) {
        let on_track = self.focus.is_locked() && self.radial.is_locked();
        let way = self.spot.bits - before.bits;
        // A jump of the place (another track) isn't a way that was gone.
        let continuous = self.spot.layer.is_some() && before.layer == self.spot.layer && (0.0..1e4).contains(&way);
        if !on_track {
            // Whatever took the spot off its track (a release, a jump): dark at once.
            let (cause, late) = match self.focus.is_locked() {
                true => (AbortCause::Tracking, &mut self.broken.late_tracking),
                false => (AbortCause::Focus, &mut self.broken.late_focus),
            };
            if *late > 0 {
                *late -= 1;
                return;
            }
            return self.trip(cause);
        }
        if !continuous {
            return;
        }
        let mut from = before.bits;
        // One shot may end and the next begin within a step.
        for _ in 0..4 {
            let Some(shot) = self.lasers.active() else { return };
            if shot.phase == Phase::Waiting {
                let trigger = match shot.plan.trigger {
                    Trigger::Now => Some(from),
                    Trigger::Index => self.mechanics.index.then_some(from),
                    Trigger::Address(address) => Some(Spiral::start_of(address)),
                    _ => None,
                };
                // Its spot may begin later than the trigger: a shot that follows another
                // one leaves it the end of its last mark. The clock counts whole channel bits.
                let delay = shot.plan.spots.first().map_or(0.0, |s| s.delay.0 as f64 * 1e-12);
                let delay = (delay * f64::from(shot.plan.clock.nominal().0)).round();
                shot.start = shot.start.or(trigger.map(|place| place + delay));
                let Some(start) = shot.start else { return };
                if !(from..=self.spot.bits).contains(&start) {
                    return;
                }
                shot.origin = start;
                shot.phase = Phase::Writing;
                from = start;
                self.start_shot();
            }
            match self.write_on(from) {
                Some(end) => from = end,
                None => return,
            }
        }
    }

    /// Prepares the writer of the shot that has just begun.
    fn start_shot(&mut self) {
        self.disc.shots += 1;
        let serial = self.disc.shots;
        let layer = self.spot.layer.unwrap_or(0);
        let velocity = self.mechanics.wanted;
        let Some(shot) = self.lasers.active() else { return };
        let strategy = shot.strategy;
        let fired = Fired { shot: shot.id, layer, start: shot.origin as u64, bits: 0 };
        self.fired.push(fired);
        if !self.writer.as_ref().is_some_and(|w| w.serves(layer, &strategy)) {
            self.writer = Some(self.model.writer(layer, velocity, &strategy));
        }
        self.edge_noise = Some(self.noise.stream(Purpose::Edges, serial, 0));
    }

    /// Writes from `from` to the spot; returns where the shot ended if it did.
    fn write_on(&mut self, from: f64) -> Option<f64> {
        let defocus = (self.spot.defocus / RAYLEIGH).powi(2);
        let taken = self.spot.layer.map_or(1.0, |layer| self.through(layer) * self.model.layers[layer].absorption);
        let gain = taken / (1.0 + defocus) * self.local.heat();
        let bits_per_second = self.mechanics.velocity / self.model.bit;
        let writer = self.writer.as_mut()?;
        let layer = writer.layer;
        let [edges, stronger] = writer.at(gain, gain * (1.0 + f64::from(POWER_DIFFERENCE)));
        let shot = self.lasers.shots.iter_mut().find(|s| s.phase == Phase::Writing)?;
        // Channel bits of the disc for each of the shot.
        let scale = shot.fixed_clock().map_or(1.0, |clock| bits_per_second / clock);
        let target = shot.at + (self.spot.bits - from) / scale;
        let limit = (shot.fed as f64).min(shot.plan.length as f64);
        let reached = target.min(limit);
        shot.at = reached;
        if let Some(fired) = self.fired.last_mut() {
            fired.bits = (reached * scale) as u64;
        }
        let model = &self.model.layers[layer];
        let (noise, pending, layers) = (self.edge_noise.as_mut()?, &mut self.pending, &mut self.disc.layers[..]);
        Scribe { layer, scale, writer, edges: &edges, stronger: &stronger, model, noise, pending, layers }
            .take_runs(shot);
        let end = shot.origin + shot.at * scale;
        if shot.at >= shot.plan.length as f64 {
            shot.phase = Phase::Over(Outcome::Done);
            self.flush();
            return Some(end);
        }
        if target > limit {
            // Everything fed is written, and the plan isn't at its end.
            shot.phase = Phase::Over(Outcome::Underrun { at: shot.fed });
            self.lasers.end_shots(AbortCause::Limit);
            self.flush();
        } else if shot.energy > shot.plan.energy_max.0 as f64 {
            self.trip(AbortCause::Limit);
        }
        None
    }
}

/// What turns the runs of one step into marks.
struct Scribe<'w> {
    layer: usize,
    /// Channel bits of the disc for each of the shot.
    scale: f64,
    writer: &'w Writer,
    edges: &'w SolvedEdges,
    /// The same for a power greater by `POWER_DIFFERENCE`.
    stronger: &'w SolvedEdges,
    model: &'w LayerModel,
    noise: &'w mut Stream,
    pending: &'w mut Pending,
    layers: &'w mut [LayerState],
}

impl Scribe<'_> {
    /// Takes all runs that end by now (a mark only when the space after it is known).
    fn take_runs(mut self, shot: &mut Shot) {
        while let Some(&run) = shot.runs.front() {
            let end = shot.taken + u64::from(run);
            if end as f64 > shot.at {
                return;
            }
            let after = match shot.runs.get(1) {
                Some(&after) => after,
                None if end >= shot.plan.length => 14,
                None => return,
            };
            // Bits at bias power, and what the pulses add: microwatts times channel bits.
            let strategy = &shot.strategy;
            let mut power_bits = f64::from(strategy.bias.0) * f64::from(run);
            if shot.mark {
                let above = f64::from(strategy.peak.0 - strategy.bias.0);
                power_bits += above * self.writer.lit(shot.before[0], run, after);
                self.write_mark(shot, run, after, end);
            }
            shot.energy += power_bits * 1e3 / f64::from(shot.plan.clock.nominal().0);
            shot.before = [run, shot.before[0]];
            shot.mark = !shot.mark;
            shot.taken = end;
            shot.runs.pop_front();
        }
    }

    fn write_mark(&mut self, shot: &Shot, run: u8, after: u8, end: u64) {
        let [space, mark] = shot.before;
        let deviations = [self.noise.normal(), self.noise.normal(), self.noise.normal()];
        // Where marks run into each other they meet in the middle of the space.
        let offset = |edge: Edge, merged: f32| match edge {
            Edge::At(offset) => Some(offset),
            Edge::Merged => Some(merged),
            Edge::NoMark => None,
        };
        let lead = offset(self.edges.lead_edge(mark, space, run, after), -0.5 * f32::from(space));
        let trail = offset(self.edges.trail_edge(space, run, after), 0.5 * f32::from(after));
        let (Some(lead), Some(trail), Some(half)) = (lead, trail, self.edges.half_width(run)) else { return };
        let moved = |edge: f32, stronger: Edge, deviation: f32| {
            let slope = match stronger {
                Edge::At(other) => (other - edge) / POWER_DIFFERENCE,
                _ => 0.0,
            };
            f64::from(edge + DOSE_NOISE * slope * deviation)
        };
        let from = shot.taken as f64 + moved(lead, self.stronger.lead_edge(mark, space, run, after), deviations[0]);
        let to = end as f64 + moved(trail, self.stronger.trail_edge(space, run, after), deviations[1]);
        let depth = self.model.depth(f64::from(half)) * (1.0 + DEPTH_NOISE * deviations[2]);
        let place = |bits: f64| shot.origin + bits * self.scale;
        self.pending.push(self.layers, self.layer, place(from), place(to), depth);
    }
}
