//! Benches that speak another version.

use core::time::Duration;

use disc_hal::hal::{ErrorKind, Microwatts, Name, Outputs, Rig as _, Source};
use disc_hal::wire::host::code;
use disc_hal::wire::{Kind, Refusal, VERSION};

use crate::puppet::{Asked, Puppet, Said};
use crate::{CALLS, bounded, opened, set_power};

/// A device of another major version, as the page wants it.
fn of_version(version: u8) -> Puppet {
    Puppet::with(move |asked: &Asked, said: Vec<Said>| {
        let said = if asked.header.version != version && asked.header.kind > Kind::Spec.number() {
            vec![Said::refused(asked, Refusal::Version)]
        } else {
            said
        };
        said.into_iter().map(|s| s.with(|h| h.version = version)).collect()
    })
}

#[test]
fn another_major_version_is_read_and_made_safe() {
    for version in [0, VERSION + 1, 255] {
        let puppet = of_version(version);
        let mut remote = opened(&puppet);
        assert_eq!(remote.other_version(), Some(version));
        assert_eq!(remote.identity().vendor, Name::new("Example Instruments"));
        assert_eq!(remote.bench().lasers.spec().total_max, Microwatts(60_000));
        for (name, call) in CALLS {
            if matches!(name, "off" | "make_safe") {
                continue;
            }
            let error = bounded(&puppet, || call(&mut remote.bench())).expect_err(name);
            assert_eq!((error.kind, error.code), (ErrorKind::NotSupported, version.into()), "{name}: {error}");
        }
        let sent = puppet.world().asked.iter().filter(|a| a.header.kind > Kind::Spec.number()).count();
        assert_eq!(sent, 0, "what it may not be asked for isn't sent");
        // It is made dark, and says so.
        bounded(&puppet, || remote.bench().lasers.off()).unwrap();
        bounded(&puppet, || remote.bench().electrodes.unwrap().make_safe()).unwrap();
        assert!(puppet.world().asked.iter().filter(|a| a.is(Kind::Off)).count() >= 2);
        remote.bench().delay.delay_ms(3_000);
        assert!(puppet.count(Kind::Alive) >= 1, "it stays alive");
        assert!(!remote.is_lost());
        remote.close().unwrap();
        assert_eq!(puppet.count(Kind::Bye), 1);
    }
}

#[test]
fn a_newer_minor_version_is_no_trouble() {
    let puppet = Puppet::new();
    puppet.world().sheet.welcome.minor = 200;
    let mut remote = opened(&puppet);
    assert_eq!((remote.other_version(), remote.welcome().minor), (None, 200));
    assert_eq!(set_power(&puppet, &mut remote, 700), Ok(Microwatts(700)));
}

#[test]
fn a_kind_that_an_older_minor_version_does_not_know() {
    let puppet = Puppet::with(|asked, said| match asked {
        asked if asked.is(Kind::Monitor) => vec![Said::refused(asked, Refusal::Unsupported)],
        _ => said,
    });
    let mut remote = opened(&puppet);
    let start = puppet.now();
    let error = remote.bench().lasers.monitor(Source(0)).unwrap_err();
    assert_eq!(
        (error.kind, error.code, error.outputs),
        (ErrorKind::NotSupported, code::UNSUPPORTED, Outputs::Unchanged)
    );
    assert!(error.to_string().ends_with("use a method that its spec declares"), "{error}");
    assert!(puppet.now() - start < Duration::from_millis(10));
    assert_eq!(set_power(&puppet, &mut remote, 700), Ok(Microwatts(700)), "everything else goes on");
}
