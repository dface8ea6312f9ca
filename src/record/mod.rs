//! The recording algorithms.

mod curves;
mod error;
mod focus;
mod guard;
mod observer;
mod options;
mod session;
mod summary;
mod tracking;

pub use error::{CalibrationFault, Light, Problem, RecordError, Stage, Written};
pub use observer::{Observer, Silent};
pub use options::Options;
pub use session::Session;
pub use summary::{
    BlockErrors, Calibration, CalibrationPoint, CurveKind, Fit, FocusSurvey, LayerRecording, ReadBack, Recording,
    SCurve, TrackingLock,
};
