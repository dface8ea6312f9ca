//! What can go wrong in a step.

use core::fmt;

use super::methods::CalibrationMethod;
use crate::hal::{Address, Error, Millivolts, Outcome};
use crate::media::Area;
use crate::signal::SignalError;

/// Why a power calibration gave no power.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum CalibrationFault {
    /// The source can't give the powers.
    #[error("powers around {wanted_uw} uW are needed and the source gives at most {max_uw} uW")]
    Power {
        /// The recommended peak power.
        wanted_uw: u32,
        /// What the source can do.
        max_uw: u32,
    },
    /// Too few pieces gave a signal.
    #[error("only {usable} of {written} test pieces gave a signal, and {needed} are needed")]
    TooFewPoints {
        /// Pieces that could be measured.
        usable: usize,
        /// Pieces written.
        written: usize,
        /// Pieces needed.
        needed: usize,
    },
    /// The curve turns round.
    #[error("{what} does not change steadily with power: its curve turns round at {at_uw:.0} uW")]
    NotMonotone {
        /// What was measured: beta, gamma, modulation.
        what: &'static str,
        /// Where.
        at_uw: f64,
    },
    /// The points lie far from the curve.
    #[error("the points scatter by {rms:.3} around the curve, and {limit:.3} is allowed")]
    Scatter {
        /// Root mean square of the residuals.
        rms: f64,
        /// The limit.
        limit: f64,
    },
    /// The medium doesn't say what the method should aim at.
    #[error(
        "the medium has no target for a calibration by {method} on layer {layer}: add one such as `{key}` to the \
         layer's [layer.write] in its medium file, or calibrate by beta"
    )]
    NoTarget {
        /// The method.
        method: CalibrationMethod,
        /// The layer.
        layer: usize,
        /// The key that is missing, as an example.
        key: &'static str,
    },
    /// The medium doesn't behave as the method supposes.
    #[error("this medium can't be calibrated by {method}: {why}; calibrate by beta")]
    NotApplicable {
        /// The method.
        method: CalibrationMethod,
        /// What speaks against it.
        why: String,
    },
    /// The target isn't among what was measured.
    #[error(
        "the target {what} {target:.3} is outside what {from_uw} uW to {to_uw} uW gave ({low:.3} to {high:.3}); {}",
        suspect(what)
    )]
    OutsideRange {
        /// What is aimed at: beta, gamma, the power over its threshold.
        what: &'static str,
        /// Its target.
        target: f64,
        /// Lowest power used in the fit.
        from_uw: u32,
        /// Highest power used in the fit.
        to_uw: u32,
        /// Lowest fitted value.
        low: f64,
        /// Highest fitted value.
        high: f64,
    },
}

/// What may be wrong where the target isn't among what was measured.
fn suspect(what: &str) -> &'static str {
    match what {
        "beta" => "the recommended power may be wrong for this disc",
        "gamma" => {
            "set `gamma = { target, rho }` in the layer's [layer.write] to a target that its curve has, or calibrate by \
             beta"
        }
        _ => {
            "set `kappa = { kappa, rho }` in the layer's [layer.write] to a kappa that its curve has, or calibrate by \
             beta"
        }
    }
}

/// Why a write strategy could not be optimised.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum StrategyFault {
    /// There are no edges to begin with.
    #[error(
        "the start strategy writes no signal whose edges could be sorted: {why}; start from one that can be read on \
         this medium, or correct its power"
    )]
    Hopeless {
        /// What is wrong with the signal.
        why: String,
    },
    /// Too little of the test area is blank.
    #[error(
        "the test area {area} has {left} blank partitions of 64 sectors left, and an optimisation needs {needed}, of \
         which {kept} stay blank: take a fresh disc, or keep fewer"
    )]
    TestArea {
        /// The test area.
        area: Area,
        /// Blank partitions.
        left: u32,
        /// Partitions needed.
        needed: u32,
        /// Those of them that stay blank.
        kept: u32,
    },
    /// The lasers can't write with the start strategy.
    #[error("the bench can't write with this strategy: {wrong}; change the strategy, or take another bench")]
    Limits {
        /// The value and the limit.
        wrong: String,
    },
}

/// What is wrong with an electrochromic cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum ElectrodeFault {
    /// It takes no charge.
    #[error("it takes no charge: look for an open contact")]
    Open,
    /// The supply limits its current all the time.
    #[error("the supply limits its current all the time: look for a short between the electrodes")]
    Shorted,
    /// Its current doesn't die away.
    #[error("its current does not die away: it leaks, or its medium file names too short a time")]
    NotSettling,
    /// It took another charge than the medium asks for.
    #[error("it took another charge than the medium asks for: it has aged, leaks, or is of another medium")]
    Charge,
    /// It was coloured, and nothing reflects there.
    #[error(
        "it was coloured, and no light comes back from its layer: look for exchanged leads, or for a film that no \
         longer colours"
    )]
    Clear,
    /// It was bleached, and its layer reflects.
    #[error("it was bleached, and light comes back from its layer: look for exchanged leads or an open contact")]
    Reflects,
}

/// What went wrong.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Problem {
    /// A part of the bench reported an error.
    #[error("the {} reports: {}", .0.part, .0.kind)]
    Bench(#[source] Error),
    /// Something did not happen within its budget.
    #[error("{what} did not happen within {ms} ms")]
    TimedOut {
        /// What was waited for.
        what: &'static str,
        /// The budget.
        ms: u64,
    },
    /// A loop opened by itself, again and again.
    #[error(
        "{servo} was lost on the way to {at} or there, {attempts} times: the disc may be damaged at this radius; look \
         at its surface, or record elsewhere"
    )]
    ServoLost {
        /// `focus` or `tracking`.
        servo: &'static str,
        /// Where to it was going.
        at: Address,
        /// Attempts made.
        attempts: u32,
    },
    /// No disc is clamped.
    #[error("there is no disc: insert one")]
    NoDisc,
    /// The bench can't do what is needed.
    #[error("the bench can't do this: {0}")]
    Unsupported(String),
    /// The electrode supply keeps no lease, and nobody consented to that.
    #[error(
        "the electrode supply can't keep a lease: its outputs stay on when this program is killed or the link is \
         lost; consent to that, or take the supply off the bench"
    )]
    NoLease,
    /// The medium's layers are chosen by electrodes, and the bench hasn't enough of them.
    #[error(
        "the medium {medium} has {layers} layers that are chosen by electrodes, and the bench has {outputs} electrode \
         outputs: join a supply with enough of them"
    )]
    NoElectrodes {
        /// Name of the medium.
        medium: String,
        /// Its layers.
        layers: usize,
        /// Outputs of the bench.
        outputs: usize,
    },
    /// An output of the supply can't give what the cell needs.
    #[error("electrode {electrode} needs {wanted}, and its output gives {least} to {most}: join another supply")]
    VoltageRange {
        /// The electrode.
        electrode: u8,
        /// Voltage needed.
        wanted: Millivolts,
        /// Lowest voltage of the output.
        least: Millivolts,
        /// Highest voltage of the output.
        most: Millivolts,
    },
    /// A cell doesn't do what it should.
    #[error(
        "electrode {electrode}: {kind} (at {voltage_mv} mV it takes {current_ua} uA and has taken {charge_uc} uC; \
         the whole cell takes {expected_uc} uC)"
    )]
    Electrode {
        /// The electrode.
        electrode: u8,
        /// What is wrong.
        kind: ElectrodeFault,
        /// Voltage at the end.
        voltage_mv: i32,
        /// Current at the end.
        current_ua: i32,
        /// Charge that went in.
        charge_uc: i64,
        /// Charge that colours the whole cell.
        expected_uc: i64,
    },
    /// Nothing that reflects enough.
    #[error(
        "no layer found in {attempts} focus searches; the strongest focus error was {peak:.0} counts, the noise \
         {noise:.1}: check the disc, the read power and the lens travel"
    )]
    NoLayer {
        /// Searches made.
        attempts: u32,
        /// The largest focus error, counts.
        peak: f64,
        /// Its noise, counts.
        noise: f64,
    },
    /// Another number of layers than the medium has.
    #[error("found {found} layers, and the medium {medium} has {expected}: is it this disc?")]
    LayerCount {
        /// Layers found.
        found: usize,
        /// Layers of the medium.
        expected: usize,
        /// Name of the medium.
        medium: String,
    },
    /// Focus didn't close on the layer.
    #[error("focus did not close on the layer in {attempts} attempts")]
    FocusFailed {
        /// Attempts made.
        attempts: u32,
    },
    /// Tracking didn't close, on either slope.
    #[error("tracking did not close with a readable address in {attempts} attempts on both slopes")]
    TrackingFailed {
        /// Attempts made.
        attempts: u32,
    },
    /// Every attempt ended on another layer.
    #[error("the addresses are those of layer {found} after {attempts} attempts")]
    WrongLayer {
        /// Where the spot was.
        found: usize,
        /// Attempts made.
        attempts: u32,
    },
    /// The seek didn't end shortly before the address.
    #[error("the seek ended {} in {attempts} attempts", Seen(*.found))]
    SeekFailed {
        /// The address read after it.
        found: Option<Address>,
        /// Attempts made.
        attempts: u32,
    },
    /// The job can't be done on this medium.
    #[error("{0}")]
    InvalidJob(String),
    /// The place is recorded already.
    #[error(
        "this place is recorded already ({first} to {last} was asked for; recorded up to {recorded}); the next free \
         address for data is {next_free}"
    )]
    AlreadyRecorded {
        /// First sector needed.
        first: Address,
        /// Last sector needed.
        last: Address,
        /// Last sector recorded.
        recorded: Address,
        /// Where data could begin.
        next_free: Address,
    },
    /// Too little space left.
    #[error("the layer is full: {needed} sectors are needed and {free} are free in its data area {area}")]
    LayerFull {
        /// Sectors needed, run-in and run-out included.
        needed: u64,
        /// Sectors free.
        free: u64,
        /// The data area.
        area: Area,
    },
    /// The test area is used up.
    #[error("the test area {area} is used up: no power calibration is possible on this layer of this disc any more")]
    TestAreaFull {
        /// The test area.
        area: Area,
    },
    /// The power calibration gave no power.
    #[error(transparent)]
    Calibration(#[from] CalibrationFault),
    /// The write strategy could not be optimised.
    #[error(transparent)]
    Strategy(#[from] StrategyFault),
    /// A shot ended before its end.
    #[error("the shot ended early: {}", Ending(*.0))]
    ShotEnded(Outcome),
    /// The bench can't tell what became of a shot.
    #[error("the bench can't tell what became of the shot: treat its whole length as written and as bad")]
    ShotUnknown,
    /// There is nothing recorded where something was expected.
    #[error("nothing is recorded here: the signal's swing is {swing:.3} of its level, and {needed:.2} is needed")]
    NotRecorded {
        /// Swing over level.
        swing: f64,
        /// The least swing of a recording.
        needed: f64,
    },
    /// The signal can't be measured.
    #[error("the signal can't be measured")]
    Signal(#[source] SignalError),
    /// A signal is there, but not these sectors.
    #[error("no sector of the block at {0} can be found in the signal")]
    NotReadable(Address),
    /// A sector can't be corrected.
    #[error("sector {psn} can't be corrected, read {attempts} times")]
    Uncorrectable {
        /// The sector.
        psn: Address,
        /// Readings made.
        attempts: u32,
    },
    /// What was read isn't what was written.
    #[error("byte {offset} of the file (sector {psn}) came back as {read:02X}h and was written as {written:02X}h")]
    Mismatch {
        /// First differing byte.
        offset: u64,
        /// Its sector.
        psn: Address,
        /// What came back.
        read: u8,
        /// What was written.
        written: u8,
    },
    /// Samples were lost, again and again.
    #[error("{lost} samples were lost on the bench, also when the place was read again")]
    SamplesLost {
        /// How many, the last time.
        lost: u64,
    },
    /// The user asked to stop.
    #[error("cancelled")]
    Cancelled,
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        Self::Bench(error)
    }
}

impl From<SignalError> for Problem {
    fn from(error: SignalError) -> Self {
        Self::Signal(error)
    }
}

struct Seen(Option<Address>);

impl fmt::Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(address) => write!(f, "at {address}"),
            None => f.write_str("where no address can be read"),
        }
    }
}

struct Ending(Outcome);

impl fmt::Display for Ending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Outcome::Underrun { at } => write!(f, "the bench's buffer ran empty after {at} channel bits"),
            Outcome::Aborted { at, cause } => write!(f, "{cause} after {at} channel bits"),
            Outcome::NotDone => f.write_str("it did not happen"),
            Outcome::Unknown => f.write_str("nobody can tell where"),
            Outcome::Pending => f.write_str("its trigger never came"),
            Outcome::Running { at } => write!(f, "it did not end; last seen after {at} channel bits"),
            Outcome::Done => f.write_str("done"),
        }
    }
}
