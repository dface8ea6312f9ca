//! The `disc-hal` command on the firmware.

use std::collections::BTreeMap;
use std::process::Command;

use disc_hal::conformance::{self, Limits, Quiet};
use disc_hal::hal::{Microwatts, Millivolts};
use disc_hal::media::Medium;
use disc_hal_sim::SimRig;
use serde_json::Value;

use crate::machine::{Machine, Outcome};
use crate::{Setup, ensure};

const MOST: Microwatts = Microwatts(20_000);
const MOST_VOLTS: Millivolts = Millivolts(5_010);

/// Further attempts at a check that failed: an emulator on a busy machine is no real-time
/// bench, and what it was too late for is no broken promise. One that is broken fails again.
const RETRIES: usize = 2;

/// Checks that need what one of the two benches hasn't, and which.
const NOT_SHARED: [(&str, &str); 5] = [
    ("electrode.", "the simulated bench has no electrodes"),
    ("focus.jump.refuses_when_open", "the firmware's servo can't jump"),
    ("focus.jump.reaches_the_other_layer", "the firmware's disc has one layer"),
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
    let machine = setup.machine(1)?;
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
    Ok(())
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
/// as on the simulated bench.
pub(crate) fn conformance(setup: &Setup) -> Outcome<()> {
    let mut machine = setup.machine(2)?;
    let mut found = judged(setup, &machine, &[])?;
    for _ in 0..RETRIES {
        let failed: Vec<String> = found.iter().filter(|(_, (v, _))| v == "fail").map(|(n, _)| n.clone()).collect();
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
    let said = machine.said()?;
    println!("stack: {} bytes at most", said.stack);
    let count = |what: &str| found.values().filter(|(v, _)| v == what).count();
    println!("firmware: {} passed, {} failed, {} skipped", count("pass"), count("fail"), count("skip"));
    for (name, (verdict, why)) in found.iter().filter(|(_, (v, _))| v != "pass") {
        println!("{verdict} {name}: {why}");
    }

    let medium = Medium::load("dual-layer")?;
    let mut rig = SimRig::blank(medium.clone(), 4)?;
    let limits = Limits::new(MOST).with_light().with_electrodes(MOST_VOLTS);
    let simulated = conformance::run(&mut rig, Some(&medium), &limits, |_| true, &mut Quiet);
    let mut different = 0;
    for result in &simulated.results {
        let shared = NOT_SHARED.iter().find(|(name, _)| result.name.starts_with(name));
        let there = result.verdict.word().to_lowercase();
        let here = found.get(result.name).map_or("missing", |(verdict, _)| verdict.as_str());
        if there == here {
            continue;
        }
        match shared {
            Some((_, why)) => println!("not shared: {}: {there} simulated, {here} here: {why}", result.name),
            None => {
                println!("DIFFERENT: {}: {there} simulated, {here} here", result.name);
                different += 1;
            }
        }
    }
    println!("differences on shared abilities: {different}");
    ensure(count("fail") == 0, || format!("{} checks failed", count("fail")))?;
    ensure(different == 0, || format!("{different} verdicts differ from those of the simulated bench"))
}
