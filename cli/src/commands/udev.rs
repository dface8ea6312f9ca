//! `disc-hal udev`.

use disc_hal_usb::udev::{self, Checked, Installed};
use serde::Serialize;

use crate::args::Udev;
use crate::exit::{Code, Failure};
use crate::output;
use crate::table::{plain, render};

#[derive(Debug, Serialize)]
struct Document {
    schema: u32,
    command: &'static str,
    /// Our rules file.
    rules: Rules,
    /// Why there can be no benches, if so.
    note: Option<String>,
    benches: Vec<Bench>,
}

#[derive(Debug, Serialize)]
struct Rules {
    /// `current`, `outdated`, `masked` or `missing`.
    state: &'static str,
    file: Option<String>,
}

#[derive(Debug, Serialize)]
struct Bench {
    bench: String,
    /// Its device file.
    file: Option<String>,
    /// Whether this user may open it.
    may_open: bool,
    /// The installed rules that give somebody the right.
    rules: Vec<String>,
}

impl From<&Checked> for Bench {
    fn from(checked: &Checked) -> Self {
        Self {
            bench: plain(&format!("usb:{}", checked.candidate.selector)),
            file: checked.candidate.node.as_ref().map(|node| node.display().to_string()),
            may_open: checked.may_open,
            rules: checked.rules.iter().map(ToString::to_string).collect(),
        }
    }
}

impl Bench {
    fn row(self) -> Vec<String> {
        let may = if self.may_open { "may be opened" } else { "permission denied" };
        let rules = if self.rules.is_empty() { "no rule".into() } else { self.rules.join(", ") };
        vec![self.bench, self.file.unwrap_or_else(|| "-".into()), may.into(), rules]
    }
}

/// Prints or checks the rules.
pub(super) fn run(args: &Udev) -> Result<Code, Failure> {
    match args {
        Udev::Print => output::stdout(udev::RULES.as_bytes()).map(|()| Code::Pass),
        Udev::Check(args) => check(args.json),
    }
}

fn check(json: bool) -> Result<Code, Failure> {
    let report = udev::check();
    let benches: Vec<Bench> = report.benches.iter().map(Bench::from).collect();
    let denied: Vec<String> = benches.iter().filter(|b| !b.may_open).map(|b| b.bench.clone()).collect();
    if json {
        let (state, file) = match &report.installed {
            Installed::Current(path) => ("current", Some(path)),
            Installed::Outdated(path) => ("outdated", Some(path)),
            Installed::Masked(path) => ("masked", Some(path)),
            _ => ("missing", None),
        };
        let rules = Rules { state, file: file.map(|path| path.display().to_string()) };
        output::json(&Document { schema: 1, command: "udev check", rules, note: report.note, benches })?;
    } else {
        let mut text = format!("rules: {}\n", report.installed);
        match report.note {
            Some(note) => text += &format!("benches: none; {note}\n"),
            None if benches.is_empty() => text += "benches: none on the USB\n",
            None => {
                let mut rows = vec![["bench", "file", "this user", "rules"].map(String::from).to_vec()];
                rows.extend(benches.into_iter().map(Bench::row));
                text += &render(&rows);
            }
        }
        output::stdout(text.as_bytes())?;
    }
    if denied.is_empty() {
        return Ok(Code::Pass);
    }
    let what = format!("no right to open {}", denied.join(", "));
    let next = match report.installed {
        Installed::Current(_) => {
            "unplug and plug in again; `uaccess` serves who sits at the machine: for others, use the lines with a group"
        }
        _ => {
            "install the rules: disc-hal udev print | sudo tee /etc/udev/rules.d/70-disc-hal.rules, then plug in again"
        }
    };
    Err(Failure::new(Code::NoDevice, what).next(next))
}
