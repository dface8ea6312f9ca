//! The recording algorithms on a bench behind the protocol.

use std::fs;

use disc_hal::hal::Rig;
use disc_hal::media::Medium;
use disc_hal::record::{Job, Options, Silent, Walk, record};
use disc_hal::safety::Config;
use disc_hal::wire::{DeviceConfig, Loopback, OpenOptions, Remote};
use disc_hal_sim::SimRig;

fn config(rig: &SimRig) -> DeviceConfig {
    let identity = *rig.identity();
    DeviceConfig { identity, boot: 0, host_clock: true, safety: Config::default(), samples: 4096 }
}

#[test]
fn a_recording_through_the_wire_is_the_same_to_the_last_byte() {
    let medium = Medium::load("dual-layer").unwrap();
    let folder = tempfile::tempdir().unwrap();
    let data: Vec<u8> = (0..100_000u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    let jobs = [0, 1].map(|layer| Job { name: "data", data: &data, layer, address: None });
    let run = |wired: bool| {
        let path = folder.path().join(format!("{wired}.dhd"));
        let rig = SimRig::create(&path, medium.clone(), 5).unwrap();
        let mut rig: Box<dyn Rig> = if wired {
            let (config, clock) = (config(&rig), rig.clock());
            Box::new(Remote::open(Loopback::new(rig, config, clock), &OpenOptions::default()).unwrap())
        } else {
            Box::new(rig)
        };
        // With a pause of the walking calibration in each file.
        let mut options = Options::default();
        options.walk = Walk::Every(4);
        let result = record(rig.bench(), &medium, &jobs, options, &mut Silent).unwrap();
        assert!(result.layers.iter().all(|l| l.passed() && l.walk.len() == 1));
        rig.close().unwrap();
        drop(rig);
        (format!("{result:?}"), fs::read(&path).unwrap())
    };
    let (direct, wired) = (run(false), run(true));
    assert_eq!(direct.0, wired.0);
    assert!(direct.1 == wired.1, "the disc files differ");
}
