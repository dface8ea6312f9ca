//! The laser, its limits, and the shots that it fires.

use std::collections::VecDeque;

use disc_hal::hal::{
    AbortCause, Error, ErrorKind, Few, Hertz, LaserArraySpec, LaserStatus, Microwatts, Nanojoules, Nanometres, Outcome,
    Outputs, Part, Result, ShotClock, ShotId, ShotPlan, SourceRole, SourceSpec, WriteStrategy,
};

/// Run lengths that a shot can hold.
const BUFFER_RUNS: u32 = 1 << 18;

/// Shots at a time.
const QUEUE: u8 = 2;

pub(crate) fn spec() -> LaserArraySpec {
    let source = SourceSpec {
        wavelength: Nanometres(650),
        aperture_milli: (crate::APERTURE * 1e3) as u16,
        role: SourceRole::Record,
        along: Nanometres::ZERO,
        across: Nanometres::ZERO,
        read_max: Microwatts(1_200),
        write_max: Microwatts(60_000),
        step: Microwatts(10),
    };
    LaserArraySpec {
        sources: Few::from_slice(&[source]).unwrap_or_default(),
        total_max: Microwatts(60_000),
        buffer_runs: BUFFER_RUNS,
        queue: QUEUE,
        clock_min: Hertz(10_000_000),
        clock_max: Hertz(60_000_000),
        energy_max: Nanojoules(2_000_000_000),
    }
}

fn error(kind: ErrorKind) -> Error {
    Error::new(Part::Laser, kind)
}

/// Where a shot stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Begun; perhaps armed with this nonce.
    Begun { nonce: Option<u64> },
    /// Waits for its trigger.
    Waiting,
    /// Emits.
    Writing,
    /// Over.
    Over(Outcome),
}

/// A shot and what it still has to write.
#[derive(Debug)]
pub(crate) struct Shot {
    pub(crate) id: ShotId,
    pub(crate) plan: ShotPlan,
    pub(crate) strategy: WriteStrategy,
    pub(crate) phase: Phase,
    /// Run lengths not yet written.
    pub(crate) runs: VecDeque<u8>,
    /// Channel bits fed so far.
    pub(crate) fed: u64,
    /// Channel bits of the runs that have been taken out of `runs`.
    pub(crate) taken: u64,
    /// Channel bits emitted.
    pub(crate) at: f64,
    /// Energy emitted, in nanojoules.
    pub(crate) energy: f64,
    /// Whether the next run is a mark.
    pub(crate) mark: bool,
    /// Lengths of the run before, and of the one before that.
    pub(crate) before: [u8; 2],
    /// Place of the shot's start, in channel bits on the layer, once it has begun.
    pub(crate) origin: f64,
    /// Where it will begin, in the same, once its trigger has come.
    pub(crate) start: Option<f64>,
}

impl Shot {
    /// Channel clock in hertz if fixed; `None` if locked to the groove.
    pub(crate) fn fixed_clock(&self) -> Option<f64> {
        match self.plan.clock {
            ShotClock::Fixed(f) => Some(f64::from(f.0)),
            _ => None,
        }
    }

    fn place(&self) -> u64 {
        (self.at as u64).min(self.plan.length)
    }

    pub(crate) fn outcome(&self) -> Outcome {
        match self.phase {
            Phase::Begun { .. } | Phase::Waiting => Outcome::Pending,
            Phase::Writing => Outcome::Running { at: self.place() },
            Phase::Over(outcome) => outcome,
        }
    }

    pub(crate) fn is_open(&self) -> bool {
        !matches!(self.phase, Phase::Over(_))
    }

    /// Ends it early.
    pub(crate) fn abort(&mut self, cause: AbortCause) {
        let outcome = match self.phase {
            Phase::Writing => Outcome::Aborted { at: self.place(), cause },
            Phase::Begun { .. } | Phase::Waiting => Outcome::NotDone,
            Phase::Over(outcome) => outcome,
        };
        self.phase = Phase::Over(outcome);
        self.runs.clear();
    }
}

/// The laser and its shots.
#[derive(Debug)]
pub(crate) struct Lasers {
    pub(crate) spec: LaserArraySpec,
    /// Constant power.
    pub(crate) power: Microwatts,
    pub(crate) strategy: Option<WriteStrategy>,
    pub(crate) shots: VecDeque<Shot>,
    pub(crate) trips: LaserStatus,
    next_id: u64,
    next_nonce: u64,
}

impl Lasers {
    pub(crate) fn new() -> Self {
        Self {
            spec: spec(),
            power: Microwatts::ZERO,
            strategy: None,
            shots: VecDeque::new(),
            trips: LaserStatus::empty(),
            next_id: 1,
            next_nonce: 1,
        }
    }

    fn dark_if_tripped(&self) -> Result<()> {
        if self.trips.contains(LaserStatus::TRIPPED) {
            return Err(error(ErrorKind::Tripped).with_outputs(Outputs::Off));
        }
        Ok(())
    }

    pub(crate) fn set_power(&mut self, power: Microwatts) -> Result<Microwatts> {
        let source = &self.spec.sources[0];
        if power > source.read_max {
            return Err(error(ErrorKind::OutOfRange));
        }
        if power > Microwatts::ZERO {
            self.dark_if_tripped()?;
        }
        let step = source.step.0;
        self.power = Microwatts((power.0 + step / 2) / step * step).min(source.read_max);
        Ok(self.power)
    }

    pub(crate) fn load(&mut self, strategy: &WriteStrategy) -> Result<()> {
        let source = &self.spec.sources[0];
        if strategy.peak > source.write_max || strategy.bias > source.read_max {
            return Err(error(ErrorKind::OutOfRange));
        }
        if strategy.top.contains(&0) || strategy.peak <= strategy.bias {
            return Err(error(ErrorKind::InvalidArgument));
        }
        let step = source.step.0;
        let rounded = |p: Microwatts| Microwatts((p.0 + step / 2) / step * step);
        self.strategy = Some(WriteStrategy { peak: rounded(strategy.peak), bias: rounded(strategy.bias), ..*strategy });
        Ok(())
    }

    pub(crate) fn begin(&mut self, plan: &ShotPlan) -> Result<ShotId> {
        let [spot] = &*plan.spots else { return Err(error(ErrorKind::InvalidArgument)) };
        if usize::from(spot.source.0) >= self.spec.sources.len() || plan.length == 0 {
            return Err(error(ErrorKind::InvalidArgument));
        }
        let strategy = self.strategy.ok_or(error(ErrorKind::InvalidArgument))?;
        let clock = plan.clock.nominal();
        let clock_fits = (self.spec.clock_min..=self.spec.clock_max).contains(&clock);
        if !clock_fits || plan.energy_max > self.spec.energy_max || spot.delay.0 < 0 {
            return Err(error(ErrorKind::OutOfRange));
        }
        // Ended shots make room, the oldest first; their outcomes stay known until then.
        while self.shots.len() > 16 && self.shots.front().is_some_and(|s| !s.is_open()) {
            self.shots.pop_front();
        }
        if self.shots.iter().filter(|s| s.is_open()).count() >= usize::from(QUEUE) {
            return Err(error(ErrorKind::Full));
        }
        let id = ShotId(self.next_id);
        self.next_id += 1;
        self.shots.push_back(Shot {
            id,
            plan: *plan,
            strategy,
            phase: Phase::Begun { nonce: None },
            runs: VecDeque::new(),
            fed: 0,
            taken: 0,
            at: 0.0,
            energy: 0.0,
            mark: false,
            before: [0, 0],
            origin: 0.0,
            start: None,
        });
        Ok(id)
    }

    pub(crate) fn shot(&mut self, id: ShotId) -> Result<&mut Shot> {
        self.shots.iter_mut().find(|s| s.id == id).ok_or(error(ErrorKind::InvalidArgument))
    }

    /// How a shot stands; those that made room for others are forgotten.
    pub(crate) fn outcome(&self, id: ShotId) -> Result<Outcome> {
        match self.shots.iter().find(|s| s.id == id) {
            Some(shot) => Ok(shot.outcome()),
            None if (1..self.next_id).contains(&id.0) => Ok(Outcome::Unknown),
            None => Err(error(ErrorKind::InvalidArgument)),
        }
    }

    pub(crate) fn feed(&mut self, id: ShotId, runs: &[u8]) -> Result<usize> {
        if runs.contains(&0) {
            return Err(error(ErrorKind::InvalidArgument));
        }
        let shot = self.shot(id)?;
        if !shot.is_open() {
            return Err(error(ErrorKind::WrongState));
        }
        let bits = |runs: &[u8]| runs.iter().map(|&r| u64::from(r)).sum::<u64>();
        if shot.fed + bits(runs) > shot.plan.length {
            return Err(error(ErrorKind::OutOfRange));
        }
        let room = (BUFFER_RUNS as usize).saturating_sub(shot.runs.len());
        let taken = runs.get(..room).unwrap_or(runs);
        shot.fed += bits(taken);
        shot.runs.extend(taken);
        Ok(taken.len())
    }

    pub(crate) fn arm(&mut self, id: ShotId) -> Result<(u64, u64)> {
        self.dark_if_tripped()?;
        let nonce = self.next_nonce;
        self.next_nonce += 1;
        let shot = self.shot(id)?;
        match shot.phase {
            Phase::Begun { .. } if shot.fed > 0 => {
                shot.phase = Phase::Begun { nonce: Some(nonce) };
                Ok((shot.plan.hash(), nonce))
            }
            _ => Err(error(ErrorKind::WrongState)),
        }
    }

    pub(crate) fn fire(&mut self, id: ShotId, plan: u64, nonce: u64) -> Result<()> {
        self.dark_if_tripped()?;
        let shot = self.shot(id).map_err(|_| error(ErrorKind::StaleToken))?;
        if shot.phase != (Phase::Begun { nonce: Some(nonce) }) || shot.plan.hash() != plan {
            return Err(error(ErrorKind::StaleToken));
        }
        shot.phase = Phase::Waiting;
        Ok(())
    }

    /// The shot that emits, or else the first that waits.
    pub(crate) fn active(&mut self) -> Option<&mut Shot> {
        let writing = self.shots.iter().position(|s| s.phase == Phase::Writing);
        let index = writing.or_else(|| self.shots.iter().position(|s| s.phase == Phase::Waiting))?;
        self.shots.get_mut(index)
    }

    pub(crate) fn is_writing(&self) -> bool {
        self.shots.iter().any(|s| s.phase == Phase::Writing)
    }

    /// Dark at once; a shot that emits ends with `cause`, those that wait never happen.
    pub(crate) fn trip(&mut self, cause: AbortCause) {
        self.end_shots(cause);
        self.power = Microwatts::ZERO;
        self.trips |= LaserStatus::TRIPPED
            | match cause {
                AbortCause::Focus => LaserStatus::TRIP_FOCUS,
                AbortCause::Tracking => LaserStatus::TRIP_TRACKING,
                AbortCause::Interlock => LaserStatus::TRIP_INTERLOCK,
                AbortCause::Lease => LaserStatus::TRIP_LEASE,
                AbortCause::Spindle => LaserStatus::TRIP_SPINDLE,
                _ => LaserStatus::TRIP_LIMIT,
            };
    }

    /// Light down to the read power; every open shot ends with `cause`.
    pub(crate) fn end_shots(&mut self, cause: AbortCause) {
        for shot in self.shots.iter_mut().filter(|s| s.is_open()) {
            shot.abort(cause);
        }
    }

    pub(crate) fn off(&mut self) {
        self.end_shots(AbortCause::Off);
        self.power = Microwatts::ZERO;
    }

    pub(crate) fn status(&self) -> LaserStatus {
        let mut status = self.trips;
        let has = |test: &dyn Fn(&Shot) -> bool| self.shots.iter().any(test);
        status.set(LaserStatus::ARMED, has(&|s| matches!(s.phase, Phase::Begun { nonce: Some(_) })));
        status.set(LaserStatus::FIRING, has(&|s| matches!(s.phase, Phase::Waiting | Phase::Writing)));
        status.set(LaserStatus::EMITTING, self.power > Microwatts::ZERO || self.is_writing());
        status
    }
}
