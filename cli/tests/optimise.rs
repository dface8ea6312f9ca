//! Optimising a write strategy, and the ways to calibrate, as a user does them.

mod support;

use std::fs;

use support::*;

#[test]
fn bad_options_are_refused_before_anything_is_written() {
    let dir = folder();
    let d = dir.path();
    fs::write(d.join("file"), text(2000)).unwrap();
    fs::write(d.join("typo.toml"), "peak = \"13 mW\"\nbais = \"1 mW\"\n").unwrap();
    let medium = String::from_utf8(run(d, &["media", "dual-layer"]).stdout).unwrap();
    // Without the tables of the targets.
    let targets = |table: &&str| table.starts_with("layer.write.gamma]") || table.starts_with("layer.write.kappa]");
    let without: Vec<&str> = medium.split("\n[").filter(|table| !targets(table)).collect();
    fs::write(d.join("mine.toml"), without.join("\n[")).unwrap();
    fails(d, &["optimise"], 2, &["--layer"]);
    fails(d, &["optimise", "--layer", "2"], 6, &["no layer 2"]);
    fails(d, &["optimise", "--layer", "0", "--from", "typo.toml"], 6, &["typo.toml is no strategy file", "bais"]);
    fails(d, &["optimise", "--layer", "0", "--from", "none"], 6, &["no medium `none`"]);
    fails(d, &["optimise", "--layer", "0", "--most-pieces", "3"], 2, &["32"]);
    let over = ["optimise", "--layer", "0", "--medium", "mine.toml", "-o", "mine.toml"];
    fails(d, &over, 2, &["mine.toml is an input"]);
    fails(d, &["record", "file", "--calibrate", "delta"], 2, &["beta", "gamma", "kappa"]);
    // The target of the method is missing: what to add, and where.
    for method in ["gamma", "kappa"] {
        let words = ["no target for a calibration by", &format!("{method} = {{"), "[layer.write]"];
        for command in [&["record", "file", "--layer", "0"][..], &["optimise", "--layer", "1"]] {
            let rest = ["--medium", "mine.toml", "--disc", "d.dhd", "--calibrate", method];
            fails(d, &[command, &rest].concat(), 6, &words);
        }
        assert!(!d.join("d.dhd").exists(), "a disc was made for nothing");
    }
}

#[test]
fn a_strategy_is_optimised_and_recorded_with_on_the_same_disc() {
    let dir = folder();
    let d = dir.path();
    fs::write(d.join("file"), text(2000)).unwrap();
    // A start with the ends of 3T marks a fifth of T off.
    let medium = String::from_utf8(run(d, &["media", "dual-layer"]).stdout).unwrap();
    let layer = medium.split("[layer.write.strategy]").nth(1).unwrap().split("\n[").next().unwrap();
    let mut strategy: toml::Table = toml::from_str(layer).unwrap();
    let trail = strategy["trail"].as_array_mut().unwrap();
    trail[0] = toml::Value::Array(vec![toml::Value::Integer(-45); 3]);
    fs::write(d.join("start.toml"), toml::to_string(&strategy).unwrap()).unwrap();
    let args = ["optimise", "--layer", "0", "--from", "start.toml", "--table-only", "--most-pieces", "48"];
    let out = run(d, &[&args[..], &["--disc", "d.dhd", "-o", "tuned.toml", "--json"]].concat());
    let err = String::from_utf8_lossy(&out.stderr);
    assert_eq!(out.status.code(), Some(0), "{err}");
    assert!(err.contains("the medium with the new strategy is in tuned.toml"), "{err}");
    let json: serde_json::Value = serde_json::from_slice(&out.stdout).unwrap();
    assert_eq!((json["schema"].as_u64(), json["command"].as_str()), (Some(1), Some("optimise")));
    let result = &json["result"];
    let jitter = |key: &str| result[key].as_f64().unwrap();
    assert!(jitter("jitter_percent") < jitter("jitter_before_percent") - 0.5, "{result}");
    assert!(result["iterations"].as_array().unwrap().len() > 6 && result["pieces"].as_u64().unwrap() <= 48);
    // The new medium is of the same disc, and its strategy that of the result.
    let tuned: toml::Table = toml::from_str(&fs::read_to_string(d.join("tuned.toml")).unwrap()).unwrap();
    let written = &tuned["layer"][0]["write"]["strategy"];
    let trail = written["trail"][0].as_array().unwrap();
    assert_eq!(trail[0].as_integer(), result["strategy"]["trail"][0][0].as_i64());
    let out = run(d, &["record", "file", "--disc", "d.dhd", "--medium", "tuned.toml", "--layer", "0", "--json"]);
    let err = String::from_utf8_lossy(&out.stderr);
    assert!(matches!(out.status.code(), Some(0 | 1)), "{err}");
    let json: serde_json::Value = serde_json::from_slice(&out.stdout).unwrap();
    assert_eq!(json["layers"][0]["identical"].as_bool(), Some(true));
    // Other films make another disc.
    let films = fs::read_to_string(d.join("tuned.toml")).unwrap().replacen("165 nm", "160 nm", 1);
    fs::write(d.join("films.toml"), films).unwrap();
    let other = ["record", "file", "--disc", "d.dhd", "--medium", "films.toml", "--layer", "0"];
    fails(d, &other, 6, &["another description of the medium"]);
}

#[test]
fn a_recording_can_be_optimised_first_and_reported() {
    let dir = folder();
    let d = dir.path();
    fs::write(d.join("file"), text(2000)).unwrap();
    let args = ["record", "file", "--layer", "1", "--optimise", "--report", "r.html", "--json"];
    let out = run(d, &args);
    let err = String::from_utf8_lossy(&out.stderr);
    assert!(matches!(out.status.code(), Some(0 | 1)), "{err}");
    let json: serde_json::Value = serde_json::from_slice(&out.stdout).unwrap();
    let layer = &json["layers"][0];
    assert_eq!(layer["identical"].as_bool(), Some(true));
    assert!(layer["optimisation"]["jitter_percent"].as_f64().unwrap() < 8.0, "{}", layer["optimisation"]);
    // The calibration behind it used the next part of the test area.
    assert!(layer["calibration"]["first"].as_u64() > layer["optimisation"]["last"].as_u64());
    let report = fs::read_to_string(d.join("r.html")).unwrap();
    assert!(report.contains("Write strategy") && report.contains("what a table of starts and ends can take away"));
}
