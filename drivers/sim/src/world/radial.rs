//! The radial axis: pull-in, the closed loop, jumps, seeks.

use core::f64::consts::PI;

use disc_hal::hal::{
    AbortCause, Address, Error, ErrorKind, Nanometres, Part, Polarity, Result, TrackingFlags, TrackingMethod,
    TrackingSpec, TrackingStatus,
};

use super::geometry::Spiral;
use super::servo::{Actuator, Loop, STEP};
use super::{Spot, World};
use crate::noise::Stream;

/// Crossover of the loop (ECMA-267: 2.4 kHz).
const CROSSOVER: f64 = 2_400.0;

/// Steps with a large error after which the track counts as lost: 40 us.
const PATIENCE: u32 = 8;

/// Speed of the spot across the tracks below which the loop is closed.
const CATCH: f64 = 1.5e-3;

/// Time that a pull-in may take: several revolutions.
const PULL_IN: f64 = 0.4;

pub(crate) fn tracking_spec() -> TrackingSpec {
    TrackingSpec {
        push_pull: true,
        differential_push_pull: false,
        differential_phase: false,
        offset_max: Nanometres(150),
        offset_step: Nanometres(5),
        jump_max: 500,
    }
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Mode {
    Open,
    /// Waiting for a slow crossing.
    PullIn {
        time: f64,
    },
    Closed,
}

/// What a pull-in is part of.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Errand {
    None,
    /// On the way to a place (channel bits), so many corrections made.
    Seek {
        bits: f64,
        tries: u32,
    },
}

/// The tracking servo.
#[derive(Debug)]
pub(crate) struct Radial {
    pub(crate) spec: TrackingSpec,
    pub(crate) actuator: Actuator,
    /// Number of the turn under the spot.
    pub(crate) turn: f64,
    servo: Loop,
    mode: Mode,
    errand: Errand,
    flags: TrackingFlags,
    polarity: f64,
    offset: f64,
    good: u32,
    bad: u32,
    crossings: u32,
    /// Where seeks land.
    landing: Stream,
}

fn error(kind: ErrorKind) -> Error {
    Error::new(Part::Tracking, kind)
}

impl Radial {
    pub(crate) fn new(landing: Stream) -> Self {
        Self {
            spec: tracking_spec(),
            actuator: Actuator::default(),
            turn: 0.0,
            servo: Loop::new(CROSSOVER),
            mode: Mode::Open,
            errand: Errand::None,
            flags: TrackingFlags::empty(),
            polarity: 1.0,
            offset: 0.0,
            good: 0,
            bad: 0,
            crossings: 0,
            landing,
        }
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.mode == Mode::Closed
    }

    pub(crate) fn is_locked(&self) -> bool {
        self.flags.contains(TrackingFlags::LOCKED)
    }

    pub(crate) fn release(&mut self) {
        self.mode = Mode::Open;
        self.errand = Errand::None;
        self.actuator = Actuator::default();
        self.flags = TrackingFlags::empty();
        self.crossings = 0;
    }

    pub(crate) fn set_offset(&mut self, offset: Nanometres) -> Result<Nanometres> {
        if offset.0.unsigned_abs() > self.spec.offset_max.0.unsigned_abs() {
            return Err(error(ErrorKind::OutOfRange));
        }
        let applied = Nanometres(offset.0 / self.spec.offset_step.0 * self.spec.offset_step.0);
        self.offset = f64::from(applied.0) * 1e-9;
        Ok(applied)
    }

    pub(crate) fn status(&self) -> TrackingStatus {
        TrackingStatus { flags: self.flags, crossings: self.crossings }
    }

    fn pull_in(&mut self) {
        self.mode = Mode::PullIn { time: 0.0 };
        self.flags = TrackingFlags::MOVING;
        self.actuator = Actuator::default();
        self.good = 0;
        self.bad = 0;
    }

    fn fail(&mut self, flag: TrackingFlags) {
        self.release();
        self.flags = flag;
    }

    /// Focus is gone, and with it what the loop was closed on.
    pub(super) fn blinded(&mut self) {
        match self.mode {
            Mode::Open => {}
            Mode::PullIn { .. } => self.fail(TrackingFlags::FAILED),
            Mode::Closed => self.fail(TrackingFlags::LOST),
        }
    }

    fn close(&mut self) {
        self.mode = Mode::Closed;
        self.servo.start(self.actuator.holding());
        self.good = 0;
        self.bad = 0;
    }
}

impl World {
    pub(crate) fn engage_tracking(&mut self, method: TrackingMethod, polarity: Polarity) -> Result<()> {
        if !self.focus.is_locked() {
            return Err(error(ErrorKind::FocusLost));
        }
        if method != TrackingMethod::PushPull {
            return Err(error(ErrorKind::NotSupported));
        }
        self.radial.polarity = match polarity {
            Polarity::Rising => 1.0,
            Polarity::Falling => -1.0,
        };
        self.radial.errand = Errand::None;
        self.radial.pull_in();
        Ok(())
    }

    pub(crate) fn jump_tracks(&mut self, tracks: i32) -> Result<()> {
        if !self.radial.is_locked() {
            return Err(error(ErrorKind::WrongState));
        }
        if tracks.unsigned_abs() > self.radial.spec.jump_max {
            return Err(error(ErrorKind::OutOfRange));
        }
        self.mechanics.sled += f64::from(tracks) * self.pitch() + self.radial.actuator.x;
        self.radial.pull_in();
        Ok(())
    }

    pub(crate) fn seek(&mut self, address: Address) -> Result<()> {
        if !self.radial.is_locked() {
            return Err(error(ErrorKind::WrongState));
        }
        let layer = self.spot.layer.ok_or(error(ErrorKind::FocusLost))?;
        let bits = Spiral::start_of(address);
        let layout = &self.disc.medium.layers.get(layer).ok_or(error(ErrorKind::FocusLost))?.layout;
        let known = [&layout.test, &layout.data].iter().any(|a| a.contains(address));
        // Run-in before an area is reached too: a few sectors.
        let near = [&layout.test, &layout.data].iter().any(|a| a.contains(Address(address.0.saturating_add(64))));
        let radius = self.radius_of(layer, bits).filter(|_| known || near).ok_or(error(ErrorKind::NoAddress))?;
        self.radial.errand = Errand::Seek { bits, tries: 0 };
        // A sled lands within some tens of micrometres.
        let miss = 10e-6 * f64::from(self.radial.landing.normal());
        self.mechanics.sled_target = Some(radius + miss);
        self.radial.pull_in();
        Ok(())
    }

    /// Tracking error in metres, normalised by the sum, with the loop's polarity.
    fn tracking_error(&self) -> Option<f64> {
        let layer = self.spot.layer?;
        if self.light() <= 0.0 {
            return None;
        }
        let scale = self.model.layers.get(layer)?.push_pull.abs() * (self.spot.sum - self.spot.stray).max(1e-9);
        let sine = (self.spot.push_pull / scale).clamp(-1.0, 1.0);
        Some(self.radial.polarity * sine * self.pitch() / (2.0 * PI))
    }

    pub(super) fn move_sideways(&mut self, before: Spot) {
        if self.spot.layer.is_none() && self.radial.is_closed() {
            return self.lose_track();
        }
        let pitch = self.pitch();
        // Speed across the tracks, from the change of the error (which wraps).
        let change = self.spot.error - before.error;
        let change = change - (change / pitch).round() * pitch;
        match self.radial.mode {
            Mode::Open => {
                let half = |error: f64| error > 0.0;
                if half(self.spot.error) != half(before.error) && change.abs() < 0.5 * pitch {
                    self.radial.crossings = self.radial.crossings.wrapping_add(1);
                }
            }
            Mode::PullIn { time } => {
                self.radial.mode = Mode::PullIn { time: time + STEP };
                if self.mechanics.sled_target.is_some() {
                    self.radial.mode = Mode::PullIn { time: 0.0 };
                } else if time > PULL_IN {
                    self.radial.fail(TrackingFlags::FAILED);
                } else if let Some(error) = self.tracking_error() {
                    // Near the centre of the slope that will be held, and slow.
                    let rising = {
                        let phase = 2.0 * PI * self.spot.error / pitch;
                        let sign = self
                            .spot
                            .layer
                            .and_then(|l| self.model.layers.get(l))
                            .map_or(1.0, |m| m.push_pull.signum());
                        self.radial.polarity * sign * phase.cos() > 0.5
                    };
                    if rising && error.abs() < 0.06 * pitch && change.abs() < CATCH * STEP {
                        self.radial.close();
                    }
                }
            }
            Mode::Closed => self.hold_track(),
        }
    }

    fn hold_track(&mut self) {
        let error = self.tracking_error();
        let seen = error.map_or(0.0, |e| e - self.radial.offset);
        let drive = self.radial.servo.drive(-seen);
        self.radial.actuator.step(drive);
        // The sled follows the lens.
        let follow = 20.0 * STEP * self.radial.actuator.x;
        self.mechanics.sled += follow;
        let bad = error.is_none_or(|e| (e - self.radial.offset).abs() > 0.11 * self.pitch());
        if bad {
            self.radial.bad += 1;
            self.radial.good = 0;
        } else {
            self.radial.bad = 0;
            self.radial.good += 1;
        }
        let settling = !self.radial.is_locked();
        if self.radial.bad > if settling { 200 } else { PATIENCE } {
            if settling {
                // Slipped: wait for the next slow crossing.
                self.radial.mode = Mode::PullIn { time: 0.0 };
                self.radial.bad = 0;
                return;
            }
            return self.lose_track();
        }
        if settling && self.radial.good >= 400 {
            self.arrived();
        }
    }

    /// The loop has settled: done, or on with the errand.
    fn arrived(&mut self) {
        if let Errand::Seek { bits, tries } = self.radial.errand {
            let per_turn = 2.0 * PI * self.radius(self.spot.layer.unwrap_or(0)) / self.model.bit;
            let ahead = (bits - self.spot.bits) / per_turn;
            // Between a quarter and one and a quarter turns before the target.
            if !(0.25..1.25).contains(&ahead) {
                if tries >= 8 {
                    return self.radial.fail(TrackingFlags::FAILED);
                }
                let outwards = self.spot.layer.map_or(1.0, |l| self.spirals[l].outwards());
                self.mechanics.sled += (ahead - 0.75).round() * outwards * self.pitch() + self.radial.actuator.x;
                self.radial.errand = Errand::Seek { bits, tries: tries + 1 };
                return self.radial.pull_in();
            }
            self.radial.errand = Errand::None;
        }
        self.radial.flags = TrackingFlags::LOCKED;
    }

    fn lose_track(&mut self) {
        let was_locked = self.radial.is_locked();
        self.radial.fail(if was_locked { TrackingFlags::LOST } else { TrackingFlags::FAILED });
        self.trip(AbortCause::Tracking);
    }
}
