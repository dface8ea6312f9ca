//! A program with the device half in it and next to nothing else: the parts are
//! empty, the line is a pair of bytes in memory that the compiler can't see through.
#![no_std]
#![no_main]

mod parts;

use core::sync::atomic::{AtomicU8, Ordering};

use cortex_m_rt::entry;
use disc_hal::hal::Bench;
use panic_halt as _;

/// What a receive register would be, and a transmit register.
static LINE: [AtomicU8; 2] = [const { AtomicU8::new(0) }; 2];

#[entry]
fn main() -> ! {
    let mut parts = parts::Parts::new();
    let parts::Parts { lasers, focus, tracking, detector, spindle, supply, delay } = &mut parts;
    let mut bench = Bench::new(lasers, focus, tracking, detector, spindle, delay).with_electrodes(supply);
    run(&mut bench)
}

#[cfg(feature = "device")]
fn run(bench: &mut Bench<'_>) -> ! {
    use disc_hal::hal::Identity;
    use disc_hal::safety::{Config, Inputs};
    use disc_hal::wire::{DeviceConfig, SmallDevice};

    let config = DeviceConfig {
        identity: Identity::default(),
        boot: 1,
        host_clock: false,
        safety: Config::default(),
        samples: 64,
    };
    let device = cortex_m::singleton!(: SmallDevice = SmallDevice::new(config));
    let Some(device) = device else { loop {} };
    let mut time = 0;
    loop {
        let mut now = || time;
        device.receive(&[LINE[0].load(Ordering::Relaxed)], bench, &mut now);
        device.tick(Inputs::empty(), bench, &mut now);
        let mut out = [0];
        if device.transmit(&mut out, bench, &mut now) > 0 {
            LINE[1].store(out[0], Ordering::Relaxed);
        }
        time += 1000;
    }
}

#[cfg(not(feature = "device"))]
fn run(bench: &mut Bench<'_>) -> ! {
    loop {
        // The parts are there in both programs.
        let status = bench.lasers.status().is_ok() && bench.focus.status().is_ok() && bench.spindle.status().is_ok();
        LINE[1].store(u8::from(status) ^ LINE[0].load(Ordering::Relaxed), Ordering::Relaxed);
    }
}
