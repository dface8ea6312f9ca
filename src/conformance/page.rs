//! The report as a page, and the badge.

use core::fmt::Write as _;

use super::{Report, Verdict};

const STYLE: &str = include_str!("page.css");

/// Text that is safe in an element and in an attribute.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c if c.is_control() => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

pub(super) fn badge(report: &Report) -> String {
    let (passed, failed, skipped) = report.counts();
    let score = format!("{passed}/{}", passed + failed);
    let colour = if report.passed() { "#13713f" } else { "#a81d1d" };
    const LABEL: &str = "disc-hal conformance";
    // Seven pixels for each letter hold the widest digits of the usual fonts.
    let (left, right) = (7 * LABEL.len() + 6, 7 * score.len() + 14);
    let (width, middle, at) = (left + right, left / 2, left + right / 2);
    let title = format!("{LABEL}: {score}, {skipped} skipped");
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"20\" viewBox=\"0 0 {width} 20\" \
         role=\"img\" aria-label=\"{title}\"><title>{title}</title>\
         <clipPath id=\"r\"><rect width=\"{width}\" height=\"20\" rx=\"3\"/></clipPath>\
         <g clip-path=\"url(#r)\"><rect width=\"{left}\" height=\"20\" fill=\"#3b444d\"/>\
         <rect x=\"{left}\" width=\"{right}\" height=\"20\" fill=\"{colour}\"/></g>\
         <g fill=\"#fff\" text-anchor=\"middle\" font-family=\"Verdana,DejaVu Sans,sans-serif\" font-size=\"11\">\
         <text x=\"{middle}\" y=\"14\">{LABEL}</text><text x=\"{at}\" y=\"14\">{score}</text></g></svg>\n"
    )
}

pub(super) fn html(report: &Report) -> String {
    let verdict = if report.passed() { "PASS" } else { "FAIL" };
    let class = if report.passed() { "pass" } else { "fail" };
    let mut page = format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>{verdict} - conformance of {bench}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n\
         <h1>Conformance</h1>\n<p class=\"dim\">{bench}</p>\n",
        bench = escape(&report.bench)
    );
    // Writing to a String doesn't fail, here and below.
    let _ = writeln!(page, "<p class=\"badge\">{}</p>", badge(report).trim_end());
    let _ = writeln!(
        page,
        "<div class=\"banner {class}\"><strong>{verdict}</strong><p>{}</p></div>",
        escape(&report.summary())
    );
    let medium = report.medium.as_deref().unwrap_or("none named");
    let rows = [("medium", medium.to_owned()), ("allowed", report.allowed()), ("written", report.place())];
    page.push_str("<table class=\"stack\"><tbody>\n");
    for (name, value) in rows {
        let _ = writeln!(page, "<tr><th>{name}</th><td>{}</td></tr>", escape(&value));
    }
    for promise in &report.not_given {
        let _ = writeln!(page, "<tr><th>not given</th><td>{}</td></tr>", escape(promise));
    }
    page.push_str("</tbody></table>\n");
    table(&mut page, report, "Failed", |v| matches!(v, Verdict::Fail { .. }));
    table(&mut page, report, "Passed", |v| matches!(v, Verdict::Pass { .. }));
    table(&mut page, report, "Skipped", |v| matches!(v, Verdict::Skip { .. }));
    page.push_str("</body>\n</html>\n");
    page
}

fn table(page: &mut String, report: &Report, title: &str, which: fn(&Verdict) -> bool) {
    let rows: Vec<_> = report.results.iter().filter(|r| which(&r.verdict)).collect();
    if rows.is_empty() {
        return;
    }
    let _ = writeln!(page, "<h2>{title} <span class=\"dim\">{}</span></h2>", rows.len());
    page.push_str("<table class=\"cards\"><thead><tr><th>check</th><th>promise</th><th>found</th>");
    page.push_str("<th class=\"n\">bench time</th></tr></thead><tbody>\n");
    for r in rows {
        let _ = writeln!(
            page,
            "<tr><td class=\"name\"><b class=\"{}\">{}</b> <code>{}</code></td><td>{}</td><td>{}</td>\
             <td class=\"n\">{:.1} ms</td></tr>",
            r.verdict.word(),
            r.verdict.word(),
            escape(r.name),
            escape(r.promise),
            escape(r.verdict.text()),
            r.waited_us as f64 * 1e-3
        );
    }
    page.push_str("</tbody></table>\n");
}
