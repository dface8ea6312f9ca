//! The electrodes of an electrochromic disc, and the cells between them.
//!
//! A new bench finds every layer bleached: a disc file doesn't keep colours, which fade in hours.

use disc_hal::hal::{
    Electrode, ElectrodeReading, ElectrodeSpec, Few, Microamperes, Microcoulombs, Millivolts, MillivoltsPerSecond,
    Result, SafeState, SupplySpec,
};
use disc_hal::media::Medium;

use super::World;
use super::servo::STEP;
use crate::electrochromic::{Cell, Drive};

/// Steps of the world from one look at the cells to the next: 100 us, far below their time constants.
const EVERY: u64 = 20;
/// Change of colouration for which light is computed anew.
const SHOWN: f64 = 0.002;
/// Fastest change of an output.
const SLEW: MillivoltsPerSecond = MillivoltsPerSecond(20_000);
/// What a supply measures across a short of the electrodes, ohm.
const SHORT: f64 = 0.05;

/// Something wrong between a supply and a cell: for proving that it is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum CellFault {
    /// A contact is open.
    Open,
    /// The electrodes touch.
    Short,
    /// The leads are exchanged.
    Reversed,
}

/// One output with its cell.
#[derive(Debug)]
struct Output {
    cell: Cell,
    area: f64,
    /// Greatest current, amperes.
    compliance: f64,
    /// Volts asked for, and those at the output; `None` while it is disconnected.
    target: Option<f64>,
    voltage: f64,
    /// Volts per second.
    slew: f64,
    theta: f64,
    /// Colouration for which light was computed.
    shown: f64,
    /// Amperes, and coulombs since it was connected.
    current: f64,
    charge: f64,
    limiting: bool,
    /// Volts at the output as they are measured.
    measured: f64,
    fault: Option<CellFault>,
}

impl Output {
    /// Lives through `dt` seconds.
    fn advance(&mut self, dt: f64) {
        let Some(target) = self.target else {
            (self.current, self.limiting, self.measured) = (0.0, false, 0.0);
            return;
        };
        let way = (target - self.voltage).clamp(-self.slew * dt, self.slew * dt);
        self.voltage += way;
        self.measured = self.voltage;
        let sign = if self.fault == Some(CellFault::Reversed) { -1.0 } else { 1.0 };
        let most = self.compliance;
        match self.fault {
            Some(CellFault::Open) => (self.current, self.limiting) = (0.0, false),
            Some(CellFault::Short) => {
                let wanted = self.voltage / SHORT;
                self.current = wanted.clamp(-most, most);
                self.limiting = wanted.abs() > most;
                self.measured = self.current * SHORT;
            }
            _ => {
                let drive = Drive::at(sign * self.voltage);
                let next = self.cell.after(self.theta, &drive, dt);
                // What the supply can give in this time.
                let reach = most * dt / (self.cell.charge * self.area);
                let change = (next - self.theta).clamp(-reach, reach);
                self.limiting = (next - self.theta).abs() > reach;
                let density = change * self.cell.charge / dt;
                if self.limiting {
                    self.measured = sign * self.cell.terminal(self.theta, density, &drive);
                }
                self.theta += change;
                self.current = sign * density * self.area;
            }
        }
        self.charge += self.current * dt;
    }

    fn disconnect(&mut self) {
        (self.target, self.voltage, self.measured, self.current, self.limiting) = (None, 0.0, 0.0, 0.0, false);
    }
}

/// The cells of a disc; none for other media.
#[derive(Debug, Default)]
pub(crate) struct Cells(Vec<Output>);

impl Cells {
    pub(super) fn new(medium: &Medium) -> Self {
        let output = |described: &disc_hal::media::Cell| Output {
            cell: described.into(),
            area: described.area.0,
            compliance: described.drive.current.0,
            target: None,
            voltage: 0.0,
            slew: 0.0,
            theta: 0.0,
            shown: 0.0,
            current: 0.0,
            charge: 0.0,
            limiting: false,
            measured: 0.0,
            fault: None,
        };
        Self(medium.layers.iter().filter_map(|l| l.cell.as_ref()).map(output).collect())
    }

    pub(crate) fn set(&mut self, electrode: Electrode, voltage: Millivolts, slew: MillivoltsPerSecond) {
        let Some(output) = self.0.get_mut(usize::from(electrode.0)) else { return };
        if output.target.is_none() {
            // Connected anew: from zero, with a count of its own.
            (output.voltage, output.charge) = (0.0, 0.0);
        }
        output.target = Some(f64::from(voltage.0) * 1e-3);
        output.slew = f64::from(slew.0) * 1e-3;
    }

    pub(crate) fn measure(&self, electrode: Electrode) -> Result<ElectrodeReading> {
        let Some(o) = self.0.get(usize::from(electrode.0)) else { return Ok(ElectrodeReading::default()) };
        Ok(ElectrodeReading {
            voltage: Millivolts((o.measured * 1e3).round() as i32),
            current: Microamperes((o.current * 1e6).round() as i32),
            charge: Microcoulombs((o.charge * 1e6).round() as i64),
            limiting: o.limiting,
        })
    }

    /// Whether every output is disconnected, its declared safe state.
    pub(crate) fn are_safe(&self) -> bool {
        self.0.iter().all(|o| o.target.is_none() && o.current == 0.0)
    }

    /// Disconnects all; the cells keep their charge.
    pub(crate) fn make_safe(&mut self) {
        for output in &mut self.0 {
            output.disconnect();
        }
    }

    pub(crate) fn spoil(&mut self, electrode: usize, fault: CellFault) {
        if let Some(output) = self.0.get_mut(electrode) {
            output.fault = Some(fault);
        }
    }

    /// Colouration of a cell, 0 to 1.
    pub(crate) fn colouration(&self, layer: usize) -> Option<f64> {
        self.0.get(layer).map(|o| o.theta)
    }
}

/// The supply of a medium's cells; `None` where it has none.
pub(crate) fn supply_spec(medium: &Medium) -> Option<SupplySpec> {
    let millivolts = |v: f64| Millivolts((v * 1e3).round() as i32);
    let outputs: Vec<ElectrodeSpec> = medium
        .layers
        .iter()
        .filter_map(|l| l.cell.as_ref())
        .map(|cell| ElectrodeSpec {
            min: millivolts(cell.drive.least.0),
            max: millivolts(cell.drive.most.0),
            step: Millivolts(1),
            slew_max: SLEW,
            current_max: Microamperes((cell.drive.current.0 * 1e6).round() as i32),
            safe: SafeState::HighImpedance,
        })
        .collect();
    let electrodes = Few::from_slice(&outputs).filter(|_| !outputs.is_empty())?;
    Some(SupplySpec { electrodes, keeps_lease: true })
}

impl World {
    /// Lets the cells live on, and computes light anew where one has changed.
    pub(super) fn colour(&mut self) {
        if self.cells.0.is_empty() || !self.steps.is_multiple_of(EVERY) {
            return;
        }
        for (layer, output) in self.cells.0.iter_mut().enumerate() {
            output.advance(EVERY as f64 * STEP);
            if (output.theta - output.shown).abs() > SHOWN {
                output.shown = output.theta;
                self.model.recolour(&self.disc.medium, layer, output.theta);
            }
        }
    }

    /// Share of the light that reaches a layer through those in front of it.
    pub(super) fn through(&self, layer: usize) -> f64 {
        if self.cells.0.is_empty() {
            // Over that of a blank first layer, which the model of the layer has counted.
            return if layer == 0 { 1.0 } else { self.shade.0 };
        }
        self.model.layers[..layer].iter().map(|l| l.transmittance).product()
    }
}
