//! A dye of uneven thickness, and the power that follows it.

mod support;

use disc_hal::hal::{Address, Rig};
use disc_hal::media::{Length, Medium};
use disc_hal::record::{Job, LayerRecording, Options, Session, Silent, Walk, record};
use disc_hal_sim::{Condition, DyePoint, DyeProfile, SimRig};
use support::noise;

/// ECC blocks of the file: 74 turns. A real disc's whole data area, pressed together.
const BLOCKS: u32 = 120;

/// The file's results, beta of its last turn, and the disc file.
fn recorded(condition: Condition, walk: Walk, blocks: u32) -> (LayerRecording, f64, Vec<u8>) {
    let medium = Medium::load("dual-layer").unwrap();
    let data = noise(blocks * 32_768 - 64);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("disc.dhd");
    let mut rig = SimRig::create_with(&path, medium.clone(), 3, condition).unwrap();
    let jobs = [Job { name: "x", data: &data, layer: 0, address: None }];
    let mut options = Options::default();
    options.walk = walk;
    let mut result = record(rig.bench(), &medium, &jobs, options, &mut Silent).unwrap();
    rig.close().unwrap();
    let file = result.layers.remove(0);
    let mut silent = Silent;
    let mut session = Session::open(rig.bench(), &medium, Options::default(), &mut silent).unwrap();
    let end = session.measure(Address(file.first + file.sectors - 32), 28).unwrap();
    drop(session);
    (file, end.levels.beta.unwrap(), std::fs::read(path).unwrap())
}

/// A dye that gets thinner by 6 % over the file.
fn thinning() -> Condition {
    let point = |radius: f64, thickness: f64| DyePoint { radius: Length(radius), thickness };
    let profile = vec![point(24.0e-3, 1.0), point(24.0535e-3, 0.942)];
    Condition { defects: Vec::new(), dyes: vec![DyeProfile { layer: 0, profile, once_per_turn: 0.0 }] }
}

/// Jitter of the last tenth less that of the first.
fn rise_of_jitter(file: &LayerRecording) -> f64 {
    let each = &file.read.jitter_percent;
    let tenth = each.len() / 10;
    let mean = |part: &[Option<f64>]| part.iter().map(|j| j.unwrap()).sum::<f64>() / part.len() as f64;
    mean(&each[each.len() - tenth..]) - mean(&each[..tenth])
}

#[test]
fn the_power_follows_a_dye_that_needs_ten_per_cent_more_along_the_file() {
    let (walked, end, _) = recorded(thinning(), Walk::Every(10), BLOCKS);
    let (fixed, fixed_end, _) = recorded(thinning(), Walk::Off, BLOCKS);
    for p in &walked.walk {
        let beta = p.beta.unwrap();
        println!("{:06X}h: {} uW, beta {beta:+.4}, next {} uW {}", p.first, p.power_uw, p.next_uw, p.note);
    }
    let rise = f64::from(walked.walk.last().unwrap().next_uw) / f64::from(walked.power_uw) - 1.0;
    let worst = walked.walk.iter().map(|p| (p.beta.unwrap() - p.target).abs()).fold(end.abs(), f64::max);
    let (with, without) = (rise_of_jitter(&walked), rise_of_jitter(&fixed));
    println!(
        "power +{:.1} %; walking: beta within {worst:.3}, jitter {with:+.2} points; at one power: beta {fixed_end:+.3} at \
         the end, jitter {without:+.2} points",
        100.0 * rise
    );
    assert_eq!(walked.walk.len(), 11);
    assert!(walked.identical && walked.map.passed() && fixed.walk.is_empty());
    assert!((0.08..0.125).contains(&rise), "{rise}");
    // The bounds: beta within 0.02 of its target and jitter within 0.15 points, which one
    // power leaves far behind.
    assert!(worst < 0.02 && with.abs() < 0.15, "{worst} {with}");
    assert!(fixed_end < -0.06 && without > 0.3, "{fixed_end} {without}");
}

#[test]
fn pauses_leave_no_gap_and_short_files_are_written_as_ever() {
    // On an even disc the power stays where it was calibrated, and no byte is lost at a seam.
    let (walked, _, _) = recorded(Condition::default(), Walk::Every(3), 12);
    assert_eq!(walked.walk.len(), 3);
    for p in &walked.walk {
        let change = f64::from(p.next_uw) / f64::from(walked.power_uw) - 1.0;
        assert!(change.abs() < 0.02, "{p:?}");
    }
    assert!(walked.identical && walked.map.counts.good >= 12, "{:?}", walked.map.counts);
    let (auto, _, bytes) = recorded(Condition::default(), Walk::Auto, 12);
    let (off, _, same) = recorded(Condition::default(), Walk::Off, 12);
    assert!(auto == off && bytes == same && auto.walk.is_empty());
}
