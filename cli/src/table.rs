//! Tables of plain text.

use core::fmt::Write as _;

use crate::health::{counts, details};
use crate::through::warnings;
use crate::view::{COLUMNS, View, cells, verdict_cells, word};

/// Rows with columns of equal width; numbers to the right.
pub(crate) fn render<S: AsRef<str>>(rows: &[Vec<S>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |c: usize| rows.iter().filter_map(|r| r.get(c)).map(|s| s.as_ref().chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let numeric = |c: usize| {
        rows.iter().skip(1).filter_map(|r| r.get(c)).all(|s| {
            let s = s.as_ref();
            s == "-" || s.parse::<f64>().is_ok()
        })
    };
    let right: Vec<bool> = (0..columns).map(numeric).collect();
    let mut out = String::new();
    for row in rows {
        let mut line = String::new();
        for (c, cell) in row.iter().enumerate() {
            let cell = cell.as_ref();
            let pad = widths[c] - cell.chars().count();
            let (before, after) = if right[c] { (pad, 0) } else { (0, pad) };
            // Writing to a String doesn't fail.
            let _ = write!(line, "{:before$}{cell}{:after$}  ", "", "");
        }
        out.push_str(line.trim_end());
        out.push('\n');
    }
    out
}

/// The table of a recording or measurement, its limits, and the verdict.
pub(crate) fn results(view: &View<'_>) -> String {
    let mut rows = vec![COLUMNS.map(String::from).to_vec()];
    rows.extend(view.parts.iter().map(|p| cells(p).to_vec()));
    let mut out = render(&rows);
    for part in &view.parts {
        let source = part.verdicts.first().map_or("", |v| v.limit.source);
        let _ = write!(out, "\nLimits for {} ({source}):\n", plain(&part.title()));
        let rows: Vec<Vec<String>> = part
            .verdicts
            .iter()
            .map(|v| {
                let [name, value, limit, margin, verdict, _] = verdict_cells(v);
                vec![format!("  {verdict}"), name, value, limit, format!("margin {margin}")]
            })
            .collect();
        out.push_str(&render(&rows));
        if let Some(above) = part.above {
            let _ = write!(out, "\nWritten under: {}\n", above.why);
            for warning in warnings(above) {
                let _ = writeln!(out, "warning: {warning}");
            }
        }
        if let Some(map) = part.map.filter(|m| !m.ranges.is_empty()) {
            let _ = write!(out, "\nDefect map of {}: {}\n{}", plain(&part.title()), counts(map), details(map));
        }
    }
    let _ = write!(out, "\nverdict: {}\n", word(view.passed()));
    out
}

/// A name without what would upset a terminal.
pub(crate) fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_to_the_right_and_words_to_the_left() {
        let rows = [vec!["name", "n"], vec!["a", "10.5"], vec!["long", "-"]];
        assert_eq!(render(&rows), "name     n\na     10.5\nlong     -\n");
    }
}
