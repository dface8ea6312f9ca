//! `disc-hal conformance`.

use std::path::{Path, PathBuf};

use disc_hal::conformance::{Check, CheckResult, Limits, Needs, Observer, Report, Verdict, checks, run as run_checks};
use disc_hal::hal::{Microwatts, Rig};
use disc_hal::media::Medium;
use disc_hal_sim::SimRig;
use serde::Serialize;

use crate::args::Conformance;
use crate::bench;
use crate::disc;
use crate::exit::{Code, Failure};
use crate::interrupt::{Interrupt, Words};
use crate::output::{self, OutFile};
use crate::progress::Voice;
use crate::selector::Selector;
use crate::table::render;

#[derive(Debug, Serialize)]
struct Document<'a> {
    schema: u32,
    command: &'static str,
    passed: bool,
    summary: String,
    #[serde(flatten)]
    report: &'a Report,
}

#[derive(Debug, Serialize)]
struct Listed {
    name: &'static str,
    part: String,
    needs: &'static str,
    promise: &'static str,
}

#[derive(Debug, Serialize)]
struct List {
    schema: u32,
    command: &'static str,
    checks: Vec<Listed>,
}

/// Says what goes on.
struct Watch {
    voice: Voice,
    interrupt: Interrupt,
}

impl Observer for Watch {
    fn started(&mut self, check: &Check, number: usize, of: usize) {
        if self.voice.verbose > 1 {
            eprintln!("{}/{of} {} ...", number + 1, check.name);
        }
    }

    fn finished(&mut self, check: &Check, result: &CheckResult) {
        let failed = matches!(result.verdict, Verdict::Fail { .. });
        if self.voice.verbose > 0 || (failed && !self.voice.quiet) {
            eprintln!("{} {}: {}", result.verdict.word(), check.name, result.verdict.text());
        }
    }

    fn cancelled(&self) -> bool {
        self.interrupt.wanted()
    }
}

/// Whether a name is meant: by a part of it, or by a pattern with `*`.
fn matches(pattern: &str, name: &str) -> bool {
    let Some((head, rest)) = pattern.split_once('*') else { return name.contains(pattern) };
    let Some(mut left) = name.strip_prefix(head) else { return false };
    let mut parts = rest.split('*').peekable();
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            return left.ends_with(part);
        }
        match left.find(part) {
            Some(at) => left = &left[at + part.len()..],
            None => return false,
        }
    }
    true
}

fn needed(check: &Check) -> &'static str {
    match check.needs {
        needs if needs.contains(Needs::SHOT) => "shots",
        needs if needs.contains(Needs::TRACK) => "read light, medium",
        needs if needs.contains(Needs::LIGHT) => "read light",
        needs if needs.contains(Needs::ELECTRODES) => "electrodes",
        _ => "nothing",
    }
}

fn list(chosen: &[&Check], json: bool) -> Result<Code, Failure> {
    let listed = |c: &&Check| Listed { name: c.name, part: c.part.to_string(), needs: needed(c), promise: c.promise };
    if json {
        let checks = chosen.iter().map(listed).collect();
        output::json(&List { schema: 1, command: "conformance", checks })?;
    } else {
        let mut rows = vec![["check", "needs", "promise"].map(String::from).to_vec()];
        rows.extend(chosen.iter().map(|c| vec![c.name.into(), needed(c).into(), c.promise.into()]));
        output::stdout(render(&rows).as_bytes())?;
    }
    Ok(Code::Pass)
}

/// A bench to judge.
struct Judged {
    rig: Box<dyn Rig>,
    medium: Medium,
    /// What no output may overwrite: the file of its disc, or its port.
    file: Option<PathBuf>,
    words: Words,
}

fn open(args: &Conformance) -> Result<Judged, Failure> {
    let asked = args.medium.as_deref();
    let (rig, file) = match &args.bench {
        Some(Selector::SimFile(path)) => (SimRig::open(path)?, Some(path.clone())),
        None | Some(Selector::Sim) => (disc::blank(asked, disc::SEED)?.0, None),
        Some(Selector::Link(link)) if args.defect.is_some() => {
            let what = format!("--defect is for simulated benches in this process, and {link} is at the end of a link");
            return Err(Failure::new(Code::Usage, what).next("leave --defect out"));
        }
        Some(Selector::Link(link)) => {
            let (medium, rig) = (disc::medium(asked, None)?, Box::new(bench::connect(link)?));
            return Ok(Judged { rig, medium, file: link.file().map(PathBuf::from), words: Words::REMOTE });
        }
    };
    let medium = disc::medium(asked, Some(&rig))?;
    let rig: Box<dyn Rig> = match args.defect {
        Some(defect) => Box::new(rig.with_defect(defect)),
        None => Box::new(rig),
    };
    Ok(Judged { rig, medium, file, words: Words::SIMULATED })
}

/// Judges a bench by the promises of the contract.
pub(super) fn run(args: &Conformance, voice: Voice) -> Result<Code, Failure> {
    let wanted = |c: &Check| args.only.is_empty() || args.only.iter().any(|p| matches(p, c.name));
    let chosen: Vec<&Check> = checks().iter().filter(|c| wanted(c)).collect();
    if chosen.is_empty() {
        let what = format!("no check is called {}", args.only.join(" or "));
        return Err(Failure::new(Code::Usage, what).next("`disc-hal conformance --list` lists them"));
    }
    if args.list {
        return list(&chosen, args.json);
    }
    let mut limits = Limits::new(args.max_power.unwrap_or(Microwatts::ZERO));
    if args.may_emit {
        limits = limits.with_light();
    }
    if let Some(most) = args.electrode_max {
        limits = limits.with_electrodes(most);
    }
    if args.without_lease {
        limits = limits.without_lease();
    }
    let Judged { mut rig, medium, file, words } = open(args)?;
    let kept: Vec<&Path> = file.as_deref().into_iter().chain(args.medium.as_deref().map(Path::new)).collect();
    let page = args.report.as_deref().map(|p| OutFile::create(p, &kept)).transpose()?;
    if let (Some(page), Some(badge)) = (&args.report, &args.badge) {
        output::apart(page, badge)?;
    }
    let badge = args.badge.as_deref().map(|p| OutFile::create(p, &kept)).transpose()?;
    let interrupt = Interrupt::watch(words);
    interrupt.guard(rig.off_handle());
    let mut watch = Watch { voice, interrupt: interrupt.clone() };
    let report = run_checks(&mut *rig, Some(&medium), &limits, wanted, &mut watch);
    let closed = rig.close();
    if args.json {
        let (passed, summary) = (report.passed(), report.summary());
        output::json(&Document { schema: 1, command: "conformance", passed, summary, report: &report })?;
    } else {
        output::stdout(report.text().as_bytes())?;
    }
    for (file, text) in [(page, report.html()), (badge, report.badge())] {
        if let Some(file) = file {
            let name = file.path().to_owned();
            file.write(text.as_bytes())?;
            voice.say(&format!("written: {}", name.display()));
        }
    }
    closed.map_err(|e| Failure::new(Code::Data, format!("the bench can't be closed: {e}")).because(e))?;
    Ok(match report.passed() {
        _ if interrupt.wanted() => Code::Interrupted,
        true => Code::Pass,
        false => Code::LimitFailed,
    })
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn patterns_pick_by_part_and_by_star() {
        let name = "laser.shot.token_fires_once";
        for pattern in ["laser", "shot.token", "laser.*", "*once", "laser.*token*", "*"] {
            assert!(matches(pattern, name), "{pattern}");
        }
        for pattern in ["focus", "shot*", "*token", "laser.*.nothing"] {
            assert!(!matches(pattern, name), "{pattern}");
        }
    }
}
