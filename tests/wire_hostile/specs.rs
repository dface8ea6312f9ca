//! Specs and welcomes that can't be true: refused, by the name of the field.

use disc_hal::hal::{
    ChannelSpec, Few, Hertz, Microamperes, MicrometresPerSecond, Microwatts, Millivolts, MillivoltsPerSecond, Name,
    Nanometres, Part, Rig as _, Source,
};
use disc_hal::wire::{Kind, OpenError, Record, Refusal, Reply};

use crate::puppet::{Puppet, Said};
use crate::sheet::Sheet;
use crate::{open, opened};

type Change = fn(&mut Sheet);

/// What is changed, and words that the refusal has to have.
const BAD: [(Change, &str); 50] = [
    (|s| s.welcome.write_lease = 0, "leases of 0 us for writing"),
    (|s| s.welcome.write_lease = 999, "leases of 999 us"),
    (|s| s.welcome.write_lease = 1_000_001, "leases of 1000001 us"),
    (|s| s.welcome.write_lease = u32::MAX, "leases of 4294967295 us"),
    (|s| s.welcome.hold_lease = 0, "0 us for holding"),
    (|s| s.welcome.hold_lease = 99_999, "99999 us for holding"),
    (|s| s.welcome.hold_lease = 60_000_001, "60000001 us for holding"),
    (|s| s.welcome.hold_lease = u32::MAX, "4294967295 us for holding"),
    (|s| s.welcome.samples = 0, "0 samples in a frame"),
    (|s| s.welcome.samples = 4_097, "4097 samples in a frame"),
    (|s| s.welcome.samples = u16::MAX, "65535 samples in a frame"),
    (|s| s.sources = Some(0), "without sources"),
    (|s| s.sources = Some(9), "9 sources, of which at most 8"),
    (|s| s.sources = Some(255), "255 sources"),
    (|s| s.channels = Some(17), "17 channels, of which at most 16"),
    (|s| s.channels = Some(255), "255 channels"),
    (|s| s.electrodes = Some(9), "9 electrodes, of which at most 8"),
    (|s| s.electrodes = Some(255), "255 electrodes"),
    (|s| s.lasers.queue = 0, "a queue of 0 shots"),
    (|s| s.lasers.buffer_runs = 0, "a buffer of 0 runs"),
    (|s| s.lasers.clock_min = Hertz(0), "channel clocks from 0 Hz"),
    (|s| s.lasers.clock_min = Hertz(60_000_001), "channel clocks from 60000001 Hz to 60000000 Hz"),
    (|s| s.lasers.clock_max = Hertz(0), "to 0 Hz"),
    (|s| s.lasers.total_max = Microwatts(59_999), "59999 uW for all sources"),
    (|s| s.lasers.total_max = Microwatts(0), "0 uW for all sources"),
    (|s| s.lasers.sources[0].read_max = Microwatts(60_001), "60001 uW for reading"),
    (|s| s.lasers.sources[0].read_max = Microwatts(u32::MAX), "for reading"),
    (|s| s.lasers.sources[0].write_max = Microwatts(u32::MAX), "for writing"),
    (
        |s| (s.lasers.sources[0].read_max, s.lasers.sources[0].write_max) = (Microwatts(0), Microwatts(0)),
        "source 0 with at most 0 uW for reading, 0 uW for writing",
    ),
    (|s| s.lasers.sources[0].wavelength = Nanometres(0), "a wavelength of 0 nm"),
    (|s| s.lasers.sources[0].wavelength = Nanometres(-650), "a wavelength of -650 nm"),
    (|s| s.lasers.sources[0].step = Microwatts(0), "steps of 0 uW"),
    (|s| s.lasers.sources[0].step = Microwatts(60_001), "steps of 60001 uW"),
    (|s| s.focus.travel_min = s.focus.travel_max, "focus travel from"),
    (|s| s.focus.travel_min = Nanometres(i32::MAX), "focus travel from"),
    (|s| s.focus.offset_max = Nanometres(-1), "offsets to -1 nm"),
    (|s| s.focus.offset_step = Nanometres(-1), "in steps of -1 nm"),
    (|s| s.tracking.offset_max = Nanometres(i32::MIN), "tracking offsets to"),
    (|s| s.tracking.offset_step = Nanometres(-1), "in steps of -1 nm"),
    (|s| s.spindle.velocity_min = MicrometresPerSecond(u32::MAX), "speeds from"),
    (|s| s.spindle.radius_min = Nanometres(-1), "radii from -1 nm"),
    (|s| s.spindle.radius_min = s.spindle.radius_max, "radii from"),
    (|s| s.detector.channels[0].rate_max = Hertz(0), "detector channel 0 at 0 Hz"),
    (|s| s.detector.channels[0].source = Source(1), "behind source 1"),
    (|s| s.detector.channels[0].source = Source(255), "behind source 255"),
    (|s| s.supply.electrodes[0].min = Millivolts(3_001), "electrode 0 from 3001 mV to"),
    (|s| s.supply.electrodes[0].step = Millivolts(0), "in steps of 0 mV"),
    (|s| s.supply.electrodes[0].step = Millivolts(-1), "in steps of -1 mV"),
    (|s| s.supply.electrodes[0].slew_max = MillivoltsPerSecond(0), "slew to 0 mV/s"),
    (|s| s.supply.electrodes[0].current_max = Microamperes(-1), "currents to -1 uA"),
];

#[test]
fn each_that_cant_be_true_is_refused_by_name() {
    let mut wrong = Vec::new();
    for (i, (change, words)) in BAD.into_iter().enumerate() {
        let puppet = Puppet::new();
        change(&mut puppet.world().sheet);
        let Err(error) = open(&puppet) else {
            wrong.push(format!("{i}, {words}: it opened"));
            continue;
        };
        let text = error.to_string();
        if !matches!(error, OpenError::BadSpec { .. }) || !text.contains(words) {
            wrong.push(format!("{i}, {words}: {text}"));
        }
        assert!(text.ends_with("its firmware needs mending, and it is not used until then"), "{text}");
        // Whatever its state was, it is left safe.
        assert_eq!(puppet.world().asked.iter().filter(|a| a.is(Kind::Off)).count(), 3, "{words}");
        assert_eq!(puppet.count(Kind::Bye), 1, "{words}");
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn what_is_odd_and_possible_is_taken() {
    let odd: [Change; 10] = [
        |s| s.welcome.write_lease = 1_000,
        |s| (s.welcome.write_lease, s.welcome.hold_lease) = (1_000_000, 60_000_000),
        |s| s.welcome.hold_lease = s.welcome.write_lease,
        |s| s.welcome.samples = 1,
        |s| s.channels = Some(0),
        |s| s.channels = Some(16),
        |s| s.electrodes = Some(0),
        |s| s.detector.channels = Few::from_slice(&[ChannelSpec { rate_max: Hertz(1), ..Default::default() }]).unwrap(),
        |s| s.spindle.velocity_min = s.spindle.velocity_max,
        |s| s.tracking.offset_max = Nanometres(0),
    ];
    for change in odd {
        let puppet = Puppet::new();
        change(&mut puppet.world().sheet);
        opened(&puppet);
    }
}

#[test]
fn names_with_escape_codes_are_shown_without() {
    let puppet = Puppet::with(|asked, said| match asked {
        asked if asked.is(Kind::Hello) => said
            .into_iter()
            .map(|s| {
                s.holding(|p| {
                    // Vendor: a screen is cleared, no zero at its end. Model: bytes that are no UTF-8.
                    let names = 4 + 8 + 1 + 1 + 4;
                    p[names..names + 32].copy_from_slice(b"\x1b[2J\x07\r\nEvil\x7f0123456789ABCDEFGHIJ");
                    p[names + 32..names + 64].copy_from_slice(&[0xFF; 32]);
                })
            })
            .collect(),
        _ => said,
    });
    let remote = opened(&puppet);
    let identity = remote.identity();
    assert_eq!(identity.vendor.as_str(), "?[2J???Evil?0123456789ABCDEFGHIJ");
    assert_eq!(identity.model.as_str(), "?".repeat(32));
    assert_eq!(identity.serial, Name::new("0042"));
}

#[test]
fn records_of_another_part_or_index() {
    let swaps: [(Part, Record); 4] = [
        (Part::Laser, Record::Focus(Sheet::good().focus)),
        (Part::Focus, Record::Spindle(Sheet::good().spindle)),
        (Part::Detector, Record::Supply { count: 1, keeps_lease: false }),
        (Part::Electrode, Record::Electrode { index: 7, spec: Sheet::good().supply.electrodes[0] }),
    ];
    for (part, record) in swaps {
        let puppet = Puppet::with(move |asked, said| match asked {
            asked if asked.is(Kind::Spec) && asked.payload[0] == part as u8 => {
                vec![Said::reply(asked, &Reply::Spec(record))]
            }
            _ => said,
        });
        let error = open(&puppet).unwrap_err();
        assert!(matches!(error, OpenError::BadSpec { .. }) && error.to_string().contains("another part"), "{error}");
    }
}

#[test]
fn specs_that_dont_come() {
    type Answer = fn(Vec<Said>) -> Vec<Said>;
    let answers: [(Answer, &str); 3] = [
        (|_| Vec::new(), "timed out"),
        (|said| said.into_iter().map(|s| s.holding(|p| p.truncate(20))).collect(), "link lost"),
        (|said| said.into_iter().map(|s| s.holding(|p| p[0] = 99)).collect(), "link lost"),
    ];
    for (answer, words) in answers {
        let puppet = Puppet::with(move |asked, said| if asked.is(Kind::Spec) { answer(said) } else { said });
        let error = open(&puppet).unwrap_err();
        let text = error.to_string();
        assert!(
            text.starts_with("the bench failed while its specs were read: bench: ") && text.contains(words),
            "{text}"
        );
    }
    let puppet = Puppet::with(|asked, said| match asked {
        asked if asked.is(Kind::Spec) => vec![Said::refused(asked, Refusal::Unsupported)],
        _ => said,
    });
    let text = open(&puppet).unwrap_err().to_string();
    assert!(text.contains("not supported by this bench (code 7)"), "{text}");
}
