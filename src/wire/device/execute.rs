//! Carrying out requests: the core is asked first, then the part.

use super::super::kind::Kind;
use super::super::reply::Reply;
use super::super::request::{RUNS_PER_FRAME, Request, Runs, WHOLE};
use super::super::spec::Record;
use super::{Body, Now, open_servo};
use crate::hal::{
    ArmToken, Bench, ElectrodeSupply, Error, ErrorKind, LaserStatus, Microwatts, Outcome, Part, Result, ShotId,
    ShotPlan, Source,
};
use crate::safety::{Event, Verdict};

fn supply<'s>(bench: &'s mut Bench<'_>) -> Result<&'s mut dyn ElectrodeSupply> {
    match &mut bench.electrodes {
        Some(supply) => Ok(&mut **supply),
        None => Err(Error::new(Part::Electrode, ErrorKind::NotSupported)),
    }
}

impl<const SAMPLES: usize, const ROOM: usize> Body<SAMPLES, ROOM> {
    /// Asks the core; its refusal is the reply.
    fn admit(&mut self, event: Event<'_>, bench: &mut Bench<'_>, now: u64) -> Result<Verdict> {
        match self.ask(event, bench, now) {
            Verdict::Error(error) => Err(error),
            verdict => Ok(verdict),
        }
    }

    pub(super) fn execute(&mut self, request: Request<'_>, bench: &mut Bench<'_>, now: Now<'_>) -> Result<Reply> {
        let at = now();
        let done = Reply::Done(request.kind());
        Ok(match request {
            Request::Alive | Request::Hello { .. } | Request::Bye | Request::Off | Request::Samples { .. } => done,
            Request::Spec { part, index } => Reply::Spec(spec(part, index, bench)?),
            Request::Delay { ns } => {
                self.delay(ns, bench, now)?;
                done
            }
            Request::SetPower { source, power } => Reply::Power { applied: self.set_power(source, power, bench, at)? },
            Request::Monitor { source } => Reply::Light { seen: bench.lasers.monitor(source)? },
            Request::Load { source, strategy } => {
                let (peak, bias) = (strategy.peak, strategy.bias);
                self.admit(Event::Load { source, peak, bias }, bench, at)?;
                bench.lasers.load(source, &strategy)?;
                self.admit(Event::Loaded { source, peak, bias }, bench, at)?;
                done
            }
            Request::Begin { plan } => Reply::Begun { shot: self.begin(&plan, bench, at)? },
            Request::Feed { shot, source, runs } => Reply::Fed { taken: self.feed(shot, source, &runs, bench, at)? },
            Request::Arm { shot } => Reply::Armed { token: self.arm(shot, bench, at)? },
            Request::Fire { token } => {
                self.fire(&token, bench, at)?;
                done
            }
            Request::Outcome { shot } => Reply::Outcome { outcome: self.outcome(shot, bench, at)? },
            Request::LaserStatus => Reply::Lasers { status: self.status(bench)? },
            Request::ClearTrip => {
                self.admit(Event::ClearTrip, bench, at)?;
                bench.lasers.clear_trip()?;
                done
            }
            Request::LasersOff => {
                self.admit(Event::LasersOff, bench, at)?;
                if self.owed.contains(crate::safety::Effects::LASERS_OFF) {
                    bench.lasers.off()?;
                }
                done
            }
            Request::SetVoltage { electrode, voltage, slew } => {
                supply(bench)?;
                self.admit(Event::Voltage { electrode, voltage, slew }, bench, at)?;
                Reply::Voltage { held: supply(bench)?.set(electrode, voltage, slew)? }
            }
            Request::Measure { electrode } => Reply::Measured { reading: supply(bench)?.measure(electrode)? },
            Request::MakeSafe => {
                supply(bench)?;
                self.admit(Event::ElectrodesSafe, bench, at)?;
                done
            }
            Request::Sweep { from, to, speed } => {
                bench.focus.sweep(from, to, speed)?;
                done
            }
            Request::FocusEngage { source, capture } => {
                bench.focus.engage(source, &capture)?;
                done
            }
            Request::FocusRelease => {
                bench.focus.release()?;
                done
            }
            Request::FocusOffset { offset } => Reply::FocusOffset { applied: bench.focus.set_offset(offset)? },
            Request::FocusJump { layers } => {
                bench.focus.jump(layers)?;
                done
            }
            Request::FocusStatus => Reply::Focus { status: bench.focus.status()? },
            Request::TrackingEngage { source, method, polarity } => {
                bench.tracking.engage(source, method, polarity)?;
                done
            }
            Request::TrackingRelease => {
                bench.tracking.release()?;
                done
            }
            Request::TrackingOffset { offset } => Reply::TrackingOffset { applied: bench.tracking.set_offset(offset)? },
            Request::TrackingJump { tracks } => {
                bench.tracking.jump(tracks)?;
                done
            }
            Request::Seek { address } => {
                bench.tracking.seek(address)?;
                done
            }
            Request::Address => Reply::Address { address: bench.tracking.address()? },
            Request::TrackingStatus => Reply::Tracking { status: bench.tracking.status()? },
            Request::Acquire { acquisition } => {
                bench.detector.arm(&acquisition)?;
                self.output.channels = acquisition.channels;
                done
            }
            Request::Stop => {
                bench.detector.stop()?;
                done
            }
            Request::SetVelocity { velocity } => Reply::Velocity { held: bench.spindle.set_velocity(velocity)? },
            Request::MoveTo { radius } => {
                bench.spindle.move_to(radius)?;
                done
            }
            Request::SpindleStatus => Reply::Spindle { status: bench.spindle.status()? },
        })
    }

    fn set_power(&mut self, source: Source, power: Microwatts, bench: &mut Bench<'_>, now: u64) -> Result<Microwatts> {
        let before = self.state.power(source);
        self.admit(Event::SetPower { source, power }, bench, now)?;
        let applied = bench.lasers.set_power(source, power);
        if applied.is_err() && before > power {
            // It may emit as much as before: the core goes on counting with that.
            let _counted = self.ask(Event::SetPower { source, power: before }, bench, now);
        }
        applied
    }

    /// Lets the bench's time pass, with a look at it as often as a tick would give.
    fn delay(&mut self, ns: u32, bench: &mut Bench<'_>, now: Now<'_>) -> Result<()> {
        if !self.config.host_clock {
            return Err(Error::new(Part::Bench, ErrorKind::NotSupported));
        }
        let piece = self.config.safety.poll.saturating_mul(1000).max(1000);
        let mut left = ns;
        while left > 0 {
            let part = left.min(piece);
            bench.delay.delay_ns(part);
            left -= part;
            self.watch(bench, now());
        }
        Ok(())
    }

    fn begin(&mut self, plan: &ShotPlan, bench: &mut Bench<'_>, now: u64) -> Result<ShotId> {
        let Verdict::Shot(shot) = self.admit(Event::Begin { plan }, bench, now)? else {
            return Err(Error::new(Part::Laser, ErrorKind::Fault));
        };
        match bench.lasers.begin(plan) {
            Ok(own) => {
                let Self { state, slots, .. } = self;
                slots.keep(|shot| state.open_shots().any(|open| open == shot));
                slots.add(shot, own);
                Ok(shot)
            }
            Err(error) => {
                let _kept = self.ask(Event::Observed { shot, outcome: Outcome::NotDone }, bench, now);
                Err(error)
            }
        }
    }

    fn own(&self, shot: ShotId) -> Result<ShotId> {
        self.slots.own(shot).ok_or(Error::new(Part::Laser, ErrorKind::InvalidArgument))
    }

    fn feed(&mut self, shot: ShotId, source: Source, runs: &Runs<'_>, bench: &mut Bench<'_>, now: u64) -> Result<u16> {
        let mut room = [0; RUNS_PER_FRAME];
        let runs = runs.unpack(&mut room);
        let bits = |runs: &[u8]| runs.iter().map(|&r| u64::from(r)).sum();
        self.admit(Event::Feed { shot, source, bits: bits(runs) }, bench, now)?;
        let taken = bench.lasers.feed(self.own(shot)?, source, runs)?;
        let part = runs.get(..taken).ok_or(Error::new(Part::Laser, ErrorKind::Fault))?;
        self.admit(Event::Fed { shot, source, bits: bits(part) }, bench, now)?;
        Ok(u16::try_from(taken).unwrap_or(u16::MAX))
    }

    fn arm(&mut self, shot: ShotId, bench: &mut Bench<'_>, now: u64) -> Result<ArmToken> {
        if let Some(kind) = open_servo(bench) {
            return Err(Error::new(Part::Laser, kind));
        }
        let Verdict::Token { shot, plan, nonce } = self.admit(Event::Arm { shot }, bench, now)? else {
            return Err(Error::new(Part::Laser, ErrorKind::Fault));
        };
        match self.own(shot).and_then(|own| bench.lasers.arm(own)) {
            Ok(token) => {
                self.slots.arm(shot, token);
                Ok(ArmToken::new(shot, plan, nonce))
            }
            Err(error) => {
                let _disarmed = self.ask(Event::Disarm { shot }, bench, now);
                Err(error)
            }
        }
    }

    fn fire(&mut self, token: &ArmToken, bench: &mut Bench<'_>, now: u64) -> Result<()> {
        let (shot, plan, nonce) = (token.shot(), token.plan(), token.nonce());
        self.admit(Event::Fire { shot, plan, nonce }, bench, now)?;
        let own = self.slots.token(shot).ok_or(Error::new(Part::Laser, ErrorKind::StaleToken));
        match own.and_then(|own| bench.lasers.fire(own)) {
            Ok(()) => Ok(()),
            Err(error) => {
                // Whether it fired is for the part to say; it is used up in any case.
                self.observe(bench, now);
                Err(error)
            }
        }
    }

    fn outcome(&mut self, shot: ShotId, bench: &mut Bench<'_>, now: u64) -> Result<Outcome> {
        match self.admit(Event::OutcomeOf { shot }, bench, now)? {
            Verdict::Outcome(outcome) => Ok(outcome),
            _ => {
                let outcome = match self.own(shot) {
                    Ok(own) => bench.lasers.outcome(own)?,
                    Err(_) => Outcome::Unknown,
                };
                match self.ask(Event::Observed { shot, outcome }, bench, now) {
                    Verdict::Outcome(outcome) => Ok(outcome),
                    _ => Ok(Outcome::Unknown),
                }
            }
        }
    }

    /// The part knows what it emits, the core who was armed; of trips, all count.
    pub(super) fn status(&mut self, bench: &mut Bench<'_>) -> Result<LaserStatus> {
        let part = bench.lasers.status()?.difference(LaserStatus::ARMED);
        Ok(part.union(self.state.status()))
    }
}

/// A record of the specs.
fn spec(part: Part, index: u8, bench: &mut Bench<'_>) -> Result<Record> {
    let none = Error::new(part, ErrorKind::InvalidArgument);
    let at = usize::from(index);
    Ok(match (part, index) {
        (Part::Laser, WHOLE) => Record::lasers(bench.lasers.spec()),
        (Part::Laser, _) => {
            let spec = *bench.lasers.spec().sources.get(at).ok_or(none)?;
            Record::Source { index, spec }
        }
        (Part::Electrode, WHOLE) => Record::supply(supply(bench)?.spec()),
        (Part::Electrode, _) => {
            let spec = *supply(bench)?.spec().electrodes.get(at).ok_or(none)?;
            Record::Electrode { index, spec }
        }
        (Part::Detector, WHOLE) => Record::detector(bench.detector.spec()),
        (Part::Detector, _) => {
            let spec = *bench.detector.spec().channels.get(at).ok_or(none)?;
            Record::Channel { index, spec }
        }
        (Part::Focus, WHOLE) => Record::Focus(*bench.focus.spec()),
        (Part::Tracking, WHOLE) => Record::Tracking(*bench.tracking.spec()),
        (Part::Spindle, WHOLE) => Record::Spindle(*bench.spindle.spec()),
        _ => return Err(none),
    })
}

const _: () = assert!(Kind::Spec.number() == 5);
