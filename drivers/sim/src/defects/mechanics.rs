//! A spindle with a defect.

use disc_hal::hal::{
    ErrorKind, MicrometresPerSecond, Nanometres, Result, Spindle, SpindleFlags, SpindleSpec, SpindleStatus,
};

use super::{Defect, spoiled};
use crate::parts::SimSpindle;

#[derive(Debug)]
pub(super) struct BadSpindle {
    inner: SimSpindle,
    spec: SpindleSpec,
    defect: Defect,
}

impl BadSpindle {
    pub(super) fn new(inner: SimSpindle, defect: Defect) -> Self {
        let mut spec = inner.spec;
        match defect {
            Defect::WrongUnits => {
                spec.radius_min.0 /= 1_000;
                spec.radius_max.0 /= 1_000;
            }
            Defect::SpindleSpecContradicts => spec.velocity_min.0 = 0,
            _ => {}
        }
        Self { inner, spec, defect }
    }

    fn set(&mut self, velocity: MicrometresPerSecond) -> Result<MicrometresPerSecond> {
        let spec = self.inner.spec;
        let stop = velocity == MicrometresPerSecond::ZERO;
        match self.defect {
            Defect::SpindleClamps if !stop => {
                self.inner.set_velocity(velocity.clamp(spec.velocity_min, spec.velocity_max))
            }
            Defect::TurnsTooFast => {
                self.inner.set_velocity(MicrometresPerSecond(velocity.0 / 10 * 11))?;
                Ok(velocity)
            }
            Defect::ZeroTurnsOn if stop => Ok(velocity),
            Defect::RefusalStops => self.inner.set_velocity(velocity).inspect_err(|_| {
                self.inner.world.lock().mechanics.wanted = 0.0;
            }),
            _ => self.inner.set_velocity(velocity),
        }
    }

    fn go(&mut self, radius: Nanometres) -> Result<()> {
        let spec = self.inner.spec;
        match self.defect {
            Defect::SledMisses => self.inner.move_to(Nanometres(radius.0 + 200_000)),
            Defect::SledClamps => self.inner.move_to(radius.clamp(spec.radius_min, spec.radius_max)),
            Defect::RefusalMoves => self.inner.move_to(radius).inspect_err(|_| {
                let mut world = self.inner.world.lock();
                world.mechanics.sled_target = Some(world.mechanics.sled + 1e-3);
            }),
            Defect::MovesWhileTracking => match self.inner.move_to(radius) {
                Err(e) if e.kind == ErrorKind::WrongState => {
                    self.inner.world.lock().radial.release();
                    self.inner.move_to(radius)
                }
                other => other,
            },
            _ => self.inner.move_to(radius),
        }
    }
}

impl Spindle for BadSpindle {
    fn spec(&self) -> &SpindleSpec {
        &self.spec
    }

    fn set_velocity(&mut self, velocity: MicrometresPerSecond) -> Result<MicrometresPerSecond> {
        let result = self.set(velocity);
        spoiled(self.defect, result)
    }

    fn move_to(&mut self, radius: Nanometres) -> Result<()> {
        let result = self.go(radius);
        spoiled(self.defect, result)
    }

    fn status(&mut self) -> Result<SpindleStatus> {
        let mut status = self.inner.status()?;
        match self.defect {
            Defect::DiscNotSeen => status.flags.remove(SpindleFlags::DISC_PRESENT),
            Defect::VelocityMisread => status.velocity.0 += status.velocity.0 / 10,
            Defect::TurnsTooFast => status.velocity.0 = status.velocity.0 / 11 * 10,
            Defect::AtSpeedAtOnce => status.flags.insert(SpindleFlags::AT_SPEED),
            _ => {}
        }
        Ok(status)
    }
}
