//! Order of calls of a write, and what is left behind after every kind of failure.

mod support;

use core::panic::AssertUnwindSafe;
use std::collections::BTreeSet;
use std::panic::catch_unwind;

use disc_hal::hal::{
    Address, ArmToken, Error, ErrorKind, Few, Hertz, LaserArraySpec, LaserStatus, Microwatts, MockBench,
    MockElectrodeSupply, MockLaserArray, Nanojoules, Outcome, Part, ShotId, ShotPlan, SourceSpec, SupplySpec, Trigger,
};
use disc_hal::media::Medium;
use disc_hal::record::{Light, Observer, Options, Problem, RecordError, Session, Silent, Stage};
use mockall::Sequence;
use support::{Fake, Fault, ShotEnd};

/// Opens a session and writes two blocks.
fn write(fake: &mut Fake, medium: &Medium, observer: &mut dyn Observer) -> Result<(), RecordError> {
    let data = [0x5A; 40_000];
    let mut session = Session::open(fake.bench(), medium, Options::default(), &mut *observer)?;
    session.write_file(0, None, &data, 1, &medium.layers[0].write.strategy)?;
    session.close()
}

fn medium() -> Medium {
    Medium::load("dual-layer").unwrap()
}

/// Dark, with `off` after the last call that makes light, and servos released.
fn assert_safe(fake: &Fake, context: &str) {
    assert!(fake.is_dark(), "{context}: light");
    let log = fake.log();
    let last = |names: &[&str]| log.iter().rposition(|c| names.contains(c));
    assert!(last(&["off"]) > last(&["set_power", "fire", "begin", "load"]), "{context}: off isn't the last word");
    for (close, open) in [("engage_focus", "release_focus"), ("engage_tracking", "release_tracking")] {
        assert!(last(&[open]) > last(&[close]), "{context}: no {open}");
    }
    assert!(last(&["set_velocity"]) > last(&["release_focus"]), "{context}: the disc isn't stopped");
}

/// The numbers of calls to fail at: every call that isn't one of many alike.
fn points(log: &[&'static str]) -> Vec<usize> {
    let mut seen = std::collections::BTreeMap::new();
    (0..log.len())
        .filter(|&k| {
            let count = seen.entry((k.checked_sub(1).map(|p| log[p]), log[k])).or_insert(0);
            *count += 1;
            *count <= 3
        })
        .collect()
}

#[test]
fn whichever_call_fails_the_lasers_go_dark_and_the_message_says_so() {
    let medium = medium();
    let mut fake = Fake::new(&medium);
    write(&mut fake, &medium, &mut Silent).unwrap();
    let log = fake.log();
    let points = points(&log);
    let (mut failed, mut stages) = (0, BTreeSet::new());
    for &k in &points {
        let kind = ErrorKind::ALL[k % ErrorKind::ALL.len()];
        let mut fake = Fake::with_fault(&medium, Fault::Call(k, kind));
        let result = write(&mut fake, &medium, &mut Silent);
        let context = format!("call {k}, {}: {kind}", log[k]);
        assert_safe(&fake, &context);
        let Err(error) = result else { continue };
        failed += 1;
        stages.insert(error.stage().to_string());
        let text = error.to_string();
        assert!(text.starts_with(&error.stage().to_string()), "{context}: {text}");
        assert!(text.contains(&kind.to_string()) && text.ends_with("the lasers are off"), "{context}: {text}");
        let source = core::error::Error::source(&error).and_then(|s| s.downcast_ref::<Error>());
        assert_eq!(source.map(|s| s.kind), Some(kind), "{context}: the bench's error is the source");
        if error.stage() == Stage::Write {
            assert!(text.contains("on layer 0 at 0") && text.contains("on the disc, "), "{context}: {text}");
        }
    }
    println!("{} calls of {}, {failed} end the recording, in {stages:?}", points.len(), log.len());
    assert!(failed > points.len() / 2 && stages.len() >= 5, "{failed} of {}: {stages:?}", points.len());
}

#[test]
fn every_kind_of_error_at_every_kind_of_call_leaves_the_bench_safe() {
    let medium = medium();
    let mut fake = Fake::new(&medium);
    write(&mut fake, &medium, &mut Silent).unwrap();
    let log = fake.log();
    let names: BTreeSet<&str> = log.iter().copied().collect();
    for name in names {
        // The last one: deepest in.
        let k = log.iter().rposition(|c| *c == name).unwrap();
        for &kind in ErrorKind::ALL {
            let mut fake = Fake::with_fault(&medium, Fault::Call(k, kind));
            let _either = write(&mut fake, &medium, &mut Silent);
            assert_safe(&fake, &format!("call {k}, {name}: {kind}"));
        }
    }
}

#[test]
fn a_lost_link_is_reported_as_light_that_nobody_knows_of() {
    let medium = medium();
    let mut fake = Fake::new(&medium);
    write(&mut fake, &medium, &mut Silent).unwrap();
    let log = fake.log();
    let k = log.iter().rposition(|c| *c == "outcome").unwrap() - 40;
    let mut fake = Fake::with_fault(&medium, Fault::LinkLostFrom(k));
    let error = write(&mut fake, &medium, &mut Silent).unwrap_err();
    assert_eq!(error.light(), Light::Unknown(ErrorKind::LinkLost));
    let text = error.to_string();
    assert!(text.contains("treat them as lit") && text.contains("may be written and damaged"), "{text}");
    assert!(matches!(error.problem(), Problem::Bench(e) if e.kind == ErrorKind::LinkLost), "the first error stays");
}

#[test]
fn a_panic_anywhere_parks_the_bench() {
    let medium = medium();
    let mut fake = Fake::new(&medium);
    write(&mut fake, &medium, &mut Silent).unwrap();
    let log = fake.log();
    for name in ["sweep", "engage_tracking", "read", "feed", "fire", "outcome"] {
        let k = log.iter().rposition(|c| *c == name).unwrap();
        let mut fake = Fake::with_fault(&medium, Fault::Panic(k));
        let result = catch_unwind(AssertUnwindSafe(|| write(&mut fake, &medium, &mut Silent)));
        assert!(result.is_err(), "{name}");
        assert_safe(&fake, name);
    }
}

#[test]
fn a_shot_that_ends_early_says_where_and_what_is_on_the_disc() {
    let medium = medium();
    let at = 20 * 38_688 + 7;
    for (end, words) in [
        (ShotEnd::Focus, ["focus was lost", "sectors 02FFF0h to 030003h are written, the one at 030004h is damaged"]),
        (ShotEnd::Underrun, ["ran empty", "sectors 02FFF0h to 030003h are written, the one at 030004h is damaged"]),
        (ShotEnd::Unknown, ["can't tell what became", "02FFF0h to 030020h may be written and damaged"]),
    ] {
        let mut fake = Fake::with_fault(&medium, Fault::ShotEnds(at, end));
        let error = write(&mut fake, &medium, &mut Silent).unwrap_err();
        let text = error.to_string();
        assert_eq!((error.stage(), error.layer(), error.light()), (Stage::Write, Some(0), Light::Off), "{text}");
        assert!(words.iter().all(|w| text.contains(w)) && text.ends_with("the lasers are off"), "{text}");
        assert_safe(&fake, &text);
        // What the message says is what the disc shows.
        let (first, last) = fake.world.borrow().disc.recorded(0).unwrap();
        assert!(first >= f64::from(0x2_FFF0) * 38_688.0 && last <= f64::from(0x2_FFF0) * 38_688.0 + at as f64 + 1.0);
    }
}

/// Cancels after so many questions.
struct Impatient(core::cell::Cell<u32>);

impl Observer for Impatient {
    fn cancelled(&self) -> bool {
        self.0.set(self.0.get().saturating_sub(1));
        self.0.get() == 0
    }
}

#[test]
fn cancelling_at_any_time_is_safe_and_says_what_is_written() {
    let medium = medium();
    let mut written = 0;
    for patience in (1..2_000).step_by(23) {
        let mut fake = Fake::new(&medium);
        let mut observer = Impatient(core::cell::Cell::new(patience));
        let Err(error) = write(&mut fake, &medium, &mut observer) else { break };
        assert!(error.is_cancelled() && error.light() == Light::Off, "{error}");
        assert_safe(&fake, &format!("{patience} questions"));
        if let Some(on_disc) = error.written() {
            written += 1;
            let track = fake.world.borrow().disc.recorded(0);
            let upto = f64::from(on_disc.first.0 + on_disc.whole) * 38_688.0;
            assert!(track.map_or(on_disc.whole == 0, |(_, last)| last + 64.0 >= upto), "{error}");
        }
    }
    assert!(written > 2, "no cancelling met the write");
}

#[test]
fn lost_samples_are_read_again_once_and_reported_when_they_stay_lost() {
    let medium = medium();
    let data = [0x5A; 40_000];
    let run = |at: u64, always: bool| {
        let mut fake = Fake::new(&medium);
        write(&mut fake, &medium, &mut Silent).unwrap();
        let mut fake = Fake::with_disc(&medium, fake.eject());
        fake.world.borrow_mut().fault = Fault::Gap { at, lost: 5_000, always };
        let mut silent = Silent;
        let mut session = Session::open(fake.bench(), &medium, Options::default(), &mut silent).unwrap();
        let mut back = Vec::new();
        let result = session.read(Address(0x3_0000), 2, |_, block| back.extend_from_slice(block));
        drop(session);
        assert_safe(&fake, "lost samples");
        (result, back)
    };
    let (result, back) = run(3_000_000, false);
    let read = result.unwrap();
    assert!(back.starts_with(&data), "every byte came");
    assert_eq!((read.lost_samples, read.blocks[1].attempts), (5_000, 2));
    // In every capture before the first block is whole.
    let (result, back) = run(1_000_000, true);
    let error = result.unwrap_err();
    assert!(back.is_empty() && matches!(error.problem(), Problem::SamplesLost { lost: 5_000 }), "{error}");
    assert!(error.to_string().starts_with("reading on layer 0 at 030000h failed: 5000 samples were lost"), "{error}");
}

#[test]
fn a_layer_without_addresses_is_given_up_after_both_slopes() {
    let medium = medium();
    let mut fake = Fake::with_fault(&medium, Fault::NoAddress);
    let error = write(&mut fake, &medium, &mut Silent).unwrap_err();
    assert!(matches!(error.problem(), Problem::TrackingFailed { .. }), "{error}");
    assert_safe(&fake, "no address");
}

#[test]
fn a_place_that_passes_by_while_its_shot_is_armed_is_sought_again() {
    let medium = medium();
    let mut fake = Fake::with_fault(&medium, Fault::SlowArm(1));
    write(&mut fake, &medium, &mut Silent).unwrap();
    let log = fake.log();
    let at = log.iter().position(|c| *c == "arm_shot").unwrap();
    let fire = log.iter().position(|c| *c == "fire").unwrap();
    assert!(log[at..fire].contains(&"seek"), "{:?}", &log[at..fire]);
    // The second time it is caught, and nothing is fired twice.
    let track = fake.world.borrow().disc.recorded(0);
    assert_eq!(track.map(|(first, _)| (first / 38_688.0).round()), Some(f64::from(0x2_FFF0)));
    // A bench that is always too slow is told so, with nothing fired.
    let mut fake = Fake::with_fault(&medium, Fault::SlowArm(u32::MAX));
    let error = write(&mut fake, &medium, &mut Silent).unwrap_err();
    assert!(matches!(error.problem(), Problem::SeekFailed { .. }), "{error}");
    assert!(!fake.log().contains(&"fire"), "{error}");
    assert_safe(&fake, "slow");
}

/// The lasers as a mock, the rest from the scripted bench: the order of calls is
/// what a write promises.
#[test]
fn a_write_begins_feeds_arms_fires_and_ends_dark() {
    let medium = medium();
    let mut lasers = MockLaserArray::new();
    let source = SourceSpec {
        read_max: Microwatts(1_200),
        write_max: Microwatts(50_000),
        step: Microwatts(100),
        ..SourceSpec::default()
    };
    lasers.expect_spec().return_const(LaserArraySpec {
        sources: Few::from_slice(&[source]).unwrap(),
        total_max: Microwatts(50_000),
        buffer_runs: 1 << 24,
        queue: 2,
        clock_max: Hertz(u32::MAX),
        energy_max: Nanojoules(u64::MAX),
        ..LaserArraySpec::default()
    });
    lasers.expect_status().returning(|| Ok(LaserStatus::empty()));
    // Read light, at the medium's power, is all that is made outside the shot.
    lasers.expect_set_power().withf(|_, p| *p == Microwatts(1_000)).returning(|_, p| Ok(p));
    let mut order = Sequence::new();
    lasers.expect_load().times(1).in_sequence(&mut order).returning(|_, _| Ok(()));
    let at_run_in = |p: &ShotPlan| p.trigger == Trigger::Address(Address(0x2_FFF0)) && p.energy_max.0 > 0;
    lasers.expect_begin().withf(at_run_in).times(1).in_sequence(&mut order).returning(|_| Ok(ShotId(7)));
    // The buffer takes the first half, then the rest.
    let mut room = 0;
    lasers.expect_feed().times(2).in_sequence(&mut order).returning(move |_, _, runs| {
        room = if room == 0 { runs.len() / 2 } else { runs.len() };
        Ok(room)
    });
    lasers.expect_arm().times(1).in_sequence(&mut order).returning(|shot| Ok(ArmToken::new(shot, 1, 2)));
    lasers.expect_fire().withf(|t| t.shot() == ShotId(7)).times(1).in_sequence(&mut order).returning(|_| Ok(()));
    lasers.expect_outcome().times(3).in_sequence(&mut order).returning(|_| Ok(Outcome::Running { at: 1 }));
    lasers.expect_outcome().times(1).in_sequence(&mut order).returning(|_| Ok(Outcome::Done));
    lasers.expect_off().times(1).in_sequence(&mut order).returning(|| Ok(()));

    let mut fake = Fake::new(&medium);
    // The mock's light doesn't reach the scripted world.
    fake.world.borrow_mut().lit = true;
    let mut bench = fake.bench();
    bench.lasers = &mut lasers;
    let mut silent = Silent;
    let mut session = Session::new(bench, &medium, Options::default(), &mut silent);
    session.write_file(0, None, &[1; 100], 1, &medium.layers[0].write.strategy).unwrap();
    session.close().unwrap();
}

#[test]
fn a_supply_without_a_lease_needs_consent() {
    let medium = medium();
    for (keeps_lease, consent, refused) in [(false, false, true), (false, true, false), (true, false, false)] {
        let mut fake = Fake::new(&medium);
        let mut supply = MockElectrodeSupply::new();
        supply.expect_spec().return_const(SupplySpec { keeps_lease, ..SupplySpec::default() });
        // Whatever becomes of the session, it leaves the electrodes in their safe state.
        supply.expect_make_safe().times(1..).returning(|| Ok(()));
        let mut options = Options::default();
        options.without_lease = consent;
        let mut silent = Silent;
        let bench = fake.bench().with_electrodes(&mut supply);
        match Session::open(bench, &medium, options, &mut silent) {
            Ok(session) => {
                assert!(!refused, "{keeps_lease} {consent}");
                session.close().unwrap();
            }
            Err(error) => {
                assert!(refused && matches!(error.problem(), Problem::NoLease), "{keeps_lease} {consent}: {error}");
                assert!(
                    error.to_string().contains("consent")
                        && error.to_string().ends_with("the lasers are off, the electrodes are in their safe state")
                );
            }
        }
    }
}

#[test]
fn a_mock_that_fails_leaves_the_other_parts_parked() {
    let medium = medium();
    let mut mock = MockBench::default();
    mock.lasers.expect_spec().return_const(LaserArraySpec::default());
    mock.tracking.expect_release().returning(|| Ok(()));
    mock.focus.expect_release().returning(|| Err(Error::new(Part::Focus, ErrorKind::Fault).with_code(3)));
    mock.detector.expect_stop().times(2).returning(|| Ok(()));
    mock.spindle.expect_set_velocity().withf(|v| v.0 == 0).times(1).returning(Ok);
    // Once after the failure, once when the session ends.
    mock.lasers.expect_off().times(2).returning(|| Ok(()));
    let mut silent = Silent;
    let error = Session::open(mock.bench(), &medium, Options::default(), &mut silent).unwrap_err();
    assert_eq!(error.to_string(), "focus search failed: the focus servo reports: hardware fault; the lasers are off");
}
