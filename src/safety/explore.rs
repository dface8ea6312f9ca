//! All reachable states of small benches, with all events at each of them.
//!
//! A state is visited once per key: times as ages up to where they make no more
//! difference, numbers by what they are to the present state. Outcomes that are
//! remembered don't enter the key, as nothing depends on them; each state visited
//! has some.
extern crate std;

use super::explore_ghost::{Ghost, LIGHT_MAX};
use super::shots::Phase;
use super::*;
use crate::hal::{
    AbortCause, Electrode, ElectrodeSpec, Few, Hertz, LaserArraySpec, LaserStatus, Microwatts, Millivolts,
    MillivoltsPerSecond, Nanojoules, Outcome, ShotClock, ShotId, ShotPlan, Source, SourceSpec, SupplySpec, Trigger,
};
use std::collections::HashSet;
use std::string::String;
use std::time::Instant;
use std::vec::Vec;
use std::{format, println};

/// A bench to explore.
#[derive(Debug, Clone, Copy)]
struct World {
    name: &'static str,
    queue: u8,
    emission_delay: u32,
    electrode: bool,
    bad_frames: bool,
    inputs: &'static [Inputs],
}

const ONE: World = World {
    name: "one shot at a time, noise, all kinds of trips",
    queue: 1,
    emission_delay: 1,
    electrode: false,
    bad_frames: true,
    inputs: &[Inputs::empty(), Inputs::INTERLOCK_OPEN, Inputs::FOCUS_LOST, Inputs::MONITOR_FAULT],
};

const TWO: World = World {
    name: "two shots at a time, interlock",
    queue: 2,
    emission_delay: 0,
    electrode: false,
    bad_frames: false,
    inputs: &[Inputs::empty(), Inputs::INTERLOCK_OPEN],
};

const NONE: World = World {
    name: "no shots, electrode, all kinds of trips",
    queue: 0,
    emission_delay: 0,
    electrode: true,
    bad_frames: true,
    inputs: ONE.inputs,
};

/// A rule left out, or turned around.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mutant {
    None,
    TokenIsKept,
    TokenOutlivesSession,
    AnyTokenFires,
    InterlockIsIgnored,
    FocusIsIgnored,
    LeaseFromArrival,
    TimeOnlyAtTicks,
    TripIsNotLatched,
    ClearsAgainstInterlock,
    SessionIsRevived,
    SessionIsTaken,
    RequestsRepeat,
    OffKeepsElectrodes,
    SilenceIsDone,
    DarkWithoutTelling,
}

const MUTANTS: [Mutant; 15] = [
    Mutant::TokenIsKept,
    Mutant::TokenOutlivesSession,
    Mutant::AnyTokenFires,
    Mutant::InterlockIsIgnored,
    Mutant::FocusIsIgnored,
    Mutant::LeaseFromArrival,
    Mutant::TimeOnlyAtTicks,
    Mutant::TripIsNotLatched,
    Mutant::ClearsAgainstInterlock,
    Mutant::SessionIsRevived,
    Mutant::SessionIsTaken,
    Mutant::RequestsRepeat,
    Mutant::OffKeepsElectrodes,
    Mutant::SilenceIsDone,
    Mutant::DarkWithoutTelling,
];

fn plan(trigger: Trigger) -> ShotPlan {
    ShotPlan::single(Source(0), trigger, ShotClock::Fixed(Hertz(1_000_000)), LIGHT_MAX - 1, Nanojoules(1_000))
}

pub(super) fn now_plan() -> ShotPlan {
    plan(Trigger::Now)
}

/// One step of the core with a rule left out.
fn drive(mutant: Mutant, state: &mut State, now: u64, mut event: Event<'_>, limits: &Limits<'_>) -> Step {
    if mutant == Mutant::None {
        return state.apply(now, event, limits);
    }
    let before = state.clone();
    let mut time = now;
    match (mutant, &mut event) {
        (Mutant::InterlockIsIgnored, Event::Inputs(inputs)) => inputs.remove(Inputs::INTERLOCK_OPEN),
        (Mutant::FocusIsIgnored, Event::Inputs(inputs)) => inputs.remove(Inputs::FOCUS_LOST),
        (Mutant::TimeOnlyAtTicks, event)
            if !matches!(event, Event::Tick | Event::Hello { .. } | Event::Request { .. }) =>
        {
            time = before.now;
        }
        (Mutant::SessionIsTaken, Event::Hello { ends, .. }) => *ends = before.session().unwrap_or(0),
        (Mutant::SilenceIsDone, Event::Observed { outcome, .. }) if *outcome == Outcome::Unknown => {
            *outcome = Outcome::Done;
        }
        (Mutant::AnyTokenFires, Event::Fire { shot, nonce, .. }) => {
            for known in state.shots.iter().flatten() {
                if let Phase::Armed { nonce: own, .. } = known.phase
                    && u64::from(known.number) == shot.0 & 0xffff_ffff
                {
                    *nonce = own;
                }
            }
        }
        (Mutant::ClearsAgainstInterlock, Event::ClearTrip) => state.inputs = Inputs::empty(),
        _ => {}
    }
    let mut step = state.apply(time, event, limits);
    match (mutant, event, step.verdict) {
        (Mutant::TokenIsKept, Event::Fire { .. }, Verdict::Allowed) => state.shots = before.shots,
        (Mutant::TokenOutlivesSession, Event::Hello { .. }, Verdict::Welcome { .. }) => {
            state.shots = before.shots;
            if let (Some(old), Some(new)) = (&before.session, &mut state.session) {
                new.held = old.held;
            }
        }
        (Mutant::LeaseFromArrival, Event::Request { .. }, Verdict::Execute) => {
            if let Some(session) = &mut state.session {
                session.proof = now;
            }
        }
        (Mutant::SessionIsRevived, Event::Hello { .. }, Verdict::Welcome { .. }) if before.sessions > 0 => {
            state.sessions = before.sessions;
            step.verdict = Verdict::Welcome { session: super::state::joined(state.boot, state.sessions) };
        }
        (Mutant::RequestsRepeat, Event::Request { .. }, Verdict::Repeat) => step.verdict = Verdict::Execute,
        (Mutant::OffKeepsElectrodes, Event::Off, _) if !before.driven => step.effects = Effects::LASERS_OFF,
        (Mutant::ClearsAgainstInterlock, Event::ClearTrip, _) => state.inputs = before.inputs,
        (Mutant::TripIsNotLatched, _, _) => state.trips = LaserStatus::empty(),
        (Mutant::DarkWithoutTelling, Event::Tick, _) => step.effects = Effects::empty(),
        _ => {}
    }
    step
}

/// What makes this state's future another one's.
fn key(state: &State, ghost: &Ghost) -> u128 {
    let age = |then: u64, most: u64| (state.now - then).min(most) as u8;
    let mut bytes: Vec<u8> = Vec::with_capacity(48);
    if let Some(s) = &state.session {
        bytes.extend([u8::from(s.held), u8::from(s.lapsed), age(s.start, 4)]);
        bytes.push(if s.held { age(s.proof, 5) } else { 0 });
    }
    let mut shots: Vec<_> = state.shots.iter().flatten().collect();
    shots.sort_by_key(|s| s.number);
    for shot in shots {
        bytes.extend(match shot.phase {
            Phase::Begun => [1, 0, 0],
            Phase::Armed { since, .. } => [2, age(since, 9), 0],
            Phase::Waiting { since } => [3, age(since, 9), 0],
            Phase::Writing { since, seen } => [4, age(since, 9), u8::from(seen)],
            Phase::Closing { since, cause, seen } => {
                [5, age(since, 9), u8::from(seen) | u8::from(cause == AbortCause::Off) << 1]
            }
        });
        let dead = ghost.has_dead_token(ShotId(super::state::joined(state.boot, shot.number)));
        bytes.push(u8::from(shot.waits) | u8::from(shot.fed[0] > 0) << 1 | u8::from(dead) << 2);
    }
    // Which of several causes has tripped makes no difference, but for these.
    let trips = state.trips;
    let others = trips.difference(LaserStatus::TRIPPED | LaserStatus::TRIP_LEASE | LaserStatus::TRIP_MONITOR);
    let lease = others.is_empty() && trips == LaserStatus::TRIPPED | LaserStatus::TRIP_LEASE;
    let monitor = trips.contains(LaserStatus::TRIP_MONITOR);
    bytes.push(0xf0 | u8::from(!trips.is_empty()) | u8::from(lease) << 1 | u8::from(monitor) << 2);
    let bad = if age(state.bad_since, 2) < 2 { state.bad.min(2) as u8 } else { 0 };
    let noise = if bad > 0 { age(state.bad_since, 2) } else { 2 };
    bytes.extend([state.constant[0] as u8, state.inputs.bits(), u8::from(state.driven), bad, noise]);
    bytes.extend(ghost.key(state.now));
    // 128 bits: among ten million keys two meet once in 10^24 runs.
    bytes.chunks(8).fold(0x6c62_272e_07bb_0142_62b8_2175_6295_c58d, |hash: u128, chunk| {
        let word = chunk.iter().fold(1, |word, &byte| word << 8 | u128::from(byte));
        let hash = (hash ^ word).wrapping_mul(0xda94_2042_e4dd_58b5_94d0_49bb_1331_11eb);
        hash ^ hash >> 64
    })
}

/// All events that could make a difference in this state at `now`.
fn events<'p>(state: &State, ghost: &Ghost, now: u64, world: &World, plans: &'p [ShotPlan; 2]) -> Vec<Event<'p>> {
    let mut list = Vec::with_capacity(100);
    let current = ghost.session.unwrap_or_else(|| super::state::joined(state.boot, state.sessions));
    let (previous, fresh) = (current - 1, now + 1_000);
    for (nonce, ends) in [(ghost.nonce, 0), (ghost.nonce, current), (fresh, 0), (fresh, current), (fresh, previous)] {
        list.push(Event::Hello { nonce, ends });
    }
    let next = ghost.sequence + 1;
    let mut request = |session, sequence, stamp, class| {
        list.push(Event::Request { session, sequence, stamp, class });
    };
    for age in 0..=5 {
        for class in [Class::Set, Class::Shot] {
            request(current, next, now - age, class);
        }
    }
    request(current, next, now + 1, Class::Read);
    for (stamp, class) in [(now, Class::Read), (now - 3, Class::Shot), (now - 4, Class::Set), (now + 1, Class::Set)] {
        request(current, ghost.sequence, stamp, class);
    }
    request(current, next + 1, now, Class::Set);
    request(current, ghost.sequence.wrapping_sub(1), now, Class::Set);
    request(previous, 1, now, Class::Shot);
    request(current + 1, 1, now, Class::Shot);
    list.extend([Event::Tick, Event::Off, Event::LasersOff, Event::ClearTrip]);
    list.extend([Event::Bye { session: current }, Event::Bye { session: previous }]);
    list.extend([0, 1, 2].map(|p| Event::SetPower { source: Source(0), power: Microwatts(p) }));
    list.extend(plans.iter().map(|plan| Event::Begin { plan }));
    list.extend(world.inputs.iter().map(|&inputs| Event::Inputs(inputs)));
    if world.bad_frames {
        list.push(Event::BadFrame);
    }
    if world.electrode {
        let (electrode, slew) = (Electrode(0), MillivoltsPerSecond(1));
        list.extend([1, 2].map(|v| Event::Voltage { electrode, voltage: Millivolts(v), slew }));
        list.push(Event::ElectrodesSafe);
    }
    for known in &ghost.shots {
        let (shot, source) = (known.id, Source(0));
        list.extend([Event::Arm { shot }, Event::Disarm { shot }, Event::OutcomeOf { shot }]);
        list.push(Event::Fed { shot, source, bits: LIGHT_MAX - 1 });
        list.push(Event::Fed { shot, source, bits: LIGHT_MAX });
        let (at, off) = (1, AbortCause::Off);
        let all = [
            Outcome::Pending,
            Outcome::Running { at },
            Outcome::Done,
            Outcome::NotDone,
            Outcome::Unknown,
            Outcome::Underrun { at },
            Outcome::Aborted { at, cause: off },
            Outcome::Aborted { at, cause: AbortCause::Focus },
        ];
        list.extend(all.map(|outcome| Event::Observed { shot, outcome }));
    }
    let never = ShotId(super::state::joined(state.boot, state.begun + 1));
    list.extend([Event::OutcomeOf { shot: never }, Event::OutcomeOf { shot: ShotId(1) }, Event::Arm { shot: never }]);
    for token in &ghost.tokens {
        let (shot, plan, nonce) = (token.shot, token.plan, token.nonce);
        list.push(Event::Fire { shot, plan, nonce });
        list.push(Event::Fire { shot, plan: plan ^ 1, nonce });
        list.push(Event::Fire { shot, plan, nonce: nonce ^ 1 });
        for other in ghost.shots.iter().filter(|s| s.id != shot) {
            list.push(Event::Fire { shot: other.id, plan, nonce });
        }
    }
    list
}

/// States and transitions, or the first thing that is wrong.
fn explore(world: &World, mutant: Mutant) -> Result<(usize, u64), String> {
    let config = Config {
        write_lease: 2,
        hold_lease: 4,
        token_life: 3,
        emission_delay: world.emission_delay,
        bad_frames: 1,
        bad_window: 1,
        wait_max: 2,
        overrun: 0,
        poll: 0,
        tick: 0,
    };
    let source = SourceSpec { read_max: Microwatts(1), write_max: Microwatts(2), ..SourceSpec::default() };
    let lasers = LaserArraySpec {
        sources: Few::from_slice(&[source]).unwrap(),
        total_max: Microwatts(2),
        buffer_runs: 8,
        queue: world.queue,
        clock_min: Hertz(1),
        clock_max: Hertz(1_000_000),
        energy_max: Nanojoules(1_000),
    };
    let electrode = ElectrodeSpec {
        min: Millivolts(-1),
        max: Millivolts(1),
        slew_max: MillivoltsPerSecond(1),
        ..ElectrodeSpec::default()
    };
    let supply = SupplySpec { electrodes: Few::from_slice(&[electrode]).unwrap(), keeps_lease: true };
    let limits = Limits { config: &config, lasers: &lasers, supply: Some(&supply) };
    let plans = [now_plan(), plan(Trigger::Index)];

    let mut first = State::new(1);
    // Far enough from zero for every stamp.
    let _quiet = first.apply(100, Event::Tick, &limits);
    let mut seen = HashSet::new();
    let (mut state, mut ghost) = (first.clone(), Ghost::new());
    let mut edge = Vec::from([(first, Ghost::new())]);
    let (mut transitions, mut depth) = (0, 0);
    while !edge.is_empty() {
        let mut beyond = Vec::new();
        for (from, known) in &edge {
            for now in [from.now, from.now + 1] {
                for event in events(from, known, now, world, &plans) {
                    state.clone_from(from);
                    ghost.clone_from(known);
                    let wrong = |e| format!("{e}: {event:?} after {depth} steps");
                    if let Event::Begin { .. } = event {
                        let (peak, bias) = (Microwatts(2), Microwatts(1));
                        let load = Event::Loaded { source: Source(0), peak, bias };
                        let step = drive(mutant, &mut state, now, load, &limits);
                        ghost.follow(now, load, step, &state, &limits).map_err(wrong)?;
                    }
                    let step = drive(mutant, &mut state, now, event, &limits);
                    transitions += 1;
                    ghost.follow(now, event, step, &state, &limits).map_err(wrong)?;
                    if seen.insert(key(&state, &ghost)) {
                        beyond.push((state.clone(), ghost.clone()));
                    }
                }
            }
        }
        edge = beyond;
        depth += 1;
    }
    Ok((seen.len(), transitions))
}

fn explore_whole(world: &World) {
    let start = Instant::now();
    let (states, transitions) = explore(world, Mutant::None).unwrap();
    let seconds = start.elapsed().as_secs_f32();
    println!("{}: {states} states, {transitions} transitions, {seconds:.1} s", world.name);
    assert!(states > 1_000, "the world has shrunk: {states}");
}

#[test]
fn no_path_of_one_shot_leads_to_forbidden_light() {
    explore_whole(&ONE);
    explore_whole(&NONE);
}

#[test]
fn no_path_of_two_shots_leads_to_forbidden_light() {
    explore_whole(&TWO);
}

#[test]
fn every_rule_that_is_left_out_is_missed() {
    for mutant in MUTANTS {
        let start = Instant::now();
        match explore(&ONE, mutant) {
            Ok(_) => panic!("{mutant:?} is not found"),
            Err(what) => println!("{mutant:?}: {what} ({:.1} s)", start.elapsed().as_secs_f32()),
        }
    }
}
