//! All parts together. On a board with other chips this is the place where they change.

use core::cell::RefCell;

use disc_hal::hal::{
    Bench, ElectrodeSpec, Few, Microamperes, Microwatts, Millivolts, MillivoltsPerSecond, Nanojoules, Nanometres,
    Outputs, Part, Result, SafeState, SourceRole, SourceSpec,
};
use disc_hal::safety::Inputs;
use disc_hal_spi::chip::{Ad5686r, Ad5754r, Ads8688, InputRange, Reference, VoltageRange};
use disc_hal_spi::models::{Ad5686rModel, Ad5754rModel, Ads8688Model, Wire};
use disc_hal_spi::{
    Detector, Electrodes, ElectrodesConfig, Lasers, LasersConfig, MonitorScale, OutputConfig, RelayPins, SourceConfig,
};
use embedded_hal::delay::DelayNs;

use crate::chips::{
    Chips, Driving, Levels, NANOWATTS_PER_CODE, NANOWATTS_PER_MILLIVOLT, OUTPUTS, Pin, TRANSRESISTANCE_MILLIOHMS,
    Timer, Wired,
};
use crate::{Digitiser, Focus, Motor, Pulses, Tracking, World};

/// The currents' DAC at its bus. On a board that has it, the bus is the board's.
type Currents<'w> = Ad5686r<Wire<'w, Driving<'w, Ad5686rModel>>>;
/// The voltages' DAC likewise.
type Voltages<'w> = Ad5754r<Wire<'w, Driving<'w, Ad5754rModel>>>;
/// The converter likewise.
pub type Converter<'w> = Ads8688<Wire<'w, Ads8688Model<Wired<'w>>>>;

/// The laser array.
pub type Array<'w> = Lasers<Currents<'w>, &'w RefCell<Converter<'w>>, Pin<'w>, Levels<'w>, Pulses<'w>, Timer<'w>>;
/// The electrode supply.
pub type Supply<'w> = Electrodes<Voltages<'w>, &'w RefCell<Converter<'w>>, RelayPins<Pin<'w>, OUTPUTS>, Timer<'w>>;

/// The parts of the bench. The large ones are somebody else's: together the copies that are
/// made of them as they are built would need more stack than a small microcontroller has.
#[derive(Debug)]
pub struct Station<'s, 'w> {
    lasers: &'s mut Array<'w>,
    electrodes: &'s mut Supply<'w>,
    detector: Detector<Digitiser<'w>>,
    focus: Focus<'w>,
    tracking: Tracking<'w>,
    motor: Motor<'w>,
}

impl<'s, 'w> Station<'s, 'w> {
    /// The parts on a world.
    ///
    /// # Errors
    /// None in practice: the channels of the digitiser are what a detector takes.
    pub fn new(world: &'w World, lasers: &'s mut Array<'w>, electrodes: &'s mut Supply<'w>) -> Result<Self> {
        Ok(Self {
            lasers,
            electrodes,
            detector: Detector::new(Digitiser::new(world), &Digitiser::channels())?,
            focus: Focus::new(world),
            tracking: Tracking::new(world),
            motor: Motor::new(world),
        })
    }

    /// What the safety core wants to know at every tick; lasers and electrodes are looked
    /// after meanwhile.
    pub fn tick(&mut self) -> Inputs {
        self.electrodes.poll();
        self.lasers.inputs()
    }

    /// The parts, borrowed.
    pub fn bench<'b>(&'b mut self, delay: &'b mut dyn DelayNs) -> Bench<'b> {
        let Self { lasers, electrodes, detector, focus, tracking, motor } = self;
        Bench::new(*lasers, focus, tracking, detector, motor, delay).with_electrodes(*electrodes)
    }
}

/// The converter, which lasers and electrodes share.
///
/// # Errors
/// What it says of itself.
pub fn converter<'w>(chips: &'w Chips<'w>) -> Result<Converter<'w>> {
    let mut ranges = [InputRange::TenVolts; 8];
    ranges[0] = InputRange::PositiveFiveVolts;
    for range in &mut ranges[1 + OUTPUTS..=2 * OUTPUTS] {
        *range = InputRange::TwoAndAHalfVolts;
    }
    Ads8688::new(Wire::new(&chips.converter), ranges).map_err(|fault| fault.error(Part::Electrode, Outputs::Off))
}

/// Lasers, dark, at start number `boot`.
///
/// # Errors
/// What they find wrong with their chips.
#[inline(never)]
pub fn array<'w>(
    world: &'w World,
    chips: &'w Chips<'w>,
    converter: &'w RefCell<Converter<'w>>,
    boot: u32,
) -> Result<Array<'w>> {
    let currents = Ad5686r::new(Wire::new(&chips.currents), Reference::Internal);
    let currents = currents.map_err(|fault| fault.error(Part::Laser, Outputs::Off))?;
    let (shutter, levels) = (Pin::shutter(world), Levels(world));
    Lasers::new(lasers(boot), currents, converter, shutter, levels, Pulses::new(world), Timer(world))
}

/// Electrodes in their safe state.
///
/// # Errors
/// What they find wrong with their chips.
#[inline(never)]
pub fn supply<'w>(world: &'w World, chips: &'w Chips<'w>, converter: &'w RefCell<Converter<'w>>) -> Result<Supply<'w>> {
    let voltages = Ad5754r::new(Wire::new(&chips.voltages), VoltageRange::TenVolts);
    let voltages = voltages.map_err(|fault| fault.error(Part::Electrode, Outputs::Off))?;
    Electrodes::new(electrodes(), voltages, converter, RelayPins(Pin::relays(world)), Timer(world))
}

fn lasers(boot: u32) -> LasersConfig {
    let source = SourceConfig {
        spec: SourceSpec {
            wavelength: Nanometres(650),
            aperture_milli: 600,
            role: SourceRole::Record,
            read_max: Microwatts(1_200),
            write_max: Microwatts(20_000),
            step: Microwatts(20),
            ..SourceSpec::default()
        },
        read: 0,
        bias: 1,
        pulse: 2,
        threshold: 0,
        nanowatts_per_code: NANOWATTS_PER_CODE,
        monitor: MonitorScale { channel: 0, dark: 0, nanowatts_per_millivolt: NANOWATTS_PER_MILLIVOLT },
    };
    LasersConfig {
        sources: Few::from_slice(&[source]).unwrap_or_default(),
        total_max: Microwatts(20_000),
        energy_max: Nanojoules(2_000_000_000),
        first_shot: (u64::from(boot) << 32) + 1,
        settle_us: 0,
        shutter_us: 0,
        tolerance_percent: 10,
        disagreements: 3,
    }
}

fn electrodes() -> ElectrodesConfig {
    let mut outputs = Few::new();
    for (index, safe) in (0..).zip([SafeState::HighImpedance, SafeState::Zero].into_iter().take(OUTPUTS)) {
        let _fits = outputs.push(OutputConfig {
            spec: ElectrodeSpec {
                min: Millivolts(-5_000),
                max: Millivolts(5_000),
                step: Millivolts(10),
                slew_max: MillivoltsPerSecond(5_000),
                current_max: Microamperes(20_000),
                safe,
            },
            dac: index,
            voltage: 1 + index,
            voltage_milli: 1_000,
            current: 1 + OUTPUTS as u8 + index,
            transresistance_milliohms: TRANSRESISTANCE_MILLIOHMS,
            series_milliohms: 0,
        });
    }
    ElectrodesConfig { outputs, keeps_lease: true, tolerance: 50_000 }
}
