//! Media, their claims and their comparison, through the binary.

mod support;

use std::path::Path;

use support::{fails, folder};

/// What it prints when it ends well.
fn said(dir: &Path, args: &[&str]) -> String {
    String::from_utf8(support::run(dir, args).stdout).unwrap()
}

#[test]
fn the_list_says_what_the_media_are() {
    let dir = folder();
    let list = said(dir.path(), &["media"]);
    for name in ["dual-layer", "matched-low-k", "recessed", "not-inverted"] {
        assert!(list.lines().any(|l| l.starts_with(name)), "{list}");
    }
    assert!(list.contains("A1 A5 B1 B2 B3 B5"), "{list}");
    let json: serde_json::Value = serde_json::from_str(&said(dir.path(), &["media", "--json"])).unwrap();
    let transmittance = json[0]["transmittance"].as_f64().unwrap();
    assert!((45.0..75.0).contains(&transmittance), "{transmittance}");
}

#[test]
fn the_schema_is_the_published_one() {
    let dir = folder();
    let printed: serde_json::Value = serde_json::from_str(&said(dir.path(), &["media", "--schema"])).unwrap();
    let published = include_str!("../../docs/medium.schema.json");
    assert!(printed == serde_json::from_str::<serde_json::Value>(published).unwrap());
}

#[test]
fn a_claim_is_told_with_its_figure_and_can_be_required() {
    let dir = folder();
    let medium = said(dir.path(), &["media", "matched-low-k"]);
    std::fs::write(dir.path().join("mine.toml"), medium).unwrap();
    let met = said(dir.path(), &["claims", "--medium", "mine.toml", "--claim", "a1", "--require", "A1"]);
    assert!(met.contains("A1  met") && met.contains("40 ns pulse") && met.contains("0.95 to 1.05"), "{met}");
    assert!(met.contains("met: 1 of 1"), "{met}");
    let missed = support::run(dir.path(), &["claims", "--medium", "dual-layer", "--require", "A1"]);
    assert_eq!(missed.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&missed.stdout).contains("A1  not met"));
    let json = said(dir.path(), &["claims", "--medium", "recessed", "--claim", "B6", "--json"]);
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["claims"][0]["met"], true);
    assert_eq!(json["claims"][0]["figures"][0]["value"], -1.0);
}

#[test]
fn wrong_names_are_refused() {
    let dir = folder();
    fails(dir.path(), &["claims", "--claim", "A6"], 2, &["A6", "A5"]);
    fails(dir.path(), &["claims", "--medium", "matched"], 6, &["matched", "matched-low-k"]);
    fails(dir.path(), &["compare", "dual-layer"], 2, &["2"]);
    fails(dir.path(), &["compare", "dual-layer", "nothing.toml"], 6, &["nothing.toml"]);
}

#[test]
fn a_comparison_reports_light_heat_and_recordings() {
    let dir = folder();
    let args = ["compare", "matched-stripe", "thin-reflector", "--blocks", "1", "--report", "compare.html"];
    let table = said(dir.path(), &args);
    let row = |name: &str| -> Vec<f64> {
        let line = table.lines().find(|l| l.starts_with(name)).unwrap_or_else(|| panic!("{name}: {table}"));
        let values = line[name.len()..].split_whitespace();
        values.map(|v| v.parse().unwrap_or_else(|_| panic!("{line}"))).collect()
    };
    let difference = row("jitter of L1 less L0, points (layer 0's on both)");
    assert!(difference[0] + 1.0 < difference[1], "{table}");
    let page = std::fs::read_to_string(dir.path().join("compare.html")).unwrap();
    for words in ["matched-stripe against thin-reflector", "<svg", "not met", "layer 0&#39;s on both"] {
        assert!(page.contains(words), "{words}");
    }
    let same = said(dir.path(), &["compare", "matched-stripe", "thin-reflector", "--blocks", "1"]);
    assert_eq!(same, table, "the same seed, other figures");
}
