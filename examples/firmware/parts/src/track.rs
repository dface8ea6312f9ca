//! The tracking servo.

use disc_hal::hal::{
    Address, Error, ErrorKind, Nanometres, Part, Polarity, Result, Source, TrackingFlags, TrackingMethod,
    TrackingServo, TrackingSpec, TrackingStatus,
};

use crate::disc;
use crate::world::{Lens, Loop, World};

/// Time that a pull-in takes, nanoseconds.
const PULL_IN_NS: u64 = 5_000_000;
/// Time that a jump or a seek takes at least, and for each track.
const FLIGHT_NS: u64 = 3_000_000;
const TRACK_NS: u64 = 20_000;
/// Longest seek.
const SEEK_NS: u64 = 300_000_000;

/// The tracking servo of the world, for one source, on push-pull.
#[derive(Debug)]
pub struct Tracking<'w> {
    world: &'w World,
    spec: TrackingSpec,
}

const fn error(kind: ErrorKind) -> Error {
    Error::new(Part::Tracking, kind)
}

impl<'w> Tracking<'w> {
    /// That of `world`.
    pub fn new(world: &'w World) -> Self {
        let spec = TrackingSpec {
            push_pull: true,
            offset_max: Nanometres(100),
            offset_step: Nanometres(10),
            jump_max: 1_000,
            ..TrackingSpec::default()
        };
        Self { world, spec }
    }

    fn fly(&mut self, way: impl FnOnce(u64, i32) -> Result<u64>) -> Result<()> {
        let mut state = self.world.state();
        let Loop::Closed { polarity } = state.tracking else { return Err(error(ErrorKind::WrongState)) };
        let place = way(state.place, state.radius)?;
        let radii = disc::RADII_NM.0..=disc::RADII_NM.1;
        let radius = disc::radius(place);
        if !radii.contains(&radius) {
            return Err(error(ErrorKind::OutOfRange));
        }
        let tracks = u64::from(radius.abs_diff(state.radius)) / disc::PITCH_NM;
        let until = state.now + (FLIGHT_NS + tracks * TRACK_NS).min(SEEK_NS);
        state.open_tracking();
        state.track_flags = TrackingFlags::empty();
        state.tracking = Loop::Flight { until, polarity, place };
        state.settle();
        Ok(())
    }
}

impl TrackingServo for Tracking<'_> {
    fn spec(&self) -> &TrackingSpec {
        &self.spec
    }

    fn engage(&mut self, source: Source, method: TrackingMethod, polarity: Polarity) -> Result<()> {
        if source != Source(0) {
            return Err(error(ErrorKind::InvalidArgument));
        }
        if method != TrackingMethod::PushPull {
            return Err(error(ErrorKind::NotSupported));
        }
        let mut state = self.world.state();
        if state.lens != Lens::Closed {
            return Err(error(ErrorKind::FocusLost));
        }
        state.open_tracking();
        state.track_flags = TrackingFlags::empty();
        state.tracking = Loop::PullIn { until: state.now + PULL_IN_NS, polarity };
        state.settle();
        Ok(())
    }

    fn release(&mut self) -> Result<()> {
        let mut state = self.world.state();
        state.open_tracking();
        state.track_flags = TrackingFlags::empty();
        state.settle();
        Ok(())
    }

    fn set_offset(&mut self, offset: Nanometres) -> Result<Nanometres> {
        if offset.0.unsigned_abs() > self.spec.offset_max.0.unsigned_abs() {
            return Err(error(ErrorKind::OutOfRange));
        }
        let applied = offset.0 / self.spec.offset_step.0 * self.spec.offset_step.0;
        let mut state = self.world.state();
        state.track_offset = applied;
        state.settle();
        Ok(Nanometres(applied))
    }

    fn jump(&mut self, tracks: i32) -> Result<()> {
        if !self.world.state().is_tracking() {
            return Err(error(ErrorKind::WrongState));
        }
        if tracks.unsigned_abs() > self.spec.jump_max {
            return Err(error(ErrorKind::OutOfRange));
        }
        self.fly(|place, radius| {
            let way = i64::from(tracks) * disc::turn(radius).cast_signed();
            place.checked_add_signed(way).ok_or(error(ErrorKind::OutOfRange))
        })
    }

    fn seek(&mut self, address: Address) -> Result<()> {
        self.fly(|_, _| {
            let place = u64::from(address.0) * disc::SECTOR_NM;
            let ends = disc::place(disc::RADII_NM.0)..=disc::place(disc::RADII_NM.1);
            if !ends.contains(&place) {
                return Err(error(ErrorKind::NoAddress));
            }
            // A turn before it, and a sector in which its own address can be read.
            let short = disc::turn(disc::radius(place)) + disc::SECTOR_NM;
            Ok(place.saturating_sub(short).max(*ends.start()))
        })
    }

    fn address(&mut self) -> Result<Option<Address>> {
        let state = self.world.state();
        let on_groove = matches!(state.tracking, Loop::Closed { polarity: Polarity::Rising });
        let readable = state.is_locked() && on_groove && state.speed > 0;
        let sector = u32::try_from(state.place / disc::SECTOR_NM).unwrap_or(u32::MAX);
        Ok(readable.then_some(Address(sector)))
    }

    fn status(&mut self) -> Result<TrackingStatus> {
        let state = self.world.state();
        let mut flags = state.track_flags;
        flags.set(TrackingFlags::MOVING, matches!(state.tracking, Loop::PullIn { .. } | Loop::Flight { .. }));
        flags.set(TrackingFlags::LOCKED, state.is_locked());
        Ok(TrackingStatus { flags, crossings: state.crossings() })
    }
}
