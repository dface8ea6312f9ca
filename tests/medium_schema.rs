//! The published schema of medium files says what the parser says.

use disc_hal::media::Medium;
use serde_json::Value;

fn published() -> Value {
    serde_json::from_str(include_str!("../docs/medium.schema.json")).unwrap()
}

fn preset(name: &str) -> Value {
    let text = Medium::load(name).unwrap().to_toml().unwrap();
    serde_json::to_value(toml::from_str::<toml::Table>(&text).unwrap()).unwrap()
}

#[test]
fn the_published_schema_is_that_of_the_types() {
    let schema = serde_json::to_value(Medium::schema()).unwrap();
    if std::env::var_os("DISC_HAL_BLESS").is_some() {
        std::fs::write("docs/medium.schema.json", serde_json::to_string_pretty(&schema).unwrap() + "\n").unwrap();
    }
    assert!(schema == published(), "docs/medium.schema.json is old: run this test with DISC_HAL_BLESS=1");
}

/// With the crate `jsonschema`, which knows nothing of ours.
#[test]
fn every_preset_keeps_the_schema() {
    let validator = jsonschema::validator_for(&published()).unwrap();
    for name in Medium::presets() {
        let errors: Vec<String> =
            validator.iter_errors(&preset(name)).map(|e| format!("{}: {e}", e.instance_path())).collect();
        assert!(errors.is_empty(), "{name}: {errors:?}");
    }
}

#[test]
fn schema_and_parser_refuse_the_same() {
    let validator = jsonschema::validator_for(&published()).unwrap();
    let both_refuse = |what: &str, change: &dyn Fn(&mut Value)| {
        let mut medium = preset("dual-layer");
        change(&mut medium);
        assert!(!validator.is_valid(&medium), "the schema takes {what}");
        let text = toml::to_string(&medium).unwrap();
        assert!(Medium::parse(&text, what).is_err(), "the parser takes {what}");
    };
    both_refuse("an unknown key", &|m| m["colour"] = "red".into());
    both_refuse("an unknown key of a film", &|m| m["layer"][0]["film"][1]["thickness"] = "12 nm".into());
    both_refuse("a length without unit", &|m| m["cover"]["thickness"] = "0.6".into());
    both_refuse("a length as a number", &|m| m["bond"]["thickness"] = 55.0.into());
    both_refuse("a power in volts", &|m| m["read_power"] = "1 V".into());
    both_refuse("an angle in radians", &|m| m["layer"][1]["groove"]["phase"] = "3.14 rad".into());
    both_refuse("another role", &|m| m["layer"][0]["film"][0]["role"] = "paint".into());
    both_refuse("a table of two rows", &|m| {
        m["layer"][0]["write"]["strategy"]["lead"] = serde_json::json!([[1, 2, 3], [1, 2, 3]])
    });
    both_refuse("no layers' key", &|m| {
        m.as_object_mut().unwrap().remove("layer");
    });
}
