//! The conformance suite on a link, beside what it says of the same bench without one.

use std::collections::BTreeMap;
use std::fs;
use std::time::Instant;

use crate::program::{PATIENCE, disc_hal};
use crate::serial::EXPECTED;

/// Further attempts at a check that failed: an emulated machine on a busy one is late, and what
/// it was too late for is no broken promise. One that is broken fails again.
const RETRIES: usize = 2;

/// The device half remembers one shot fewer than the bench behind it, and may: the words about it
/// differ, the verdict doesn't.
const OTHER_WORDS: &str = "laser.outcome.forgotten_is_unknown";

/// On a serial line all of them take some twenty minutes: those with shots and on tracks, and of
/// every other part some. `DISC_HAL_VM_FULL=1` of the runner has all of them made.
pub(crate) const ON_A_LINE: &[&str] = &[
    "laser.shot.*",
    "laser.outcome.*",
    "laser.trip.*",
    "detector.*",
    "tracking.*",
    "focus.jump.*",
    "focus.lost_is_latched",
    "spindle.status.*",
    "electrode.set.*",
    "bench.*",
];

/// Verdict (`pass`, `fail`, `skip`) and the words about it, by check.
type Verdicts = BTreeMap<String, (String, String)>;

/// Reads the suite's report.
fn verdicts(text: &str) -> Verdicts {
    let of_a_check = |line: &str| {
        let mut words = line.split_whitespace();
        let word = words.next().filter(|word| ["PASS", "FAIL", "skip"].contains(word) && line.starts_with(*word))?;
        let name = words.next()?.to_owned();
        // The columns are as wide as what is in them.
        Some((name, (word.to_lowercase(), words.collect::<Vec<_>>().join(" "))))
    };
    text.lines().filter_map(of_a_check).collect()
}

fn judged(selector: &str, only: &[&str]) -> Verdicts {
    let mut args = vec!["conformance", "--max-power", "20mW", "--may-emit", "--bench", selector];
    for pattern in only {
        args.extend(["--only", pattern]);
    }
    let start = Instant::now();
    let ended = loop {
        let ended = disc_hal(&args);
        // A link that was lost leaves a session to the bench, which waits for its lease.
        if ended.code != Some(3) || start.elapsed() > PATIENCE {
            break ended;
        }
        ended.expect(3, &["held by `disc-hal process "]);
    };
    let found = verdicts(&ended.out);
    let failed = found.values().any(|(verdict, _)| verdict == "fail");
    ended.expect(i32::from(failed), &[]);
    found
}

/// The suite gives the verdicts that it gives on the simulator directly: all of it, or the
/// checks that match one of `only`. Each is printed for the runner, for the bench `key` with
/// the name `bench`.
pub(crate) fn kept(key: &str, bench: &str, selector: &str, only: &[&str]) {
    let only = if crate::word("full=").is_some() { &[] } else { only };
    let mut found = judged(selector, only);
    let mut again = 0;
    for _ in 0..RETRIES {
        let failed: Vec<String> =
            found.iter().filter(|(_, (v, _))| v == "fail").map(|(name, _)| name.clone()).collect();
        if failed.is_empty() {
            break;
        }
        for name in &failed {
            println!("   again: {name}: {}", found[name].1);
        }
        again += failed.len();
        let names: Vec<&str> = failed.iter().map(String::as_str).collect();
        // A name may be part of others.
        found.extend(judged(selector, &names).into_iter().filter(|(name, _)| failed.contains(name)));
    }
    println!("verdicts {key} of {} for {bench}", found.len());
    for (name, (verdict, _)) in &found {
        println!("verdicts {key} {verdict} {name}");
    }

    let direct = fs::read_to_string(format!("{EXPECTED}/conformance")).expect("the simulator's own verdicts");
    let direct = verdicts(&direct);
    assert!(found.len() > 80 && (!only.is_empty() || found.len() == direct.len()), "{} verdicts", found.len());
    let count = |what: &str| found.values().filter(|(verdict, _)| verdict == what).count();
    let mut other_words = 0;
    let mut different = Vec::new();
    for (name, (verdict, words)) in &found {
        match direct.get(name) {
            Some((there, said)) if there == verdict => other_words += usize::from(said != words && name != OTHER_WORDS),
            there => different.push(format!("{name}: {verdict} ({words}), without a link {there:?}")),
        }
    }
    println!(
        "   {} checks of {}: {} passed, {} failed, {} skipped, {again} tried again; {} verdicts differ from those \
         without a link, {other_words} of the others in their words",
        found.len(),
        direct.len(),
        count("pass"),
        count("fail"),
        count("skip"),
        different.len(),
    );
    assert!(different.is_empty(), "not as without a link: {different:#?}");
    assert_eq!(count("fail"), 0, "failed");
    // What is measured depends on the checks before.
    assert!(other_words == 0 || again > 0 || !only.is_empty(), "{other_words} verdicts are given in other words");
}
