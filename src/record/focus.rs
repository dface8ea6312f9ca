//! Focus: search, capture, jump.
//!
//! The search is made with the disc at rest, as drives do it: the runout of a
//! turning disc (up to 0.3 mm) is faster than the lens.

use super::curves::{Sweep, quantile};
use super::error::{RecordError, Stage};
use super::problem::Problem;
use super::session::Session;
use super::summary::{FocusSurvey, SCurve};
use crate::hal::{
    Acquisition, ChannelKind, ChannelSpec, Channels, FocusCapture, FocusFlags, Hertz, LaserStatus,
    MicrometresPerSecond, Nanometres, Trigger,
};
use crate::media::Body;

/// Speed of the search where the servo can: ten samples each micrometre.
const SEARCH_SPEED: MicrometresPerSecond = MicrometresPerSecond(10_000);
/// Sample rate of the servo signals.
pub(super) const SERVO_RATE: Hertz = Hertz(100_000);
/// Time for acceleration and settling that a sweep or a capture may need besides its travel.
const SPARE_MS: u64 = 2_000;
/// Longest that a jump may take.
const JUMP_MS: u64 = 1_000;
/// Reads one after the other, and samples for which it is worth reading on.
const READS: usize = 16;
const ENOUGH: usize = 256;
/// Farthest before a curve that a capture begins.
const CAPTURE_NM: i32 = 100_000;

/// Channels of one source, interleaved in the order of their indices.
pub(super) struct Servo {
    pub(super) channels: Channels,
    /// Place of each wanted channel in a frame of samples, and what it is.
    pub(super) places: Vec<(usize, ChannelSpec)>,
    pub(super) rate: Hertz,
}

impl Session<'_> {
    /// Lights the read power, sweeps the lens over its travel with the disc at
    /// rest, and finds and counts the layers.
    ///
    /// # Errors
    /// [`Problem::NoDisc`], [`Problem::NoLayer`], [`Problem::LayerCount`], or
    /// the bench's own.
    pub fn survey(&mut self) -> Result<FocusSurvey, RecordError> {
        self.step(Stage::FocusSearch, 0, Self::do_survey)
    }

    pub(super) fn do_survey(&mut self) -> Result<FocusSurvey, Problem> {
        // Of layers that are chosen by electrodes one reflects, and the others are clear.
        let electrochromic = self.medium.is_electrochromic();
        if electrochromic {
            self.do_select(self.coloured.or(self.layer).unwrap_or(0))?;
        }
        let expected = if electrochromic { 1 } else { self.medium.layers.len() };
        let attempts = self.options.retries + 1;
        let mut last = FocusSurvey::default();
        self.lock = None;
        self.bench.tracking.release()?;
        self.bench.focus.release()?;
        self.turn(MicrometresPerSecond::ZERO)?;
        for attempt in 0..attempts {
            self.light()?;
            last = self.sweep(attempt)?;
            last.attempts = attempt + 1;
            let found = last.layers().count();
            if found == expected {
                if let Some(coloured) = self.coloured {
                    last.name_layer(coloured);
                }
                self.survey = Some(last.clone());
                return Ok(last);
            }
            self.observer.note(&format!("focus search {}: {found} layers instead of {expected}", attempt + 1));
        }
        let found = last.layers().count();
        if electrochromic && let Some(fault) = self.miscoloured(&last)? {
            return Err(fault);
        }
        if found == 0 {
            let peak = last.focus_error.iter().fold(0.0f64, |m, v| m.max(v.abs()));
            return Err(Problem::NoLayer { attempts, peak, noise: last.noise });
        }
        Err(Problem::LayerCount { found, expected, medium: self.medium.name.clone() })
    }

    /// Read power on; a trip that our own switching off or a lost servo left is cleared.
    pub(super) fn light(&mut self) -> Result<(), Problem> {
        let status = self.bench.lasers.status()?;
        let harmless = LaserStatus::TRIP_FOCUS | LaserStatus::TRIP_TRACKING | LaserStatus::TRIP_SPINDLE;
        let causes = LaserStatus::from_bits_truncate(status.bits() & !((LaserStatus::TRIPPED.bits() << 1) - 1));
        if status.contains(LaserStatus::TRIPPED) && harmless.contains(causes) {
            self.bench.lasers.clear_trip()?;
        }
        self.bench.lasers.set_power(self.source, self.read_power)?;
        Ok(())
    }

    /// The detector's servo channels of the source.
    pub(super) fn servo(&self, kinds: &[ChannelKind]) -> Result<Servo, Problem> {
        let spec = self.bench.detector.spec();
        let mut channels = Channels::empty();
        let mut rate = SERVO_RATE;
        let mut found = Vec::new();
        for &kind in kinds {
            let missing = || Problem::Unsupported(format!("the photodetector has no {kind:?} channel for the source"));
            let index = spec.channel(kind, self.source).ok_or_else(missing)?;
            let channel = *spec.channels.get(usize::from(index)).ok_or_else(missing)?;
            channels |= Channels::one(index);
            rate = rate.min(channel.rate_max);
            found.push((index, channel));
        }
        let place = |index: u8| found.iter().filter(|(other, _)| *other < index).count();
        let places = found.iter().map(|&(index, channel)| (place(index), channel)).collect();
        Ok(Servo { channels, places, rate })
    }

    fn sweep(&mut self, attempt: u32) -> Result<FocusSurvey, Problem> {
        let servo = self.servo(&[ChannelKind::FocusError, ChannelKind::Sum])?;
        let spec = *self.bench.focus.spec();
        // Slower each time: twice the samples on every curve.
        let speed = MicrometresPerSecond((SEARCH_SPEED.0.min(spec.sweep_max.0) >> attempt.min(4)).max(1));
        let travel = f64::from(spec.travel_max.0) - f64::from(spec.travel_min.0);
        let budget_ms = (travel / f64::from(speed.0)) as u64 + SPARE_MS;
        let length = budget_ms * u64::from(servo.rate.0) / 1000;
        let acquisition = Acquisition { channels: servo.channels, rate: servo.rate, length, trigger: Trigger::Now };
        self.bench.detector.arm(&acquisition)?;
        self.bench.focus.sweep(spec.travel_min, spec.travel_max, speed)?;
        let width = servo.places.len();
        let mut buffer = vec![0i16; 8192 * width];
        let mut samples: Vec<i16> = Vec::new();
        // Where the lens was after so many samples: no clock is needed.
        let mut track: Vec<(f64, f64)> = Vec::new();
        let mut ended = false;
        self.wait("the sweep of the lens", budget_ms, 1_000, |s| {
            // The place lies between two reads, for calls take time.
            ended = ended || s.drain(&mut buffer, width, &mut samples)?;
            let before = samples.len() / width;
            let status = s.bench.focus.status()?;
            ended = ended || s.drain(&mut buffer, width, &mut samples)?;
            let after = samples.len() / width;
            track.push((0.5 * (before + after) as f64, f64::from(status.position.0)));
            Ok((!status.flags.contains(FocusFlags::MOVING)).then_some(()))
        })?;
        self.bench.detector.stop()?;
        let channel = |which: usize| -> Vec<f64> {
            let (place, spec) = servo.places[which];
            samples.iter().skip(place).step_by(width).map(|&v| f64::from(v) - f64::from(spec.dark)).collect()
        };
        let (positions, keep) = positions(&track, samples.len() / width);
        let cut = |values: Vec<f64>| values.get(keep.clone()).map(<[f64]>::to_vec).unwrap_or_default();
        let mirror = f64::from(servo.places[1].1.reference) * f64::from(self.read_power.0) * 1e-3;
        let sweep = Sweep { positions, focus_error: cut(channel(0)), sum: cut(channel(1)) };
        let (cover, behind) = (lens_way(&self.medium.cover), self.medium.layers.len().saturating_sub(1));
        Ok(sweep.survey(mirror, Some((cover, cover + behind as f64 * lens_way(&self.medium.bond)))))
    }

    /// Takes the samples that there are; whether these were the last ones. On a
    /// fast link no read is ever empty: what brings little is the end.
    fn drain(&mut self, buffer: &mut [i16], width: usize, samples: &mut Vec<i16>) -> Result<bool, Problem> {
        for _ in 0..READS {
            let chunk = self.bench.detector.read(buffer)?;
            // What was lost stays as dark samples; a curve in it fails the count.
            samples.resize(samples.len() + chunk.gap as usize * width, 0);
            samples.extend_from_slice(buffer.get(..chunk.length * width).unwrap_or(buffer));
            if chunk.last {
                return Ok(true);
            }
            if chunk.length < ENOUGH {
                break;
            }
        }
        Ok(false)
    }

    /// Closes the loop on a layer: the first attempts begin just before its
    /// curve, later ones pass all curves on its side of the stack.
    pub(super) fn engage(&mut self, layer: usize, attempt: u32) -> Result<bool, Problem> {
        let survey = self.survey.clone().unwrap_or_default();
        let Some(capture) = self.capture_for(&survey, layer, attempt) else { return Ok(false) };
        self.light()?;
        self.bench.focus.engage(self.source, &capture)?;
        let way = (f64::from(capture.end.0) - f64::from(capture.start.0)).abs();
        let spec = self.bench.focus.spec();
        let travel = f64::from(spec.travel_max.0) - f64::from(spec.travel_min.0);
        let budget_ms = ((way + travel) / f64::from(capture.speed.0.max(1))) as u64 + SPARE_MS;
        self.wait("the capture of focus", budget_ms, 1_000, |s| {
            let flags = s.bench.focus.status()?.flags;
            Ok((!flags.contains(FocusFlags::MOVING)).then(|| flags.contains(FocusFlags::LOCKED)))
        })
    }

    /// Jumps; whether focus is closed afterwards. Where it is closed is for the
    /// address to say.
    pub(super) fn jump_layers(&mut self, layers: i8) -> Result<bool, Problem> {
        if layers.unsigned_abs() > self.bench.focus.spec().jump_max {
            return Ok(false);
        }
        self.bench.focus.jump(layers)?;
        self.wait("the jump to the layer", JUMP_MS, 200, |s| {
            let flags = s.bench.focus.status()?.flags;
            Ok((!flags.contains(FocusFlags::MOVING)).then(|| flags.contains(FocusFlags::LOCKED)))
        })
    }

    fn capture_for(&self, survey: &FocusSurvey, layer: usize, attempt: u32) -> Option<FocusCapture> {
        let spec = self.bench.focus.spec();
        let servo = self.servo(&[ChannelKind::FocusError, ChannelKind::Sum]).ok()?;
        capture(survey, layer, attempt, (spec.travel_min.0, spec.travel_max.0)).map(|(start, end, curve)| {
            let speed = MicrometresPerSecond(SEARCH_SPEED.0.min(spec.sweep_max.0).max(1));
            let counts = |channel: usize, value: f64| (f64::from(servo.places[channel].1.dark) + value) as i16;
            FocusCapture {
                start: Nanometres(start),
                end: Nanometres(end),
                speed,
                threshold: counts(0, 0.5 * curve.half_amplitude),
                sum_min: counts(1, 0.5 * curve.sum),
            }
        })
    }
}

/// From where to where the lens goes to catch a layer, and its curve.
fn capture(survey: &FocusSurvey, layer: usize, attempt: u32, travel: (i32, i32)) -> Option<(i32, i32, &SCurve)> {
    let curve = survey.layer(layer)?;
    let at = curve.position_nm;
    let before = survey.curves.iter().map(|c| c.position_nm).filter(|&p| p < at).max();
    let after = survey.curves.iter().map(|c| c.position_nm).filter(|&p| p > at).min();
    let below = at - before.map_or(CAPTURE_NM, |p| ((at - p) / 2).min(CAPTURE_NM));
    let above = at + after.map_or(CAPTURE_NM, |p| ((p - at) / 2).min(CAPTURE_NM));
    let within = |p: i32| p.clamp(travel.0, travel.1);
    let last = survey.layers().count() <= layer + 1;
    let (start, end) = match attempt {
        0 => (below, above),
        1 => (above, below),
        // A turning disc wanders by more than the curves are apart; from outside
        // the stack the outer layers are met first wherever it is.
        n if last == (n % 2 == 0) => (travel.1, travel.0),
        _ => travel,
    };
    Some((within(start), within(end), curve))
}

/// How far, in nm, the lens moves while its focus passes through a body: inside one of index n the
/// focus moves by n times the lens.
pub(super) fn lens_way(body: &Body) -> f64 {
    1e9 * body.thickness.0 / body.n
}

/// Positions of the samples between the first and the last place known, and
/// which samples these are.
fn positions(track: &[(f64, f64)], samples: usize) -> (Vec<f64>, core::ops::Range<usize>) {
    let first = track.first().map_or(0, |t| t.0 as usize).min(samples);
    let last = track.last().map_or(0, |t| t.0 as usize).clamp(first, samples);
    let mut segment = 0;
    let place = |i: usize| {
        while segment + 2 < track.len() && track[segment + 1].0 <= i as f64 {
            segment += 1;
        }
        let ((n0, p0), (n1, p1)) = (track[segment], track[(segment + 1).min(track.len() - 1)]);
        if n1 > n0 { p0 + (i as f64 - n0) / (n1 - n0) * (p1 - p0) } else { p1 }
    };
    ((first..last).map(place).collect(), first..last)
}

/// Peak-to-peak value of servo samples without the odd spike.
pub(super) fn swing(values: &[f64]) -> f64 {
    quantile(values, 0.99) - quantile(values, 0.01)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::CurveKind;

    fn survey() -> FocusSurvey {
        let curve = |kind, position_nm| SCurve { kind, position_nm, half_amplitude: 1.0, sum: 1.0, reflectance: 0.0 };
        let curves = vec![
            curve(CurveKind::Surface, -310_000),
            curve(CurveKind::Layer(0), 55_000),
            curve(CurveKind::Layer(1), 91_000),
        ];
        FocusSurvey { curves, ..FocusSurvey::default() }
    }

    #[test]
    fn a_capture_begins_between_the_curves() {
        let travel = (-900_000, 900_000);
        let range = |layer, attempt| capture(&survey(), layer, attempt, travel).map(|(a, b, _)| (a, b));
        assert_eq!(range(0, 0), Some((-45_000, 73_000)));
        assert_eq!(range(1, 0), Some((73_000, 191_000)));
        assert_eq!(range(1, 1), Some((191_000, 73_000)));
        assert_eq!(range(0, 3), Some((900_000, -900_000)));
        assert_eq!(range(0, 2), Some(travel));
        assert_eq!(range(1, 2), Some((900_000, -900_000)));
        assert_eq!(range(2, 0), None);
    }

    #[test]
    fn positions_follow_the_lens() {
        let track = [(2.0, 10.0), (4.0, 20.0), (4.0, 20.0), (8.0, 60.0)];
        let (p, range) = positions(&track, 9);
        assert_eq!(range, 2..8);
        assert_eq!(p, [10.0, 15.0, 20.0, 30.0, 40.0, 50.0]);
    }
}
