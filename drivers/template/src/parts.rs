//! STEP 4: which command does what. What the specs forbid is refused here, with their
//! `check_...`; what depends on the state the tester is in, it refuses itself.

use disc_hal::hal::{
    Acquisition, Address, Bench, Chunk, DetectorSpec, Error, ErrorKind, FocusCapture, FocusFlags, FocusServo,
    FocusSpec, FocusStatus, LaserArraySpec, MicrometresPerSecond, Nanometres, Part, Photodetector, Polarity, Result,
    Source, SpindleFlags, SpindleSpec, SpindleStatus, TrackingFlags, TrackingMethod, TrackingServo, TrackingSpec,
    TrackingStatus,
};
use disc_hal::safety::Guarded;
use embedded_hal::delay::DelayNs;

use crate::board::{Board, Command};
use crate::lasers::{Lasers, trigger};
use crate::specs;

/// A tester that answers what can't be is broken.
pub(crate) fn broken(command: Command) -> Error {
    Error::new(command.part(), ErrorKind::Fault)
}

/// A number of an answer in the contract's type.
pub(crate) fn number<T: TryFrom<i64>>(command: Command, number: i64) -> Result<T> {
    T::try_from(number).map_err(|_| broken(command))
}

/// All parts of the tester.
#[derive(Debug)]
pub struct Parts<B> {
    lasers: Guarded<Lasers<B>>,
    focus: Focus<B>,
    tracking: Tracking<B>,
    detector: Detector<B>,
    spindle: Spindle<B>,
}

impl<B: Board> Parts<B> {
    /// The parts at the other end of `board`. `boot` is another number at each start.
    pub fn new(board: &B, boot: u32) -> Self {
        let sources = specs::lasers();
        Self {
            lasers: Guarded::new(Lasers::new(board.clone()), &sources, boot),
            focus: Focus { board: board.clone(), sources },
            tracking: Tracking { board: board.clone(), sources },
            detector: Detector { board: board.clone(), spec: specs::detector() },
            spindle: Spindle { board: board.clone() },
        }
    }

    /// Borrows them.
    pub fn bench<'b>(&'b mut self, delay: &'b mut dyn DelayNs) -> Bench<'b> {
        let Self { lasers, focus, tracking, detector, spindle } = self;
        Bench::new(lasers, focus, tracking, detector, spindle, delay)
    }
}

/// The focus servo.
#[derive(Debug)]
pub struct Focus<B> {
    board: B,
    sources: LaserArraySpec,
}

impl<B: Board> FocusServo for Focus<B> {
    fn spec(&self) -> &FocusSpec {
        &specs::FOCUS
    }

    fn sweep(&mut self, from: Nanometres, to: Nanometres, speed: MicrometresPerSecond) -> Result<()> {
        specs::FOCUS.check_sweep(from, to, speed)?;
        self.board.call(Command::Sweep, &[from.0.into(), to.0.into(), speed.0.into()]).map(|_| ())
    }

    fn engage(&mut self, source: Source, c: &FocusCapture) -> Result<()> {
        self.sources.source(source, Part::Focus)?;
        specs::FOCUS.check_capture(c)?;
        let (start, end, speed) = (c.start.0.into(), c.end.0.into(), c.speed.0.into());
        let numbers = [source.0.into(), start, end, speed, c.threshold.into(), c.sum_min.into()];
        self.board.call(Command::FocusOn, &numbers).map(|_| ())
    }

    fn release(&mut self) -> Result<()> {
        // The contract opens tracking with it; this tester doesn't by itself.
        self.board.call(Command::TrackOff, &[])?;
        self.board.call(Command::FocusOff, &[]).map(|_| ())
    }

    fn set_offset(&mut self, offset: Nanometres) -> Result<Nanometres> {
        let offset = specs::FOCUS.check_offset(offset)?;
        let [applied, ..] = self.board.call(Command::FocusOffset, &[offset.0.into()])?;
        Ok(Nanometres(number(Command::FocusOffset, applied)?))
    }

    fn jump(&mut self, layers: i8) -> Result<()> {
        specs::FOCUS.check_jump(layers)?;
        self.board.call(Command::FocusJump, &[layers.into()]).map(|_| ())
    }

    fn status(&mut self) -> Result<FocusStatus> {
        let [flags, position, ..] = self.board.call(Command::FocusStatus, &[])?;
        Ok(FocusStatus {
            // The bits of this tester happen to be those of the contract.
            flags: FocusFlags::from_bits_truncate(number(Command::FocusStatus, flags)?),
            position: Nanometres(number(Command::FocusStatus, position)?),
        })
    }
}

/// The tracking servo.
#[derive(Debug)]
pub struct Tracking<B> {
    board: B,
    sources: LaserArraySpec,
}

impl<B: Board> TrackingServo for Tracking<B> {
    fn spec(&self) -> &TrackingSpec {
        &specs::TRACKING
    }

    fn engage(&mut self, source: Source, method: TrackingMethod, polarity: Polarity) -> Result<()> {
        self.sources.source(source, Part::Tracking)?;
        specs::TRACKING.check_method(method)?;
        let method = match method {
            TrackingMethod::PushPull => 0,
            TrackingMethod::DifferentialPushPull => 1,
            _ => 2,
        };
        let falling = i64::from(polarity == Polarity::Falling);
        self.board.call(Command::TrackOn, &[source.0.into(), method, falling]).map(|_| ())
    }

    fn release(&mut self) -> Result<()> {
        self.board.call(Command::TrackOff, &[]).map(|_| ())
    }

    fn set_offset(&mut self, offset: Nanometres) -> Result<Nanometres> {
        let offset = specs::TRACKING.check_offset(offset)?;
        let [applied, ..] = self.board.call(Command::TrackOffset, &[offset.0.into()])?;
        Ok(Nanometres(number(Command::TrackOffset, applied)?))
    }

    fn jump(&mut self, tracks: i32) -> Result<()> {
        specs::TRACKING.check_jump(tracks)?;
        self.board.call(Command::TrackJump, &[tracks.into()]).map(|_| ())
    }

    fn seek(&mut self, address: Address) -> Result<()> {
        self.board.call(Command::Seek, &[address.0.into()]).map(|_| ())
    }

    fn address(&mut self) -> Result<Option<Address>> {
        match self.board.call(Command::Address, &[])? {
            [-1, ..] => Ok(None),
            [address, ..] => Ok(Some(Address(number(Command::Address, address)?))),
        }
    }

    fn status(&mut self) -> Result<TrackingStatus> {
        let [flags, crossings, ..] = self.board.call(Command::TrackStatus, &[])?;
        Ok(TrackingStatus {
            flags: TrackingFlags::from_bits_truncate(number(Command::TrackStatus, flags)?),
            crossings: number(Command::TrackStatus, crossings)?,
        })
    }
}

/// The photodetector.
#[derive(Debug)]
pub struct Detector<B> {
    board: B,
    spec: DetectorSpec,
}

impl<B: Board> Photodetector for Detector<B> {
    fn spec(&self) -> &DetectorSpec {
        &self.spec
    }

    fn arm(&mut self, acquisition: &Acquisition) -> Result<()> {
        self.spec.check(acquisition)?;
        let unable = Error::new(Part::Detector, ErrorKind::NotSupported);
        let [kind, address] = trigger(acquisition.trigger).ok_or(unable)?;
        let length = i64::try_from(acquisition.length).map_err(|_| unable)?;
        let (channels, rate) = (acquisition.channels.bits().into(), acquisition.rate.0.into());
        self.board.call(Command::Acquire, &[channels, rate, length, kind, address]).map(|_| ())
    }

    fn read(&mut self, samples: &mut [i16]) -> Result<Chunk> {
        self.board.samples(samples)
    }

    fn stop(&mut self) -> Result<()> {
        self.board.call(Command::AcquireStop, &[]).map(|_| ())
    }
}

/// The spindle and the sled.
#[derive(Debug)]
pub struct Spindle<B> {
    board: B,
}

impl<B: Board> disc_hal::hal::Spindle for Spindle<B> {
    fn spec(&self) -> &SpindleSpec {
        &specs::SPINDLE
    }

    fn set_velocity(&mut self, velocity: MicrometresPerSecond) -> Result<MicrometresPerSecond> {
        specs::SPINDLE.check_velocity(velocity)?;
        let [held, ..] = self.board.call(Command::Velocity, &[velocity.0.into()])?;
        Ok(MicrometresPerSecond(number(Command::Velocity, held)?))
    }

    fn move_to(&mut self, radius: Nanometres) -> Result<()> {
        specs::SPINDLE.check_radius(radius)?;
        self.board.call(Command::MoveTo, &[radius.0.into()]).map(|_| ())
    }

    fn status(&mut self) -> Result<SpindleStatus> {
        let [flags, velocity, radius, _] = self.board.call(Command::SpindleStatus, &[])?;
        Ok(SpindleStatus {
            flags: SpindleFlags::from_bits_truncate(number(Command::SpindleStatus, flags)?),
            velocity: MicrometresPerSecond(number(Command::SpindleStatus, velocity)?),
            radius: Nanometres(number(Command::SpindleStatus, radius)?),
        })
    }
}
