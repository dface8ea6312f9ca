//! The plot of a write-strategy optimisation.

use disc_hal::record::StrategyResult;
use plotters::prelude::*;

use super::charts::{Figure, Mark};
use super::svg::{BLUE, Canvas, Drawn, GREEN, GREY, ORANGE, TEXT, axes, count, draw, span, tick};
use crate::exit::Failure;

/// Jitter against the iterations.
pub(super) fn figure(result: &StrategyResult) -> Result<Figure, Failure> {
    let series = |value: &dyn Fn(&disc_hal::record::StrategyIteration) -> f64| -> Vec<(f64, f64)> {
        let all = result.iterations.iter().enumerate().map(|(i, one)| (i as f64 + 1.0, value(one)));
        all.filter(|p| p.1.is_finite()).collect()
    };
    let (jitter, within) = (series(&|i| i.jitter_percent), series(&|i| i.within_percent));
    let kept: Vec<(f64, f64)> =
        jitter.iter().zip(&result.iterations).filter(|(_, one)| one.kept).map(|(point, _)| *point).collect();
    let xs = 0.5..result.iterations.len().max(1) as f64 + 0.5;
    let ys = span(jitter.iter().chain(&within).map(|p| p.1), 0.08);
    let svg = draw("Jitter of the write strategies that were tried", |root: &Canvas<'_>| -> Drawn {
        let mut chart =
            ChartBuilder::on(root).margin(10).x_label_area_size(48).y_label_area_size(66).build_cartesian_2d(xs, ys)?;
        axes!(chart, "test piece", "jitter, % of T").x_label_formatter(&count).y_label_formatter(&tick).draw()?;
        chart.draw_series(LineSeries::new(within.iter().copied(), GREY.stroke_width(1)))?;
        chart.draw_series(LineSeries::new(jitter.iter().copied(), BLUE.stroke_width(2)))?;
        chart.draw_series(LineSeries::new(kept.iter().copied(), GREEN.stroke_width(2)))?;
        chart.draw_series(kept.iter().map(|&p| Circle::new(p, 4, GREEN.filled())))?;
        chart.draw_series(jitter.last().map(|&p| Circle::new(p, 5, ORANGE.filled())))?;
        Ok(())
    })?;
    let key = vec![
        (BLUE, Mark::Line, "jitter".into()),
        (GREY, Mark::Line, "within the classes of edges".into()),
        (GREEN, Mark::Dot, "best so far".into()),
        (ORANGE, Mark::Dot, "result".into()),
    ];
    let words = format!(
        "From {:.2} % to {:.2} % of T with {} test pieces, calibrations included; {}. The difference of the two \
         lines is what a table of starts and ends can take away. Peak {:.2} mW, top {:?}, multi {}, last {}, lead \
         {:?}, trail {:?} (T/32).",
        result.jitter_before_percent,
        result.jitter_percent,
        result.pieces,
        result.ended,
        f64::from(result.strategy.peak.0) / 1000.0,
        result.strategy.top,
        result.strategy.multi,
        result.strategy.last,
        result.strategy.lead,
        result.strategy.trail
    );
    Ok(Figure { title: "Write strategy", key, svg, words })
}
