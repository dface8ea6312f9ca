//! The recording algorithms: from a bench and a file to a recording with a verdict.
//!
//! Focus is searched and its layers are counted, tracking is closed on the slope
//! that gives addresses, the power is calibrated (by beta, gamma or kappa), the write
//! strategy is optimised where that is asked for, the file is written in
//! shots, read back, compared, measured and judged. The algorithms see a
//! [`Bench`](crate::hal::Bench) and a [`Medium`](crate::media::Medium) and
//! nothing else: the same code runs on hardware, on a simulated bench and on
//! mocks. They never read a clock. Time passes through the bench's delay, every
//! wait has a budget, every retry is counted.
//!
//! # For script authors
//!
//! [`record`] does everything for a list of [`Job`]s. Single steps are methods
//! of a [`Session`]: [`survey`](Session::survey),
//! [`go_to_layer`](Session::go_to_layer), [`calibrate`](Session::calibrate),
//! [`optimise_strategy`](Session::optimise_strategy),
//! [`next_free`](Session::next_free), [`write_file`](Session::write_file),
//! [`read`](Session::read), [`verify`](Session::verify),
//! [`inspect`](Session::inspect) and [`measure`](Session::measure), in any order: a step
//! closes the loops that it needs.
//!
//! ```no_run
//! use disc_hal::hal::{Address, Rig};
//! use disc_hal::media::Medium;
//! use disc_hal::record::{Options, RecordError, Session, Silent};
//!
//! fn quality(rig: &mut dyn Rig, medium: &Medium) -> Result<f64, RecordError> {
//!     let mut silent = Silent;
//!     let mut session = Session::open(rig.bench(), medium, Options::default(), &mut silent)?;
//!     let quality = session.measure(Address(0x03_0000), 16)?;
//!     session.close()?;
//!     Ok(quality.timing.jitter.total_percent.unwrap_or(f64::NAN))
//! }
//! ```
//!
//! A step that fails leaves the lasers dark, and its [`RecordError`] says what
//! was being done, where, why, what is on the disc and what is known of the
//! light. When a session ends, by [`close`](Session::close), by an error or by a
//! panic, lasers are switched off, electrodes are made safe, the acquisition ends, servos are
//! released and the disc is stopped. An [`Observer`] sees progress and can cancel at any time.
//!
//! Files of the first layer are recorded before those of the second, whose light has to pass
//! it; the power for the second follows what gets through.
//!
//! Where electrodes choose the layer, a step bleaches all others and colours the one it needs
//! ([`select_layer`](Session::select_layer)) before it looks for focus: the same calls record
//! on both kinds of media.
//!
//! A file takes a run-in block of 16 sectors before its data, in which clock
//! recovery locks, and a short run-out in the block after. The first file of a
//! layer has its data at the very start of the data area and its run-in before it.
//!
//! # For authors of algorithms
//!
//! Steps need only the parts that they use, so a test gives them mocks of these.
//! [`Session::new`] touches nothing; what a step calls is what the test expects:
//!
//! ```
//! # #[cfg(feature = "mock")] {
//! use disc_hal::hal::{Error, ErrorKind, LaserArraySpec, MockBench, Part};
//! use disc_hal::media::Medium;
//! use disc_hal::record::{Light, Options, Session, Silent, Stage};
//!
//! let medium = Medium::load("dual-layer").unwrap();
//! let mut mock = MockBench::default();
//! mock.lasers.expect_spec().return_const(LaserArraySpec::default());
//! mock.tracking.expect_release().returning(|| Ok(()));
//! // The focus servo fails ...
//! mock.focus.expect_release().returning(|| Err(Error::new(Part::Focus, ErrorKind::Fault)));
//! // ... and so the lasers are switched off, after the failure and at the end.
//! mock.lasers.expect_off().times(2).returning(|| Ok(()));
//! mock.detector.expect_stop().times(2).returning(|| Ok(()));
//! mock.spindle.expect_set_velocity().times(1).returning(Ok);
//!
//! let mut silent = Silent;
//! let mut session = Session::new(mock.bench(), &medium, Options::default(), &mut silent);
//! let error = session.survey().unwrap_err();
//! assert_eq!((error.stage(), error.light()), (Stage::FocusSearch, Light::Off));
//! # }
//! ```
//!
//! An algorithm of one's own borrows the bench from
//! [`Session::bench`] between two steps.
//!
//! # Why not ...
//!
//! - *a clock?* A budget counted in delays is the same on a slow link and in a
//!   simulator, and a test of a minute's settling takes milliseconds.
//! - *a search on the turning disc?* Its runout of up to 0.3 mm passes each layer
//!   many times during a sweep.
//! - *trust in the layer jump?* A kick that lands on the layer it left looks just
//!   like one that arrived; only the address knows.
//! - *shots that end at run borders of blocks?* A border may lie in the middle of
//!   a mark. The shot before writes the mark whole and the next one starts so
//!   many channel bits later, so seams cost no byte.

mod blank;
mod capture;
mod colour;
mod curves;
mod defect_map;
mod edges;
mod error;
mod fit;
mod focus;
mod guard;
mod held;
mod jobs;
mod methods;
mod observer;
mod optimise;
mod optimised;
mod options;
mod order;
mod pieces;
mod power;
mod problem;
mod pulses;
mod read;
mod session;
mod shots;
mod summary;
mod tracking;
mod verify;
mod walk;
mod write;

pub use colour::{CellPoint, Colouring};
pub use defect_map::{BAD_PIF, BlockClass, BlockHealth, ClassCounts, DefectMap, DefectRange, LostData, WEAK_PI};
pub use error::{Electrodes, Light, RecordError, Stage, Written};
pub use jobs::{Job, limits, record};
pub use methods::CalibrationMethod;
pub use observer::{Observer, Silent};
pub use optimised::{Ended, OptimiseOptions, StrategyIteration, StrategyResult};
pub use options::Options;
pub use order::{Above, PartAbove, StateAbove};
pub use problem::{CalibrationFault, ElectrodeFault, Problem, StrategyFault};
pub use session::Session;
pub use summary::{
    BlockErrors, Calibration, CalibrationPoint, CurveKind, Fit, FocusSurvey, LayerRecording, ReadBack, Recording,
    SCurve, TrackingLock,
};
pub use walk::{Walk, WalkPoint};
pub use write::Extent;
