//! The page: verdict first, then the table, the limits, the plots, the configuration.

use core::fmt::Write as _;

use super::charts::{Figure, Mark, figures};
use super::health::ranges;
use crate::exit::Failure;
use crate::through::warnings;
use crate::view::{COLUMNS, Part, View, cells, sector, verdict_cells, word};

pub(super) const STYLE: &str = include_str!("style.css");

/// The report on `view`, all in one file. `kind` says of what: `Recording`.
pub(crate) fn html(kind: &str, view: &View<'_>) -> Result<String, Failure> {
    let mut page = head(kind, word(view.passed()), view.medium, view.bench);
    banner(&mut page, view);
    overview(&mut page, view);
    for part in &view.parts {
        let _ = writeln!(page, "<h2>{}</h2>", escape(&capital(&part.title())));
        let _ = writeln!(page, "<p>{}</p>", escape(&story(part)));
        limits(&mut page, part);
        if let Some(map) = part.map {
            ranges(&mut page, map);
        }
        page.push_str("<div class=\"plots\">\n");
        for figure in figures(part)? {
            plot(&mut page, &figure);
        }
        page.push_str("</div>\n");
    }
    configuration(&mut page, view.bench, view.medium, view.settings);
    page.push_str("</body>\n</html>\n");
    Ok(page)
}

/// The start of a page.
pub(super) fn head(kind: &str, verdict: &str, medium: &str, bench: &str) -> String {
    let mut page = format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>{verdict} - {} of {}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n",
        escape(kind),
        escape(medium)
    );
    // Writing to a String doesn't fail, here and below.
    let _ = writeln!(page, "<h1>{} on {}</h1>", escape(kind), escape(medium));
    let _ = writeln!(page, "<p class=\"dim\">{}</p>", escape(bench));
    page
}

/// Text that is safe in an element and in an attribute.
pub(super) fn escape(text: &str) -> String {
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

fn capital(text: &str) -> String {
    if text.starts_with("layer ") { text.replacen('l', "L", 1) } else { text.into() }
}

fn plural(n: usize, one: &str) -> String {
    if n == 1 { format!("1 {one}") } else { format!("{n} {one}s") }
}

fn banner(page: &mut String, view: &View<'_>) {
    let class = if view.passed() { "pass" } else { "fail" };
    let _ = writeln!(page, "<div class=\"banner {class}\"><strong>{}</strong>", word(view.passed()));
    let limits: usize = view.parts.iter().map(|p| p.verdicts.len()).sum();
    if view.passed() {
        let back = if view.parts.iter().all(|p| p.identical == Some(true)) { "every byte came back, and " } else { "" };
        let _ = writeln!(page, "<p>{}: {back}all {limits} limits are kept.</p>", plural(view.parts.len(), "part"));
    } else {
        page.push_str("<ul>\n");
        for part in view.parts.iter().filter(|p| !p.passed()) {
            let title = escape(&part.title());
            if part.identical == Some(false) {
                let bytes: u64 = part.map.iter().flat_map(|m| &m.lost).map(|l| l.bytes).sum();
                let _ = match bytes {
                    0 => writeln!(page, "<li>{title}: what was read back differs from what was written</li>"),
                    _ => writeln!(
                        page,
                        "<li>{title}: {} of the file can't be read back</li>",
                        plural(bytes as usize, "byte")
                    ),
                };
            }
            for verdict in part.verdicts.iter().filter(|v| !v.pass) {
                let [name, value, limit, ..] = verdict_cells(verdict);
                let _ = writeln!(
                    page,
                    "<li>{title}: {} is {}; {} is allowed</li>",
                    escape(&name),
                    escape(&value),
                    escape(&limit)
                );
            }
        }
        page.push_str("</ul>\n");
    }
    page.push_str("</div>\n");
}

fn overview(page: &mut String, view: &View<'_>) {
    page.push_str("<div class=\"scroll\"><table class=\"cards\"><thead><tr>");
    for (i, column) in order() {
        let _ = write!(page, "<th{}>{column}</th>", align(i));
    }
    page.push_str("</tr></thead><tbody>\n");
    for part in &view.parts {
        page.push_str("<tr>");
        let cells = cells(part);
        for (i, column) in order() {
            let cell = &cells[i];
            let class = match (column, cell.as_str()) {
                ("verdict", word) | ("identical", word @ "NO") => format!(" class=\"{word}\""),
                ("file", _) => " class=\"name\"".into(),
                _ => align(i).into(),
            };
            let _ = write!(page, "<td data-label=\"{column}\"{class}>{}</td>", escape(cell));
        }
        page.push_str("</tr>\n");
    }
    page.push_str("</tbody></table></div>\n");
}

/// The columns with the verdict behind the file: it is what most readers want.
fn order() -> impl Iterator<Item = (usize, &'static str)> {
    let last = COLUMNS.len() - 1;
    [0, 1, last].into_iter().chain(2..last).map(|i| (i, COLUMNS[i]))
}

/// Numbers go to the right.
fn align(column: usize) -> &'static str {
    if (3..=11).contains(&column) { " class=\"n\"" } else { "" }
}

/// What happened, in words.
fn story(part: &Part<'_>) -> String {
    let blocks = part.read.blocks.len();
    let mut story = match (part.bytes, part.power_uw) {
        (Some(bytes), Some(power)) => {
            let back =
                if part.identical == Some(true) { "came back byte for byte" } else { "did not come back as written" };
            format!(
                "{} recorded at {:.2} mW from sector {} on ({}, padding included), and {back}.",
                plural(usize::try_from(bytes).unwrap_or(usize::MAX), "byte"),
                f64::from(power) / 1000.0,
                sector(part.first),
                plural(blocks, "ECC block")
            )
        }
        _ => format!("{} read from sector {} on.", plural(blocks, "ECC block"), sector(part.first)),
    };
    let _ = write!(
        story,
        " The signal was measured on {} from {} on. Tracking by {} on the {} slope.",
        plural(part.measured_sectors as usize, "sector"),
        sector(part.measured_first),
        part.tracking.method,
        part.tracking.polarity
    );
    if let Some(above) = part.above {
        let _ = write!(story, " Written under: {}.", above.why);
        for warning in warnings(above) {
            let _ = write!(story, " Warning: {warning}.");
        }
    }
    story
}

fn limits(page: &mut String, part: &Part<'_>) {
    page.push_str("<h3>Limits</h3>\n<div class=\"scroll\"><table class=\"narrow\"><thead><tr>");
    const HEAD: [&str; 5] = ["measure", "value", "limit", "margin", "verdict"];
    for (i, head) in HEAD.iter().enumerate() {
        let _ = write!(page, "<th{}>{head}</th>", if (1..=3).contains(&i) { " class=\"n\"" } else { "" });
    }
    page.push_str("</tr></thead><tbody>\n");
    for verdict in part.verdicts {
        let found = verdict_cells(verdict);
        page.push_str("<tr>");
        for (i, (head, cell)) in HEAD.iter().zip(&found).enumerate() {
            let class = match i {
                1..=3 => "n",
                4 => word(verdict.pass),
                _ => "",
            };
            let _ = write!(page, "<td data-label=\"{head}\" class=\"{class}\">{}</td>", escape(cell));
        }
        page.push_str("</tr>\n");
    }
    page.push_str("</tbody></table></div>\n");
    if let Some(first) = part.verdicts.first() {
        let _ = writeln!(page, "<p class=\"dim\">Limits: {}.</p>", escape(first.limit.source));
    }
}

pub(super) fn plot(page: &mut String, figure: &Figure) {
    let _ = writeln!(page, "<figure><figcaption><b>{}</b></figcaption><ul class=\"key\">", escape(figure.title));
    for (colour, mark, text) in &figure.key {
        let class = match mark {
            Mark::Line => "",
            Mark::Dash => " class=\"dash\"",
            Mark::Dot => " class=\"dot\"",
        };
        let colour = format!("#{:02x}{:02x}{:02x}", colour.0, colour.1, colour.2);
        let _ = writeln!(
            page,
            "<li><i{class} style=\"background:{colour};border-color:{colour}\"></i>{}</li>",
            escape(text)
        );
    }
    let _ = writeln!(page, "</ul>{}<p>{}</p></figure>", figure.svg, escape(&figure.words));
}

pub(super) fn configuration(page: &mut String, bench: &str, medium: &str, settings: &[(String, String)]) {
    page.push_str("<h2>Configuration</h2>\n<table class=\"stack\"><tbody>\n");
    let fixed = [("bench", bench), ("medium", medium)];
    let settings = settings.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    for (name, value) in fixed.into_iter().chain(settings) {
        let _ = writeln!(page, "<tr><th>{}</th><td>{}</td></tr>", escape(name), escape(value));
    }
    page.push_str("</tbody></table>\n");
}
