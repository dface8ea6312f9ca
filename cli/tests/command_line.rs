//! The command as a user runs it: bad input, exit codes, and whole paths on the simulator.

mod support;

use std::fs;
use std::path::Path;
#[cfg(unix)]
use std::process::Output;

use support::*;
#[cfg(unix)]
use tempfile::TempDir;

fn discs(dir: &Path) -> usize {
    fs::read_dir(dir).unwrap().flatten().filter(|e| e.path().extension().is_some_and(|x| x == "dhd")).count()
}

#[test]
fn bad_files_are_refused_before_a_disc_is_made() {
    let dir = folder();
    let d = dir.path();
    fs::write(d.join("empty"), b"").unwrap();
    fs::write(d.join("good"), b"text").unwrap();
    fs::create_dir(d.join("folder")).unwrap();
    // As large as a layer and a block more, without taking the space.
    let large = fs::File::create(d.join("large")).unwrap();
    large.set_len(5_000_000_000).unwrap();
    fails(d, &["record", "missing"], 6, &["can't read missing", "next:"]);
    fails(d, &["record", "empty"], 6, &["empty is empty"]);
    fails(d, &["record", "folder"], 6, &["folder is a folder"]);
    fails(d, &["record", "large"], 6, &["large is too large", "5000000000", "4271833088 bytes fit", "on layer 0"]);
    fails(d, &["record", "good", "--layer", "2"], 6, &["no layer 2", "layers 0 to 1"]);
    fails(d, &["record", "good", "good", "good"], 2, &["0 times for 3 files"]);
    fails(d, &["record", "good", "--address", "030001h"], 2, &["multiples of 16"]);
    fails(d, &["record", "good", "--address", "000010h"], 6, &["data area of no layer"]);
    fails(d, &["record"], 2, &["Usage"]);
    assert_eq!(discs(d), 0);
}

#[test]
fn bad_media_are_refused() {
    let dir = folder();
    let d = dir.path();
    fs::write(d.join("good"), b"text").unwrap();
    let out = run(d, &["media", "dual-layer"]);
    assert!(out.status.success());
    let medium = String::from_utf8(out.stdout).unwrap();
    fs::write(d.join("thin.toml"), medium.replacen("groove = \"", "groove = \"-", 1)).unwrap();
    fs::write(d.join("typo.toml"), medium.replace("read_power", "reed_power")).unwrap();
    fs::write(d.join("bare.toml"), medium.replacen("role = \"reflector\"", "role = \"other\"", 1)).unwrap();
    fails(d, &["record", "good", "--medium", "duallayer"], 6, &["no medium `duallayer`", "dual-layer"]);
    fails(d, &["record", "good", "--medium", "thin.toml"], 6, &["contradicts itself", "groove"]);
    fails(d, &["record", "good", "--medium", "typo.toml"], 6, &["typo.toml", "reed_power"]);
    fails(d, &["record", "good", "--medium", "bare.toml"], 6, &["contradicts itself", "reflector"]);
    fails(d, &["media", "missing.toml"], 6, &["can't read the medium file missing.toml"]);
    assert_eq!(discs(d), 0);
}

#[test]
fn bad_selectors_are_refused_with_a_suggestion() {
    let dir = folder();
    let d = dir.path();
    fails(d, &["info", "--bench", "smi"], 2, &["did you mean `sim`?"]);
    fails(d, &["info", "--bench", "disc-1.dhd"], 2, &["did you mean `sim:disc-1.dhd`?"]);
    // On a machine with USB there is no such bench; on one without, nothing is.
    fails(d, &["info", "--bench", "usb:no-such-serial"], 3, &["USB"]);
    fails(d, &["info", "--bench", "usb:@1"], 2, &["`1` is no port path", "3-1.4"]);
    fails(d, &["info", "--bench", "sim:none.dhd"], 3, &["none.dhd"]);
    fails(d, &["read", "-o", "x"], 3, &["no disc file (*.dhd)"]);
    fs::write(d.join("a.dhd"), b"").unwrap();
    fs::write(d.join("b.dhd"), b"").unwrap();
    fails(d, &["read", "-o", "x"], 2, &["a.dhd, b.dhd"]);
    fails(d, &["info", "--disc", "a.dhd"], 6, &["a.dhd is not a disc file"]);
    fails(d, &["benches", "--require", "2", "--quiet", "--json", "--bogus"], 2, &["--bogus"]);
}

#[test]
fn bad_outputs_are_refused_before_a_disc_is_made() {
    let dir = folder();
    let d = dir.path();
    fs::write(d.join("good"), b"text").unwrap();
    fails(d, &["record", "good", "--report", "none/report.html"], 6, &["can't write none/report.html", "folder"]);
    fails(d, &["record", "good", "--report", "."], 6, &["it is a folder"]);
    fails(d, &["record", "good", "--report", "good"], 2, &["good is an input", "would be lost"]);
    assert_eq!(fs::read(d.join("good")).unwrap(), b"text");
    assert_eq!(fs::read_dir(d).unwrap().count(), 1);
    if Path::new("/dev/full").exists() {
        fails(d, &["format", "encode", "good", "-o", "/dev/full"], 6, &["can't write /dev/full", "room"]);
    }
}

#[test]
fn channel_bits_go_out_and_come_back() {
    let dir = folder();
    let d = dir.path();
    fs::write(d.join("file"), text(70_000)).unwrap();
    for levels in [&["--levels"][..], &[]] {
        let mut args = vec!["format", "encode", "file", "-o", "bits"];
        args.extend(levels);
        assert!(run(d, &args).status.success());
        assert!(run(d, &["format", "decode", "bits", "-o", "back"]).status.success());
        assert_eq!(fs::read(d.join("back")).unwrap(), text(70_000));
    }
    fails(d, &["format", "decode", "file", "-o", "back"], 6, &["file can't be decoded"]);
    assert_eq!(fs::read(d.join("back")).unwrap(), text(70_000), "a failed run leaves the old file");
    let mut bits = fs::read(d.join("bits")).unwrap();
    let middle = bits.len() / 2;
    bits[middle..middle + 20_000].fill(0);
    fs::write(d.join("bits"), bits).unwrap();
    fails(d, &["format", "decode", "bits", "-o", "back"], 6, &["sector"]);
}

#[test]
fn a_file_is_recorded_once_and_read_back() {
    let dir = folder();
    let d = dir.path();
    fs::write(d.join("file"), text(5000)).unwrap();
    let record = |args: &[&str]| {
        let mut all = vec!["record", "file", "--json", "--seed", "3"];
        all.extend(args);
        let out = run(d, &all);
        let err = String::from_utf8_lossy(&out.stderr).into_owned();
        assert!(matches!(out.status.code(), Some(0 | 1)), "{err}");
        (serde_json::from_slice::<serde_json::Value>(&out.stdout).unwrap(), err, out.status.code())
    };
    let (json, err, code) = record(&["--report", "1.html"]);
    assert!(err.contains("disc-1.dhd"), "{err}");
    assert_eq!((json["schema"].as_u64(), json["command"].as_str()), (Some(1), Some("record")));
    let layer = &json["layers"][0];
    assert_eq!((layer["identical"].as_bool(), layer["bytes"].as_u64()), (Some(true), Some(5000)));
    assert_eq!(json["passed"].as_bool(), Some(code == Some(0)));
    // The same again is the same, on another disc.
    let (again, ..) = record(&["--report", "2.html"]);
    assert_eq!(again["layers"], json["layers"]);
    assert_eq!(fs::read(d.join("disc-1.dhd")).unwrap(), fs::read(d.join("disc-2.dhd")).unwrap());
    assert_eq!(fs::read(d.join("1.html")).unwrap(), fs::read(d.join("2.html")).unwrap());

    let out = run(d, &["read", "--disc", "disc-1.dhd"]);
    assert_eq!((out.status.code(), out.stdout), (Some(0), text(5000)));
    assert!(run(d, &["read", "--disc", "disc-1.dhd", "-o", "copy"]).status.success());
    assert_eq!(fs::read(d.join("copy")).unwrap(), text(5000));
    let out = run(d, &["measure", "--disc", "disc-1.dhd", "--json"]);
    assert!(matches!(out.status.code(), Some(0 | 1)));
    let measured: serde_json::Value = serde_json::from_slice(&out.stdout).unwrap();
    assert_eq!((measured["sectors"].as_u64(), measured["whole"].as_bool()), (Some(128), Some(true)));
    let info = run(d, &["info", "--disc", "disc-1.dhd"]);
    assert!(String::from_utf8_lossy(&info.stdout).contains("data from 030000h, 8 ECC blocks"));
    assert_eq!(
        fs::read(d.join("disc-1.dhd")).unwrap(),
        fs::read(d.join("disc-2.dhd")).unwrap(),
        "reading changes nothing"
    );

    let taken = ["record", "file", "--disc", "disc-1.dhd", "--address", "030000h"];
    fails(d, &taken, 6, &["recorded already", "--address 0300A0h"]);
    fails(d, &["record", "file", "--disc", "disc-1.dhd", "--seed", "4"], 6, &["seed 3"]);
    fails(d, &["read", "--disc", "disc-1.dhd", "-o", "disc-1.dhd"], 2, &["would be lost"]);
    fails(d, &["read", "--disc", "disc-1.dhd", "--layer", "1", "-o", "x"], 6, &["nothing is recorded", "info"]);
    assert!(!d.join("x").exists());

    // Damaged in transit.
    let disc = fs::read(d.join("disc-1.dhd")).unwrap();
    // While somebody else records on it.
    let lock = fs::File::open(d.join("disc-1.dhd")).unwrap();
    lock.lock().unwrap();
    fails(d, &["record", "file", "--disc", "disc-1.dhd"], 3, &["in use"]);
    assert!(run(d, &["read", "--disc", "disc-1.dhd"]).status.success());
    drop(lock);
    fs::write(d.join("cut.dhd"), &disc[..disc.len() / 2]).unwrap();
    let mut flipped = disc.clone();
    flipped[disc.len() / 2] ^= 4;
    fs::write(d.join("flipped.dhd"), flipped).unwrap();
    fails(d, &["read", "--disc", "cut.dhd", "-o", "x"], 6, &["cut off"]);
    fails(d, &["read", "--disc", "flipped.dhd", "-o", "x"], 6, &["damaged"]);
    let list = run(d, &["benches"]);
    let list = String::from_utf8_lossy(&list.stdout);
    assert!(list.contains("sim:cut.dhd") && list.contains("cut off") && list.contains("sim:disc-2.dhd"), "{list}");
}

#[cfg(unix)]
#[test]
fn files_finished_before_a_failure_are_reported() {
    let dir = folder();
    let d = dir.path();
    fs::write(d.join("small"), text(100)).unwrap();
    fs::write(d.join("big"), text(8_000_000)).unwrap();
    let args = ["record", "small", "big", "--json", "--report", "r.html", "-vv"];
    let out = interrupted(d, &args, "writing ...", 2, 100);
    let err = String::from_utf8_lossy(&out.stderr);
    assert_eq!(out.status.code(), Some(130), "{err}");
    let json: serde_json::Value = serde_json::from_slice(&out.stdout).unwrap();
    assert_eq!((json["passed"].as_bool(), json["layers"].as_array().unwrap().len()), (Some(false), 1));
    assert_eq!((json["layers"][0]["name"].as_str(), json["layers"][0]["bytes"].as_u64()), (Some("small"), Some(100)));
    assert!(json["error"].as_str().unwrap().contains("writing on layer 1"), "{json}");
    assert!(String::from_utf8_lossy(&out.stdout).trim_start_matches(['{', '\n', ' ']).starts_with("\"schema\""));
    assert!(fs::read_to_string(d.join("r.html")).unwrap().contains("small"));
    let out = run(d, &["read", "--quiet"]);
    assert_eq!((out.status.code(), out.stdout), (Some(0), text(100)));
    // Reading and measuring stop as well, and leave nothing half done.
    let out = interrupted(d, &["read", "--layer", "1", "-o", "part", "-vv"], "reading ...", 1, 20);
    assert_eq!(out.status.code(), Some(130), "{}", String::from_utf8_lossy(&out.stderr));
    assert!(!d.join("part").exists());
    let out = interrupted(d, &["measure", "--layer", "1", "-vv"], "reading ...", 1, 20);
    assert_eq!((out.status.code(), out.stdout.len()), (Some(130), 0));
    assert_eq!(fs::read_dir(d).unwrap().count(), 4, "files, report and disc, nothing else");
}

/// What is recorded can't be recorded again, so a disc without a place is put elsewhere.
#[cfg(unix)]
#[test]
fn a_disc_that_cannot_be_stored_is_rescued() {
    let (dir, out) = halfway(|d, after_ms| {
        fs::write(d.join("big"), text(8_000_000)).unwrap();
        fs::create_dir(d.join("gone")).unwrap();
        let args = ["record", "big", "--disc", "gone/x.dhd", "-vv"];
        interrupted_while(d, &args, "writing ...", 1, after_ms, || fs::remove_dir_all(d.join("gone")).unwrap())
    });
    let d = dir.path();
    let err = String::from_utf8_lossy(&out.stderr);
    assert_eq!(out.status.code(), Some(130), "{err}");
    assert!(err.contains("can't be stored") && err.contains("nothing is lost: the disc is in"), "{err}");
    let rescued = fs::read_dir(d).unwrap().flatten().find(|e| e.path().extension().is_some_and(|x| x == "dhd"));
    let rescued = rescued.unwrap().path();
    let out = run(d, &["read", "--disc", rescued.to_str().unwrap()]);
    assert_eq!(out.status.code(), Some(4), "{}", String::from_utf8_lossy(&out.stderr));
    assert!(!out.stdout.is_empty() && text(8_000_000).starts_with(&out.stdout));
}

/// Interrupts the writing of 8 MB where some ECC blocks are written whole and some aren't. That takes
/// the better part of a second, of which a third passes; a machine with much else to do may be
/// through or not begun then, and gets other times.
#[cfg(unix)]
fn halfway(record: impl Fn(&Path, u64) -> Output) -> (TempDir, Output) {
    let mut seen = String::new();
    for after_ms in [300, 100, 900, 30, 2_700] {
        let dir = folder();
        let out = record(dir.path(), after_ms);
        seen = String::from_utf8_lossy(&out.stderr).into_owned();
        let through = seen.contains("verifying") || out.status.code() != Some(130);
        // Of the first block whatever is less than all can't be read.
        let last = seen.split(" are written").next().and_then(|s| s.rsplit(" to ").next());
        let last = last.and_then(|s| u32::from_str_radix(s.strip_suffix('h')?, 16).ok());
        let begun = last.is_some_and(|last| last >= 0x03_000F);
        if begun && !through {
            return (dir, out);
        }
    }
    panic!("never halfway: {seen}");
}

/// Ctrl-C while it runs: nothing lit, the disc whole, exit code 130.
#[cfg(unix)]
#[test]
fn an_interrupted_recording_ends_cleanly() {
    const LENGTH: usize = 8_000_000;
    let (dir, out) = halfway(|d, after_ms| {
        fs::write(d.join("file"), text(LENGTH)).unwrap();
        interrupted(d, &["record", "file", "-vv"], "writing ...", 1, after_ms)
    });
    let d = dir.path();
    let seen = String::from_utf8_lossy(&out.stderr);
    assert_eq!(out.status.code(), Some(130), "{seen}");
    assert!(seen.contains("cancelled") && seen.contains("the lasers are off"), "{seen}");
    let info = run(d, &["info"]);
    assert!(info.status.success(), "{}", String::from_utf8_lossy(&info.stderr));
    // What is there can be read, and it is said that it may not be all.
    let read = run(d, &["read", "-o", "part"]);
    let err = String::from_utf8_lossy(&read.stderr);
    assert_eq!(read.status.code(), Some(4), "{err}");
    assert!(err.contains("incomplete: sectors 030000h to ") && err.contains("were read"), "{err}");
    let part = fs::read(d.join("part")).unwrap();
    assert!(!part.is_empty() && part.len().is_multiple_of(32_768) && text(LENGTH).starts_with(&part), "{}", part.len());
    let out = run(d, &["measure", "--json"]);
    if !out.stdout.is_empty() {
        let measured: serde_json::Value = serde_json::from_slice(&out.stdout).unwrap();
        assert_eq!(measured["whole"].as_bool(), Some(false));
    }
    // The disc takes another recording behind it, and both can be told apart.
    fs::write(d.join("more"), text(32_768)).unwrap();
    let out = run(d, &["record", "more", "--disc", "disc-1.dhd", "--min-blocks", "1", "--json"]);
    let json: serde_json::Value = serde_json::from_slice(&out.stdout).unwrap();
    assert_eq!(
        (json["layers"][0]["identical"].as_bool(), json["layers"][0]["sectors"].as_u64()),
        (Some(true), Some(32))
    );
    let address = json["layers"][0]["first"].as_u64().unwrap().to_string();
    let out = run(d, &["read", "--address", &address]);
    assert_eq!((out.status.code(), out.stdout), (Some(0), text(32_768)));
    let out = run(d, &["read"]);
    assert_eq!((out.status.code(), out.stdout), (Some(4), part));
}

#[test]
fn nothing_is_lost_where_recordings_begin_end_or_fail() {
    let dir = folder();
    let d = dir.path();
    fs::write(d.join("whole"), text(262_144)).unwrap();
    fs::write(d.join("small"), text(100)).unwrap();
    // A file of whole blocks gets one more for the mark of its end.
    let out = run(d, &["record", "whole", "--disc", "x.dhd", "--quiet"]);
    assert!(matches!(out.status.code(), Some(0 | 1)), "{}", String::from_utf8_lossy(&out.stderr));
    let out = run(d, &["read"]);
    assert_eq!((out.status.code(), out.stdout), (Some(0), text(262_144)));
    // From its middle it isn't a file.
    fails(d, &["read", "--address", "030010h"], 6, &["lies inside a recording", "--address 030000h"]);
    // A range of which only the middle is recorded.
    let one = ["record", "small", "--disc", "x.dhd", "--layer", "1", "--min-blocks", "1", "--quiet"];
    let out = run(d, &[&one[..], &["--address", "DD2CF0h"]].concat());
    assert!(matches!(out.status.code(), Some(0 | 1)), "{}", String::from_utf8_lossy(&out.stderr));
    fails(
        d,
        &["record", "whole", "--disc", "x.dhd", "--address", "DD2C70h"],
        6,
        &["196608 bytes fit", "recording at DD2CE0h"],
    );
    // Neither the disc nor a file becomes the report.
    fails(d, &["record", "small", "--disc", "new.dhd", "--report", "./new.dhd"], 2, &["would be lost"]);
    assert!(!d.join("new.dhd").exists());
}

#[test]
fn a_bench_is_judged_by_the_contract() {
    let dir = folder();
    let d = dir.path();
    let sim = ["conformance", "--bench", "sim", "--max-power", "20mW"];
    let with = |more: &[&'static str]| [&sim[..], more].concat();
    fails(d, &["conformance", "--bench", "sim"], 2, &["--max-power"]);
    fails(d, &["conformance", "--bench", "sim", "--max-power", "20"], 2, &["--max-power", "uW"]);
    fails(d, &with(&["--only", "banana"]), 2, &["no check is called banana", "--list"]);
    fails(d, &with(&["--defect", "banana"]), 2, &["banana"]);
    fails(d, &["conformance", "--bench", "serial:/dev/x", "--max-power", "20mW"], 3, &["/dev/x: no such port"]);
    let out = run(d, &["conformance", "--list", "--only", "laser.shot.*"]);
    let text = String::from_utf8_lossy(&out.stdout).into_owned();
    assert!(out.status.success() && text.contains("laser.shot.token_fires_once "), "{text}");
    // What needs light isn't done without leave, and that is no failure.
    let out = run(d, &with(&["--only", "laser", "--report", "c.html", "--badge", "c.svg"]));
    let text = String::from_utf8_lossy(&out.stdout).into_owned();
    assert_eq!(out.status.code(), Some(0), "{text}");
    assert!(text.contains("needs light, which the operator doesn't allow"), "{text}");
    let page = fs::read_to_string(d.join("c.html")).unwrap();
    let badge = fs::read_to_string(d.join("c.svg")).unwrap();
    assert!(page.contains(badge.trim_end()) && page.contains("laser.off.always_allowed"), "{badge}");
    // With only skips there is nothing that was kept.
    assert_eq!(run(d, &with(&["--only", "electrode"])).status.code(), Some(1));
    let args = with(&["--may-emit", "--json", "--only", "token", "--defect", "token-fires-twice"]);
    let out = run(d, &args);
    assert_eq!(out.status.code(), Some(1));
    let json: serde_json::Value = serde_json::from_slice(&out.stdout).unwrap();
    let results = json["results"].as_array().unwrap();
    let once = results.iter().find(|r| r["name"] == "laser.shot.token_fires_once").unwrap();
    assert!(once["verdict"] == "fail" && json["passed"] == false, "{json}");
}

#[test]
fn shots_of_the_suite_go_where_the_disc_is_blank() {
    let dir = folder();
    let d = dir.path();
    fs::write(d.join("file"), b"text").unwrap();
    assert!(run(d, &["record", "file", "--disc", "d.dhd"]).status.success());
    let mut places = Vec::new();
    for _ in 0..2 {
        let only = ["--may-emit", "--json", "--only", "laser.shot.is_done_and_recorded"];
        let out = run(d, &[&["conformance", "--bench", "sim:d.dhd", "--max-power", "20mW"], &only[..]].concat());
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stdout));
        let json: serde_json::Value = serde_json::from_slice(&out.stdout).unwrap();
        places.push((json["used"][0].as_u64().unwrap(), json["used"][1].as_u64().unwrap()));
    }
    assert!(places[1].1 < places[0].0, "{places:x?}");
    // What was recorded is still there.
    assert_eq!(run(d, &["read", "--disc", "d.dhd", "-o", "-"]).stdout, b"text");
}
