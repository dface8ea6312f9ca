//! Media files that are wrong or not enough, and the lines of a user who compares two.

mod support;

use std::fs;
use std::path::Path;

use support::*;

/// A preset in a file of its own, changed.
fn file(dir: &Path, name: &str, preset: &str, change: impl FnOnce(String) -> String) {
    let text = String::from_utf8(run(dir, &["media", preset]).stdout).unwrap();
    fs::write(dir.join(name), change(text)).unwrap();
}

fn words(line: &str) -> Vec<&str> {
    line.split(' ').collect()
}

#[test]
fn the_lines_of_a_comparison_work_as_they_stand() {
    let dir = folder();
    let d = dir.path();
    let same = |text| text;
    file(d, "matched.toml", "matched-low-k", same);
    file(d, "unmatched.toml", "dual-layer", same);
    fs::write(d.join("FILE"), text(5000)).unwrap();
    for (line, said) in [
        ("media", "matched-low-k"),
        ("claims --medium matched.toml", "A1  met"),
        ("optics --medium matched.toml --json", "\"reflectance\""),
        ("record FILE --medium unmatched.toml --layer 1 --report report.html", "jitter"),
        ("compare matched.toml unmatched.toml --report compare.html", "calibrated power L1/L0"),
    ] {
        let out = run(d, &words(line));
        assert!(matches!(out.status.code(), Some(0 | 1)), "{line}: {}", String::from_utf8_lossy(&out.stderr));
        assert!(out.status.success() || line.starts_with("record"), "{line}");
        let out = String::from_utf8_lossy(&out.stdout).into_owned();
        assert!(out.contains(said), "{line}: {out}");
    }
    for page in ["report.html", "compare.html"] {
        assert!(fs::read_to_string(d.join(page)).unwrap().contains("</html>"), "{page}");
    }
}

#[test]
fn what_is_wrong_is_said_with_the_file_and_what_to_do() {
    let dir = folder();
    let d = dir.path();
    fs::write(d.join("good"), b"text").unwrap();
    fs::create_dir(d.join("folder")).unwrap();
    fs::write(d.join("latin.toml"), b"name = \"\xfc\"").unwrap();
    file(d, "thin.toml", "dual-layer", |t| t.replacen("groove = \"", "groove = \"-", 1));
    file(d, "wide.toml", "dual-layer", |t| t.replacen("width = \"300 nm\"", "width = \"740 nm\"", 1));
    file(d, "bare.toml", "dual-layer", |t| {
        let line = t.lines().find(|line| line.starts_with("thickness = ")).unwrap();
        t.replacen(line, "thickness = 55", 1)
    });
    // The second layer left out.
    file(d, "one.toml", "dual-layer", |t| t[..t.rfind("[[layer]]").unwrap()].into());
    let commands = [
        "media",
        "claims --medium",
        "optics --medium",
        "heat --layer 0 --power 12mW --pulse 40ns --medium",
        "compare --no-recording dual-layer",
        "record good --layer 0 --medium",
        "optimise --layer 0 --medium",
        "info --bench sim --medium",
        "conformance --bench sim --max-power 0mW --medium",
    ];
    for (name, said) in [
        ("missing.toml", &["missing.toml", "next: check its name"][..]),
        ("folder", &["folder", "next: give the medium file in it"]),
        ("latin.toml", &["latin.toml", "UTF-8", "next: save it"]),
        ("thin.toml", &["`dual-layer` (thin.toml) contradicts itself", "groove", "next:"]),
        ("bare.toml", &["bare.toml", "`55` is not a length", "80 nm", "next:"]),
        ("wide.toml", &["`dual-layer` (wide.toml) can't be computed", "leaves no land", "next:"]),
        ("one.toml", &["`dual-layer` (one.toml) has one layer", "needs two", "next: describe the second layer"]),
    ] {
        for command in commands {
            // That the description is one at all is what `media` says of it.
            if command == "media" && matches!(name, "wide.toml" | "one.toml") {
                continue;
            }
            fails(d, &[&words(command)[..], &[name]].concat(), 6, said);
        }
    }
    assert!(fs::read_dir(d).unwrap().flatten().all(|e| e.path().extension().is_none_or(|x| x != "dhd")));
}

#[test]
fn files_of_one_name_are_told_apart() {
    let dir = folder();
    let d = dir.path();
    file(d, "a.toml", "dual-layer", |t| t);
    file(d, "b.toml", "dual-layer", |t| t.replacen("land = \"120 nm\"", "land = \"100 nm\"", 1));
    let out = run(d, &words("compare a.toml b.toml matched-low-k --no-recording"));
    let table = String::from_utf8(out.stdout).unwrap();
    let head: Vec<&str> = table.lines().next().unwrap().split_whitespace().collect();
    assert_eq!(head, ["a.toml", "b.toml", "matched-low-k"], "{table}");
}

#[test]
fn a_layer_that_cannot_be_recorded_is_no_success() {
    let dir = folder();
    let d = dir.path();
    // As hot as a dye can be described, for the powers of one that needs a third of that.
    file(d, "cold.toml", "dual-layer", |t| {
        let second = t.rfind("temperature = ").unwrap();
        let end = second + t[second..].find('\n').unwrap();
        format!("{}temperature = \"900 C\"{}", &t[..second], &t[end..]).replacen(
            "name = \"dual-layer\"",
            "name = \"cold\"",
            1,
        )
    });
    let out = run(d, &words("compare matched-low-k cold.toml --blocks 1 --report page.html"));
    let (said, err) = (String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
    assert_eq!(out.status.code(), Some(4), "{said}{err}");
    assert!(err.contains("cold, layer 1") && err.contains("next:"), "{err}");
    // What could be recorded is told nevertheless.
    assert!(said.contains("calibrated power L1/L0") && said.contains("not recorded: cold, layer 1"), "{said}");
    assert!(!said.contains("matched-low-k, layer") && !said.contains("cold, layer 0"), "{said}");
    assert!(fs::read_to_string(d.join("page.html")).unwrap().contains("Not recorded: cold, layer 1"));
}

/// The proportion of calibrated powers is made of measured powers and the light in the dyes; the
/// same share of light follows from the plane waves of `optics`.
#[test]
fn calibrated_powers_are_compared_by_what_the_dyes_absorb() {
    let dir = folder();
    let d = dir.path();
    let out = run(d, &words("compare matched-stripe thin-reflector --blocks 1 --optimise --json"));
    assert_eq!(out.status.code(), Some(0), "{}", String::from_utf8_lossy(&out.stderr));
    let columns: serde_json::Value = serde_json::from_slice(&out.stdout).unwrap();
    let mut ratios = Vec::new();
    for (column, name) in columns.as_array().unwrap().iter().zip(["matched-stripe", "thin-reflector"]) {
        let optics: serde_json::Value =
            serde_json::from_slice(&run(d, &["optics", "--medium", name, "--json"]).stdout).unwrap();
        let point = &optics["points"][0];
        let dye = |layer: usize| {
            let layer = &point["layers"][layer];
            layer["incident"].as_f64().unwrap() * layer["places"][0]["dye"].as_f64().unwrap()
        };
        let trials = column["recordings"].as_array().unwrap();
        assert_eq!(trials.len(), 3, "{column}");
        let of = |trial: usize, layer: usize, key: &str| trials[trial]["layers"][layer][key].as_f64().unwrap();
        for layer in 0..2 {
            let absorbed = column["absorbed_percent"][layer].as_f64().unwrap() / 100.0;
            // The spot is wider than the groove, in which `optics` looks.
            assert!((absorbed / dye(layer) - 1.0).abs() < 0.25, "{name}, layer {layer}: {absorbed} {}", dye(layer));
        }
        let ratio = column["optimum_ratio"].as_f64().unwrap();
        let absorbed = |layer: usize| column["absorbed_percent"][layer].as_f64().unwrap();
        let by_hand = of(1, 1, "power_uw") * absorbed(1) / (of(1, 0, "power_uw") * absorbed(0));
        assert!((ratio - by_hand).abs() < 1e-9, "{name}: {ratio} {by_hand}");
        // Layer 0 has the same strategy in all three.
        assert!(of(0, 0, "jitter_percent") == of(2, 0, "jitter_percent"));
        ratios.push((ratio, of(1, 1, "jitter_percent"), of(2, 1, "jitter_percent")));
    }
    println!("calibrated power L1/L0 absorbed, jitter with layer 0's strategy, optimised: {ratios:?}");
    let [matched, unmatched] = ratios[..] else { panic!() };
    assert!(matched.0 < unmatched.0, "{ratios:?}");
    // Where the heat differs, optimisation wins back what the strategy of layer 0 costs.
    assert!(unmatched.1 - unmatched.2 > 1.0, "{ratios:?}");
    assert!(unmatched.1 - unmatched.2 > matched.1 - matched.2, "{ratios:?}");
}
