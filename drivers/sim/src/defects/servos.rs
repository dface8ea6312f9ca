//! Servos with a defect.

use disc_hal::hal::{
    Address, Error, ErrorKind, FocusCapture, FocusFlags, FocusServo, FocusSpec, FocusStatus, MicrometresPerSecond,
    Nanometres, Part, Polarity, Result, Source, TrackingFlags, TrackingMethod, TrackingServo, TrackingSpec,
    TrackingStatus,
};

use super::{Defect, spoiled};
use crate::parts::{SimFocus, SimTracking};

/// Steps of the world in half a millisecond.
const LATE: u32 = 100;

#[derive(Debug)]
pub(super) struct BadFocus {
    inner: SimFocus,
    spec: FocusSpec,
    defect: Defect,
}

impl BadFocus {
    pub(super) fn new(inner: SimFocus, defect: Defect) -> Self {
        let mut spec = inner.spec;
        if defect == Defect::ServoSpecContradicts {
            spec.offset_step = Nanometres::ZERO;
        }
        Self { inner, spec, defect }
    }

    fn within(&self, position: Nanometres) -> Nanometres {
        position.clamp(self.inner.spec.travel_min, self.inner.spec.travel_max)
    }

    fn go(&mut self, from: Nanometres, to: Nanometres, speed: MicrometresPerSecond) -> Result<()> {
        let half = Nanometres(((i64::from(from.0) + i64::from(to.0)) / 2) as i32);
        match self.defect {
            Defect::SweepClamps => {
                let speed = speed.min(self.inner.spec.sweep_max);
                self.inner.sweep(self.within(from), self.within(to), speed)
            }
            Defect::RefusalSweeps => self.inner.sweep(from, to, speed).inspect_err(|_| {
                let (from, speed) = (self.inner.spec.travel_min, self.inner.spec.sweep_max);
                // That it may be busy is no matter.
                let _ignored = self.inner.sweep(from, Nanometres::ZERO, speed);
            }),
            Defect::SweepStopsShort => self.inner.sweep(from, half, speed),
            Defect::SweepTooSlow => self.inner.sweep(from, to, MicrometresPerSecond((speed.0 / 2).max(1))),
            Defect::SweepRestarts => match self.inner.sweep(from, to, speed) {
                Err(e) if e.kind == ErrorKind::Busy => {
                    self.inner.release()?;
                    self.inner.sweep(from, to, speed)
                }
                other => other,
            },
            _ => self.inner.sweep(from, to, speed),
        }
    }

    fn close(&mut self, source: Source, capture: &FocusCapture) -> Result<()> {
        let (mut source, mut capture) = (source, *capture);
        match self.defect {
            Defect::AnySourceIsFirst => source = Source(0),
            Defect::EngageClamps => {
                capture.start = self.within(capture.start);
                capture.end = self.within(capture.end);
            }
            _ => {}
        }
        self.inner.engage(source, &capture)
    }
}

impl FocusServo for BadFocus {
    fn spec(&self) -> &FocusSpec {
        &self.spec
    }

    fn sweep(&mut self, from: Nanometres, to: Nanometres, speed: MicrometresPerSecond) -> Result<()> {
        let result = self.go(from, to, speed);
        spoiled(self.defect, result)
    }

    fn engage(&mut self, source: Source, capture: &FocusCapture) -> Result<()> {
        let result = self.close(source, capture);
        spoiled(self.defect, result)
    }

    fn release(&mut self) -> Result<()> {
        let locked = self.inner.status()?.flags.contains(FocusFlags::LOCKED);
        match self.defect {
            Defect::FocusReleaseRefused if !locked => return Err(Error::new(Part::Focus, ErrorKind::WrongState)),
            Defect::FocusReleaseIgnored if locked => return Ok(()),
            Defect::TripsLate => self.inner.world.lock().broken.late_focus = LATE,
            Defect::FocusLossUnnoticed => self.inner.world.lock().broken.late_focus = u32::MAX,
            _ => {}
        }
        self.inner.release()
    }

    fn set_offset(&mut self, offset: Nanometres) -> Result<Nanometres> {
        let most = self.inner.spec.offset_max.0;
        let result = match self.defect {
            Defect::FocusOffsetClamps => self.inner.set_offset(Nanometres(offset.0.clamp(-most, most))),
            Defect::FocusOffsetEchoed => self.inner.set_offset(offset).map(|_| offset),
            Defect::FocusOffsetIgnored => self.inner.set_offset(offset).and_then(|applied| {
                self.inner.set_offset(Nanometres::ZERO)?;
                Ok(applied)
            }),
            _ => self.inner.set_offset(offset),
        };
        spoiled(self.defect, result)
    }

    fn jump(&mut self, layers: i8) -> Result<()> {
        let result = match self.defect {
            Defect::FocusJumpIgnored => Ok(()),
            _ => self.inner.jump(layers),
        };
        spoiled(self.defect, result)
    }

    fn status(&mut self) -> Result<FocusStatus> {
        let mut status = self.inner.status()?;
        let flags = &mut status.flags;
        match self.defect {
            Defect::FocusMovesForever => flags.insert(FocusFlags::MOVING),
            Defect::FocusLocksInTheDark if flags.contains(FocusFlags::FAILED) => flags.insert(FocusFlags::LOCKED),
            Defect::FocusFailedSticks if flags.contains(FocusFlags::LOCKED) => flags.insert(FocusFlags::FAILED),
            Defect::FocusLostForgotten => flags.remove(FocusFlags::LOST),
            Defect::PositionOffset => status.position.0 += 100_000,
            _ => {}
        }
        Ok(status)
    }
}

#[derive(Debug)]
pub(super) struct BadTracking {
    inner: SimTracking,
    defect: Defect,
    address: Option<Address>,
}

impl BadTracking {
    pub(super) fn new(inner: SimTracking, defect: Defect) -> Self {
        Self { inner, defect, address: None }
    }

    fn close(&mut self, source: Source, method: TrackingMethod, polarity: Polarity) -> Result<()> {
        let (mut source, mut method, mut polarity) = (source, method, polarity);
        match self.defect {
            Defect::AnySourceIsFirst => source = Source(0),
            Defect::MethodFallsBack => method = TrackingMethod::PushPull,
            Defect::PolarityFlipped => polarity = polarity.flipped(),
            Defect::PolarityIgnored => polarity = Polarity::Rising,
            _ => {}
        }
        match self.inner.engage(source, method, polarity) {
            Err(e) if e.kind == ErrorKind::FocusLost && self.defect == Defect::TrackingIgnoresFocus => Ok(()),
            other => other,
        }
    }
}

impl TrackingServo for BadTracking {
    fn spec(&self) -> &TrackingSpec {
        self.inner.spec()
    }

    fn engage(&mut self, source: Source, method: TrackingMethod, polarity: Polarity) -> Result<()> {
        let result = self.close(source, method, polarity);
        spoiled(self.defect, result)
    }

    fn release(&mut self) -> Result<()> {
        let locked = self.inner.status()?.flags.contains(TrackingFlags::LOCKED);
        match self.defect {
            Defect::TrackingReleaseRefused if !locked => return Err(Error::new(Part::Tracking, ErrorKind::WrongState)),
            Defect::TrackingReleaseIgnored if locked => return Ok(()),
            Defect::TrackingLossUnnoticed => self.inner.world.lock().broken.late_tracking = u32::MAX,
            _ => {}
        }
        self.inner.release()
    }

    fn set_offset(&mut self, offset: Nanometres) -> Result<Nanometres> {
        let most = self.inner.spec.offset_max.0;
        let result = match self.defect {
            Defect::TrackOffsetClamps => self.inner.set_offset(Nanometres(offset.0.clamp(-most, most))),
            Defect::TrackOffsetEchoed => self.inner.set_offset(offset).map(|_| offset),
            Defect::TrackOffsetIgnored => self.inner.set_offset(offset).and_then(|applied| {
                self.inner.set_offset(Nanometres::ZERO)?;
                Ok(applied)
            }),
            _ => self.inner.set_offset(offset),
        };
        spoiled(self.defect, result)
    }

    fn jump(&mut self, tracks: i32) -> Result<()> {
        let result = match self.defect {
            Defect::TrackJumpFlipped => self.inner.jump(-tracks),
            Defect::TrackJumpAnything => self.inner.jump(tracks).or(Ok(())),
            _ => self.inner.jump(tracks),
        };
        spoiled(self.defect, result)
    }

    fn seek(&mut self, address: Address) -> Result<()> {
        let result = match self.defect {
            Defect::SeekIgnored => self.inner.seek(address).or(Ok(())),
            Defect::SeekOvershoots => self.inner.seek(Address(address.0.saturating_add(100))),
            _ => self.inner.seek(address),
        };
        spoiled(self.defect, result)
    }

    fn address(&mut self) -> Result<Option<Address>> {
        let found = self.inner.address()?;
        Ok(match self.defect {
            Defect::AddressOffByOne => found.map(|a| Address(a.0 + 1)),
            Defect::AddressRemembered => {
                self.address = found.or(self.address);
                Some(self.address.unwrap_or(Address(0x3_0000)))
            }
            Defect::AddressStuck => found.map(|now| *self.address.get_or_insert(now)),
            _ => found,
        })
    }

    fn status(&mut self) -> Result<TrackingStatus> {
        let mut status = self.inner.status()?;
        let flags = &mut status.flags;
        match self.defect {
            Defect::TrackingMovesForever => flags.insert(TrackingFlags::MOVING),
            Defect::TrackingFailedSticks if flags.contains(TrackingFlags::LOCKED) => {
                flags.insert(TrackingFlags::FAILED);
            }
            Defect::TrackingLostForgotten => flags.remove(TrackingFlags::LOST),
            Defect::CrossingsNotCounted => status.crossings = 0,
            _ => {}
        }
        Ok(status)
    }
}
