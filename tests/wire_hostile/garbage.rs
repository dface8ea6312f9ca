//! Bytes that are no frames.

use core::time::Duration;

use disc_hal::hal::{Microwatts, Rig as _};
use disc_hal::wire::{Kind, OpenError};

use crate::puppet::{Puppet, Said};
use crate::wire_support::Rng;
use crate::{CALLS, bounded, open, opened, set_power};

const BOOT: &str = "[    0.000000] Booting Linux on physical CPU 0x0\r\n[    0.000000] Linux version 6.1.0 \
                    (root@build) #1 SMP\r\n[    1.204113] Kernel panic - not syncing: VFS: Unable to mount root fs\r\n";
const MODEM: &str = "\r\nRING\r\n\r\n+CREG: 0,1\r\nAT\r\nOK\r\n\r\n+CME ERROR: 11\r\nNO CARRIER\r\n\x1b[2J~+++ATH0\r\n";

/// By name, `length` bytes each.
fn kinds(length: usize) -> Vec<(&'static str, Vec<u8>)> {
    let repeated = |text: &str| text.bytes().cycle().take(length).collect();
    // What a bootloader at another rate, a sick cable or a debug console bring.
    vec![
        ("random", Rng(7).bytes(length)),
        ("zeros", vec![0; length]),
        ("0xFF", vec![0xFF; length]),
        ("0x01", vec![0x01; length]),
        ("breaks between", [0x55, 0].repeat(length / 2)),
        ("a boot log", repeated(BOOT)),
        ("a modem", repeated(MODEM)),
    ]
}

#[test]
fn a_megabyte_of_it_before_the_first_frame() {
    for (name, garbage) in kinds(1_000_000) {
        let mut garbage = Some(garbage);
        let puppet = Puppet::with(move |_, mut said| {
            said.splice(..0, garbage.take().map(Said::bytes));
            said
        });
        let mut remote = opened(&puppet);
        assert_eq!(set_power(&puppet, &mut remote, 700), Ok(Microwatts(700)), "{name}");
        assert!(remote.stats().bytes > 1_000_000, "{name}");
    }
}

#[test]
fn four_kilobytes_of_it_before_every_frame() {
    for (name, garbage) in kinds(4_096) {
        let puppet = Puppet::with(move |_, mut said| {
            said.insert(0, Said::bytes(garbage.clone()));
            said
        });
        let mut remote = opened(&puppet);
        for (what, call) in CALLS {
            bounded(&puppet, || call(&mut remote.bench())).unwrap_or_else(|e| panic!("{name}, {what}: {e}"));
        }
        remote.close().unwrap_or_else(|e| panic!("{name}: {e}"));
    }
}

#[test]
fn nothing_but_it_is_called_what_it_is() {
    for (name, garbage) in kinds(65_536) {
        let puppet = Puppet::with(|_, _| Vec::new());
        let mut at = 0;
        puppet.set_flood(move |buffer| {
            buffer.fill_with(|| {
                at = (at + 1) % garbage.len();
                garbage[at]
            });
        });
        let error = open(&puppet).expect_err(name);
        let OpenError::NotFrames { bytes } = error else { panic!("{name}: {error}") };
        assert!(bytes > 1_000_000, "{name}: {bytes}");
        let text = error.to_string();
        assert!(text.contains("never a whole frame") && text.ends_with("that the bench's manual states"), "{text}");
    }
}

#[test]
fn nothing_at_all_is_silence() {
    let puppet = Puppet::with(|_, _| Vec::new());
    let error = open(&puppet).unwrap_err();
    assert!(matches!(error, OpenError::Silent), "{error}");
    assert!(error.to_string().contains("switched on"), "{error}");
    let (now, asked) = (puppet.now(), puppet.world().asked.len());
    assert!((Duration::from_secs(3)..Duration::from_millis(3_100)).contains(&now), "{now:?}");
    assert!((5..20).contains(&asked), "{asked} greetings");
}

#[test]
fn a_plug_that_sends_everything_back_is_no_bench() {
    let puppet =
        Puppet::with(|asked, _| vec![Said::bytes(crate::wire_support::line_of(&asked.header, &asked.payload))]);
    let error = open(&puppet).unwrap_err();
    assert!(matches!(error, OpenError::NoAnswer), "{error}");
}

#[test]
fn an_echo_is_no_malformed_answer() {
    // The bench hears only the third of each.
    let mut copies = 0;
    let puppet = Puppet::with(move |asked, said| {
        let echo = Said::bytes(crate::wire_support::line_of(&asked.header, &asked.payload));
        if !asked.is(Kind::SetPower) {
            return said;
        }
        copies += 1;
        if copies % 3 == 0 { said } else { vec![echo] }
    });
    let mut remote = opened(&puppet);
    for power in [700, 800] {
        assert_eq!(set_power(&puppet, &mut remote, power), Ok(Microwatts(power)));
    }
    assert_eq!(remote.stats().resent, 4);
}

#[test]
fn an_echo_beside_a_bench_does_no_harm() {
    let puppet = Puppet::with(|asked, mut said| {
        said.insert(0, Said::bytes(crate::wire_support::line_of(&asked.header, &asked.payload)));
        said
    });
    let mut remote = opened(&puppet);
    for (what, call) in CALLS {
        bounded(&puppet, || call(&mut remote.bench())).unwrap_or_else(|e| panic!("{what}: {e}"));
    }
}
