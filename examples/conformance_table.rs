//! Conformance verdicts of several benches side by side, and whether they agree.
//!
//! `cargo run --example conformance_table -- FOLDER [NAME...]` reads `NAME.json` for each name
//! (all files of the folder without one; `direct`, the simulator without a link, first):
//!
//! ```json
//! {"bench": "pty", "verdicts": {"laser.off.always_allowed": "pass", "laser.boxes.reach": "skip"}}
//! ```
//!
//! Ends with 1 if a verdict differs from that of `direct`, if a bench shares none with it, or
//! if a check has failed; with 2 if the files can't be read. A bench without a file hasn't
//! been judged: it is said to be skipped, and is no success.

use core::fmt::Write as _;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::ExitCode;

use serde_json::Value;

/// The one that all others are compared with.
const DIRECT: &str = "direct";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Pass,
    Fail,
    Skip,
}

struct Bench {
    name: String,
    verdicts: BTreeMap<String, Verdict>,
}

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let Some(folder) = arguments.next() else {
        eprintln!("usage: conformance_table FOLDER [NAME...]");
        return ExitCode::from(2);
    };
    match read(Path::new(&folder), arguments.collect()) {
        Ok((benches, missing)) => {
            let (table, agree) = compare(&benches);
            print!("{table}");
            for name in missing {
                println!("skipped: bench `{name}` has no verdicts ({folder}/{name}.json isn't there)");
            }
            ExitCode::from(u8::from(!agree))
        }
        Err(what) => {
            eprintln!("{what}");
            ExitCode::from(2)
        }
    }
}

/// The benches that have a file, and the names of those that haven't.
fn read(folder: &Path, mut names: Vec<String>) -> Result<(Vec<Bench>, Vec<String>), String> {
    if names.is_empty() {
        let entries = fs::read_dir(folder).map_err(|e| format!("{}: can't be listed ({e})", folder.display()))?;
        let files = entries.flatten().filter_map(|entry| entry.file_name().into_string().ok());
        names = files.filter_map(|file| file.strip_suffix(".json").map(str::to_owned)).collect();
        names.sort();
    }
    names.retain(|name| name != DIRECT);
    names.insert(0, DIRECT.into());
    let (mut benches, mut missing) = (Vec::new(), Vec::new());
    for name in names {
        let path = folder.join(format!("{name}.json"));
        match fs::read_to_string(&path) {
            Ok(text) => benches.push(parse(name, &text).map_err(|what| format!("{}: {what}", path.display()))?),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound && name != DIRECT => missing.push(name),
            Err(error) => {
                return Err(format!("{}: can't be read ({error}): run the tests that write it first", path.display()));
            }
        }
    }
    Ok((benches, missing))
}

fn parse(name: String, text: &str) -> Result<Bench, String> {
    let document: Value = serde_json::from_str(text).map_err(|e| format!("no JSON ({e})"))?;
    let listed = document["verdicts"].as_object().ok_or("no object `verdicts`")?;
    let verdict = |(check, verdict): (&String, &Value)| {
        let verdict = match verdict.as_str() {
            Some("pass") => Verdict::Pass,
            Some("fail") => Verdict::Fail,
            Some("skip") => Verdict::Skip,
            _ => return Err(format!("`{check}` is {verdict}, and neither pass nor fail nor skip")),
        };
        Ok((check.clone(), verdict))
    };
    let verdicts: BTreeMap<_, _> = listed.iter().map(verdict).collect::<Result<_, String>>()?;
    if verdicts.is_empty() {
        return Err("not one verdict".into());
    }
    Ok(Bench { name, verdicts })
}

/// The table, and whether all is well.
fn compare(benches: &[Bench]) -> (String, bool) {
    let checks: BTreeSet<&String> = benches.iter().flat_map(|bench| bench.verdicts.keys()).collect();
    let width = checks.iter().map(|check| check.len()).chain([5]).max().unwrap_or(5);
    let mut text = format!("{:width$}", "check");
    // Writing to a String doesn't fail, here and below.
    for bench in benches {
        text.push_str(&format!("  {}", bench.name));
    }
    let word = |bench: &Bench, check: &str| match bench.verdicts.get(check) {
        Some(Verdict::Pass) => "pass",
        Some(Verdict::Fail) => "FAIL",
        Some(Verdict::Skip) => "skip",
        None => "-",
    };
    for check in &checks {
        let _ = write!(text, "\n{check:width$}");
        for bench in benches {
            let _ = write!(text, "  {:1$}", word(bench, check), bench.name.len());
        }
    }
    text.push_str("\n\n");
    let mut well = true;
    let Some((direct, others)) = benches.split_first() else { return (text, false) };
    for bench in others {
        let (mut identical, mut different) = (0, Vec::new());
        for check in &checks {
            match (direct.verdicts.get(*check), bench.verdicts.get(*check)) {
                (Some(Verdict::Skip) | None, _) | (_, Some(Verdict::Skip) | None) => {}
                (one, other) if one == other => identical += 1,
                _ => different.push(check.as_str()),
            }
        }
        let apart = checks.len() - identical - different.len();
        let (direct, name) = (&direct.name, &bench.name);
        let _ = writeln!(
            text,
            "{direct} / {name}: {identical} identical, {apart} not shared, {} DIFFERENT",
            different.len()
        );
        for check in &different {
            text.push_str(&format!("DIFFERENT: {check} ({name})\n"));
        }
        if identical == 0 {
            let _ = writeln!(text, "{name} shares no verdict with {direct}: nothing has been compared");
        }
        well &= different.is_empty() && identical > 0;
    }
    for bench in benches {
        for (check, _) in bench.verdicts.iter().filter(|(_, verdict)| **verdict == Verdict::Fail) {
            let _ = writeln!(text, "FAILED: {check} ({})", bench.name);
            well = false;
        }
    }
    (text, well)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bench(name: &str, verdicts: &str) -> Bench {
        parse(name.into(), &format!("{{\"bench\": \"{name}\", \"verdicts\": {verdicts}}}")).unwrap()
    }

    #[test]
    fn verdicts_are_compared_where_both_have_them() {
        let direct = || bench(DIRECT, r#"{"a": "pass", "b": "pass", "c": "skip"}"#);
        let (table, well) = compare(&[direct(), bench("pty", r#"{"a": "pass", "b": "skip", "d": "pass"}"#)]);
        assert!(well && table.contains("direct / pty: 1 identical, 3 not shared, 0 DIFFERENT"), "{table}");
        assert!(table.starts_with("check  direct  pty\na      pass    pass\n"), "{table}");
        let (table, well) = compare(&[direct(), bench("pty", r#"{"a": "fail", "b": "pass"}"#)]);
        assert!(
            !well && table.contains("1 DIFFERENT\nDIFFERENT: a (pty)") && table.contains("FAILED: a (pty)"),
            "{table}"
        );
        // A failure of what the other skips, and of both, is one all the same.
        assert!(!compare(&[direct(), bench("pty", r#"{"a": "pass", "c": "fail"}"#)]).1);
        assert!(
            !compare(&[bench(DIRECT, r#"{"a": "pass", "b": "fail"}"#), bench("pty", r#"{"a": "pass", "b": "fail"}"#)])
                .1
        );
        // Nothing in common is no agreement.
        assert!(!compare(&[direct(), bench("pty", r#"{"c": "pass"}"#)]).1);
    }

    #[test]
    fn missing_files_are_named_and_broken_ones_refused() {
        let folder = tempfile::tempdir().unwrap();
        let put = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
        let read = |names: &[&str]| read(folder.path(), names.iter().map(|name| (*name).to_owned()).collect());
        assert!(read(&["pty"]).err().unwrap().contains("direct.json"));
        put("direct.json", r#"{"bench": "direct", "verdicts": {"a": "pass"}}"#);
        put("pty.json", r#"{"bench": "pty", "verdicts": {"a": "pass"}}"#);
        let (benches, missing) = read(&["pty", "firmware"]).unwrap();
        assert_eq!((benches.len(), missing), (2, vec!["firmware".to_owned()]));
        assert_eq!(read(&[]).unwrap().0.len(), 2);
        for wrong in ["", "{}", r#"{"verdicts": {}}"#, r#"{"verdicts": {"a": "PASS"}}"#] {
            put("pty.json", wrong);
            assert!(read(&["pty"]).err().unwrap().contains("pty.json"), "{wrong}");
        }
    }
}
