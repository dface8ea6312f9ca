//! What goes wrong on the way, and what becomes of the outputs: after every fault the
//! instrument itself is asked, not the driver.

mod instrument;

use core::time::Duration;
use std::thread::sleep;
use std::time::Instant;

use disc_hal::hal::{
    Electrode, ElectrodeSupply as _, ErrorKind, Microamperes, Millivolts, MillivoltsPerSecond, Outputs,
};
use disc_hal_scpi::{Cause, Profiles, Supply, Wiring};
use instrument::{Dialect, Emulated, Fault, until};

const FIRST: Electrode = Electrode(0);
const SECOND: Electrode = Electrode(1);
const FAST: MillivoltsPerSecond = MillivoltsPerSecond(5_000);

fn wired(at: &Emulated, channel: u8) -> Wiring {
    Wiring::new(at.resource(), channel).limited_to(Microamperes(20_000))
}

fn open(wirings: &[Wiring]) -> Supply {
    Supply::open(wirings, &Profiles::built_in().unwrap()).unwrap()
}

/// One electrode at 0.5 V.
fn driven(at: &Emulated) -> Supply {
    let mut supply = open(&[wired(at, 1)]);
    supply.set(FIRST, Millivolts(500), FAST).unwrap();
    at.reaches(1, 0.5);
    assert!(at.is_on(1));
    supply
}

/// The text that the measuring query of a dialect has.
fn measuring(dialect: Dialect) -> &'static str {
    if dialect == Dialect::Keithley { "READ?" } else { "MEAS:CURR?" }
}

/// Faults of the conversation: the right value comes nevertheless, or an error, never
/// the answer to another question.
#[test]
fn no_answer_is_taken_for_that_to_another_question() {
    let faults = [
        Fault::Silence,
        Fault::Garbage,
        Fault::Extra("+7.000000E+00"),
        Fault::Extra("+7.0E+00,+7.0E+00"),
        Fault::Extra("0,\"No error\""),
        Fault::Behind("+7.000000E+00"),
        Fault::Behind("0,\"No error\""),
        Fault::Late(1_700),
        Fault::Half,
        Fault::Endless,
    ];
    std::thread::scope(|scope| {
        for dialect in Dialect::ALL {
            scope.spawn(move || {
                for fault in faults {
                    let at = Emulated::on_socket(dialect);
                    let mut supply = driven(&at);
                    at.next(measuring(dialect), fault);
                    // The thread that measures in between may be the one who meets it.
                    for _ in 0..4 {
                        let reading = supply.measure(FIRST);
                        let reading =
                            reading.unwrap_or_else(|e| panic!("{dialect:?} {fault:?}: {e}: {:?}", supply.last_error()));
                        let mv = reading.voltage.0;
                        assert!(
                            (490..=510).contains(&mv) && reading.current.0 < 20_000,
                            "{dialect:?} {fault:?}: {reading:?}"
                        );
                        sleep(Duration::from_millis(60));
                    }
                    assert!(at.plan().faults.is_empty(), "{dialect:?} {fault:?} was met");
                    assert!(supply.hiccups() > 0, "{dialect:?} {fault:?} was noticed");
                    assert!(at.is_on(1), "nothing was wrong with the output");
                }
            });
        }
    });
}

/// Answers that say something impossible: everything off, and a reason.
#[test]
fn an_answer_that_makes_no_sense_switches_everything_off() {
    for (dialect, answer, said) in [
        (Dialect::Keithley, "+9.9E37", "overload"),
        (Dialect::Keithley, "+9.910000E+37", "no value"),
        (Dialect::Rigol, "9.9E37", "overload"),
        (Dialect::Rigol, "0,500", "decimal comma"),
        (Dialect::Keysight, "0.5V", "instead of a number"),
        (Dialect::Keysight, "1.0,2.0,3.0", "instead of a number"),
    ] {
        let at = Emulated::on_socket(dialect);
        let mut supply = driven(&at);
        at.psu().measures = Some(answer);
        let error = supply.measure(FIRST).unwrap_err();
        assert_eq!((error.kind, error.outputs), (ErrorKind::NotTrusted, Outputs::Off), "{answer}");
        assert!(!at.is_on(1), "{answer}");
        let full = supply.last_error().unwrap().to_string();
        assert!(full.contains(said) && full.contains("every output is off"), "{answer}: {full}");
        // It stays so until it is made safe, and works again then.
        assert_eq!(supply.set(FIRST, Millivolts(100), FAST).unwrap_err().kind, ErrorKind::NotTrusted);
        assert!(!at.is_on(1));
        at.psu().measures = None;
        supply.make_safe().unwrap();
        supply.set(FIRST, Millivolts(100), FAST).unwrap();
        assert!(at.is_on(1));
    }
}

#[test]
fn errors_of_the_instrument_are_told_by_their_numbers() {
    use scpi::error::ErrorCode;
    for (code, kind, number) in [
        (ErrorCode::UndefinedHeader, ErrorKind::NotSupported, 113),
        (ErrorCode::DataOutOfRange, ErrorKind::OutOfRange, 222),
        (ErrorCode::QueueOverflow, ErrorKind::Fault, 350),
        (ErrorCode::Custom(803, b"Not permitted with OUTPUT off"), ErrorKind::Fault, 100_803),
    ] {
        let at = Emulated::on_socket(Dialect::Rigol);
        let mut supply = driven(&at);
        at.psu().errors.push_back(code.into());
        // The thread that measures may read the queue first: the latch tells it then.
        let error = supply.measure(FIRST).unwrap_err();
        assert_eq!((error.kind, error.code, error.outputs), (kind, number, Outputs::Off), "{code:?}");
        assert!(matches!(supply.last_error().unwrap().trouble.cause(), Cause::Refused(list) if list.len() == 1));
        assert!(!at.is_on(1), "{code:?}");
    }
    // Question and answer out of step is no reason to switch off: it is asked again.
    for code in [ErrorCode::QueryInterrupted, ErrorCode::QueryUnterminated] {
        let at = Emulated::on_socket(Dialect::Rigol);
        let mut supply = driven(&at);
        at.psu().errors.push_back(code.into());
        supply.measure(FIRST).unwrap();
        assert!(at.is_on(1) && supply.hiccups() > 0, "{code:?}");
    }
}

#[test]
fn an_endless_error_queue_ends() {
    let at = Emulated::on_socket(Dialect::Keysight);
    let mut supply = driven(&at);
    at.psu().flood = true;
    let error = supply.measure(FIRST).unwrap_err();
    assert_eq!((error.kind, error.code), (ErrorKind::Fault, 350));
    // The queue can't be read, so nothing is known, and that is what is said; off it is.
    assert_eq!(error.outputs, Outputs::Unknown);
    assert!(!at.is_on(1));
}

#[test]
fn a_lost_connection_is_opened_again_to_switch_off() {
    let at = Emulated::on_socket(Dialect::Keysight);
    let mut supply = driven(&at);
    at.next("MEAS:CURR?", Fault::Close);
    let error = loop {
        match supply.measure(FIRST) {
            Ok(_) => sleep(Duration::from_millis(20)),
            Err(error) => break error,
        }
    };
    assert_eq!((error.kind, error.outputs), (ErrorKind::LinkLost, Outputs::Off));
    assert!(!at.is_on(1));
    supply.make_safe().unwrap();
    supply.set(FIRST, Millivolts(100), FAST).unwrap();
    assert!(supply.hiccups() > 0);
}

#[test]
fn an_instrument_that_hangs_is_given_up_in_time() {
    let at = Emulated::on_socket(Dialect::Rigol);
    let mut supply = driven(&at);
    at.plan().deaf = true;
    let begin = Instant::now();
    let error = supply.measure(FIRST).unwrap_err();
    assert_eq!((error.kind, error.outputs), (ErrorKind::Timeout, Outputs::Unknown), "{error}");
    assert!(begin.elapsed() < Duration::from_secs(40), "{:?}", begin.elapsed());
    let full = supply.last_error().unwrap().to_string();
    assert!(full.contains("may be on") && full.contains("by hand"), "{full}");
    assert_eq!(supply.make_safe().unwrap_err().outputs, Outputs::Unknown);
    // It hears again: made safe at last.
    at.plan().deaf = false;
    until("make_safe", || supply.make_safe().is_ok());
    assert!(!at.is_on(1));
}

#[test]
fn an_output_that_stays_on_is_told() {
    let at = Emulated::on_socket(Dialect::Rigol);
    let mut supply = driven(&at);
    at.psu().stuck_on = true;
    let error = supply.make_safe().unwrap_err();
    assert_eq!((error.kind, error.outputs), (ErrorKind::Fault, Outputs::Unknown));
    assert!(supply.last_error().unwrap().to_string().contains("still on"));
    at.psu().stuck_on = false;
    supply.make_safe().unwrap();
}

#[test]
fn an_output_that_trips_is_told() {
    let at = Emulated::on_socket(Dialect::Keithley);
    let mut supply = driven(&at);
    at.psu().outputs[0].switch(false);
    let error = supply.measure(FIRST).unwrap_err();
    assert_eq!((error.kind, error.outputs), (ErrorKind::Tripped, Outputs::Off));
}

/// One instrument's trouble is noticed between calls, and switches the other off.
#[test]
fn trouble_with_one_switches_all_off_though_nobody_calls() {
    let (one, two) = (Emulated::on_socket(Dialect::Keithley), Emulated::on_socket(Dialect::Rigol));
    let mut supply = open(&[wired(&one, 1), wired(&two, 2)]);
    supply.set(FIRST, Millivolts(-500), FAST).unwrap();
    supply.set(SECOND, Millivolts(500), FAST).unwrap();
    assert!(one.is_on(1) && two.is_on(2));
    two.psu().outputs[1].switch(false);
    until("the other one is off", || !one.is_on(1));
    let error = supply.measure(FIRST).unwrap_err();
    assert_eq!((error.kind, error.outputs), (ErrorKind::WrongState, Outputs::Off));
    let full = supply.last_error().unwrap().to_string();
    assert!(full.contains("trouble with another instrument"), "{full}");
}

#[test]
fn one_that_hangs_doesnt_keep_the_other_on() {
    let (one, two) = (Emulated::on_socket(Dialect::Keithley), Emulated::on_socket(Dialect::Rigol));
    let mut supply = open(&[wired(&one, 1), wired(&two, 1)]);
    supply.set(FIRST, Millivolts(500), FAST).unwrap();
    supply.set(SECOND, Millivolts(500), FAST).unwrap();
    one.plan().deaf = true;
    let off = supply.off_handle();
    off.off();
    until("the one that hears is off", || !two.is_on(1));
    drop(supply);
}

#[test]
fn off_from_another_thread_in_the_middle_of_a_call() {
    let at = Emulated::on_socket(Dialect::Rigol);
    let mut supply = driven(&at);
    let off = supply.off_handle();
    // An answer on which the call waits while the handle is used.
    at.next("MEAS:CURR?", Fault::Silence);
    let call = std::thread::spawn(move || (supply.measure(FIRST), supply));
    sleep(Duration::from_millis(150));
    let begin = Instant::now();
    off.off();
    assert!(begin.elapsed() < Duration::from_secs(3), "{:?}", begin.elapsed());
    until("off", || !at.is_on(1));
    let (_, mut supply) = call.join().unwrap();
    assert_eq!(supply.set(FIRST, Millivolts(100), FAST).unwrap_err().kind, ErrorKind::WrongState);
    assert!(!at.is_on(1), "it stays off");
    supply.make_safe().unwrap();
    supply.set(FIRST, Millivolts(100), FAST).unwrap();
    drop(supply);
    assert!(!at.is_on(1), "dropping switches off");
    off.off();
}

#[test]
fn bytes_lost_on_a_serial_line_are_never_a_wrong_voltage() {
    #[cfg(unix)]
    {
        let at = Emulated::on_serial(Dialect::Keysight);
        let mut supply = driven(&at);
        at.plan().loses = Some(61);
        let (mut right, mut told) = (0, 0);
        for i in 0..12 {
            match supply.set(FIRST, Millivolts(500 + i), FAST).and_then(|_| supply.measure(FIRST)) {
                Ok(_) => right += 1,
                Err(error) => {
                    told += 1;
                    assert_ne!(error.kind, ErrorKind::OutOfRange, "{error}");
                    // Also under loss, off is off or said not to be known.
                    assert!(error.outputs == Outputs::Unknown || !at.is_on(1), "{error}");
                    let _maybe = supply.make_safe();
                }
            }
            // "VOLT 0.5,(@1)" that loses its point is 5 V: the limit of the channel stands.
            let most = at.psu().outputs[0].most;
            assert!(most < 25.8, "{most} V");
        }
        assert!(told > 0, "{right} right, {told} told");
        at.plan().loses = None;
        until("make_safe", || supply.make_safe().is_ok());
        supply.set(FIRST, Millivolts(500), FAST).unwrap();
        at.reaches(1, 0.5);
        assert!((490..=510).contains(&supply.measure(FIRST).unwrap().voltage.0));
    }
}
