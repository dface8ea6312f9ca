//! Why a step failed: what was being done, where, what is on the disc, and the lasers.

use core::fmt;

use super::problem::Problem;
use super::summary::Recording;
use crate::hal::{Address, ErrorKind};

/// What was being done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Stage {
    /// Turning the disc up and moving the sled.
    SpinUp,
    /// Colouring a layer and bleaching the others.
    Colour,
    /// Looking for the layers.
    FocusSearch,
    /// Closing focus and tracking on a layer.
    GoToLayer,
    /// Looking where a layer is recorded.
    FindFree,
    /// Power calibration.
    Calibrate,
    /// Write-strategy optimisation.
    Optimise,
    /// Writing.
    Write,
    /// Reading.
    Read,
    /// Measuring the signal.
    Measure,
    /// Comparing with what was written.
    Verify,
    /// Releasing servos and stopping the disc.
    Park,
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::SpinUp => "spinning up",
            Self::Colour => "choosing the layer",
            Self::FocusSearch => "focus search",
            Self::GoToLayer => "closing focus and tracking",
            Self::FindFree => "looking for free space",
            Self::Calibrate => "power calibration",
            Self::Optimise => "write-strategy optimisation",
            Self::Write => "writing",
            Self::Read => "reading",
            Self::Measure => "measuring",
            Self::Verify => "verifying",
            Self::Park => "parking",
        })
    }
}

/// What is known of the light after a failed step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Light {
    /// The lasers were switched off.
    Off,
    /// The bench can't be reached, and switches them off by itself within so many
    /// milliseconds.
    OffWithin(u32),
    /// Switching them off failed too.
    Unknown(ErrorKind),
}

impl fmt::Display for Light {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Off => f.write_str("the lasers are off"),
            Self::OffWithin(ms) => {
                write!(f, "the bench can't be reached and switches the lasers off by itself within {ms} ms")
            }
            Self::Unknown(kind) => write!(f, "the lasers could not be switched off ({kind}): treat them as lit"),
        }
    }
}

/// What is known of the electrodes after a failed step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Electrodes {
    /// The bench has none.
    None,
    /// Every output is in its declared safe state.
    Safe,
    /// Making them safe failed too.
    Unknown(ErrorKind),
}

impl fmt::Display for Electrodes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => Ok(()),
            Self::Safe => f.write_str(", the electrodes are in their safe state"),
            Self::Unknown(kind) => {
                write!(f, ", the electrodes could not be made safe ({kind}): switch their supply off")
            }
        }
    }
}

/// What a write left on the disc.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Written {
    /// First sector that was to be written (of the run-in).
    pub first: Address,
    /// Sectors that are whole.
    pub whole: u32,
    /// Whether the next one is begun, and so damaged.
    pub damaged: bool,
    /// Last sector that may be damaged where nobody can tell; `None` otherwise.
    pub doubtful_to: Option<Address>,
}

impl fmt::Display for Written {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let next = Address(self.first.0 + self.whole);
        match self.whole {
            0 => f.write_str("no sector is written whole")?,
            1 => write!(f, "sector {} is written", self.first)?,
            n => write!(f, "sectors {} to {} are written", self.first, Address(self.first.0 + n - 1))?,
        }
        match self.doubtful_to {
            Some(last) => write!(f, ", {next} to {last} may be written and damaged"),
            None if self.damaged => write!(f, ", the one at {next} is damaged"),
            None => Ok(()),
        }
    }
}

/// Why a step failed. The text says what was being done, where, what went
/// wrong, what is on the disc, and whether the lasers are off; a bench's own
/// error is the `source`.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct RecordError(Box<Context>);

#[derive(Debug)]
struct Context {
    stage: Stage,
    layer: Option<usize>,
    address: Option<Address>,
    problem: Problem,
    written: Option<Written>,
    light: Light,
    electrodes: Electrodes,
    finished: Option<Recording>,
}

impl fmt::Display for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.stage)?;
        if let Some(layer) = self.layer {
            write!(f, " on layer {layer}")?;
        }
        if let Some(address) = self.address {
            write!(f, " at {address}")?;
        }
        write!(f, " failed: {}", self.problem)?;
        if let Some(written) = &self.written {
            write!(f, "; on the disc, {written}")?;
        }
        write!(f, "; {}{}", self.light, self.electrodes)
    }
}

impl core::error::Error for Context {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        core::error::Error::source(&self.problem)
    }
}

impl RecordError {
    pub(super) fn new(
        stage: Stage,
        layer: Option<usize>,
        address: Option<Address>,
        problem: Problem,
        written: Option<Written>,
        light: Light,
    ) -> Self {
        let electrodes = Electrodes::None;
        Self(Box::new(Context { stage, layer, address, problem, written, light, electrodes, finished: None }))
    }

    pub(super) fn with_electrodes(mut self, electrodes: Electrodes) -> Self {
        self.0.electrodes = electrodes;
        self
    }

    /// What was being done.
    pub fn stage(&self) -> Stage {
        self.0.stage
    }

    /// On which layer.
    pub fn layer(&self) -> Option<usize> {
        self.0.layer
    }

    /// At or around which address.
    pub fn address(&self) -> Option<Address> {
        self.0.address
    }

    /// What went wrong.
    pub fn problem(&self) -> &Problem {
        &self.0.problem
    }

    /// What the write left on the disc; `None` when nothing was being written.
    pub fn written(&self) -> Option<Written> {
        self.0.written
    }

    /// Whether the lasers are off.
    pub fn light(&self) -> Light {
        self.0.light
    }

    /// What became of the electrodes.
    pub fn electrodes(&self) -> Electrodes {
        self.0.electrodes
    }

    /// Files of the same [`record`](super::record) that were recorded and judged
    /// before; `None` when there are none.
    pub fn finished(&self) -> Option<&Recording> {
        self.0.finished.as_ref()
    }

    /// Takes [`finished`](Self::finished) out.
    pub fn take_finished(&mut self) -> Option<Recording> {
        self.0.finished.take()
    }

    pub(super) fn with_finished(mut self, finished: Recording) -> Self {
        self.0.finished = Some(finished).filter(|r| !r.layers.is_empty());
        self
    }

    /// Whether the user stopped it.
    pub fn is_cancelled(&self) -> bool {
        matches!(self.0.problem, Problem::Cancelled)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hal::{AbortCause, Error, Outcome, Part};

    #[test]
    fn an_error_says_stage_place_cause_disc_and_lasers() {
        let written = Written { first: Address(0x3_0000), whole: 0x130, damaged: true, doubtful_to: None };
        let ended = Problem::ShotEnded(Outcome::Aborted { at: 11_761_153, cause: AbortCause::Focus });
        let error = RecordError::new(Stage::Write, Some(0), Some(Address(0x3_0130)), ended, Some(written), Light::Off);
        assert_eq!(
            error.to_string(),
            "writing on layer 0 at 030130h failed: the shot ended early: focus was lost after 11761153 channel bits; \
             on the disc, sectors 030000h to 03012Fh are written, the one at 030130h is damaged; the lasers are off"
        );
    }

    #[test]
    fn the_error_of_the_bench_is_the_source() {
        let hal = Error::new(Part::Laser, ErrorKind::LinkLost);
        let error = RecordError::new(Stage::Read, None, None, hal.into(), None, Light::Unknown(ErrorKind::LinkLost));
        let source = core::error::Error::source(&error).and_then(|s| s.downcast_ref::<Error>());
        assert_eq!(source, Some(&hal));
        assert!(error.to_string().contains("treat them as lit"), "{error}");
        let error = RecordError::new(Stage::Read, None, None, hal.into(), None, Light::OffWithin(4_990));
        assert!(error.to_string().ends_with("switches the lasers off by itself within 4990 ms"), "{error}");
        let error = error.with_electrodes(Electrodes::Unknown(ErrorKind::LinkLost));
        assert!(error.to_string().ends_with("switch their supply off"), "{error}");
    }
}
