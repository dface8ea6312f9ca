//! What a busy machine is late for, apart from what the firmware breaks.

use core::error::Error;
use core::fmt;

use disc_hal::hal::{self, AbortCause, ErrorKind, Outcome as Fate};
use disc_hal::wire::host::code;

use crate::machine::Outcome;

/// How often something is tried before this machine counts as too slow.
const TRIES: usize = 6;

/// This machine was too slow for what was to be seen: nothing is known of the firmware.
#[derive(Debug)]
pub(crate) struct Slow(String);

impl fmt::Display for Slow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "this machine is too slow: {}", self.0)
    }
}

impl Error for Slow {}

impl Slow {
    pub(crate) fn boxed(what: impl Into<String>) -> Box<dyn Error + Send + Sync> {
        Box::new(Self(what.into()))
    }
}

/// Fails as too slow.
pub(crate) fn slow<T>(what: impl Into<String>) -> Outcome<T> {
    Err(Slow::boxed(what))
}

/// Whether it is, or stems from, something that came too late. A request that did was not
/// executed, the host half promises.
pub(crate) fn is_late(error: &(dyn Error + 'static)) -> bool {
    let mut next = Some(error);
    while let Some(error) = next {
        let late = |e: &hal::Error| (e.kind, e.code) == (ErrorKind::Timeout, code::LATE);
        if error.is::<Slow>() || error.downcast_ref().is_some_and(late) {
            return true;
        }
        next = error.source();
    }
    false
}

/// Whether a shot ended so because its host was late.
pub(crate) const fn is_starved(fate: Fate) -> bool {
    matches!(fate, Fate::Underrun { .. } | Fate::Aborted { cause: AbortCause::Lease, .. })
}

/// Does it; again where something came too late, after `tidy` has made ready for that.
pub(crate) fn in_time<C, T>(
    what: &str,
    context: &mut C,
    mut tidy: impl FnMut(&mut C) -> Outcome<()>,
    mut work: impl FnMut(&mut C) -> Outcome<T>,
) -> Outcome<T> {
    let mut why = String::new();
    for tried in 0..TRIES {
        if tried > 0 {
            println!("again: {what}: {why}");
            tidy(context)?;
        }
        match work(context) {
            Err(error) if error.is::<hal::Error>() && is_late(&*error) => why = "a request came too late".into(),
            Err(error) if is_late(&*error) => why = error.to_string(),
            result => return result,
        }
    }
    slow(format!("{what} was tried {TRIES} times, at last: {why}"))
}
