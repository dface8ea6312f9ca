//! The focus servo.

use disc_hal::hal::{
    Error, ErrorKind, FocusCapture, FocusFlags, FocusServo, FocusSpec, FocusStatus, MicrometresPerSecond, Nanometres,
    Part, Result, Source,
};

use crate::world::{LENS_FAST, Lens, Purpose, State, World};

/// The focus servo of the world, for one source.
#[derive(Debug)]
pub struct Focus<'w> {
    world: &'w World,
    spec: FocusSpec,
}

const fn error(kind: ErrorKind) -> Error {
    Error::new(Part::Focus, kind)
}

impl<'w> Focus<'w> {
    /// That of `world`.
    pub fn new(world: &'w World) -> Self {
        let spec = FocusSpec {
            travel_min: Nanometres(-300_000),
            travel_max: Nanometres(300_000),
            sweep_max: MicrometresPerSecond(1_000),
            offset_max: Nanometres(1_000),
            offset_step: Nanometres(10),
            jump_max: 0,
        };
        Self { world, spec }
    }

    fn check(&self, from: Nanometres, to: Nanometres, speed: MicrometresPerSecond) -> Result<()> {
        let travel = self.spec.travel_min..=self.spec.travel_max;
        let speeds = MicrometresPerSecond(1)..=self.spec.sweep_max;
        if travel.contains(&from) && travel.contains(&to) && speeds.contains(&speed) {
            Ok(())
        } else {
            Err(error(ErrorKind::OutOfRange))
        }
    }
}

/// Sends the lens to where something begins.
fn approach(state: &mut State, start: Nanometres, purpose: Purpose) {
    state.open_focus();
    state.focus_flags = FocusFlags::empty();
    state.lens = Lens::Approach(purpose);
    state.go(start.0, LENS_FAST);
    state.settle();
}

impl FocusServo for Focus<'_> {
    fn spec(&self) -> &FocusSpec {
        &self.spec
    }

    fn sweep(&mut self, from: Nanometres, to: Nanometres, speed: MicrometresPerSecond) -> Result<()> {
        self.check(from, to, speed)?;
        let mut state = self.world.state();
        if state.is_lens_busy() {
            return Err(error(ErrorKind::Busy));
        }
        approach(&mut state, from, Purpose::Sweep { to: to.0, speed: speed.0 });
        Ok(())
    }

    fn engage(&mut self, source: Source, capture: &FocusCapture) -> Result<()> {
        if source != Source(0) {
            return Err(error(ErrorKind::InvalidArgument));
        }
        self.check(capture.start, capture.end, capture.speed)?;
        if capture.threshold <= 0 || capture.start == capture.end {
            return Err(error(ErrorKind::InvalidArgument));
        }
        approach(&mut self.world.state(), capture.start, Purpose::Capture(*capture));
        Ok(())
    }

    fn release(&mut self) -> Result<()> {
        let mut state = self.world.state();
        state.open_focus();
        state.focus_flags = FocusFlags::empty();
        state.lens = Lens::Free;
        state.go(0, LENS_FAST);
        state.settle();
        Ok(())
    }

    fn set_offset(&mut self, offset: Nanometres) -> Result<Nanometres> {
        if offset.0.unsigned_abs() > self.spec.offset_max.0.unsigned_abs() {
            return Err(error(ErrorKind::OutOfRange));
        }
        // Towards 0: never beyond a limit.
        let applied = offset.0 / self.spec.offset_step.0 * self.spec.offset_step.0;
        let mut state = self.world.state();
        state.focus_offset = applied;
        state.settle();
        Ok(Nanometres(applied))
    }

    fn jump(&mut self, _: i8) -> Result<()> {
        let locked = self.world.state().lens == Lens::Closed;
        // The disc has one layer.
        Err(error(if locked { ErrorKind::NotSupported } else { ErrorKind::WrongState }))
    }

    fn status(&mut self) -> Result<FocusStatus> {
        let state = self.world.state();
        let mut flags = state.focus_flags;
        flags.set(FocusFlags::MOVING, state.is_lens_busy());
        flags.set(FocusFlags::LOCKED, state.lens == Lens::Closed);
        Ok(FocusStatus { flags, position: Nanometres(state.lens_place(state.now)) })
    }
}
