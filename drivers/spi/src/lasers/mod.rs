//! The laser array: currents, shutter, monitor, interlock and modulator together.

mod array;
mod config;
mod light;
mod shots;

use disc_hal::hal::{
    AbortCause, Error, ErrorKind, LaserArraySpec, LaserStatus, Microwatts, Outputs, Part, Result, Source, WriteStrategy,
};
use disc_hal::safety::Inputs;
use embedded_hal::delay::DelayNs;
use embedded_hal::digital::OutputPin;

pub use config::{LasersConfig, MonitorScale, SourceConfig};

use crate::chip::{Adc, Dac, Fault};
use crate::lines::Lines;
use crate::modulator::{Modulator, Progress, SLOTS};
use light::Light;
use shots::{Phase, Shot, Shots};

/// A [`LaserArray`](disc_hal::hal::LaserArray) of chips and pins.
///
/// | parameter | what | e.g. |
/// |---|---|---|
/// | `D` | currents, three channels for each source | [`Ad5686r`](crate::chip::Ad5686r) |
/// | `A` | monitor photodiodes | [`Ads8688`](crate::chip::Ads8688) |
/// | `P` | the shutter's pin: high is open; with a pull-down, it is closed at reset | a GPIO |
/// | `L` | interlock, key, lock signals | [`Pins`](crate::Pins) |
/// | `M` | pulses | [`SoftModulator`](crate::modulator::SoftModulator) |
/// | `W` | waits of some microseconds, for light and shutter to settle | a timer |
///
/// # What it looks after
///
/// - The shutter is closed, and all currents are zero, whenever nothing may be lit: from
///   the start, after [`off`](disc_hal::hal::LaserArray::off), after a trip. Either alone is dark.
/// - Every current that is set is read back from the DAC.
/// - Before the shutter opens for the first light, the monitor has to see none though the
///   current flows (a shutter stuck open), and after that the light it should (one stuck closed).
/// - Every [`poll`](Self::poll) compares monitors with what is commanded; some looks in a
///   row that differ are a trip, and so is a monitor that can't be read while there is light.
/// - An open interlock or key makes dark at the next poll and latches a trip if anything was
///   lit or armed; lost focus and tracking do in a shot.
/// - What fails on the bus makes dark, as far as it goes, and latches
///   [`TRIP_MONITOR`](LaserStatus::TRIP_MONITOR); the error's code says what it was ([`Fault::from_code`]).
///   What couldn't be made dark is tried again at every poll.
///
/// # Shots in a queue
///
/// Two shots whose sources have the same peak and bias follow each other without a gap: the
/// modulator has both. One with other levels has to wait for the DAC, and is handed over at the
/// first poll after the one ahead has ended; an index mark or an address that came before
/// that isn't its trigger any more.
#[derive(Debug)]
pub struct Lasers<D, A, P, L, M, W> {
    light: Light<D, A, P, W>,
    lines: L,
    modulator: M,
    spec: LaserArraySpec,
    shots: Shots,
    strategies: [Option<WriteStrategy>; 8],
    trips: LaserStatus,
    /// The lines at the last poll.
    levels: Inputs,
    /// What went wrong last.
    fault: Option<Fault>,
    /// A fault of light that the safety core hasn't been told yet.
    untold: bool,
    /// The monitors still don't agree.
    disagrees: bool,
    /// Something that should be dark couldn't be made so.
    owed: bool,
}

fn error(kind: ErrorKind) -> Error {
    Error::new(Part::Laser, kind)
}

impl<D: Dac, A: Adc, P: OutputPin, L: Lines, M: Modulator, W: DelayNs> Lasers<D, A, P, L, M, W> {
    /// Makes everything dark and proves it: the shutter is closed, every current is read
    /// back as zero, and no monitor sees light.
    ///
    /// # Errors
    /// `InvalidArgument` or `OutOfRange` for a configuration that doesn't agree with itself
    /// (channels used twice, powers beyond the DAC, steps finer than a code);
    /// `Fault` with a code ([`Fault::from_code`]) for what chips and pins say.
    pub fn new(config: LasersConfig, dac: D, adc: A, shutter: P, lines: L, modulator: M, delay: W) -> Result<Self> {
        let spec = config.spec(dac.channels(), &modulator);
        // Dark first, also where the configuration is none.
        let light = Light::new(config, dac, adc, shutter, delay);
        let mut lasers = Self {
            light,
            lines,
            modulator,
            spec: LaserArraySpec::default(),
            shots: Shots::new(config.first_shot),
            strategies: [None; 8],
            trips: LaserStatus::empty(),
            levels: Inputs::empty(),
            fault: None,
            untold: false,
            disagrees: false,
            owed: false,
        };
        lasers.douse(AbortCause::Off)?;
        lasers.spec = spec.map_err(|error| error.with_outputs(Outputs::Off))?;
        let proven = lasers.light.prove_dark();
        proven.map_err(|fault| fault.error(Part::Laser, Outputs::Off))?;
        lasers.levels = lasers.lines.levels();
        Ok(lasers)
    }

    /// Looks at lines, shots and monitors, and does what follows. Call it at every tick of
    /// the device half, a millisecond at the most: it is how fast an open interlock
    /// makes dark where hardware doesn't. Every call of the contract polls as well.
    ///
    /// It talks to the DAC only where something changes, and to the ADC once for each source.
    pub fn poll(&mut self) {
        if self.owed {
            let _again = self.douse(AbortCause::Off);
        }
        self.levels = self.lines.levels();
        self.follow();
        let lit = self.light.is_lit() || self.light.open || self.shots.is_hot();
        if self.is_interlock_open() && lit {
            self.trip(AbortCause::Interlock, LaserStatus::TRIP_INTERLOCK);
        }
        let fired = self.shots.fired().next().is_some();
        let losses = [
            (Inputs::FOCUS_LOST, AbortCause::Focus, LaserStatus::TRIP_FOCUS),
            (Inputs::TRACKING_LOST, AbortCause::Tracking, LaserStatus::TRIP_TRACKING),
            (Inputs::SPINDLE_OFF_SPEED, AbortCause::Spindle, LaserStatus::TRIP_SPINDLE),
        ];
        // All that is lost is latched, the first is the cause.
        for (input, cause, flag) in losses {
            if fired && self.levels.contains(input) {
                self.trip(cause, flag);
            }
        }
        let tidied = self.start_held().and_then(|()| self.tidy());
        if let Err(error) = tidied {
            let _told = self.fail_with(error);
        }
        self.look();
    }

    /// Polls, and says what the safety core wants to hear at every tick
    /// ([`Device::tick`](disc_hal::wire::Device::tick), [`Event::Inputs`](disc_hal::safety::Event)): the
    /// levels of the lines, those of the servos only while a shot would be spoilt, and
    /// `MONITOR_FAULT`, at least once for each fault.
    pub fn inputs(&mut self) -> Inputs {
        self.poll();
        let servos = Inputs::FOCUS_LOST | Inputs::TRACKING_LOST | Inputs::SPINDLE_OFF_SPEED;
        let mut inputs = self.levels;
        if self.shots.fired().next().is_none() {
            inputs.remove(servos);
        }
        inputs.set(Inputs::MONITOR_FAULT, self.untold || self.disagrees);
        self.untold = false;
        inputs
    }

    /// What went wrong last with a chip or a pin, since the last
    /// [`clear_trip`](disc_hal::hal::LaserArray::clear_trip).
    pub const fn fault(&self) -> Option<Fault> {
        self.fault
    }

    /// What makes the pulses, to be polled if it wants to be.
    pub const fn modulator(&mut self) -> &mut M {
        &mut self.modulator
    }

    fn is_interlock_open(&self) -> bool {
        self.levels.intersects(Inputs::INTERLOCK_OPEN | Inputs::KEY_OFF)
    }

    /// Compares monitors with what is commanded.
    fn look(&mut self) {
        let peaks = self.shots.peaks();
        let lit = self.light.is_lit() || self.shots.fired().next().is_some();
        match self.light.look(&peaks) {
            // A fault lasts until they agree again, not until they may differ again.
            Ok(agree) => self.disagrees &= !agree,
            // In the dark a blind monitor does no harm: light isn't allowed without it.
            Err(fault) if lit || fault.chip == crate::chip::Chip::Monitor => {
                self.disagrees = true;
                self.fail(fault);
            }
            Err(fault) => self.fault = Some(fault),
        }
    }

    /// What the modulator says of the shots, and what follows from it.
    fn follow(&mut self) {
        for slot in 0..SLOTS {
            if self.shots.get(slot).is_none_or(|shot| shot.phase != Phase::Started) {
                continue;
            }
            match self.modulator.progress(slot) {
                Ok(progress @ (Progress::Waiting | Progress::Writing { .. })) => {
                    if let Some(shot) = self.shots.get_mut(slot) {
                        shot.progress = progress;
                    }
                }
                Ok(progress) => {
                    self.shots.end(slot, AbortCause::Off, Some(progress));
                    if matches!(progress, Progress::Spent { .. }) {
                        self.trip(AbortCause::Limit, LaserStatus::TRIP_LIMIT);
                    }
                }
                Err(error) => {
                    let _told = self.fail_with(error);
                }
            }
        }
    }

    /// Starts shots that waited for the DAC.
    fn start_held(&mut self) -> Result<()> {
        for slot in 0..SLOTS {
            let Some(shot) = self.shots.get(slot).copied().filter(|s| s.phase == Phase::Held) else { continue };
            if self.may_start(&shot) {
                self.start(slot, &shot)?;
            }
        }
        Ok(())
    }

    /// Whether the DAC is free for a shot, or has its levels already.
    fn may_start(&self, shot: &Shot) -> bool {
        let mut ahead = self.shots.open.iter().flatten().filter(|s| s.phase == Phase::Started);
        ahead.all(|other| other.shares_levels(shot))
    }

    /// Puts the levels out and hands the shot to the modulator.
    fn start(&mut self, slot: u8, shot: &Shot) -> Result<()> {
        for spot in shot.spots.iter() {
            let strategy = &spot.strategy;
            let levelled = self.light.levels(spot.source, strategy.bias, strategy.peak);
            levelled.map_err(|fault| fault.error(Part::Laser, Outputs::Unknown))?;
        }
        self.modulator.start(slot)?;
        if let Some(shot) = self.shots.get_mut(slot) {
            shot.phase = Phase::Started;
        }
        Ok(())
    }

    /// Where no shot is fired: no levels, and without constant light no open shutter.
    fn tidy(&mut self) -> Result<()> {
        if self.shots.fired().next().is_some() {
            return Ok(());
        }
        let cleared = self.light.clear_levels();
        let shut = if self.light.open && !self.light.is_lit() { self.light.shut() } else { Ok(()) };
        cleared.and(shut).map_err(|fault| fault.error(Part::Laser, Outputs::Unknown))
    }

    /// Everything dark; open shots end because of `cause`.
    fn douse(&mut self, cause: AbortCause) -> Result<()> {
        let stopped = self.modulator.stop();
        for slot in 0..SLOTS {
            let fired = self.shots.get(slot).is_some_and(Shot::is_fired);
            let progress = if fired { self.modulator.progress(slot).ok() } else { None };
            self.shots.end(slot, cause, progress);
        }
        let (certain, dark) = self.light.dark();
        self.owed = stopped.is_err() || dark.is_err();
        let outputs = if certain { Outputs::Off } else { Outputs::Unknown };
        stopped.map_err(|error| error.with_outputs(outputs))?;
        dark.map_err(|fault| {
            self.fault = Some(fault);
            fault.error(Part::Laser, outputs)
        })
    }

    /// Dark until the trip is cleared.
    fn trip(&mut self, cause: AbortCause, flag: LaserStatus) {
        // What can't be made dark now is tried again at the next poll.
        let _owed = self.douse(cause);
        self.trips |= LaserStatus::TRIPPED | flag;
    }

    /// A chip or a pin failed: dark, tripped; the error to be told.
    fn fail(&mut self, fault: Fault) -> Error {
        self.fail_with(fault.error(Part::Laser, Outputs::Unknown))
    }

    fn fail_with(&mut self, error: Error) -> Error {
        if let Some(fault) = Fault::from_code(error.code) {
            self.fault = Some(fault);
        }
        self.untold = true;
        self.trips |= LaserStatus::TRIPPED | LaserStatus::TRIP_MONITOR;
        match self.douse(AbortCause::Limit) {
            Ok(()) => error.with_outputs(Outputs::Off),
            Err(dark) => error.with_outputs(dark.outputs),
        }
    }

    /// The code of what went wrong last; 0 for nothing.
    fn code(&self) -> u32 {
        self.fault.map_or(0, Fault::code)
    }

    /// A refusal because a shot is over: if a trip has ended it, perhaps within this call, the
    /// lasers are dark, and the code says what it was.
    fn over(&self, kind: ErrorKind) -> Error {
        let outputs = if self.trips.is_empty() { Outputs::Unchanged } else { Outputs::Off };
        error(kind).with_code(self.code()).with_outputs(outputs)
    }

    /// Whether light may be made at all.
    fn may_be_lit(&self) -> Result<()> {
        if self.is_interlock_open() {
            return Err(error(ErrorKind::Interlock).with_outputs(Outputs::Off));
        }
        if !self.trips.is_empty() {
            // If it was a chip, the code says which.
            return Err(error(ErrorKind::Tripped).with_outputs(Outputs::Off).with_code(self.code()));
        }
        Ok(())
    }

    /// The greatest sum of powers with these constant ones, beside armed and fired shots, in
    /// microwatts. In a shot its own sources count with their peaks; shots don't overlap.
    fn total(&self, powers: &[Microwatts; 8], more: Option<&Shot>) -> u64 {
        let others = |shot: Option<&Shot>| {
            let beside = (0..).zip(powers).filter(|(i, _)| shot.is_none_or(|s| s.spot(Source(*i)).is_none()));
            beside.map(|(_, p)| u64::from(p.0)).sum::<u64>() + shot.map_or(0, Shot::peak)
        };
        let hot = self.shots.open.iter().flatten().filter(|s| s.is_fired() || s.is_armed());
        hot.chain(more).map(|shot| others(Some(shot))).chain([others(None)]).max().unwrap_or(0)
    }
}
