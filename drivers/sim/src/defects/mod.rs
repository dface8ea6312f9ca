//! Planted driver defects: what a wrong driver or a wrong bench does.
//!
//! A conformance suite that has never failed proves nothing. [`SimRig::with_defect`]
//! gives a bench that is right but for one [`Defect`]; the check that is named
//! with it must find it. The defects sit in wrappers around the parts, so a bench
//! without one pays nothing for them.
//!
//! ```
//! use disc_hal::hal::{ErrorKind, Rig};
//! use disc_hal::media::Medium;
//! use disc_hal_sim::SimRig;
//! use disc_hal_sim::defects::Defect;
//!
//! let defect: Defect = "off-refused".parse()?;
//! let mut rig = SimRig::blank(Medium::load("dual-layer")?, 1)?.with_defect(defect);
//! assert_eq!(rig.bench().lasers.off().unwrap_err().kind, ErrorKind::Busy);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod detector;
mod lasers;
mod list;
mod mechanics;
mod servos;

use core::sync::atomic::{AtomicU32, Ordering};
use std::io;

use disc_hal::hal::{Bench, Error, Identity, Name, OffHandle, Outputs, Part, Rig};
use embedded_hal::delay::DelayNs;

use crate::SimRig;
use crate::parts::{self, SimDelay, SimDetector, SimFocus, SimLasers, SimSpindle, SimTracking};
use detector::BadDetector;
use lasers::BadLasers;
use mechanics::BadSpindle;
use servos::{BadFocus, BadTracking};

pub use list::{Defect, UnknownDefect};

/// Every error passes here on its way out.
fn spoiled<T>(defect: Defect, result: Result<T, Error>) -> Result<T, Error> {
    result.map_err(|error| match defect {
        Defect::WrongPart => Error { part: Part::Bench, ..error },
        Defect::OutputsUnknown => error.with_outputs(Outputs::Unknown),
        Defect::WrongKind => Error { kind: disc_hal::hal::ErrorKind::Fault, ..error },
        _ => error,
    })
}

#[derive(Debug)]
struct BadDelay {
    inner: SimDelay,
    defect: Defect,
}

impl DelayNs for BadDelay {
    fn delay_ns(&mut self, ns: u32) {
        self.inner.delay_ns(if self.defect == Defect::DelayTooShort { ns / 2 } else { ns });
    }
}

/// A simulated tester with one planted defect.
#[derive(Debug)]
pub struct DefectiveRig {
    rig: SimRig,
    defect: Defect,
    identities: [Identity; 2],
    asked: AtomicU32,
    lasers: BadLasers,
    focus: BadFocus,
    tracking: BadTracking,
    detector: BadDetector,
    spindle: BadSpindle,
    delay: BadDelay,
}

impl DefectiveRig {
    pub(crate) fn new(rig: SimRig, defect: Defect) -> Self {
        let world = rig.world().clone();
        let (lasers, focus, tracking, detector, spindle) = parts::specs();
        let mut identity = *rig.identity();
        if defect == Defect::NoName {
            identity.vendor = Name::new("");
        }
        let mut other = identity;
        if defect == Defect::IdentityChanges {
            other.serial = Name::new("SIM-other");
        }
        Self {
            defect,
            identities: [identity, other],
            asked: AtomicU32::new(0),
            lasers: BadLasers::new(SimLasers { world: world.clone(), spec: lasers, readings: 0 }, defect),
            focus: BadFocus::new(SimFocus { world: world.clone(), spec: focus }, defect),
            tracking: BadTracking::new(SimTracking { world: world.clone(), spec: tracking }, defect),
            detector: BadDetector::new(SimDetector { world: world.clone(), spec: detector }, defect),
            spindle: BadSpindle::new(SimSpindle { world: world.clone(), spec: spindle }, defect),
            delay: BadDelay { inner: SimDelay { world }, defect },
            rig,
        }
    }

    /// What is wrong with it.
    pub fn defect(&self) -> Defect {
        self.defect
    }
}

impl Rig for DefectiveRig {
    fn identity(&self) -> &Identity {
        &self.identities[(self.asked.fetch_add(1, Ordering::Relaxed) / 2 % 2) as usize]
    }

    fn bench(&mut self) -> Bench<'_> {
        Bench::new(
            &mut self.lasers,
            &mut self.focus,
            &mut self.tracking,
            &mut self.detector,
            &mut self.spindle,
            &mut self.delay,
        )
    }

    fn off_handle(&self) -> OffHandle {
        match self.defect {
            Defect::OffHandleDoesNothing => OffHandle::new(|| ()),
            _ => self.rig.off_handle(),
        }
    }

    fn close(&mut self) -> io::Result<()> {
        self.rig.close()
    }
}
