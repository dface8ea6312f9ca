//! [`Guarded`] around lasers that are only noted down.

extern crate std;

use std::vec::Vec;

use super::{Guarded, LaserHardware};
use crate::hal::{
    AbortCause, ArmToken, Error, ErrorKind, Few, Hertz, LaserArray, LaserArraySpec, LaserStatus, Microwatts,
    Nanojoules, Outcome, Outputs, Part, Result, ShotClock, ShotId, ShotPlan, Source, SourceSpec, Trigger,
    WriteStrategy,
};

/// A call that reached the tester and can change something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Call {
    Power(u32),
    Load(u32),
    Begin(usize),
    Feed(usize, usize),
    Fire(usize),
    Off,
}

#[derive(Default)]
struct Noted {
    calls: Vec<Call>,
    /// How the shot in each slot stands.
    slots: [Option<Outcome>; 4],
    status: LaserStatus,
    /// What the next call is refused with.
    refuses: Option<ErrorKind>,
    /// Run lengths that fit.
    room: usize,
}

impl Noted {
    fn note(&mut self, call: Call) -> Result<()> {
        match self.refuses.take() {
            Some(kind) => Err(Error::new(Part::Laser, kind)),
            None => {
                self.calls.push(call);
                Ok(())
            }
        }
    }
}

impl LaserHardware for Noted {
    fn set_power(&mut self, _: Source, power: Microwatts) -> Result<Microwatts> {
        self.note(Call::Power(power.0))?;
        self.status.set(LaserStatus::EMITTING, power > Microwatts::ZERO);
        Ok(power)
    }

    fn monitor(&mut self, _: Source) -> Result<Microwatts> {
        Ok(Microwatts::ZERO)
    }

    fn load(&mut self, _: Source, strategy: &WriteStrategy) -> Result<()> {
        self.note(Call::Load(strategy.peak.0))
    }

    fn begin(&mut self, slot: usize, _: &ShotPlan) -> Result<()> {
        self.note(Call::Begin(slot))?;
        assert_eq!(self.slots[slot].filter(|o| o.is_open()), None, "slot {slot} is in use");
        self.slots[slot] = Some(Outcome::Pending);
        Ok(())
    }

    fn feed(&mut self, slot: usize, _: Source, runs: &[u8]) -> Result<usize> {
        let taken = runs.len().min(self.room);
        self.note(Call::Feed(slot, taken))?;
        Ok(taken)
    }

    fn arm(&mut self, _: usize) -> Result<()> {
        self.refuses.take().map_or(Ok(()), |kind| Err(Error::new(Part::Laser, kind)))
    }

    fn fire(&mut self, slot: usize) -> Result<()> {
        self.note(Call::Fire(slot))?;
        self.slots[slot] = Some(Outcome::Running { at: 0 });
        Ok(())
    }

    fn outcome(&mut self, slot: usize) -> Result<Outcome> {
        self.slots[slot].ok_or(Error::new(Part::Laser, ErrorKind::LinkLost).with_outputs(Outputs::Unknown))
    }

    fn status(&mut self) -> Result<LaserStatus> {
        Ok(self.status)
    }

    fn clear_trip(&mut self) -> Result<()> {
        Ok(())
    }

    fn off(&mut self) -> Result<()> {
        self.note(Call::Off)?;
        self.status.remove(LaserStatus::EMITTING);
        for slot in self.slots.iter_mut().flatten() {
            *slot = match *slot {
                Outcome::Pending => Outcome::NotDone,
                Outcome::Running { at } => Outcome::Aborted { at, cause: AbortCause::Off },
                over => over,
            };
        }
        Ok(())
    }
}

fn lasers() -> Guarded<Noted> {
    let source = SourceSpec {
        read_max: Microwatts(1_200),
        write_max: Microwatts(20_000),
        step: Microwatts(10),
        ..SourceSpec::default()
    };
    let spec = LaserArraySpec {
        sources: Few::from_slice(&[source; 2]).unwrap(),
        total_max: Microwatts(21_000),
        buffer_runs: 100,
        queue: 2,
        clock_min: Hertz(10),
        clock_max: Hertz(100),
        energy_max: Nanojoules(1_000_000),
    };
    Guarded::new(Noted { room: 100, ..Noted::default() }, &spec, 7)
}

fn strategy(peak: u32) -> WriteStrategy {
    let (lead, trail) = ([[32; 3]; 3], [[-32; 3]; 3]);
    WriteStrategy { peak: Microwatts(peak), bias: Microwatts(700), top: [40; 3], multi: 20, last: 20, lead, trail }
}

fn plan(length: u64) -> ShotPlan {
    ShotPlan::single(Source(0), Trigger::Index, ShotClock::Fixed(Hertz(50)), length, Nanojoules(1_000))
}

/// A shot that has been fed and armed.
fn armed(lasers: &mut Guarded<Noted>) -> (ShotId, ArmToken) {
    lasers.load(Source(0), &strategy(20_000)).unwrap();
    let shot = lasers.begin(&plan(30)).unwrap();
    assert_eq!(lasers.feed(shot, Source(0), &[10, 20]), Ok(2));
    (shot, lasers.arm(shot).unwrap())
}

fn kind<T>(result: Result<T>) -> Option<ErrorKind> {
    result.err().map(|e| e.kind)
}

#[test]
fn what_breaks_a_limit_never_reaches_the_tester() {
    let mut l = lasers();
    let refused = [
        kind(l.set_power(Source(0), Microwatts(1_201))),
        kind(l.set_power(Source(2), Microwatts(1))),
        kind(l.load(Source(0), &strategy(20_001))),
        kind(l.load(Source(0), &strategy(700))),
        kind(l.begin(&plan(30))),
        kind(l.outcome(ShotId(7 << 32 | 5))),
    ];
    use ErrorKind::{InvalidArgument as Argument, OutOfRange as Range};
    assert_eq!(refused, [Range, Argument, Range, Argument, Argument, Argument].map(Some));
    assert_eq!(l.hardware().calls, []);
    assert_eq!(l.set_power(Source(0), Microwatts(704)), Ok(Microwatts(700)));
    let (shot, _token) = armed(&mut l);
    let before = l.hardware().calls.clone();
    assert_eq!(before, [Call::Power(700), Call::Load(20_000), Call::Begin(0), Call::Feed(0, 2)]);
    let refused = [kind(l.feed(shot, Source(0), &[1])), kind(l.feed(shot, Source(0), &[0])), kind(l.begin(&plan(0)))];
    assert_eq!(refused, [Range, Argument, Argument].map(Some));
    assert_eq!(l.hardware().calls, before);
}

#[test]
fn powers_add_up_with_those_of_the_shot() {
    let mut l = lasers();
    assert!(l.set_power(Source(1), Microwatts(1_010)).is_ok());
    l.load(Source(0), &strategy(20_000)).unwrap();
    let shot = l.begin(&plan(30)).unwrap();
    l.feed(shot, Source(0), &[30]).unwrap();
    assert_eq!(kind(l.arm(shot)), Some(ErrorKind::OutOfRange));
    assert!(l.set_power(Source(1), Microwatts(1_000)).is_ok());
    assert!(l.arm(shot).is_ok());
}

#[test]
fn a_token_fires_once_and_the_outcome_stays_known() {
    let mut l = lasers();
    let (shot, token) = armed(&mut l);
    let copy = ArmToken::new(shot, token.plan(), token.nonce());
    let wrong = ArmToken::new(shot, token.plan(), token.nonce() + 1);
    assert_eq!(kind(l.fire(wrong)), Some(ErrorKind::StaleToken));
    assert_eq!(l.fire(token), Ok(()));
    assert_eq!(kind(l.fire(copy)), Some(ErrorKind::StaleToken));
    assert_eq!(l.hardware().calls.iter().filter(|c| **c == Call::Fire(0)).count(), 1);
    assert!(l.status().unwrap().contains(LaserStatus::FIRING));
    assert_eq!(l.outcome(shot), Ok(Outcome::Running { at: 0 }));
    l.hardware_mut().slots[0] = Some(Outcome::Underrun { at: 20 });
    for _ in 0..2 {
        assert_eq!(l.outcome(shot), Ok(Outcome::Underrun { at: 20 }));
    }
    // The slot is free; the number isn't.
    let (next, _token) = armed(&mut l);
    assert!(next.0 > shot.0 && l.hardware().calls.contains(&Call::Begin(0)));
    assert_eq!(l.outcome(shot), Ok(Outcome::Underrun { at: 20 }));
    assert_eq!(kind(l.feed(shot, Source(0), &[1])), Some(ErrorKind::WrongState));
}

#[test]
fn the_queue_is_as_long_as_the_spec_says() {
    let mut l = lasers();
    let (first, token) = armed(&mut l);
    l.fire(token).unwrap();
    let second = l.begin(&plan(30)).unwrap();
    assert_eq!(kind(l.begin(&plan(30))), Some(ErrorKind::Full));
    // The first one ends by itself, and nobody asks for it before the next begins.
    l.hardware_mut().slots[0] = Some(Outcome::Done);
    let third = l.begin(&plan(30)).unwrap();
    assert!(first.0 < second.0 && second.0 < third.0);
    assert_eq!((l.outcome(first), l.outcome(third)), (Ok(Outcome::Done), Ok(Outcome::Pending)));
    let slots: Vec<Call> = l.hardware().calls.iter().copied().filter(|c| matches!(c, Call::Begin(_))).collect();
    assert_eq!(slots, [Call::Begin(0), Call::Begin(1), Call::Begin(0)]);
}

#[test]
fn off_past_the_driver_voids_tokens() {
    let mut l = lasers();
    let (shot, token) = armed(&mut l);
    l.hardware_mut().off().unwrap();
    assert_eq!(kind(l.fire(token)), Some(ErrorKind::StaleToken));
    assert_eq!(l.outcome(shot), Ok(Outcome::NotDone));
    assert!(!l.hardware().calls.contains(&Call::Fire(0)));
}

#[test]
fn off_ends_what_runs_and_is_tried_again() {
    let mut l = lasers();
    let (shot, token) = armed(&mut l);
    l.fire(token).unwrap();
    l.hardware_mut().refuses = Some(ErrorKind::Timeout);
    assert_eq!(kind(l.off()), Some(ErrorKind::Timeout));
    assert_eq!(l.off(), Ok(()));
    assert_eq!(l.outcome(shot), Ok(Outcome::Aborted { at: 0, cause: AbortCause::Off }));
    assert!(!l.status().unwrap().intersects(LaserStatus::FIRING | LaserStatus::ARMED | LaserStatus::TRIPPED));
}

#[test]
fn what_the_tester_refuses_leaves_nothing_behind() {
    let mut l = lasers();
    l.load(Source(0), &strategy(20_000)).unwrap();
    for _ in 0..3 {
        l.hardware_mut().refuses = Some(ErrorKind::Busy);
        assert_eq!(kind(l.begin(&plan(30))), Some(ErrorKind::Busy));
    }
    let (shot, token) = armed(&mut l);
    l.hardware_mut().refuses = Some(ErrorKind::TrackingLost);
    assert_eq!(kind(l.arm(shot)), Some(ErrorKind::TrackingLost));
    assert!(!l.status().unwrap().contains(LaserStatus::ARMED));
    assert_eq!(kind(l.fire(token)), Some(ErrorKind::StaleToken));
    // A tester that takes fewer than it was given: what it took counts.
    let next = l.begin(&plan(30)).unwrap();
    l.hardware_mut().room = 1;
    assert_eq!(l.feed(next, Source(0), &[10, 20]), Ok(1));
    l.hardware_mut().room = 9;
    assert_eq!(l.feed(next, Source(0), &[20]), Ok(1));
    assert_eq!(kind(l.feed(next, Source(0), &[1])), Some(ErrorKind::OutOfRange));
}

#[test]
fn an_interlock_trips_what_is_lit_until_it_is_cleared() {
    let mut l = lasers();
    l.set_power(Source(0), Microwatts(700)).unwrap();
    l.hardware_mut().status |= LaserStatus::INTERLOCK_OPEN;
    let status = l.status().unwrap();
    assert!(status.contains(LaserStatus::TRIPPED | LaserStatus::TRIP_INTERLOCK), "{status:?}");
    assert_eq!(l.hardware().calls.last(), Some(&Call::Off));
    assert_eq!(kind(l.set_power(Source(0), Microwatts(700))), Some(ErrorKind::Interlock));
    assert_eq!(kind(l.clear_trip()), Some(ErrorKind::Interlock));
    l.hardware_mut().status.remove(LaserStatus::INTERLOCK_OPEN);
    assert_eq!(kind(l.set_power(Source(0), Microwatts(700))), Some(ErrorKind::Tripped));
    assert_eq!(l.clear_trip(), Ok(()));
    assert!(l.set_power(Source(0), Microwatts(700)).is_ok());
}

#[test]
fn a_fired_shot_that_keeps_silent_is_made_dark_and_unknown() {
    let mut l = lasers();
    let (shot, token) = armed(&mut l);
    l.fire(token).unwrap();
    l.hardware_mut().slots[0] = None;
    let status = l.status().unwrap();
    assert!(status.contains(LaserStatus::TRIP_MONITOR), "{status:?}");
    assert_eq!(l.hardware().calls.last(), Some(&Call::Off));
    assert_eq!(l.outcome(shot), Ok(Outcome::Unknown));
}

#[test]
fn shots_of_two_starts_share_no_number() {
    let spec = *lasers().spec();
    let numbers: Vec<u64> = [7, 8]
        .map(|boot| {
            let mut l = Guarded::new(Noted { room: 9, ..Noted::default() }, &spec, boot);
            l.load(Source(0), &strategy(20_000)).unwrap();
            l.begin(&plan(30)).unwrap().0
        })
        .to_vec();
    assert_ne!(numbers[0], numbers[1]);
}
