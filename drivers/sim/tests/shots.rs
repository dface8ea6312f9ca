//! A file of more blocks than a shot holds.

use disc_hal::hal::Rig;
use disc_hal::media::Medium;
use disc_hal::record::{Job, Options, Silent, record};
use disc_hal_sim::SimRig;

#[test]
fn shots_that_follow_each_other_leave_no_seam() {
    let medium = Medium::load("dual-layer").unwrap();
    let mut rig = SimRig::blank(medium.clone(), 1).unwrap();
    let data: Vec<u8> = (0..100_000u32).map(|i| (i * 7 + (i >> 8)) as u8).collect();
    let jobs = [Job { name: "x", data: &data, layer: 0, address: None }];
    let mut options = Options::default();
    options.shot_blocks = 1;
    let recording = record(rig.bench(), &medium, &jobs, options, &mut Silent).unwrap();
    for file in &recording.layers {
        let jitter = file.quality.timing.jitter.total_percent;
        println!("layer {}: {} uW, jitter {jitter:.2?} %, PI errors {}", file.layer, file.power_uw, file.read.pi_errors);
        assert!(file.identical && file.read.pi_errors == 0 && file.passed(), "{:?}", file.verdicts);
    }
}
