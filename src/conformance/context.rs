//! What checks work with: the bench, the limits, and time that ends.

use core::fmt;

use embedded_hal::delay::DelayNs;

use super::clock::Pace;
use super::{Found, Limits, Needs, Verdict};
use crate::hal::{
    Acquisition, Bench, ChannelKind, ChannelSpec, Channels, DetectorSpec, Error, ErrorKind, FocusFlags, FocusSpec,
    Hertz, Identity, LaserArraySpec, LaserStatus, MicrometresPerSecond, Microwatts, Rig, Source, SourceRole,
    SourceSpec, SpindleFlags, SpindleSpec, SupplySpec, TrackingFlags, TrackingMethod, TrackingSpec, Trigger,
};
use crate::media::Medium;
use crate::record::{FocusSurvey, Options, RecordError, Session, Silent};

/// Samples for which it is worth reading on at once.
const ENOUGH: usize = 256;
/// Longest that turning the disc up or down may take.
const SPIN_MS: u32 = 30_000;

/// The specs as they were at first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Specs {
    pub(super) lasers: LaserArraySpec,
    pub(super) focus: FocusSpec,
    pub(super) tracking: TrackingSpec,
    pub(super) detector: DetectorSpec,
    pub(super) spindle: SpindleSpec,
    pub(super) supply: Option<SupplySpec>,
}

impl Specs {
    pub(super) fn of(rig: &mut dyn Rig) -> Self {
        let bench = rig.bench();
        Self {
            lasers: *bench.lasers.spec(),
            focus: *bench.focus.spec(),
            tracking: *bench.tracking.spec(),
            detector: *bench.detector.spec(),
            spindle: *bench.spindle.spec(),
            supply: bench.electrodes.map(|e| *e.spec()),
        }
    }
}

/// The bench that is being checked, and what is known of it so far.
pub(super) struct Context<'c> {
    pub(super) rig: &'c mut dyn Rig,
    pub(super) medium: Option<&'c Medium>,
    pub(super) limits: Limits,
    pub(super) specs: Specs,
    pub(super) identity: Identity,
    /// The source that reads and writes.
    pub(super) source: Source,
    /// Whether a strategy has been loaded.
    pub(super) loaded: bool,
    survey: Option<FocusSurvey>,
    elapsed_ns: u64,
    /// What calls take, once it has been looked at.
    pub(super) pace: Option<Pace>,
    /// A shot was over before it could be met, in the check that runs.
    pub(super) missed: bool,
    /// Why there is no light any more.
    pub(super) condemned: Option<String>,
    /// Sectors of the test area from which on all have been given out.
    pub(super) given: Option<u32>,
    /// Sectors written, first and last.
    pub(super) used: Option<(u32, u32)>,
}

impl fmt::Debug for Context<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context")
            .field("identity", &self.identity)
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}

/// Counts what is waited.
struct Counted<'d> {
    inner: &'d mut dyn DelayNs,
    ns: &'d mut u64,
}

impl DelayNs for Counted<'_> {
    fn delay_ns(&mut self, ns: u32) {
        self.inner.delay_ns(ns);
        *self.ns += u64::from(ns);
    }
}

/// A check that ends as failed.
pub(super) fn fail<T>(reason: impl Into<String>) -> Result<T, Verdict> {
    Err(Verdict::Fail { reason: reason.into() })
}

/// A check that has to be left out.
pub(super) fn skip<T>(reason: impl Into<String>) -> Result<T, Verdict> {
    Err(Verdict::Skip { reason: reason.into() })
}

/// Goes on if `kept`.
pub(super) fn ensure(kept: bool, reason: impl FnOnce() -> String) -> Result<(), Verdict> {
    if kept { Ok(()) } else { fail(reason()) }
}

/// The error of a call that has to be refused, which must be of one of `kinds`.
pub(super) fn refused<T: fmt::Debug>(
    result: Result<T, Error>,
    kinds: &[ErrorKind],
    what: &str,
) -> Result<Error, Verdict> {
    match result {
        Err(error) if kinds.contains(&error.kind) => Ok(error),
        Err(error) => fail(format!("{what} was refused as `{}` instead of `{}`", error.kind, kinds[0])),
        Ok(value) => fail(format!("{what} was accepted ({value:?}) instead of refused as `{}`", kinds[0])),
    }
}

/// The same as the whole of a check.
pub(super) fn refusal<T: fmt::Debug>(result: Result<T, Error>, kind: ErrorKind, what: &str) -> Found {
    refused(result, &[kind], what)?;
    Ok(format!("{what}: {kind}"))
}

pub(super) fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len().max(1) as f64
}

impl<'c> Context<'c> {
    pub(super) fn new(rig: &'c mut dyn Rig, medium: Option<&'c Medium>, limits: Limits) -> Self {
        let specs = Specs::of(rig);
        let index = specs.lasers.sources.iter().position(|s| s.role == SourceRole::Record).unwrap_or(0);
        Self {
            identity: *rig.identity(),
            rig,
            medium,
            limits,
            specs,
            source: Source(u8::try_from(index).unwrap_or(0)),
            loaded: false,
            survey: None,
            elapsed_ns: 0,
            pace: None,
            missed: false,
            condemned: None,
            given: None,
            used: None,
        }
    }

    /// The parts.
    pub(super) fn bench(&mut self) -> Bench<'_> {
        self.rig.bench()
    }

    /// Time that has been waited, in nanoseconds: at least so much has passed.
    pub(super) fn elapsed_ns(&self) -> u64 {
        self.elapsed_ns
    }

    pub(super) fn wait_us(&mut self, us: u32) {
        let mut ns = self.elapsed_ns;
        Counted { inner: self.rig.bench().delay, ns: &mut ns }.delay_us(us);
        self.elapsed_ns = ns;
    }

    pub(super) fn wait_ms(&mut self, ms: u32) {
        for _ in 0..ms {
            self.wait_us(1_000);
        }
    }

    /// Polls every `every_us` until there is a value; `None` after `budget_ms`.
    pub(super) fn until<T>(
        &mut self,
        budget_ms: u32,
        every_us: u32,
        mut poll: impl FnMut(&mut Self) -> Result<Option<T>, Verdict>,
    ) -> Result<Option<T>, Verdict> {
        let mut left = u64::from(budget_ms) * 1_000;
        loop {
            if let Some(value) = poll(self)? {
                return Ok(Some(value));
            }
            if left == 0 {
                return Ok(None);
            }
            let pause = u64::from(every_us.max(1)).min(left);
            self.wait_us(pause as u32);
            left -= pause;
        }
    }

    /// Why a check can't be made here.
    pub(super) fn unmet(&self, needs: Needs) -> Option<String> {
        let with = |what: Needs| needs.intersects(what);
        let lit = with(Needs::LIGHT | Needs::TRACK | Needs::SHOT);
        if lit && !self.limits.may_emit {
            return Some("needs light, which the operator doesn't allow".into());
        }
        if let (true, Some(reason)) = (lit, &self.condemned) {
            return Some(format!("no more light: {reason}"));
        }
        if lit && self.read_power() == Microwatts::ZERO {
            return Some("the operator's greatest power is below one step of the source".into());
        }
        let (track, shot) = (with(Needs::TRACK | Needs::SHOT), with(Needs::SHOT));
        let medium = match self.medium {
            None if track => return Some("needs the medium that lies in the bench, and none was named".into()),
            medium => medium,
        };
        if let (true, Some(layer)) = (shot, medium.and_then(|m| m.layers.first())) {
            let (peak, source) = (layer.write.strategy.peak, self.source_spec());
            if peak > self.limits.max_power {
                return Some(format!("needs {peak}, and the operator allows {}", self.limits.max_power));
            }
            if peak > source.write_max || layer.write.strategy.bias > self.limits.max_power {
                return Some(format!("the medium needs {peak}, and the source gives {}", source.write_max));
            }
        }
        let channel = |kind| self.specs.detector.channel(kind, self.source).is_some();
        let tracking = &self.specs.tracking;
        let missing = [
            (Needs::TRACK | Needs::SHOT | Needs::SUM, channel(ChannelKind::Sum), "a sum channel"),
            (Needs::FOCUS_ERROR, channel(ChannelKind::FocusError), "a focus-error channel"),
            (
                Needs::PUSH_PULL,
                channel(ChannelKind::PushPull) && tracking.push_pull,
                "push-pull to see and to track on",
            ),
            (Needs::QUEUE, self.specs.lasers.queue >= 2, "a queue of two shots"),
            (Needs::JUMP, tracking.jump_max > 0, "track jumps"),
            (Needs::FOCUS_OFFSET, self.specs.focus.offset_max.0 > 0, "a focus offset"),
            (Needs::TRACK_OFFSET, tracking.offset_max.0 > 0, "a tracking offset"),
            (Needs::ELECTRODES, self.specs.supply.is_some(), "electrodes"),
        ];
        if let Some((.., what)) = missing.iter().find(|(of, there, _)| with(*of) && !there) {
            return Some(format!("the bench declares no {}", what.trim_start_matches("a ")));
        }
        if with(Needs::LAYERS) && (self.specs.focus.jump_max == 0 || medium.is_none_or(|m| m.layers.len() < 2)) {
            return Some("needs a medium of two layers and a focus servo that jumps".into());
        }
        if with(Needs::LAYERS) && medium.is_some_and(Medium::is_electrochromic) {
            return Some("layers that electrodes choose are not jumped between".into());
        }
        if with(Needs::ELECTRODES) && self.limits.electrode_max.is_none() {
            return Some("needs voltage, which the operator doesn't allow".into());
        }
        if with(Needs::ELECTRODES) && !self.keeps_lease() && !self.limits.without_lease {
            return Some("the supply can't keep a lease, and the operator doesn't consent to that".into());
        }
        None
    }

    /// Whether electrodes are switched off when nobody is left to do it.
    pub(super) fn keeps_lease(&self) -> bool {
        self.specs.supply.is_none_or(|supply| supply.keeps_lease)
    }

    pub(super) fn source_spec(&self) -> SourceSpec {
        self.specs.lasers.sources.get(usize::from(self.source.0)).copied().unwrap_or_default()
    }

    /// The power for reading: the medium's, within what source and operator allow.
    pub(super) fn read_power(&self) -> Microwatts {
        let spec = self.source_spec();
        let wanted = self.medium.map_or(spec.read_max, |m| m.read_power);
        let most = wanted.min(spec.read_max).min(self.limits.max_power).0;
        Microwatts(most - most % spec.step.0.max(1))
    }

    /// Lights the read power.
    pub(super) fn light(&mut self) -> Result<Microwatts, Verdict> {
        let (source, power) = (self.source, self.read_power());
        Ok(self.bench().lasers.set_power(source, power)?)
    }

    /// Dark, electrodes safe, acquisition ended, loops open, no trip.
    pub(super) fn rest(&mut self) -> Result<(), Verdict> {
        let mut off = self.bench().lasers.off();
        for _ in 0..2 {
            if off.is_err() {
                self.wait_ms(1);
                off = self.bench().lasers.off();
            }
        }
        if let Err(error) = off {
            self.rig.off_handle().off();
            self.condemned.get_or_insert(format!("the lasers can't be switched off: {error}"));
        }
        let bench = self.bench();
        let safe = bench.electrodes.map_or(Ok(()), |e| e.make_safe());
        let others = [safe, bench.detector.stop(), bench.tracking.release(), bench.focus.release()];
        let trip = match bench.lasers.status() {
            Ok(status) if status.contains(LaserStatus::TRIPPED) => bench.lasers.clear_trip(),
            status => status.map(|_| ()),
        };
        off?;
        for result in others {
            result?;
        }
        Ok(trip?)
    }

    /// Why the host was late, if it was.
    pub(super) fn late(&mut self) -> Option<&'static str> {
        let status = self.bench().lasers.status().unwrap_or(LaserStatus::empty());
        match self.missed {
            _ if status.contains(LaserStatus::TRIP_LEASE) => Some("the lease ran out"),
            true => Some("a shot was over before it could be met"),
            false => None,
        }
    }

    /// At the end of a run: as [`rest`](Self::rest), and the disc stops.
    pub(super) fn park(&mut self) {
        let work = core::panic::AssertUnwindSafe(|| {
            // What fails here has failed in a check.
            let _ignored = self.rest();
            let _ignored = self.bench().spindle.set_velocity(MicrometresPerSecond::ZERO);
        });
        if std::panic::catch_unwind(work).is_err() {
            self.rig.off_handle().off();
        }
    }

    /// The mean of some readings of the monitor, in microwatts.
    pub(super) fn monitor(&mut self) -> Result<f64, Verdict> {
        let source = self.source;
        let mut sum = 0.0;
        for _ in 0..16 {
            sum += f64::from(self.bench().lasers.monitor(source)?.0);
            self.wait_us(10);
        }
        Ok(sum / 16.0)
    }

    /// What the monitor may show in the dark.
    pub(super) fn dark_limit(&self) -> f64 {
        let spec = self.source_spec();
        f64::from(spec.step.0).max(0.02 * f64::from(spec.read_max.0))
    }

    pub(super) fn ensure_monitor_dark(&mut self, when: &str) -> Result<(), Verdict> {
        let (seen, limit) = (self.monitor()?, self.dark_limit());
        ensure(seen <= limit, || format!("the monitor sees {seen:.0} uW {when}"))
    }

    pub(super) fn status(&mut self) -> Result<LaserStatus, Verdict> {
        Ok(self.bench().lasers.status()?)
    }

    /// The channel of a kind: its index and its spec.
    pub(super) fn channel(&self, kind: ChannelKind) -> Result<(u8, ChannelSpec), Verdict> {
        let spec = &self.specs.detector;
        let index = spec.channel(kind, self.source);
        match index.and_then(|i| Some((i, *spec.channels.get(usize::from(i))?))) {
            Some(found) => Ok(found),
            None => skip(format!("the bench declares no {kind:?} channel")),
        }
    }

    /// A moderate sample rate that the channels have.
    pub(super) fn rate(&self, kinds: &[ChannelKind]) -> Result<Hertz, Verdict> {
        let mut rate = Hertz(1_000_000);
        for &kind in kinds {
            rate = rate.min(self.channel(kind)?.1.rate_max);
        }
        Ok(rate)
    }

    pub(super) fn acquisition(
        &self,
        kinds: &[ChannelKind],
        rate: Hertz,
        length: u64,
        trigger: Trigger,
    ) -> Result<Acquisition, Verdict> {
        let mut channels = Channels::empty();
        for &kind in kinds {
            channels |= Channels::one(self.channel(kind)?.0);
        }
        Ok(Acquisition { channels, rate, length, trigger })
    }

    /// Samples of some channels above their dark counts, in the order of `kinds`.
    pub(super) fn sample(
        &mut self,
        kinds: &[ChannelKind],
        rate: Hertz,
        length: u64,
        trigger: Trigger,
    ) -> Result<Vec<Vec<f64>>, Verdict> {
        let plan = self.acquisition(kinds, rate, length, trigger)?;
        let mut order = Vec::new();
        for &kind in kinds {
            order.push(self.channel(kind)?);
        }
        let width = kinds.len();
        let mut raw: Vec<i16> = Vec::with_capacity(length as usize * width);
        let mut buffer = vec![0i16; 8_192 * width];
        self.bench().detector.arm(&plan)?;
        let takes_ms = (length * 1_000).div_ceil(u64::from(rate.0.max(1)));
        let every = (takes_ms * 250).clamp(20, 1_000) as u32;
        let done = self.until(2_000 + 2 * takes_ms as u32, every, |c| {
            loop {
                let chunk = c.bench().detector.read(&mut buffer)?;
                ensure(chunk.gap == 0, || format!("{} samples were lost", chunk.gap))?;
                ensure(chunk.length * width <= buffer.len(), || format!("a chunk of {} samples", chunk.length))?;
                raw.extend_from_slice(&buffer[..chunk.length * width]);
                // On a fast link no read is ever empty.
                if chunk.last || chunk.length < ENOUGH {
                    return Ok(chunk.last.then_some(()));
                }
            }
        })?;
        ensure(done.is_some(), || format!("only {} of {length} samples came", raw.len() / width))?;
        Ok(order
            .iter()
            .map(|(index, spec)| {
                let place = order.iter().filter(|(other, _)| other < index).count();
                let above = |&v: &i16| f64::from(v) - f64::from(spec.dark);
                raw.iter().skip(place).step_by(width).map(above).collect()
            })
            .collect())
    }

    /// The mean of a channel above dark over some time from now on.
    pub(super) fn level(&mut self, kind: ChannelKind, us: u64) -> Result<f64, Verdict> {
        let rate = self.rate(&[kind])?;
        let length = (us * u64::from(rate.0) / 1_000_000).max(10);
        Ok(mean(&self.sample(&[kind], rate, length, Trigger::Now)?[0]))
    }

    /// Closes focus and tracking on a layer.
    pub(super) fn on_layer(&mut self, layer: usize) -> Result<(), Verdict> {
        self.session(|s| s.go_to_layer(layer).map(|_| ()))
    }

    /// Closes focus, but not tracking, on the first layer.
    pub(super) fn focused(&mut self) -> Result<(), Verdict> {
        self.on_layer(0)?;
        Ok(self.bench().tracking.release()?)
    }

    fn session(&mut self, work: impl FnOnce(&mut Session<'_>) -> Result<(), RecordError>) -> Result<(), Verdict> {
        let Some(medium) = self.medium else { return skip("no medium was named") };
        let needed = medium.layers.iter().filter_map(|l| l.cell).map(|cell| cell.drive.reach()).max();
        if let Some(needed) = needed.filter(|&needed| self.limits.electrode_max.is_none_or(|most| most < needed)) {
            return skip(format!(
                "its layers are chosen by electrodes with {needed}, which the operator doesn't allow"
            ));
        }
        let power = self.read_power();
        let survey = self.survey.take();
        let mut silent = Silent;
        let options = Options { without_lease: self.limits.without_lease, ..Options::default() };
        let bench = self.rig.bench();
        let mut delay = Counted { inner: bench.delay, ns: &mut self.elapsed_ns };
        let electrodes = bench.electrodes.filter(|_| needed.is_some());
        let bench = Bench::new(bench.lasers, bench.focus, bench.tracking, bench.detector, bench.spindle, &mut delay);
        let bench = match electrodes {
            Some(electrodes) => bench.with_electrodes(electrodes),
            None => bench,
        };
        let mut session = Session::new(bench, medium, options, &mut silent).resume(survey, power);
        let result = work(&mut session);
        self.survey = session.leave();
        result.map_err(|e| Verdict::Fail { reason: e.to_string() })
    }

    /// A method by which tracking can be closed.
    pub(super) fn method(&self) -> TrackingMethod {
        match &self.specs.tracking {
            spec if spec.push_pull => TrackingMethod::PushPull,
            spec if spec.differential_push_pull => TrackingMethod::DifferentialPushPull,
            _ => TrackingMethod::DifferentialPhase,
        }
    }

    /// Turns the disc at the medium's speed, or at a slow one that the spindle has.
    pub(super) fn spin(&mut self) -> Result<MicrometresPerSecond, Verdict> {
        let velocity = self.velocity();
        self.turn(velocity)
    }

    /// The same without waiting.
    pub(super) fn spin_start(&mut self) -> Result<MicrometresPerSecond, Verdict> {
        let velocity = self.velocity();
        Ok(self.bench().spindle.set_velocity(velocity)?)
    }

    fn velocity(&self) -> MicrometresPerSecond {
        let spec = self.specs.spindle;
        let wanted = self.medium.map_or(spec.velocity_min, |m| m.velocity);
        wanted.clamp(spec.velocity_min, spec.velocity_max.max(spec.velocity_min))
    }

    /// Turns the disc; zero stops it. Returns what will be held.
    pub(super) fn turn(&mut self, velocity: MicrometresPerSecond) -> Result<MicrometresPerSecond, Verdict> {
        if !self.bench().spindle.status()?.flags.contains(SpindleFlags::DISC_PRESENT) {
            return skip("no disc is clamped");
        }
        let held = self.bench().spindle.set_velocity(velocity)?;
        let stop = velocity == MicrometresPerSecond::ZERO;
        let there = self.until(SPIN_MS, 10_000, |c| {
            let flags = c.bench().spindle.status()?.flags;
            let wanted =
                if stop { !flags.contains(SpindleFlags::SPINNING) } else { flags.contains(SpindleFlags::AT_SPEED) };
            Ok(wanted.then_some(()))
        })?;
        ensure(there.is_some(), || format!("{velocity} was not reached within {SPIN_MS} ms"))?;
        Ok(held)
    }

    /// Waits until the focus servo is at rest; its flags then.
    pub(super) fn focus_settles(&mut self, budget_ms: u32) -> Result<FocusFlags, Verdict> {
        let flags = self.until(budget_ms, 500, |c| {
            let flags = c.bench().focus.status()?.flags;
            Ok((!flags.contains(FocusFlags::MOVING)).then_some(flags))
        })?;
        flags.map_or_else(|| fail(format!("the focus servo still says MOVING after {budget_ms} ms")), Ok)
    }

    /// Waits until the tracking servo is at rest; its flags then.
    pub(super) fn tracking_settles(&mut self, budget_ms: u32) -> Result<TrackingFlags, Verdict> {
        let flags = self.until(budget_ms, 500, |c| {
            let flags = c.bench().tracking.status()?.flags;
            Ok((!flags.contains(TrackingFlags::MOVING)).then_some(flags))
        })?;
        flags.map_or_else(|| fail(format!("the tracking servo still says MOVING after {budget_ms} ms")), Ok)
    }
}
