//! Defect maps as text.

use core::fmt::Write as _;

use disc_hal::record::{BlockClass, DefectMap, DefectRange, LostData};

use crate::table::render;
use crate::view::{sector, word};

/// Ranges that are listed; more are counted.
const LISTED: usize = 20;

/// What people call a class.
pub(crate) fn class(class: BlockClass) -> &'static str {
    match class {
        BlockClass::Good => "good",
        BlockClass::Weak => "weak",
        BlockClass::Bad => "bad",
        BlockClass::Unreadable => "unreadable",
    }
}

/// How many blocks are what.
pub(crate) fn counts(map: &DefectMap) -> String {
    let c = map.counts;
    format!(
        "{} ECC blocks on layer {} from {} on: {} good, {} weak, {} bad, {} unreadable",
        map.blocks.len(),
        map.layer,
        sector(map.first),
        c.good,
        c.weak,
        c.bad,
        c.unreadable
    )
}

/// The cells of a range: sectors, blocks, worst class, radius, angle.
pub(crate) fn range_cells(range: &DefectRange) -> [String; 5] {
    let [inner, outer] = range.radius_mm;
    [
        format!("{} to {}", sector(range.first), sector(range.last)),
        range.blocks.to_string(),
        class(range.worst).into(),
        format!("{inner:.3} to {outer:.3} mm"),
        range.angle_deg.map_or_else(|| "-".into(), |a| format!("{a:.0} deg")),
    ]
}

/// The names of [`range_cells`].
pub(crate) const RANGE_COLUMNS: [&str; 5] = ["sectors", "blocks", "worst", "radius", "angle"];

/// What is lost, in words.
pub(crate) fn lost(lost: &LostData) -> String {
    let last = lost.first + lost.sectors - 1;
    let sectors = format!("sectors {} to {}", sector(lost.first), sector(last));
    match lost.bytes {
        0 => format!("{sectors} (only padding behind the file's end)"),
        bytes => format!("bytes {} to {} ({sectors})", lost.offset, lost.offset + bytes - 1),
    }
}

/// The ranges and losses of a map, none for one without.
pub(crate) fn details(map: &DefectMap) -> String {
    let mut out = String::new();
    if !map.ranges.is_empty() {
        let mut rows = vec![RANGE_COLUMNS.map(String::from).to_vec()];
        rows.extend(map.ranges.iter().take(LISTED).map(|r| range_cells(r).to_vec()));
        out.push_str(&render(&rows));
        if let Some(more) = map.ranges.len().checked_sub(LISTED).filter(|&n| n > 0) {
            // Writing to a String doesn't fail, here and below.
            let _ = writeln!(out, "... and {more} more (--json has them all)");
        }
    }
    for gone in map.lost.iter().take(LISTED) {
        let _ = writeln!(out, "lost: {}", lost(gone));
    }
    if let Some(more) = map.lost.len().checked_sub(LISTED).filter(|&n| n > 0) {
        let _ = writeln!(out, "... and {more} more losses (--json has them all)");
    }
    out
}

/// All of a map, with its verdict.
pub(crate) fn table(map: &DefectMap) -> String {
    let worst = map.blocks.iter().map(|b| b.margin).fold(1.0, f64::min);
    format!(
        "{}\nleast margin of the outer code: {:.0} %\n{}\nverdict: {}\n",
        counts(map),
        100.0 * worst,
        details(map),
        word(map.passed())
    )
}
