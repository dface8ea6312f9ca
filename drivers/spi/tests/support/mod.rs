//! A bench of modelled chips: the parts live in a thread of their own, because cells and
//! borrowed models aren't `Send`, and the calls go there.
#![allow(dead_code, unreachable_pub)]

pub mod proxy;

use core::cell::Cell;

use disc_hal::hal::{
    ChannelKind, ChannelSpec, ElectrodeSpec, Few, Hertz, Microamperes, Microwatts, Millivolts, MillivoltsPerSecond,
    Nanojoules, Nanometres, Result, SafeState, Source, SourceSpec, Trigger,
};
use disc_hal_spi::chip::{Ad5686r, Ad5754r, Ad7380, Ads8688, Converters, InputRange, Reference, VoltageRange};
use disc_hal_spi::models::{
    Ad5686rModel, Ad5754rModel, Ad7380Model, Ads8688Model, Board, BusFaults, CellModel, Diode, Fast, Level, Mirror,
    Slow, Wire,
};
use disc_hal_spi::modulator::SoftModulator;
use disc_hal_spi::sampler::PolledSampler;
use disc_hal_spi::{
    Clock, Detector, Electrodes, ElectrodesConfig, Events, Lasers, LasersConfig, MonitorScale, OutputConfig, Pins,
    RelayPins, SourceConfig,
};
use embedded_hal::delay::DelayNs;

/// Time that passes when it is told to.
#[derive(Debug, Default)]
pub struct Time {
    pub ns: Cell<u64>,
    /// Microseconds of a turn of the disc; 0 at rest.
    pub turn_us: Cell<u64>,
}

impl Clock for &'static Time {
    fn now_ns(&self) -> u64 {
        self.ns.get()
    }
}

impl Events for &'static Time {
    fn came(&self, trigger: Trigger, since: u64, now: u64) -> Option<u64> {
        let turn = self.turn_us.get() * 1_000;
        match trigger {
            Trigger::Now => Some(since).filter(|at| *at <= now),
            Trigger::Index if turn > 0 => Some(since.next_multiple_of(turn)).filter(|at| *at <= now),
            _ => None,
        }
    }
}

/// Waits of the lasers: only time passes.
#[derive(Debug)]
pub struct Wait(pub &'static Time);

impl DelayNs for Wait {
    fn delay_ns(&mut self, ns: u32) {
        self.0.ns.set(self.0.ns.get() + u64::from(ns));
    }
}

pub type TestBoard = Board<&'static Time, Mirror>;
type Inputs = Slow<'static, &'static Time, Mirror>;
type Photodiodes = Fast<'static, &'static Time, Mirror>;
pub type TestModulator = SoftModulator<&'static Time, &'static Time, &'static TestBoard, 4_096, 1>;
type Fixed = &'static Level;
pub type TestLasers = Lasers<
    Ad5686r<Wire<'static, Ad5686rModel>>,
    Ads8688<Wire<'static, Ads8688Model<Inputs>>>,
    Fixed,
    Pins<Fixed, Fixed, Fixed, Fixed>,
    TestModulator,
    Wait,
>;
pub type TestElectrodes = Electrodes<
    Ad5754r<Wire<'static, Ad5754rModel>>,
    Ads8688<Wire<'static, Ads8688Model<Inputs>>>,
    RelayPins<Fixed, 1>,
    &'static Time,
>;
pub type TestSampler =
    PolledSampler<Ad7380<Wire<'static, Ad7380Model<Photodiodes>>>, &'static Time, &'static Time, 8_192>;

/// The models of a bench, for as long as the test runs.
#[derive(Debug)]
pub struct Hardware {
    pub time: &'static Time,
    pub board: &'static TestBoard,
    pub interlock: &'static Level,
    pub key: &'static Level,
    pub focus: &'static Level,
    pub tracking: &'static Level,
    pub currents: &'static BusFaults,
    pub monitor: &'static BusFaults,
    pub voltages: &'static BusFaults,
    pub sense: &'static BusFaults,
    pub photodiodes: &'static BusFaults,
}

fn leak<T>(value: T) -> &'static T {
    Box::leak(Box::new(value))
}

pub const DIODE: Diode = Diode { threshold: 2_000, nanowatts_per_code: 1_000, stuck: 0 };
pub const CELL: CellModel =
    CellModel { source_ohms: 100, series_ohms: 900, microfarads: 100, leak_ohms: 1_000_000, nanovolts: 0 };

impl Hardware {
    pub fn new() -> Self {
        let time = leak(Time::default());
        Self {
            time,
            board: leak(Board::new(time, Mirror, DIODE, CELL)),
            interlock: leak(Level::new(true)),
            key: leak(Level::new(true)),
            focus: leak(Level::new(false)),
            tracking: leak(Level::new(false)),
            currents: leak(BusFaults::new()),
            monitor: leak(BusFaults::new()),
            voltages: leak(BusFaults::new()),
            sense: leak(BusFaults::new()),
            photodiodes: leak(BusFaults::new()),
        }
    }

    pub fn lasers(&self) -> Result<TestLasers> {
        let at =
            |fault: disc_hal_spi::chip::Fault| fault.error(disc_hal::hal::Part::Laser, disc_hal::hal::Outputs::Unknown);
        let dac =
            Ad5686r::new(Wire::with_faults(&self.board.currents, self.currents), Reference::Internal).map_err(at)?;
        let adc = leak(Ads8688Model::new(Slow(self.board)).into());
        let ranges = [InputRange::PositiveTenVolts; 8];
        let adc = Ads8688::new(Wire::with_faults(adc, self.monitor), ranges).map_err(at)?;
        let lines = Pins { interlock: self.interlock, key: self.key, focus: self.focus, tracking: self.tracking };
        let modulator = SoftModulator::new(self.time, self.time, self.board, (Hertz(10_000), Hertz(30_000_000)));
        Lasers::new(lasers_config(), dac, adc, &self.board.shutter, lines, modulator, Wait(self.time))
    }

    pub fn electrodes(&self, safe: SafeState) -> Result<TestElectrodes> {
        let at = |fault: disc_hal_spi::chip::Fault| {
            fault.error(disc_hal::hal::Part::Electrode, disc_hal::hal::Outputs::Unknown)
        };
        let range = VoltageRange::TenVolts;
        let dac = Ad5754r::new(Wire::with_faults(&self.board.voltages, self.voltages), range).map_err(at)?;
        let adc = leak(Ads8688Model::new(Slow(self.board)).into());
        let ranges = [InputRange::FiveVolts; 8];
        let adc = Ads8688::new(Wire::with_faults(adc, self.sense), ranges).map_err(at)?;
        Electrodes::new(electrodes_config(safe), dac, adc, RelayPins([&self.board.relay]), self.time)
    }

    pub fn detector(&self) -> Result<Detector<TestSampler>> {
        let at = |fault: disc_hal_spi::chip::Fault| {
            fault.error(disc_hal::hal::Part::Detector, disc_hal::hal::Outputs::Unchanged)
        };
        let adc = leak(Ad7380Model::new(Fast(self.board), 4, 2_500_000).into());
        let wire = Wire::with_faults(adc, self.photodiodes);
        let adc = Ad7380::new(wire, Converters::Four, &mut Wait(self.time)).map_err(at)?;
        Detector::new(PolledSampler::new(adc, self.time, self.time, Hertz(500_000)), &channels())
    }
}

pub fn lasers_config() -> LasersConfig {
    let spec = SourceSpec {
        wavelength: Nanometres(650),
        aperture_milli: 600,
        read_max: Microwatts(1_200),
        write_max: Microwatts(60_000),
        step: Microwatts(10),
        ..SourceSpec::default()
    };
    let source = SourceConfig {
        spec,
        read: 0,
        bias: 1,
        pulse: 2,
        threshold: 2_000,
        nanowatts_per_code: 1_000,
        monitor: MonitorScale { channel: 0, dark: 5_000, nanowatts_per_millivolt: 10_000 },
    };
    LasersConfig {
        sources: Few::from_slice(&[source]).unwrap(),
        total_max: Microwatts(60_000),
        energy_max: Nanojoules(2_000_000_000),
        first_shot: 7 << 32,
        settle_us: 10,
        shutter_us: 20,
        tolerance_percent: 8,
        disagreements: 3,
    }
}

pub fn electrodes_config(safe: SafeState) -> ElectrodesConfig {
    let spec = ElectrodeSpec {
        min: Millivolts(-2_000),
        max: Millivolts(2_000),
        step: Millivolts(2),
        slew_max: MillivoltsPerSecond(4_000),
        current_max: Microamperes(5_000),
        safe,
    };
    let output = OutputConfig {
        spec,
        dac: 0,
        voltage: 1,
        voltage_milli: 1_000,
        current: 2,
        transresistance_milliohms: 100_000,
        series_milliohms: 100_000,
    };
    ElectrodesConfig { outputs: Few::from_slice(&[output]).unwrap(), keeps_lease: true, tolerance: 30_000 }
}

fn channels() -> [ChannelSpec; 3] {
    let of = |kind| ChannelSpec {
        kind,
        source: Source(0),
        rate_max: Hertz(1_000_000),
        dark: 0,
        nanovolts_per_count: 76_294,
        reference: 13_107,
        calibration: 1,
        calibrated: 20_260_101,
    };
    [of(ChannelKind::Sum), of(ChannelKind::FocusError), of(ChannelKind::PushPull)]
}
