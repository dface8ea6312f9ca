//! The parts of a bench at the other end of a link.

use core::time::Duration;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use embedded_hal::delay::DelayNs;

use super::super::reply::{Abilities, Reply};
use super::super::request::{RUNS_PER_FRAME, Request, Runs};
use super::link::Link;
use super::samples::Samples;
use crate::hal::{
    Acquisition, Address, ArmToken, Chunk, DetectorSpec, Electrode, ElectrodeReading, ElectrodeSupply, Error,
    ErrorKind, FocusCapture, FocusServo, FocusSpec, FocusStatus, LaserArray, LaserArraySpec, LaserStatus,
    MicrometresPerSecond, Microwatts, Millivolts, MillivoltsPerSecond, Nanometres, Outcome, Outputs, Part,
    Photodetector, Polarity, Result, ShotId, ShotPlan, Source, Spindle, SpindleSpec, SpindleStatus, SupplySpec,
    TrackingMethod, TrackingServo, TrackingSpec, TrackingStatus, WriteStrategy,
};

/// The link, shared by the parts.
#[derive(Debug, Clone)]
pub(super) struct Shared(Arc<Mutex<Link>>);

impl Shared {
    pub(super) fn new(link: Link) -> Self {
        Self(Arc::new(Mutex::new(link)))
    }

    /// A panic elsewhere leaves a link that can still make safe.
    pub(super) fn lock(&self) -> MutexGuard<'_, Link> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn done(&self, request: &Request<'_>) -> Result<()> {
        self.lock().call(request).map(drop)
    }
}

/// Takes the wanted reply apart. Another can't come: `Link` has compared the kinds.
macro_rules! answer {
    ($link:expr, $request:expr, $pattern:pat => $value:expr) => {{
        let mut link = $link.lock();
        match link.call(&$request)? {
            $pattern => Ok($value),
            _ => Err(link.protocol_broken()),
        }
    }};
}

/// Run lengths of eight bits that fit into a request.
const WIDE_RUNS: usize = 600;

#[derive(Debug)]
pub(super) struct RemoteLasers {
    pub(super) link: Shared,
    pub(super) spec: LaserArraySpec,
    /// Channel bits that may still be fed, of the latest shots.
    pub(super) fed: VecDeque<Feeding>,
}

/// What a shot's source may still be fed.
#[derive(Debug)]
pub(super) struct Feeding {
    shot: ShotId,
    source: Source,
    left: u64,
}

/// Shots whose feeding is remembered: more than any bench queues.
const FEEDINGS: usize = 64;

impl RemoteLasers {
    /// Refuses a feed as a whole that a bench would refuse in part: it sees it
    /// cut into frames.
    fn admit(&mut self, shot: ShotId, source: Source, runs: &[u8]) -> Result<()> {
        if runs.contains(&0) {
            return Err(Error::new(Part::Laser, ErrorKind::InvalidArgument));
        }
        let bits: u64 = runs.iter().map(|&r| u64::from(r)).sum();
        let feeding = self.fed.iter().find(|f| f.shot == shot && f.source == source);
        if feeding.is_none_or(|f| bits <= f.left) {
            return Ok(());
        }
        let over = !self.outcome(shot)?.is_open();
        Err(Error::new(Part::Laser, if over { ErrorKind::WrongState } else { ErrorKind::OutOfRange }))
    }

    fn count(&mut self, shot: ShotId, source: Source, runs: &[u8]) {
        let bits: u64 = runs.iter().map(|&r| u64::from(r)).sum();
        if let Some(feeding) = self.fed.iter_mut().find(|f| f.shot == shot && f.source == source) {
            feeding.left = feeding.left.saturating_sub(bits);
        }
    }

    /// The host repeats the limits, so that a wrong bench and a wrong script must
    /// fail together.
    fn limit(&self, source: Source, power: Microwatts, limit: impl Fn(usize) -> Option<Microwatts>) -> Result<()> {
        match limit(usize::from(source.0)) {
            Some(max) if power > max => Err(Error::new(Part::Laser, ErrorKind::OutOfRange)),
            _ => Ok(()),
        }
    }
}

impl LaserArray for RemoteLasers {
    fn spec(&self) -> &LaserArraySpec {
        &self.spec
    }

    fn set_power(&mut self, source: Source, power: Microwatts) -> Result<Microwatts> {
        self.limit(source, power, |i| self.spec.sources.get(i).map(|s| s.read_max))?;
        let applied: Result<Microwatts> =
            answer!(self.link, Request::SetPower { source, power }, Reply::Power { applied } => applied);
        let applied = applied?;
        let step = self.spec.sources.get(usize::from(source.0)).map_or(Microwatts::ZERO, |s| s.step);
        if applied.0 > power.0.saturating_add(step.0) {
            // More light than was asked for: dark, and said so.
            let off = self.off();
            let outputs = if off.is_ok() { Outputs::Off } else { Outputs::Unknown };
            return Err(Error::new(Part::Laser, ErrorKind::NotTrusted).with_outputs(outputs));
        }
        Ok(applied)
    }

    fn monitor(&mut self, source: Source) -> Result<Microwatts> {
        answer!(self.link, Request::Monitor { source }, Reply::Light { seen } => seen)
    }

    fn load(&mut self, source: Source, strategy: &WriteStrategy) -> Result<()> {
        self.limit(source, strategy.peak, |i| self.spec.sources.get(i).map(|s| s.write_max))?;
        self.link.done(&Request::Load { source, strategy: *strategy })
    }

    fn begin(&mut self, plan: &ShotPlan) -> Result<ShotId> {
        let shot: Result<ShotId> = answer!(self.link, Request::Begin { plan: *plan }, Reply::Begun { shot } => shot);
        let shot = shot?;
        for spot in plan.spots.iter() {
            self.fed.push_back(Feeding { shot, source: spot.source, left: plan.length });
        }
        while self.fed.len() > FEEDINGS {
            self.fed.pop_front();
        }
        Ok(shot)
    }

    fn feed(&mut self, shot: ShotId, source: Source, runs: &[u8]) -> Result<usize> {
        self.admit(shot, source, runs)?;
        let mut taken = 0;
        loop {
            let rest = runs.get(taken..).unwrap_or(&[]);
            let narrow = rest.get(..RUNS_PER_FRAME).unwrap_or(rest);
            let part =
                if narrow.iter().all(|r| (1..16).contains(r)) { narrow } else { rest.get(..WIDE_RUNS).unwrap_or(rest) };
            let request = Request::Feed { shot, source, runs: Runs::Plain(part) };
            let got: Result<u16> = answer!(self.link, request, Reply::Fed { taken } => taken);
            match got {
                Ok(got) => {
                    let got = usize::from(got);
                    if got > part.len() {
                        return Err(self.link.lock().protocol_broken());
                    }
                    self.count(shot, source, part.get(..got).unwrap_or(part));
                    taken += got;
                    if got < part.len() || taken == runs.len() {
                        return Ok(taken);
                    }
                }
                // What was taken is taken; the reason comes again with the rest.
                Err(_) if taken > 0 && !self.link.lock().is_dead() => return Ok(taken),
                Err(e) => return Err(e),
            }
        }
    }

    fn arm(&mut self, shot: ShotId) -> Result<ArmToken> {
        let token: Result<ArmToken> = answer!(self.link, Request::Arm { shot }, Reply::Armed { token } => token);
        if token.is_ok() {
            self.link.lock().shot_opened(shot);
        }
        token
    }

    fn fire(&mut self, token: ArmToken) -> Result<()> {
        let shot = token.shot();
        let mut link = self.link.lock();
        let fired = link.call(&Request::Fire { token }).map(drop);
        if fired.is_err() {
            link.shot_over(shot);
        }
        fired
    }

    fn outcome(&mut self, shot: ShotId) -> Result<Outcome> {
        let outcome: Result<Outcome> =
            answer!(self.link, Request::Outcome { shot }, Reply::Outcome { outcome } => outcome);
        if outcome.is_ok_and(|o| !o.is_open()) {
            self.link.lock().shot_over(shot);
        }
        outcome
    }

    fn status(&mut self) -> Result<LaserStatus> {
        answer!(self.link, Request::LaserStatus, Reply::Lasers { status } => status)
    }

    fn clear_trip(&mut self) -> Result<()> {
        self.link.done(&Request::ClearTrip)
    }

    fn off(&mut self) -> Result<()> {
        let mut link = self.link.lock();
        link.shots_over();
        let off = link.call(&Request::LasersOff).map(drop);
        if off.is_err() {
            link.shout_off();
        }
        off
    }
}

#[derive(Debug)]
pub(super) struct RemoteSupply {
    pub(super) link: Shared,
    pub(super) spec: SupplySpec,
}

impl ElectrodeSupply for RemoteSupply {
    fn spec(&self) -> &SupplySpec {
        &self.spec
    }

    fn set(&mut self, electrode: Electrode, voltage: Millivolts, slew: MillivoltsPerSecond) -> Result<Millivolts> {
        if let Some(spec) = self.spec.electrodes.get(usize::from(electrode.0))
            && (!(spec.min..=spec.max).contains(&voltage) || slew > spec.slew_max)
        {
            return Err(Error::new(Part::Electrode, ErrorKind::OutOfRange));
        }
        answer!(self.link, Request::SetVoltage { electrode, voltage, slew }, Reply::Voltage { held } => held)
    }

    fn measure(&mut self, electrode: Electrode) -> Result<ElectrodeReading> {
        answer!(self.link, Request::Measure { electrode }, Reply::Measured { reading } => reading)
    }

    fn make_safe(&mut self) -> Result<()> {
        let mut link = self.link.lock();
        let safe = link.call(&Request::MakeSafe).map(drop);
        if safe.is_err() {
            link.shout_off();
        }
        safe
    }
}

#[derive(Debug)]
pub(super) struct RemoteFocus {
    pub(super) link: Shared,
    pub(super) spec: FocusSpec,
}

impl FocusServo for RemoteFocus {
    fn spec(&self) -> &FocusSpec {
        &self.spec
    }

    fn sweep(&mut self, from: Nanometres, to: Nanometres, speed: MicrometresPerSecond) -> Result<()> {
        self.link.done(&Request::Sweep { from, to, speed })
    }

    fn engage(&mut self, source: Source, capture: &FocusCapture) -> Result<()> {
        self.link.done(&Request::FocusEngage { source, capture: *capture })
    }

    fn release(&mut self) -> Result<()> {
        self.link.done(&Request::FocusRelease)
    }

    fn set_offset(&mut self, offset: Nanometres) -> Result<Nanometres> {
        answer!(self.link, Request::FocusOffset { offset }, Reply::FocusOffset { applied } => applied)
    }

    fn jump(&mut self, layers: i8) -> Result<()> {
        self.link.done(&Request::FocusJump { layers })
    }

    fn status(&mut self) -> Result<FocusStatus> {
        answer!(self.link, Request::FocusStatus, Reply::Focus { status } => status)
    }
}

#[derive(Debug)]
pub(super) struct RemoteTracking {
    pub(super) link: Shared,
    pub(super) spec: TrackingSpec,
}

impl TrackingServo for RemoteTracking {
    fn spec(&self) -> &TrackingSpec {
        &self.spec
    }

    fn engage(&mut self, source: Source, method: TrackingMethod, polarity: Polarity) -> Result<()> {
        self.link.done(&Request::TrackingEngage { source, method, polarity })
    }

    fn release(&mut self) -> Result<()> {
        self.link.done(&Request::TrackingRelease)
    }

    fn set_offset(&mut self, offset: Nanometres) -> Result<Nanometres> {
        answer!(self.link, Request::TrackingOffset { offset }, Reply::TrackingOffset { applied } => applied)
    }

    fn jump(&mut self, tracks: i32) -> Result<()> {
        self.link.done(&Request::TrackingJump { tracks })
    }

    fn seek(&mut self, address: Address) -> Result<()> {
        self.link.done(&Request::Seek { address })
    }

    fn address(&mut self) -> Result<Option<Address>> {
        answer!(self.link, Request::Address, Reply::Address { address } => address)
    }

    fn status(&mut self) -> Result<TrackingStatus> {
        answer!(self.link, Request::TrackingStatus, Reply::Tracking { status } => status)
    }
}

#[derive(Debug)]
pub(super) struct RemoteDetector {
    pub(super) link: Shared,
    pub(super) spec: DetectorSpec,
    pub(super) samples: Samples,
}

impl Photodetector for RemoteDetector {
    fn spec(&self) -> &DetectorSpec {
        &self.spec
    }

    fn arm(&mut self, acquisition: &Acquisition) -> Result<()> {
        self.link.done(&Request::Acquire { acquisition: *acquisition })?;
        self.samples.armed(acquisition);
        Ok(())
    }

    fn read(&mut self, samples: &mut [i16]) -> Result<Chunk> {
        if let Some(chunk) = self.samples.kept(samples) {
            return Ok(chunk);
        }
        let mut link = self.link.lock();
        let max = u32::try_from(samples.len()).unwrap_or(u32::MAX);
        let mut incoming = self.samples.incoming(samples);
        let reply =
            link.call_with_samples(&Request::Samples { max }, &mut |first, bytes| incoming.add(first, bytes))?;
        let Reply::Samples { chunk } = reply else { return Err(link.protocol_broken()) };
        incoming.end(&chunk).ok_or_else(|| Error::new(Part::Detector, ErrorKind::NotTrusted))
    }

    fn stop(&mut self) -> Result<()> {
        self.samples.stopped();
        self.link.done(&Request::Stop)
    }
}

#[derive(Debug)]
pub(super) struct RemoteSpindle {
    pub(super) link: Shared,
    pub(super) spec: SpindleSpec,
}

impl Spindle for RemoteSpindle {
    fn spec(&self) -> &SpindleSpec {
        &self.spec
    }

    fn set_velocity(&mut self, velocity: MicrometresPerSecond) -> Result<MicrometresPerSecond> {
        answer!(self.link, Request::SetVelocity { velocity }, Reply::Velocity { held } => held)
    }

    fn move_to(&mut self, radius: Nanometres) -> Result<()> {
        self.link.done(&Request::MoveTo { radius })
    }

    fn status(&mut self) -> Result<SpindleStatus> {
        answer!(self.link, Request::SpindleStatus, Reply::Spindle { status } => status)
    }
}

/// Time: the host's own, with proofs of life while it passes, or the device's.
#[derive(Debug)]
pub(super) struct RemoteDelay {
    pub(super) link: Shared,
}

impl RemoteDelay {
    /// How long a piece of a delay may be, so that no lease runs out.
    fn piece(link: &Link) -> Duration {
        let lease = if link.is_writing() { link.welcome.write_lease } else { link.welcome.hold_lease };
        Duration::from_micros(u64::from(lease) / 4).min(Duration::from_secs(1))
    }
}

/// Longest piece where the device's time passes by request: it may have to
/// compute for longer than that.
const WORLD_PIECE: Duration = Duration::from_millis(20);

impl DelayNs for RemoteDelay {
    fn delay_ns(&mut self, ns: u32) {
        self.wait(Duration::from_nanos(ns.into()));
    }

    fn delay_us(&mut self, us: u32) {
        self.wait(Duration::from_micros(us.into()));
    }

    fn delay_ms(&mut self, ms: u32) {
        self.wait(Duration::from_millis(ms.into()));
    }
}

impl RemoteDelay {
    fn wait(&mut self, time: Duration) {
        let mut link = self.link.lock();
        if link.welcome.abilities.contains(Abilities::HOST_CLOCK) {
            let mut left = time;
            while !left.is_zero() {
                let piece = Self::piece(&link).min(WORLD_PIECE).min(left);
                let ns = u32::try_from(piece.as_nanos()).unwrap_or(u32::MAX);
                // A dead link is told by the next call that can return an error.
                if link.call(&Request::Delay { ns }).is_err() {
                    return;
                }
                left -= piece;
            }
            return;
        }
        let end = link.now() + time;
        loop {
            let now = link.now();
            if now >= end {
                return;
            }
            let until = end.min(now + Self::piece(&link));
            link.wait(until);
            if link.is_dead() || (until < end && link.call(&Request::Alive).is_err()) {
                return;
            }
        }
    }
}
