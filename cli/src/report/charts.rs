//! The plots of one part of a report.

use disc_hal::record::{CalibrationMethod, CalibrationPoint, CurveKind};
use disc_hal::signal::INTERVAL_BINS_PER_T;
use plotters::prelude::*;

use super::svg::{BLUE, Canvas, Drawn, GREEN, GREY, ORANGE, RED, TEXT, axes, count, draw, span, tick};
use crate::exit::Failure;
use crate::view::{Part, sector};

/// Columns of a plot along the track; a longer one shows the worst of each column.
const COLUMNS: usize = 400;

/// How a series is drawn, for its key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mark {
    Line,
    Dash,
    Dot,
}

/// A plot with its key and words.
#[derive(Debug)]
pub(super) struct Figure {
    pub(super) title: &'static str,
    pub(super) key: Vec<(RGBColor, Mark, String)>,
    pub(super) svg: String,
    /// What to see in it.
    pub(super) words: String,
}

/// All plots of a part.
pub(super) fn figures(part: &Part<'_>) -> Result<Vec<Figure>, Failure> {
    let mut figures = vec![s_curve(part)?];
    figures.extend(part.optimisation.map(super::strategy::figure).transpose()?);
    figures.extend(power(part)?);
    figures.extend(super::walk::figure(part)?);
    figures.push(histogram(part)?);
    figures.extend(super::eye::figure(part)?);
    figures.push(jitter(part)?);
    figures.push(errors(part)?);
    if let Some(map) = part.map {
        figures.extend(super::map::figure(map)?);
    }
    Ok(figures)
}

fn s_curve(part: &Part<'_>) -> Result<Figure, Failure> {
    let survey = part.survey;
    let pairs = |values: &[f64]| -> Vec<(f64, f64)> {
        survey
            .positions_um
            .iter()
            .copied()
            .zip(values.iter().copied())
            .filter(|(x, y)| x.is_finite() && y.is_finite())
            .collect()
    };
    // The lens travels further than there is anything to see.
    let seen = span(survey.curves.iter().map(|c| f64::from(c.position_nm) / 1000.0), 0.0);
    let near = |p: &(f64, f64)| survey.curves.is_empty() || (seen.start - 80.0..seen.end + 80.0).contains(&p.0);
    let cut = |values: &[f64]| -> Vec<(f64, f64)> { pairs(values).into_iter().filter(near).collect() };
    let (error, sum) = (cut(&survey.focus_error), cut(&survey.sum));
    let svg = draw("Focus error and sum against the position of the lens", |root: &Canvas<'_>| -> Drawn {
        let xs = span(error.iter().map(|p| p.0), 0.0);
        let ys = span(error.iter().chain(&sum).map(|p| p.1), 0.08);
        // Room for the names of the curves.
        let ys = ys.start..ys.end + 0.22 * (ys.end - ys.start);
        let top = ys.end;
        let mut chart = ChartBuilder::on(root)
            .margin(10)
            .x_label_area_size(48)
            .y_label_area_size(66)
            .build_cartesian_2d(xs, ys.clone())?;
        axes!(chart, "lens position, um", "counts above dark")
            .x_label_formatter(&tick)
            .y_label_formatter(&count)
            .draw()?;
        for curve in &survey.curves {
            let x = f64::from(curve.position_nm) / 1000.0;
            chart.draw_series(DashedLineSeries::new([(x, ys.start), (x, top)], 4, 4, GREY.stroke_width(1)))?;
            let name = match curve.kind {
                CurveKind::Surface => "surface".into(),
                CurveKind::Layer(n) => format!("layer {n}"),
                _ => "?".into(),
            };
            let style = ("sans-serif", TEXT).into_text_style(root).transform(FontTransform::Rotate90).color(&BLACK);
            chart.draw_series([Text::new(name, (x, top), style)])?;
        }
        chart.draw_series(LineSeries::new(sum.iter().copied(), ORANGE.stroke_width(2)))?;
        chart.draw_series(LineSeries::new(error.iter().copied(), BLUE.stroke_width(2)))?;
        Ok(())
    })?;
    let found = survey.layers().count();
    let reflectances: Vec<String> =
        survey.layers().filter(|c| c.reflectance > 0.0).map(|c| format!("{:.1} %", c.reflectance * 100.0)).collect();
    let count = if found == 1 { "1 layer was".into() } else { format!("{found} layers were") };
    let mut words = format!("Each layer gives an S-shaped focus error as the lens passes; {count} found");
    if !reflectances.is_empty() {
        words.push_str(&format!(", reflecting {}", reflectances.join(" and ")));
    }
    words.push('.');
    let key = vec![(BLUE, Mark::Line, "focus error".into()), (ORANGE, Mark::Line, "sum (light)".into())];
    Ok(Figure { title: "Focus search (S-curve)", key, svg, words })
}

fn power(part: &Part<'_>) -> Result<Option<Figure>, Failure> {
    let Some(calibration) = part.calibration else { return Ok(None) };
    let mw = |uw: f64| uw / 1000.0;
    let points = &calibration.points;
    let by_beta = calibration.method == CalibrationMethod::Beta;
    let value = |p: &CalibrationPoint| match by_beta {
        true => p.beta,
        false => p.modulation.map(|m| m * mw(p.power_uw.into())),
    };
    let name = if by_beta { "beta" } else { "modulation times power, mW" };
    let measured = |used: bool| -> Vec<(f64, f64)> {
        let some = points.iter().filter(|p| p.used == used);
        some.filter_map(|p| Some((mw(p.power_uw.into()), value(p)?))).filter(|p| p.1.is_finite()).collect()
    };
    let (used, unused) = (measured(true), measured(false));
    let jitter: Vec<(f64, f64)> = points
        .iter()
        .filter_map(|p| Some((mw(p.power_uw.into()), p.jitter_percent?)))
        .filter(|p| p.1.is_finite())
        .collect();
    let optimum = mw(calibration.optimum_uw.into());
    let xs = span(points.iter().map(|p| mw(p.power_uw.into())).chain([optimum]), 0.04);
    let xs_at = |i: u32| xs.start + (xs.end - xs.start) * f64::from(i) / 80.0;
    let fit = (0..=80).map(xs_at).map(|x| (x, calibration.fit.at(x * 1000.0)));
    let fit: Vec<(f64, f64)> = fit.filter(|p| p.1.is_finite()).collect();
    let ys = span(used.iter().chain(&unused).map(|p| p.1).chain(by_beta.then_some(calibration.target)), 0.12);
    let js = span(jitter.iter().map(|p| p.1), 0.12);
    let (js, room) = if jitter.is_empty() { (0.0..1.0, 14) } else { (js, 58) };
    let svg = draw("Calibration and jitter against write power", |root: &Canvas<'_>| -> Drawn {
        let mut chart = ChartBuilder::on(root)
            .margin(10)
            .x_label_area_size(48)
            .y_label_area_size(66)
            .right_y_label_area_size(room)
            .build_cartesian_2d(xs.clone(), ys.clone())?
            .set_secondary_coord(xs.clone(), js);
        axes!(chart, "peak power, mW", name).x_label_formatter(&tick).y_label_formatter(&tick).draw()?;
        if !jitter.is_empty() {
            chart
                .configure_secondary_axes()
                .y_desc("jitter, % of T")
                .y_labels(6)
                .axis_style(BLACK.mix(0.45))
                .label_style(("sans-serif", TEXT))
                .axis_desc_style(("sans-serif", TEXT))
                .y_label_formatter(&tick)
                .draw()?;
        }
        if by_beta {
            let line = [(xs.start, calibration.target), (xs.end, calibration.target)];
            chart.draw_series(DashedLineSeries::new(line, 6, 5, GREY.stroke_width(2)))?;
        }
        chart.draw_series(DashedLineSeries::new(
            [(optimum, ys.start), (optimum, ys.end)],
            6,
            5,
            GREEN.stroke_width(2),
        ))?;
        chart.draw_secondary_series(LineSeries::new(jitter.iter().copied(), ORANGE.stroke_width(2)))?;
        chart.draw_secondary_series(jitter.iter().map(|&p| Circle::new(p, 3, ORANGE.filled())))?;
        let inside = fit.iter().copied().filter(|p| ys.contains(&p.1));
        chart.draw_series(LineSeries::new(inside, BLUE.stroke_width(2)))?;
        chart.draw_series(used.iter().map(|&p| Circle::new(p, 5, BLUE.filled())))?;
        chart.draw_series(unused.iter().map(|&p| Circle::new(p, 5, BLUE.stroke_width(1))))?;
        Ok(())
    })?;
    let mut key = vec![
        (BLUE, Mark::Dot, format!("{name}, measured")),
        (BLUE, Mark::Line, "its fit".into()),
        (GREY, Mark::Dash, format!("target {} {}", calibration.method, tick(&calibration.target))),
        (GREEN, Mark::Dash, format!("optimum {optimum:.2} mW")),
    ];
    if !jitter.is_empty() {
        key.push((ORANGE, Mark::Line, "jitter (right)".into()));
    }
    let left_out = points.len() - points.iter().filter(|p| p.used).count();
    let words = format!(
        "Test pieces at {} powers; the optimum follows from where the fit meets the target. Scatter around the fit: {:.4} r.m.s.{}",
        points.len(),
        calibration.fit.rms,
        if left_out > 0 {
            format!(" {left_out} of them (hollow, or without a signal) are not in the fit.")
        } else {
            String::new()
        }
    );
    Ok(Some(Figure { title: "Power calibration", key, svg, words }))
}

fn histogram(part: &Part<'_>) -> Result<Figure, Failure> {
    let timing = &part.quality.timing;
    let from = 2 * INTERVAL_BINS_PER_T;
    let to = 15 * INTERVAL_BINS_PER_T;
    let outline = |bins: &[u32]| -> Vec<(f64, f64)> {
        let some = bins.iter().enumerate().skip(from).take(to - from);
        some.flat_map(|(i, &n)| {
            let at = |i: usize| i as f64 / INTERVAL_BINS_PER_T as f64;
            [(at(i), f64::from(n)), (at(i + 1), f64::from(n))]
        })
        .collect()
    };
    let (marks, spaces) = (outline(&timing.marks.intervals), outline(&timing.spaces.intervals));
    let top = marks.iter().chain(&spaces).map(|p| p.1).fold(1.0, f64::max);
    let svg = draw("Histogram of run lengths", |root: &Canvas<'_>| -> Drawn {
        let mut chart = ChartBuilder::on(root)
            .margin(10)
            .x_label_area_size(48)
            .y_label_area_size(66)
            .build_cartesian_2d(2.0..15.0, 0.0..top * 1.06)?;
        axes!(chart, "run length, T", "runs").x_labels(14).x_label_formatter(&tick).y_label_formatter(&count).draw()?;
        chart.draw_series(
            AreaSeries::new(marks.iter().copied(), 0.0, BLUE.mix(0.25)).border_style(BLUE.stroke_width(1)),
        )?;
        chart.draw_series(LineSeries::new(spaces.iter().copied(), ORANGE.stroke_width(1)))?;
        Ok(())
    })?;
    let words =
        "Narrow, separate peaks at whole numbers of T are good: the wider they are, the nearer to reading errors. \
                 14T are the sync marks."
            .into();
    let key = vec![(BLUE, Mark::Line, "marks".into()), (ORANGE, Mark::Line, "spaces".into())];
    Ok(Figure { title: "Run lengths", key, svg, words })
}

/// Values along the track in at most [`COLUMNS`] columns: place and worst value.
fn columns(values: &[Option<f64>]) -> (usize, Vec<(f64, f64)>) {
    let step = values.len().div_ceil(COLUMNS).max(1);
    let worst = |chunk: &[Option<f64>]| chunk.iter().flatten().copied().filter(|v| v.is_finite()).reduce(f64::max);
    let found = values.chunks(step).enumerate().filter_map(|(i, c)| Some(((i * step) as f64, worst(c)?))).collect();
    (step, found)
}

fn along(part: &Part<'_>, step: usize) -> String {
    let start = format!("Block 0 is at {}.", sector(part.read.first));
    if step > 1 { format!("{start} Each point is the worst of {step} blocks.") } else { start }
}

fn jitter(part: &Part<'_>) -> Result<Figure, Failure> {
    let (step, points) = columns(&part.read.jitter_percent);
    let limit = part.max("jitter");
    let ys = span(points.iter().map(|p| p.1).chain(limit).chain([0.0]), 0.08);
    let end = part.read.blocks.len().max(2) as f64 - 1.0;
    let svg = draw("Jitter along the track", |root: &Canvas<'_>| -> Drawn {
        let mut chart = ChartBuilder::on(root)
            .margin(10)
            .x_label_area_size(48)
            .y_label_area_size(66)
            .build_cartesian_2d(0.0..end, 0.0..ys.end)?;
        axes!(chart, "ECC block", "jitter, % of T").x_label_formatter(&count).y_label_formatter(&tick).draw()?;
        if let Some(limit) = limit {
            chart.draw_series(DashedLineSeries::new([(0.0, limit), (end, limit)], 6, 5, RED.stroke_width(2)))?;
        }
        chart.draw_series(LineSeries::new(points.iter().copied(), BLUE.stroke_width(2)))?;
        if points.len() <= 64 {
            chart.draw_series(points.iter().map(|&p| Circle::new(p, 3, BLUE.filled())))?;
        }
        Ok(())
    })?;
    let mut key = vec![(BLUE, Mark::Line, "jitter of each block".into())];
    key.extend(limit.map(|l| (RED, Mark::Dash, format!("limit {}", tick(&l)))));
    Ok(Figure { title: "Jitter along the track", key, svg, words: along(part, step) })
}

fn errors(part: &Part<'_>) -> Result<Figure, Failure> {
    let each: Vec<f64> = part.read.blocks.iter().map(|b| f64::from(b.pi_errors)).collect();
    let values: Vec<Option<f64>> = each.iter().copied().map(Some).collect();
    let sums: Vec<Option<f64>> = each.windows(8).map(|w| Some(w.iter().sum())).collect();
    let ((step, bars), (_, sums)) = (columns(&values), columns(&sums));
    let limit = part.max("pi_sum_8");
    let top = bars.iter().chain(&sums).map(|p| p.1).chain(limit).fold(1.0, f64::max);
    let end = each.len().max(1) as f64;
    let svg = draw("PI errors along the track", |root: &Canvas<'_>| -> Drawn {
        let mut chart = ChartBuilder::on(root)
            .margin(10)
            .x_label_area_size(48)
            .y_label_area_size(66)
            .build_cartesian_2d(0.0..end, 0.0..top * 1.08)?;
        axes!(chart, "ECC block", "rows with errors").x_label_formatter(&count).y_label_formatter(&count).draw()?;
        if let Some(limit) = limit {
            chart.draw_series(DashedLineSeries::new([(0.0, limit), (end, limit)], 6, 5, RED.stroke_width(2)))?;
        }
        let width = step as f64;
        chart.draw_series(
            bars.iter().map(|&(x, y)| Rectangle::new([(x + 0.1 * width, 0.0), (x + 0.9 * width, y)], BLUE.filled())),
        )?;
        // A sum is drawn from the middle of the eight blocks that it covers.
        let sums: Vec<(f64, f64)> = sums.iter().map(|&(x, y)| (x + 4.0, y)).collect();
        chart.draw_series(LineSeries::new(sums.iter().copied(), ORANGE.stroke_width(2)))?;
        if sums.len() <= 64 {
            chart.draw_series(sums.iter().map(|&p| Circle::new(p, 3, ORANGE.filled())))?;
        }
        Ok(())
    })?;
    let mut key =
        vec![(BLUE, Mark::Line, "PI errors of each block".into()), (ORANGE, Mark::Line, "sum over 8 blocks".into())];
    key.extend(limit.map(|l| (RED, Mark::Dash, format!("limit of the sum {}", tick(&l)))));
    let failures: u32 = part.read.blocks.iter().map(|b| b.pi_failures).sum();
    let words = format!(
        "{} Rows that the inner code could not correct: {failures}. Samples lost on the bench: {}.",
        along(part, step),
        part.read.lost_samples
    );
    Ok(Figure { title: "PI errors along the track", key, svg, words })
}
