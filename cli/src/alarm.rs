//! What a bench tells without being asked, said at once.

use core::time::Duration;
use std::io::Write as _;
use std::thread;

use disc_hal::hal::LaserStatus;
use disc_hal::safety::Inputs;
use disc_hal::wire::usb::Alarm;
use disc_hal_usb::Alarms;

/// Says what comes, on a thread of its own that ends with the pipe.
pub(crate) fn watch(alarms: Alarms) {
    thread::spawn(move || {
        let mut before = (Inputs::empty(), LaserStatus::empty());
        while let Ok(alarm) = alarms.next(Duration::from_secs(60)) {
            for line in alarm.iter().flat_map(|alarm| said(&mut before, alarm)) {
                // Nobody may be listening, which is no reason to end.
                let _nobody = writeln!(std::io::stderr(), "alarm: {line}");
            }
        }
    });
}

/// What is new since `before`, which becomes what is now.
fn said(before: &mut (Inputs, LaserStatus), alarm: &Alarm) -> Vec<String> {
    let now = (alarm.inputs, alarm.lasers);
    let (inputs, lasers) = core::mem::replace(before, now);
    let mut lines = Vec::new();
    let of = |inputs: Inputs, lasers: LaserStatus| {
        inputs.contains(Inputs::INTERLOCK_OPEN) || lasers.contains(LaserStatus::INTERLOCK_OPEN)
    };
    match (of(inputs, lasers), of(now.0, now.1)) {
        (false, true) => lines.push("the bench's interlock has opened".into()),
        (true, false) => lines.push("the bench's interlock is closed again".into()),
        _ => {}
    }
    match (inputs.contains(Inputs::KEY_OFF), now.0.contains(Inputs::KEY_OFF)) {
        (false, true) => lines.push("the bench's key is off".into()),
        (true, false) => lines.push("the bench's key is on again".into()),
        _ => {}
    }
    let reasons = now.1.difference(lasers).iter_names().filter(|(name, _)| name.starts_with("TRIP_"));
    let reasons: Vec<_> = reasons.map(|(name, _)| name).collect();
    let was = lasers.contains(LaserStatus::TRIPPED);
    match now.1.contains(LaserStatus::TRIPPED) {
        true if !was || !reasons.is_empty() => {
            lines.push(format!("the bench has tripped ({}): its lasers are dark", reasons.join(", ")));
        }
        false if was => lines.push("the bench's trip is cleared".into()),
        _ => {}
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_new_is_said_once() {
        let mut before = (Inputs::empty(), LaserStatus::empty());
        let mut tell = |inputs, lasers| said(&mut before, &Alarm { inputs, lasers, changes: 0, at: 0 }).join("; ");
        // How things stand at the start is no news when all is well.
        assert_eq!(tell(Inputs::empty(), LaserStatus::empty()), "");
        let open = LaserStatus::INTERLOCK_OPEN | LaserStatus::TRIPPED | LaserStatus::TRIP_INTERLOCK;
        assert_eq!(
            tell(Inputs::INTERLOCK_OPEN, open),
            "the bench's interlock has opened; the bench has tripped (TRIP_INTERLOCK): its lasers are dark"
        );
        assert_eq!(tell(Inputs::INTERLOCK_OPEN, open), "");
        assert_eq!(tell(Inputs::INTERLOCK_OPEN | Inputs::KEY_OFF, open), "the bench's key is off");
        let more = open | LaserStatus::TRIP_LEASE;
        assert_eq!(
            tell(Inputs::empty(), more.difference(LaserStatus::INTERLOCK_OPEN)),
            "the bench's interlock is closed again; the bench's key is on again; \
             the bench has tripped (TRIP_LEASE): its lasers are dark"
        );
        assert_eq!(tell(Inputs::empty(), LaserStatus::empty()), "the bench's trip is cleared");
    }
}
