//! The `disc-hal` command on the firmware.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Command;

use disc_hal::conformance::{self, Limits, Quiet};
use disc_hal::hal::{Microwatts, Millivolts};
use disc_hal::media::Medium;
use serde_json::{Value, json};

use crate::machine::{Machine, Outcome};
use crate::slow::slow;
use crate::{Setup, ensure, station};

const MOST: Microwatts = Microwatts(20_000);
const MOST_VOLTS: Millivolts = Millivolts(5_010);

/// Further attempts at a check that failed: an emulator on a busy machine is no real-time
/// bench, and what it was too late for is no broken promise. One that is broken fails again.
const RETRIES: usize = 2;
/// Of one that says that it came too late.
const RETRIES_LATE: usize = 8;

/// What a check says that was starved twice, and of a request that came too late.
const TOO_SLOW: [&str; 2] = ["the host is too slow", "bench: timed out (code 6)"];
const _: () = assert!(disc_hal::wire::host::code::LATE == 6);

/// Checks that the firmware skips and its parts alone don't, and why.
const NOT_SHARED: [(&str, &str); 2] = [
    ("spindle.set_velocity.is_true", "on a line it is skipped where calls take too long"),
    ("detector.trigger.index_comes_once_a_turn", "on a line it is skipped where calls take too long"),
];

fn run(setup: &Setup, arguments: &[&str]) -> Outcome<(Option<i32>, String, String)> {
    let done = Command::new(&setup.command)
        .args(arguments)
        .current_dir(&setup.folder)
        .output()
        .map_err(|e| format!("{} can't be started: {e}", setup.command.display()))?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Ok((done.status.code(), text(&done.stdout), text(&done.stderr)))
}

/// Finds it among the ports, and tells what it is.
pub(crate) fn found(setup: &Setup) -> Outcome<()> {
    let mut machine = setup.machine(1)?;
    let port = machine.port.to_string_lossy().into_owned();
    let (code, out, err) = run(setup, &["benches", "--also", &port, "--probe"])?;
    let line = out.lines().find(|l| l.contains(&port)).unwrap_or_default();
    ensure(code == Some(0) && line.contains("reference firmware"), || format!("benches says `{out}` and `{err}`"))?;
    println!("{line}");
    let medium = setup.medium.to_string_lossy().into_owned();
    let (code, out, err) = run(setup, &["info", "--bench", &format!("serial:{port}"), "--medium", &medium])?;
    ensure(code == Some(0), || format!("info ends with {code:?}: {err}"))?;
    for wanted in ["disc-hal reference firmware", "19456 runs", "2097152 samples", "electrode 1"] {
        ensure(out.contains(wanted), || format!("info doesn't say `{wanted}`: {out}"))?;
    }
    machine.said().map(drop)
}

/// Verdict and reason by check.
type Verdicts = BTreeMap<String, (String, String)>;

fn judged(setup: &Setup, machine: &Machine, only: &[&str]) -> Outcome<Verdicts> {
    let (bench, medium) = (format!("serial:{}", machine.port.display()), setup.medium.to_string_lossy().into_owned());
    let mut arguments = vec!["conformance", "--json", "--bench", &bench, "--medium", &medium];
    arguments.extend(["--max-power", "20mW", "--may-emit", "--electrode-max", "5010mV"]);
    for name in only {
        arguments.extend(["--only", name]);
    }
    let (code, out, err) = run(setup, &arguments)?;
    let document: Value = serde_json::from_str(&out).map_err(|e| format!("conformance ({code:?}): {e}: {err}"))?;
    let mut verdicts = Verdicts::new();
    for result in document["results"].as_array().ok_or("no results")? {
        let text = |key: &str| result[key].as_str().unwrap_or_default().to_owned();
        let why = if result["reason"].is_string() { text("reason") } else { text("note") };
        verdicts.insert(text("name"), (text("verdict"), why));
    }
    Ok(verdicts)
}

/// The whole suite: every check passes, or is skipped with a reason; and it finds the same
/// as on the firmware's own parts, run on the host.
pub(crate) fn conformance(setup: &Setup) -> Outcome<()> {
    let mut machine = setup.machine(2)?;
    let mut found = judged(setup, &machine, &[])?;
    for tried in 0..RETRIES_LATE {
        let again = |why: &str| tried < RETRIES || is_too_slow(why);
        let failed = found.iter().filter(|(_, (verdict, why))| verdict == "fail" && again(why));
        let failed: Vec<String> = failed.map(|(name, _)| name.clone()).collect();
        if failed.is_empty() {
            break;
        }
        for name in &failed {
            println!("again: {name}: {}", found[name].1);
        }
        let names: Vec<&str> = failed.iter().map(String::as_str).collect();
        // A name may be part of others.
        let again = judged(setup, &machine, &names)?;
        found.extend(again.into_iter().filter(|(name, _)| failed.contains(name)));
    }
    machine.said()?;
    let count = |what: &str| found.values().filter(|(v, _)| v == what).count();
    println!("firmware: {} passed, {} failed, {} skipped", count("pass"), count("fail"), count("skip"));
    for (name, (verdict, why)) in found.iter().filter(|(_, (v, _))| v != "pass") {
        println!("{verdict} {name}: {why}");
    }
    leave(&found)?;

    let medium = Medium::load(&setup.medium.to_string_lossy())?;
    let limits = Limits::new(MOST).with_light().with_electrodes(MOST_VOLTS);
    let parts = conformance::run(&mut station::open(), Some(&medium), &limits, |_| true, &mut Quiet);
    let (mut same, mut different) = (0, 0);
    for result in &parts.results {
        let there = result.verdict.word().to_lowercase();
        let here = found.get(result.name).map_or("missing", |(verdict, _)| verdict.as_str());
        let shared = NOT_SHARED.iter().find(|(name, _)| *name == result.name);
        match shared {
            _ if there == here => same += 1,
            Some((_, why)) if here == "skip" => println!("not shared: {}: {why}", result.name),
            _ => {
                println!("DIFFERENT: {}: {there} with the parts alone, {here} here", result.name);
                different += 1;
            }
        }
    }
    println!("verdicts as with the parts alone: {same}; different: {different}");
    let failed: Vec<&(String, String)> = found.values().filter(|(verdict, _)| verdict == "fail").collect();
    if !failed.is_empty() && failed.iter().all(|(_, why)| is_too_slow(why)) {
        return slow(format!("{} checks failed, and say so", failed.len()));
    }
    ensure(failed.is_empty(), || format!("{} checks failed", failed.len()))?;
    ensure(different == 0, || format!("{different} verdicts differ from those of the parts alone"))
}

fn is_too_slow(why: &str) -> bool {
    TOO_SLOW.iter().any(|said| why.contains(said))
}

/// Leaves the verdicts for whoever compares benches: in the folder, or the file, that is named.
fn leave(found: &Verdicts) -> Outcome<()> {
    let Some(path) = std::env::var_os("DISC_HAL_VERDICTS").map(PathBuf::from) else { return Ok(()) };
    let file = if path.is_dir() { path.join("firmware.json") } else { path };
    let verdicts: BTreeMap<&String, &String> = found.iter().map(|(name, (verdict, _))| (name, verdict)).collect();
    let document = json!({ "bench": "firmware", "verdicts": verdicts });
    std::fs::write(&file, document.to_string()).map_err(|e| {
        format!("{}: {e}; DISC_HAL_VERDICTS has to name a folder that is there, or a file", file.display())
    })?;
    Ok(())
}
