//! The recording algorithms.

mod summary;

pub use summary::{
    BlockErrors, Calibration, CalibrationPoint, CurveKind, Fit, FocusSurvey, LayerRecording, ReadBack, Recording,
    SCurve, TrackingLock,
};
