//! The page of a verification: verdict, classes, ranges, losses, the map.

use core::fmt::Write as _;

use disc_hal::record::DefectMap;

use super::map;
use super::page::{configuration, escape, head, plot};
use crate::exit::Failure;
use crate::health::{RANGE_COLUMNS, counts, lost, range_cells};
use crate::view::word;

/// The report on a defect map, all in one file.
pub(crate) fn health(
    medium: &str,
    bench: &str,
    settings: &[(String, String)],
    map: &DefectMap,
) -> Result<String, Failure> {
    let verdict = word(map.passed());
    let mut page = head("Verification", verdict, medium, bench);
    let class = if map.passed() { "pass" } else { "fail" };
    // Writing to a String doesn't fail, here and below.
    let _ = writeln!(page, "<div class=\"banner {class}\"><strong>{verdict}</strong>");
    let _ = writeln!(page, "<p>{}.</p></div>", escape(&counts(map)));
    ranges(&mut page, map);
    page.push_str("<div class=\"plots\">\n");
    if let Some(figure) = map::figure(map)? {
        plot(&mut page, &figure);
    }
    page.push_str("</div>\n");
    configuration(&mut page, bench, medium, settings);
    page.push_str("</body>\n</html>\n");
    Ok(page)
}

/// The ranges that aren't good, and what is lost; nothing for a map without.
pub(super) fn ranges(page: &mut String, map: &DefectMap) {
    if !map.ranges.is_empty() {
        page.push_str("<h3>Ranges that aren't good</h3>\n<div class=\"scroll\"><table><thead><tr>");
        for column in RANGE_COLUMNS {
            let _ = write!(page, "<th>{column}</th>");
        }
        page.push_str("</tr></thead><tbody>\n");
        for range in &map.ranges {
            page.push_str("<tr>");
            for cell in range_cells(range) {
                let _ = write!(page, "<td>{}</td>", escape(&cell));
            }
            page.push_str("</tr>\n");
        }
        page.push_str("</tbody></table></div>\n");
    }
    if !map.lost.is_empty() {
        page.push_str("<h3>Lost</h3>\n<ul>\n");
        for gone in &map.lost {
            let _ = writeln!(page, "<li>{}</li>", escape(&lost(gone)));
        }
        page.push_str("</ul>\n");
    }
}
