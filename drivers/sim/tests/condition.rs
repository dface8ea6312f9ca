//! Discs with something wrong: what it does to light, servos, marks and power.

mod support;

use core::f64::consts::PI;

use disc_hal::hal::{Acquisition, Address, Channels, Hertz, Rig, TrackingFlags, Trigger};
use disc_hal::media::{Angle, Length, Medium};
use disc_hal::record::{Job, Options, Session, Silent, record};
use disc_hal_sim::{Condition, DefectKind, Depth, DiscDefect, SimRig};
use support::noise;

fn medium() -> Medium {
    Medium::load("dual-layer").unwrap()
}

/// Radius and turns of a place of the first layer, so many sectors behind 030000h: the
/// spiral of ECMA-267, r^2 = (24 mm)^2 + pitch x length / pi.
fn place(sectors: f64) -> (f64, f64) {
    let medium = medium();
    let pitch = f64::from(medium.track_pitch.0) * 1e-9;
    let length = sectors * 38_688.0 * medium.channel_bit();
    let radius = (24e-3f64.powi(2) + pitch * length / PI).sqrt();
    (radius, (radius - 24e-3) / pitch)
}

fn spot(on: Depth, sectors: f64, size: f64) -> DiscDefect {
    let (radius, turns) = place(sectors);
    DiscDefect {
        kind: DefectKind::BlackSpot,
        on,
        radius: Length(radius),
        angle: Angle(360.0 * turns),
        size: Length(size),
        width: None,
        direction: None,
        transmission: 0.0,
    }
}

fn with(defects: Vec<DiscDefect>) -> Condition {
    Condition { defects, dyes: Vec::new() }
}

/// The sum signal from the start of a sector on, at 1 MHz.
fn sum(rig: &mut SimRig, first: u32, length: u64) -> Vec<f64> {
    let medium = medium();
    let mut silent = Silent;
    let mut session = Session::open(rig.bench(), &medium, Options::default(), &mut silent).unwrap();
    session.go_to_layer(0).unwrap();
    let bench = session.bench();
    bench.tracking.seek(Address(first)).unwrap();
    while bench.tracking.status().unwrap().flags.contains(TrackingFlags::MOVING) {
        bench.delay.delay_ms(1);
    }
    let trigger = Trigger::Address(Address(first));
    bench.detector.arm(&Acquisition { channels: Channels::one(0), rate: Hertz(1_000_000), length, trigger }).unwrap();
    let mut samples = vec![0; usize::try_from(length).unwrap()];
    let mut have = 0;
    while have < samples.len() {
        bench.delay.delay_ms(1);
        have += bench.detector.read(&mut samples[have..]).unwrap().length;
    }
    let locked = bench.tracking.status().unwrap().flags.contains(TrackingFlags::LOCKED);
    assert!(locked, "tracking was lost");
    samples.iter().map(|&s| f64::from(s) - 64.0).collect()
}

#[test]
fn a_sound_disc_is_what_it_was_to_the_last_byte() {
    let medium = medium();
    let data = noise(20_000);
    let folder = tempfile::tempdir().unwrap();
    // A defect so far away that the light never meets it leaves the marks as they are.
    let far = with(vec![DiscDefect { radius: Length(50e-3), ..spot(Depth::Layer0, 40.0, 100e-6) }]);
    let run = |name: &str, condition: Option<Condition>| {
        let path = folder.path().join(name);
        let mut rig = match condition {
            None => SimRig::create(&path, medium.clone(), 9).unwrap(),
            Some(condition) => SimRig::create_with(&path, medium.clone(), 9, condition).unwrap(),
        };
        let jobs = [Job { name: "x", data: &data, layer: 0, address: None }];
        let result = record(rig.bench(), &medium, &jobs, Options::default(), &mut Silent).unwrap();
        rig.close().unwrap();
        drop(rig);
        let again = SimRig::open(&path).unwrap();
        (std::fs::read(&path).unwrap(), format!("{result:?}"), again.condition())
    };
    let sound = run("sound", None);
    assert!(sound == run("default", Some(Condition::default())));
    let damaged = run("far", Some(far.clone()));
    assert_eq!((damaged.1 == sound.1, &damaged.2), (true, &far));
    assert_ne!(damaged.0, sound.0, "the file keeps the defect");
    assert!(damaged == run("again", Some(far)));
}

#[test]
fn the_shadow_in_the_sum_is_as_deep_and_wide_as_the_cone_says() {
    // A third of a revolution behind the start of sector 030040h.
    let middle = 64.0 + 8.0;
    let metres_per_sample = 3.84e-6;
    let measured = |on: Depth, size: f64| {
        let mut rig = SimRig::blank_with(medium(), 4, with(vec![spot(on, middle, size)])).unwrap();
        let samples = sum(&mut rig, 0x3_0000 + 64, 24_000);
        let level = samples[..4000].iter().sum::<f64>() / 4000.0;
        let at = (8.0 * 38_688.0 * medium().channel_bit() / metres_per_sample) as usize;
        let least = samples[at - 300..at + 300].iter().copied().fold(f64::INFINITY, f64::min) / level;
        // Width at which the light is down by 5 %.
        let width = samples[at - 300..at + 300].iter().filter(|&&s| s < 0.95 * level).count();
        (least, width as f64 * metres_per_sample)
    };
    // On the surface: a cone of 0.236 mm in radius (0.575 mm, NA 0.60, n 1.58), there and back.
    let (least, width) = measured(Depth::Surface, 200e-6);
    let expected = (1.0 - (0.1f64 / 0.236).powi(2)).powi(2);
    println!("surface: down to {least:.3} (geometry {expected:.3}) over {:.0} um", width * 1e6);
    assert!((least - expected).abs() < 0.05, "{least} {expected}");
    assert!((440e-6..672e-6).contains(&width), "{width:e}");
    // In the layer: nothing but what other surfaces reflect, over its own size.
    let (least, width) = measured(Depth::Layer0, 200e-6);
    println!("in the layer: down to {least:.3} over {:.0} um", width * 1e6);
    assert!(least < 0.1, "{least}");
    assert!((180e-6..240e-6).contains(&width), "{width:e}");
}

#[test]
fn spots_within_the_standard_are_survived_and_a_gouge_along_the_track_is_not() {
    let medium = medium();
    let data = noise(200_000);
    let run = |defect: DiscDefect| {
        let mut rig = SimRig::blank_with(medium.clone(), 2, with(vec![defect])).unwrap();
        let mut silent = Silent;
        let mut session = Session::open(rig.bench(), &medium, Options::default(), &mut silent).unwrap();
        session.write_file(0, None, &data, 1, &medium.layers[0].write.strategy).map(|_| ())
    };
    for on in [Depth::Surface, Depth::Layer0] {
        run(spot(on, 40.0, 300e-6)).unwrap();
    }
    let gouge = DiscDefect {
        kind: DefectKind::Scratch,
        size: Length(3e-3),
        width: Some(Length(100e-6)),
        direction: Some(Angle(0.0)),
        ..spot(Depth::Layer0, 40.0, 1e-3)
    };
    let error = run(gouge).unwrap_err().to_string();
    println!("{error}");
    assert!(error.contains("focus was lost") && error.contains("the lasers are off"), "{error}");
}
