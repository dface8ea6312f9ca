//! Damaged discs on the command line: made, recorded on, verified.

mod support;

use std::fs;

use support::*;

/// A spot on the surface, and scratches on the first layer, all over sector 030048h.
const SCRATCHED: &str = r#"
[[defect]]
kind = "black-spot"
on = "surface"
radius = "24.0021 mm"
angle = "280 deg"
size = "200 um"
"#;

fn scratched() -> String {
    // Every 3.4 mm along the track from sector 030042h on, two degrees short of eight.
    let scratch = |i: u32| {
        let angle = (890.0 + 8.0 * f64::from(i)) % 360.0;
        format!(
            "\n[[defect]]\nkind = \"scratch\"\non = \"layer-0\"\nradius = \"24.00186 mm\"\nangle = \"{angle} deg\"\n\
             size = \"0.6 mm\"\nwidth = \"1 um\"\ndirection = \"0 deg\"\n"
        )
    };
    SCRATCHED.to_owned() + &(0..16).map(scratch).collect::<String>()
}

#[test]
fn damage_is_shown_by_record_and_by_verify() {
    let dir = folder();
    let d = dir.path();
    fs::write(d.join("file"), text(300_000)).unwrap();
    fs::write(d.join("bad.toml"), scratched()).unwrap();
    let out =
        run(d, &["record", "file", "--layer", "0", "--disc", "bad.dhd", "--defects", "bad.toml", "--report", "r.html"]);
    let table = String::from_utf8_lossy(&out.stdout).into_owned();
    assert_eq!(out.status.code(), Some(1), "{table}{}", String::from_utf8_lossy(&out.stderr));
    assert!(table.contains("Defect map of file on layer 0") && table.contains("lost: bytes "), "{table}");
    let report = fs::read_to_string(d.join("r.html")).unwrap();
    assert!(report.contains("Defect map") && report.contains("of the file can't be read back"));
    let out = run(d, &["verify", "--disc", "bad.dhd", "--json", "--report", "v.html"]);
    assert_eq!(out.status.code(), Some(1), "{}", String::from_utf8_lossy(&out.stderr));
    let json: serde_json::Value = serde_json::from_slice(&out.stdout).unwrap();
    assert_eq!((&json["command"], &json["passed"], &json["whole"]), (&"verify".into(), &false.into(), &true.into()));
    let map = &json["map"];
    assert_eq!(map["blocks"].as_array().unwrap().len(), 10);
    assert!(map["counts"]["unreadable"].as_u64().unwrap() >= 1, "{}", map["counts"]);
    let lost = map["lost"][0]["offset"].as_u64().unwrap();
    assert!(table.contains(&format!("lost: bytes {lost} to ")), "{table}");
    let page = fs::read_to_string(d.join("v.html")).unwrap();
    assert!(page.contains("<svg") && page.contains("unreadable: ") && !page.contains("src="), "one file");
    // A part of it.
    let out = run(d, &["verify", "--disc", "bad.dhd", "--address", "030080h", "--sectors", "16"]);
    let table = String::from_utf8_lossy(&out.stdout);
    assert!(table.contains("1 ECC blocks on layer 0 from 030080h on"), "{table}");
}

#[test]
fn a_disc_drawn_at_random_is_the_same_again_and_a_sound_one_passes() {
    let dir = folder();
    let d = dir.path();
    fs::write(d.join("file"), text(10_000)).unwrap();
    for disc in ["a.dhd", "b.dhd"] {
        let out = run(d, &["record", "file", "--layer", "0", "--disc", disc, "--defects", "random:7", "-q"]);
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    }
    assert!(fs::read(d.join("a.dhd")).unwrap() == fs::read(d.join("b.dhd")).unwrap());
    let out = run(d, &["verify", "--disc", "a.dhd"]);
    let table = String::from_utf8_lossy(&out.stdout);
    assert!(out.status.success() && table.contains("8 good, 0 weak, 0 bad, 0 unreadable"), "{table}");
    assert!(table.ends_with("verdict: PASS\n"), "{table}");
}

#[test]
fn walking_is_asked_for_by_blocks_and_shown() {
    let dir = folder();
    let d = dir.path();
    fs::write(d.join("file"), text(300_000)).unwrap();
    let args = ["record", "file", "--layer", "0", "--disc", "w.dhd", "--walk", "4", "--json", "--report", "w.html"];
    let out = run(d, &args);
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    let json: serde_json::Value = serde_json::from_slice(&out.stdout).unwrap();
    assert_eq!(json["layers"][0]["walk"].as_array().unwrap().len(), 2);
    assert!(fs::read_to_string(d.join("w.html")).unwrap().contains("Walking calibration"));
    fails(d, &["record", "file", "--walk", "0"], 2, &["--walk", "off"]);
    fails(d, &["record", "file", "--walk", "often"], 2, &["--walk", "off"]);
}

#[test]
fn defects_that_make_no_sense_are_refused_before_a_disc_is_made() {
    let dir = folder();
    let d = dir.path();
    fs::write(d.join("file"), text(10)).unwrap();
    fs::write(d.join("wide.toml"), SCRATCHED.replace("200 um", "200 mm")).unwrap();
    fs::write(d.join("typo.toml"), SCRATCHED.replace("angle", "angel")).unwrap();
    fails(d, &["record", "file", "--defects", "none.toml"], 6, &["can't read", "none.toml"]);
    fails(d, &["record", "file", "--defects", "wide.toml"], 6, &["wide.toml", "1 um and 20 mm"]);
    fails(d, &["record", "file", "--defects", "typo.toml"], 6, &["typo.toml", "angel"]);
    fails(d, &["record", "file", "--defects", "random:x"], 2, &["random:7"]);
    fails(d, &["record", "file", "--defects", "random:1", "--bench", "serial:/dev/none"], 2, &["leave --defects out"]);
    fails(d, &["verify", "--disc", "none.dhd"], 3, &["none.dhd"]);
    assert!(!d.join("disc-1.dhd").exists());
}
