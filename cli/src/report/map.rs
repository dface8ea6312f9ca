//! The defect map: turns of the spiral, one above the other.

use disc_hal::record::{BlockClass, BlockHealth, DefectMap};
use plotters::prelude::*;

use super::charts::{Figure, Mark};
use super::svg::{BLUE, Canvas, Drawn, GREEN, ORANGE, RED, TEXT, axes, count, draw};
use crate::exit::Failure;
use crate::view::sector;

/// Cells of a turn: three degrees each.
const CELLS: usize = 120;
/// Rows of the plot at most; with more turns each row shows the worst of several.
const ROWS: usize = 90;
/// Rows of an ECC block.
const BLOCK_ROWS: f64 = 208.0;

/// What a cell shows; later ones hide earlier ones.
type Cell = (BlockClass, bool);

/// The map of a recording; none for one without blocks.
pub(super) fn figure(map: &DefectMap) -> Result<Option<Figure>, Failure> {
    let Some(grid) = Grid::new(map) else { return Ok(None) };
    let svg = draw("Defect map: angle against turns", |root: &Canvas<'_>| -> Drawn {
        let mut chart = ChartBuilder::on(root)
            .margin(10)
            .x_label_area_size(48)
            .y_label_area_size(66)
            .build_cartesian_2d(0.0..360.0, 0.0..grid.rows.len() as f64 * grid.turns)?;
        for (row, cells) in grid.rows.iter().enumerate() {
            let (low, high) = (row as f64 * grid.turns, (row + 1) as f64 * grid.turns);
            let mut at = 0;
            for run in cells.chunk_by(|a, b| a == b) {
                let from = at;
                at += run.len();
                let Some(cell) = run[0] else { continue };
                let angle = |cell: usize| 360.0 * cell as f64 / CELLS as f64;
                chart.draw_series([Rectangle::new([(angle(from), low), (angle(at), high)], style(cell))])?;
            }
        }
        axes!(chart, "angle, degrees", "turns outwards").x_label_formatter(&count).y_label_formatter(&count).draw()?;
        Ok(())
    })?;
    let c = map.counts;
    let mut key = vec![(GREEN, Mark::Dot, format!("good: {}", c.good))];
    key.extend([
        (BLUE, Mark::Dot, format!("weak: {}", c.weak)),
        (ORANGE, Mark::Dot, format!("bad: {}", c.bad)),
        (RED, Mark::Dot, format!("unreadable: {}", c.unreadable)),
    ]);
    let mut words = format!(
        "Every ECC block where it lies on the disc, from sector {} on, as the nominal spiral has it. Strong colour: the \
         rows that the inner code could not correct.",
        sector(map.first)
    );
    if grid.turns > 1.0 {
        words.push_str(&format!(" Each row shows the worst of {} turns.", grid.turns));
    }
    Ok(Some(Figure { title: "Defect map", key, svg, words }))
}

fn style((class, hit): Cell) -> ShapeStyle {
    let colour = match class {
        BlockClass::Good => GREEN,
        BlockClass::Weak => BLUE,
        BlockClass::Bad => ORANGE,
        BlockClass::Unreadable => RED,
    };
    colour.mix(if hit { 1.0 } else { 0.3 }).filled()
}

struct Grid {
    rows: Vec<[Option<Cell>; CELLS]>,
    /// Turns in a row.
    turns: f64,
}

impl Grid {
    fn new(map: &DefectMap) -> Option<Self> {
        let (first, last) = (map.blocks.first()?, map.blocks.last()?);
        // The last block's end isn't told: as long as the one before.
        let before = map.blocks.len().checked_sub(2).and_then(|i| map.blocks.get(i));
        let length = before.map_or(0.5, |b| last.turn - b.turn);
        let end = last.turn + length;
        let (low, high) = (first.turn.min(end).floor(), first.turn.max(end).ceil());
        let turns = ((high - low) / ROWS as f64).ceil().max(1.0);
        let count = ((high - low) / turns).ceil().max(1.0) as usize;
        let mut grid = Self { rows: vec![[None; CELLS]; count], turns };
        for (i, block) in map.blocks.iter().enumerate() {
            let next = map.blocks.get(i + 1).map_or(block.turn + length, |b| b.turn);
            grid.put(low, block.turn, next, (block.class, false));
            if let Some((from, to)) = hit(block, next) {
                grid.put(low, from, to, (block.class.max(BlockClass::Weak), true));
            }
        }
        Some(grid)
    }

    /// Marks the cells between two places, in turns.
    fn put(&mut self, low: f64, from: f64, to: f64, cell: Cell) {
        let cells = CELLS as f64;
        let (from, to) = (from.min(to) - low, from.max(to) - low);
        let last = ((to * cells).ceil() as usize).max((from * cells) as usize + 1);
        for at in (from * cells) as usize..last {
            let row = ((at / CELLS) as f64 / self.turns) as usize;
            if let Some(slot) = self.rows.get_mut(row).map(|r| &mut r[at % CELLS]) {
                *slot = (*slot).max(Some(cell));
            }
        }
    }
}

/// Where in a block its rows failed, in turns.
fn hit(block: &BlockHealth, next: f64) -> Option<(f64, f64)> {
    let [first, last] = block.rows?;
    let at = |row: u32| block.turn + (next - block.turn) * f64::from(row) / BLOCK_ROWS;
    Some((at(first), at(last + 1)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block(turn: f64, class: BlockClass, rows: Option<[u32; 2]>) -> BlockHealth {
        BlockHealth {
            psn: 0x3_0000,
            class,
            pi_errors: 0,
            pi_failures: 0,
            po_corrections: 0,
            jitter_percent: None,
            attempts: 1,
            margin: 1.0,
            rows,
            lost: Vec::new(),
            turn,
        }
    }

    fn map(blocks: Vec<BlockHealth>) -> DefectMap {
        DefectMap { blocks, ..DefectMap::default() }
    }

    #[test]
    fn blocks_lie_where_they_are_and_the_worst_is_seen() {
        // Half a turn each; the third is bad in its last quarter.
        let bad = block(1.0, BlockClass::Bad, Some([156, 207]));
        let blocks = vec![block(0.0, BlockClass::Good, None), block(0.5, BlockClass::Weak, None), bad];
        let grid = Grid::new(&map(blocks)).unwrap();
        assert_eq!((grid.rows.len(), grid.turns), (2, 1.0));
        let cell = |row: usize, degrees: usize| grid.rows[row][degrees / 3];
        assert_eq!(cell(0, 90), Some((BlockClass::Good, false)));
        assert_eq!(cell(0, 270), Some((BlockClass::Weak, false)));
        assert_eq!((cell(1, 90), cell(1, 150)), (Some((BlockClass::Bad, false)), Some((BlockClass::Bad, true))));
        assert_eq!(cell(1, 270), None);
        assert!(Grid::new(&map(Vec::new())).is_none());
    }

    #[test]
    fn a_long_recording_shows_the_worst_of_each_row() {
        let mut blocks: Vec<_> = (0..1000).map(|i| block(f64::from(i), BlockClass::Good, None)).collect();
        blocks[500].class = BlockClass::Unreadable;
        let map = map(blocks);
        let grid = Grid::new(&map).unwrap();
        assert!(grid.rows.len() <= ROWS && grid.turns == 12.0);
        let worst = grid.rows.iter().flatten().filter(|c| c.is_some_and(|c| c.0 == BlockClass::Unreadable)).count();
        assert_eq!(worst, CELLS);
        // As many elements as there are runs of one class, not cells.
        let svg = figure(&map).unwrap().unwrap().svg;
        assert!(svg.matches("<rect").count() < 120, "{}", svg.matches("<rect").count());
    }
}
