//! Defects drawn at random, a disc that the standard still lets pass.

use core::f64::consts::PI;

use disc_hal::media::{Angle, Length, Medium};

use super::{Condition, DefectKind, Depth, DiscDefect};
use crate::noise::{Noise, Purpose, Stream};

/// Defects on a disc.
const COUNT: usize = 60;
/// Draws after which one that doesn't fit is given up.
const TRIES: usize = 1000;
/// Radii between which they lie: the data area.
const RADII: (f64, f64) = (23.5e-3, 58.0e-3);
/// The standard's window along the track (ECMA-267, on defects: over 80 mm the sum of what is
/// longer than 30 um must not exceed 300 um, in at most 6 pieces).
const WINDOW: f64 = 80e-3;
const SUM: f64 = 300e-6;
const PIECES: usize = 6;

impl Condition {
    /// A disc with defects within the limits of the standard (ECMA-267, on defects): air bubbles up
    /// to 100 um, black spots up to 300 um (200 um where they stress the cover), over 80 mm of
    /// track at most six of more than 30 um with 300 um altogether; and fine scratches across
    /// the tracks within the same sum. The same seed gives the same disc.
    pub fn random(medium: &Medium, seed: u64) -> Self {
        let mut stream = Noise::new(seed).stream(Purpose::Defects, 0, 0);
        let mut defects: Vec<DiscDefect> = Vec::new();
        for _ in 0..TRIES {
            if defects.len() == COUNT {
                break;
            }
            let defect = draw(&mut stream, medium);
            if fits(&defect, &defects) {
                defects.push(defect);
            }
        }
        Self { defects, dyes: Vec::new() }
    }
}

fn draw(stream: &mut Stream, medium: &Medium) -> DiscDefect {
    let mut between = |low: f64, high: f64| low + (high - low) * stream.uniform();
    // Even over the area.
    let radius = between(RADII.0 * RADII.0, RADII.1 * RADII.1).sqrt();
    let angle = between(0.0, 360.0);
    let (kind, depth) = (between(0.0, 1.0), between(0.0, 1.0));
    // Through text, so that the description in the disc file is the same to the last bit.
    let exactly = |text: String| text.parse().unwrap_or(0.0);
    let micrometres = |x: f64| Length(exactly(format!("{:.0}e-6", x * 1e6)));
    let (kind, on, size) = if kind < 0.4 {
        let on = if depth < 0.8 { Depth::Cover } else { Depth::Bond };
        (DefectKind::AirBubble, on, between(30e-6, 100e-6))
    } else if kind < 0.8 {
        let layers = [Depth::Layer0, Depth::Layer1];
        let layer = layers[usize::from(depth > 0.75 && medium.layers.len() > 1)];
        let (on, most) = if depth < 0.5 { (Depth::Surface, 300e-6) } else { (layer, 200e-6) };
        (DefectKind::BlackSpot, on, between(30e-6, most))
    } else {
        (DefectKind::Scratch, Depth::Surface, between(400e-6, 3e-3))
    };
    let scratch = kind == DefectKind::Scratch;
    let width = scratch.then(|| micrometres(between(10e-6, 40e-6)));
    let direction = scratch.then(|| Angle(between(87.0, 93.0).round()));
    DiscDefect {
        kind,
        on,
        radius: micrometres(radius),
        angle: Angle(exactly(format!("{angle:.2}"))),
        size: micrometres(size),
        width,
        direction,
        transmission: 0.0,
    }
}

/// What a track sees of it, along the track and across.
fn extent(defect: &DiscDefect) -> (f64, f64) {
    let Some(width) = defect.width else { return (defect.size.0, defect.size.0) };
    let (sine, cosine) = defect.direction.map_or(0.0, |d| d.0).to_radians().sin_cos();
    let turned = |a: f64, b: f64| (defect.size.0 * a).abs() + (width.0 * b).abs();
    (turned(cosine, sine), turned(sine, cosine))
}

/// Whether the rule of 80 mm is kept with one more.
fn fits(new: &DiscDefect, others: &[DiscDefect]) -> bool {
    let (length, height) = extent(new);
    let near = others.iter().filter(|other| {
        let turn = (new.angle.0 - other.angle.0) / 360.0;
        let along = 2.0 * PI * new.radius.0 * (turn - turn.round()).abs();
        let apart = (new.radius.0 - other.radius.0).abs();
        along < WINDOW && apart < 0.5 * (height + extent(other).1)
    });
    let lengths: Vec<f64> = near.map(|d| extent(d).0).chain([length]).filter(|&l| l > 30e-6).collect();
    lengths.len() <= PIECES && lengths.iter().sum::<f64>() <= SUM
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_drawn_keeps_the_limits_and_repeats() {
        let medium = Medium::load("dual-layer").unwrap();
        let mut kinds = [0; 3];
        for seed in 0..20 {
            let condition = Condition::random(&medium, seed);
            assert_eq!(condition, Condition::random(&medium, seed));
            assert_ne!(condition, Condition::random(&medium, seed + 1));
            assert_eq!(condition.check(), Ok(()));
            assert_eq!(condition.defects.len(), COUNT);
            for (i, defect) in condition.defects.iter().enumerate() {
                let (slot, most) = match (defect.kind, defect.on) {
                    (DefectKind::AirBubble, _) => (0, 100e-6),
                    (DefectKind::BlackSpot, Depth::Surface) => (1, 300e-6),
                    (DefectKind::BlackSpot, _) => (1, 200e-6),
                    (DefectKind::Scratch, _) => (2, 3e-3),
                };
                kinds[slot] += 1;
                assert!(defect.size.0 <= most + 1e-9, "{defect:?}");
                assert!(extent(defect).0 <= SUM, "{defect:?}");
                assert!(fits(defect, &condition.defects[..i]), "{defect:?}");
            }
        }
        assert!(kinds.iter().all(|&n| n > 100), "{kinds:?}");
    }
}
