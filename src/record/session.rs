//! A session: a bench, a medium, and someone who watches.

use core::fmt;

use super::error::{RecordError, Stage, Written};
use super::guard;
use super::observer::Observer;
use super::options::Options;
use super::problem::Problem;
use super::summary::{FocusSurvey, TrackingLock};
use crate::hal::{Address, Bench, MicrometresPerSecond, Microwatts, Nanometres, Source, SourceRole, SpindleFlags};
use crate::media::{Direction, Medium};

/// Radius of sector 030000h (ECMA-267, ECMA-359: the data zone begins at a
/// diameter of 48 mm).
const DATA_RADIUS_M: f64 = 24.0e-3;
/// Number of the sector at that radius.
const DATA_START: f64 = 196_608.0;
/// Bits of an address; an inward layer counts in their complement.
const ADDRESS_BITS: u32 = 0xFF_FFFF;
/// Channel bits of a sector.
pub(super) const SECTOR_BITS: u64 = 38_688;
/// Longest that turning the disc up or down may take.
const SPIN_MS: u64 = 30_000;
/// Longest that a move of the sled may take.
const SLED_MS: u64 = 10_000;

/// A bench with a disc, from spinning up to parking.
///
/// Whatever ends it (an error, a panic, dropping it), the lasers are switched
/// off, the electrodes made safe, the acquisition ended, the servos released and the
/// disc stopped, in this order. Every step that fails leaves the lasers dark and the
/// electrodes safe; the next step colours its layer and closes focus and tracking again.
pub struct Session<'s> {
    pub(super) bench: Bench<'s>,
    pub(super) medium: &'s Medium,
    pub(super) observer: &'s mut dyn Observer,
    pub(super) options: Options,
    /// The source that reads and writes.
    pub(super) source: Source,
    pub(super) read_power: Microwatts,
    pub(super) survey: Option<FocusSurvey>,
    /// How tracking is closed; `None` when it isn't.
    pub(super) lock: Option<TrackingLock>,
    pub(super) layer: Option<usize>,
    /// The layer that its electrodes colour; `None` where there are none, or none is coloured.
    pub(super) coloured: Option<usize>,
    pub(super) address: Option<Address>,
    pub(super) written: Option<Written>,
    parked: bool,
}

impl<'s> Session<'s> {
    /// Borrows a bench and touches nothing: for single steps.
    pub fn new(bench: Bench<'s>, medium: &'s Medium, options: Options, observer: &'s mut dyn Observer) -> Self {
        let spec = bench.lasers.spec();
        let index = spec.sources.iter().position(|s| s.role == SourceRole::Record).unwrap_or(0);
        let source = Source(u8::try_from(index).unwrap_or(0));
        let most = spec.sources.get(index).map_or(Microwatts::ZERO, |s| s.read_max);
        let read_power = medium.read_power.min(most);
        Self {
            bench,
            medium,
            observer,
            options,
            source,
            read_power,
            survey: None,
            lock: None,
            layer: None,
            coloured: None,
            address: None,
            written: None,
            parked: false,
        }
    }

    /// The same, with a survey made before and another read power: for those who
    /// close the loops many times on one disc.
    #[cfg(feature = "conformance")]
    pub(crate) fn resume(mut self, survey: Option<FocusSurvey>, read_power: Microwatts) -> Self {
        self.survey = survey;
        self.read_power = read_power;
        self
    }

    /// Ends the session and leaves the loops closed.
    #[cfg(feature = "conformance")]
    pub(crate) fn leave(mut self) -> Option<FocusSurvey> {
        self.parked = true;
        self.survey.take()
    }

    /// Searches focus on the disc at rest and turns it up; where electrodes choose the layer, that
    /// waits for [`go_to_layer`](Self::go_to_layer).
    ///
    /// # Errors
    /// No disc, another number of layers than the medium has, or an error of
    /// the bench; everything is parked then.
    pub fn open(
        bench: Bench<'s>,
        medium: &'s Medium,
        options: Options,
        observer: &'s mut dyn Observer,
    ) -> Result<Self, RecordError> {
        let mut session = Self::new(bench, medium, options, observer);
        session.begin()?;
        Ok(session)
    }

    /// Searches focus and turns the disc up. Where electrodes choose the layer there is nothing to be
    /// found before one is chosen: whoever goes to a layer does both then.
    pub(super) fn begin(&mut self) -> Result<(), RecordError> {
        if self.medium.is_electrochromic() {
            return Ok(());
        }
        self.survey()?;
        self.spin_up()
    }

    /// Moves the sled to the test area of the first layer and turns the disc
    /// up to the medium's speed.
    ///
    /// # Errors
    /// [`Problem::NoDisc`], [`Problem::Unsupported`] for a speed that the
    /// spindle hasn't, [`Problem::TimedOut`], or the bench's own.
    pub fn spin_up(&mut self) -> Result<(), RecordError> {
        self.step(Stage::SpinUp, 0, |s| {
            s.move_sled()?;
            s.turn(s.medium.velocity)
        })
    }

    /// Parks the bench: what dropping does, with its errors.
    ///
    /// # Errors
    /// The first error of the bench; the other parts are parked nevertheless.
    pub fn close(mut self) -> Result<(), RecordError> {
        self.parked = true;
        match guard::park(&mut self.bench) {
            Ok(()) => Ok(()),
            Err(error) => Err(self.fail(Stage::Park, error.into())),
        }
    }

    /// The last focus search.
    pub fn last_survey(&self) -> Option<&FocusSurvey> {
        self.survey.as_ref()
    }

    /// How tracking is closed; `None` when it isn't.
    pub fn lock(&self) -> Option<&TrackingLock> {
        self.lock.as_ref()
    }

    /// The medium.
    pub fn medium(&self) -> &Medium {
        self.medium
    }

    /// The bench, for steps of one's own. Whoever opens a loop or moves the
    /// sled calls [`go_to_layer`](Self::go_to_layer) before the next step.
    pub fn bench(&mut self) -> Bench<'_> {
        self.bench.reborrow()
    }

    /// A step: whatever fails in it leaves the lasers dark.
    pub(super) fn step<T>(
        &mut self,
        stage: Stage,
        total: u64,
        work: impl FnOnce(&mut Self) -> Result<T, Problem>,
    ) -> Result<T, RecordError> {
        self.observer.started(stage, total);
        let unleased = self.bench.electrodes.as_ref().is_some_and(|supply| !supply.spec().keeps_lease);
        if unleased && !self.options.without_lease {
            return Err(self.fail(stage, Problem::NoLease));
        }
        match work(self) {
            Ok(value) => {
                self.observer.finished(stage);
                Ok(value)
            }
            Err(problem) => Err(self.fail(stage, problem)),
        }
    }

    pub(super) fn fail(&mut self, stage: Stage, problem: Problem) -> RecordError {
        let (light, electrodes) = guard::dark(&mut self.bench);
        // Without light there is neither focus nor tracking, and the electrodes are in their safe state.
        self.lock = None;
        self.coloured = None;
        RecordError::new(stage, self.layer, self.address, problem, self.written, light).with_electrodes(electrodes)
    }

    /// Whether the user wants to stop.
    pub(super) fn go_on(&self) -> Result<(), Problem> {
        if self.observer.cancelled() { Err(Problem::Cancelled) } else { Ok(()) }
    }

    /// Asks `poll` every `every_us` until it has an answer, for at most `budget_ms`.
    pub(super) fn wait<T>(
        &mut self,
        what: &'static str,
        budget_ms: u64,
        every_us: u32,
        mut poll: impl FnMut(&mut Self) -> Result<Option<T>, Problem>,
    ) -> Result<T, Problem> {
        let mut left = budget_ms * 1000;
        loop {
            self.go_on()?;
            if let Some(value) = poll(self)? {
                return Ok(value);
            }
            if left == 0 {
                return Err(Problem::TimedOut { what, ms: budget_ms });
            }
            let pause = u64::from(every_us.max(1)).min(left);
            self.bench.delay.delay_us(pause as u32);
            left -= pause;
        }
    }

    /// Turns the disc at `velocity`; zero stops it.
    pub(super) fn turn(&mut self, velocity: MicrometresPerSecond) -> Result<(), Problem> {
        let spec = *self.bench.spindle.spec();
        let stop = velocity == MicrometresPerSecond::ZERO;
        if !stop && !(spec.velocity_min..=spec.velocity_max).contains(&velocity) {
            return Err(Problem::Unsupported(format!(
                "the medium needs {velocity} and the spindle does {} to {}",
                spec.velocity_min, spec.velocity_max
            )));
        }
        if !self.bench.spindle.status()?.flags.contains(SpindleFlags::DISC_PRESENT) {
            return Err(Problem::NoDisc);
        }
        self.bench.spindle.set_velocity(velocity)?;
        let what = if stop { "stopping the disc" } else { "reaching the speed" };
        self.wait(what, SPIN_MS, 10_000, |s| {
            let flags = s.bench.spindle.status()?.flags;
            let there =
                if stop { !flags.contains(SpindleFlags::SPINNING) } else { flags.contains(SpindleFlags::AT_SPEED) };
            Ok(there.then_some(()))
        })
    }

    /// Moves the sled, with tracking open, to the test area of the first layer.
    pub(super) fn move_sled(&mut self) -> Result<(), Problem> {
        let layout = &self.medium.layers.first().ok_or_else(|| no_layer(0))?.layout;
        let radius = self.radius(Address(layout.test.first));
        self.bench.tracking.release()?;
        self.lock = None;
        self.bench.spindle.move_to(radius)?;
        self.wait("the move of the sled", SLED_MS, 5_000, |s| {
            let moving = s.bench.spindle.status()?.flags.contains(SpindleFlags::SLED_MOVING);
            Ok((!moving).then_some(()))
        })
    }

    /// Radius of an address, within what the sled can reach.
    fn radius(&self, address: Address) -> Nanometres {
        let outwards = match self.medium.layers.get(self.layer_of(address)).map(|l| l.layout) {
            Some(layout) if layout.direction == Direction::Inwards => ADDRESS_BITS - (address.0 & ADDRESS_BITS),
            Some(layout) => address.0.saturating_sub(layout.origin),
            None => address.0,
        };
        let sector = SECTOR_BITS as f64 * self.medium.channel_bit();
        let pitch = f64::from(self.medium.track_pitch.0) * 1e-9;
        let area = (f64::from(outwards) - DATA_START) * sector * pitch / core::f64::consts::PI;
        let metres = (DATA_RADIUS_M * DATA_RADIUS_M + area).max(0.0).sqrt();
        let spec = self.bench.spindle.spec();
        Nanometres(((metres * 1e9) as i32).clamp(spec.radius_min.0, spec.radius_max.0.max(spec.radius_min.0)))
    }

    /// The layer that an address belongs to: the one whose areas hold it, else
    /// by its top bit, which is set on a layer that counts inwards.
    pub(super) fn layer_of(&self, address: Address) -> usize {
        let layers = &self.medium.layers;
        if self.medium.is_electrochromic() {
            return layers.iter().rposition(|l| l.layout.origin <= address.0).unwrap_or(0);
        }
        let holds = |l: &crate::media::Layer| l.layout.test.contains(address) || l.layout.data.contains(address);
        let inwards = address.0 & 0x80_0000 != 0;
        layers
            .iter()
            .position(holds)
            .or_else(|| layers.iter().position(|l| (l.layout.direction == Direction::Inwards) == inwards))
            .unwrap_or(0)
    }

    /// The layout of a layer.
    pub(super) fn layout(&self, layer: usize) -> Result<crate::media::Layout, Problem> {
        Ok(self.medium.layers.get(layer).ok_or_else(|| no_layer(layer))?.layout)
    }
}

fn no_layer(layer: usize) -> Problem {
    Problem::InvalidJob(format!("the medium has no layer {layer}: layers count from 0, nearest to the light first"))
}

impl Drop for Session<'_> {
    fn drop(&mut self) {
        if !self.parked {
            // Nobody is left to tell; `close` tells.
            let _ignored = guard::park(&mut self.bench);
        }
    }
}

impl fmt::Debug for Session<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("medium", &self.medium.name)
            .field("layer", &self.layer)
            .field("lock", &self.lock)
            .finish_non_exhaustive()
    }
}
