//! Exit codes, and what a user is told when a command fails.

use core::error::Error;
use core::fmt::Write as _;
use std::process::ExitCode;

use disc_hal::hal::{AbortCause, ErrorKind, Outcome};
use disc_hal::media::MediumError;
use disc_hal::record::{CalibrationFault, Light, Problem, RecordError};
use disc_hal::wire;
use disc_hal_sim::{ConditionError, DiscFileError, SimError};

/// How the command ends, for scripts. These numbers don't change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Code {
    /// Done, and every limit is kept.
    Pass = 0,
    /// Done, and a limit or a promise of the contract is not kept.
    LimitFailed = 1,
    /// The command line is wrong.
    Usage = 2,
    /// There is no such bench, it can't be opened, or it has no disc.
    NoDevice = 3,
    /// The bench or the link to it failed, the disc can't be read, or a recording
    /// isn't whole, or one of a comparison failed.
    Device = 4,
    /// An interlock or a safety trip.
    Safety = 5,
    /// A file, a medium, a disc file or a place can't be used, or an output
    /// can't be written.
    Data = 6,
    /// Stopped by the user.
    Interrupted = 130,
}

/// The table of exit codes for `--help`.
pub(crate) const HELP: &str = "\
Exit codes:
  0    done, every limit kept
  1    done, a limit (or a check of `conformance`) not kept
  2    wrong command line
  3    no such bench, or it can't be opened, or it has no disc
  4    the bench failed, the disc can't be read, or a recording isn't whole or (in
       `compare`) failed
  5    interlock or safety trip
  6    a file, medium, disc file or place can't be used, or an output not written
  130  stopped by Ctrl-C";

impl From<Code> for ExitCode {
    fn from(code: Code) -> Self {
        Self::from(code as u8)
    }
}

/// Why a command failed: what and where, the causes, and what to do next.
#[derive(Debug)]
pub(crate) struct Failure {
    code: Code,
    what: String,
    source: Option<Box<dyn Error + Send + Sync>>,
    /// What a link said when it failed, for which errors of benches have no room.
    link: Option<String>,
    next: Option<String>,
}

impl Failure {
    /// What came from the device at `place` instead of a bench that lets itself be opened.
    pub(crate) fn refused(place: &str, error: wire::OpenError) -> Self {
        let code = match &error {
            wire::OpenError::BadSpec { .. } | wire::OpenError::Bench(_) => Code::Device,
            _ => Code::NoDevice,
        };
        Self::new(code, format!("{place}: {error}")).because(error)
    }

    /// A failure that `what` says all about.
    pub(crate) fn new(code: Code, what: impl Into<String>) -> Self {
        Self { code, what: what.into(), source: None, link: None, next: None }
    }

    /// With its cause.
    pub(crate) fn because(mut self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// With what the link said.
    pub(crate) fn link(mut self, words: Option<String>) -> Self {
        self.link = words;
        self
    }

    /// With what the user can do.
    pub(crate) fn next(mut self, next: impl Into<String>) -> Self {
        self.next = Some(next.into());
        self
    }

    /// What failed, in one line.
    pub(crate) fn what(&self) -> &str {
        &self.what
    }

    /// The exit code.
    pub(crate) fn code(&self) -> Code {
        self.code
    }

    /// The lines for the user: the error, its causes and the next step.
    pub(crate) fn text(&self) -> String {
        let mut text = format!("error: {}", self.what);
        let mut cause = self.source.as_deref().map(|e| e as &(dyn Error + 'static));
        while let Some(error) = cause {
            let line = error.to_string();
            // Some errors repeat their source in their own text.
            if !text.contains(&line) {
                // Writing to a String doesn't fail.
                let _ = write!(text, "\n  because: {line}");
            }
            cause = error.source();
        }
        if let Some(words) = &self.link {
            let _ = write!(text, "\n  because: {words}");
        }
        if let Some(next) = &self.next {
            let _ = write!(text, "\n  next: {next}");
        }
        text
    }

    /// Tells the user.
    pub(crate) fn print(&self) {
        eprintln!("{}", self.text());
    }
}

impl From<MediumError> for Failure {
    fn from(error: MediumError) -> Self {
        let failure = Self::new(Code::Data, error.to_string());
        let failure = match &error {
            MediumError::Unknown { .. } => failure.next("`disc-hal media` lists the presets"),
            MediumError::Contradiction { .. } | MediumError::Syntax { .. } => {
                failure.next("correct the medium file; `disc-hal media dual-layer` prints one that works")
            }
            MediumError::Read { source, .. } => failure.next(match source.kind() {
                std::io::ErrorKind::NotFound => {
                    "check its name and the current folder, or take a preset (`disc-hal media` lists them)"
                }
                std::io::ErrorKind::IsADirectory => "give the medium file in it; `disc-hal media dual-layer` prints one",
                std::io::ErrorKind::InvalidData => {
                    "save it as UTF-8 text, or give another file: media are TOML, as `disc-hal media dual-layer` prints it"
                }
                _ => "check that you may read it",
            }),
            _ => failure,
        };
        failure.because(error)
    }
}

impl From<ConditionError> for Failure {
    fn from(error: ConditionError) -> Self {
        // The next step is in their texts.
        let code = if matches!(error, ConditionError::Seed(_)) { Code::Usage } else { Code::Data };
        Self::new(code, error.to_string()).because(error)
    }
}

impl From<SimError> for Failure {
    fn from(error: SimError) -> Self {
        let code = match &error {
            SimError::File(DiscFileError::Io { source, what: "can't read", .. })
                if source.kind() == std::io::ErrorKind::NotFound =>
            {
                Code::NoDevice
            }
            _ => Code::Data,
        };
        let failure = Self::new(code, error.to_string());
        let failure = match &error {
            SimError::File(DiscFileError::Io { .. }) => failure.next("check the path and its permissions"),
            SimError::File(_) | SimError::Condition(_) => failure,
            _ => failure.next("correct the medium file, or take a preset (`disc-hal media`)"),
        };
        failure.because(error)
    }
}

impl From<CalibrationFault> for Failure {
    fn from(error: CalibrationFault) -> Self {
        // Only a target that is missing is found before there is light; its text says what to do.
        Self::new(Code::Data, error.to_string()).because(error)
    }
}

impl From<disc_hal_serial::OpenError> for Failure {
    fn from(error: disc_hal_serial::OpenError) -> Self {
        // The next step is in their texts.
        Self::new(Code::NoDevice, error.to_string()).because(error)
    }
}

impl From<disc_hal_usb::OpenError> for Failure {
    fn from(error: disc_hal_usb::OpenError) -> Self {
        Self::new(Code::NoDevice, error.to_string()).because(error)
    }
}

impl From<RecordError> for Failure {
    fn from(error: RecordError) -> Self {
        let failure = Self::new(code_of(&error), error.to_string());
        let next = match (error.problem(), error.light()) {
            (Problem::NoLease, _) => Some("give --without-lease if somebody watches the supply".into()),
            (_, Light::Unknown(_)) => Some("switch the bench off at its key before opening it".into()),
            (_, Light::OffWithin(_)) => {
                Some("check cable and power, then open the bench again; what was being written may be damaged".into())
            }
            (Problem::Bench(e), _) => Some(e.kind.next_step().into()),
            (Problem::Electrode { .. }, _) => {
                Some("check the leads and the contacts of that electrode, and --medium; then try again".into())
            }
            // What to do is in their texts.
            (Problem::NoElectrodes { .. } | Problem::VoltageRange { .. }, _) => None,
            (Problem::NoLayer { .. } | Problem::LayerCount { .. }, _) => {
                Some("check the disc and --medium; `disc-hal info` says what is expected".into())
            }
            (Problem::AlreadyRecorded { next_free, .. }, _) => {
                Some(format!("leave --address out, or give --address {next_free}"))
            }
            (Problem::LayerFull { .. } | Problem::TestAreaFull { .. }, _) => {
                Some("take another layer (--layer) or another disc".into())
            }
            (Problem::Calibration(CalibrationFault::Power { .. }), _) => {
                Some("correct the write strategy of the medium, or take a bench with a stronger source".into())
            }
            // What to do is in their texts.
            (
                Problem::Calibration(CalibrationFault::NoTarget { .. } | CalibrationFault::NotApplicable { .. })
                | Problem::Strategy(_),
                _,
            ) => None,
            (Problem::Calibration(CalibrationFault::OutsideRange { what, .. }), _) if *what != "beta" => None,
            (Problem::Calibration(_), _) => Some(
                "check the disc, and the write strategy and beta of its medium; the next try takes fresh test area"
                    .into(),
            ),
            (Problem::NotRecorded { .. } | Problem::NotReadable(_), _) => {
                Some("`disc-hal info` says what is recorded where; give --layer and --address".into())
            }
            (Problem::Cancelled, _) => {
                Some("what is recorded stays on the disc; the next recording takes the place after it".into())
            }
            _ => None,
        };
        let failure = match next {
            Some(next) => failure.next(next),
            None => failure,
        };
        failure.because(error)
    }
}

fn code_of(error: &RecordError) -> Code {
    match error.problem() {
        Problem::Cancelled => Code::Interrupted,
        Problem::Bench(e) => match e.kind {
            ErrorKind::Interlock | ErrorKind::Tripped => Code::Safety,
            ErrorKind::NoMedium => Code::NoDevice,
            _ => Code::Device,
        },
        Problem::NoDisc => Code::NoDevice,
        Problem::NoLease => Code::Usage,
        Problem::ShotEnded(Outcome::Aborted {
            cause: AbortCause::Interlock | AbortCause::Limit | AbortCause::Lease,
            ..
        }) => Code::Safety,
        Problem::InvalidJob(_)
        | Problem::LayerCount { .. }
        | Problem::AlreadyRecorded { .. }
        | Problem::LayerFull { .. }
        | Problem::TestAreaFull { .. }
        | Problem::Calibration(
            CalibrationFault::Power { .. } | CalibrationFault::NoTarget { .. } | CalibrationFault::NotApplicable { .. },
        )
        | Problem::Strategy(_)
        | Problem::NotRecorded { .. } => Code::Data,
        _ => Code::Device,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn causes_are_said_once_and_the_next_step_last() {
        let inner = std::io::Error::other("disk on fire");
        let failure = Failure::new(Code::Data, "can't write x: disk on fire").because(inner).next("pour water");
        assert_eq!(failure.text(), "error: can't write x: disk on fire\n  next: pour water");
        let failure = Failure::new(Code::Data, "can't write x").because(std::io::Error::other("disk on fire"));
        assert_eq!(failure.text(), "error: can't write x\n  because: disk on fire");
    }
}
