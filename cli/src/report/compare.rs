//! The page that compares media.

use core::fmt::Write as _;

use disc_hal_sim::claims::PULSES;
use plotters::prelude::*;

use super::charts::{Figure, Mark};
use super::page::{STYLE, escape, plot};
use super::svg::{BLUE, Canvas, Drawn, ORANGE, TEXT, axes, draw, span, tick};
use crate::commands::compare::{Column, errors, rows};
use crate::exit::Failure;

/// The report, all in one file.
pub(crate) fn compare(columns: &[Column], seed: u64) -> Result<String, Failure> {
    let names: Vec<&str> = columns.iter().map(|c| c.medium.as_str()).collect();
    let title = escape(&names.join(" against "));
    let mut page = format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>{title}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n<h1>{title}</h1>\n"
    );
    // Writing to a String doesn't fail, here and below.
    for column in columns {
        let _ = writeln!(page, "<p><b>{}</b>: {}</p>", escape(&column.medium), escape(&column.description));
    }
    table(&mut page, columns);
    for error in errors(columns) {
        let _ = writeln!(page, "<p class=\"FAIL\">Not recorded: {}</p>", escape(&error));
    }
    page.push_str("<div class=\"plots\">\n");
    plot(&mut page, &ratios(columns)?);
    if columns.iter().any(|c| !c.recordings.is_empty()) {
        plot(&mut page, &jitters(columns)?);
    }
    page.push_str("</div>\n<h2>Claims</h2>\n");
    claims(&mut page, columns);
    let _ =
        writeln!(page, "<p class=\"dim\">Simulated discs of seed {seed}. disc-hal {}.</p>", env!("CARGO_PKG_VERSION"));
    page.push_str("</body>\n</html>\n");
    Ok(page)
}

fn head(page: &mut String, columns: &[Column]) {
    page.push_str("<div class=\"scroll\"><table class=\"narrow\"><thead><tr><th></th>");
    for column in columns {
        let _ = write!(page, "<th class=\"n\">{}</th>", escape(&column.medium));
    }
    page.push_str("</tr></thead><tbody>\n");
}

fn table(page: &mut String, columns: &[Column]) {
    head(page, columns);
    for row in rows(columns) {
        page.push_str("<tr>");
        for (i, cell) in row.iter().enumerate() {
            let class = if i > 0 { " class=\"n\"" } else { "" };
            let _ = write!(page, "<td{class}>{}</td>", escape(cell));
        }
        page.push_str("</tr>\n");
    }
    page.push_str("</tbody></table></div>\n");
}

fn claims(page: &mut String, columns: &[Column]) {
    head(page, columns);
    for i in 0..columns.first().map_or(0, |c| c.claims.len()) {
        let finding = &columns[0].claims[i];
        let _ = write!(page, "<tr><td>{}: {}</td>", finding.claim, escape(finding.demand));
        for column in columns {
            let finding = &column.claims[i];
            let (class, word) = if finding.met { ("PASS", "met") } else { ("FAIL", "not met") };
            let figure = finding.figures.first().map_or(String::new(), |f| format!("{} {}", f.name, tick(&f.value)));
            let _ = write!(
                page,
                "<td class=\"n\" title=\"{}\"><span class=\"{class}\">{word}</span><br><span class=\"dim\">{}</span></td>",
                escape(&finding.why),
                escape(&figure)
            );
        }
        page.push_str("</tr>\n");
    }
    page.push_str("</tbody></table></div>\n");
}

/// Pairs of bars, a pair for each medium.
fn bars(label: &str, y: &str, from: f64, columns: &[Column], values: &[[Option<f64>; 2]]) -> Result<String, Failure> {
    let top = span(values.iter().flatten().flatten().copied().chain([from]), 0.1).end;
    draw(label, |root: &Canvas<'_>| -> Drawn {
        let names: Vec<&str> = columns.iter().map(|c| c.medium.as_str()).collect();
        let name = |x: &f64| {
            let i = x.floor();
            let middle = (x - i - 0.5).abs() < 0.01;
            if middle { names.get(i as usize).copied().unwrap_or_default().to_owned() } else { String::new() }
        };
        let mut chart = ChartBuilder::on(root)
            .margin(10)
            .x_label_area_size(48)
            .y_label_area_size(66)
            .build_cartesian_2d(0.0..columns.len() as f64, from..top)?;
        axes!(chart, "", y).x_labels(2 * columns.len() + 1).x_label_formatter(&name).y_label_formatter(&tick).draw()?;
        for (i, pair) in values.iter().enumerate() {
            for (k, (value, colour)) in pair.iter().zip([BLUE, ORANGE]).enumerate() {
                let Some(value) = value else { continue };
                let left = i as f64 + 0.15 + 0.35 * k as f64;
                chart.draw_series([Rectangle::new([(left, from), (left + 0.32, *value)], colour.filled())])?;
            }
        }
        Ok(())
    })
}

fn ratios(columns: &[Column]) -> Result<Figure, Failure> {
    let values: Vec<[Option<f64>; 2]> = columns.iter().map(|c| c.threshold_ratio.map(Some)).collect();
    let from = span(values.iter().flatten().flatten().copied().chain([1.0]), 0.2).start;
    let svg = bars("Threshold power of layer 1 over layer 0", "L1/L0", from, columns, &values)?;
    let key =
        PULSES.iter().zip([BLUE, ORANGE]).map(|(p, c)| (c, Mark::Line, format!("{:.0} ns pulse", p * 1e9))).collect();
    let words =
        "Power absorbed in the dye at which it decomposes, layer 1 over layer 0. At 1 for both pulses the layers \
                 lose heat equally fast (patent A, claim 1)."
            .into();
    Ok(Figure { title: "Heat: threshold power L1/L0", key, svg, words })
}

fn jitters(columns: &[Column]) -> Result<Figure, Failure> {
    let of = |c: &Column, i: usize| c.recordings.get(i).and_then(|t| t.layers.get(1)).and_then(|l| l.jitter_percent);
    let values: Vec<[Option<f64>; 2]> = columns.iter().map(|c| [of(c, 0), of(c, 1)]).collect();
    let svg = bars("Jitter of layer 1", "jitter, % of T", 0.0, columns, &values)?;
    let key = vec![(BLUE, Mark::Line, "its own strategy".into()), (ORANGE, Mark::Line, "layer 0's strategy".into())];
    let words =
        "Jitter of layer 1 at its calibrated power. Where both bars are alike, one strategy serves both layers.".into();
    Ok(Figure { title: "Recording: jitter of layer 1", key, svg, words })
}
