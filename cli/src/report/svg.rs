//! Drawing one plot, in colours that suit a light and a dark page.

use core::ops::Range;
use std::io;

use plotters::coord::Shift;
use plotters::drawing::DrawingAreaErrorKind;
use plotters::prelude::*;

use crate::exit::{Code, Failure};

/// What is drawn on.
pub(super) type Canvas<'a> = DrawingArea<SVGBackend<'a>, Shift>;
/// Whether it worked.
pub(super) type Drawn = Result<(), DrawingAreaErrorKind<io::Error>>;

/// Width and height in units of the view box: also legible at phone width.
const SIZE: (u32, u32) = (600, 370);
/// Size of all texts.
pub(super) const TEXT: u32 = 16;

pub(super) const BLUE: RGBColor = RGBColor(0x3b, 0x82, 0xf6);
pub(super) const ORANGE: RGBColor = RGBColor(0xe8, 0x7a, 0x12);
pub(super) const GREEN: RGBColor = RGBColor(0x1f, 0xa0, 0x63);
pub(super) const RED: RGBColor = RGBColor(0xe0, 0x4f, 0x4f);
pub(super) const GREY: RGBColor = RGBColor(0x80, 0x8b, 0x96);

/// An SVG element of the page's width; what is black follows the text colour.
pub(super) fn draw(label: &str, paint: impl FnOnce(&Canvas<'_>) -> Drawn) -> Result<String, Failure> {
    let mut text = String::new();
    let drawn = {
        let root = SVGBackend::with_string(&mut text, SIZE).into_drawing_area();
        paint(&root).and_then(|()| root.present())
    };
    drawn
        .map_err(|e| Failure::new(Code::Data, format!("can't draw the plot `{label}`: {e}")).because(e.to_string()))?;
    let body = text.find('>').map_or("", |end| &text[end + 1..]);
    let body = body.replace("#000000", "currentColor").replace(" font-family=\"sans-serif\"", "");
    Ok(format!(
        "<svg viewBox=\"0 0 {} {}\" role=\"img\" aria-label=\"{label}\" xmlns=\"http://www.w3.org/2000/svg\">{body}",
        SIZE.0, SIZE.1
    ))
}

/// From the least to the greatest finite value, with room around; never empty.
pub(super) fn span(values: impl IntoIterator<Item = f64>, room: f64) -> Range<f64> {
    let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
    for value in values.into_iter().filter(|v| v.is_finite()) {
        low = low.min(value);
        high = high.max(value);
    }
    if low > high {
        return 0.0..1.0;
    }
    let width = high - low;
    // All the same, or nearly, by the precision of the numbers.
    if width <= low.abs().max(high.abs()) * 1e-9 {
        let pad = if low == 0.0 { 1.0 } else { low.abs() * 0.1 };
        return low - pad..high + pad;
    }
    low - width * room..high + width * room
}

/// The usual axes with their names; defined as a macro since the type of a
/// chart names its coordinates.
macro_rules! axes {
    ($chart:expr, $x:expr, $y:expr) => {
        $chart
            .configure_mesh()
            .x_desc($x)
            .y_desc($y)
            .x_labels(7)
            .y_labels(6)
            .axis_style(BLACK.mix(0.45))
            .bold_line_style(BLACK.mix(0.12))
            .light_line_style(TRANSPARENT)
            .label_style(("sans-serif", TEXT))
            .axis_desc_style(("sans-serif", TEXT))
    };
}
pub(super) use axes;

/// A number as short as an axis allows.
pub(super) fn tick(value: &f64) -> String {
    let text = format!("{value:.3}");
    let text = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
    if text == "-0" { "0".into() } else { text.into() }
}

/// A count as short as an axis allows.
pub(super) fn count(value: &f64) -> String {
    match value.abs() {
        v if v >= 1e6 => format!("{}M", tick(&(value / 1e6))),
        v if v >= 1e4 => format!("{}k", tick(&(value / 1e3))),
        _ => tick(value),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_is_never_empty() {
        for values in [vec![], vec![f64::NAN], vec![0.0], vec![5.0, 5.0], vec![-3.0], vec![1e-300, 0.0]] {
            let span = span(values.clone(), 0.05);
            assert!(span.end > span.start && span.start.is_finite() && span.end.is_finite(), "{values:?}: {span:?}");
        }
        assert_eq!(span([0.0, 10.0, f64::INFINITY], 0.1), -1.0..11.0);
    }

    #[test]
    fn ticks_are_short() {
        assert_eq!((tick(&1.5), tick(&-0.0), tick(&100.0)), ("1.5".into(), "0".into(), "100".into()));
        assert_eq!((count(&12_000.0), count(&2.5e6), count(&-20_000.0)), ("12k".into(), "2.5M".into(), "-20k".into()));
    }
}
