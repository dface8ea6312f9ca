//! What is known of the electrodes: wiring and scales.

use disc_hal::hal::{ElectrodeSpec, Error, ErrorKind, Few, Part, Result, SafeState, SupplySpec};
use embedded_hal::digital::OutputPin;

use crate::chip::{Cause, Chip, Fault};

/// One output: a channel of the DAC, a shunt, and two channels of the ADC.
///
/// ```text
/// DAC ──[ shunt ]──[ relay ]──●── electrode
///        current              voltage
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct OutputConfig {
    /// What the contract says of it.
    pub spec: ElectrodeSpec,
    /// Its channel of the DAC.
    pub dac: u8,
    /// The ADC's channel of the voltage at the electrode.
    pub voltage: u8,
    /// Volts at the electrode for each volt at the ADC, in thousandths: 1000 without a divider.
    pub voltage_milli: u32,
    /// The ADC's channel of the current.
    pub current: u8,
    /// Volts at that channel for each ampere into the electrode, in milliohms: the shunt
    /// times its amplifier's gain.
    pub transresistance_milliohms: u32,
    /// From the DAC to where the voltage is measured, in milliohms.
    pub series_milliohms: u32,
}

impl OutputConfig {
    /// Microvolts at the electrode.
    pub(super) fn microvolts(&self, adc: i32) -> i64 {
        i64::from(adc) * i64::from(self.voltage_milli) / 1_000
    }

    /// Microamperes into the electrode.
    pub(super) fn microamperes(&self, adc: i32) -> i64 {
        (i64::from(adc) * 1_000).checked_div(i64::from(self.transresistance_milliohms)).unwrap_or(0)
    }

    /// Microvolts that a current loses on its way.
    pub(super) fn drop(&self, microamperes: i64) -> i64 {
        microamperes.saturating_mul(i64::from(self.series_milliohms)) / 1_000
    }
}

/// The supply.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ElectrodesConfig {
    /// The outputs, at most eight.
    pub outputs: Few<OutputConfig, 8>,
    /// Whether what polls it makes it safe when its host is gone: a device half does.
    pub keeps_lease: bool,
    /// By how much a measured voltage may differ from the set one, in microvolts, besides
    /// what the current loses on its way. 0 for no comparison.
    pub tolerance: u32,
}

impl ElectrodesConfig {
    pub(super) fn spec(&self, channels: u8, range: (i32, i32), relays: bool) -> Result<SupplySpec> {
        let refuse = |kind| Err(Error::new(Part::Electrode, kind));
        let (mut electrodes, mut used) = (Few::new(), 0u16);
        for output in self.outputs.iter() {
            let bit = 1u16.checked_shl(output.dac.into()).filter(|bit| output.dac < channels && used & bit == 0);
            let Some(bit) = bit else { return refuse(ErrorKind::InvalidArgument) };
            used |= bit;
            let spec = output.spec;
            let (lowest, highest) = (i64::from(spec.min.0) * 1_000, i64::from(spec.max.0) * 1_000);
            // One code more than the chip's last is within rounding.
            let reached = lowest >= i64::from(range.0) && highest <= i64::from(range.1) + 1_000;
            let ordered = spec.min <= spec.max && spec.min.0 <= 0 && spec.max.0 >= 0;
            let positive = spec.step.0 > 0 && spec.slew_max.0 > 0 && spec.current_max.0 > 0;
            if !reached || !ordered || !positive || output.transresistance_milliohms == 0 || output.voltage_milli == 0 {
                return refuse(ErrorKind::OutOfRange);
            }
            if spec.safe == SafeState::HighImpedance && !relays {
                return refuse(ErrorKind::NotSupported);
            }
            let _fits = electrodes.push(spec);
        }
        if electrodes.is_empty() {
            return refuse(ErrorKind::InvalidArgument);
        }
        Ok(SupplySpec { electrodes, keeps_lease: self.keeps_lease })
    }
}

/// What disconnects outputs: a voltage DAC that is switched off pulls to ground.
pub trait Relays {
    /// Whether there are any: without, no output can declare
    /// [`SafeState::HighImpedance`].
    const THERE: bool;

    /// Connects an output, or disconnects it.
    ///
    /// # Errors
    /// If the relay can't be switched.
    fn connect(&mut self, output: u8, on: bool) -> core::result::Result<(), Fault>;
}

/// All outputs are always connected.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoRelays;

impl Relays for NoRelays {
    const THERE: bool = false;

    fn connect(&mut self, _output: u8, _on: bool) -> core::result::Result<(), Fault> {
        Ok(())
    }
}

/// One pin for each output; high connects. With pull-downs all are open at reset.
#[derive(Debug)]
pub struct RelayPins<P, const N: usize>(
    /// The pins, by output.
    pub [P; N],
);

impl<P: OutputPin, const N: usize> Relays for RelayPins<P, N> {
    const THERE: bool = true;

    fn connect(&mut self, output: u8, on: bool) -> core::result::Result<(), Fault> {
        let pin = self.0.get_mut(usize::from(output)).ok_or(Fault::new(Chip::Relay, Cause::Channel))?;
        let set = if on { pin.set_high() } else { pin.set_low() };
        set.map_err(|_| Fault::new(Chip::Relay, Cause::Pin))
    }
}
