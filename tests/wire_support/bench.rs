//! The simulated bench behind the device half, in the host's time.

use disc_hal::hal::Rig as _;
use disc_hal::media::Medium;
use disc_hal::safety::Config;
use disc_hal::wire::{DeviceConfig, Loopback};
use disc_hal_sim::SimRig;

/// A blank disc, seed 5, and frames of at most 512 samples.
pub fn looped() -> Loopback<SimRig> {
    let rig = SimRig::blank(Medium::load("dual-layer").unwrap(), 5).unwrap();
    let (identity, safety) = (*rig.identity(), Config::default());
    let config = DeviceConfig { identity, boot: 1, host_clock: true, safety, samples: 512 };
    let clock = rig.clock();
    Loopback::new(rig, config, clock)
}
