//! Shots of the simulated laser: what the contract promises of them.

mod support;

use disc_hal::hal::{
    AbortCause, Acquisition, Address, Channels, ErrorKind, Hertz, LaserStatus, Microwatts, Nanojoules, Outcome,
    Picoseconds, Rig, ShotClock, ShotId, ShotPlan, Source, Trigger,
};
use disc_hal::media::Medium;
use disc_hal::record::{Job, Options, Session, Silent, record};
use disc_hal_sim::SimRig;

const LASER: Source = Source(0);

fn medium() -> Medium {
    Medium::load("dual-layer").unwrap()
}

/// A bench on the first layer's data area, ready to write.
fn ready(test: impl FnOnce(&mut Session<'_>)) {
    let medium = medium();
    let mut rig = SimRig::blank(medium.clone(), 4).unwrap();
    let mut silent = Silent;
    let mut session = Session::open(rig.bench(), &medium, Options::default(), &mut silent).unwrap();
    session.go_to_layer(0).unwrap();
    let bench = session.bench();
    bench.lasers.load(LASER, &medium.layers[0].write.strategy).unwrap();
    test(&mut session);
}

fn plan(length: u64) -> ShotPlan {
    ShotPlan::single(LASER, Trigger::Now, ShotClock::Groove(Hertz(26_156_250)), length, Nanojoules(1_000_000_000))
}

/// Begins, feeds `runs` of 5T, arms and fires.
fn fire(session: &mut Session<'_>, length: u64, runs: usize) -> ShotId {
    let lasers = session.bench().lasers;
    let shot = lasers.begin(&plan(length)).unwrap();
    assert_eq!(lasers.feed(shot, LASER, &vec![5; runs]).unwrap(), runs);
    let token = lasers.arm(shot).unwrap();
    lasers.fire(token).unwrap();
    shot
}

/// 20 000 runs of 5T last 3.8 ms.
const RUNS: usize = 20_000;
const LENGTH: u64 = 5 * RUNS as u64;

#[test]
fn a_shot_happens_once_and_ends_by_itself() {
    ready(|session| {
        let shot = fire(session, LENGTH, RUNS);
        let bench = session.bench();
        bench.delay.delay_ms(1);
        assert!(matches!(bench.lasers.outcome(shot), Ok(Outcome::Running { at }) if (20_000..30_000).contains(&at)));
        bench.delay.delay_ms(5);
        assert_eq!(bench.lasers.outcome(shot), Ok(Outcome::Done));
        assert!(!bench.lasers.status().unwrap().contains(LaserStatus::FIRING));
        assert_eq!(bench.lasers.feed(shot, LASER, &[3]).unwrap_err().kind, ErrorKind::WrongState);
        assert_eq!(bench.lasers.arm(shot).unwrap_err().kind, ErrorKind::WrongState);
    });
}

#[test]
fn every_shot_that_makes_light_is_seen_with_its_place() {
    let medium = medium();
    let mut rig = SimRig::blank(medium.clone(), 4).unwrap();
    let fired = rig.fired();
    let mut silent = Silent;
    let mut session = Session::open(rig.bench(), &medium, Options::default(), &mut silent).unwrap();
    session.go_to_layer(1).unwrap();
    session.bench().lasers.load(LASER, &medium.layers[1].write.strategy).unwrap();
    // One that runs to its end, and one that is ended.
    let done = fire(&mut session, LENGTH, RUNS);
    session.bench().delay.delay_ms(6);
    let ended = fire(&mut session, LENGTH, RUNS);
    session.bench().delay.delay_ms(1);
    session.bench().lasers.off().unwrap();
    let seen = fired();
    assert_eq!(seen.iter().map(|f| f.shot).collect::<Vec<_>>(), [done, ended]);
    assert_eq!((seen[0].layer, seen[0].bits), (1, LENGTH));
    assert!((20_000..30_000).contains(&seen[1].bits), "{seen:?}");
    // The track goes on below the spot: 6 ms are 157 000 channel bits.
    assert!((150_000..165_000).contains(&(seen[1].start - seen[0].start)), "{seen:?}");
}

#[test]
fn a_delay_counts_from_the_trigger_whatever_that_is() {
    for trigger in [Trigger::Now, Trigger::Index] {
        ready(|session| {
            let bench = session.bench();
            let mut plan = ShotPlan { trigger, ..plan(LENGTH) };
            plan.spots[0].delay = Picoseconds(1_000_000_000);
            let shot = bench.lasers.begin(&plan).unwrap();
            bench.lasers.feed(shot, LASER, &vec![5; RUNS]).unwrap();
            let token = bench.lasers.arm(shot).unwrap();
            bench.lasers.fire(token).unwrap();
            if trigger == Trigger::Now {
                bench.delay.delay_us(900);
                assert_eq!(bench.lasers.outcome(shot), Ok(Outcome::Pending));
                bench.delay.delay_us(200);
                assert!(matches!(bench.lasers.outcome(shot), Ok(Outcome::Running { at }) if at < 5_000));
            }
            bench.delay.delay_ms(50);
            assert_eq!(bench.lasers.outcome(shot), Ok(Outcome::Done), "{trigger:?}");
        });
    }
}

#[test]
fn focus_lost_in_a_shot_means_dark_within_50_us_and_a_place() {
    ready(|session| {
        let shot = fire(session, LENGTH, RUNS);
        let bench = session.bench();
        bench.delay.delay_ms(1);
        bench.focus.release().unwrap();
        bench.delay.delay_us(50);
        let status = bench.lasers.status().unwrap();
        assert!(status.contains(LaserStatus::TRIPPED | LaserStatus::TRIP_FOCUS), "{status:?}");
        assert!(!status.contains(LaserStatus::EMITTING), "{status:?}");
        let outcome = bench.lasers.outcome(shot).unwrap();
        assert!(
            matches!(outcome, Outcome::Aborted { at, cause: AbortCause::Focus } if (20_000..30_000).contains(&at)),
            "{outcome:?}"
        );
        // Latched until it is cleared.
        assert_eq!(bench.lasers.set_power(LASER, Microwatts(500)).unwrap_err().kind, ErrorKind::Tripped);
        bench.lasers.clear_trip().unwrap();
        assert_eq!(bench.lasers.set_power(LASER, Microwatts(500)), Ok(Microwatts(500)));
    });
}

#[test]
fn off_and_an_empty_buffer_end_a_shot_at_a_stated_place() {
    ready(|session| {
        let shot = fire(session, LENGTH, RUNS);
        let bench = session.bench();
        bench.delay.delay_ms(1);
        bench.lasers.off().unwrap();
        assert!(matches!(bench.lasers.outcome(shot), Ok(Outcome::Aborted { cause: AbortCause::Off, .. })));
        assert!(!bench.lasers.status().unwrap().contains(LaserStatus::EMITTING));
    });
    ready(|session| {
        let shot = fire(session, LENGTH, 1000);
        let bench = session.bench();
        bench.delay.delay_ms(2);
        assert_eq!(bench.lasers.outcome(shot), Ok(Outcome::Underrun { at: 5000 }));
    });
}

#[test]
fn limits_and_tokens_are_kept() {
    ready(|session| {
        let medium = medium();
        let bench = session.bench();
        let lasers = bench.lasers;
        let spec = *lasers.spec();
        let kind = |r: Result<Microwatts, disc_hal::hal::Error>| r.unwrap_err().kind;
        let beyond = Microwatts(spec.sources[0].read_max.0 + 1);
        assert_eq!(kind(lasers.set_power(LASER, beyond)), ErrorKind::OutOfRange);
        assert_eq!(kind(lasers.set_power(Source(1), Microwatts(1))), ErrorKind::InvalidArgument);
        let strong = medium.layers[0].write.strategy.with_peak(Microwatts(spec.sources[0].write_max.0 + 1));
        assert_eq!(lasers.load(LASER, &strong).unwrap_err().kind, ErrorKind::OutOfRange);
        let greedy = ShotPlan { energy_max: Nanojoules(spec.energy_max.0 + 1), ..plan(1000) };
        assert_eq!(lasers.begin(&greedy).unwrap_err().kind, ErrorKind::OutOfRange);
        let shot = lasers.begin(&plan(1000)).unwrap();
        assert_eq!(lasers.arm(shot).unwrap_err().kind, ErrorKind::WrongState, "nothing has been fed");
        assert_eq!(
            lasers.feed(shot, LASER, &[255; 4]).unwrap_err().kind,
            ErrorKind::OutOfRange,
            "longer than the plan"
        );
        lasers.feed(shot, LASER, &[10; 100]).unwrap();
        let old = lasers.arm(shot).unwrap();
        let new = lasers.arm(shot).unwrap();
        assert_eq!(lasers.fire(old).unwrap_err().kind, ErrorKind::StaleToken);
        lasers.fire(new).unwrap();
        let second = lasers.begin(&plan(1000)).unwrap();
        assert_ne!(second, shot);
        assert_eq!(lasers.begin(&plan(1000)).unwrap_err().kind, ErrorKind::Full, "the queue holds two");
    });
}

#[test]
fn an_energy_limit_ends_a_shot_where_the_pulses_reach_it() {
    ready(|session| {
        let limit = 3_000.0;
        let lasers = session.bench().lasers;
        let small = ShotPlan { energy_max: Nanojoules(limit as u64), ..plan(LENGTH) };
        let shot = lasers.begin(&small).unwrap();
        lasers.feed(shot, LASER, &[5; RUNS]).unwrap();
        let token = lasers.arm(shot).unwrap();
        lasers.fire(token).unwrap();
        let bench = session.bench();
        bench.delay.delay_ms(5);
        let outcome = bench.lasers.outcome(shot).unwrap();
        let Outcome::Aborted { at, cause: AbortCause::Limit } = outcome else { panic!("{outcome:?}") };
        // A 5T mark has a first, one middle and a last pulse, which don't overlap here.
        let s = medium().layers[0].write.strategy;
        let pulses = f64::from(s.top[2]) + f64::from(s.multi) + f64::from(s.last);
        let mean = f64::from(s.bias.0) + f64::from(s.peak.0 - s.bias.0) * pulses / 32.0 / 10.0;
        let expected = limit * 1e-9 / (mean * 1e-6) * 26_156_250.0;
        // The limit is looked at once a step of the servo, of 131 channel bits.
        assert!((at as f64 - expected).abs() < 200.0, "{at} instead of {expected}");
    });
}

#[test]
fn samples_that_nobody_fetches_are_counted_as_a_gap() {
    ready(|session| {
        let bench = session.bench();
        let (room, length) = (bench.detector.spec().buffer, 80_000_000);
        let plan = Acquisition { channels: Channels::one(0), rate: Hertz(104_625_000), length, trigger: Trigger::Now };
        bench.detector.arm(&plan).unwrap();
        bench.delay.delay_ms(900);
        let mut samples = vec![0; 1 << 20];
        let chunk = bench.detector.read(&mut samples).unwrap();
        assert_eq!((chunk.first, chunk.gap, chunk.length), (length - room, length - room, samples.len()));
        let mut have = chunk.first + chunk.length as u64;
        while have < length {
            let chunk = bench.detector.read(&mut samples).unwrap();
            assert_eq!((chunk.first, chunk.gap), (have, 0));
            have += chunk.length as u64;
            assert_eq!(chunk.last, have == length);
        }
        assert_eq!(bench.detector.read(&mut samples).unwrap_err().kind, ErrorKind::WrongState);
    });
}

#[test]
fn samples_do_not_depend_on_how_they_are_fetched() {
    let fetch = |piece: usize| {
        let mut all = Vec::new();
        ready(|session| {
            let place =
                session.write_file(0, None, &support::noise(40_000), 1, &medium().layers[0].write.strategy).unwrap();
            session.bench().tracking.seek(Address(place.first.0)).unwrap();
            let bench = session.bench();
            bench.delay.delay_ms(500);
            let plan = Acquisition {
                channels: Channels::one(0),
                rate: Hertz(104_625_000),
                length: 100_000,
                trigger: Trigger::Now,
            };
            bench.detector.arm(&plan).unwrap();
            bench.delay.delay_ms(2);
            let mut samples = vec![0; piece];
            while all.len() < 100_000 {
                let chunk = bench.detector.read(&mut samples).unwrap();
                all.extend_from_slice(&samples[..chunk.length]);
            }
        });
        all
    };
    let whole = fetch(100_000);
    assert!(whole == fetch(777), "pieces of 777 samples differ from the whole");
}

#[test]
fn shots_that_follow_each_other_leave_no_seam() {
    let medium = medium();
    let mut rig = SimRig::blank(medium.clone(), 1).unwrap();
    let data = support::noise(100_000);
    let jobs = [Job { name: "x", data: &data, layer: 0, address: None }];
    let mut options = Options::default();
    options.shot_blocks = 1;
    let recording = record(rig.bench(), &medium, &jobs, options, &mut Silent).unwrap();
    for file in &recording.layers {
        assert!(file.identical && file.read.pi_errors == 0 && file.passed(), "{:?}", file.verdicts);
    }
}
