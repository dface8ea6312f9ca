//! `disc-hal heat` as a user runs it.

mod support;

use support::{fails, folder, run};

fn json(args: &[&str]) -> serde_json::Value {
    let dir = folder();
    let mut all = vec!["heat", "--json"];
    all.extend(args);
    let out = run(dir.path(), &all);
    assert_eq!(out.status.code(), Some(0), "{}", String::from_utf8_lossy(&out.stderr));
    serde_json::from_slice(&out.stdout).unwrap()
}

#[test]
fn twice_the_power_is_twice_the_rise_and_the_threshold_is_the_threshold() {
    let one = json(&["--layer", "1", "--power", "12mW", "--pulse", "40ns"]);
    let rise = |d: &serde_json::Value| d["peak_deg_c"].as_f64().unwrap() - 25.0;
    assert_eq!(one["medium"], "dual-layer");
    assert_eq!(one["velocity_m_per_s"], 3.84);
    let two = json(&["--layer", "1", "--power", "24mW", "--pulse", "40ns"]);
    assert!((rise(&two) / rise(&one) - 2.0).abs() < 1e-9);
    // A little above the threshold there is a small mark, a little below none.
    let threshold = one["threshold_power_mw"].as_f64().unwrap();
    let at = |f: f64| json(&["--layer", "1", "--power", &format!("{:.3}mW", threshold * f), "--pulse", "40ns"]);
    assert!(at(0.99)["mark"].is_null());
    let small = at(1.02);
    let length = small["mark"]["length_nm"].as_f64().unwrap();
    assert!(length > 0.0 && length < 300.0, "{small}");
    assert!(small["time_above_decomposition_ns"].as_f64().unwrap() > 0.0);
}

#[test]
fn land_and_velocity_make_a_difference() {
    let with = |more: &[&str]| {
        let mut args = vec!["--layer", "0", "--power", "30mW", "--pulse", "60ns"];
        args.extend(more);
        json(&args)
    };
    let (groove, land) = (with(&[]), with(&["--land"]));
    assert_eq!((&groove["place"], &land["place"]), (&"groove".into(), &"land".into()));
    let threshold = |d: &serde_json::Value| d["threshold_power_mw"].as_f64().unwrap();
    assert!(threshold(&land) > 1.1 * threshold(&groove));
    let still = with(&["--velocity", "0"]);
    assert_eq!(still["velocity_m_per_s"], 0.0);
    assert!(threshold(&still) < threshold(&groove));
    let mark = &still["mark"];
    assert!((mark["start_nm"].as_f64().unwrap() + mark["end_nm"].as_f64().unwrap()).abs() < 1.0, "{mark}");
}

#[test]
fn the_table_and_the_csv_say_the_same() {
    let dir = folder();
    let args = ["heat", "--layer", "0", "--power", "14mW", "--pulse", "40ns", "--csv", "heat.csv"];
    let out = run(dir.path(), &args);
    let said = String::from_utf8(out.stdout).unwrap();
    assert_eq!(out.status.code(), Some(0), "{}", String::from_utf8_lossy(&out.stderr));
    for word in ["highest temperature", "half cooled", "threshold power", "nm wide"] {
        assert!(said.contains(word), "{said}");
    }
    let csv = std::fs::read_to_string(dir.path().join("heat.csv")).unwrap();
    let mut lines = csv.lines();
    assert_eq!(lines.next(), Some("kind,time_ns,along_nm,across_nm,temperature_deg_c"));
    let (mut hottest, mut outline) = (0f64, 0);
    for line in lines {
        let cells: Vec<&str> = line.split(',').collect();
        assert_eq!(cells.len(), 5, "{line}");
        match cells[0] {
            "temperature" => hottest = hottest.max(cells[4].parse().unwrap()),
            "outline" => outline += 1,
            other => panic!("{other}"),
        }
    }
    assert_eq!(outline, 49);
    let peak = json(&["--layer", "0", "--power", "14mW", "--pulse", "40ns"])["peak_deg_c"].as_f64().unwrap();
    assert!(hottest <= peak + 0.01 && hottest > 0.9 * peak, "{hottest} {peak}");
    let out = run(dir.path(), &["heat", "--layer", "0", "--power", "14mW", "--pulse", "40ns", "--csv", "-"]);
    assert_eq!(String::from_utf8(out.stdout).unwrap(), csv);
}

#[test]
fn a_csv_without_a_file_goes_to_the_standard_output() {
    let dir = folder();
    let medium = run(dir.path(), &["media", "matched-low-k"]).stdout;
    std::fs::write(dir.path().join("matched.toml"), &medium).unwrap();
    let line = "heat --medium matched.toml --layer 1 --power 12mW --pulse 40ns --csv";
    let out = run(dir.path(), &line.split(' ').collect::<Vec<_>>());
    assert_eq!(out.status.code(), Some(0), "{}", String::from_utf8_lossy(&out.stderr));
    let csv = String::from_utf8(out.stdout).unwrap();
    assert!(csv.starts_with("kind,time_ns,along_nm,across_nm,temperature_deg_c\ntemperature,0.000,"), "{csv}");
    assert!(csv.lines().count() > 1000 && csv.lines().skip(1).all(|l| l.split(',').count() == 5));
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1, "a file was made");
    // The description isn't what the temperatures are written over.
    fails(dir.path(), &[&line.split(' ').collect::<Vec<_>>()[..], &["matched.toml"]].concat(), 2, &["would be lost"]);
    assert_eq!(std::fs::read(dir.path().join("matched.toml")).unwrap(), medium);
}

#[test]
fn what_cannot_be_is_refused_with_what_can() {
    let dir = folder();
    let with = |more: &[&str], code: i32, words: &[&str]| {
        let mut args = vec!["heat"];
        args.extend(more);
        fails(dir.path(), &args, code, words);
    };
    with(&["--layer", "7", "--power", "12mW", "--pulse", "40ns"], 2, &["no layer 7", "--layer 0 to 1"]);
    with(&["--layer", "1", "--power", "12W", "--pulse", "40ns"], 2, &["12000 mW", "200 mW"]);
    with(&["--layer", "1", "--power", "0mW", "--pulse", "40ns"], 2, &["0.001 mW"]);
    with(&["--layer", "1", "--power", "12", "--pulse", "40ns"], 2, &["a unit such as uW"]);
    with(&["--layer", "1", "--power", "12mW", "--pulse", "3600s"], 2, &["1ns to 2us"]);
    with(&["--layer", "1", "--power", "12mW", "--pulse", "1h"], 2, &["1ns to 2us"]);
    with(&["--layer", "1", "--power", "12mW", "--pulse", "40ns", "--velocity", "300m/s"], 2, &["100m/s"]);
    with(&["--layer", "1", "--power", "12mW", "--pulse", "40ns", "--csv", "-", "--json"], 2, &["--csv"]);
    with(&["--layer", "1", "--power", "12mW", "--pulse", "40ns", "--csv", "no/such/x.csv"], 6, &["no/such"]);
    with(&["--layer", "1", "--power", "12mW", "--pulse", "40ns", "--medium", "nope"], 6, &["`nope`"]);
}
