//! What the command says of benches on the USB. On most build machines there are none;
//! where there are, they are left alone.

mod support;

use disc_hal_usb::udev;
use serde_json::Value;
use support::*;

#[test]
fn the_rules_file_is_printed_as_it_is_shipped() {
    let dir = folder();
    let out = run(dir.path(), &["udev", "print"]);
    assert!(out.status.success() && out.stderr.is_empty());
    let printed = String::from_utf8(out.stdout).unwrap();
    assert_eq!(printed, udev::RULES);
    // What the error of an instrument that can't be opened quotes is in the file.
    assert!(printed.lines().any(|line| line == disc_hal_scpi::UDEV_RULE), "{printed}");
}

#[test]
fn rights_are_checked_without_touching_anything() {
    let dir = folder();
    let d = dir.path();
    let report = udev::check();
    let out = run(d, &["udev", "check", "--json"]);
    let found: Value = serde_json::from_slice(&out.stdout).unwrap();
    let denied = report.benches.iter().any(|bench| !bench.may_open);
    assert_eq!(out.status.code(), Some(if denied { 3 } else { 0 }));
    assert_eq!(found["benches"].as_array().unwrap().len(), report.benches.len());
    assert_eq!(found["note"].as_str(), report.note.as_deref());
    assert!(["current", "outdated", "masked", "missing"].contains(&found["rules"]["state"].as_str().unwrap()));
    let text = run(d, &["udev", "check"]);
    let text = String::from_utf8(text.stdout).unwrap();
    assert!(text.starts_with("rules: "), "{text}");
    assert_eq!(text.contains("benches: none"), report.benches.is_empty(), "{text}");
}

#[test]
fn a_machine_without_usb_has_a_list_all_the_same() {
    let dir = folder();
    let d = dir.path();
    let note = disc_hal_usb::candidates().note;
    let out = run(d, &["benches", "--json"]);
    assert!(out.status.success());
    let found: Value = serde_json::from_slice(&out.stdout).unwrap();
    let notes: Vec<&str> = found["notes"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    assert_eq!(notes, note.as_deref().into_iter().collect::<Vec<_>>());
    let said = run(d, &["benches", "-v"]);
    assert_eq!(String::from_utf8_lossy(&said.stderr).contains("note: "), note.is_some());
}

#[test]
fn what_is_not_there_is_said_with_what_is() {
    let dir = folder();
    let d = dir.path();
    std::fs::write(d.join("file"), "text").unwrap();
    for selector in ["usb:no-such-serial", "usb:@250-1.2.3"] {
        for command in [&["info"][..], &["read", "-o", "x"], &["measure"], &["conformance", "--max-power", "0mW"]] {
            let args = [command, &["--bench", selector]].concat();
            fails(d, &args, 3, &["USB"]);
        }
    }
    let needs = ["--bench", "usb:no-such-serial"];
    fails(d, &[&["record", "file", "--seed", "3"], &needs[..]].concat(), 2, &["--seed is for new simulated discs"]);
    let defect = ["conformance", "--max-power", "0mW", "--defect", "token-fires-twice"];
    fails(d, &[&defect, &needs[..]].concat(), 2, &["--defect is for simulated", "usb:no-such-serial"]);
}
