//! The focus axis: sweeps, capture, the closed loop, layer jumps.

use disc_hal::hal::{
    AbortCause, Approach, Error, ErrorKind, FocusCapture, FocusFlags, FocusSpec, FocusStatus, MicrometresPerSecond,
    Nanometres, Part, Result,
};

use super::World;
use super::servo::{Actuator, HALF_SWING, Loop, STEP};

/// Crossover of the loop (ECMA-267: 2.0 kHz).
const CROSSOVER: f64 = 2_000.0;

/// Steps with a large error after which the layer counts as lost: 40 us.
const PATIENCE: u32 = 8;

/// The same while no light comes back though the source is lit: a spot on the disc, over
/// which the lens coasts. 0.2 ms, 0.8 mm of track at 1x: twice the longest defect of the
/// standard.
const COAST: u32 = 40;

/// Acceleration of a layer jump.
const JUMP: f64 = 60.0;

pub(crate) fn focus_spec() -> FocusSpec {
    FocusSpec {
        travel_min: Nanometres(-600_000),
        travel_max: Nanometres(600_000),
        sweep_max: MicrometresPerSecond(50_000),
        offset_max: Nanometres(1_500),
        offset_step: Nanometres(10),
        jump_max: 1,
    }
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Mode {
    /// Open; the lens goes to `to` at a speed.
    Open { to: f64, speed: f64 },
    /// Going to where a capture starts.
    ToStart(FocusCapture),
    /// Looking for an S-curve; `armed` after its first lobe.
    Search { capture: FocusCapture, armed: bool },
    /// Closed, settling or settled.
    Closed,
    /// Kicked towards another layer: time since, direction, and the drive that
    /// held the lens before.
    Jump { time: f64, direction: f64, hold: f64 },
}

/// The focus servo.
#[derive(Debug)]
pub(crate) struct Focus {
    pub(crate) spec: FocusSpec,
    actuator: Actuator,
    servo: Loop,
    mode: Mode,
    flags: FocusFlags,
    offset: f64,
    good: u32,
    bad: u32,
    /// Sum when the loop was last well locked.
    sum: f64,
}

fn error(kind: ErrorKind) -> Error {
    Error::new(Part::Focus, kind)
}

fn metres(n: Nanometres) -> f64 {
    f64::from(n.0) * 1e-9
}

impl Focus {
    pub(crate) fn new() -> Self {
        Self {
            spec: focus_spec(),
            actuator: Actuator::default(),
            servo: Loop::new(CROSSOVER),
            mode: Mode::Open { to: 0.0, speed: 0.02 },
            flags: FocusFlags::empty(),
            offset: 0.0,
            good: 0,
            bad: 0,
            sum: 0.0,
        }
    }

    pub(crate) fn position(&self) -> f64 {
        self.actuator.x
    }

    /// Puts the lens to a place.
    pub(super) fn place(&mut self, position: f64) {
        self.open(position, 0.02);
        self.actuator.x = position;
    }

    pub(crate) fn is_locked(&self) -> bool {
        self.flags.contains(FocusFlags::LOCKED)
    }

    fn within(&self, position: Nanometres, speed: MicrometresPerSecond) -> bool {
        (self.spec.travel_min..=self.spec.travel_max).contains(&position) && speed.0 > 0 && speed <= self.spec.sweep_max
    }

    pub(crate) fn sweep(&mut self, from: Nanometres, to: Nanometres, speed: MicrometresPerSecond) -> Result<()> {
        if !self.within(from, speed) || !self.within(to, speed) {
            return Err(error(ErrorKind::OutOfRange));
        }
        if self.flags.contains(FocusFlags::MOVING) {
            return Err(error(ErrorKind::Busy));
        }
        self.open(metres(to), f64::from(speed.0) * 1e-6);
        // The lens is brought to the start before the call returns: some
        // milliseconds of a real bench that no algorithm cares for.
        self.actuator.x = metres(from);
        self.flags = FocusFlags::MOVING;
        Ok(())
    }

    fn open(&mut self, to: f64, speed: f64) {
        self.mode = Mode::Open { to, speed };
        self.actuator.v = 0.0;
        self.flags = FocusFlags::empty();
    }

    pub(crate) fn engage(&mut self, capture: &FocusCapture) -> Result<()> {
        if !self.within(capture.start, capture.speed) || !self.within(capture.end, capture.speed) {
            return Err(error(ErrorKind::OutOfRange));
        }
        if capture.threshold <= 0 || capture.start == capture.end {
            return Err(error(ErrorKind::InvalidArgument));
        }
        self.mode = Mode::ToStart(*capture);
        self.flags = FocusFlags::MOVING;
        Ok(())
    }

    pub(crate) fn release(&mut self) {
        self.open(0.0, 0.02);
    }

    pub(crate) fn set_offset(&mut self, offset: Nanometres) -> Result<Nanometres> {
        if offset.0.unsigned_abs() > self.spec.offset_max.0.unsigned_abs() {
            return Err(error(ErrorKind::OutOfRange));
        }
        let applied = Nanometres(offset.0 / self.spec.offset_step.0 * self.spec.offset_step.0);
        self.offset = metres(applied);
        Ok(applied)
    }

    pub(crate) fn jump(&mut self, layers: i8) -> Result<()> {
        if !self.is_locked() {
            return Err(error(ErrorKind::WrongState));
        }
        if layers.unsigned_abs() != self.spec.jump_max {
            return Err(error(ErrorKind::NotSupported));
        }
        self.mode = Mode::Jump { time: 0.0, direction: f64::from(layers), hold: self.servo.hold() };
        self.flags = FocusFlags::MOVING;
        Ok(())
    }

    pub(crate) fn status(&self) -> FocusStatus {
        FocusStatus { flags: self.flags, position: Nanometres((self.actuator.x * 1e9).round() as i32) }
    }

    fn close(&mut self, speed: f64, sum: f64) {
        self.servo.start(self.actuator.holding());
        self.actuator.v = speed;
        self.sum = sum;
        self.mode = Mode::Closed;
        self.good = 0;
        self.bad = 0;
        self.flags = FocusFlags::MOVING;
    }

    /// Gives up: the lens goes to rest.
    fn fail(&mut self, flag: FocusFlags) {
        self.release();
        self.flags = flag;
    }

    /// Moves towards `to`; true when it is there.
    fn glide(&mut self, to: f64, speed: f64) -> bool {
        let way = (to - self.actuator.x).clamp(-speed * STEP, speed * STEP);
        self.actuator.x += way;
        self.actuator.v = 0.0;
        (to - self.actuator.x).abs() < 1e-12
    }

    /// One step. `focus_error` and `sum` for unit power; `counts` scales them to
    /// the detector's counts; `jump` is the way of the lens from layer to layer.
    /// True when a closed loop has just lost its layer.
    fn step(&mut self, focus_error: f64, sum: f64, counts: f64, jump: f64) -> bool {
        match self.mode {
            Mode::Open { to, speed } => {
                if self.glide(to, speed) {
                    self.flags.remove(FocusFlags::MOVING);
                }
            }
            Mode::ToStart(capture) => {
                if self.glide(metres(capture.start), 0.05) {
                    self.mode = Mode::Search { capture, armed: false };
                }
            }
            Mode::Search { capture, armed } => {
                let up = capture.approach() == Approach::Up;
                let speed = f64::from(capture.speed.0) * 1e-6;
                // Coming from below, the near lobe is negative.
                let lobe = if up { -focus_error } else { focus_error };
                let bright = sum * counts >= f64::from(capture.sum_min);
                if armed && lobe <= 0.0 {
                    if bright {
                        self.close(if up { speed } else { -speed }, sum);
                        return false;
                    }
                    self.mode = Mode::Search { capture, armed: false };
                } else if bright && lobe * counts >= f64::from(capture.threshold) {
                    self.mode = Mode::Search { capture, armed: true };
                }
                if self.glide(metres(capture.end), speed) {
                    self.fail(FocusFlags::FAILED);
                }
            }
            Mode::Closed => return self.hold(focus_error, sum, counts),
            Mode::Jump { time, direction, hold } => {
                // Kick for half of the way, brake for the other half.
                let half = (jump / JUMP).sqrt();
                let a = if time < half { JUMP } else { -JUMP };
                let drive = hold + direction * a;
                self.actuator.step(drive);
                self.mode = Mode::Jump { time: time + STEP, direction, hold };
                // Braked: close as soon as the target's curve is there.
                let u = position_error(focus_error, sum);
                let arrived = time > 1.2 * half && sum > 0.7 * self.sum && u.abs() < 0.8 * HALF_SWING;
                if arrived {
                    self.close(self.actuator.v, sum);
                } else if time > 2.6 * half {
                    self.fail(FocusFlags::FAILED);
                }
            }
        }
        false
    }

    fn hold(&mut self, focus_error: f64, sum: f64, counts: f64) -> bool {
        let dark = counts <= 0.0 || sum <= 0.3 * self.sum;
        let seen = if dark { 0.0 } else { position_error(focus_error, sum) - self.offset };
        self.actuator.step(self.servo.drive(-seen));
        if dark || seen.abs() > 0.6 * HALF_SWING {
            self.bad += 1;
            self.good = 0;
        } else {
            self.bad = 0;
            self.good += 1;
            self.sum += (sum - self.sum) * 0.01;
        }
        // While settling more is allowed.
        let settling = !self.is_locked();
        if settling && self.good >= 400 && seen.abs() < 0.4e-6 {
            self.flags = FocusFlags::LOCKED;
        }
        let patience = match (settling, dark && counts > 0.0) {
            (true, _) => 400,
            (false, true) => COAST,
            (false, false) => PATIENCE,
        };
        if self.bad > patience {
            let was_locked = self.is_locked();
            self.fail(if was_locked { FocusFlags::LOST } else { FocusFlags::FAILED });
            return was_locked;
        }
        false
    }
}

/// Metres out of focus, as the normalised error tells near focus.
fn position_error(focus_error: f64, sum: f64) -> f64 {
    0.5 * HALF_SWING * focus_error / sum.max(1e-9)
}

impl World {
    pub(super) fn move_lens(&mut self) {
        let counts = self.counts();
        let jump = self.focus_of(1) - self.focus_of(0);
        let (focus_error, sum) = (self.spot.focus_error, self.spot.sum);
        if self.focus.step(focus_error, sum, counts, jump) {
            self.trip(AbortCause::Focus);
            self.radial.blinded();
        }
    }
}
