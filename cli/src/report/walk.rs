//! The walking calibration: power and beta along the file.

use plotters::prelude::*;

use super::charts::{Figure, Mark};
use super::svg::{BLUE, Canvas, Drawn, GREY, ORANGE, TEXT, axes, count, draw, span, tick};
use crate::exit::Failure;
use crate::view::Part;

/// Sectors of an ECC block.
const BLOCK: f64 = 16.0;

/// Power and beta at the pauses; none for a file without.
pub(super) fn figure(part: &Part<'_>) -> Result<Option<Figure>, Failure> {
    let Some((first, last)) = part.walk.first().zip(part.walk.last()) else { return Ok(None) };
    let block = |sector: u32| f64::from(sector.saturating_sub(part.first)) / BLOCK;
    let mw = |uw: u32| f64::from(uw) / 1000.0;
    // The power is that of the whole stretch before each pause.
    let mut power = vec![(0.0, mw(first.power_uw))];
    for point in part.walk {
        let at = block(point.first + point.sectors);
        power.extend([(at, mw(point.power_uw)), (at, mw(point.next_uw))]);
    }
    let end = part.read.blocks.len().max(1) as f64;
    power.push((end, mw(last.next_uw)));
    let beta: Vec<(f64, f64)> = part
        .walk
        .iter()
        .filter_map(|p| Some((block(p.first) + 0.5 * f64::from(p.sectors) / BLOCK, p.beta?)))
        .filter(|p| p.1.is_finite())
        .collect();
    let target = first.target;
    let ys = span(power.iter().map(|p| p.1), 0.2);
    let bs = span(beta.iter().map(|p| p.1).chain([target - 0.02, target + 0.02]), 0.1);
    let svg = draw("Power and beta along the file", |root: &Canvas<'_>| -> Drawn {
        let mut chart = ChartBuilder::on(root)
            .margin(10)
            .x_label_area_size(48)
            .y_label_area_size(66)
            .right_y_label_area_size(66)
            .build_cartesian_2d(0.0..end, ys)?
            .set_secondary_coord(0.0..end, bs);
        axes!(chart, "ECC block", "peak power, mW").x_label_formatter(&count).y_label_formatter(&tick).draw()?;
        chart
            .configure_secondary_axes()
            .y_desc("beta")
            .y_labels(6)
            .axis_style(BLACK.mix(0.45))
            .label_style(("sans-serif", TEXT))
            .axis_desc_style(("sans-serif", TEXT))
            .y_label_formatter(&tick)
            .draw()?;
        let aim = [(0.0, target), (end, target)];
        chart.draw_secondary_series(DashedLineSeries::new(aim, 6, 5, GREY.stroke_width(2)))?;
        chart.draw_series(LineSeries::new(power.iter().copied(), BLUE.stroke_width(2)))?;
        chart.draw_secondary_series(LineSeries::new(beta.iter().copied(), ORANGE.stroke_width(2)))?;
        chart.draw_secondary_series(beta.iter().map(|&p| Circle::new(p, 3, ORANGE.filled())))?;
        Ok(())
    })?;
    let key = vec![
        (BLUE, Mark::Line, "peak power".into()),
        (ORANGE, Mark::Line, "beta of the last turn (right)".into()),
        (GREY, Mark::Dash, format!("beta aimed at {}", tick(&target))),
    ];
    let pauses = part.walk.len();
    let bounded = part.walk.iter().filter(|p| !p.note.is_empty()).count();
    let mut words = format!("At {pauses} pauses the last turn was read back and the power corrected");
    words.push_str(&if bounded > 0 { format!("; {bounded} of them have a note.") } else { ".".into() });
    Ok(Some(Figure { title: "Walking calibration", key, svg, words }))
}
