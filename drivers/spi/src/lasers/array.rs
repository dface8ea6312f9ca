//! The calls of the contract.

use disc_hal::hal::{
    ArmToken, ErrorKind, Few, LaserArray, LaserArraySpec, LaserStatus, Microwatts, Outcome, Outputs, Part, Result,
    ShotClock, ShotId, ShotPlan, Source, WriteStrategy,
};
use disc_hal::safety::Inputs;
use embedded_hal::delay::DelayNs;
use embedded_hal::digital::OutputPin;

use super::shots::{Known, Phase};
use super::{Lasers, error};
use crate::chip::{Adc, Dac};
use crate::lines::Lines;
use crate::modulator::{Job, JobSpot, Modulator, Progress};

impl<D: Dac, A: Adc, P: OutputPin, L: Lines, M: Modulator, W: DelayNs> LaserArray for Lasers<D, A, P, L, M, W> {
    fn spec(&self) -> &LaserArraySpec {
        &self.spec
    }

    fn set_power(&mut self, source: Source, power: Microwatts) -> Result<Microwatts> {
        let config = *self.light.source(source).ok_or(error(ErrorKind::InvalidArgument))?;
        self.poll();
        if power > config.spec.read_max {
            return Err(error(ErrorKind::OutOfRange));
        }
        let power = config.rounded(power, config.spec.read_max);
        if power > Microwatts::ZERO {
            let mut powers = self.light.powers;
            if let Some(slot) = powers.get_mut(usize::from(source.0)) {
                *slot = power;
            }
            if self.total(&powers, None) > u64::from(self.spec.total_max.0) {
                return Err(error(ErrorKind::OutOfRange));
            }
            self.may_be_lit()?;
        }
        let peak = self.shots.peaks().get(usize::from(source.0)).copied().flatten();
        self.light.set(source, power, peak).map_err(|fault| self.fail(fault))?;
        self.tidy().map_err(|error| self.fail_with(error))?;
        Ok(power)
    }

    fn monitor(&mut self, source: Source) -> Result<Microwatts> {
        self.light.source(source).ok_or(error(ErrorKind::InvalidArgument))?;
        self.poll();
        self.light.monitor(source).map_err(|fault| fault.error(Part::Laser, Outputs::Unchanged))
    }

    fn load(&mut self, source: Source, strategy: &WriteStrategy) -> Result<()> {
        let config = self.light.source(source).ok_or(error(ErrorKind::InvalidArgument))?;
        let spec = config.spec;
        if strategy.peak > spec.write_max || strategy.bias > spec.read_max {
            return Err(error(ErrorKind::OutOfRange));
        }
        let peak = config.rounded(strategy.peak, spec.write_max);
        let bias = config.rounded(strategy.bias, spec.read_max);
        if strategy.top.contains(&0) || peak <= bias {
            return Err(error(ErrorKind::InvalidArgument));
        }
        if let Some(slot) = self.strategies.get_mut(usize::from(source.0)) {
            *slot = Some(WriteStrategy { peak, bias, ..*strategy });
        }
        Ok(())
    }

    fn begin(&mut self, plan: &ShotPlan) -> Result<ShotId> {
        self.poll();
        let refuse = |kind| Err(error(kind));
        if plan.spots.is_empty() || plan.length == 0 {
            return refuse(ErrorKind::InvalidArgument);
        }
        let mut spots: Few<JobSpot, 8> = Few::new();
        for spot in plan.spots.iter() {
            let loaded = self.strategies.get(usize::from(spot.source.0)).copied().flatten();
            let twice = spots.iter().any(|s| s.source == spot.source);
            let Some(strategy) = loaded.filter(|_| !twice) else { return refuse(ErrorKind::InvalidArgument) };
            if spot.delay.0 < 0 {
                return refuse(ErrorKind::OutOfRange);
            }
            let _fits = spots.push(JobSpot { source: spot.source, delay: spot.delay, strategy });
        }
        let clock = plan.clock.nominal();
        let peak: u64 = spots.iter().map(|s| u64::from(s.strategy.peak.0)).sum();
        let clock_fits = (self.spec.clock_min..=self.spec.clock_max).contains(&clock);
        if !clock_fits || plan.energy_max > self.spec.energy_max || peak > u64::from(self.spec.total_max.0) {
            return refuse(ErrorKind::OutOfRange);
        }
        if spots.len() > usize::from(self.modulator.spots()) {
            return refuse(ErrorKind::NotSupported);
        }
        let Some(slot) = self.shots.free_slot() else { return refuse(ErrorKind::Full) };
        // Peak power all the time, as the safety core counts: microwatts by bits over hertz
        // are microjoules.
        let bits = u128::from(plan.energy_max.0) * u128::from(clock.0) / (u128::from(peak) * 1_000).max(1);
        let job = Job {
            spots,
            trigger: plan.trigger,
            clock,
            groove: matches!(plan.clock, ShotClock::Groove(_)),
            length: plan.length,
            energy_ends: u64::try_from(bits).unwrap_or(u64::MAX),
        };
        self.modulator.load(slot, &job)?;
        self.shots.add(slot, plan, spots).ok_or(error(ErrorKind::Full))
    }

    fn feed(&mut self, shot: ShotId, source: Source, runs: &[u8]) -> Result<usize> {
        self.poll();
        let refuse = |kind| Err(error(kind));
        let slot = match self.shots.find(shot) {
            Known::Open(slot) => slot,
            Known::Over(_) | Known::Forgotten => return Err(self.over(ErrorKind::WrongState)),
            Known::Never => return refuse(ErrorKind::InvalidArgument),
        };
        let Some(open) = self.shots.get(slot).copied() else { return refuse(ErrorKind::InvalidArgument) };
        let Some((spot, _)) = open.spot(source) else { return refuse(ErrorKind::InvalidArgument) };
        if runs.contains(&0) {
            return refuse(ErrorKind::InvalidArgument);
        }
        let bits = |runs: &[u8]| runs.iter().map(|&r| u64::from(r)).sum::<u64>();
        let fed = open.fed.get(usize::from(spot)).copied().unwrap_or(0);
        if fed.saturating_add(bits(runs)) > open.plan.length {
            return refuse(ErrorKind::OutOfRange);
        }
        let taken = self.modulator.feed(slot, spot, runs)?;
        let part = runs.get(..taken).unwrap_or(runs);
        if let Some(slot) = self.shots.get_mut(slot).and_then(|s| s.fed.get_mut(usize::from(spot))) {
            *slot += bits(part);
        }
        Ok(part.len())
    }

    fn arm(&mut self, shot: ShotId) -> Result<ArmToken> {
        self.poll();
        let slot = match self.shots.find(shot) {
            Known::Open(slot) => slot,
            Known::Over(_) | Known::Forgotten => return Err(self.over(ErrorKind::WrongState)),
            Known::Never => return Err(error(ErrorKind::InvalidArgument)),
        };
        self.may_be_lit()?;
        let Some(open) = self.shots.get(slot).copied() else { return Err(error(ErrorKind::WrongState)) };
        let unfed = open.fed.iter().take(open.spots.len()).any(|&bits| bits == 0);
        if unfed || open.is_fired() {
            return Err(error(ErrorKind::WrongState));
        }
        let losses = [
            (Inputs::FOCUS_LOST, ErrorKind::FocusLost),
            (Inputs::TRACKING_LOST, ErrorKind::TrackingLost),
            (Inputs::SPINDLE_OFF_SPEED, ErrorKind::WrongState),
        ];
        if let Some((_, kind)) = losses.into_iter().find(|(input, _)| self.levels.contains(*input)) {
            return Err(error(kind));
        }
        if self.total(&self.light.powers, Some(&open)) > u64::from(self.spec.total_max.0) {
            return Err(error(ErrorKind::OutOfRange));
        }
        self.shots.arm(slot).ok_or(error(ErrorKind::Full))
    }

    fn fire(&mut self, token: ArmToken) -> Result<()> {
        self.poll();
        let Known::Open(slot) = self.shots.find(token.shot()) else { return Err(self.over(ErrorKind::StaleToken)) };
        let open = self.shots.get(slot).copied().filter(|shot| {
            shot.phase == Phase::Begun { nonce: Some(token.nonce()) } && shot.plan.hash() == token.plan()
        });
        let Some(open) = open else { return Err(error(ErrorKind::StaleToken)) };
        self.may_be_lit()?;
        // The token is used up, whatever comes of it.
        if let Some(shot) = self.shots.get_mut(slot) {
            shot.phase = Phase::Held;
        }
        self.light.open().map_err(|fault| self.fail(fault))?;
        if self.may_start(&open) {
            self.start(slot, &open).map_err(|error| self.fail_with(error))?;
        }
        Ok(())
    }

    fn outcome(&mut self, shot: ShotId) -> Result<Outcome> {
        self.poll();
        self.shots.outcome(shot).ok_or(error(ErrorKind::InvalidArgument))
    }

    fn status(&mut self) -> Result<LaserStatus> {
        self.poll();
        let mut status = self.trips;
        let armed = self.shots.open.iter().flatten().any(|s| s.is_armed());
        let writing = self.shots.fired().any(|s| matches!(s.progress, Progress::Writing { .. }));
        status.set(LaserStatus::ARMED, armed);
        status.set(LaserStatus::FIRING, self.shots.fired().next().is_some());
        status.set(LaserStatus::EMITTING, self.light.is_lit() || writing || self.owed);
        status.set(LaserStatus::INTERLOCK_OPEN, self.is_interlock_open());
        Ok(status)
    }

    fn clear_trip(&mut self) -> Result<()> {
        self.poll();
        if self.is_interlock_open() {
            return Err(error(ErrorKind::Interlock).with_outputs(Outputs::Off));
        }
        if self.disagrees || self.owed {
            let outputs = if self.owed { Outputs::Unknown } else { Outputs::Off };
            return Err(error(ErrorKind::Tripped).with_outputs(outputs).with_code(self.code()));
        }
        self.trips = LaserStatus::empty();
        self.fault = None;
        Ok(())
    }

    fn off(&mut self) -> Result<()> {
        self.douse(disc_hal::hal::AbortCause::Off)
    }
}
