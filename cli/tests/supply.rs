//! `disc-hal supply` as a user runs it, on an emulated instrument.

#[path = "../../drivers/scpi/tests/instrument/mod.rs"]
mod instrument;

use std::process::{Command, Output};

use instrument::{Dialect, Emulated, Fault};

fn run(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_disc-hal")).arg("supply").args(args).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[test]
fn profiles_are_listed() {
    let out = run(&["--list-profiles"]);
    let listed = text(&out.stdout);
    assert_eq!(out.status.code(), Some(0), "{}", text(&out.stderr));
    for name in ["keithley-2400", "rigol-dp800", "keysight-e36300"] {
        assert!(listed.contains(name), "{listed}");
    }
    let out = run(&["--list-profiles", "--json"]);
    let json: serde_json::Value = serde_json::from_slice(&out.stdout).unwrap();
    assert_eq!(json["profiles"].as_array().unwrap().len(), 3);
    let out = run(&["--list-profiles", "--profile", "nowhere.toml"]);
    assert_eq!(out.status.code(), Some(6));
    assert!(text(&out.stderr).contains("nowhere.toml"));
    assert_eq!(run(&[]).status.code(), Some(2));
}

#[test]
fn an_instrument_is_identified_and_not_driven() {
    let at = Emulated::on_socket(Dialect::Rigol);
    let place = at.resource().to_string();
    let out = run(&["check", &place]);
    let said = text(&out.stdout);
    assert_eq!(out.status.code(), Some(0), "{}", text(&out.stderr));
    assert!(
        said.contains("RIGOL TECHNOLOGIES,DP832A") && said.contains("rigol-dp800, model DP832A, 3 channel"),
        "{said}"
    );
    assert_eq!(at.heard(), ["*IDN?"]);
    at.next("*IDN?", Fault::Instead("ACME,Supply 9000,7,1.0"));
    let out = run(&["check", &place]);
    let said = text(&out.stderr);
    assert_eq!(out.status.code(), Some(3));
    assert!(said.contains("ACME,Supply 9000") && said.contains("keithley-2400") && said.contains("next: "), "{said}");
    for (args, code, said) in [
        (vec!["check", "psu"], 2, "names no instrument"),
        (vec!["check", &place, "--may-drive"], 2, "--max-voltage"),
        (vec!["check", &place, "--may-drive", "--max-voltage", "0V"], 2, "above 0"),
        (vec!["check", &place, "--channel", "4", "--may-drive", "--max-voltage", "1V"], 2, "channels 1 to 3"),
        (vec!["check", "serial:/dev/nothing"], 3, "no such port"),
    ] {
        let out = run(&args);
        assert!(out.status.code() == Some(code) && text(&out.stderr).contains(said), "{args:?}: {}", text(&out.stderr));
    }
}

#[test]
fn the_checks_are_made_within_the_voltage_that_is_allowed() {
    let at = Emulated::on_socket(Dialect::Rigol);
    let place = at.resource().to_string();
    let out = run(&["check", &place, "--channel", "2", "--may-drive", "--max-voltage", "2V", "--json"]);
    let json: serde_json::Value =
        serde_json::from_slice(&out.stdout).unwrap_or_else(|e| panic!("{e}: {}", text(&out.stderr)));
    assert_eq!(out.status.code(), Some(0), "{json:#}");
    let results = json["report"]["results"].as_array().unwrap();
    assert!(results.len() >= 11 && results.iter().all(|r| r["verdict"] == "pass"), "{json:#}");
    assert!(json["report"]["not_given"][0].as_str().unwrap().contains("lease"));
    let psu = at.psu();
    assert!(psu.outputs[1].most > 0.5 && psu.outputs[1].most < 2.0, "{} V", psu.outputs[1].most);
    assert!(!psu.outputs[1].on && psu.outputs[0].most == 0.0);
}
