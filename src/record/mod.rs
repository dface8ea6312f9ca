//! The recording algorithms.

mod blank;
mod capture;
mod curves;
mod error;
mod fit;
mod focus;
mod guard;
mod jobs;
mod observer;
mod options;
mod power;
mod read;
mod session;
mod shots;
mod summary;
mod tracking;
mod write;

pub use error::{CalibrationFault, Light, Problem, RecordError, Stage, Written};
pub use jobs::{Job, limits, record};
pub use observer::{Observer, Silent};
pub use options::Options;
pub use session::Session;
pub use summary::{
    BlockErrors, Calibration, CalibrationPoint, CurveKind, Fit, FocusSurvey, LayerRecording, ReadBack, Recording,
    SCurve, TrackingLock,
};
pub use write::Extent;
