//! What a run found.

use core::fmt::Write as _;

use serde::Serialize;

use super::{Check, Context, Verdict, page};

/// How one check ended.
#[derive(Debug, Clone, Serialize)]
pub struct CheckResult {
    /// Its name.
    pub name: &'static str,
    /// The part that promises.
    pub part: String,
    /// What the contract says.
    pub promise: &'static str,
    /// How it ended.
    #[serde(flatten)]
    pub verdict: Verdict,
    /// Bench time that was waited, in microseconds.
    pub waited_us: u64,
}

impl CheckResult {
    pub(super) fn new(check: &Check, verdict: Verdict, waited_ns: u64) -> Self {
        let (name, promise) = (check.name, check.promise);
        Self { name, part: check.part.to_string(), promise, verdict, waited_us: waited_ns / 1_000 }
    }
}

/// What a supply without a lease doesn't promise.
const NO_LEASE: &str = "the electrode supply keeps no lease: its outputs stay on when the host is gone";

/// What a run found.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct Report {
    /// The bench.
    pub bench: String,
    /// Name of the medium in it, where one was given.
    pub medium: Option<String>,
    /// The operator's greatest power, in microwatts.
    pub max_power_uw: u32,
    /// Whether light was allowed.
    pub may_emit: bool,
    /// The operator's greatest voltage, in millivolts.
    pub electrode_max_mv: Option<i32>,
    /// Promises of the contract that the bench declares not to give.
    pub not_given: Vec<String>,
    /// Sectors of the first layer's test area that shots were written to, first and last.
    pub used: Option<(u32, u32)>,
    /// The checks, in the order in which they ran.
    pub results: Vec<CheckResult>,
}

impl Report {
    pub(super) fn new(context: &Context<'_>, results: Vec<CheckResult>) -> Self {
        Self {
            bench: context.identity.to_string(),
            medium: context.medium.map(|m| m.name.clone()),
            max_power_uw: context.limits.max_power.0,
            may_emit: context.limits.may_emit,
            electrode_max_mv: context.limits.electrode_max.map(|v| v.0),
            not_given: match context.keeps_lease() {
                true => Vec::new(),
                false => vec![NO_LEASE.into()],
            },
            used: context.used,
            results,
        }
    }

    /// Checks that passed, failed and were skipped.
    pub fn counts(&self) -> (usize, usize, usize) {
        let count = |test: fn(&Verdict) -> bool| self.results.iter().filter(|r| test(&r.verdict)).count();
        (
            count(|v| matches!(v, Verdict::Pass { .. })),
            count(|v| matches!(v, Verdict::Fail { .. })),
            count(|v| matches!(v, Verdict::Skip { .. })),
        )
    }

    /// Whether something passed and nothing failed. What was skipped is no
    /// promise kept: look at [`counts`](Self::counts).
    pub fn passed(&self) -> bool {
        let (passed, failed, _) = self.counts();
        passed > 0 && failed == 0
    }

    /// The checks that failed.
    pub fn failures(&self) -> impl Iterator<Item = &CheckResult> {
        self.results.iter().filter(|r| matches!(r.verdict, Verdict::Fail { .. }))
    }

    /// One line: how many of those that ran passed, and how many were skipped.
    pub fn summary(&self) -> String {
        let (passed, failed, skipped) = self.counts();
        let mut text = format!("{passed}/{} checks passed", passed + failed);
        if skipped > 0 {
            // Writing to a String doesn't fail, here and below.
            let _ = write!(text, ", {skipped} skipped");
        }
        text
    }

    /// What the operator allowed, in words.
    pub fn allowed(&self) -> String {
        let mut text = match self.may_emit {
            true => format!("light up to {:.2} mW", f64::from(self.max_power_uw) * 1e-3),
            false => "no light".into(),
        };
        if let Some(mv) = self.electrode_max_mv {
            let _ = write!(text, ", electrodes up to {mv} mV");
        }
        text
    }

    /// Where it wrote, in words.
    pub fn place(&self) -> String {
        match self.used {
            Some((first, last)) => format!("sectors {first:06X}h to {last:06X}h of the first layer's test area"),
            None => "nothing was written".into(),
        }
    }

    /// The report as text, one line for each check.
    pub fn text(&self) -> String {
        let mut text = format!("bench:   {}\n", printable(&self.bench));
        let _ = writeln!(text, "medium:  {}", printable(self.medium.as_deref().unwrap_or("none named")));
        let _ = writeln!(text, "allowed: {}", self.allowed());
        let _ = writeln!(text, "written: {}", self.place());
        for promise in &self.not_given {
            let _ = writeln!(text, "not given: {promise}");
        }
        text.push('\n');
        let width = self.results.iter().map(|r| r.name.len()).max().unwrap_or(0);
        for r in &self.results {
            let (word, said) = (r.verdict.word(), printable(r.verdict.text()));
            let _ = writeln!(text, "{word}  {:width$}  {said}", r.name);
            if matches!(r.verdict, Verdict::Fail { .. }) {
                let _ = writeln!(text, "      {:width$}  promised: {}", "", r.promise);
            }
        }
        let _ = writeln!(text, "\n{}", self.summary());
        text
    }

    /// The report as one HTML page that needs nothing else.
    pub fn html(&self) -> String {
        page::html(self)
    }

    /// An SVG badge.
    pub fn badge(&self) -> String {
        page::badge(self)
    }
}

/// Text without control characters: a name from a file mustn't move the cursor.
fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(verdicts: &[Verdict]) -> Report {
        let result = |verdict: &Verdict| CheckResult {
            name: "laser.off.always_allowed",
            part: "laser array".into(),
            promise: "Always <allowed>.",
            verdict: verdict.clone(),
            waited_us: 1_500,
        };
        Report {
            bench: "evil <script>alert(1)</script>\u{1b}[2J".into(),
            medium: Some("a & b".into()),
            max_power_uw: 20_000,
            may_emit: true,
            electrode_max_mv: None,
            not_given: vec!["no <lease>".into()],
            used: Some((0x1_F000, 0x1_F7FF)),
            results: verdicts.iter().map(result).collect(),
        }
    }

    fn verdicts() -> [Verdict; 3] {
        [
            Verdict::Pass { note: "x".into() },
            Verdict::Fail { reason: "5 < 6 & \"7\"".into() },
            Verdict::Skip { reason: "no light".into() },
        ]
    }

    #[test]
    fn nothing_failed_is_not_enough_to_pass() {
        let [pass, fail, skip] = verdicts();
        assert!(!report(core::slice::from_ref(&skip)).passed());
        assert!(report(&[pass.clone(), skip.clone()]).passed());
        assert!(!report(&[pass.clone(), fail.clone()]).passed());
        assert_eq!(report(&[pass, fail, skip]).summary(), "1/2 checks passed, 1 skipped");
    }

    #[test]
    fn the_text_has_verdict_reason_and_promise_and_no_escapes() {
        let text = report(&verdicts()).text();
        assert!(text.contains("FAIL  laser.off.always_allowed  5 < 6") && text.contains("promised: Always"), "{text}");
        assert!(text.contains("\nnot given: no <lease>\n"), "{text}");
        assert!(text.contains("01F000h to 01F7FFh") && !text.contains('\u{1b}'), "{text}");
    }

    #[test]
    fn the_page_is_escaped_and_whole() {
        let page = report(&verdicts()).html();
        assert!(!page.contains("<script>alert") && page.contains("&lt;script&gt;"), "{page}");
        assert!(page.contains("5 &lt; 6 &amp; &quot;7&quot;") && page.contains("a &amp; b"), "{page}");
        assert!(page.starts_with("<!DOCTYPE html>") && page.trim_end().ends_with("</html>"));
        assert!(!page.contains("http://") || page.contains("http://www.w3.org/2000/svg"));
        let badge = report(&verdicts()).badge();
        assert!(badge.contains(">1/2<") && badge.contains("disc-hal conformance: 1/2"), "{badge}");
    }
}
