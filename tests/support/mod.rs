//! A scripted bench for tests of the algorithms: what is written comes back as
//! RF made from run lengths with a smooth edge, whose marks grow with power. It
//! can fail at any call, lose focus, run dry, forget a shot or lose samples.
// Each test file uses its part of it.
#![allow(dead_code, unreachable_pub, missing_debug_implementations)]

mod disc;
mod parts;

use core::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;

use disc_hal::hal::{
    AbortCause, Acquisition, Bench, ChannelKind, Error, ErrorKind, FocusCapture, Microwatts, Nanometres, Outcome,
    Outputs, Part, Polarity, ShotId, ShotPlan, Trigger,
};
use disc_hal::media::Medium;

pub use disc::{Disc, SECTOR_BITS};
pub use parts::*;

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub enum Fault {
    #[default]
    None,
    /// The call with this number (from 0) fails, once.
    Call(usize, ErrorKind),
    /// That call and all after it fail, `off` too: the link is gone.
    LinkLostFrom(usize),
    /// Panics inside the call with this number.
    Panic(usize),
    /// Every shot ends after so many channel bits.
    ShotEnds(u64, ShotEnd),
    /// So many samples are lost, once or always, from this sample of a long capture on.
    Gap { at: u64, lost: u64, always: bool },
    /// Light pulls only the wrong slope in.
    NoAddress,
    /// So many times, arming a shot takes longer than the place to write at is ahead.
    SlowArm(u32),
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub enum ShotEnd {
    Focus,
    Underrun,
    Unknown,
}

/// A shot of the world.
pub struct Shot {
    pub id: ShotId,
    pub plan: ShotPlan,
    pub peak: Microwatts,
    pub runs: Vec<u8>,
    pub fed_bits: u64,
    pub armed: bool,
    /// Place of the head when it was fired.
    pub fired: Option<f64>,
    /// Place on the track at which it begins.
    pub from: f64,
    pub outcome: Outcome,
}

pub struct Capture {
    pub what: Acquisition,
    pub kinds: Vec<ChannelKind>,
    pub armed_at: f64,
    /// Time at which it was triggered, and the place there.
    pub start: Option<(f64, f64)>,
    pub done: u64,
}

/// Everything, behind all parts.
pub struct World {
    pub medium: Medium,
    pub disc: Disc,
    pub fault: Fault,
    pub log: Vec<&'static str>,
    /// Seconds.
    pub time: f64,
    pub lit: bool,
    pub firing: bool,
    pub speed: bool,
    /// A sweep: time of its start, from, to (nm), nm per second.
    pub lens: (f64, f64, f64, f64),
    pub focus: Option<usize>,
    pub focus_lost: bool,
    pub tracking: Option<Polarity>,
    /// Place of the head on the track of its layer, channel bits, at a time.
    pub head: (f64, f64),
    pub shots: VecDeque<Shot>,
    pub ended: Vec<(ShotId, Outcome)>,
    pub next_id: u64,
    pub peak: Microwatts,
    pub capture: Option<Capture>,
    pub gaps: u32,
}

/// Where the curves are, nm of the lens: surface, first and second layer.
pub const CURVES: [f64; 3] = [-310_000.0, 50_000.0, 86_000.0];

impl World {
    pub fn clock(&self) -> f64 {
        f64::from(self.medium.channel_clock.0)
    }

    /// Counts a call; fails if it is its turn.
    pub fn call(&mut self, part: Part, name: &'static str) -> Result<(), Error> {
        let number = self.log.len();
        self.log.push(name);
        match self.fault {
            Fault::Call(at, kind) if at == number => Err(Error::new(part, kind)),
            Fault::LinkLostFrom(at) if number >= at => {
                Err(Error::new(part, ErrorKind::LinkLost).with_outputs(Outputs::Unknown))
            }
            Fault::Panic(at) if at == number => panic!("as told: call {number}, {name}"),
            _ => Ok(()),
        }
    }

    /// Place of the head now.
    pub fn place(&self) -> f64 {
        let (place, since) = self.head;
        if self.tracking.is_some() { place + (self.time - since) * self.clock() } else { place }
    }

    pub fn layer(&self) -> Option<usize> {
        self.focus.filter(|_| self.lit)
    }

    pub fn lens_at(&self, time: f64) -> f64 {
        let (start, from, to, speed) = self.lens;
        let way = ((time - start) * speed).clamp(0.0, (to - from).abs());
        from + way * (to - from).signum()
    }

    pub fn lens_moves(&self) -> bool {
        let (start, from, to, speed) = self.lens;
        (self.time - start) * speed < (to - from).abs()
    }

    /// Which layer a capture catches.
    pub fn caught(&self, capture: &FocusCapture) -> Option<usize> {
        let (a, b) = (f64::from(capture.start.0), f64::from(capture.end.0));
        let mut on_the_way: Vec<usize> =
            (0..self.medium.layers.len()).filter(|&l| (a.min(b)..=a.max(b)).contains(&CURVES[l + 1])).collect();
        if b < a {
            on_the_way.reverse();
        }
        on_the_way.first().copied().filter(|_| self.lit)
    }

    /// The world goes on for so many seconds.
    pub fn advance(&mut self, seconds: f64) {
        self.time += seconds;
        self.write();
    }

    /// Shots as far as they are now.
    pub fn write(&mut self) {
        let (place, clock) = (self.place(), self.clock());
        let layer = self.layer();
        while let Some(shot) = self.shots.front_mut() {
            let Some(fired) = shot.fired else { break };
            let Trigger::Address(address) = shot.plan.trigger else { panic!("only addresses trigger here") };
            let delay = shot.plan.spots.first().map_or(0.0, |s| s.delay.0 as f64 * 1e-12);
            shot.from = f64::from(address.0) * SECTOR_BITS + (delay * clock).round();
            if fired > f64::from(address.0) * SECTOR_BITS || place < shot.from {
                break;
            }
            let due = ((place - shot.from) as u64).min(shot.plan.length);
            let told = match self.fault {
                Fault::ShotEnds(at, end) if due >= at => Some((at, end)),
                _ => None,
            };
            let (upto, outcome) = match told {
                Some((at, ShotEnd::Focus)) => (at, Outcome::Aborted { at, cause: AbortCause::Focus }),
                Some((at, ShotEnd::Underrun)) => (at, Outcome::Underrun { at }),
                Some((at, ShotEnd::Unknown)) => (at, Outcome::Unknown),
                None if due > shot.fed_bits => (shot.fed_bits, Outcome::Underrun { at: shot.fed_bits }),
                None if due == shot.plan.length => (due, Outcome::Done),
                None => {
                    shot.outcome = Outcome::Running { at: due };
                    break;
                }
            };
            self.end_shot(layer, upto, outcome);
        }
        self.firing = self.shots.iter().any(|s| s.fired.is_some());
    }

    fn end_shot(&mut self, layer: Option<usize>, upto: u64, outcome: Outcome) {
        let Some(shot) = self.shots.pop_front() else { return };
        if let Some(layer) = layer {
            self.disc.write(layer, shot.from, &shot.runs, upto, shot.peak);
        }
        if matches!(outcome, Outcome::Aborted { cause: AbortCause::Focus, .. }) {
            (self.focus, self.focus_lost, self.lit) = (None, true, false);
        }
        self.ended.push((shot.id, outcome));
    }

    /// All dark; shots end here.
    pub fn off(&mut self) {
        let layer = self.layer();
        while let Some(shot) = self.shots.front() {
            let (upto, outcome) = match shot.outcome {
                Outcome::Running { at } => (at, Outcome::Aborted { at, cause: AbortCause::Off }),
                _ => (0, Outcome::NotDone),
            };
            self.end_shot(layer, upto, outcome);
        }
        (self.lit, self.firing, self.focus, self.tracking) = (false, false, None, None);
    }
}

/// A bench on the world.
pub struct Fake {
    pub world: Rc<RefCell<World>>,
    lasers: Lasers,
    focus: Focus,
    tracking: Tracking,
    detector: Detector,
    spindle: Turntable,
    time: Time,
}

impl Fake {
    pub fn new(medium: &Medium) -> Self {
        Self::with_disc(medium, Disc::blank(medium))
    }

    pub fn with_disc(medium: &Medium, disc: Disc) -> Self {
        let rest = f64::from(Nanometres::ZERO.0);
        let world = Rc::new(RefCell::new(World {
            medium: medium.clone(),
            disc,
            fault: Fault::None,
            log: Vec::new(),
            time: 0.0,
            lit: false,
            firing: false,
            speed: false,
            lens: (0.0, rest, rest, 1.0),
            focus: None,
            focus_lost: false,
            tracking: None,
            head: (0.0, 0.0),
            shots: VecDeque::new(),
            ended: Vec::new(),
            next_id: 1,
            peak: Microwatts::ZERO,
            capture: None,
            gaps: 0,
        }));
        Self {
            lasers: Lasers::new(&world),
            focus: Focus::new(&world),
            tracking: Tracking::new(&world),
            detector: Detector::new(&world),
            spindle: Turntable::new(&world),
            time: Time(Rc::clone(&world)),
            world,
        }
    }

    pub fn with_fault(medium: &Medium, fault: Fault) -> Self {
        let fake = Self::new(medium);
        fake.world.borrow_mut().fault = fault;
        fake
    }

    pub fn bench(&mut self) -> Bench<'_> {
        Bench::new(
            &mut self.lasers,
            &mut self.focus,
            &mut self.tracking,
            &mut self.detector,
            &mut self.spindle,
            &mut self.time,
        )
    }

    pub fn lasers_mut(&mut self) -> &mut Lasers {
        &mut self.lasers
    }

    /// Names of the calls so far.
    pub fn log(&self) -> Vec<&'static str> {
        self.world.borrow().log.clone()
    }

    pub fn is_dark(&self) -> bool {
        let world = self.world.borrow();
        !world.lit && !world.firing
    }

    /// The disc, to be put into another bench.
    pub fn eject(self) -> Disc {
        self.world.borrow().disc.clone()
    }
}
