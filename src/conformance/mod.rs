//! The promises of the contract, one named check each.
//!
//! # For driver authors
//!
//! [`run`] does to an opened bench what the documentation of [`crate::hal`]
//! allows, and compares what comes back with what it promises. The checks know
//! no driver: they go by what the bench declares in its specs. What it doesn't
//! declare is skipped, and the report says so for each check.
//!
//! ```no_run
//! use disc_hal::conformance::{Limits, Quiet, run};
//! use disc_hal::hal::{Microwatts, Rig};
//! use disc_hal::media::Medium;
//!
//! fn judge(rig: &mut dyn Rig, medium: &Medium) -> bool {
//!     let limits = Limits::new(Microwatts(20_000)).with_light();
//!     let report = run(rig, Some(medium), &limits, |_| true, &mut Quiet);
//!     print!("{}", report.text());
//!     report.passed()
//! }
//! ```
//!
//! Checks without light come first, then those at read power, then shots, which
//! are written into the test area of the medium's first layer, from its end
//! downwards; [`Report::used`] says where. Give a bench that has just been opened.
//!
//! # What it never does
//!
//! Whatever a bench declares, no check asks for more than the operator's
//! [`Limits`]; also not to see it refused, for a bench that doesn't refuse would
//! do it. (A strategy that is too strong is offered, to be refused; it is replaced
//! at once, and no shot is begun between.) A bench that refuses to switch its lasers off gets no further check
//! with light. No wait is unbounded, and a check that panics has failed.
//!
//! # Why not ...
//!
//! - *trust in one witness?* A bench that lies about its light in the monitor is
//!   found by the sum signal of the detector, and the other way round. What a
//!   shot did is read back from the disc.
//! - *a clock?* The contract has none, and a delay is only the least that passes:
//!   calls take time as well, on a real bench. Where a time is measured it is that
//!   of the samples that the bench made meanwhile.
//! - *a second try?* Only where the lease ran out in a check, or a shot was over
//!   before it could be met: then the host was starved, and nothing is known of the
//!   bench. The note says so.

mod checks;
mod clock;
mod context;
mod page;
mod report;
mod track;

use core::panic::AssertUnwindSafe;
use std::panic::catch_unwind;

use crate::hal::{Microwatts, Millivolts, Part, Rig};
use crate::media::Medium;

pub use checks::checks;
use context::Context;
pub use report::{CheckResult, Report};

/// What the operator allows. No check goes beyond it, whatever the bench declares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// The greatest power on the disc that may be asked for, in shots as well.
    pub max_power: Microwatts,
    /// Whether any light may be made.
    pub may_emit: bool,
    /// The greatest voltage of either sign; `None` for none at all.
    pub electrode_max: Option<Millivolts>,
    /// Whether electrodes may be driven though their supply stays on when this program
    /// is gone ([`keeps_lease`](crate::hal::SupplySpec::keeps_lease)).
    pub without_lease: bool,
}

impl Limits {
    /// At most so much power, and none unless [`with_light`](Self::with_light) is called.
    pub const fn new(max_power: Microwatts) -> Self {
        Self { max_power, may_emit: false, electrode_max: None, without_lease: false }
    }

    /// The same, and light may be made.
    #[must_use]
    pub const fn with_light(mut self) -> Self {
        self.may_emit = true;
        self
    }

    /// The same, and electrodes may be driven up to a voltage.
    #[must_use]
    pub const fn with_electrodes(mut self, most: Millivolts) -> Self {
        self.electrode_max = Some(most);
        self
    }

    /// The same, also where the supply can't keep a lease: somebody watches it.
    #[must_use]
    pub const fn without_lease(mut self) -> Self {
        self.without_lease = true;
        self
    }
}

bitflags::bitflags! {
    /// What a check needs.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
    pub struct Needs: u16 {
        /// Light at read power.
        const LIGHT = 1 << 0;
        /// A disc of a known medium, focus and tracking.
        const TRACK = 1 << 1;
        /// Writing, and room on the disc for it.
        const SHOT = 1 << 2;
        /// A queue of two shots.
        const QUEUE = 1 << 3;
        /// A second layer and a servo that jumps there.
        const LAYERS = 1 << 4;
        /// A tracking servo that jumps.
        const JUMP = 1 << 5;
        /// A sum channel.
        const SUM = 1 << 6;
        /// A focus-error channel.
        const FOCUS_ERROR = 1 << 7;
        /// A push-pull channel, and tracking on it.
        const PUSH_PULL = 1 << 8;
        /// A disc that turns (its medium needn't be known).
        const DISC = 1 << 9;
        /// Electrodes, and leave to drive them.
        const ELECTRODES = 1 << 10;
        /// A focus offset.
        const FOCUS_OFFSET = 1 << 11;
        /// A tracking offset.
        const TRACK_OFFSET = 1 << 12;
    }
}

/// How a check ended.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
#[serde(tag = "verdict", rename_all = "lowercase")]
pub enum Verdict {
    /// The promise is kept.
    Pass {
        /// What was found.
        note: String,
    },
    /// It isn't.
    Fail {
        /// What was found instead.
        reason: String,
    },
    /// It wasn't looked at.
    Skip {
        /// Why not.
        reason: String,
    },
}

impl Verdict {
    /// `PASS`, `FAIL` or `skip`.
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Pass { .. } => "PASS",
            Self::Fail { .. } => "FAIL",
            Self::Skip { .. } => "skip",
        }
    }

    /// The note or the reason.
    pub fn text(&self) -> &str {
        match self {
            Self::Pass { note: text } | Self::Fail { reason: text } | Self::Skip { reason: text } => text,
        }
    }
}

impl From<crate::hal::Error> for Verdict {
    fn from(error: crate::hal::Error) -> Self {
        Self::Fail { reason: format!("unexpected error: {error}") }
    }
}

/// What the work of a check returns: a note for a pass, or how else it ended.
type Found = Result<String, Verdict>;

/// One promise of the contract.
#[derive(Debug, Clone, Copy)]
pub struct Check {
    /// Its name: part, method, promise. Names don't change.
    pub name: &'static str,
    /// The part that promises.
    pub part: Part,
    /// What the contract says.
    pub promise: &'static str,
    /// What it takes to see it.
    pub needs: Needs,
    work: fn(&mut Context<'_>) -> Found,
}

impl Check {
    /// Does it.
    fn run(&self, context: &mut Context<'_>) -> Verdict {
        if let Some(reason) = context.unmet(self.needs) {
            return Verdict::Skip { reason };
        }
        let (verdict, late) = self.attempt(context);
        let Some(why) = late else { return verdict };
        let (verdict, again) = self.attempt(context);
        match (verdict, again) {
            (Verdict::Pass { note }, _) => {
                Verdict::Pass { note: format!("{note} (at the second try: in the first one {why})") }
            }
            (Verdict::Fail { reason }, Some(why)) => {
                Verdict::Fail { reason: format!("{why}, twice; the host is too slow: {reason}") }
            }
            (other, _) => other,
        }
    }

    /// Does it once; and why it may have failed only because the host was late.
    fn attempt(&self, context: &mut Context<'_>) -> (Verdict, Option<&'static str>) {
        context.missed = false;
        let started = catch_unwind(AssertUnwindSafe(|| {
            context.rest()?;
            if self.needs.intersects(Needs::TRACK | Needs::SHOT) {
                // Sizes of shots and runs-up go by it.
                context.pace();
            }
            (self.work)(context)
        }));
        let verdict = match started {
            Ok(Ok(note)) => Verdict::Pass { note },
            Ok(Err(verdict)) => verdict,
            Err(panic) => Verdict::Fail { reason: format!("panicked: {}", message(&*panic)) },
        };
        let failed = matches!(verdict, Verdict::Fail { .. });
        let late = catch_unwind(AssertUnwindSafe(|| context.late())).unwrap_or_default().filter(|_| failed);
        // The next check shall find the bench safe, whatever this one met.
        let after = match catch_unwind(AssertUnwindSafe(|| context.rest())) {
            Ok(Ok(())) => return (verdict, late),
            Ok(Err(after)) => after.text().to_owned(),
            Err(panic) => format!("panicked: {}", message(&*panic)),
        };
        let verdict = match verdict {
            Verdict::Fail { reason } => Verdict::Fail { reason },
            _ => Verdict::Fail { reason: format!("could not be made safe afterwards: {after}") },
        };
        (verdict, late)
    }
}

fn message(panic: &(dyn core::any::Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("no message")
}

/// Watches a run.
pub trait Observer {
    /// A check begins: number so many, counted from 0, of so many.
    fn started(&mut self, check: &Check, number: usize, of: usize) {
        let _ = (check, number, of);
    }

    /// It ended.
    fn finished(&mut self, check: &Check, result: &CheckResult) {
        let _ = (check, result);
    }

    /// Whether to stop; asked before each check.
    fn cancelled(&self) -> bool {
        false
    }
}

/// Watches nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Quiet;

impl Observer for Quiet {}

/// Runs the checks that `wanted` picks, in order, on a bench that has just been
/// opened. `medium` is what lies in it; without it, checks on tracks are skipped.
///
/// Never fails and never panics: what goes wrong is in the report. The bench is
/// left dark, released and with its disc at rest.
pub fn run(
    rig: &mut dyn Rig,
    medium: Option<&Medium>,
    limits: &Limits,
    wanted: impl Fn(&Check) -> bool,
    observer: &mut dyn Observer,
) -> Report {
    let chosen: Vec<&Check> = checks().iter().filter(|c| wanted(c)).collect();
    let mut context = Context::new(rig, medium, *limits);
    let mut results = Vec::with_capacity(chosen.len());
    for (number, check) in chosen.iter().enumerate() {
        observer.started(check, number, chosen.len());
        let before = context.elapsed_ns();
        let verdict = if observer.cancelled() {
            Verdict::Skip { reason: "stopped by the operator".into() }
        } else {
            check.run(&mut context)
        };
        let result = CheckResult::new(check, verdict, context.elapsed_ns() - before);
        observer.finished(check, &result);
        results.push(result);
    }
    context.park();
    Report::new(&context, results)
}
