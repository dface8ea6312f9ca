//! The board's chips, modelled: [`Chips`] has them at the ends of buses of their own.
//!
//! The models are those of `disc-hal-spi`; here is what lies behind them: the lasers that
//! the currents drive, the cells that the voltages charge, and what the converter sees of
//! both. On a board with the chips there is none of this.

use core::cell::RefCell;

use disc_hal::safety::Inputs;
use disc_hal_spi::models::{Ad5686rModel, Ad5754rModel, Ads8688Model, Analog, Slave};
use disc_hal_spi::modulator::Gate;
use disc_hal_spi::{Clock, Lines};
use embedded_hal::delay::DelayNs;
use embedded_hal::digital::{ErrorType, OutputPin};

use crate::world::{Lens, State, World};

/// Power on the disc for each code of the currents' DAC, nanowatts.
pub(crate) const NANOWATTS_PER_CODE: u32 = 500;
/// Power on the disc for each millivolt of a monitor, nanowatts.
pub(crate) const NANOWATTS_PER_MILLIVOLT: u32 = 10_000;
/// Volts at the converter for each ampere into a cell, in thousandths.
pub(crate) const TRANSRESISTANCE_MILLIOHMS: u32 = 100_000;
/// Between an output and its cell, ohms, and the cell, microfarads.
const CELL_OHMS: i64 = 1_000;
const CELL_MICROFARADS: i64 = 100;
/// Outputs of the electrodes.
pub(crate) const OUTPUTS: usize = 2;

/// What lies behind the chips.
#[derive(Debug, Default)]
pub(crate) struct Drives {
    /// Codes of the currents: read, bias, pulse, and one that drives nothing.
    codes: [u16; 4],
    shutter: bool,
    interlock_open: bool,
    /// Microvolts that the electrode DAC puts out; `None` where it is off.
    volts: [Option<i32>; OUTPUTS],
    /// Which relays are closed.
    relays: u8,
    /// Nanovolts at the cells.
    cells: [i64; OUTPUTS],
}

impl Drives {
    /// Power on the disc with the drivers switched so.
    pub(crate) fn light_uw(&self, gate: Gate) -> u32 {
        let [read, bias, pulse, _] = self.codes.map(u32::from);
        let codes = match gate {
            Gate::Read => read,
            Gate::Bias => bias,
            Gate::Peak => bias + pulse,
        };
        if self.shutter { codes * NANOWATTS_PER_CODE / 1_000 } else { 0 }
    }

    /// Microamperes into a cell.
    fn current(&self, output: usize) -> i64 {
        match self.volts[output].filter(|_| self.relays >> output & 1 != 0) {
            Some(volts) => (i64::from(volts) - self.cells[output] / 1_000) / CELL_OHMS,
            None => 0,
        }
    }

    /// Cells charge.
    pub(crate) fn pass(&mut self, ns: u64) {
        for output in 0..OUTPUTS {
            // Microamperes by nanoseconds over microfarads are nanovolts.
            self.cells[output] += self.current(output) * ns.cast_signed() / CELL_MICROFARADS;
        }
    }

    pub(crate) const fn set_interlock(&mut self, open: bool) {
        self.interlock_open = open;
    }
}

/// A chip whose outputs drive something in the world.
#[derive(Debug)]
pub struct Driving<'w, C> {
    world: &'w World,
    chip: C,
}

impl Slave for Driving<'_, Ad5686rModel> {
    fn frame(&mut self, mosi: &[u8], miso: &mut [u8]) {
        self.chip.frame(mosi, miso);
        let mut state = self.world.state();
        state.drives.codes = core::array::from_fn(|channel| self.chip.output(channel as u8));
        state.settle();
    }
}

impl Slave for Driving<'_, Ad5754rModel> {
    fn frame(&mut self, mosi: &[u8], miso: &mut [u8]) {
        self.chip.frame(mosi, miso);
        self.world.state().drives.volts = core::array::from_fn(|channel| self.chip.output(channel as u8));
    }
}

/// What the converter's inputs are wired to: the monitor of the laser, then the voltage
/// of each output, then its current.
#[derive(Debug)]
pub struct Wired<'w>(&'w World);

impl Analog for Wired<'_> {
    fn microvolts(&self, channel: u8) -> i32 {
        let state = self.0.state();
        let drives = &state.drives;
        let value = match usize::from(channel) {
            0 => i64::from(drives.light_uw(state.pulses.gate())) * 1_000_000 / i64::from(NANOWATTS_PER_MILLIVOLT),
            n if n <= OUTPUTS => drives.cells[n - 1] / 1_000 + drives.current(n - 1) * CELL_OHMS,
            n if n <= 2 * OUTPUTS => drives.current(n - 1 - OUTPUTS) * i64::from(TRANSRESISTANCE_MILLIOHMS) / 1_000,
            _ => 0,
        };
        i32::try_from(value).unwrap_or(i32::MAX)
    }
}

/// The chips of the board.
#[derive(Debug)]
pub struct Chips<'w> {
    /// The laser currents.
    pub currents: RefCell<Driving<'w, Ad5686rModel>>,
    /// The electrode voltages.
    pub voltages: RefCell<Driving<'w, Ad5754rModel>>,
    /// Monitor, voltages, currents of the electrodes.
    pub converter: RefCell<Ads8688Model<Wired<'w>>>,
}

impl<'w> Chips<'w> {
    /// Those of `world`, as they are after power-up.
    pub const fn new(world: &'w World) -> Self {
        Self {
            // RSTSEL low: dark after power-up.
            currents: RefCell::new(Driving { world, chip: Ad5686rModel::new(false) }),
            voltages: RefCell::new(Driving { world, chip: Ad5754rModel::new(false) }),
            converter: RefCell::new(Ads8688Model::new(Wired(world))),
        }
    }
}

/// A pin that moves something.
#[derive(Debug, Clone, Copy)]
pub struct Pin<'w> {
    world: &'w World,
    set: fn(&mut Drives, bool),
}

impl<'w> Pin<'w> {
    /// The shutter: high opens.
    pub(crate) const fn shutter(world: &'w World) -> Self {
        Self { world, set: |drives, high| drives.shutter = high }
    }

    /// The relays of the outputs: high closes.
    pub(crate) const fn relays(world: &'w World) -> [Self; OUTPUTS] {
        [
            Self { world, set: |drives, high| drives.relays = drives.relays & !1 | u8::from(high) },
            Self { world, set: |drives, high| drives.relays = drives.relays & !2 | u8::from(high) << 1 },
        ]
    }

    fn put(self, high: bool) {
        let mut state = self.world.state();
        (self.set)(&mut state.drives, high);
        state.settle();
    }
}

impl ErrorType for Pin<'_> {
    type Error = core::convert::Infallible;
}

impl OutputPin for Pin<'_> {
    fn set_low(&mut self) -> Result<(), Self::Error> {
        self.put(false);
        Ok(())
    }

    fn set_high(&mut self) -> Result<(), Self::Error> {
        self.put(true);
        Ok(())
    }
}

/// Interlock and servos.
#[derive(Debug, Clone, Copy)]
pub struct Levels<'w>(pub(crate) &'w World);

impl Lines for Levels<'_> {
    fn levels(&mut self) -> Inputs {
        self.0.state().levels()
    }
}

/// The world's clock.
#[derive(Debug, Clone, Copy)]
pub struct Timer<'w>(pub(crate) &'w World);

impl Clock for Timer<'_> {
    fn now_ns(&self) -> u64 {
        self.0.state().now
    }
}

/// Light and shutter of the models settle at once: nobody has to wait.
impl DelayNs for Timer<'_> {
    fn delay_ns(&mut self, _: u32) {}
}

impl State {
    /// Interlock and servos, as the lasers need them: a shot that waits for its trigger
    /// waits for a servo on its way as well, and only a lock that is lost ends it.
    fn levels(&self) -> Inputs {
        use disc_hal::hal::{FocusFlags, TrackingFlags};
        let waits = self.pulses.is_waiting() && !self.pulses.is_writing();
        let focus = if waits { self.focus_flags.contains(FocusFlags::LOST) } else { self.lens != Lens::Closed };
        let tracking = if waits { self.track_flags.contains(TrackingFlags::LOST) } else { !self.is_tracking() };
        let mut inputs = Inputs::empty();
        inputs.set(Inputs::INTERLOCK_OPEN, self.drives.interlock_open);
        inputs.set(Inputs::FOCUS_LOST, focus);
        inputs.set(Inputs::TRACKING_LOST, tracking);
        inputs.set(Inputs::SPINDLE_OFF_SPEED, self.speed == 0);
        inputs
    }
}
