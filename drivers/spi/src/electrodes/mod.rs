//! The electrode supply: voltages that slew, currents that are limited, charge.

mod config;
mod output;

use disc_hal::hal::{
    Electrode, ElectrodeReading, ElectrodeSupply, Error, ErrorKind, Millivolts, MillivoltsPerSecond, Outputs, Part,
    Result, SafeState, SupplySpec,
};

pub use config::{ElectrodesConfig, NoRelays, OutputConfig, RelayPins, Relays};

use crate::chip::{Adc, Cause, Chip, Fault, VoltageDac};
use crate::time::Clock;
use output::Output;

/// Polls between two looks at what the DAC says of itself.
const HEALTH_EVERY: u8 = 16;
/// Looks in a row at which the voltage may differ before it is a fault.
const DISAGREEMENTS: u8 = 4;

fn error(kind: ErrorKind) -> Error {
    Error::new(Part::Electrode, kind)
}

/// An [`ElectrodeSupply`] of a voltage DAC, a slow ADC and perhaps relays.
///
/// The voltage moves when it is polled: [`poll`](Self::poll) measures the current, counts the charge,
/// and takes the next step towards the target, at the slew rate by the clock. The
/// steps are as fine as it is called often; a millisecond at 1 V/s is 1 mV.
///
/// Compliance is by software: at a poll that finds too much current the voltage moves
/// back as fast as `slew_max` allows, and waits at nine tenths of the limit. Between
/// two polls the DAC's own limit holds (20 mA for an [`Ad5754r`](crate::chip::Ad5754r)); what must be
/// faster is hardware.
///
/// A fault of a chip makes the supply safe and is told by every call until
/// [`make_safe`](ElectrodeSupply::make_safe) succeeds.
#[derive(Debug)]
pub struct Electrodes<D, A, R, C> {
    dac: D,
    adc: A,
    relays: R,
    clock: C,
    config: ElectrodesConfig,
    spec: SupplySpec,
    outputs: [Output; 8],
    /// Channels of the DAC that are on.
    powered: u8,
    fault: Option<Fault>,
    /// The safe state hasn't been reached for sure.
    owed: bool,
    polls: u8,
}

impl<D: VoltageDac, A: Adc, R: Relays, C: Clock> Electrodes<D, A, R, C> {
    /// All outputs to their safe state; those that are never disconnected are held at 0 V.
    ///
    /// # Errors
    /// `InvalidArgument`, `OutOfRange` or `NotSupported` (an open circuit without relays) for a
    /// configuration that doesn't agree with itself or with the DAC; `Fault` with a
    /// code ([`Fault::from_code`]) for what chips and pins say.
    pub fn new(config: ElectrodesConfig, dac: D, adc: A, relays: R, clock: C) -> Result<Self> {
        let spec = config.spec(dac.channels(), dac.range(), R::THERE)?;
        let outputs = [Output::default(); 8];
        let mut supply =
            Self { dac, adc, relays, clock, config, spec, outputs, powered: 0, fault: None, owed: false, polls: 0 };
        supply.begin().map_err(|fault| supply.fail(fault))?;
        Ok(supply)
    }

    fn begin(&mut self) -> core::result::Result<(), Fault> {
        let now = self.clock.now_ns();
        for index in 0..self.spec.electrodes.len() {
            let Some(config) = self.config.outputs.get(index).copied() else { break };
            self.dac.set(config.dac, 0)?;
            if config.spec.safe == SafeState::HighImpedance {
                self.relays.connect(number(index), false)?;
            } else {
                self.connect(index, 0, now)?;
            }
        }
        self.dac.power(self.powered)
    }

    /// Measures, limits and moves. Call it at every tick of the device half; every call of
    /// the contract polls as well.
    pub fn poll(&mut self) {
        if self.owed {
            let _again = self.secure();
        }
        if self.fault.is_some() {
            return;
        }
        if let Err(fault) = self.step() {
            let _told = self.fail(fault);
        }
    }

    /// What went wrong last, until it is made safe.
    pub const fn fault(&self) -> Option<Fault> {
        self.fault
    }

    fn step(&mut self) -> core::result::Result<(), Fault> {
        let now = self.clock.now_ns();
        for index in 0..self.spec.electrodes.len() {
            let (Some(config), Some(mut output)) =
                (self.config.outputs.get(index).copied(), self.outputs.get(index).copied())
            else {
                break;
            };
            if !output.connected {
                continue;
            }
            let current = config.microamperes(self.adc.microvolts(config.current)?);
            if self.config.tolerance > 0 {
                let voltage = config.microvolts(self.adc.microvolts(config.voltage)?);
                let differs = voltage.saturating_add(config.drop(current)).saturating_sub(output.level).unsigned_abs();
                output.differs =
                    if differs > u64::from(self.config.tolerance) { output.differs.saturating_add(1) } else { 0 };
            }
            output.measured(current, now);
            let level = output.next(&config.spec, now);
            if level != output.level {
                let microvolts = i32::try_from(level).unwrap_or(0);
                self.dac.set(config.dac, microvolts)?;
                output.level = level;
                if level == output.target {
                    // At the end of the way the chip has to have what it was told.
                    let found = i64::from(self.dac.read_back(config.dac)?);
                    let (lowest, highest) = self.dac.range();
                    let code = (i64::from(highest) - i64::from(lowest)) / 65_535 + 1;
                    if (found - level).abs() > code {
                        return Err(Fault::new(Chip::Voltages, Cause::ReadBack));
                    }
                }
            }
            if let Some(slot) = self.outputs.get_mut(index) {
                *slot = output;
            }
            if output.differs >= DISAGREEMENTS {
                return Err(Fault::new(Chip::Voltages, Cause::Voltage));
            }
        }
        self.polls = self.polls.wrapping_add(1);
        if self.polls.is_multiple_of(HEALTH_EVERY) {
            let health = self.dac.health()?;
            if health.hot {
                return Err(Fault::new(Chip::Voltages, Cause::Hot));
            }
            for (output, config) in self.outputs.iter_mut().zip(self.config.outputs.iter()) {
                output.limiting |= health.overcurrent >> config.dac & 1 != 0;
            }
        }
        Ok(())
    }

    /// Connects an output at a voltage; its charge counts from here.
    fn connect(&mut self, index: usize, level: i64, now: u64) -> core::result::Result<(), Fault> {
        let Some(config) = self.config.outputs.get(index).copied() else { return Ok(()) };
        self.dac.set(config.dac, i32::try_from(level).unwrap_or(0))?;
        self.powered |= 1 << config.dac;
        self.dac.power(self.powered)?;
        self.relays.connect(number(index), true)?;
        if let Some(output) = self.outputs.get_mut(index) {
            *output = Output::at(level, now);
        }
        Ok(())
    }

    fn disconnect(&mut self, index: usize) -> core::result::Result<(), Fault> {
        let Some(config) = self.config.outputs.get(index).copied() else { return Ok(()) };
        let opened = self.relays.connect(number(index), false);
        self.powered &= !(1 << config.dac);
        let off = self.dac.power(self.powered);
        if let Some(output) = self.outputs.get_mut(index).filter(|_| opened.is_ok()) {
            output.connected = false;
        }
        opened.and(off)
    }

    /// Every output to its safe state, all of them tried; what went wrong first. At a fault
    /// 0 V comes at once: nobody may poll any more.
    fn secure(&mut self) -> core::result::Result<(), Fault> {
        let now = self.clock.now_ns();
        let mut secured = Ok(());
        for index in 0..self.spec.electrodes.len() {
            let (Some(config), Some(output)) =
                (self.config.outputs.get(index).copied(), self.outputs.get(index).copied())
            else {
                break;
            };
            let done = match config.spec.safe {
                SafeState::HighImpedance => self.disconnect(index),
                SafeState::Zero if self.fault.is_some() => {
                    let zeroed = self.dac.set(config.dac, 0).map(|_| ());
                    if let Some(output) = self.outputs.get_mut(index).filter(|_| zeroed.is_ok()) {
                        (output.level, output.differs) = (0, 0);
                        output.aim(0, 0, now);
                    }
                    zeroed
                }
                SafeState::Zero => {
                    if let Some(output) = self.outputs.get_mut(index) {
                        output.aim(0, config.spec.slew_max.0, now);
                    }
                    Ok(())
                }
                // Where it is, also if that is half-way.
                _ => {
                    if let Some(slot) = self.outputs.get_mut(index) {
                        slot.differs = 0;
                        slot.aim(output.level, 0, now);
                    }
                    Ok(())
                }
            };
            secured = secured.and(done);
        }
        self.owed = secured.is_err();
        secured
    }

    /// A chip failed: as safe as it goes; the error to be told.
    fn fail(&mut self, fault: Fault) -> Error {
        self.fault = Some(fault);
        let outputs = if self.secure().is_ok() { Outputs::Off } else { Outputs::Unknown };
        fault.error(Part::Electrode, outputs)
    }

    fn told(&self) -> Result<()> {
        match self.fault {
            Some(fault) => {
                let outputs = if self.owed { Outputs::Unknown } else { Outputs::Off };
                Err(fault.error(Part::Electrode, outputs))
            }
            None => Ok(()),
        }
    }
}

fn number(index: usize) -> u8 {
    u8::try_from(index).unwrap_or(u8::MAX)
}

impl<D: VoltageDac, A: Adc, R: Relays, C: Clock> ElectrodeSupply for Electrodes<D, A, R, C> {
    fn spec(&self) -> &SupplySpec {
        &self.spec
    }

    fn set(&mut self, electrode: Electrode, voltage: Millivolts, slew: MillivoltsPerSecond) -> Result<Millivolts> {
        let index = usize::from(electrode.0);
        let config = self.config.outputs.get(index).copied().ok_or(error(ErrorKind::InvalidArgument))?;
        let spec = config.spec;
        let slew_fits = slew > MillivoltsPerSecond::ZERO && slew <= spec.slew_max;
        if !(spec.min..=spec.max).contains(&voltage) || !slew_fits {
            return Err(error(ErrorKind::OutOfRange));
        }
        self.poll();
        self.told()?;
        let now = self.clock.now_ns();
        let held = round(voltage.0, spec.step.0, spec.min.0, spec.max.0);
        if self.outputs.get(index).is_some_and(|output| !output.connected) {
            // A charged cell is met at its own voltage.
            let adc = self.adc.microvolts(config.voltage).map_err(|fault| self.fail(fault))?;
            let (least, most) = (i64::from(spec.min.0) * 1_000, i64::from(spec.max.0) * 1_000);
            let level = config.microvolts(adc).clamp(least, most);
            self.connect(index, level, now).map_err(|fault| self.fail(fault))?;
        }
        if let Some(output) = self.outputs.get_mut(index) {
            output.aim(i64::from(held) * 1_000, slew.0, now);
        }
        Ok(Millivolts(held))
    }

    fn measure(&mut self, electrode: Electrode) -> Result<ElectrodeReading> {
        let index = usize::from(electrode.0);
        let config = self.config.outputs.get(index).copied().ok_or(error(ErrorKind::InvalidArgument))?;
        self.poll();
        self.told()?;
        let mut read = |channel| self.adc.microvolts(channel);
        let read = read(config.voltage).and_then(|voltage| Ok((voltage, read(config.current)?)));
        let (voltage, current) = read.map_err(|fault| self.fail(fault))?;
        let output = self.outputs.get(index).copied().unwrap_or_default();
        Ok(ElectrodeReading {
            voltage: Millivolts(narrow(rounded_div(config.microvolts(voltage), 1_000))),
            current: disc_hal::hal::Microamperes(narrow(config.microamperes(current))),
            charge: disc_hal::hal::Microcoulombs(output.microcoulombs()),
            limiting: output.limiting,
        })
    }

    fn make_safe(&mut self) -> Result<()> {
        match self.secure() {
            Ok(()) => {
                self.fault = None;
                Ok(())
            }
            Err(fault) => {
                self.fault = Some(fault);
                Err(fault.error(Part::Electrode, Outputs::Unknown))
            }
        }
    }
}

/// To the nearest whole step within the limits.
fn round(voltage: i32, step: i32, min: i32, max: i32) -> i32 {
    let step = step.max(1);
    let nearest = rounded_div(i64::from(voltage), i64::from(step)) * i64::from(step);
    let within = match nearest {
        v if v > i64::from(max) => v - i64::from(step),
        v if v < i64::from(min) => v + i64::from(step),
        v => v,
    };
    narrow(within)
}

fn rounded_div(value: i64, by: i64) -> i64 {
    (value + by / 2 * value.signum()) / by
}

fn narrow(value: i64) -> i32 {
    i32::try_from(value).unwrap_or(if value < 0 { i32::MIN } else { i32::MAX })
}
