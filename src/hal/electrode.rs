//! Electrode voltage supplies of electrochromic media.

use super::error::Result;
use super::few::Few;
use super::units::{Microamperes, Microcoulombs, Millivolts, MillivoltsPerSecond};

/// An electrode pair, by its index in [`SupplySpec::electrodes`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Electrode(pub u8);

/// What an output does when it is made safe. Zero volts isn't always safe: it
/// may discharge a cell through a short.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum SafeState {
    /// Disconnected.
    #[default]
    HighImpedance,
    /// Held at 0 V.
    Zero,
    /// Held where it was.
    Hold,
}

/// One output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ElectrodeSpec {
    /// Lowest voltage.
    pub min: Millivolts,
    /// Highest voltage.
    pub max: Millivolts,
    /// One step of the setting.
    pub step: Millivolts,
    /// Fastest change.
    pub slew_max: MillivoltsPerSecond,
    /// Compliance: the current at which the output limits.
    pub current_max: Microamperes,
    /// What it does when made safe.
    pub safe: SafeState,
}

/// What a supply can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SupplySpec {
    /// The outputs, [`Electrode`] by index.
    pub electrodes: Few<ElectrodeSpec, 8>,
    /// Whether the supply goes to its safe state by itself when its host is gone. An
    /// instrument from the shelf doesn't: its outputs stay as they are. Whoever drives
    /// one has to consent (`record::Options::without_lease`,
    /// `conformance::Limits::without_lease`), and reports say that the promise isn't given.
    pub keeps_lease: bool,
}

/// What is measured at an output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct ElectrodeReading {
    /// Voltage.
    pub voltage: Millivolts,
    /// Current, positive into the electrode.
    pub current: Microamperes,
    /// Charge since the output was last connected.
    pub charge: Microcoulombs,
    /// Whether the output limits its current.
    pub limiting: bool,
}

/// A supply of electrode voltages: positive colours, negative bleaches.
#[cfg_attr(feature = "mock", mockall::automock)]
pub trait ElectrodeSupply {
    /// Outputs and limits.
    fn spec(&self) -> &SupplySpec;

    /// Starts towards a voltage at a slew rate and returns the voltage that will be held.
    ///
    /// # Errors
    /// `OutOfRange` beyond the electrode's limits; nothing changes then.
    fn set(&mut self, electrode: Electrode, voltage: Millivolts, slew: MillivoltsPerSecond) -> Result<Millivolts>;

    /// Measures an output.
    fn measure(&mut self, electrode: Electrode) -> Result<ElectrodeReading>;

    /// Every output to its declared safe state. Always allowed.
    fn make_safe(&mut self) -> Result<()>;
}
