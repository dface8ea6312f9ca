//! The models together: light and volts from the outputs to the inputs.

use core::cell::{Cell, RefCell};

use disc_hal::hal::Source;

use super::{Ad5686rModel, Ad5754rModel, Analog, CellModel, Feed, Level};
use crate::chip::Fault;
use crate::modulator::{Gate, Gates, Job, JobSpot};
use crate::time::Clock;

/// A laser diode with its driver.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Diode {
    /// Code at which it begins to lase.
    pub threshold: u16,
    /// Power on the disc for each code above it, in nanowatts; 0 for a dead one.
    pub nanowatts_per_code: u32,
    /// Power whatever the driver gets, in nanowatts: a driver that is stuck.
    pub stuck: u32,
}

/// What a disc sends back.
pub trait Disc {
    /// The share of the light that comes back from where the spot is, in thousandths.
    fn reflects(&self, now_ns: u64) -> u32;

    /// Focus error and push-pull, in thousandths of the sum.
    fn errors(&self, now_ns: u64) -> (i32, i32);
}

/// A plain mirror in focus: all comes back.
#[derive(Debug, Clone, Copy, Default)]
pub struct Mirror;

impl Disc for Mirror {
    fn reflects(&self, _now_ns: u64) -> u32 {
        1_000
    }

    fn errors(&self, _now_ns: u64) -> (i32, i32) {
        (0, 0)
    }
}

/// One source, one electrode, one disc. Channels of the DACs: 0, 1, 2 are read, bias and
/// pulse of the source; 0 of the other one is the electrode.
#[derive(Debug)]
pub struct Board<K, R> {
    clock: K,
    /// What lies on the turntable.
    pub disc: R,
    /// The laser currents.
    pub currents: RefCell<Ad5686rModel>,
    /// The electrode's voltage.
    pub voltages: RefCell<Ad5754rModel>,
    /// The shutter's line: high is open.
    pub shutter: Level,
    /// The electrode's relay: high connects.
    pub relay: Level,
    /// The laser.
    pub diode: Cell<Diode>,
    /// Which current it gets.
    pub gate: Cell<Gate>,
    /// The monitor's share of what it should see, in thousandths.
    pub monitor: Cell<u32>,
    cell: Cell<CellModel>,
    passed: Cell<u64>,
    noise: Cell<u32>,
}

/// Microvolts of the monitor for each milliwatt.
const MONITOR_UV: i64 = 100_000;
/// Microvolts of the monitor in the dark.
const MONITOR_DARK_UV: i64 = 5_000;
/// Microvolts of the sum for each milliwatt that comes back.
const SUM_UV: i64 = 1_000_000;
/// Ohms of an output that is switched off, to ground.
const OFF_OHMS: u32 = 4_000;
/// Microvolts of the current channel for each microampere: 100 ohms.
const SENSE_OHMS: i64 = 100;

impl<K: Clock, R: Disc> Board<K, R> {
    /// A board that has just been powered up, with RSTSEL low and BIN high as they should be.
    pub fn new(clock: K, disc: R, diode: Diode, cell: CellModel) -> Self {
        let passed = Cell::new(clock.now_ns());
        Self {
            clock,
            disc,
            currents: RefCell::new(Ad5686rModel::new(false)),
            voltages: RefCell::new(Ad5754rModel::new(false)),
            shutter: Level::new(false),
            relay: Level::new(false),
            diode: Cell::new(diode),
            gate: Cell::new(Gate::Read),
            monitor: Cell::new(1_000),
            cell: Cell::new(cell),
            passed,
            noise: Cell::new(0x9E37_79B9),
        }
    }

    /// Light on the disc, in nanowatts.
    pub fn light(&self) -> i64 {
        let diode = self.diode.get();
        let code = match self.currents.try_borrow() {
            Ok(dac) => match self.gate.get() {
                Gate::Read => u32::from(dac.output(0)),
                Gate::Bias => u32::from(dac.output(1)),
                Gate::Peak => u32::from(dac.output(1)) + u32::from(dac.output(2)),
            },
            Err(_) => 0,
        };
        let lased = i64::from(code.saturating_sub(u32::from(diode.threshold))) * i64::from(diode.nanowatts_per_code);
        if self.shutter.is() { lased.max(i64::from(diode.stuck)) } else { 0 }
    }

    /// The cell, up to now.
    pub fn cell(&self) -> CellModel {
        let now = self.clock.now_ns();
        let mut cell = self.cell.get();
        cell.pass(self.feed(), now.saturating_sub(self.passed.replace(now)));
        self.cell.set(cell);
        cell
    }

    /// Puts another cell in.
    pub fn put_cell(&self, cell: CellModel) {
        self.passed.set(self.clock.now_ns());
        self.cell.set(cell);
    }

    /// What the electrode is fed from.
    pub fn feed(&self) -> Feed {
        if !self.relay.is() {
            return Feed::Open;
        }
        let output = self.voltages.try_borrow().ok().and_then(|dac| dac.output(0));
        output.map_or(Feed::Grounded(OFF_OHMS), Feed::Voltage)
    }

    /// A few tens of microvolts that don't repeat themselves (xorshift).
    fn noise(&self) -> i64 {
        let mut x = self.noise.get();
        x ^= x << 13;
        x ^= x >> 17;
        x ^= x << 5;
        self.noise.set(x);
        i64::from(x % 401) - 200
    }
}

fn narrow(value: i64) -> i32 {
    i32::try_from(value).unwrap_or(if value < 0 { i32::MIN } else { i32::MAX })
}

/// Inputs of the slow ADC: 0 is the monitor, 1 the electrode's voltage, 2 its current.
#[derive(Debug)]
pub struct Slow<'b, K, R>(
    /// The board.
    pub &'b Board<K, R>,
);

impl<K: Clock, R: Disc> Analog for Slow<'_, K, R> {
    fn microvolts(&self, channel: u8) -> i32 {
        let board = self.0;
        match channel {
            0 => {
                let seen = board.light() * i64::from(board.monitor.get()) / 1_000;
                narrow(MONITOR_DARK_UV + seen * MONITOR_UV / 1_000_000)
            }
            1 => board.cell().voltage(board.feed()),
            2 => narrow(board.cell().current(board.feed()) * SENSE_OHMS / 1_000),
            _ => 0,
        }
    }
}

/// Inputs of the fast ADC: 0 is the sum, 1 the focus error, 2 push-pull.
#[derive(Debug)]
pub struct Fast<'b, K, R>(
    /// The board.
    pub &'b Board<K, R>,
);

impl<K: Clock, R: Disc> Analog for Fast<'_, K, R> {
    fn microvolts(&self, channel: u8) -> i32 {
        let board = self.0;
        let now = board.clock.now_ns();
        let back = board.light() * i64::from(board.disc.reflects(now)) / 1_000;
        let sum = back * SUM_UV / 1_000_000;
        let (focus, radial) = board.disc.errors(now);
        let signal = match channel {
            0 => sum,
            1 => sum * i64::from(focus) / 1_000,
            2 => sum * i64::from(radial) / 1_000,
            _ => 0,
        };
        narrow(signal + board.noise())
    }
}

/// Gates that switch the board's laser.
impl<K: Clock, R: Disc> Gates for &Board<K, R> {
    fn begin(&mut self, _spot: &JobSpot, _job: &Job, _at_ns: u64) -> Result<(), Fault> {
        self.gate.set(Gate::Bias);
        Ok(())
    }

    fn run(&mut self, _source: Source, mark: bool, _bits: u8) -> Result<(), Fault> {
        self.gate.set(if mark { Gate::Peak } else { Gate::Bias });
        Ok(())
    }

    fn end(&mut self, _source: Source, _at: u64) -> Result<(), Fault> {
        self.gate.set(Gate::Read);
        Ok(())
    }
}
