//! Verifying a recording on a damaged disc: the map shows the damage where it was put, and
//! names what is lost.

mod support;

use core::f64::consts::PI;

use disc_hal::hal::{Address, Rig};
use disc_hal::media::{Angle, Length, Medium};
use disc_hal::record::{BlockClass, Job, Options, Problem, Session, Silent, record};
use disc_hal_sim::{Condition, DefectKind, Depth, DiscDefect, SimRig};
use support::noise;

/// Scratches of 0.6 mm along the track, some tracks wide, on the first layer.
fn scratches(medium: &Medium, sectors: impl IntoIterator<Item = f64>) -> Condition {
    let pitch = f64::from(medium.track_pitch.0) * 1e-9;
    let scratch = |sectors: f64| {
        // The spiral of ECMA-267: r^2 = (24 mm)^2 + pitch x length / pi.
        let length = sectors * 38_688.0 * medium.channel_bit();
        let radius = (24e-3f64.powi(2) + pitch * length / PI).sqrt();
        DiscDefect {
            kind: DefectKind::Scratch,
            on: Depth::Layer0,
            radius: Length(radius),
            angle: Angle(360.0 * (radius - 24e-3) / pitch),
            size: Length(0.6e-3),
            width: Some(Length(1.5e-6)),
            direction: Some(Angle(0.0)),
            transmission: 0.0,
        }
    };
    Condition { defects: sectors.into_iter().map(scratch).collect(), dyes: Vec::new() }
}

#[test]
fn a_bundle_of_scratches_is_found_where_it_is_and_what_it_costs_is_named() {
    let medium = Medium::load("dual-layer").unwrap();
    let data = noise(24 * 32_768 - 1000);
    // Fourteen in block 12, 3.4 mm from one to the next, and one alone in block 3.
    let middle = 12.0 * 16.0 + 8.0;
    let bundle = (0..14).map(|i| middle + 0.6 * (f64::from(i) - 6.5));
    let condition = scratches(&medium, bundle.chain([3.5 * 16.0]));
    let mut rig = SimRig::blank_with(medium.clone(), 3, condition).unwrap();
    let jobs = [Job { name: "x", data: &data, layer: 0, address: None }];
    let result = record(rig.bench(), &medium, &jobs, Options::default(), &mut Silent).unwrap();
    let file = &result.layers[0];
    let map = &file.map;
    println!("{:?}\n{:?}\n{:?}", map.counts, map.ranges, map.lost);
    assert!(!file.identical && !file.passed() && !map.passed());
    let worst = &map.blocks[12];
    assert_eq!((worst.class, worst.psn), (BlockClass::Unreadable, 0x3_0000 + 12 * 16));
    // One scratch of 0.6 mm is two rows of 0.44 mm: the outer code has no trouble with it.
    assert!(
        map.blocks[3].class <= BlockClass::Weak && (1..=4).contains(&map.blocks[3].pi_failures),
        "{:?}",
        map.blocks[3]
    );
    assert!(map.blocks[3].margin > 0.7);
    let range = map.ranges.iter().find(|r| r.worst == BlockClass::Unreadable).unwrap();
    let block_12 = Address(worst.psn);
    assert!((range.first..=range.last).contains(&block_12.0));
    // Its angle is that of the bundle's middle, within some degrees (a turn has 26 sectors).
    let wanted = scratches(&medium, [middle]).defects[0];
    let off = (range.angle_deg.unwrap() - wanted.angle.0).rem_euclid(360.0);
    let off = off.min(360.0 - off);
    println!("{off:.1} degrees off");
    assert!(off < 20.0, "{off}");
    let [inner, outer] = range.radius_mm;
    assert!((inner..=outer).contains(&(wanted.radius.0 * 1e3)), "{range:?}");
    // What is lost lies in the blocks that can't be read, in bytes of the file.
    for lost in &map.lost {
        let block = (lost.offset / 32_768) as usize;
        assert_eq!(map.blocks[block].class, BlockClass::Unreadable);
        assert_eq!(u64::from(lost.first - file.first) * 2048, lost.offset);
        assert_eq!(lost.bytes, u64::from(lost.sectors) * 2048);
    }
    assert!(map.lost.iter().any(|l| (12 * 32_768..13 * 32_768).contains(&l.offset)));
    // A reading that gives no wrong data agrees; behind the damage all is well.
    let mut silent = Silent;
    let mut session = Session::open(rig.bench(), &medium, Options::default(), &mut silent).unwrap();
    session.go_to_layer(0).unwrap();
    let error = session.read(block_12, 1, |_, _| panic!("nothing is whole")).unwrap_err();
    assert!(matches!(error.problem(), Problem::Uncorrectable { .. } | Problem::NotReadable(_)), "{error}");
    let mut back = Vec::new();
    session.read(Address(0x3_0000 + 20 * 16), 3, |_, block| back.extend_from_slice(block)).unwrap();
    assert!(back == data[20 * 32_768..23 * 32_768]);
    // Looked at without the file, to its end: the same blocks, the losses counted alike.
    let again = session.inspect(Address(0x3_0000), None, |_, _| ()).unwrap();
    assert_eq!(again.blocks.len(), 24);
    let classes = |map: &disc_hal::record::DefectMap| {
        map.blocks.iter().map(|b| b.class == BlockClass::Unreadable).collect::<Vec<_>>()
    };
    assert_eq!(classes(&again), classes(map));
}

#[test]
fn a_good_recording_has_a_clean_map() {
    let medium = Medium::load("dual-layer").unwrap();
    let data = noise(10 * 32_768);
    let mut rig = SimRig::blank(medium.clone(), 3).unwrap();
    let jobs = [Job { name: "x", data: &data, layer: 1, address: None }];
    let result = record(rig.bench(), &medium, &jobs, Options::default(), &mut Silent).unwrap();
    let map = &result.layers[0].map;
    assert!(map.passed() && map.lost.is_empty() && result.layers[0].identical);
    assert!(map.counts.good >= 10, "{:?}", map.counts);
    assert!(map.blocks.iter().all(|b| b.attempts == 1 && b.margin > 0.9));
    // Inwards from 58 mm: the turns fall.
    assert!(map.blocks.windows(2).all(|w| w[1].turn < w[0].turn) && map.blocks[0].turn > 45_000.0);
}
