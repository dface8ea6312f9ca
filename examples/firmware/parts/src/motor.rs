//! Spindle and sled.

use disc_hal::hal::{
    Error, ErrorKind, MicrometresPerSecond, Nanometres, Part, Result, Spindle, SpindleSpec, SpindleStatus,
};

use crate::disc;
use crate::world::World;

/// Spindle and sled of the world.
#[derive(Debug)]
pub struct Motor<'w> {
    world: &'w World,
    spec: SpindleSpec,
}

impl<'w> Motor<'w> {
    /// Those of `world`.
    pub fn new(world: &'w World) -> Self {
        let spec = SpindleSpec {
            velocity_min: MicrometresPerSecond(100_000),
            velocity_max: MicrometresPerSecond(1_000_000),
            radius_min: Nanometres(disc::RADII_NM.0),
            radius_max: Nanometres(disc::RADII_NM.1),
        };
        Self { world, spec }
    }
}

const fn error(kind: ErrorKind) -> Error {
    Error::new(Part::Spindle, kind)
}

impl Spindle for Motor<'_> {
    fn spec(&self) -> &SpindleSpec {
        &self.spec
    }

    fn set_velocity(&mut self, velocity: MicrometresPerSecond) -> Result<MicrometresPerSecond> {
        let stop = velocity == MicrometresPerSecond::ZERO;
        if !stop && !(self.spec.velocity_min..=self.spec.velocity_max).contains(&velocity) {
            return Err(error(ErrorKind::OutOfRange));
        }
        let mut state = self.world.state();
        if state.is_writing() {
            return Err(error(ErrorKind::WrongState));
        }
        state.target = velocity.0;
        Ok(velocity)
    }

    fn move_to(&mut self, radius: Nanometres) -> Result<()> {
        let mut state = self.world.state();
        if !(self.spec.radius_min..=self.spec.radius_max).contains(&radius) {
            return Err(error(ErrorKind::OutOfRange));
        }
        if state.is_tracking() || state.is_writing() {
            return Err(error(ErrorKind::WrongState));
        }
        state.sled = radius.0;
        Ok(())
    }

    fn status(&mut self) -> Result<SpindleStatus> {
        let state = self.world.state();
        Ok(SpindleStatus {
            flags: state.spindle_flags(),
            velocity: MicrometresPerSecond(state.speed),
            radius: Nanometres(state.radius),
        })
    }
}
