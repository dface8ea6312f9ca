//! `disc-hal optics` as a user runs it.

mod support;

use std::fs;
use std::path::Path;

use serde_json::Value;
use support::*;

fn page(dir: &Path, args: &[&str]) -> String {
    let out = run(dir, args);
    assert_eq!(out.status.code(), Some(0), "{args:?}: {}", String::from_utf8_lossy(&out.stderr));
    String::from_utf8(out.stdout).unwrap()
}

fn json(dir: &Path, args: &[&str]) -> Value {
    let text = page(dir, &[&["optics", "--json"], args].concat());
    serde_json::from_str(&text).unwrap()
}

fn near(value: &Value, expected: f64, within: f64) {
    let value = value.as_f64().unwrap();
    assert!((value - expected).abs() < within, "{value} instead of {expected}");
}

/// Shares of all places of all layers sum to one, and those of the films to the absorbed ones.
fn balanced(answer: &Value) {
    let mut places = 0;
    for point in answer["points"].as_array().unwrap() {
        for place in point["layers"].as_array().unwrap().iter().flat_map(|l| l["places"].as_array().unwrap()) {
            let share = |key: &str| place[key].as_f64().unwrap();
            let absorbed = share("dye") + share("reflector") + share("other");
            assert!((share("reflectance") + share("transmittance") + absorbed - 1.0).abs() < 1e-12);
            let films: f64 = place["films"].as_array().unwrap().iter().map(|f| f.as_f64().unwrap()).sum();
            assert!((films - absorbed).abs() < 1e-12);
            places += 1;
        }
    }
    assert!(places > 0);
}

#[test]
fn a_person_reads_layers_places_and_films() {
    let dir = folder();
    let said = page(dir.path(), &["optics"]);
    for word in [
        "medium: dual-layer, 650 nm at 0.00 deg in air",
        "R % outside",
        "modulation",
        "push-pull",
        "Layer 1: places",
        "groove mark",
        "silver alloy",
        "Spherical aberration",
        "shadow",
    ] {
        assert!(said.contains(word), "no `{word}` in: {said}");
    }
    assert!(!said.contains("note:") && !said.contains("-0.000") && !said.contains("-0.00 "), "{said}");
    let said = page(dir.path(), &["optics", "--layer", "1", "--wavelength", "600..700nm:50"]);
    assert_eq!(said.lines().filter(|l| l.trim().starts_with(['6', '7'])).count(), 3, "{said}");
    assert!(said.contains("without dispersion") && said.contains("L1 area R %") && !said.contains("L0 area"), "{said}");
}

#[test]
fn the_document_has_the_figures() {
    let dir = folder();
    let d = dir.path();
    let answer = json(d, &[]);
    balanced(&answer);
    assert_eq!(answer["command"], "optics");
    assert_eq!(answer["points"].as_array().unwrap().len(), 1);
    // 55 um of index 1.5 at NA 0.6: t (n^2 - 1) NA^4 / (8 n^3).
    near(&answer["spherical_aberration"]["w040_nm"], 330.0, 0.01);
    let point = &answer["points"][0];
    // What the preset was designed for: 16 to 18 % from both layers.
    for layer in 0..2 {
        near(&point["layers"][layer]["seen"], 0.17, 0.01);
        assert!(point["layers"][layer]["push_pull"]["amplitude"].as_f64().unwrap() < -0.2);
    }
    near(&point["shadow"]["alignment"], 1.0, 1e-9);
    // Normal incidence doesn't know of polarisation.
    for kind in ["s", "p"] {
        let other = json(d, &["--polarisation", kind]);
        near(&other["points"][0]["layers"][0]["seen"], point["layers"][0]["seen"].as_f64().unwrap(), 1e-12);
    }
}

#[test]
fn tilted_light_is_balanced_and_the_mean_is_the_mean() {
    let dir = folder();
    let d = dir.path();
    let of = |kind: &str| {
        let answer = json(d, &["--angle", "50deg", "--wavelength", "405nm", "--polarisation", kind, "--layer", "0"]);
        balanced(&answer);
        assert_eq!(answer["angle_in"], "air");
        let layer = answer["points"][0]["layers"][0].clone();
        assert!(layer.get("seen").is_none() && layer.get("push_pull").is_none(), "no focused spot there");
        layer["places"][0]["reflectance"].as_f64().unwrap()
    };
    let (s, p, mean) = (of("s"), of("p"), of("mean"));
    assert!((s - p).abs() > 1e-3 && (0.5 * (s + p) - mean).abs() < 1e-12, "{s} {p} {mean}");
}

#[test]
fn a_medium_with_bands_and_a_displaced_groove_is_computed() {
    let dir = folder();
    let d = dir.path();
    let text = page(d, &["media", "dual-layer"]);
    let second = text.rfind("role = \"reflector\"").unwrap();
    let (first, rest) = text.split_at(second);
    let rest = rest
        .replacen("land = \"120 nm\"", "land = \"0 nm\"\nband = \"400 nm\"", 1)
        .replacen("depth = \"40 nm\"", "depth = \"-40 nm\"\nphase = \"180 deg\"", 1)
        .replacen("phase = \"0 deg\"\n", "", 1);
    fs::write(d.join("mine.toml"), format!("{first}{rest}")).unwrap();
    let answer = json(d, &["--medium", "mine.toml"]);
    balanced(&answer);
    let layer = &answer["points"][0]["layers"][1];
    near(&layer["films"][1]["band_nm"], 400.0, 1e-9);
    near(&layer["push_pull"]["zero_crossing_pitches"], 0.5, 1e-6);
    assert!(layer["push_pull"]["amplitude"].as_f64().unwrap() > 0.0, "the other slope");
    let places = &layer["places"];
    assert!(places[0]["transmittance"].as_f64().unwrap() < 0.01 && places[1]["transmittance"].as_f64().unwrap() > 0.5);
    assert!(answer["points"][0]["shadow"]["alignment"].as_f64().unwrap() < 0.0);
}

#[test]
fn bad_input_is_refused() {
    let dir = folder();
    let d = dir.path();
    fails(d, &["optics", "--layer", "7"], 6, &["has no layer 7", "layers 0 to 1"]);
    fails(d, &["optics", "--medium", "missing"], 6, &["no medium `missing`", "dual-layer"]);
    fails(d, &["optics", "--wavelength", "blue"], 2, &["`blue`", "400..700nm:5"]);
    fails(d, &["optics", "--wavelength", "100nm"], 2, &["not between 300 nm and 1600 nm"]);
    fails(d, &["optics", "--angle", "90deg"], 2, &["below 90 deg"]);
    fails(d, &["optics", "--polarisation", "x"], 2, &["s, p, mean"]);
    let wide = page(d, &["media", "dual-layer"]).replacen("width = \"300 nm\"", "width = \"740 nm\"", 1);
    fs::write(d.join("wide.toml"), wide).unwrap();
    fails(d, &["optics", "--medium", "wide.toml"], 6, &["layer 0", "leaves no land", "narrower", "next:"]);
}
