//! Media whose layers are chosen by electrodes, on the command line.

mod support;

use std::fs;

use support::*;

const MEDIUM: &str = "ec-pedot-4";

fn said(dir: &std::path::Path, args: &[&str]) -> String {
    let out = run(dir, args);
    assert!(out.status.success(), "{args:?}: {}", String::from_utf8_lossy(&out.stderr));
    String::from_utf8(out.stdout).unwrap()
}

#[test]
fn a_file_is_recorded_and_read_as_on_any_other_disc() {
    let dir = folder();
    let d = dir.path();
    fs::write(d.join("FILE"), text(5_000)).unwrap();
    let told = said(d, &["record", "FILE", "--medium", MEDIUM, "--layer", "2", "--report", "report.html"]);
    assert!(told.contains("verdict: PASS") && told.contains("430000h"), "{told}");
    let page = fs::read_to_string(d.join("report.html")).unwrap();
    assert!(page.contains("</html>") && page.contains("1 layer was found"));
    said(d, &["read", "--disc", "disc-1.dhd", "--layer", "2", "-o", "back"]);
    assert_eq!(fs::read(d.join("back")).unwrap(), fs::read(d.join("FILE")).unwrap());
}

#[test]
fn a_layer_is_coloured_and_its_settling_written_down() {
    let dir = folder();
    let d = dir.path();
    let told = said(d, &["colour", "--layer", "3", "--csv", "settling.csv"]);
    assert!(told.contains("layer 3 is coloured and reflects") && told.contains("safe state"), "{told}");
    let csv = fs::read_to_string(d.join("settling.csv")).unwrap();
    let last: Vec<f64> = csv.lines().last().unwrap().split(',').map(|v| v.parse().unwrap()).collect();
    // 90 cm2 at 3.3 mC/cm2, an optical density of 1.
    assert_eq!((last[0], last[1]), (3.0, 1200.0));
    assert!((last[5] / 297_000.0 - 1.0).abs() < 0.02 && (last[6] - 0.99).abs() < 0.02, "{last:?}");
    let told = said(d, &["colour", "--bleach"]);
    assert!(told.contains("every layer is bleached"), "{told}");
    let json: serde_json::Value = serde_json::from_str(&said(d, &["colour", "--layer", "0", "--json"])).unwrap();
    assert_eq!(json["steps"].as_array().unwrap().len(), 5);
    assert!((5.0..10.0).contains(&json["reflectance"].as_f64().unwrap()), "{}", json["reflectance"]);
    fails(d, &["colour", "--layer", "4"], 6, &["no layer 4", "next:"]);
    fails(d, &["colour", "--layer", "0", "--medium", "dual-layer"], 6, &["has no electrodes", "next:"]);
}

#[test]
fn what_its_films_do_is_shown_and_what_is_about_dye_is_refused() {
    let dir = folder();
    let d = dir.path();
    let json: serde_json::Value = serde_json::from_str(&said(d, &["optics", "--medium", MEDIUM, "--json"])).unwrap();
    let layers = json["layers"].as_array().unwrap();
    assert_eq!(layers.len(), 4);
    for layer in layers {
        let share = |state: &str, of: &str| layer[state][of].as_f64().unwrap();
        assert!(share("coloured", "reflectance") > 0.05 && share("bleached", "reflectance") < 0.001, "{layer}");
        assert!(share("coloured", "transmittance") < 0.15 && share("bleached", "transmittance") > 0.95, "{layer}");
    }
    for command in [
        &["heat", "--layer", "0", "--power", "12mW", "--pulse", "40ns", "--medium", MEDIUM][..],
        &["compare", "--no-recording", "dual-layer", MEDIUM],
    ] {
        fails(d, command, 6, &["`ec-pedot-4` is electrochromic", "next:"]);
    }
    assert!(said(d, &["media"]).lines().any(|l| l.starts_with(MEDIUM)));
}

#[test]
fn its_claims_are_those_of_cells() {
    let dir = folder();
    let d = dir.path();
    let told = said(d, &["claims", "--medium", "ec-photoconductor", "--require", "C12"]);
    for claim in ["C9", "C10", "C12", "C13"] {
        assert!(told.lines().any(|l| l.starts_with(&format!("{claim}  met "))), "{claim}: {told}");
    }
    let without = run(d, &["claims", "--medium", MEDIUM, "--claim", "c13", "--require", "C9", "--json"]);
    assert_eq!(without.status.code(), Some(1));
    let json: serde_json::Value = serde_json::from_slice(&without.stdout).unwrap();
    assert_eq!((&json["claims"][0]["met"], &json["claims"][1]["met"]), (&false.into(), &true.into()));
    fails(
        d,
        &["claims", "--medium", MEDIUM, "--claim", "A1"],
        6,
        &["claim A1", "electrochromic", "next: ask it for C9"],
    );
    fails(d, &["claims", "--claim", "C9"], 6, &["claim C9", "of dye", "A1"]);
}
