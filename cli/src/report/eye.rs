//! The eye pattern: a density, darker where the signal is more often.

use disc_hal::signal::{EYE_LEVELS, EYE_PHASES};
use plotters::prelude::*;

use super::charts::{Figure, Mark};
use super::svg::{BLUE, Canvas, Drawn, TEXT, axes, count, draw, tick};
use crate::exit::Failure;
use crate::view::Part;

/// Steps of opacity; neighbours of the same step are drawn as one.
const STEPS: u32 = 12;

/// The eye pattern; none when there is no clock to draw it by.
pub(super) fn figure(part: &Part<'_>) -> Result<Option<Figure>, Failure> {
    let Some(eye) = &part.quality.eye else { return Ok(None) };
    let peak = f64::from(eye.counts.iter().copied().max().unwrap_or(0).max(1));
    // The crossings are rare next to the rails: a power below 1 shows both.
    let step = |n: u32| (f64::from(STEPS) * (f64::from(n) / peak).powf(0.6)).ceil() as u32;
    let height = (eye.high - eye.low) / EYE_LEVELS as f64;
    let width = 2.0 / EYE_PHASES as f64;
    let svg = draw("Eye pattern", |root: &Canvas<'_>| -> Drawn {
        let mut chart = ChartBuilder::on(root)
            .margin(10)
            .x_label_area_size(48)
            .y_label_area_size(66)
            .build_cartesian_2d(-1.0..1.0, eye.low..eye.high)?;
        for (phase, column) in eye.counts.chunks(EYE_LEVELS).take(EYE_PHASES).enumerate() {
            let x = -1.0 + phase as f64 * width;
            let mut level = 0;
            for run in column.chunk_by(|a, b| step(*a) == step(*b)) {
                let (from, shade) = (level, step(run[0]));
                level += run.len();
                if shade > 0 {
                    let y = |l: usize| eye.low + l as f64 * height;
                    let opacity = 0.06 + 0.94 * f64::from(shade) / f64::from(STEPS);
                    let style = BLUE.mix(opacity).filled();
                    chart.draw_series([Rectangle::new([(x, y(from)), (x + width, y(level))], style)])?;
                }
            }
        }
        axes!(chart, "time, T", "counts behind the equaliser")
            .x_label_formatter(&tick)
            .y_label_formatter(&count)
            .draw()?;
        Ok(())
    })?;
    let key = vec![(BLUE, Mark::Dot, "stronger colour: more often".into())];
    let words =
        "The signal over two bits, laid over itself. An open diamond in the middle of each bit means that marks \
                 and spaces are told apart with room to spare."
            .into();
    Ok(Some(Figure { title: "Eye pattern", key, svg, words }))
}
