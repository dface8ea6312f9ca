//! One clock, and what moves with it.

use core::cell::{RefCell, RefMut};

use disc_hal::hal::{FocusCapture, FocusFlags, Polarity, SpindleFlags, TrackingFlags};
use disc_hal_spi::modulator::Gate;

use crate::chips::Drives;
use crate::digitiser::Capture;
use crate::disc;
use crate::pulses::{Generator, Memory};

/// Longest step in which speeds count as constant, nanoseconds.
const STEP_NS: u64 = 1_000_000;
/// Change of the disc's speed, micrometres per second each millisecond.
const SPIN_UP: u32 = 2_000;
/// Speed of the sled, nanometres each millisecond.
const SLED_NM: i32 = 100_000;
/// Speed of the lens where nobody asks for another one, micrometres per second.
pub(crate) const LENS_FAST: u32 = 100_000;
/// Light below which no loop stays closed, microwatts.
const LOOP_LIGHT_UW: u32 = 50;

/// The world: shared by the parts, driven by one clock.
#[derive(Debug)]
pub struct World(RefCell<State>);

impl World {
    /// A world at rest, whose pulse generator has this memory.
    pub fn new(memory: &'static mut Memory) -> Self {
        Self(RefCell::new(State::new(memory)))
    }

    /// Lets time pass until `now`, in microseconds. Time doesn't run backwards.
    pub fn pass(&self, now_us: u64) {
        self.0.borrow_mut().pass(now_us.saturating_mul(1_000));
    }

    /// The present time in microseconds.
    pub fn now(&self) -> u64 {
        self.0.borrow().now / 1_000
    }

    pub(crate) fn state(&self) -> RefMut<'_, State> {
        self.0.borrow_mut()
    }

    /// Opens the interlock, or closes it.
    pub fn set_interlock(&self, open: bool) {
        self.0.borrow_mut().drives.set_interlock(open);
    }
}

/// Where the lens goes: at a constant speed from a place to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Path {
    pub(crate) from: i32,
    pub(crate) to: i32,
    pub(crate) since: u64,
    /// Micrometres per second; never 0 for a path of any length.
    pub(crate) speed: u32,
}

impl Path {
    pub(crate) fn length(&self) -> u64 {
        u64::from(self.to.abs_diff(self.from))
    }

    /// Nanometres at micrometres per second.
    pub(crate) fn arrival(&self) -> u64 {
        self.since + self.length() * 1_000_000 / u64::from(self.speed.max(1))
    }

    pub(crate) fn at(&self, time: u64) -> i32 {
        let gone = time.saturating_sub(self.since).saturating_mul(u64::from(self.speed)) / 1_000_000;
        let gone = i32::try_from(gone.min(self.length())).unwrap_or(i32::MAX);
        if self.to >= self.from { self.from.saturating_add(gone) } else { self.from.saturating_sub(gone) }
    }
}

/// What the lens is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Lens {
    /// Open, on its way or at its end; nobody waits for it.
    #[default]
    Free,
    /// Goes to where a sweep or a capture begins.
    Approach(Purpose),
    Sweep,
    Capture(FocusCapture),
    Closed,
}

/// What comes after the approach.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    Sweep { to: i32, speed: u32 },
    Capture(FocusCapture),
}

/// What the tracking loop is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Loop {
    #[default]
    Open,
    PullIn {
        until: u64,
        polarity: Polarity,
    },
    Closed {
        polarity: Polarity,
    },
    /// A jump or a seek, to this place.
    Flight {
        until: u64,
        polarity: Polarity,
        place: u64,
    },
}

/// A time, and where things were then: from here they go on at a constant speed.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Anchor {
    pub(crate) time: u64,
    pub(crate) place: u64,
    pub(crate) travel: u64,
}

#[derive(Debug)]
pub(crate) struct State {
    /// Nanoseconds.
    pub(crate) now: u64,
    pub(crate) drives: Drives,
    // Disc and sled.
    pub(crate) speed: u32,
    pub(crate) target: u32,
    pub(crate) radius: i32,
    pub(crate) sled: i32,
    /// Path of the track under the spot since the start, nanometres, and a rest of
    /// less than a nanometre in millionths.
    pub(crate) travel: u64,
    rest: u64,
    /// Since the last index mark.
    angle: u64,
    // Lens.
    pub(crate) lens: Lens,
    pub(crate) path: Path,
    pub(crate) focus_offset: i32,
    pub(crate) focus_flags: FocusFlags,
    // Spot.
    pub(crate) tracking: Loop,
    /// Place on the spiral while tracking is closed.
    pub(crate) place: u64,
    pub(crate) track_offset: i32,
    pub(crate) track_flags: TrackingFlags,
    /// `travel` when tracking was last engaged or released.
    pub(crate) crossings_from: u64,
    pub(crate) capture: Option<Capture>,
    pub(crate) anchor: Anchor,
    pub(crate) pulses: Generator,
}

impl State {
    fn new(memory: &'static mut Memory) -> Self {
        Self {
            now: 0,
            drives: Drives::default(),
            speed: 0,
            target: 0,
            radius: disc::RADII_NM.0,
            sled: disc::RADII_NM.0,
            travel: 0,
            rest: 0,
            angle: 0,
            lens: Lens::Free,
            path: Path::default(),
            focus_offset: 0,
            focus_flags: FocusFlags::empty(),
            tracking: Loop::Open,
            place: 0,
            track_offset: 0,
            track_flags: TrackingFlags::empty(),
            crossings_from: 0,
            capture: None,
            anchor: Anchor::default(),
            pulses: Generator::new(memory),
        }
    }

    fn pass(&mut self, now: u64) {
        while self.now < now {
            let next = now.min(self.now + STEP_NS);
            self.step(next);
        }
    }

    fn step(&mut self, next: u64) {
        let ns = next - self.now;
        let way = u64::from(self.speed) * ns + self.rest;
        self.rest = way % 1_000_000;
        let way = way / 1_000_000;
        let before = self.place;
        self.travel += way;
        self.turn(way, next);
        if self.is_tracking() {
            self.place += way;
            self.radius = disc::radius(self.place);
            self.sled = self.radius;
            self.cross(before, next);
        }
        let lens = self.lens_at();
        let (speed, tracking) = (self.speed, self.tracking);
        self.now = next;
        self.drives.pass(ns);
        self.spin(ns);
        self.move_sled(ns);
        self.move_lens(lens);
        self.move_spot();
        if (speed, tracking) != (self.speed, self.tracking) {
            self.drop_anchor();
        }
        self.settle();
    }

    /// When a place was passed that lies so far behind.
    fn since(&self, behind: u64, next: u64) -> u64 {
        next - (behind * 1_000_000 / u64::from(self.speed.max(1))).min(next - self.now)
    }

    fn turn(&mut self, way: u64, next: u64) {
        self.angle += way;
        let turn = disc::turn(self.radius);
        if self.angle >= turn {
            self.angle -= turn;
            let at = self.since(self.angle, next);
            if let Some(capture) = &mut self.capture {
                capture.index(at);
            }
            // The spot has gone on since by as much as the disc has.
            self.pulses.index((self.place + way).saturating_sub(self.angle));
        }
    }

    /// Places that the spot has passed.
    fn cross(&mut self, before: u64, next: u64) {
        let wanted = self.capture.as_ref().and_then(Capture::awaited);
        if let Some(place) = wanted
            && (before..self.place).contains(&place)
        {
            let at = self.since(self.place - place, next);
            if let Some(capture) = &mut self.capture {
                capture.start(at);
            }
        }
        self.pulses.pass(before, self.place);
    }

    fn spin(&mut self, ns: u64) {
        let most = SPIN_UP * u32::try_from(ns).unwrap_or(0) / 1_000_000;
        self.speed = if self.speed < self.target {
            (self.speed + most.max(1)).min(self.target)
        } else {
            self.speed.saturating_sub(most.max(1)).max(self.target)
        };
    }

    fn move_sled(&mut self, ns: u64) {
        let most = SLED_NM / 1_000 * i32::try_from(ns / 1_000).unwrap_or(0);
        let way = (self.sled - self.radius).clamp(-most, most);
        if way != 0 && !self.is_tracking() {
            self.radius += way;
        }
    }

    /// `before`: where the lens was at the step before.
    fn move_lens(&mut self, before: i32) {
        let here = self.lens_at();
        match self.lens {
            Lens::Approach(Purpose::Sweep { to, speed }) if self.now >= self.path.arrival() => {
                self.lens = Lens::Sweep;
                self.go(to, speed);
            }
            Lens::Approach(Purpose::Capture(capture)) if self.now >= self.path.arrival() => {
                self.lens = Lens::Capture(capture);
                self.go(capture.end.0, capture.speed.0);
            }
            Lens::Capture(capture) => {
                let (from, to) = (self.path.from, self.path.to);
                let passed = (before < disc::LAYER_NM) != (here < disc::LAYER_NM);
                if passed && self.is_seen(&capture, from) {
                    self.lens = Lens::Closed;
                    self.path = Path { from: disc::LAYER_NM, to: disc::LAYER_NM, since: self.now, speed: 1 };
                } else if here == to {
                    self.lens = Lens::Free;
                    self.focus_flags |= FocusFlags::FAILED;
                }
            }
            Lens::Sweep if here == self.path.to => self.lens = Lens::Free,
            Lens::Closed if self.light_uw() < LOOP_LIGHT_UW => {
                self.lens = Lens::Free;
                self.focus_flags |= FocusFlags::LOST;
                self.go(0, LENS_FAST);
            }
            _ => {}
        }
    }

    /// Whether a crossing of the layer qualifies: it follows a swing of the error.
    fn is_seen(&self, capture: &FocusCapture, from: i32) -> bool {
        use crate::signal::{focus_error, peak_error, sum};
        let far = from.abs_diff(disc::LAYER_NM) >= crate::signal::HALF_CURVE_NM;
        let swing =
            if far { peak_error(self.light_uw()) } else { focus_error(self.light_uw(), from - disc::LAYER_NM).abs() };
        let sum = sum(self.light_uw(), 0, 0) + i32::from(crate::signal::DARK);
        swing >= i32::from(capture.threshold) && sum >= i32::from(capture.sum_min)
    }

    fn move_spot(&mut self) {
        let readable = self.lens == Lens::Closed && self.speed > 0;
        match self.tracking {
            Loop::Open => {}
            Loop::Closed { .. } if !readable => {
                self.tracking = Loop::Open;
                self.track_flags |= TrackingFlags::LOST;
                self.crossings_from = self.travel;
            }
            Loop::Closed { .. } => {}
            Loop::PullIn { until, polarity } if self.now >= until => {
                if readable {
                    self.tracking = Loop::Closed { polarity };
                    self.place = disc::place(self.radius);
                } else {
                    self.fail();
                }
            }
            Loop::Flight { until, polarity, place } if self.now >= until => {
                if readable {
                    self.tracking = Loop::Closed { polarity };
                    self.place = place;
                    self.radius = disc::radius(place);
                    self.sled = self.radius;
                } else {
                    self.fail();
                }
            }
            Loop::PullIn { .. } | Loop::Flight { .. } => {
                if !readable {
                    self.fail();
                }
            }
        }
    }

    fn fail(&mut self) {
        self.tracking = Loop::Open;
        self.track_flags |= TrackingFlags::FAILED;
    }

    /// Power on the disc; that of a shot's pulses doesn't count.
    pub(crate) fn light_uw(&self) -> u32 {
        let gate = if self.pulses.is_writing() { Gate::Bias } else { Gate::Read };
        self.drives.light_uw(gate)
    }

    fn drop_anchor(&mut self) {
        self.anchor = Anchor { time: self.now, place: self.place, travel: self.travel };
    }

    /// Opens the focus loop, and that of tracking with it.
    pub(crate) fn open_focus(&mut self) {
        self.open_tracking();
    }

    /// Opens the tracking loop, or ends what it was about to do.
    pub(crate) fn open_tracking(&mut self) {
        self.tracking = Loop::Open;
        self.crossings_from = self.travel;
        self.drop_anchor();
    }

    /// A sweep or a capture is under way.
    pub(crate) const fn is_lens_busy(&self) -> bool {
        matches!(self.lens, Lens::Approach(_) | Lens::Sweep | Lens::Capture(_))
    }

    /// Where the lens is, with the offset of the closed loop.
    pub(crate) fn lens_place(&self, time: u64) -> i32 {
        self.path.at(time) + if self.lens == Lens::Closed { self.focus_offset } else { 0 }
    }

    pub(crate) fn is_writing(&self) -> bool {
        self.pulses.is_writing()
    }

    /// Sends the lens to a place from where it is.
    pub(crate) fn go(&mut self, to: i32, speed: u32) {
        let from = self.lens_at();
        self.path = Path { from, to, since: self.now, speed: speed.max(1) };
    }

    /// Where the lens is, without its offset.
    pub(crate) fn lens_at(&self) -> i32 {
        self.path.at(self.now)
    }

    pub(crate) fn is_tracking(&self) -> bool {
        matches!(self.tracking, Loop::Closed { .. })
    }

    /// Both loops closed, on a slope on which addresses can be read or not.
    pub(crate) fn is_locked(&self) -> bool {
        self.lens == Lens::Closed && self.is_tracking()
    }

    pub(crate) fn spindle_flags(&self) -> SpindleFlags {
        let mut flags = SpindleFlags::DISC_PRESENT;
        flags.set(SpindleFlags::SPINNING, self.speed > 0);
        flags.set(SpindleFlags::AT_SPEED, self.speed > 0 && self.speed == self.target);
        flags.set(SpindleFlags::SLED_MOVING, !self.is_tracking() && self.sled != self.radius);
        flags
    }

    /// Tells the digitiser what the spot sees from now on.
    pub(crate) fn settle(&mut self) {
        let view = self.view();
        let now = self.now;
        if let Some(capture) = &mut self.capture {
            capture.look(now, view);
        }
    }
}
