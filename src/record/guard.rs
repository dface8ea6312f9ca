//! Making a bench safe, whatever happened before.

use core::panic::AssertUnwindSafe;
use std::panic::{catch_unwind, resume_unwind};

use super::error::{Electrodes, Light};
use crate::hal::{Bench, Error, MicrometresPerSecond, Outputs};

/// Times that a refused `off` is repeated: a link may hiccup once.
const OFF_ATTEMPTS: u32 = 3;

/// Switches all lasers off, ends the acquisition and makes the electrodes safe. What fails on the way
/// doesn't keep the rest from being done.
pub(super) fn dark(bench: &mut Bench<'_>) -> (Light, Electrodes) {
    let mut light = Light::Off;
    for attempt in 0..OFF_ATTEMPTS {
        if attempt > 0 {
            bench.delay.delay_ms(1);
        }
        match bench.lasers.off() {
            Ok(()) => {
                light = Light::Off;
                break;
            }
            // Lost, but known to have made itself safe or to be about to.
            Err(Error { outputs: Outputs::Off, .. }) => light = Light::Off,
            Err(Error { outputs: Outputs::OffByMs(ms), .. }) => light = Light::OffWithin(ms),
            Err(error) => light = Light::Unknown(error.kind),
        }
    }
    // An acquisition that can't be stopped does no harm.
    let _ignored = bench.detector.stop();
    let electrodes = match &mut bench.electrodes {
        None => Electrodes::None,
        Some(_) => make_safe(bench).map_or_else(|error| Electrodes::Unknown(error.kind), |()| Electrodes::Safe),
    };
    (light, electrodes)
}

/// Every electrode to its declared safe state, if there are any.
fn make_safe(bench: &mut Bench<'_>) -> Result<(), Error> {
    let Some(supply) = &mut bench.electrodes else { return Ok(()) };
    (1..OFF_ATTEMPTS).map(|_| supply.make_safe()).find(Result::is_ok).unwrap_or_else(|| supply.make_safe())
}

/// Lasers off, electrodes safe, acquisition ended, servos released, disc stopped: all of it,
/// in this order, though single calls fail or panic.
///
/// # Errors
/// The first one met.
pub(super) fn park(bench: &mut Bench<'_>) -> Result<(), Error> {
    type Call = fn(&mut Bench<'_>) -> Result<(), Error>;
    let calls: [Call; 6] = [
        |b| (0..OFF_ATTEMPTS).map(|_| b.lasers.off()).find(Result::is_ok).unwrap_or_else(|| b.lasers.off()),
        make_safe,
        |b| b.detector.stop(),
        |b| b.tracking.release(),
        |b| b.focus.release(),
        |b| b.spindle.set_velocity(MicrometresPerSecond::ZERO).map(|_| ()),
    ];
    let mut first = Ok(());
    let mut panicked = None;
    for call in calls {
        match catch_unwind(AssertUnwindSafe(|| call(bench))) {
            Ok(result) => first = first.and(result),
            Err(panic) => panicked = panicked.or(Some(panic)),
        }
    }
    // While the stack unwinds already, a second panic would end the process.
    match panicked {
        Some(panic) if !std::thread::panicking() => resume_unwind(panic),
        _ => first,
    }
}
