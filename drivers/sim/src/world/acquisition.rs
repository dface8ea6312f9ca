//! What the photodetector sees, sample by sample.
//!
//! While an acquisition runs, each step of the world leaves a note of where the
//! spot was. Samples are made of these notes when they are read: each note with
//! random numbers of its own, so in parallel and whatever the size of the reads.

use core::f64::consts::TAU;
use std::collections::VecDeque;
use std::sync::Arc;

use disc_hal::hal::{
    Acquisition, ChannelKind, ChannelSpec, Channels, Chunk, DetectorSpec, Error, ErrorKind, Few, Hertz, Part, Result,
    Source, Trigger,
};
use rayon::prelude::*;

use super::geometry::Spiral;
use super::{STEP_PS, Spot, World};
use crate::APERTURE;
use crate::disc::{CELLS, LayerState};
use crate::noise::{Noise, Purpose, Stream};
use crate::readout::{EdgeTable, REACH};
use crate::vectors::ARCH;

/// Counts of a mirror of reflectance 1 at 1 mW.
pub(crate) const REFERENCE: u32 = 100_000;

/// Counts in the dark.
const DARK: i16 = 64;

/// Sample rate up to which the band of the servo is digitised, not the HF signal.
const SERVO_RATE: u32 = 2_000_000;

/// Highest rate of the HF channel.
const FINE_RATE: Hertz = Hertz(250_000_000);

/// Noise of amplifier, laser and light, each as r.m.s. of the light of a mirror
/// at 1 mW in 1 Hz; facts 4: amplifier 8 pA/sqrt(Hz), laser -128 dB/Hz.
const AMPLIFIER: f64 = 3.5e-8;
const LASER: f64 = 4.0e-7;
const SHOT: f64 = 3.8e-8;

/// Noise of the medium: reflectance of stretches of `GRAIN` channel bits, r.m.s.
/// relative. Seen through the spot it gives a carrier-to-noise ratio of about
/// 52 dB in 30 kHz (facts 4: 50-55 dB).
const GRAIN_NOISE: f32 = 0.0060;
const GRAIN: f64 = 4.0;

/// Steps that are rendered one after the other by one thread, at least.
const STEPS_TOGETHER: usize = 8;

pub(crate) fn detector_spec() -> DetectorSpec {
    let channel = |kind, rate_max| ChannelSpec {
        kind,
        source: Source(0),
        rate_max,
        dark: DARK,
        nanovolts_per_count: 30_000,
        reference: REFERENCE,
        calibration: 1,
        calibrated: 20_260_101,
    };
    let channels = [
        channel(ChannelKind::Sum, FINE_RATE),
        channel(ChannelKind::FocusError, Hertz(SERVO_RATE)),
        channel(ChannelKind::PushPull, Hertz(SERVO_RATE)),
    ];
    DetectorSpec { channels: Few::from_slice(&channels).unwrap_or_default(), buffer: 1 << 26 }
}

/// Where [`Capture::passing`] begins, in channel bits.
pub(crate) const PASSING_FROM: f64 = 1000.3;

/// Where the spot was during one step.
#[derive(Debug, Clone, Copy)]
struct Note {
    /// The step.
    step: u64,
    layer: Option<usize>,
    /// Channel bits at the start of the step, and gained in it.
    bits: f64,
    way: f64,
    /// Milliwatts.
    light: f32,
    /// Light of the track in focus, and of all else, for unit power.
    own: f32,
    stray: f32,
    /// How well marks are seen: 1 in focus and on track.
    sharp: f32,
    focus_error: f32,
    push_pull: f32,
    wobble: Option<Swing>,
}

/// The wobble under the spot.
#[derive(Debug, Clone, Copy)]
struct Swing {
    /// Radians of it for each channel bit.
    per_bit: f64,
    /// Its amplitude, and how far the spot is off the track, in radians of a track pitch.
    amplitude: f32,
    off: f32,
    /// Greatest push-pull while tracks are crossed.
    push_pull: f32,
}

impl Swing {
    /// Push-pull at a place of the track, in channel bits.
    fn at(&self, bits: f64) -> f32 {
        let swing = self.amplitude * (self.per_bit * bits).sin() as f32;
        self.push_pull * (self.off - swing).sin()
    }
}

/// An acquisition.
#[derive(Debug)]
pub(crate) struct Capture {
    plan: Acquisition,
    number: u64,
    /// When it started, in picoseconds.
    started: Option<u64>,
    notes: VecDeque<Note>,
    /// Samples (of each channel) read or lost so far.
    delivered: u64,
    table: Option<Arc<EdgeTable>>,
}

fn error(kind: ErrorKind) -> Error {
    Error::new(Part::Detector, kind)
}

impl Capture {
    /// Seconds from one sample to the next.
    fn interval(&self) -> f64 {
        1.0 / f64::from(self.plan.rate.0)
    }

    /// Samples that exist at a time.
    fn produced(&self, now: u64) -> u64 {
        let Some(started) = self.started else { return 0 };
        let seconds = now.saturating_sub(started) as f64 * 1e-12;
        ((seconds * f64::from(self.plan.rate.0)).floor() as u64).min(self.plan.length)
    }
}

impl World {
    pub(crate) fn arm_capture(&mut self, plan: &Acquisition) -> Result<()> {
        let spec = detector_spec();
        let wanted = |index: usize| plan.channels.bits() & (1 << index) != 0;
        if plan.length == 0 || plan.channels.is_empty() || plan.rate.0 == 0 {
            return Err(error(ErrorKind::InvalidArgument));
        }
        let too_fast = spec.channels.iter().enumerate().any(|(i, c)| wanted(i) && plan.rate > c.rate_max);
        if plan.channels.bits() >> spec.channels.len() != 0 || too_fast {
            return Err(error(ErrorKind::OutOfRange));
        }
        let started = (plan.trigger == Trigger::Now).then(|| self.now());
        let table = (plan.rate.0 > SERVO_RATE).then(|| self.edge_table(plan.rate));
        // The number makes the noise of each acquisition its own, from command to command as well.
        self.captures += 1;
        let number = (self.disc.shots << 24) + self.captures;
        self.capture = Some(Capture { plan: *plan, number, started, notes: VecDeque::new(), delivered: 0, table });
        Ok(())
    }

    /// The responses to edges at a sample rate and the present speed.
    fn edge_table(&mut self, rate: Hertz) -> Arc<EdgeTable> {
        let velocity = if self.mechanics.wanted > 0.0 { self.mechanics.wanted } else { 1.0 };
        let rate = f64::from(rate.0) * self.model.bit / velocity;
        if let Some(table) = self.edge_table.as_ref().filter(|t| t.rate == rate) {
            return Arc::clone(table);
        }
        let cutoff = 2.0 * APERTURE / (f64::from(self.disc.medium.wavelength.0) * 1e-9);
        let table = Arc::new(EdgeTable::new(rate, self.model.bit, cutoff));
        self.edge_table = Some(Arc::clone(&table));
        table
    }

    /// Notes where the spot went in this step.
    pub(super) fn note(&mut self, before: Spot) {
        let now = self.now();
        let light = self.light() as f32;
        let contrast = self.spot.layer.map_or(1.0, |layer| self.model.layers[layer].contrast);
        let Some(capture) = &mut self.capture else { return };
        let spot = &self.spot;
        let way = spot.bits - before.bits;
        let on_the_way = before.layer == spot.layer && (0.0..1e4).contains(&way);
        let (bits, way) = if on_the_way { (before.bits, way) } else { (spot.bits, 0.0) };
        if capture.started.is_none() {
            // The part of the step after which it starts.
            let part = match capture.plan.trigger {
                Trigger::Address(address) if self.radial.is_locked() && way > 0.0 => {
                    let start = Spiral::start_of(address);
                    (bits < start && start <= bits + way).then(|| (start - bits) / way)
                }
                Trigger::Index => self.mechanics.index.then_some(1.0),
                _ => None,
            };
            let Some(part) = part else { return };
            capture.started = Some(now - STEP_PS + (part * STEP_PS as f64) as u64);
        }
        if capture.produced(now - STEP_PS) == capture.plan.length {
            return;
        }
        let pitch = f64::from(self.disc.medium.track_pitch.0) * 1e-9;
        let phase = |across: f64| TAU * across / pitch;
        let groove = spot.layer.and_then(|l| self.disc.medium.layers.get(l)).map(|l| &l.groove);
        let wobble = groove.and_then(|g| g.wobble).map(|w| Swing {
            per_bit: TAU / w.period.0,
            amplitude: phase(w.amplitude.0) as f32,
            off: phase(spot.error) as f32,
            push_pull: spot.push_pull_max as f32,
        });
        capture.notes.push_back(Note {
            step: now / STEP_PS - 1,
            layer: spot.layer,
            bits,
            way,
            light,
            own: (spot.sum - spot.stray) as f32,
            stray: spot.stray as f32,
            sharp: (contrast * super::servo::sharpness(spot.defocus) * 0.5 * (1.0 + phase(spot.error).cos())) as f32,
            focus_error: spot.focus_error as f32,
            push_pull: spot.push_pull as f32,
            wobble,
        });
    }

    pub(crate) fn read_capture(&mut self, samples: &mut [i16]) -> Result<Chunk> {
        let now = self.now();
        let capture = self.capture.as_mut().ok_or(error(ErrorKind::WrongState))?;
        if capture.delivered >= capture.plan.length {
            return Err(error(ErrorKind::WrongState));
        }
        let channels = capture.plan.channels.count() as usize;
        let produced = capture.produced(now);
        let room = detector_spec().buffer / channels as u64;
        let gap = (produced - capture.delivered).saturating_sub(room);
        let first = capture.delivered + gap;
        let length = usize::try_from(produced - first).unwrap_or(usize::MAX).min(samples.len() / channels);
        capture.render(first, &mut samples[..length * channels], &self.disc.layers, self.noise);
        capture.delivered = first + length as u64;
        let last = capture.delivered >= capture.plan.length;
        Ok(Chunk { first, length, gap, last })
    }
}

impl Capture {
    /// What a spot has noted that followed its track at 1x for some steps, from channel bit
    /// [`PASSING_FROM`] on: no world is needed to make samples of it.
    pub(crate) fn passing(channels: Channels, steps: u64, table: Arc<EdgeTable>) -> Self {
        let way = 26_156_250.0 * STEP_PS as f64 * 1e-12;
        let note = |step: u64| Note {
            step,
            layer: Some(0),
            bits: PASSING_FROM + way * step as f64,
            way,
            light: 0.7,
            own: 0.17,
            stray: 0.03,
            sharp: 0.99,
            focus_error: 0.01,
            push_pull: -0.02,
            wobble: Some(Swing { per_bit: 0.03, amplitude: 0.09, off: -0.1, push_pull: 0.2 }),
        };
        let rate = Hertz((table.rate * 26_156_250.0) as u32);
        let plan = Acquisition { channels, rate, length: u64::MAX, trigger: Trigger::Now };
        let notes = (0..steps).map(note).collect();
        Self { plan, number: 1, started: Some(0), notes, delivered: 0, table: Some(table) }
    }

    /// Makes the samples from number `first` on.
    pub(crate) fn render(&mut self, first: u64, out: &mut [i16], layers: &[LayerState], noise: Noise) {
        let Some(started) = self.started.filter(|_| !out.is_empty()) else { return };
        let channels = self.plan.channels.count() as usize;
        let interval_ps = self.interval() * 1e12;
        // Steps as time since the start, in samples.
        let per_step = STEP_PS as f64 / interval_ps;
        let sample_of = |step: u64| (step * STEP_PS) as f64 / interval_ps - started as f64 / interval_ps;
        let count = out.len() / channels;
        let end = first + count as u64;
        // Cut the output at the borders of steps.
        let mut parts: Vec<Piece<'_>> = Vec::new();
        let mut rest = out;
        let mut at = first;
        for note in &self.notes {
            if at == end {
                break;
            }
            let from = sample_of(note.step).ceil().max(0.0) as u64;
            let upto = (sample_of(note.step) + per_step).ceil().max(0.0) as u64;
            if upto <= at {
                continue;
            }
            let (part, remaining) = rest.split_at_mut((upto.min(end) - at) as usize * channels);
            parts.push(Piece { note, from, upto, skip: (at.max(from) - from) as usize * channels, out: part });
            rest = remaining;
            at = upto.min(end);
        }
        let this = &*self;
        let arch = *ARCH;
        let tools = || (Renderer::new(this, layers, noise, per_step), Vec::new());
        let work = |(renderer, whole): &mut (Renderer<'_>, Vec<i16>), piece: Piece<'_>| {
            let Piece { note, from: at, upto, skip, out } = piece;
            let offset = at as f64 - sample_of(note.step);
            let length = (upto - at) as usize * channels;
            if out.len() == length {
                return arch.dispatch(Step { renderer, note, at, offset, out });
            }
            // A step is always made whole, so that samples don't depend on where reads end.
            whole.resize(length, 0);
            arch.dispatch(Step { renderer, note, at, offset, out: whole });
            out.copy_from_slice(&whole[skip..skip + out.len()]);
        };
        parts.into_par_iter().with_min_len(STEPS_TOGETHER).for_each_init(tools, work);
        // Notes that are no longer needed.
        while self.notes.front().is_some_and(|n| sample_of(n.step) + per_step < end as f64 - 1.0) {
            self.notes.pop_front();
        }
    }
}

/// The rendering of one step, compiled for the vectors of several processors: the
/// same sums in the same order on all of them.
struct Step<'s, 'c> {
    renderer: &'s mut Renderer<'c>,
    note: &'s Note,
    at: u64,
    offset: f64,
    out: &'s mut [i16],
}

impl pulp::WithSimd for Step<'_, '_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: pulp::Simd>(self, _: S) {
        self.renderer.step(self.note, self.at, self.offset, self.out);
    }
}

/// The part of a step that is wanted.
struct Piece<'o> {
    note: &'o Note,
    /// Numbers of the step's first sample and of the one after its last.
    from: u64,
    upto: u64,
    /// Values (of all channels) of the step that come before `out`.
    skip: usize,
    out: &'o mut [i16],
}

/// Makes samples, step by step: what one thread needs for it.
struct Renderer<'c> {
    capture: &'c Capture,
    layers: &'c [LayerState],
    per_step: f64,
    noise: Noise,
    /// Noise of the samples, for each channel.
    streams: Vec<(ChannelKind, Stream)>,
    /// Noise of the medium, and of which layer.
    medium: Option<(usize, Stream)>,
    /// Light at each sample, deviates for each, and for each stretch of the medium.
    light: Vec<f32>,
    deviates: Vec<f32>,
    grains: Vec<f32>,
    /// Marks in reach: start and end in cells, depth.
    marks: Vec<(u64, u64, u8)>,
}

impl<'c> Renderer<'c> {
    fn new(capture: &'c Capture, layers: &'c [LayerState], noise: Noise, per_step: f64) -> Self {
        let spec = detector_spec();
        let wanted = |slot: &usize| capture.plan.channels.bits() & (1 << slot) != 0;
        let stream = |slot| noise.stream(Purpose::Samples, capture.number, slot as u64);
        let streams =
            (0..spec.channels.len()).filter(wanted).map(|slot| (spec.channels[slot].kind, stream(slot))).collect();
        let (light, deviates, grains, marks) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        Self { capture, layers, per_step, noise, streams, medium: None, light, deviates, grains, marks }
    }

    /// The samples of one step from number `at` on, the first of them `offset` samples after its start.
    #[inline(always)]
    fn step(&mut self, note: &Note, at: u64, offset: f64, out: &mut [i16]) {
        let width = self.streams.len();
        let count = out.len() / width;
        self.light.clear();
        match (&self.capture.table, note.layer.filter(|&l| l < self.layers.len())) {
            (Some(table), Some(layer)) if note.way > 0.0 => {
                self.light.resize(count, 1.0);
                self.hf(note, table, layer, offset);
            }
            _ => self.light.resize(count, note.own + note.stray),
        }
        let bandwidth = f64::from(self.capture.plan.rate.0) / 2.0;
        let power = f64::from(note.light);
        let amplifier = (AMPLIFIER * AMPLIFIER * bandwidth) as f32;
        let shot = (SHOT * SHOT * bandwidth * power) as f32;
        let laser = (LASER * LASER * bandwidth * power * power) as f32;
        let sample = |value: f32, bright: f32, deviate: f32| {
            let variance = amplifier + shot * bright + laser * value * value;
            converted((value * note.light + variance.sqrt() * deviate) * REFERENCE as f32 + f32::from(DARK))
        };
        self.deviates.resize(count, 0.0);
        for (index, (kind, stream)) in self.streams.iter_mut().enumerate() {
            // A step is cut where reads end, so noise belongs to the sample's number.
            stream.fill(at, &mut self.deviates);
            let lights = self.light.iter().zip(&self.deviates);
            let value = match kind {
                ChannelKind::FocusError => note.focus_error,
                ChannelKind::PushPull if note.wobble.is_none() => note.push_pull,
                ChannelKind::PushPull => {
                    let swing = note.wobble.as_ref();
                    let per_sample = note.way / self.per_step;
                    let slots = out.iter_mut().skip(index).step_by(width).zip(lights).enumerate();
                    slots.for_each(|(i, (o, (&l, &d)))| {
                        let bits = note.bits + (offset + i as f64) * per_sample;
                        *o = sample(swing.map_or(note.push_pull, |s| s.at(bits)), l, d);
                    });
                    continue;
                }
                _ if width == 1 => {
                    // Apart, so that the compiler sees the samples side by side.
                    out.iter_mut().zip(lights).for_each(|(o, (&l, &d))| *o = sample(l, l, d));
                    continue;
                }
                _ => {
                    let slots = out.iter_mut().skip(index).step_by(width);
                    slots.zip(lights).for_each(|(o, (&l, &d))| *o = sample(l, l, d));
                    continue;
                }
            };
            let slots = out.iter_mut().skip(index).step_by(width);
            slots.zip(lights).for_each(|(o, (&l, &d))| *o = sample(value, l, d));
        }
    }

    /// The HF signal of one step: marks and the grain of the medium.
    #[inline(always)]
    fn hf(&mut self, note: &Note, table: &EdgeTable, layer: usize, offset: f64) {
        let light = &mut self.light[..];
        let per_sample = note.way / self.per_step;
        // Channel bits under the spot at the first sample.
        let start = note.bits + offset * per_sample;
        let end = start + light.len() as f64 * per_sample;
        let reach = REACH as f64 + 1.0;
        let cell = |bits: f64| (bits.max(0.0) * CELLS) as u64;
        let samples = 1.0 / per_sample;
        self.marks.clear();
        let marks = &mut self.marks;
        self.layers[layer].marks_in(cell(start - reach), cell(end + reach), |a, b, depth| marks.push((a, b, depth)));
        for &(a, b, depth) in marks.iter() {
            let place = |cells: u64| (cells as f64 / CELLS - start) * samples;
            table.add_mark(light, place(a), place(b), f32::from(depth) / 255.0 * note.sharp);
        }
        // Stretches of the medium, the light linear from the middle of one to the next.
        let first = (start / GRAIN).floor();
        self.grains.resize(((end / GRAIN).floor() - first) as usize + 2, 0.0);
        if self.medium.as_ref().is_none_or(|(of, _)| *of != layer) {
            self.medium = Some((layer, self.noise.stream(Purpose::Medium, layer as u64, 0)));
        }
        if let Some((_, stream)) = &mut self.medium {
            stream.fill(first as u64, &mut self.grains);
        }
        let (place, way) = (start / GRAIN - first, per_sample / GRAIN);
        let mut from = 0;
        for (k, grains) in self.grains.windows(2).enumerate() {
            let upto = (((k + 1) as f64 - place) / way).ceil() as usize;
            let upto = upto.min(light.len());
            let slope = GRAIN_NOISE * (grains[1] - grains[0]);
            let beyond = place + from as f64 * way - k as f64;
            let value = 1.0 + GRAIN_NOISE * grains[0] + slope * beyond as f32;
            let slope = slope * way as f32;
            for (i, l) in light[from..upto].iter_mut().enumerate() {
                let grain = value + slope * i as i32 as f32;
                *l = note.stray + note.own * *l * grain;
            }
            from = upto;
        }
    }
}

/// What the converter makes of a number of counts: the nearest it has.
#[inline(always)]
fn converted(counts: f32) -> i16 {
    // With 1.5 * 2^23 added, the rounded number is in the low bits: no branch and no call.
    const BIG: f32 = 12_582_912.0;
    let counts = counts.clamp(f32::from(i16::MIN), f32::from(i16::MAX)) + BIG;
    counts.to_bits().wrapping_sub(BIG.to_bits()) as i16
}

#[cfg(test)]
#[path = "acquisition_tests.rs"]
mod tests;
