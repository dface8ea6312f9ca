//! Answers that are well formed and can't be true.

use disc_hal::hal::{ErrorKind, Microwatts, Outputs, Part, Rig as _, Source};
use disc_hal::wire::host::code;
use disc_hal::wire::{Kind, Refusal, Reply};

use crate::puppet::{Puppet, Said};
use crate::{bounded, opened, plan, set_power};

#[test]
fn more_power_than_asked_for_is_made_dark() {
    for (applied, is_refused) in [(700, false), (704, false), (705, true), (60_000, true), (u32::MAX, true), (0, false)]
    {
        let puppet = Puppet::with(move |asked, said| match asked {
            asked if asked.is(Kind::SetPower) => {
                vec![Said::reply(asked, &Reply::Power { applied: Microwatts(applied) })]
            }
            _ => said,
        });
        let mut remote = opened(&puppet);
        let result = set_power(&puppet, &mut remote, 700);
        if !is_refused {
            assert_eq!(result, Ok(Microwatts(applied)));
            continue;
        }
        let error = result.unwrap_err();
        assert_eq!((error.part, error.kind, error.outputs), (Part::Laser, ErrorKind::NotTrusted, Outputs::Off));
        assert_eq!(puppet.count(Kind::LasersOff), 1);
        let text = error.to_string();
        assert_eq!(text, "laser array: reading not trustworthy; outputs off; check gain and calibration of the part");
    }
}

#[test]
fn more_power_than_asked_for_and_no_off_is_light_that_nobody_knows_of() {
    let puppet = Puppet::with(|asked, said| match asked {
        asked if asked.is(Kind::SetPower) => vec![Said::reply(asked, &Reply::Power { applied: Microwatts(9_999) })],
        asked if asked.is(Kind::LasersOff) => vec![Said::refused(asked, Refusal::Unsupported)],
        _ => said,
    });
    let mut remote = opened(&puppet);
    let error = set_power(&puppet, &mut remote, 700).unwrap_err();
    assert_eq!((error.kind, error.outputs), (ErrorKind::NotTrusted, Outputs::Unknown));
    assert!(error.to_string().contains("treat the lasers as lit"), "{error}");
    // The Off that needs nobody's leave was sent as well.
    assert_eq!(puppet.world().asked.iter().filter(|a| a.is(Kind::Off)).count(), 3);
}

#[test]
fn more_taken_than_offered_ends_the_session() {
    for (offered, taken) in [(5, 6), (5, u16::MAX), (0, 1), (1_200, 1_201)] {
        let puppet = Puppet::with(move |asked, said| match asked {
            asked if asked.is(Kind::Feed) => vec![Said::reply(asked, &Reply::Fed { taken })],
            _ => said,
        });
        let mut remote = opened(&puppet);
        let shot = remote.bench().lasers.begin(&plan()).unwrap();
        let error = bounded(&puppet, || remote.bench().lasers.feed(shot, Source(0), &vec![3; offered])).unwrap_err();
        assert_eq!((error.kind, error.code), (ErrorKind::LinkLost, code::PROTOCOL), "{taken} of {offered}");
        assert!(matches!(error.outputs, Outputs::OffByMs(1..)), "{error}");
    }
}

#[test]
fn nothing_taken_is_no_reason_to_ask_for_ever() {
    let puppet = Puppet::with(|asked, said| match asked {
        asked if asked.is(Kind::Feed) => vec![Said::reply(asked, &Reply::Fed { taken: 0 })],
        _ => said,
    });
    let mut remote = opened(&puppet);
    let shot = remote.bench().lasers.begin(&plan()).unwrap();
    assert_eq!(bounded(&puppet, || remote.bench().lasers.feed(shot, Source(0), &[3; 9_000])), Ok(0));
    assert_eq!(puppet.count(Kind::Feed), 1);
}

#[test]
fn an_off_that_is_refused_is_shouted() {
    for kind in [Kind::LasersOff, Kind::MakeSafe] {
        let puppet = Puppet::with(move |asked, said| match asked {
            asked if asked.is(kind) => vec![Said::refused(asked, Refusal::Unsupported)],
            _ => said,
        });
        let mut remote = opened(&puppet);
        let mut bench = remote.bench();
        let off = match kind {
            Kind::LasersOff => bench.lasers.off(),
            _ => bench.electrodes.as_mut().unwrap().make_safe(),
        };
        assert_eq!(off.unwrap_err().kind, ErrorKind::NotSupported);
        assert_eq!(puppet.world().asked.iter().filter(|a| a.is(Kind::Off)).count(), 3, "{kind:?}");
    }
}

#[test]
fn a_goodbye_whose_answer_was_lost_is_a_goodbye() {
    let puppet = Puppet::with(|asked, said| match asked {
        asked if asked.is(Kind::Bye) && asked.header.session == 3 << 32 | 1 => {
            // What comes back for the second one is that there is no such session.
            if said.iter().any(|s| matches!(&s.what, crate::puppet::What::Frame(h, _) if h.kind == 0x82)) {
                Vec::new()
            } else {
                said
            }
        }
        _ => said,
    });
    let mut remote = opened(&puppet);
    remote.close().expect("the session has ended, as was asked for");
    assert!(remote.is_lost());
}
