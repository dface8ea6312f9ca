//! Profiles, and what opening refuses.

mod instrument;

use std::io::Write as _;
use std::net::TcpListener;

use disc_hal::hal::{
    Electrode, ElectrodeSupply as _, ErrorKind, Microamperes, Millivolts, MillivoltsPerSecond, SafeState,
};
use disc_hal_scpi::{OpenError, Profile, ProfileError, Profiles, Resource, Supply, Wiring, identify, idn};
use instrument::{Dialect, Emulated, Fault};

const FAST: MillivoltsPerSecond = MillivoltsPerSecond(5_000);

fn refused(wirings: &[Wiring]) -> String {
    Supply::open(wirings, &Profiles::built_in().unwrap()).unwrap_err().to_string()
}

/// Identities as the manuals of the three families print them.
#[test]
fn built_in_profiles_know_their_instruments() {
    let profiles = Profiles::built_in().unwrap();
    assert_eq!(profiles.iter().count(), 3);
    for (text, profile, channels) in [
        ("KEITHLEY INSTRUMENTS INC.,MODEL 2400,1234567,C30   Mar 17 2006 09:29:29/A02  /K/J", "keithley-2400", 1),
        ("RIGOL TECHNOLOGIES,DP832A,DP8A000000001,00.01.01", "rigol-dp800", 3),
        ("RIGOL TECHNOLOGIES,DP831A,DP8A000000001,00.01.01", "rigol-dp800", 3),
        ("Keysight Technologies,E36312A,MY00000001,1.0.4-1.0.3-1.00", "keysight-e36300", 3),
    ] {
        let (found, model) = profiles.find(&idn(text).unwrap()).unwrap_or_else(|| panic!("{text}"));
        assert_eq!((found.name.as_str(), model.channels.len()), (profile, channels), "{text}");
    }
    for text in ["ACME,MODEL 2400,1,1", "RIGOL TECHNOLOGIES,DS1054Z,1,1", "Keysight Technologies,E36312,1,1"] {
        assert!(profiles.find(&idn(text).unwrap()).is_none(), "{text}");
    }
}

#[test]
fn a_wrong_profile_is_told_with_its_line() {
    let right = include_str!("../profiles/rigol-dp800.toml");
    let parse = |from: &str, to: &str| {
        assert!(right.contains(from), "{from}");
        Profile::parse(&right.replacen(from, to, 1), "mine.toml".as_ref()).unwrap_err()
    };
    let error = parse("off = \"zero\"", "off = \"zero\"\ncolour = \"red\"");
    let text = error.to_string();
    let line = right.lines().position(|l| l == "off = \"zero\"").unwrap() + 2;
    assert!(text.contains("mine.toml") && text.contains("colour") && text.contains(&format!("line {line}")), "{text}");
    for (from, to, said) in [
        ("timeout-ms = 1500", "", "timeout-ms"),
        ("{volts}", "{ohms}", "{ohms}"),
        (":CURR {amps}", ":CURR 1", "lacks {amps}"),
        (":CURR {amps}", ":CURR {volts}", "`{volts}`"),
        ("word = \"CC\"", "word = \"CC\", bits = 1", "one of"),
        ("min-mv = 0, max-mv = 30000", "min-mv = 0, max-mv = 0", "empty range"),
        ("gives = [\"current\"]", "gives = [\"voltage\"]", "voltage once"),
        ("timeout-ms = 1500", "timeout-ms = 0", "10 to 10000"),
        (":OUTP CH{channel},OFF", ":OUTP OFF", "need {channel}"),
        ("setup = [\"*CLS\"]", "setup = [\"*CLS\\n*RST\"]", "more than one line"),
    ] {
        let text = parse(from, to).to_string();
        assert!(text.contains(said), "{to}: {text}");
    }
    let missing = Profiles::built_in().unwrap().with_file("nowhere.toml".as_ref()).unwrap_err();
    assert!(matches!(missing, ProfileError::Io { .. }) && missing.to_string().contains("nowhere.toml"));
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(right.replace("rigol-dp800", "mine").as_bytes()).unwrap();
    let mine = Profiles::built_in().unwrap().with_file(file.path()).unwrap();
    assert_eq!(mine.iter().next().unwrap().name, "mine");
}

#[test]
fn what_an_instrument_cannot_do_is_refused_before_it_is_touched() {
    let at = Emulated::on_socket(Dialect::Rigol);
    let wiring = |channel| Wiring::new(at.resource(), channel);
    let said = |wirings: &[Wiring], said: &str| {
        let text = refused(wirings);
        assert!(text.contains(said), "{text}");
    };
    said(&[], "0 electrodes");
    said(&vec![wiring(1); 9], "9 electrodes");
    said(&[wiring(4)], "channels 1 to 3");
    said(&[wiring(0)], "channels 1 to 3");
    said(&[wiring(1), wiring(1)], "another electrode");
    said(&[wiring(1).within(Millivolts(-1_500), Millivolts(1_500))], "only sources");
    said(&[wiring(3).within(Millivolts(0), Millivolts(5_001))], "0 mV to 5000 mV");
    said(&[wiring(1).within(Millivolts(5), Millivolts(5))], "no range");
    said(&[wiring(1).limited_to(Microamperes(3_000_001))], "3000000 uA");
    said(&[wiring(1).limited_to(Microamperes(0))], "3000000 uA");
    said(&[wiring(1).no_faster_than(MillivoltsPerSecond(5_001))], "5000 mV/s");
    assert!(at.heard().iter().all(|line| line == "*IDN?"), "{:?}", at.heard());
}

#[test]
fn an_unknown_instrument_is_named_with_the_profiles_there_are() {
    let at = Emulated::on_socket(Dialect::Rigol);
    at.next("*IDN?", Fault::Instead("ACME,Supply 9000,7,1.0"));
    let text = refused(&[Wiring::new(at.resource(), 1)]);
    assert!(text.contains("`ACME,Supply 9000,7,1.0`") && text.contains("keithley-2400, rigol-dp800"), "{text}");
}

#[test]
fn who_does_not_answer_is_told_what_is_wrong() {
    // Nobody listens.
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let nowhere: Resource = format!("tcp:127.0.0.1:{port}").parse().unwrap();
    let error = identify(&nowhere).unwrap_err();
    assert!(matches!(error, OpenError::Link(_)) && error.to_string().contains("can't be reached"), "{error}");
    // Somebody listens and says nothing.
    let at = Emulated::on_socket(Dialect::Rigol);
    at.plan().deaf = true;
    let error = identify(&at.resource()).unwrap_err().to_string();
    assert!(error.contains("asking who is there: no answer within 1500 ms"), "{error}");
    // Somebody else answers.
    at.plan().deaf = false;
    at.next("*IDN?", Fault::Instead("HTTP/1.0 400 Bad Request"));
    let error = identify(&at.resource()).unwrap_err().to_string();
    assert!(error.contains("`HTTP/1.0 400 Bad Request` came instead of manufacturer"), "{error}");
    // No such device file, no such USB device.
    for (text, said) in [("serial:/dev/nothing", "no such port"), ("usb:1209:0001:none", "USB")] {
        let error = identify(&text.parse().unwrap()).unwrap_err().to_string();
        assert!(error.contains(said), "{error}");
    }
}

#[test]
fn limits_hold_before_the_instrument_is_asked() {
    let at = Emulated::on_socket(Dialect::Keithley);
    let wiring = Wiring::new(at.resource(), 1).within(Millivolts(-1_000), Millivolts(1_200)).no_faster_than(FAST);
    let mut supply = Supply::open(&[wiring], &Profiles::built_in().unwrap()).unwrap();
    let spec = supply.spec().electrodes[0];
    assert_eq!((spec.min, spec.max, spec.safe), (Millivolts(-1_000), Millivolts(1_200), SafeState::HighImpedance));
    let before = at.heard().len();
    for (voltage, slew) in [(1_201, 100), (-1_001, 100), (i32::MIN, 100), (0, 0), (0, 5_001), (0, u32::MAX)] {
        let error = supply.set(Electrode(0), Millivolts(voltage), MillivoltsPerSecond(slew)).unwrap_err();
        assert_eq!(error.kind, ErrorKind::OutOfRange, "{voltage} {slew}");
    }
    for electrode in [1, 8, 255] {
        assert_eq!(supply.set(Electrode(electrode), Millivolts(0), FAST).unwrap_err().kind, ErrorKind::InvalidArgument);
        assert_eq!(supply.measure(Electrode(electrode)).unwrap_err().kind, ErrorKind::InvalidArgument);
    }
    assert_eq!(at.heard().len(), before, "{:?}", at.heard());
    assert!(supply.last_error().is_none());
}
