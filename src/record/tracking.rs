//! Tracking: pull-in, polarity, seek; and getting onto a layer for certain.
//!
//! Groove or land, first or second layer, may turn the sign of the push-pull:
//! both slopes are tried, and the one counts on which an address can be read.
//! Which layer this is, only the address says (its numbers are complements on
//! the second layer), never the jump that was made.

use super::error::{RecordError, Stage};
use super::focus::swing;
use super::problem::{ElectrodeFault, Problem};
use super::session::Session;
use super::summary::TrackingLock;
use crate::hal::{
    Acquisition, Address, ChannelKind, FocusFlags, MicrometresPerSecond, Polarity, TrackingFlags, TrackingMethod,
    Trigger,
};

/// Attempts at focus with the disc at rest, from either side, after those with it turning.
const AT_REST: u32 = 2;
/// Longest that a pull-in may take.
const PULL_IN_MS: u64 = 1_000;
/// Longest until an address has been read: some twenty revolutions.
const ADDRESS_MS: u64 = 1_000;
/// Longest that a seek over the whole disc may take.
const SEEK_MS: u64 = 20_000;
/// A seek ends at most so many sectors before its target: some ten revolutions
/// at the outer radius.
const SEEK_SHORT: u32 = 700;
/// Calls for which there has to be time between a seek and its target.
const CALLS: u32 = 3;
/// Time for which push-pull is watched: a revolution and more at the inner radius.
const WATCH_MS: u64 = 50;

impl Session<'_> {
    /// Closes focus and tracking on a layer, coloured before where electrodes choose it, and confirms
    /// it by an address.
    ///
    /// # Errors
    /// [`Problem::FocusFailed`], [`Problem::TrackingFailed`] or
    /// [`Problem::WrongLayer`] after all attempts, those of
    /// [`select_layer`](Self::select_layer), or the bench's own.
    pub fn go_to_layer(&mut self, layer: usize) -> Result<TrackingLock, RecordError> {
        self.address = None;
        self.select_layer(layer)?;
        self.step(Stage::GoToLayer, 0, |s| s.do_go_to_layer(layer))
    }

    pub(super) fn do_go_to_layer(&mut self, layer: usize) -> Result<TrackingLock, Problem> {
        self.layout(layer)?;
        self.layer = Some(layer);
        self.do_select(layer)?;
        if self.survey.is_none() {
            self.do_survey()?;
        }
        let from = self.lock.take().map(|lock| lock.layer);
        self.move_sled()?;
        self.turn(self.medium.velocity)?;
        // Where focus is closed already, a jump is quicker than a new capture.
        if let Some(from) = from.filter(|&from| from != layer && !self.medium.is_electrochromic())
            && self.focus_locked()?
            && self.jump_layers((layer as i64 - from as i64).clamp(-100, 100) as i8)?
            && let Ok(lock) = self.track_on(layer, 0)?
        {
            self.lock = Some(lock.clone());
            return Ok(lock);
        }
        let mut failure = Problem::FocusFailed { attempts: 0 };
        let turning = 2 * (self.options.retries + 1);
        for attempt in 0..turning + AT_REST {
            self.bench.tracking.release()?;
            self.bench.focus.release()?;
            // A disc that wobbles passes the focus too fast to be caught: it is caught at rest and
            // then held while it gathers speed.
            let at_rest = attempt >= turning;
            if at_rest {
                self.turn(MicrometresPerSecond::ZERO)?;
            }
            let closed = self.engage(layer, attempt)?;
            if at_rest {
                self.turn(self.medium.velocity)?;
            }
            if !closed {
                self.observer.note(&format!("focus did not close on layer {layer}, attempt {}", attempt + 1));
                failure = Problem::FocusFailed { attempts: attempt + 1 };
                continue;
            }
            match self.track_on(layer, attempt)? {
                Ok(lock) => {
                    self.lock = Some(lock.clone());
                    return Ok(lock);
                }
                Err(problem) => failure = problem,
            }
        }
        Err(failure)
    }

    /// With focus closed somewhere: tracking, the address, and a jump if this is
    /// another layer. The inner error is a reason to try again.
    fn track_on(&mut self, layer: usize, attempt: u32) -> Result<Result<TrackingLock, Problem>, Problem> {
        let mut found = layer;
        for jumps in 0..2 {
            let lock = match self.track()? {
                Ok(lock) => lock,
                Err(problem) => return Ok(Err(problem)),
            };
            if lock.layer == layer {
                return Ok(Ok(lock));
            }
            found = lock.layer;
            self.observer.note(&format!("focus closed on layer {found} instead of {layer}"));
            self.bench.tracking.release()?;
            // Bleached layers are no place to be found at, nor to jump to.
            if self.medium.is_electrochromic() {
                return Err(self.electrode_fault(found, ElectrodeFault::Reflects)?);
            }
            let way = layer as i64 - found as i64;
            if jumps == 1 || !self.jump_layers(way.clamp(-100, 100) as i8)? {
                break;
            }
        }
        Ok(Err(Problem::WrongLayer { found, attempts: attempt + 1 }))
    }

    /// Closes tracking on whichever slope gives an address.
    fn track(&mut self) -> Result<Result<TrackingLock, Problem>, Problem> {
        let (push_pull_counts, push_pull) = self.push_pull()?;
        let spec = *self.bench.tracking.spec();
        let methods = [
            (spec.differential_push_pull, TrackingMethod::DifferentialPushPull, "differential push-pull"),
            (spec.push_pull, TrackingMethod::PushPull, "push-pull"),
            (spec.differential_phase, TrackingMethod::DifferentialPhase, "differential phase"),
        ];
        let mut attempts = 0;
        for _ in 0..=self.options.retries {
            for (_, method, name) in methods.iter().filter(|m| m.0) {
                for (polarity, slope) in [(Polarity::Rising, "rising"), (Polarity::Falling, "falling")] {
                    attempts += 1;
                    if !self.focus_locked()? {
                        return Ok(Err(Problem::FocusFailed { attempts }));
                    }
                    self.bench.tracking.engage(self.source, *method, polarity)?;
                    if self.tracking_settles("tracking to close", PULL_IN_MS)?
                        && let Some(address) = self.read_address()?
                    {
                        let layer = self.layer_of(address);
                        let (method, polarity) = (*name, slope);
                        return Ok(Ok(TrackingLock {
                            layer,
                            method,
                            polarity,
                            push_pull_counts,
                            push_pull,
                            attempts,
                            address: address.0,
                        }));
                    }
                    self.bench.tracking.release()?;
                }
            }
        }
        if attempts == 0 {
            return Err(Problem::Unsupported("its tracking servo has no method that this knows".into()));
        }
        Ok(Err(Problem::TrackingFailed { attempts }))
    }

    /// Peak-to-peak push-pull with the loop open, in counts and over the sum.
    fn push_pull(&mut self) -> Result<(Option<f64>, Option<f64>), Problem> {
        if self.bench.detector.spec().channel(ChannelKind::PushPull, self.source).is_none() {
            return Ok((None, None));
        }
        let servo = self.servo(&[ChannelKind::PushPull, ChannelKind::Sum])?;
        let length = WATCH_MS * u64::from(servo.rate.0) / 1000;
        let trigger = Trigger::Now;
        self.bench.detector.arm(&Acquisition { channels: servo.channels, rate: servo.rate, length, trigger })?;
        let mut buffer = vec![0i16; 4096];
        let mut samples: Vec<i16> = Vec::new();
        self.wait("sampling push-pull", 10 * WATCH_MS, 1_000, |s| {
            let chunk = s.bench.detector.read(&mut buffer)?;
            samples.extend_from_slice(buffer.get(..2 * chunk.length).unwrap_or(&buffer));
            Ok(chunk.last.then_some(()))
        })?;
        let values = |which: usize| -> Vec<f64> {
            let (place, spec) = servo.places[which];
            samples.iter().skip(place).step_by(2).map(|&v| f64::from(v) - f64::from(spec.dark)).collect()
        };
        let (counts, sum) = (swing(&values(0)), values(1));
        let mean = sum.iter().sum::<f64>() / sum.len().max(1) as f64;
        Ok((Some(counts), (mean > 0.0).then(|| counts / mean)))
    }

    /// Whether the focus loop is closed.
    pub(super) fn focus_locked(&mut self) -> Result<bool, Problem> {
        let flags = self.bench.focus.status()?.flags;
        Ok(flags.contains(FocusFlags::LOCKED) && !flags.contains(FocusFlags::LOST))
    }

    /// Waits until tracking is at rest; whether it is locked then.
    fn tracking_settles(&mut self, what: &'static str, budget_ms: u64) -> Result<bool, Problem> {
        self.wait(what, budget_ms, 500, |s| {
            let flags = s.bench.tracking.status()?.flags;
            let locked = flags.contains(TrackingFlags::LOCKED) && !flags.contains(TrackingFlags::LOST);
            Ok((!flags.contains(TrackingFlags::MOVING)).then_some(locked))
        })
    }

    fn read_address(&mut self) -> Result<Option<Address>, Problem> {
        let answer = self.wait("an address", ADDRESS_MS, 1_000, |s| Ok(s.bench.tracking.address()?));
        match answer {
            Ok(address) => Ok(Some(address)),
            Err(Problem::TimedOut { .. }) => Ok(None),
            Err(problem) => Err(problem),
        }
    }

    /// Closes focus and tracking again if one of them is open.
    pub(super) fn ensure_on(&mut self, layer: usize) -> Result<(), Problem> {
        if self.lock.as_ref().is_some_and(|l| l.layer == layer) {
            // A shot may have left its source dark.
            self.bench.lasers.set_power(self.source, self.read_power)?;
            let flags = self.bench.tracking.status()?.flags;
            let lost = flags.contains(TrackingFlags::LOST) || !flags.contains(TrackingFlags::LOCKED);
            if !lost && self.focus_locked()? {
                return Ok(());
            }
            self.observer.note("focus or tracking was lost; closing them again");
        }
        self.lock = None;
        let address = self.address;
        self.do_go_to_layer(layer)?;
        self.address = address;
        Ok(())
    }

    /// Goes to shortly before an address and returns where that is.
    pub(super) fn seek(&mut self, target: Address) -> Result<Address, Problem> {
        let layer = self.layer_of(target);
        let attempts = self.options.retries + 1;
        let mut found = None;
        let mut aim = target;
        for _ in 0..attempts {
            self.ensure_on(layer)?;
            self.bench.tracking.seek(aim)?;
            if !self.tracking_settles("the seek", SEEK_MS)? {
                continue;
            }
            found = self.read_address()?;
            if let Some(address) = found
                && let Some(now) = self.read_address()?
            {
                // What passed during a call passes during the next ones as well,
                // with which the caller arms and fires.
                let passed = now.0.saturating_sub(address.0).min(SEEK_SHORT / 8);
                let least = 1 + CALLS * passed;
                if target.0.checked_sub(now.0).is_some_and(|short| (least..=SEEK_SHORT).contains(&short)) {
                    return Ok(now);
                }
                aim = Address(target.0.saturating_sub(2 * CALLS * passed));
            }
        }
        Err(Problem::SeekFailed { found, attempts })
    }

    /// Whether what follows `target` can still be caught by the next call: what has
    /// passed since the spot was at `seen` may pass once more.
    pub(super) fn is_ahead(&mut self, target: Address, seen: Address) -> Result<bool, Problem> {
        let now = self.bench.tracking.address()?;
        Ok(now.is_some_and(|now| {
            let passed = now.0.saturating_sub(seen.0);
            target.0.checked_sub(now.0).is_some_and(|short| short > passed)
        }))
    }
}
