//! Choosing a layer by its electrodes.
//!
//! In an electrochromic medium only the layer under a colouring voltage reflects; all others
//! are clear. So a layer is chosen by bleaching the others and colouring this one, and focus
//! finds what there is to be found. Media without electrodes are left alone: nothing above
//! these steps knows which kind it is.
//!
//! A cell is coloured when its current has died away. Then the charge that went in is compared with
//! the one that the medium asks for, and the focus search with where the layer lies: a cell that
//! takes no charge, or another one, or whose light says the contrary of its charge, is named, and
//! every output goes to its declared safe state. (A cell with exchanged leads takes and gives the
//! same charges as a sound one, at the wrong times: only its light tells.)

use serde::Serialize;

use super::error::{RecordError, Stage};
use super::focus::lens_way;
use super::problem::{ElectrodeFault, Problem};
use super::session::Session;
use super::summary::{CurveKind, FocusSurvey};
use crate::hal::{Electrode, ElectrodeReading, MicrometresPerSecond, Millivolts, MillivoltsPerSecond};
use crate::media::Cell;

/// From one look at the cells to the next.
const POLL_US: u32 = 5_000;
/// A cell is at rest when its current is below this share of what would fill it in one time constant.
const REST: f64 = 0.002;
/// Looks that have to find it at rest.
const LOOKS: u32 = 4;
/// Time constants that a change may take.
const PATIENCE: f64 = 25.0;
/// Share of the charge that the medium asks for: less is a cell that doesn't take it, more one that leaks.
const CHARGE: core::ops::RangeInclusive<f64> = 0.7..=1.3;
/// Share of it below which the cell counts as disconnected.
const OPEN: f64 = 0.02;
/// How near a measured voltage must be to the one asked for.
const NEAR: Millivolts = Millivolts(20);

/// One look at a cell.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct CellPoint {
    /// Time since its voltage was set, milliseconds.
    pub ms: f64,
    /// Measured voltage, millivolts.
    pub voltage_mv: i32,
    /// Measured current, microamperes.
    pub current_ua: i32,
    /// Charge that has gone in since then, microcoulombs.
    pub charge_uc: i64,
}

/// How a cell went from one state to the other.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Colouring {
    /// The layer.
    pub layer: usize,
    /// Voltage asked for, millivolts.
    pub voltage_mv: i32,
    /// The way there.
    pub points: Vec<CellPoint>,
}

impl Colouring {
    /// Charge that went in, microcoulombs.
    pub fn charge_uc(&self) -> i64 {
        self.points.last().map_or(0, |p| p.charge_uc)
    }

    /// Current at the end, microamperes.
    pub fn current_ua(&self) -> i32 {
        self.points.last().map_or(0, |p| p.current_ua)
    }

    /// How long it took, milliseconds.
    pub fn ms(&self) -> f64 {
        self.points.last().map_or(0.0, |p| p.ms)
    }
}

impl Session<'_> {
    /// Colours a layer and bleaches all others. Nothing happens in a medium without electrodes, or
    /// where the layer is the coloured one already.
    ///
    /// Returns what was done, in its order: bleaching, then colouring.
    ///
    /// # Errors
    /// [`Problem::NoElectrodes`], [`Problem::VoltageRange`], [`Problem::Electrode`], or the bench's own; every output
    /// is in its declared safe state then.
    pub fn select_layer(&mut self, layer: usize) -> Result<Vec<Colouring>, RecordError> {
        self.layer = Some(layer);
        if !self.medium.is_electrochromic() || self.coloured == Some(layer) {
            return Ok(Vec::new());
        }
        self.step(Stage::Colour, 0, |s| s.do_select(layer))
    }

    /// Bleaches every layer; of a medium without electrodes, none.
    ///
    /// # Errors
    /// As [`select_layer`](Self::select_layer).
    pub fn bleach(&mut self) -> Result<Vec<Colouring>, RecordError> {
        if !self.medium.is_electrochromic() {
            return Ok(Vec::new());
        }
        self.step(Stage::Colour, 0, |s| {
            s.fade()?;
            s.coloured = None;
            (0..s.medium.layers.len()).map(|layer| s.drive(layer, false)).collect()
        })
    }

    pub(super) fn do_select(&mut self, layer: usize) -> Result<Vec<Colouring>, Problem> {
        self.layout(layer)?;
        if !self.medium.is_electrochromic() || self.coloured == Some(layer) {
            return Ok(Vec::new());
        }
        self.fade()?;
        let before = self.coloured.take();
        let mut done = Vec::new();
        // Whoever was here before may have left any of them coloured.
        for other in (0..self.medium.layers.len()).filter(|&other| before.is_none_or(|b| b == other)) {
            done.push(self.drive(other, false)?);
        }
        let coloured = self.drive(layer, true)?;
        self.judge(layer, &coloured)?;
        self.observer.note(&format!(
            "layer {layer} coloured at {} mV: {:.1} mC in {:.0} ms, {} uA left",
            coloured.voltage_mv,
            coloured.charge_uc() as f64 * 1e-3,
            coloured.ms(),
            coloured.current_ua()
        ));
        done.push(coloured);
        self.coloured = Some(layer);
        Ok(done)
    }

    /// Gets ready for other colours: a disc, a supply for it, and no servo that looks for a layer
    /// while it fades.
    fn fade(&mut self) -> Result<(), Problem> {
        self.check_supply()?;
        self.bench.tracking.release()?;
        self.bench.focus.release()?;
        self.turn(MicrometresPerSecond::ZERO)?;
        self.survey = None;
        self.lock = None;
        Ok(())
    }

    /// Whether the supply has an output for every layer that gives what its cell needs.
    fn check_supply(&self) -> Result<(), Problem> {
        let layers = self.medium.layers.len();
        let outputs = self.bench.electrodes.as_ref().map_or(0, |supply| supply.spec().electrodes.len());
        if outputs < layers {
            return Err(Problem::NoElectrodes { medium: self.medium.name.clone(), layers, outputs });
        }
        let Some(supply) = &self.bench.electrodes else { return Ok(()) };
        for (layer, l) in self.medium.layers.iter().enumerate() {
            let (Some(cell), Some(spec)) = (&l.cell, supply.spec().electrodes.get(layer)) else { continue };
            for voltage in [cell.drive.colour, cell.drive.bleach] {
                let (wanted, least, most) = (millivolts(voltage.0), spec.min, spec.max);
                if !(least..=most).contains(&wanted) {
                    return Err(Problem::VoltageRange { electrode: layer as u8, wanted, least, most });
                }
            }
        }
        Ok(())
    }

    /// Sets a cell to its colouring or bleaching voltage and waits until its current has died away.
    fn drive(&mut self, layer: usize, colour: bool) -> Result<Colouring, Problem> {
        let cell = self.cell(layer)?;
        let electrode = Electrode(layer as u8);
        let voltage = millivolts(if colour { cell.drive.colour.0 } else { cell.drive.bleach.0 });
        let slew = self.supply()?.spec().electrodes.get(layer).map_or(MillivoltsPerSecond::ZERO, |e| e.slew_max);
        let held = self.supply()?.set(electrode, voltage, slew)?;
        // A supply counts charge from when it was connected, which may be now.
        let start = self.reading_of(electrode)?.charge.0;
        let mut done = Colouring { layer, voltage_mv: voltage.0, points: Vec::new() };
        let (rest_ua, budget_ms) = (rest_current(&cell), budget(&cell, slew));
        let (mut quiet, mut polls) = (0, 0u32);
        let kind = loop {
            self.go_on()?;
            self.bench.delay.delay_us(POLL_US);
            polls += 1;
            let reading = self.reading_of(electrode)?;
            let ms = f64::from(polls) * f64::from(POLL_US) * 1e-3;
            done.points.push(CellPoint {
                ms,
                voltage_mv: reading.voltage.0,
                current_ua: reading.current.0,
                charge_uc: reading.charge.0 - start,
            });
            let there = (reading.voltage.0 - held.0).abs() <= NEAR.0;
            quiet = if there && f64::from(reading.current.0).abs() <= rest_ua { quiet + 1 } else { 0 };
            if quiet >= LOOKS {
                return Ok(done);
            }
            if ms > budget_ms {
                break if reading.limiting { ElectrodeFault::Shorted } else { ElectrodeFault::NotSettling };
            }
        };
        Err(fault(layer, kind, done.points.last(), &cell))
    }

    /// Whether a cell that was bleached has taken the charge that colours it.
    fn judge(&self, layer: usize, done: &Colouring) -> Result<(), Problem> {
        let cell = self.cell(layer)?;
        let share = done.charge_uc() as f64 / expected_uc(&cell);
        if CHARGE.contains(&share) {
            return Ok(());
        }
        let kind = if share.abs() < OPEN { ElectrodeFault::Open } else { ElectrodeFault::Charge };
        Err(fault(layer, kind, done.points.last(), &cell))
    }

    /// What a focus search says against the colours: the layer that was coloured reflects nothing, or another
    /// one does. `None` where they agree, or where the curves can't be told apart.
    pub(super) fn miscoloured(&mut self, survey: &FocusSurvey) -> Result<Option<Problem>, Problem> {
        let Some(coloured) = self.coloured else { return Ok(None) };
        let spacing = lens_way(&self.medium.bond);
        let surface = survey.curves.iter().find(|c| c.kind == CurveKind::Surface).map(|c| f64::from(c.position_nm));
        // Layer by layer, from where the first one should be.
        let place = |at: i32| {
            let steps = (f64::from(at) - surface? - lens_way(&self.medium.cover)) / spacing;
            let layer = steps.round().max(0.0) as usize;
            (layer < self.medium.layers.len()).then_some(layer)
        };
        let seen: Vec<Option<usize>> = survey.layers().map(|c| place(c.position_nm)).collect();
        let (wrong, kind) = if seen.is_empty() {
            (coloured, ElectrodeFault::Clear)
        } else if let Some(&Some(other)) = seen.iter().find(|layer| layer.is_some_and(|l| l != coloured)) {
            (other, ElectrodeFault::Reflects)
        } else {
            return Ok(None);
        };
        self.electrode_fault(wrong, kind).map(Some)
    }

    /// What is wrong with an electrode, with what is measured there now.
    pub(super) fn electrode_fault(&mut self, layer: usize, kind: ElectrodeFault) -> Result<Problem, Problem> {
        let cell = self.cell(layer)?;
        let reading = self.reading_of(Electrode(layer as u8))?;
        let last = CellPoint {
            ms: 0.0,
            voltage_mv: reading.voltage.0,
            current_ua: reading.current.0,
            charge_uc: reading.charge.0,
        };
        Ok(fault(layer, kind, Some(&last), &cell))
    }

    fn cell(&self, layer: usize) -> Result<Cell, Problem> {
        let missing = || Problem::InvalidJob(format!("layer {layer} has no cell that a voltage could colour"));
        self.medium.layers.get(layer).and_then(|l| l.cell).ok_or_else(missing)
    }

    fn supply(&mut self) -> Result<&mut dyn crate::hal::ElectrodeSupply, Problem> {
        let (medium, layers) = (&self.medium.name, self.medium.layers.len());
        match &mut self.bench.electrodes {
            Some(supply) => Ok(&mut **supply),
            None => Err(Problem::NoElectrodes { medium: medium.clone(), layers, outputs: 0 }),
        }
    }

    fn reading_of(&mut self, electrode: Electrode) -> Result<ElectrodeReading, Problem> {
        Ok(self.supply()?.measure(electrode)?)
    }
}

fn millivolts(volts: f64) -> Millivolts {
    Millivolts((volts * 1e3).round() as i32)
}

/// Charge that colours the whole cell at its colouring voltage, microcoulombs.
fn expected_uc(cell: &Cell) -> f64 {
    let theta = |v: f64| 1.0 / (1.0 + (-(v - cell.midpoint.0) / cell.spread.0).exp());
    1e6 * cell.full_charge() * (theta(cell.drive.colour.0) - theta(cell.drive.bleach.0))
}

/// Current below which a cell is at rest, microamperes.
fn rest_current(cell: &Cell) -> f64 {
    // One microampere can't be told from none.
    (REST * 1e6 * cell.full_charge() / cell.pace()).max(1.0)
}

/// Longest that a change may take, milliseconds.
fn budget(cell: &Cell, slew: MillivoltsPerSecond) -> f64 {
    let swing = cell.drive.colour.0 - cell.drive.bleach.0;
    let ramp = if slew.0 == 0 { 0.0 } else { swing * 1e3 / f64::from(slew.0) };
    let filling = cell.full_charge() / cell.drive.current.0 + cell.resistance.0 * cell.full_charge() / swing;
    1e3 * (ramp + filling + PATIENCE * cell.pace())
}

fn fault(layer: usize, kind: ElectrodeFault, last: Option<&CellPoint>, cell: &Cell) -> Problem {
    Problem::Electrode {
        electrode: layer as u8,
        kind,
        voltage_mv: last.map_or(0, |p| p.voltage_mv),
        current_ua: last.map_or(0, |p| p.current_ua),
        charge_uc: last.map_or(0, |p| p.charge_uc),
        expected_uc: expected_uc(cell) as i64,
    }
}
