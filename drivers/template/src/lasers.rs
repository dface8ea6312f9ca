//! STEP 4: the lasers. Numbers of shots, tokens, outcomes and limits are kept by
//! [`Guarded`](disc_hal::safety::Guarded); here is only which command does what.

use disc_hal::hal::{
    AbortCause, Error, ErrorKind, LaserStatus, Microwatts, Outcome, Result, ShotClock, ShotPlan, Source, Trigger,
    WriteStrategy,
};
use disc_hal::safety::LaserHardware;

use crate::board::{Board, Command};
use crate::parts::{broken, number};

/// The lasers of the tester.
#[derive(Debug)]
pub struct Lasers<B> {
    board: B,
}

impl<B: Board> Lasers<B> {
    /// Those of the tester at the other end of `board`.
    pub const fn new(board: B) -> Self {
        Self { board }
    }

    fn slot(&self, command: Command, slot: usize) -> Result<[i64; 4]> {
        self.board.call(command, &[slot as i64])
    }
}

/// `kind address`, as commands take a trigger.
pub(crate) fn trigger(trigger: Trigger) -> Option<[i64; 2]> {
    match trigger {
        Trigger::Now => Some([0, -1]),
        Trigger::Index => Some([1, -1]),
        Trigger::Address(address) => Some([2, address.0.into()]),
        // The contract may learn more of them.
        _ => None,
    }
}

fn cause(number: i64) -> AbortCause {
    match number {
        0 => AbortCause::Off,
        1 => AbortCause::Focus,
        2 => AbortCause::Tracking,
        3 => AbortCause::Interlock,
        4 => AbortCause::Spindle,
        _ => AbortCause::Limit,
    }
}

impl<B: Board> LaserHardware for Lasers<B> {
    fn set_power(&mut self, source: Source, power: Microwatts) -> Result<Microwatts> {
        let [applied, ..] = self.board.call(Command::Power, &[source.0.into(), power.0.into()])?;
        Ok(Microwatts(number(Command::Power, applied)?))
    }

    fn monitor(&mut self, source: Source) -> Result<Microwatts> {
        let [seen, ..] = self.board.call(Command::Monitor, &[source.0.into()])?;
        Ok(Microwatts(number(Command::Monitor, seen)?))
    }

    fn load(&mut self, source: Source, s: &WriteStrategy) -> Result<()> {
        let head = [source.0.into(), s.peak.0.into(), s.bias.0.into(), s.multi.into(), s.last.into()];
        let top = s.top.iter().map(|&t| t.into());
        let edges = s.lead.iter().chain(&s.trail).flatten().map(|&t| t.into());
        let mut numbers = [0; 26];
        for (slot, n) in numbers.iter_mut().zip(head.into_iter().chain(top).chain(edges)) {
            *slot = n;
        }
        self.board.call(Command::Strategy, &numbers).map(|_| ())
    }

    fn begin(&mut self, slot: usize, plan: &ShotPlan) -> Result<()> {
        let unable = Error::new(Command::Begin.part(), ErrorKind::NotSupported);
        let ([spot], Some([kind, address])) = (&*plan.spots, trigger(plan.trigger)) else { return Err(unable) };
        let groove = match plan.clock {
            ShotClock::Fixed(_) => 0,
            ShotClock::Groove(_) => 1,
            _ => return Err(unable),
        };
        let (length, energy) = (i64::try_from(plan.length), i64::try_from(plan.energy_max.0));
        let (Ok(length), Ok(energy)) = (length, energy) else { return Err(unable) };
        let clock = plan.clock.nominal().0.into();
        let what = [slot as i64, spot.source.0.into(), spot.delay.0, kind, address, clock, groove, length, energy];
        self.board.call(Command::Begin, &what).map(|_| ())
    }

    fn feed(&mut self, slot: usize, source: Source, runs: &[u8]) -> Result<usize> {
        self.board.feed(slot, source.0, runs)
    }

    fn arm(&mut self, slot: usize) -> Result<()> {
        // This tester looks at its servos itself. Where yours doesn't, ask for their
        // states here and refuse with `FocusLost`, `TrackingLost` or `WrongState`.
        self.slot(Command::Arm, slot).map(|_| ())
    }

    fn fire(&mut self, slot: usize) -> Result<()> {
        self.slot(Command::Fire, slot).map(|_| ())
    }

    fn outcome(&mut self, slot: usize) -> Result<Outcome> {
        let [state, place, why, _] = self.slot(Command::WriteStatus, slot)?;
        let at = number(Command::WriteStatus, place)?;
        match state {
            0 => Ok(Outcome::Pending),
            1 => Ok(Outcome::Running { at }),
            2 => Ok(Outcome::Done),
            3 => Ok(Outcome::NotDone),
            4 => Ok(Outcome::Underrun { at }),
            5 => Ok(Outcome::Aborted { at, cause: cause(why) }),
            _ => Err(broken(Command::WriteStatus)),
        }
    }

    fn status(&mut self) -> Result<LaserStatus> {
        let [emitting, open, tripped, why] = self.board.call(Command::LaserStatus, &[])?;
        let mut status = LaserStatus::empty();
        status.set(LaserStatus::EMITTING, emitting != 0);
        status.set(LaserStatus::INTERLOCK_OPEN, open != 0);
        if tripped != 0 {
            status |= LaserStatus::TRIPPED
                | match cause(why) {
                    AbortCause::Focus => LaserStatus::TRIP_FOCUS,
                    AbortCause::Tracking => LaserStatus::TRIP_TRACKING,
                    AbortCause::Interlock => LaserStatus::TRIP_INTERLOCK,
                    AbortCause::Spindle => LaserStatus::TRIP_SPINDLE,
                    _ => LaserStatus::TRIP_LIMIT,
                };
        }
        Ok(status)
    }

    fn clear_trip(&mut self) -> Result<()> {
        self.board.call(Command::ClearTrip, &[]).map(|_| ())
    }

    fn off(&mut self) -> Result<()> {
        self.board.call(Command::Off, &[]).map(|_| ())
    }
}
