//! A bench: the parts of one tester, borrowed.

use core::fmt;

use embedded_hal::delay::DelayNs;

use super::detector::Photodetector;
use super::electrode::ElectrodeSupply;
use super::few::Name;
use super::focus::FocusServo;
use super::laser::LaserArray;
use super::spindle::Spindle;
use super::tracking::TrackingServo;

/// Who made a tester, and which one it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Identity {
    /// Manufacturer.
    pub vendor: Name,
    /// Model.
    pub model: Name,
    /// Serial number.
    pub serial: Name,
    /// Version of the firmware, or of the driver where there is none.
    pub firmware: Name,
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} (serial {}, firmware {})", self.vendor, self.model, self.serial, self.firmware)
    }
}

/// The parts of a tester, borrowed. A part of another vendor joins by assigning
/// its field.
#[non_exhaustive]
pub struct Bench<'b> {
    /// The laser sources.
    pub lasers: &'b mut dyn LaserArray,
    /// The focus servo.
    pub focus: &'b mut dyn FocusServo,
    /// The tracking servo.
    pub tracking: &'b mut dyn TrackingServo,
    /// The photodetector.
    pub detector: &'b mut dyn Photodetector,
    /// The spindle and the sled.
    pub spindle: &'b mut dyn Spindle,
    /// The electrode supply; a bench for dual-layer media has none.
    pub electrodes: Option<&'b mut dyn ElectrodeSupply>,
    /// Time: sleeps on hardware, advances the world in a simulator.
    pub delay: &'b mut dyn DelayNs,
}

impl<'b> Bench<'b> {
    /// A bench without electrodes.
    pub fn new(
        lasers: &'b mut dyn LaserArray,
        focus: &'b mut dyn FocusServo,
        tracking: &'b mut dyn TrackingServo,
        detector: &'b mut dyn Photodetector,
        spindle: &'b mut dyn Spindle,
        delay: &'b mut dyn DelayNs,
    ) -> Self {
        Self { lasers, focus, tracking, detector, spindle, electrodes: None, delay }
    }

    /// The same bench with an electrode supply.
    #[must_use]
    pub fn with_electrodes(mut self, electrodes: &'b mut dyn ElectrodeSupply) -> Self {
        self.electrodes = Some(electrodes);
        self
    }

    /// The same parts, borrowed for a shorter time.
    pub fn reborrow(&mut self) -> Bench<'_> {
        Bench {
            lasers: &mut *self.lasers,
            focus: &mut *self.focus,
            tracking: &mut *self.tracking,
            detector: &mut *self.detector,
            spindle: &mut *self.spindle,
            // `as_deref_mut` can't shorten the lifetime inside the trait object.
            electrodes: match &mut self.electrodes {
                Some(electrodes) => Some(&mut **electrodes),
                None => None,
            },
            delay: &mut *self.delay,
        }
    }
}

impl fmt::Debug for Bench<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bench").field("electrodes", &self.electrodes.is_some()).finish_non_exhaustive()
    }
}

/// An opened tester, on the host. Opening is initialising; dropping makes safe.
#[cfg(feature = "std")]
pub trait Rig: Send {
    /// Who it is.
    fn identity(&self) -> &Identity;

    /// Its parts.
    fn bench(&mut self) -> Bench<'_>;

    /// A handle that makes it safe from any thread, in any state.
    fn off_handle(&self) -> OffHandle;

    /// Makes it safe and stores whatever the driver keeps on the host (a
    /// simulated disc, say). Dropping a rig does the same but can't tell of errors.
    ///
    /// # Errors
    /// Those of the file system or the link; the rig is safe nevertheless, as
    /// far as the link allows.
    fn close(&mut self) -> std::io::Result<()>;
}

/// Makes a tester safe: lasers dark, electrodes in their declared safe state.
/// For Ctrl-C handlers and panics; may be called at any time, more than once.
#[cfg(feature = "std")]
#[derive(Clone)]
pub struct OffHandle(std::sync::Arc<dyn Fn() + Send + Sync>);

#[cfg(feature = "std")]
impl OffHandle {
    /// For driver authors: a handle that calls `off`, which must neither block
    /// for long nor panic.
    pub fn new(off: impl Fn() + Send + Sync + 'static) -> Self {
        Self(std::sync::Arc::new(off))
    }

    /// Makes the tester safe now.
    pub fn off(&self) {
        (self.0)();
    }
}

#[cfg(feature = "std")]
impl fmt::Debug for OffHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OffHandle")
    }
}
