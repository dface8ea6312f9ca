//! The checks, by part.

use std::sync::LazyLock;

use super::{Check, Needs};

/// A table of checks: name, needs, work, promise.
macro_rules! checks {
    ($part:ident; $($name:literal, $needs:expr, $work:expr, $promise:literal;)+) => {
        pub(super) const CHECKS: &[crate::conformance::Check] = &[$(crate::conformance::Check {
            name: $name,
            part: crate::hal::Part::$part,
            promise: $promise,
            needs: $needs,
            work: $work,
        }),+];
    };
}

mod bench;
mod detector;
mod electrode;
mod ends;
mod focus;
mod laser;
mod power;
mod shots;
mod spindle;
mod tokens;
mod tracking;

static ALL: LazyLock<Vec<Check>> = LazyLock::new(|| {
    let parts = [
        laser::CHECKS,
        bench::CHECKS,
        detector::CHECKS,
        spindle::CHECKS,
        focus::CHECKS,
        tracking::CHECKS,
        power::CHECKS,
        electrode::CHECKS,
        tokens::CHECKS,
        shots::CHECKS,
        ends::CHECKS,
    ];
    let mut all = parts.concat();
    // Stable: within a stage the order is that of the tables.
    all.sort_by_key(|check| match check.needs {
        needs if needs.contains(Needs::SHOT) => 2,
        needs if needs.intersects(Needs::LIGHT | Needs::TRACK) => 1,
        _ => 0,
    });
    all
});

/// All checks, in the order in which they run.
pub fn checks() -> &'static [Check] {
    &ALL
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn names_are_unique_and_say_the_part() {
        let names: BTreeSet<&str> = checks().iter().map(|c| c.name).collect();
        assert_eq!(names.len(), checks().len());
        for check in checks() {
            let part = check.name.split('.').next().unwrap_or("");
            let parts = ["bench", "laser", "electrode", "focus", "tracking", "detector", "spindle"];
            assert_eq!(parts.get(check.part as usize), Some(&part), "{}", check.name);
            assert!(check.name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"._".contains(&b)));
            assert!(check.promise.len() > 15 && check.promise.ends_with('.'), "{}", check.name);
        }
    }
}
