//! STEP 3: the tester's limits, as numbers. Algorithms and the suite go by them, so the
//! simulated tester has to keep them as well.

use disc_hal::hal::{
    ChannelKind, ChannelSpec, DetectorSpec, Few, FocusSpec, Hertz, LaserArraySpec, MicrometresPerSecond, Microwatts,
    Nanojoules, Nanometres, Source, SourceRole, SourceSpec, SpindleSpec, TrackingSpec,
};

/// One source, which reads and writes.
pub fn lasers() -> LaserArraySpec {
    let source = SourceSpec {
        wavelength: Nanometres(650),
        aperture_milli: 600,
        role: SourceRole::Record,
        along: Nanometres::ZERO,
        across: Nanometres::ZERO,
        read_max: Microwatts(1_200),
        write_max: Microwatts(60_000),
        step: Microwatts(10),
    };
    LaserArraySpec {
        sources: Few::from_slice(&[source]).unwrap_or_default(),
        total_max: Microwatts(60_000),
        buffer_runs: 1 << 18,
        queue: 2,
        clock_min: Hertz(10_000_000),
        clock_max: Hertz(60_000_000),
        energy_max: Nanojoules(2_000_000_000),
    }
}

/// The focus servo.
pub const FOCUS: FocusSpec = FocusSpec {
    travel_min: Nanometres(-600_000),
    travel_max: Nanometres(600_000),
    sweep_max: MicrometresPerSecond(50_000),
    offset_max: Nanometres(1_500),
    offset_step: Nanometres(10),
    jump_max: 1,
};

/// The tracking servo.
pub const TRACKING: TrackingSpec = TrackingSpec {
    push_pull: true,
    differential_push_pull: false,
    differential_phase: false,
    offset_max: Nanometres(150),
    offset_step: Nanometres(5),
    jump_max: 500,
};

/// Sum, focus error and push-pull of the one source.
pub fn detector() -> DetectorSpec {
    let channel = |kind, rate_max| ChannelSpec {
        kind,
        source: Source(0),
        rate_max,
        dark: 64,
        nanovolts_per_count: 30_000,
        reference: 100_000,
        calibration: 1,
        calibrated: 20_260_101,
    };
    let channels = [
        channel(ChannelKind::Sum, Hertz(250_000_000)),
        channel(ChannelKind::FocusError, Hertz(2_000_000)),
        channel(ChannelKind::PushPull, Hertz(2_000_000)),
    ];
    DetectorSpec { channels: Few::from_slice(&channels).unwrap_or_default(), buffer: 1 << 26 }
}

/// The spindle and the sled.
pub const SPINDLE: SpindleSpec = SpindleSpec {
    velocity_min: MicrometresPerSecond(1_000_000),
    velocity_max: MicrometresPerSecond(16_000_000),
    radius_min: Nanometres(21_500_000),
    radius_max: Nanometres(58_600_000),
};
