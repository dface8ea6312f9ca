//! The recording algorithms.

mod error;
mod observer;
mod summary;

pub use error::{CalibrationFault, Light, Problem, RecordError, Stage, Written};
pub use observer::{Observer, Silent};
pub use summary::{
    BlockErrors, Calibration, CalibrationPoint, CurveKind, Fit, FocusSurvey, LayerRecording, ReadBack, Recording,
    SCurve, TrackingLock,
};
