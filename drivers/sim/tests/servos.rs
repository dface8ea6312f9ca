//! Servos of the simulated bench: layers, slopes, jumps.

use disc_hal::hal::{FocusFlags, Microwatts, Polarity, Rig, Source, TrackingFlags, TrackingMethod};
use disc_hal::media::Medium;
use disc_hal::record::{CurveKind, Options, Session, Silent};
use disc_hal_sim::SimRig;

fn with_session(seed: u64, test: impl FnOnce(&mut Session<'_>)) {
    let medium = Medium::load("dual-layer").unwrap();
    let mut rig = SimRig::blank(medium.clone(), seed).unwrap();
    let mut silent = Silent;
    let mut session = Session::open(rig.bench(), &medium, Options::default(), &mut silent).unwrap();
    test(&mut session);
}

/// Waits until nothing moves.
fn settle(session: &mut Session<'_>) -> (FocusFlags, TrackingFlags) {
    for _ in 0..2_000 {
        let bench = session.bench();
        bench.delay.delay_ms(1);
        let (focus, tracking) = (bench.focus.status().unwrap().flags, bench.tracking.status().unwrap().flags);
        if !focus.contains(FocusFlags::MOVING) && !tracking.contains(TrackingFlags::MOVING) {
            return (focus, tracking);
        }
    }
    panic!("still moving after two seconds");
}

/// Closes tracking on a slope; the address, if one can be read.
fn address_on(session: &mut Session<'_>, polarity: Polarity) -> Option<u32> {
    session.bench().tracking.engage(Source(0), TrackingMethod::PushPull, polarity).unwrap();
    let (_, tracking) = settle(session);
    assert!(tracking.contains(TrackingFlags::LOCKED), "{polarity:?}: {tracking:?}");
    session.bench().tracking.address().unwrap().map(|a| a.0)
}

#[test]
fn a_jump_lands_on_the_other_layer_and_back_whatever_the_runout() {
    for seed in 0..20 {
        with_session(seed, |session| {
            session.go_to_layer(0).unwrap();
            for (jump, layer) in [(1, 1), (-1, 0)] {
                session.bench().focus.jump(jump).unwrap();
                let (focus, _) = settle(session);
                assert!(focus.contains(FocusFlags::LOCKED), "seed {seed}, to layer {layer}: {focus:?}");
                // Second-layer addresses are the inverses of the first's: their top bit is set.
                let found = [Polarity::Rising, Polarity::Falling].into_iter().find_map(|p| address_on(session, p));
                assert_eq!(found.map(|a| a >> 23), Some(layer), "seed {seed}");
            }
        });
    }
}

#[test]
fn one_slope_is_the_groove_and_the_other_the_land() {
    with_session(1, |session| {
        session.go_to_layer(0).unwrap();
        let addresses = [Polarity::Rising, Polarity::Falling].map(|p| address_on(session, p));
        assert_eq!(addresses.iter().flatten().count(), 1, "only the groove has addresses: {addresses:?}");
    });
}

#[test]
fn a_search_sees_the_surface_and_two_layers_where_they_are() {
    with_session(3, |session| {
        let survey = session.survey().unwrap();
        let kinds: Vec<CurveKind> = survey.curves.iter().map(|c| c.kind).collect();
        assert_eq!(kinds, [CurveKind::Surface, CurveKind::Layer(0), CurveKind::Layer(1)]);
        let at = |i: usize| f64::from(survey.curves[i].position_nm) * 1e-3;
        // A lens moves by thickness over index: 575 um of n 1.58, 55 um of n 1.5.
        assert!((at(1) - at(0) - 575.0 / 1.58).abs() < 2.0, "{}", at(1) - at(0));
        assert!((at(2) - at(1) - 55.0 / 1.5).abs() < 1.0, "{}", at(2) - at(1));
    });
}

#[test]
fn without_light_there_is_no_focus() {
    with_session(2, |session| {
        session.go_to_layer(0).unwrap();
        let bench = session.bench();
        bench.lasers.off().unwrap();
        bench.delay.delay_ms(1);
        let focus = bench.focus.status().unwrap().flags;
        assert!(focus.contains(FocusFlags::LOST) && !focus.contains(FocusFlags::LOCKED), "{focus:?}");
        bench.lasers.set_power(Source(0), Microwatts(1_000)).unwrap();
        bench.delay.delay_ms(10);
        assert!(bench.focus.status().unwrap().flags.contains(FocusFlags::LOST), "latched until released");
    });
}
