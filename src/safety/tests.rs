//! Rules one by one, at the scales of a real bench.
extern crate std;

use super::ring::DEPTH;
use super::state::joined;
use super::tests_bench::{Bench, second};
use super::*;
use crate::hal::{
    AbortCause, Electrode, ErrorKind, Few, Hertz, LaserStatus, Microwatts, Millivolts, MillivoltsPerSecond, Nanojoules,
    Outcome, Picoseconds, ShotClock, ShotId, ShotPlan, ShotSpot, Source, Trigger,
};
use std::vec::Vec;

#[test]
fn one_host_holds_the_bench() {
    let mut bench = Bench::new();
    let (held, start) = (bench.state.session().unwrap(), bench.now);
    bench.wait(1_000);
    assert_eq!(bench.tell(Event::Hello { nonce: 1, ends: 0 }), Verdict::Drop, "the Hello that made it, late");
    for ends in [0, held - 1, held + 1] {
        assert_eq!(bench.tell(Event::Hello { nonce: 2, ends }), Verdict::Busy { since: start });
    }
    assert!(bench.effects.is_empty());
    let welcome = bench.tell(Event::Hello { nonce: 3, ends: held });
    assert_eq!((welcome, bench.effects), (Verdict::Welcome { session: held + 1 }, Effects::all()));
    assert_eq!(bench.tell(Event::Hello { nonce: 3, ends: held }), welcome, "the welcome was lost");
    assert!(bench.effects.is_empty());
    let again = bench.tell(Event::Hello { nonce: 4, ends: 0 });
    assert_eq!(again, Verdict::Welcome { session: held + 2 }, "an offer binds nobody");
    // Challenges of before the session prove nothing.
    bench.sequence = 0;
    assert_eq!(bench.request(1, Class::Read), Verdict::Refuse(Refusal::Stale { age_us: 1 }));
    assert_eq!(bench.tell(Event::Bye { session: held }), Verdict::Refuse(Refusal::NoSession));
    assert_eq!(bench.tell(Event::Bye { session: held + 2 }), Verdict::Allowed);
    assert_eq!((bench.effects, bench.state.session()), (Effects::all(), None));
    let light = bench.power(0, 1);
    assert_eq!(bench.refused(light), Some(ErrorKind::WrongState), "nobody holds it");
}

#[test]
fn a_new_session_keeps_trips_and_forgets_the_rest() {
    let mut bench = Bench::new();
    let shot = bench.fired(&second());
    let second_shot = bench.begin(&second());
    bench.feed(second_shot);
    let fire = bench.arm(second_shot);
    bench.tell(Event::Inputs(Inputs::FOCUS_LOST));
    bench.tell(Event::Inputs(Inputs::empty()));
    bench.hello(2);
    bench.live();
    assert!(bench.has(LaserStatus::TRIPPED | LaserStatus::TRIP_FOCUS));
    assert_eq!(bench.refused(fire), Some(ErrorKind::Tripped));
    assert_eq!(bench.tell(Event::ClearTrip), Verdict::Allowed);
    assert_eq!(bench.refused(fire), Some(ErrorKind::StaleToken));
    assert_eq!(bench.tell(Event::OutcomeOf { shot }), Verdict::Ask);
    assert_eq!(bench.tell(Event::OutcomeOf { shot: second_shot }), Verdict::Outcome(Outcome::NotDone));
    let plan = second();
    assert_eq!(bench.refused(Event::Begin { plan: &plan }), Some(ErrorKind::InvalidArgument), "nothing is loaded");
    let third = bench.begin(&plan);
    bench.feed(third);
    assert_eq!(bench.refused(Event::Arm { shot: third }), Some(ErrorKind::Busy), "the first isn't settled");
    bench.observe(shot, Outcome::Aborted { at: 9, cause: AbortCause::Off });
    let told = Outcome::Aborted { at: 9, cause: AbortCause::Focus };
    assert_eq!(bench.tell(Event::OutcomeOf { shot }), Verdict::Outcome(told));
    bench.arm(third);
}

#[test]
fn powers_stop_at_their_limits() {
    let mut bench = Bench::new();
    for (power, kind) in [(1_200, None), (1_201, Some(ErrorKind::OutOfRange)), (u32::MAX, Some(ErrorKind::OutOfRange))]
    {
        let event = bench.power(0, power);
        assert_eq!(bench.refused(event), kind, "{power}");
    }
    for source in [2, 8, 255] {
        let event = bench.power(source, 0);
        assert_eq!(bench.refused(event), Some(ErrorKind::InvalidArgument));
    }
    bench.lasers.total_max = Microwatts(2_000);
    let (event, more) = (bench.power(1, 800), bench.power(1, 801));
    assert_eq!(bench.refused(more), Some(ErrorKind::OutOfRange), "the sum counts");
    assert_eq!(bench.refused(event), None);
    let load = |peak, bias| Event::Load { source: Source(0), peak: Microwatts(peak), bias: Microwatts(bias) };
    assert_eq!(bench.refused(load(60_001, 0)), Some(ErrorKind::OutOfRange));
    assert_eq!(bench.refused(load(60_000, 1_201)), Some(ErrorKind::OutOfRange));
    assert_eq!(bench.refused(load(60_000, 1_200)), None);
}

#[test]
fn plans_stop_at_their_limits() {
    let mut bench = Bench::new();
    let plan = second();
    let unloaded = bench.refused(Event::Begin { plan: &plan });
    assert_eq!(unloaded, Some(ErrorKind::InvalidArgument), "no strategy");
    bench.load(0, 20_000);
    bench.load(1, 60_000);
    let at = |hz| ShotClock::Fixed(Hertz(hz));
    let two = |second: u8, delay| {
        let spots = [ShotSpot::default(), ShotSpot { source: Source(second), delay: Picoseconds(delay) }];
        Few::from_slice(&spots).unwrap()
    };
    let cases = [
        (ShotPlan { length: 0, ..plan }, ErrorKind::InvalidArgument),
        (ShotPlan { spots: Few::new(), ..plan }, ErrorKind::InvalidArgument),
        (ShotPlan { spots: two(0, 0), ..plan }, ErrorKind::InvalidArgument),
        (ShotPlan { spots: two(2, 0), ..plan }, ErrorKind::InvalidArgument),
        (ShotPlan { clock: at(9_999_999), ..plan }, ErrorKind::OutOfRange),
        (ShotPlan { clock: at(60_000_001), ..plan }, ErrorKind::OutOfRange),
        (ShotPlan { energy_max: Nanojoules(2_000_000_001), ..plan }, ErrorKind::OutOfRange),
        (ShotPlan { spots: two(1, 0), ..plan }, ErrorKind::OutOfRange),
    ];
    for (plan, kind) in cases {
        assert_eq!(bench.refused(Event::Begin { plan: &plan }), Some(kind), "{plan:?}");
    }
    bench.load(1, 42_000);
    for (delay, kind) in [(-1, Some(ErrorKind::OutOfRange)), (i64::MAX, Some(ErrorKind::OutOfRange)), (5_000_000, None)]
    {
        let plan = ShotPlan { spots: two(1, delay), ..plan };
        assert_eq!(bench.refused(Event::Begin { plan: &plan }), kind, "{delay}");
    }
    assert_eq!(bench.refused(Event::Begin { plan: &plan }), None);
    assert_eq!(bench.refused(Event::Begin { plan: &plan }), Some(ErrorKind::Full));
}

#[test]
fn a_shot_counts_beside_constant_light() {
    let mut bench = Bench::new();
    bench.lasers.total_max = Microwatts(20_500);
    let shot = bench.begin(&second());
    assert_eq!(bench.refused(Event::Arm { shot }), Some(ErrorKind::WrongState), "nothing fed");
    bench.feed(shot);
    let (dim, bright) = (bench.power(1, 500), bench.power(1, 501));
    assert_eq!(bench.refused(bright), None);
    assert_eq!(bench.refused(Event::Arm { shot }), Some(ErrorKind::OutOfRange));
    assert_eq!(bench.refused(dim), None);
    let fire = bench.arm(shot);
    assert_eq!(bench.refused(bright), Some(ErrorKind::OutOfRange));
    assert_eq!(bench.refused(fire), None);
    // The source of the shot isn't counted twice.
    let own = bench.power(0, 1_200);
    assert_eq!(bench.refused(own), None);
}

#[test]
fn no_more_is_fed_than_planned() {
    let mut bench = Bench::new();
    let shot = bench.begin(&second());
    let fed = |bits| Event::Fed { shot, source: Source(0), bits };
    let length = second().length;
    assert_eq!(bench.refused(Event::Feed { shot, source: Source(0), bits: length }), None);
    assert_eq!(bench.refused(fed(length - 1)), None);
    assert_eq!(bench.refused(fed(2)), Some(ErrorKind::OutOfRange));
    assert_eq!(bench.refused(fed(u64::MAX)), Some(ErrorKind::OutOfRange));
    assert_eq!(bench.refused(fed(1)), None);
    let other = Event::Fed { shot, source: Source(1), bits: 1 };
    assert_eq!(bench.refused(other), Some(ErrorKind::InvalidArgument), "not in the plan");
    bench.tell(Event::LasersOff);
    assert_eq!(bench.refused(fed(0)), Some(ErrorKind::WrongState), "over");
}

#[test]
fn a_token_fires_once_in_its_time() {
    let mut bench = Bench::new();
    bench.config.emission_delay = 2_000_000;
    let shot = bench.begin(&second());
    bench.feed(shot);
    let fire = bench.arm(shot);
    bench.wait(1_999_999);
    assert_eq!(bench.refused(fire), Some(ErrorKind::Busy));
    bench.wait(8_000_001);
    assert!(bench.has(LaserStatus::ARMED));
    bench.wait(1);
    assert_eq!(bench.refused(fire), Some(ErrorKind::StaleToken), "expired");
    let (old, fire) = (fire, bench.arm(shot));
    assert_ne!(old, fire);
    bench.wait(2_000_000);
    assert_eq!(bench.refused(old), Some(ErrorKind::StaleToken));
    assert_eq!(bench.refused(fire), None);
    assert_eq!(bench.refused(fire), Some(ErrorKind::StaleToken), "used");
}

#[test]
fn leases_count_from_the_challenge() {
    let mut bench = Bench::new();
    let shot = bench.fired(&second());
    // The next step may be a tick away: it would end the shot in time.
    bench.now += 99_000;
    // It came at once, but its challenge is as old as the last proof.
    let stale = Event::Request {
        session: bench.state.session().unwrap(),
        sequence: bench.sequence + 1,
        stamp: bench.now - 100_001,
        class: Class::Shot,
    };
    assert_eq!(bench.tell(stale), Verdict::Refuse(Refusal::Stale { age_us: 100_001 }));
    assert_eq!(bench.request(99_000, Class::Shot), Verdict::Execute);
    assert!(bench.has(LaserStatus::FIRING));
    bench.now += 1;
    bench.tell(Event::Tick);
    assert_eq!(bench.effects, Effects::LASERS_OFF);
    assert!(bench.has(LaserStatus::TRIPPED | LaserStatus::TRIP_LEASE));
    let aborted = |cause| Outcome::Aborted { at: 5, cause };
    let told = bench.observe(shot, aborted(AbortCause::Off));
    assert_eq!(told, Verdict::Outcome(aborted(AbortCause::Lease)));
    assert_eq!(bench.tell(Event::OutcomeOf { shot }), told);

    bench.tell(Event::ClearTrip);
    let electrode = Event::Voltage { electrode: Electrode(0), voltage: Millivolts(1), slew: MillivoltsPerSecond(1) };
    bench.live();
    assert_eq!(bench.tell(electrode), Verdict::Allowed);
    bench.now += 5_000_000;
    bench.tell(Event::Tick);
    assert!(bench.effects.is_empty());
    bench.now += 1;
    bench.tell(Event::Tick);
    assert_eq!(bench.effects, Effects::all());
    assert!(bench.has(LaserStatus::TRIP_LEASE));
    // Its own host may go on, until another one comes.
    bench.live();
    bench.now += 5_000_001;
    assert!(matches!(bench.tell(Event::Hello { nonce: 9, ends: 0 }), Verdict::Welcome { .. }));
    assert!(bench.state.status().is_empty(), "the lease of another host");
}

#[test]
fn a_shot_lasts_as_planned() {
    for (plan, most) in [
        // A second and a rounded microsecond, a quarter more, and 5 ms.
        (ShotPlan { energy_max: Nanojoules(2_000_000_000), ..second() }, 1_255_002),
        // Half a second by its energy.
        (ShotPlan { energy_max: Nanojoules(10_000_000), ..second() }, 630_000),
    ] {
        let mut bench = Bench::new();
        let shot = bench.fired(&plan);
        bench.wait(most);
        assert!(bench.has(LaserStatus::FIRING), "{most}");
        let mut late = State::clone(&bench.state);
        bench.now += 1;
        bench.tell(Event::Tick);
        assert!(bench.has(LaserStatus::TRIP_LIMIT));
        core::mem::swap(&mut bench.state, &mut late);
        // That it has ended by itself is no reason to trip.
        assert_eq!(bench.observe(shot, Outcome::Done), Verdict::Outcome(Outcome::Done));
        assert!(bench.state.status().is_empty());
    }
}

#[test]
fn a_shot_waits_for_those_before_it_and_not_for_ever() {
    let mut bench = Bench::new();
    let plan = ShotPlan { energy_max: Nanojoules(2_000_000_000), ..second() };
    let first = bench.fired(&plan);
    let second = bench.fired(&plan);
    bench.wait(1_200_000);
    bench.observe(first, Outcome::Done);
    bench.wait(1_200_000);
    assert_eq!(bench.observe(second, Outcome::Running { at: 3 }), Verdict::Outcome(Outcome::Running { at: 3 }));
    assert_eq!(bench.observe(second, Outcome::Done), Verdict::Outcome(Outcome::Done));
    bench.fired(&ShotPlan { trigger: Trigger::Index, ..plan });
    bench.wait(10_005_000);
    assert!(bench.has(LaserStatus::FIRING));
    bench.wait(1);
    assert!(bench.has(LaserStatus::TRIP_LIMIT));
}

#[test]
fn inputs_trip_what_they_endanger() {
    let cases = [
        (Inputs::INTERLOCK_OPEN, LaserStatus::TRIP_INTERLOCK, ErrorKind::Interlock),
        (Inputs::KEY_OFF, LaserStatus::TRIP_INTERLOCK, ErrorKind::Interlock),
        (Inputs::FOCUS_LOST, LaserStatus::TRIP_FOCUS, ErrorKind::FocusLost),
        (Inputs::TRACKING_LOST, LaserStatus::TRIP_TRACKING, ErrorKind::TrackingLost),
        (Inputs::SPINDLE_OFF_SPEED, LaserStatus::TRIP_SPINDLE, ErrorKind::WrongState),
        (Inputs::MONITOR_FAULT, LaserStatus::TRIP_MONITOR, ErrorKind::Tripped),
    ];
    for (inputs, flag, kind) in cases {
        let mut bench = Bench::new();
        let shot = bench.begin(&second());
        bench.feed(shot);
        bench.tell(Event::Inputs(inputs));
        let latched = inputs == Inputs::MONITOR_FAULT;
        assert_eq!(bench.has(LaserStatus::TRIPPED), latched, "{inputs:?} of a dark bench");
        assert_eq!(bench.refused(Event::Arm { shot }), Some(kind));

        let mut bench = Bench::new();
        let shot = bench.fired(&second());
        bench.tell(Event::Inputs(inputs));
        assert_eq!((bench.effects, bench.has(flag)), (Effects::LASERS_OFF, true), "{inputs:?}");
        bench.tell(Event::Inputs(Inputs::empty()));
        assert!(bench.has(flag), "latched");
        assert_eq!(bench.observe(shot, Outcome::NotDone), Verdict::Outcome(Outcome::NotDone));
        let light = bench.power(0, 1);
        assert_eq!(bench.refused(light), Some(ErrorKind::Tripped));
        let dark = bench.power(0, 0);
        assert_eq!(bench.refused(dark), None);
        assert_eq!(bench.tell(Event::ClearTrip), Verdict::Allowed);
        assert_eq!(bench.refused(light), None);
    }
}

#[test]
fn a_part_that_trips_or_lies_is_made_dark() {
    for (said, told, flag) in [
        (Outcome::Aborted { at: 4, cause: AbortCause::Tracking }, None, LaserStatus::TRIP_TRACKING),
        (Outcome::Unknown, None, LaserStatus::TRIP_MONITOR),
    ] {
        let mut bench = Bench::new();
        let shot = bench.fired(&second());
        assert_eq!(bench.observe(shot, said), Verdict::Outcome(told.unwrap_or(said)));
        assert_eq!((bench.effects, bench.has(flag)), (Effects::LASERS_OFF, true));
    }
    let mut bench = Bench::new();
    let shot = bench.begin(&second());
    assert_eq!(bench.observe(shot, Outcome::Running { at: 0 }), Verdict::Outcome(Outcome::Unknown));
    assert!(bench.has(LaserStatus::TRIP_MONITOR));
    let mut bench = Bench::new();
    let shot = bench.fired(&second());
    bench.tell(Event::LasersOff);
    bench.wait(100_001);
    assert_eq!(bench.tell(Event::OutcomeOf { shot }), Verdict::Outcome(Outcome::Unknown), "silent");
    assert!(bench.has(LaserStatus::TRIP_MONITOR));
    assert_eq!(bench.observe(shot, Outcome::Done), Verdict::Outcome(Outcome::Unknown), "too late");
}

#[test]
fn outcomes_are_remembered_and_then_unknown() {
    let mut bench = Bench::new();
    let shots: Vec<ShotId> = (0..=DEPTH)
        .map(|_| {
            let shot = bench.fired(&second());
            bench.observe(shot, Outcome::Done);
            shot
        })
        .collect();
    assert_eq!(bench.tell(Event::OutcomeOf { shot: shots[0] }), Verdict::Outcome(Outcome::Unknown));
    for &shot in &shots[1..] {
        assert_eq!(bench.tell(Event::OutcomeOf { shot }), Verdict::Outcome(Outcome::Done));
        assert_eq!(bench.observe(shot, Outcome::NotDone), Verdict::Outcome(Outcome::Done), "final");
    }
    // Boots may be numbered at random.
    for other in [joined(6, 4), joined(8, 1), u64::MAX] {
        assert_eq!(bench.tell(Event::OutcomeOf { shot: ShotId(other) }), Verdict::Outcome(Outcome::Unknown));
    }
    for never in [0, joined(6, 0), joined(7, 0), shots[DEPTH].0 + 1] {
        let event = Event::OutcomeOf { shot: ShotId(never) };
        assert_eq!(bench.refused(event), Some(ErrorKind::InvalidArgument), "{never:x}");
    }
}

#[test]
fn counters_end_in_refusals() {
    let mut bench = Bench::new();
    let plan = second();
    let shot = bench.begin(&plan);
    bench.feed(shot);
    bench.state.begun = u32::MAX;
    assert_eq!(bench.refused(Event::Begin { plan: &plan }), Some(ErrorKind::Fault));
    bench.state.armed = u32::MAX;
    assert_eq!(bench.refused(Event::Arm { shot }), Some(ErrorKind::Fault));
    if let Some(session) = &mut bench.state.session {
        session.sequence = u32::MAX;
    }
    let session = bench.state.session().unwrap();
    for (sequence, verdict) in [(0, Verdict::Refuse(Refusal::Sequence)), (u32::MAX, Verdict::Repeat)] {
        let event = Event::Request { session, sequence, stamp: bench.now, class: Class::Read };
        assert_eq!(bench.tell(event), verdict);
    }
    bench.state.sessions = u32::MAX;
    let ends = bench.state.session().unwrap();
    assert_eq!(bench.tell(Event::Hello { nonce: 2, ends }), Verdict::Refuse(Refusal::Exhausted));
    // A clock at its end, and one that runs backwards.
    bench.now = u64::MAX;
    bench.tell(Event::Tick);
    bench.now = 0;
    assert_eq!(bench.tell(Event::Off), Verdict::Allowed);
    assert_eq!(bench.state.now, u64::MAX);
}

#[test]
fn noise_trips_while_armed_only() {
    let mut bench = Bench::new();
    for _ in 0..100 {
        bench.tell(Event::BadFrame);
    }
    assert!(bench.state.status().is_empty());
    bench.wait(1_000_001);
    let shot = bench.begin(&second());
    bench.feed(shot);
    bench.arm(shot);
    for _ in 0..8 {
        bench.tell(Event::BadFrame);
    }
    assert!(bench.has(LaserStatus::ARMED));
    bench.tell(Event::BadFrame);
    assert!(bench.has(LaserStatus::TRIP_LIMIT) && bench.effects == Effects::LASERS_OFF);
}

#[test]
fn voltages_stop_at_their_limits() {
    let mut bench = Bench::new();
    let range = Some(ErrorKind::OutOfRange);
    for (electrode, voltage, slew, kind) in [
        (0, 3_000, 500, None),
        (0, -2_000, 1, None),
        (0, 3_001, 500, range),
        (0, -2_001, 500, range),
        (0, 0, 501, range),
        (0, 0, 0, range),
        (1, 0, 0, None),
        (1, 0, 1, range),
        (2, 0, 1, Some(ErrorKind::InvalidArgument)),
    ] {
        let (electrode, voltage, slew) = (Electrode(electrode), Millivolts(voltage), MillivoltsPerSecond(slew));
        assert_eq!(bench.refused(Event::Voltage { electrode, voltage, slew }), kind, "{voltage} {slew}");
    }
    assert!(size_of::<State>() <= 1_536, "{}", size_of::<State>());
}
