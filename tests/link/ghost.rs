//! What really happens at the bench, and the invariants of the protocol.
//!
//! The ghost sees the calls on the parts, the frames as they enter and leave the
//! link, and what the script is told. It asks neither the device nor the host half.

mod checks;
mod ledger;

use disc_hal::hal::{AbortCause, Outcome, ShotId};

use super::Counts;
use super::random::Random;
use super::settings::Settings;
use super::trace::Trace;

/// A call that moves something, with all its arguments.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    /// Changes nothing, or may come at any time.
    Harmless,
    SetPower(u8, u32),
    /// Of a strategy.
    Load(u8, u64),
    /// By the hash of the plan.
    Begin(u64),
    /// By the ghost's number of the shot; the runs are beside.
    Feed(usize, u8),
    Arm(usize),
    Fire(usize),
    ClearTrip,
    Voltage(u8, i32, u32),
    /// A servo or the spindle, by a number for the method.
    Move(u8, i64),
    Acquire(u64),
}

/// The call that the script has made last.
pub struct Call {
    pub what: What,
    pub runs: Vec<u8>,
    pub taken: usize,
    /// How often it reached a part.
    pub reached: u32,
    /// Whether it may still reach it.
    pub open: bool,
    /// The ghost's number of what came of it.
    pub made: usize,
    /// When its first frame was written, and the stamp in it, by the device's clock.
    pub written: Option<(u64, u64)>,
}

/// How a shot ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    Whole,
    Underrun(u64),
    Aborted(u64, AbortCause),
    /// Nothing was emitted, nor will be.
    Never,
    /// The device was reset: what was emitted stays emitted.
    Reset,
}

pub struct Shot {
    pub boot: u32,
    pub own: u64,
    /// As the host was told.
    pub host: Option<ShotId>,
    pub plan: u64,
    pub length: u64,
    /// Channel bits in a millisecond.
    pub clock: u64,
    pub waits: bool,
    pub sources: u8,
    pub fed: [u64; 2],
    pub fires: u32,
    /// By the device's clock.
    pub start: Option<u64>,
    pub emitted: bool,
    pub end: Option<End>,
    /// The host was told so: it must stay true.
    pub told_not_done: bool,
}

/// An acquisition.
pub struct Acquired {
    pub number: u64,
    pub channels: usize,
    pub length: u64,
    pub start: u64,
    pub per_ms: u64,
    pub next: u64,
    /// Lost just before `next`.
    pub gap: u64,
    pub over: bool,
}

pub struct Ghost {
    pub device_clock: u64,
    pub now: u64,
    pub busy: u64,
    /// Starts of the device, and when the last one was.
    pub boot: u32,
    pub boot_at: u64,
    pub trace: Trace,
    pub counts: Counts,
    pub violation: Option<String>,
    pub random: Random,
    write_lease: u64,
    hold_lease: u64,
    /// How late the device may be: a tick, and the time of a part.
    slack: u64,
    slack_of_parts: u64,
    rare_tick: u64,
    pub late: u32,
    pub fail: u32,
    pub part_watches: bool,

    pub constant: [u32; 2],
    pub loaded: [u32; 2],
    pub shots: Vec<Shot>,
    /// Fired and not over, in their order.
    fired: Vec<usize>,
    pub armed: Option<usize>,
    pub next_own: u64,
    pub driven: [bool; 2],
    pub focus: Servo,
    pub tracking: Servo,
    pub velocity: u32,
    pub acquired: Option<Acquired>,
    acquisitions: u64,

    pub interlock_since: Option<u64>,
    lost_since: Option<u64>,
    trip: bool,

    pub call: Call,
    /// The newest proof of life that has reached the device, by the device's clock,
    /// and the newest one that it has answered.
    proof: u64,
    sure: u64,
    session: u64,
    /// The script's host has the session.
    pub held: bool,
    hellos: Vec<(u64, u64)>,
    pub intruder_session: u64,
    pub intruder_powers: Vec<u32>,
    /// The host was told that all is off from then on, by true time.
    promise: Option<u64>,
    died: Option<u64>,
    /// When the script last was at work, by the device's clock; none while it is.
    rests: Option<u64>,
}

#[derive(Clone, Copy, Default)]
pub struct Servo {
    pub engaged: bool,
    pub lost: bool,
}

/// What a late part takes, at most.
pub const LATE: u64 = 8_000;
/// What a part may take to drop its light when focus is lost.
const REACTION: u64 = 50;

impl Ghost {
    pub fn new(settings: &Settings) -> Self {
        let late = if settings.late > 0 { LATE + 1 } else { 0 };
        Self {
            device_clock: settings.clock,
            now: 0,
            busy: 0,
            boot: 0,
            boot_at: 0,
            trace: Trace::default(),
            counts: Counts::default(),
            violation: None,
            random: Random::new(settings.seed ^ 0x6057),
            write_lease: settings.safety.write_lease.into(),
            hold_lease: settings.safety.hold_lease.into(),
            // A tick of the true clock may be one more of the device's.
            slack: settings.tick + late + 2,
            slack_of_parts: late,
            rare_tick: settings.rare_tick,
            late: settings.late,
            fail: settings.fail,
            part_watches: settings.part_watches,
            constant: [0; 2],
            loaded: [0; 2],
            shots: Vec::new(),
            fired: Vec::new(),
            armed: None,
            next_own: 1,
            driven: [false; 2],
            focus: Servo::default(),
            tracking: Servo::default(),
            velocity: 0,
            acquired: None,
            acquisitions: 0,
            interlock_since: None,
            lost_since: None,
            trip: false,
            call: Call {
                what: What::Harmless,
                runs: Vec::new(),
                taken: 0,
                reached: 0,
                open: false,
                made: 0,
                written: None,
            },
            proof: settings.clock,
            sure: settings.clock,
            session: 0,
            held: false,
            hellos: Vec::new(),
            intruder_session: 0,
            intruder_powers: Vec::new(),
            promise: None,
            died: None,
            rests: None,
        }
    }

    pub fn note(&mut self, text: &'static str, a: u64, b: u64) {
        self.trace.note(self.now, text, a, b);
    }

    /// The first broken invariant counts.
    #[cold]
    pub fn broken(&mut self, what: impl Into<String>) {
        if self.violation.is_none() {
            self.violation = Some(what.into());
            self.note("BROKEN", 0, 0);
        }
    }

    // Time, and light.

    pub fn pass_to(&mut self, clock: u64, now: u64) {
        self.device_clock = self.device_clock.max(clock);
        self.now = now;
        self.emit();
    }

    /// Shots go on up to now.
    fn emit(&mut self) {
        while let Some(&number) = self.fired.first() {
            let now = self.device_clock;
            let shot = &mut self.shots[number];
            let Some(start) = shot.start.filter(|start| *start <= now) else { return };
            if !shot.emitted {
                shot.emitted = true;
                let promised = shot.told_not_done;
                self.note("light of shot", number as u64, start);
                if promised {
                    self.broken(format!("I4: shot {number} was told NotDone, and is emitted"));
                }
                self.check_sum(number);
            }
            let shot = &mut self.shots[number];
            let fed = (0..2).filter(|s| shot.sources & (1 << s) != 0).map(|s| shot.fed[s]).min().unwrap_or(0);
            let bits = fed.min(shot.length);
            let end = start + bits * 1000 / shot.clock;
            if end > now {
                return;
            }
            let how = if bits == shot.length { End::Whole } else { End::Underrun(bits) };
            self.end(number, how, end);
            let delay = |ghost: &mut Self, number: usize| {
                if ghost.shots[number].waits { ghost.random.below(20_000) } else { 0 }
            };
            if let Some(&next) = self.fired.first() {
                self.shots[next].start = Some(end + delay(self, next));
            }
        }
    }

    fn position(&self, number: usize, at: u64) -> u64 {
        let shot = &self.shots[number];
        shot.start.map_or(0, |start| (at.saturating_sub(start) * shot.clock / 1000).min(shot.length))
    }

    fn end(&mut self, number: usize, how: End, at: u64) {
        self.note("shot ends", number as u64, at);
        let was_lit = self.shots[number].emitted;
        self.shots[number].end = Some(how);
        self.fired.retain(|&f| f != number);
        if was_lit && how != End::Never {
            self.counts.write_age = self.counts.write_age.max(at.saturating_sub(self.proof));
            if let Some(died) = self.died {
                self.counts.death = self.counts.death.max(at.saturating_sub(died));
            }
            if let Some(since) = self.lost_since.take() {
                let light = at.saturating_sub(since);
                let most = if self.part_watches { &mut self.counts.focus_light } else { &mut self.counts.tick_light };
                *most = (*most).max(light);
                let bound = if self.part_watches { REACTION } else { self.slack };
                if light > bound {
                    self.broken(format!("I3: {light} us of writing light after focus or tracking was lost"));
                }
            }
        }
    }

    /// I6, when a shot starts.
    fn check_sum(&mut self, number: usize) {
        let sources = self.shots[number].sources;
        let sum: u32 = (0..2).map(|s| if sources & (1 << s) == 0 { self.constant[s] } else { self.loaded[s] }).sum();
        if sum > super::parts::TOTAL_MAX {
            self.broken(format!("I6: {sum} uW of light at once"));
        }
    }

    /// The part drops all light and forgets what was begun.
    pub fn lasers_off(&mut self, cause: AbortCause) {
        self.emit();
        let now = self.device_clock;
        self.cut(now, cause);
        if self.constant != [0; 2] {
            self.constant = [0; 2];
            let age = now.saturating_sub(self.proof);
            self.counts.hold_age = self.counts.hold_age.max(age);
        }
    }

    /// All shots of the part end.
    fn cut(&mut self, at: u64, cause: AbortCause) {
        if let Some(&first) = self.fired.first()
            && self.shots[first].emitted
        {
            let position = self.position(first, at);
            self.end(first, End::Aborted(position, cause), at);
        }
        for number in core::mem::take(&mut self.fired) {
            self.shots[number].end = Some(End::Never);
        }
        let boot = self.boot;
        for shot in self.shots.iter_mut().rev().take_while(|s| s.boot == boot) {
            if shot.end.is_none() {
                shot.end = Some(End::Never);
            }
        }
        self.armed = None;
    }

    pub fn is_writing(&self) -> bool {
        self.fired.first().is_some_and(|&f| self.shots[f].emitted)
    }

    pub fn is_lit(&self) -> bool {
        self.is_writing() || self.constant != [0; 2]
    }

    pub fn is_armed(&self) -> bool {
        self.armed.is_some() || !self.fired.is_empty()
    }

    pub fn is_fired(&self) -> bool {
        !self.fired.is_empty()
    }

    fn is_on(&self) -> bool {
        self.is_lit() || self.driven != [false; 2]
    }

    /// Whether each tick matters: the hold lease alone is as well seen by rare ones.
    pub fn needs_ticks(&self) -> bool {
        self.is_fired() || self.interlock_since.is_some()
    }

    /// Whether there is anything to check.
    pub fn is_hot(&self) -> bool {
        self.is_on() || self.is_armed() || self.focus.engaged || self.tracking.engaged
    }

    pub fn is_focused(&self) -> bool {
        self.focus.engaged && !self.focus.lost
    }

    pub fn is_tracking(&self) -> bool {
        self.tracking.engaged && !self.tracking.lost
    }

    pub fn lose_focus(&mut self) {
        self.focus.lost = true;
        self.lose(AbortCause::Focus);
    }

    pub fn lose_tracking(&mut self) {
        self.tracking.lost = true;
        self.lose(AbortCause::Tracking);
    }

    fn lose(&mut self, cause: AbortCause) {
        if !self.is_writing() {
            return;
        }
        let now = self.device_clock;
        self.lost_since = self.lost_since.or(Some(now));
        if self.part_watches {
            // Within the time of the contract; the core hears of it at its tick.
            let at = now + self.random.below(REACTION);
            self.cut(at, cause);
        }
    }

    /// Takes what a detector hasn't got room for.
    pub fn overrun(&mut self) -> bool {
        let Some(acquired) = self.acquired.as_mut().filter(|a| !a.over) else { return false };
        let lost = self.random.below(200).min(acquired.length - acquired.next);
        acquired.next += lost;
        acquired.gap += lost;
        lost > 0
    }

    pub fn acquire(&mut self, channels: usize, length: u64, per_ms: u64, wait: u64) {
        self.acquisitions += 1;
        let (number, start) = (self.acquisitions, self.device_clock + wait);
        self.call.made = number as usize;
        self.acquired = Some(Acquired { number, channels, length, start, per_ms, next: 0, gap: 0, over: false });
    }

    /// The device starts again: everything is off by hardware.
    pub fn reset(&mut self, now: u64, clock: u64) {
        for &number in &self.fired {
            self.shots[number].end = Some(End::Reset);
        }
        let boot = self.boot;
        for shot in self.shots.iter_mut().rev().take_while(|s| s.boot == boot) {
            shot.end.get_or_insert(End::Never);
        }
        self.fired.clear();
        (self.armed, self.constant, self.driven, self.loaded) = (None, [0; 2], [false; 2], [0; 2]);
        (self.focus, self.tracking, self.velocity) = (Servo::default(), Servo::default(), 0);
        (self.acquired, self.trip, self.lost_since) = (None, false, None);
        self.boot += 1;
        self.boot_at = now;
        self.next_own = 1;
        (self.device_clock, self.proof, self.sure) = (clock, clock, clock);
        self.interlock_since = self.interlock_since.map(|_| clock);
        (self.session, self.held, self.intruder_session) = (0, false, 0);
        self.call.open = false;
        (self.died, self.rests) = (None, self.rests.map(|_| clock));
    }

    pub fn host_died(&mut self) {
        self.died = Some(self.device_clock);
        self.held = false;
    }

    /// Light, or leave for it.
    pub fn relight(&mut self) {
        if self.trip {
            self.broken("I7: light or arming after a trip that nobody has cleared");
        }
    }

    pub fn clear_trip(&mut self) {
        self.trip = false;
    }

    pub fn fire(&mut self, number: usize) {
        let wait = self.random.below(20_000);
        let now = self.device_clock;
        self.armed = None;
        self.counts.shots += 1;
        let first = self.fired.is_empty();
        let shot = &mut self.shots[number];
        shot.fires += 1;
        if shot.fires > 1 {
            return self.broken(format!("I1: shot {number} is fired twice"));
        }
        if first {
            shot.start = Some(now + if shot.waits { wait } else { 0 });
        }
        self.fired.push(number);
        self.emit();
    }

    /// As the part sees a shot.
    pub fn outcome(&mut self, number: usize) -> Outcome {
        self.emit();
        let shot = &self.shots[number];
        match shot.end {
            None if shot.emitted => Outcome::Running { at: self.position(number, self.device_clock) },
            None => Outcome::Pending,
            Some(End::Whole) => Outcome::Done,
            Some(End::Underrun(at)) => Outcome::Underrun { at },
            Some(End::Aborted(at, cause)) => Outcome::Aborted { at, cause },
            Some(End::Never) => Outcome::NotDone,
            Some(End::Reset) => Outcome::Unknown,
        }
    }

    pub fn is_late(&mut self) {
        if self.random.chance(self.late) {
            let time = 1 + self.random.below(LATE);
            self.counts.late_parts += 1;
            self.busy += time;
            self.device_clock += time;
            self.emit();
        }
    }

    pub fn fails(&mut self) -> bool {
        let fails = self.random.chance(self.fail);
        self.counts.failed_parts += u64::from(fails);
        fails
    }
}
